//! The typed settings file: what is needed to start. One file per section; `load` puts them together,
//! `check` finds every mistake that `serve` would meet. Everyone else receives plain values from here.

use std::fmt;

mod artifacts;
pub mod certificate;
mod data;
mod database;
mod history;
mod license;
mod limits;
mod load;
mod log;
mod mail;
mod runs;
mod secrets;
mod server;
mod settings;
mod storage;
mod suggest;
#[cfg(test)]
mod tests;

pub use artifacts::Artifacts;
pub use data::Data;
pub use database::Database;
pub use history::History;
pub use license::License;
pub use limits::Limits;
pub use load::{Overrides, load};
pub use log::{Log, LogFormat};
pub use mail::{Mail, MailSecurity};
pub use runs::Runs;
pub use secrets::Secrets;
pub use server::Server;
pub use settings::FixedSettings;
pub use storage::Storage;

/// All settings, one field per section of the file.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub database: Database,
    pub limits: Limits,
    pub history: History,
    pub runs: Runs,
    pub artifacts: Artifacts,
    pub log: Log,
    pub mail: Mail,
    pub secrets: Secrets,
    pub storage: Storage,
    pub settings: FixedSettings,
    pub license: License,
}

impl Config {
    /// Looks for every mistake that `serve` would meet, and names all of them. Changes nothing on disk.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.server.check(&mut problems);
        self.data.check(&mut problems);
        self.database.check(&mut problems);
        self.limits.check(&mut problems);
        self.history.check(&mut problems);
        self.runs.check(&mut problems);
        self.artifacts.check(&mut problems);
        self.log.check(&mut problems);
        self.mail.check(self.server.public_url.as_deref(), &mut problems);
        self.secrets.check(&mut problems);
        self.storage.check(&mut problems);
        self.settings.check(&mut problems);
        self.license.check(&mut problems);
        problems.into_result()
    }
}

/// Why the settings cannot be used: one sentence per mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

/// Collects mistakes, so that an operator sees all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// `key` must lie between `least` and `most`, both allowed.
    fn range(&mut self, key: &str, value: u64, least: u64, most: u64) {
        if value < least || value > most {
            self.add(format!("`{key}` is {value}, but must be from {least} to {most}"));
        }
    }

    fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.0 }) }
    }
}

/// The number of bytes in `mib` mebibytes; saturates rather than wraps.
fn mib_to_bytes(mib: u64) -> usize {
    usize::try_from(mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX)
}

/// Reads a text or path setting for which an empty text means "not set".
fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: From<String>,
{
    let text: String = serde::Deserialize::deserialize(deserializer)?;
    Ok(if text.is_empty() { None } else { Some(T::from(text)) })
}

/// Reads a list of texts, which the environment writes as one text with commas.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<String>),
        Text(String),
    }
    let texts = match serde::Deserialize::deserialize(deserializer)? {
        Written::List(texts) => texts,
        Written::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    Ok(texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect())
}
