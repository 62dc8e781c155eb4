//! The master key: 32 bytes from which every other key of this server is derived.
//! It lives in the data directory, made at first start, or comes from the configuration.

use super::{Hex, prints_nothing, random_bytes};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 32;
const FILE_NAME: &str = "master.key";
/// Text that is not the 64 hexadecimal digits of a key must be at least this long to be worth something.
const MIN_TEXT_CHARS: usize = 32;

/// What a derived key is for. The labels decide the keys: changing one makes everything it signed or hashed worthless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    SignedUrl,
    ApiKey,
    Session,
    /// Tokens in one-time links.
    Link,
    RecoveryCode,
    /// Secrets that have to be read again, in the database.
    Seal,
    /// Keys that seal, in the database.
    SealingKey,
    /// What tells master keys apart; it is shown.
    MasterName,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::SignedUrl => b"weighhouse/signed-url/1",
            Self::ApiKey => b"weighhouse/api-key/1",
            Self::Session => b"weighhouse/session/1",
            Self::Link => b"weighhouse/link/1",
            Self::RecoveryCode => b"weighhouse/recovery-code/1",
            Self::Seal => b"weighhouse/seal/2",
            Self::SealingKey => b"weighhouse/sealing-key/1",
            Self::MasterName => b"weighhouse/master-name/1",
        }
    }
}

/// The root of all derived keys. Losing it logs everybody out and makes every API key unknown.
#[derive(Clone)]
pub struct MasterKey([u8; KEY_BYTES]);

/// A key for one purpose; tells nothing about the master key or the other purposes.
#[derive(Clone)]
pub struct DerivedKey([u8; KEY_BYTES]);

prints_nothing!(MasterKey, DerivedKey);

#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error("there is no master key at {}", .0.display())]
    Missing(PathBuf),
    #[error("the master key file {} is damaged: it must hold exactly 32 bytes", .0.display())]
    Damaged(PathBuf),
    #[error("the master key file {} can be read by other users; run `chmod 600` on it", .0.display())]
    Exposed(PathBuf),
    #[error("the master key must be 64 hexadecimal digits, or a text of at least 32 characters")]
    TooShort,
    #[error("the master key file {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl MasterKey {
    /// Reads the key of a data directory, and makes it when there is none. Two servers that start at the
    /// same moment end up with the same key.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(data_dir) {
            Err(MasterKeyError::Missing(path)) => {
                create(data_dir).map_err(|source| MasterKeyError::File { path, source })?;
                Self::load(data_dir)
            }
            found => found,
        }
    }

    /// Reads the key of a data directory that must have one.
    pub fn load(data_dir: &Path) -> Result<Self, MasterKeyError> {
        let path = data_dir.join(FILE_NAME);
        let (mode, bytes) = match read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(MasterKeyError::Missing(path)),
            Err(source) => return Err(MasterKeyError::File { path, source }),
        };
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed(path));
        }
        bytes.try_into().map(Self).map_err(|_| MasterKeyError::Damaged(path))
    }

    /// A key given in the configuration: 64 hexadecimal digits are the key itself, any other text of at least
    /// 32 characters is hashed into one. White space around it, such as the last line end of a file, is ignored.
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        if let Some(key) = parse_hex(text) {
            return Ok(Self(key));
        }
        if text.chars().count() < MIN_TEXT_CHARS {
            return Err(MasterKeyError::TooShort);
        }
        Ok(Self(hmac(b"weighhouse/master-key-from-text/1", text.as_bytes())))
    }

    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        DerivedKey(hmac(&self.0, purpose.label()))
    }
}

impl DerivedKey {
    /// An HMAC-SHA-256 that has taken in the key. Cloning it is cheaper than keying anew.
    pub fn mac(&self) -> Hmac<Sha256> {
        keyed(&self.0)
    }

    /// For a cipher of this module.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    keyed(key).chain_update(message).finalize().into_bytes().into()
}

fn parse_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; KEY_BYTES];
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

/// The permission bits and the contents, from one open file. Reads no more than it takes to see a wrong length.
fn read(path: &Path) -> io::Result<(u32, Vec<u8>)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((mode, bytes))
}

/// Writes a new key beside its place, then links it there: the file is never half written and never overwritten.
fn create(data_dir: &Path) -> io::Result<()> {
    let staged = data_dir.join(format!("{FILE_NAME}.{}", Hex(&random_bytes::<8>())));
    let linked = write_synced(&staged).and_then(|()| std::fs::hard_link(&staged, data_dir.join(FILE_NAME)));
    // The name may be missing if the write failed; a leftover would be a key that nobody uses.
    let removed = std::fs::remove_file(&staged);
    match linked {
        // Somebody else was first: theirs counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
        Ok(()) => removed?,
    }
    File::open(data_dir)?.sync_all()
}

fn write_synced(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&random_bytes::<KEY_BYTES>())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn names(dir: &Path) -> Vec<String> {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_key_made_at_first_start_is_found_again_and_is_private() {
        let dir = tempdir().unwrap();

        let made = MasterKey::load_or_create(dir.path()).unwrap();
        let found = MasterKey::load_or_create(dir.path()).unwrap();

        assert_eq!(made.0, found.0);
        assert_eq!(names(dir.path()), [FILE_NAME]);
        let mode = std::fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_directories_get_different_keys() {
        let (a, b) = (tempdir().unwrap(), tempdir().unwrap());

        let keys = [a, b].map(|dir| MasterKey::load_or_create(dir.path()).unwrap().0);

        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn servers_starting_together_agree_on_one_key() {
        let dir = tempdir().unwrap();

        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| MasterKey::load_or_create(dir.path()))).collect();
            starts.into_iter().map(|start| start.join().unwrap().unwrap().0).collect()
        });

        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(names(dir.path()), [FILE_NAME]);
    }

    #[test]
    fn a_missing_damaged_or_exposed_key_is_refused() {
        let dir = tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        assert!(matches!(MasterKey::load(dir.path()), Err(MasterKeyError::Missing(_))));

        for length in [0, 31, 33, 100] {
            let _ = std::fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
            file.write_all(&vec![7; length]).unwrap();
            assert!(matches!(MasterKey::load_or_create(dir.path()), Err(MasterKeyError::Damaged(_))), "{length}");
        }

        std::fs::write(&path, [7; 32]).unwrap();
        for mode in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(MasterKey::load(dir.path()), Err(MasterKeyError::Exposed(_))), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(MasterKey::load(dir.path()).unwrap().0, [7; 32]);
    }

    #[test]
    fn hexadecimal_text_is_the_key_itself_and_other_text_is_hashed() {
        let key = |text: &str| MasterKey::from_text(text).map(|key| key.0);

        assert_eq!(key(&"0aFf".repeat(16)).unwrap()[..2], [0x0a, 0xff]);
        assert_eq!(key(&format!(" {}\n", "0a".repeat(32))).unwrap(), [0x0a; 32]);
        assert_ne!(key(&"x".repeat(64)).unwrap(), key(&"x".repeat(65)).unwrap());
        assert_eq!(key(&"é".repeat(32)).unwrap(), key(&"é".repeat(32)).unwrap());
        assert!(key(&"+f".repeat(32)).is_ok_and(|key| key != [0x0f; 32]));
        assert!(matches!(key(&"x".repeat(31)), Err(MasterKeyError::TooShort)));
        assert!(matches!(key(&"é".repeat(31)), Err(MasterKeyError::TooShort)));
        assert!(matches!(key(""), Err(MasterKeyError::TooShort)));
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_by_master_key_and_never_change() {
        let master = MasterKey([1; 32]);
        let keys = [Purpose::SignedUrl, Purpose::ApiKey, Purpose::Session].map(|purpose| master.derive(purpose).0);

        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        assert_ne!(keys[1], MasterKey([2; 32]).derive(Purpose::ApiKey).0);
        // Reckoned with another HMAC implementation: stored API keys depend on these bytes.
        assert_eq!(Hex(&keys[1]).to_string(), "0adbe25499cfa4126a50d22a13b4bf74e12c0d33bf9100a24ea2f984db6940a9");
    }
}
