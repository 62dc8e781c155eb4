//! `[secrets]`: the key from which all other keys are derived.

use super::{ConfigError, Problems, empty_is_none};
use crate::domain::secret::Secret;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

const MASTER_KEY_CHARS_MIN: usize = 32;

/// `[secrets]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The master key, at least 32 characters. Default: not set; made in the data directory at first start.
    #[serde(deserialize_with = "empty_is_none")]
    pub master_key: Option<Secret>,
    /// A file that holds the master key; blanks and line ends around it do not count. Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub master_key_file: Option<PathBuf>,
}

/// What systemd calls the master key: `LoadCredential=weighhouse-master-key:FILE`.
const CREDENTIAL: &str = "weighhouse-master-key";

impl Secrets {
    /// Without a key in the settings, the credential of the service is the master key, if it has one.
    pub(super) fn find_credential(&mut self, credentials: Option<&Path>) {
        let file = credentials.map(|directory| directory.join(CREDENTIAL)).filter(|file| file.exists());
        if self.master_key.is_none() && self.master_key_file.is_none() {
            self.master_key_file = file;
        }
    }

    /// The master key from the setting or its file; `None` when neither is set.
    pub fn read_master_key(&self) -> Result<Option<Secret>, ConfigError> {
        let found = self.find_master_key();
        found.map_err(|problem| ConfigError { problems: vec![problem] })
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(problem) = self.find_master_key() {
            problems.add(problem);
        }
    }

    fn find_master_key(&self) -> Result<Option<Secret>, String> {
        let (name, key) = match (&self.master_key, &self.master_key_file) {
            (Some(_), Some(_)) => {
                return Err("`secrets.master_key` and `secrets.master_key_file` are both set; keep one".to_owned());
            }
            (None, None) => return Ok(None),
            (Some(key), None) => ("`secrets.master_key`".to_owned(), key.expose().trim().to_owned()),
            (None, Some(file)) => {
                let shown = file.display();
                let text = fs::read_to_string(file)
                    .map_err(|error| format!("`secrets.master_key_file`: cannot read `{shown}`: {error}"))?;
                (format!("the key in `{shown}`"), text.trim().to_owned())
            }
        };
        if key.chars().count() < MASTER_KEY_CHARS_MIN {
            return Err(format!("{name} is shorter than {MASTER_KEY_CHARS_MIN} characters"));
        }
        Ok(Some(Secret::from(key)))
    }
}
