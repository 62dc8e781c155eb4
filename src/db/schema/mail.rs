//! The index entries of mails.

use super::DUE_MAILS;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::id::MailId;
use crate::domain::mail::Mail;

impl Record for Mail {}
impl Stored<MailId> for Mail {
    const SECRETS: &'static [&'static str] = &["sealed_text"];

    fn indexes(&self, key: &MailId, entries: &mut Entries) {
        if let Some(at) = self.next_try_at {
            entries.index(&DUE_MAILS, &(at, *key));
        }
    }
}
