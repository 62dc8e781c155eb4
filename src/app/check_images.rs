//! Checking the pictures that the server shows.

use super::check::CheckedObjects;
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{team_profile, user};
use crate::storage::ObjectKey;

impl App {
    /// Reads every picture and compares size and digest of each. They are few and small.
    pub async fn check_images(&self, caller: &Caller) -> Result<CheckedObjects<()>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let stored = self.db.read_at_length(|tx| team_profile::stored(tx).map_err(Error::from)).await?;
        let mut checked = CheckedObjects { objects: stored.len() as u64, faults: Vec::new(), next: None };
        for image in stored {
            let key = ObjectKey::image(image.object);
            if let Some(fault) = self.fault_of_object(image.owner, &key, image.size_bytes, Some(image.md5)).await {
                // One that was replaced meanwhile has no fault.
                let now = self.db.read_at_length(|tx| team_profile::stored(tx).map_err(Error::from)).await?;
                checked.faults.extend(now.contains(&image).then(|| format!("picture `{key}` of a team {fault}")));
            }
        }
        Ok(checked)
    }
}
