//! Mails: writing them down beside what causes them, sending them, trying again, and giving up where somebody sees it.

use super::attempts::Counted;
use super::page::{PAGE, Page};
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{mail, user};
use crate::domain::clock::Timestamp;
use crate::domain::id::MailId;
use crate::domain::mail::Mail;
use crate::domain::user::check_email;
use crate::mail::letter::{self, Letter};

/// Mails sent in one go, before it is looked again which are due.
const AT_ONCE: usize = 20;
/// More of what a mail server says is not kept.
const TROUBLE_CHARS_MAX: usize = 500;

impl App {
    /// A mail with a link, to be written into the transaction that makes the link valid. `None`: this server sends no
    /// mails, and links are handed over by administrators.
    pub(super) fn compose(&self, to: &str, write: impl FnOnce(&str) -> Letter) -> Option<Mail> {
        self.account.mailer.as_ref()?;
        let Letter { subject, text } = write(self.settings.public_url.as_deref()?);
        Some(Mail {
            to: to.to_owned(),
            subject,
            sealed_text: self.account.sealer.seal(Mail::PLACE, text.as_bytes()),
            created_at: Timestamp::default(),
            next_try_at: None,
            tries: 0,
            trouble: None,
        })
    }

    /// Returns when a mail may have to be sent.
    pub(crate) async fn mail_is_due(&self) {
        self.account.mail_is_due.notified().await;
    }

    /// Sends what is due; returns how many were sent. One that fails is tried again later. A mail may be sent twice, if
    /// the server ends between sending it and noting that.
    pub(crate) async fn send_due_mails(&self) -> Result<usize, Error> {
        let Some(mailer) = &self.account.mailer else { return Ok(0) };
        let mut sent = 0;
        loop {
            let now = self.clock.now();
            let due = self.db.read(move |tx| mail::due(tx, now, AT_ONCE).map_err(Error::from)).await?;
            let is_all = due.len() < AT_ONCE;
            for (id, mail) in due {
                let opened = self.account.sealer.open(Mail::PLACE, &mail.sealed_text).ok();
                let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
                let outcome = match text {
                    Some(text) => mailer.send(&mail.to, &mail.subject, &text).await,
                    None => Err(crate::mail::Refused {
                        words: "it was written with another master key".into(),
                        is_final: true,
                    }),
                };
                sent += usize::from(self.note_outcome(id, outcome).await?);
            }
            if is_all {
                break;
            }
        }
        let removed = self.db.write(|tx| Ok::<_, Error>(mail::remove_old(tx)?)).await?;
        if removed > 0 {
            tracing::info!(removed, "forgot mails that were given up long ago");
        }
        Ok(sent)
    }

    async fn note_outcome(&self, id: MailId, outcome: Result<String, crate::mail::Refused>) -> Result<bool, Error> {
        let refused = match outcome {
            Ok(_) => {
                self.db.write(move |tx| Ok::<_, Error>(mail::sent(tx, id)?)).await?;
                tracing::info!(mail.id = %id, "sent a mail");
                return Ok(true);
            }
            Err(refused) => refused,
        };
        let trouble: String = refused.words.chars().take(TROUBLE_CHARS_MAX).collect();
        let is_final = refused.is_final;
        let noted = self.db.write(move |tx| Ok::<_, Error>(mail::failed(tx, id, &trouble, is_final)?));
        // What the server said may name the receiver, so it is for `mail list` and not for the log.
        match noted.await? {
            Some(mail) if mail.next_try_at.is_none() => {
                tracing::error!(mail.id = %id, tries = mail.tries, "gave a mail up; `weighhouse mail list` says why");
            }
            Some(mail) => tracing::warn!(mail.id = %id, tries = mail.tries, "a mail was not taken; it is tried again"),
            None => {}
        }
        Ok(false)
    }

    /// Sends a mail at once, and returns what the mail server said to it.
    pub async fn test_mail(&self, caller: &Caller, to: &str) -> Result<String, Error> {
        caller.may(Action::SystemSettings, user::instance(), &self.licence())?;
        check_email(to).map_err(|why| Error::invalid("to", &why))?;
        let unset = "this server sends no mail: set `mail.host` and `mail.from` in its settings file";
        let mailer = self.account.mailer.as_ref().ok_or_else(|| Error::Conflict(unset.into()))?;
        self.account.attempts.take([Counted::mail(to)], self.clock.now())?;
        let Letter { subject, text } = letter::test(self.settings.public_url.as_deref());
        mailer.send(to, &subject, &text).await.map_err(|refused| Error::Outside(refused.words))
    }

    /// The mails that wait, and those that were given up.
    pub async fn list_mails(
        &self,
        caller: &Caller,
        after: Option<MailId>,
    ) -> Result<Page<(MailId, Mail), MailId>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let instance = caller.may(Action::SystemSettings, user::instance(), &licence)?;
            let found = mail::list(tx, &instance, after, PAGE)?;
            Ok::<_, Error>(Page::of(found.into_iter().map(|(id, mail)| (id, (id, mail))).collect()))
        });
        listed.await
    }
}
