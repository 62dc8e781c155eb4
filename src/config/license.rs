//! `[license]`: whose licences this server takes.

use super::{ConfigError, Problems};
use crate::domain::licence::LicenceKey;
use serde::{Deserialize, Deserializer};
use std::fs;
use std::path::{Path, PathBuf};

/// A public key has some hundred bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// `[license]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Files with public keys in PEM; a licence that one of them has signed is taken. Default: none.
    #[serde(deserialize_with = "paths")]
    pub trusted_keys: Vec<PathBuf>,
}

/// A list, or in the environment a text with commas.
fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<PathBuf>),
        Text(String),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::List(paths) => paths,
        Given::Text(text) => text.split(',').filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
    })
}

impl License {
    /// The keys in the files.
    pub fn read_trusted_keys(&self) -> Result<Vec<LicenceKey>, ConfigError> {
        let read = |path: &PathBuf| read_key(path).map_err(|problem| ConfigError { problems: vec![problem] });
        self.trusted_keys.iter().map(read).collect()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for path in &self.trusted_keys {
            if let Err(problem) = read_key(path) {
                problems.add(problem);
            }
        }
    }
}

fn read_key(path: &Path) -> Result<LicenceKey, String> {
    let shown = path.display();
    let failed = |error| format!("`license.trusted_keys`: cannot read `{shown}`: {error}");
    if fs::metadata(path).map_err(failed)?.len() > KEY_BYTES_MAX {
        return Err(format!("`license.trusted_keys`: `{shown}` is too large for a public key"));
    }
    let text = String::from_utf8_lossy(&fs::read(path).map_err(failed)?).into_owned();
    LicenceKey::from_pem(&text).ok_or_else(|| {
        format!("`license.trusted_keys`: `{shown}` is no Ed25519 public key in PEM (`BEGIN PUBLIC KEY`)")
    })
}
