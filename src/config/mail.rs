//! `[mail]`: the SMTP server that takes mails, if there is one.

use super::{ConfigError, Problems, empty_is_none};
use crate::domain::secret::Secret;
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;

/// `[mail]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The SMTP server. Default: not set; no mails are sent.
    #[serde(deserialize_with = "empty_is_none")]
    pub host: Option<String>,
    /// Default: 587.
    pub port: u16,
    /// Default: starttls.
    pub security: MailSecurity,
    /// Who logs in at the SMTP server. Default: not set; nobody does.
    #[serde(deserialize_with = "empty_is_none")]
    pub user: Option<String>,
    /// Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password; a line end after it does not count. Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub password_file: Option<PathBuf>,
    /// The sender, such as `Weighhouse <weighhouse@example.com>`. Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub from: Option<String>,
    /// PEM file of an authority to trust besides those that the machine trusts. Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub ca_file: Option<PathBuf>,
    /// Seconds that the SMTP server may take for one step. Default: 30.
    pub timeout_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    StartTls,
    Tls,
    None,
}

impl Mail {
    /// User and password, if the server wants them.
    pub fn read_login(&self) -> Result<Option<(String, Secret)>, ConfigError> {
        self.find_login().map_err(|problem| ConfigError { problems: vec![problem] })
    }

    /// The text of `ca_file`.
    pub fn read_authority(&self) -> Result<Option<Vec<u8>>, ConfigError> {
        self.find_authority().map_err(|problem| ConfigError { problems: vec![problem] })
    }

    pub(super) fn check(&self, public_url: Option<&str>, problems: &mut Problems) {
        problems.range("mail.timeout_secs", self.timeout_secs, 1, 600);
        problems.range("mail.port", self.port.into(), 1, 65_535);
        if let Err(problem) = self.find_login() {
            problems.add(problem);
        }
        if let Err(problem) = self.find_authority() {
            problems.add(problem);
        }
        if self.host.is_none() {
            return;
        }
        if self.from.is_none() {
            problems.add("`mail.host` is set, but `mail.from` is not: mails need a sender");
        }
        if public_url.is_none() {
            problems.add("`mail.host` is set, but `server.public_url` is not: links in mails begin with it");
        }
    }

    fn find_login(&self) -> Result<Option<(String, Secret)>, String> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err("`mail.password` and `mail.password_file` are both set; keep one".to_owned());
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(file)) => {
                let shown = file.display();
                let text = fs::read_to_string(file)
                    .map_err(|error| format!("`mail.password_file`: cannot read `{shown}`: {error}"))?;
                Some(Secret::from(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, None) => None,
        };
        match (&self.user, password) {
            (Some(user), Some(password)) => Ok(Some((user.clone(), password))),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err("`mail.user` is set, but neither `mail.password` nor `mail.password_file`".to_owned())
            }
            (None, Some(_)) => Err("a mail password is set, but `mail.user` is not".to_owned()),
        }
    }

    fn find_authority(&self) -> Result<Option<Vec<u8>>, String> {
        let read = |file: &PathBuf| {
            fs::read(file).map_err(|error| format!("`mail.ca_file`: cannot read `{}`: {error}", file.display()))
        };
        self.ca_file.as_ref().map(read).transpose()
    }
}
