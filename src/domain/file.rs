//! Run files: named by the client, stored under an id. A name never becomes a path on the server.

use super::clock::Timestamp;
use super::garbage::Ticket;
use super::id::{EntityId, FileId, ObjectId, RunId};
use serde::{Deserialize, Serialize};
use std::fmt;

const BYTES_MAX: usize = 1024;

/// One file of a run. It is listed once its bytes have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    pub run: RunId,
    pub path: FilePath,
    pub contents: Option<FileContents>,
}

/// The newest upload of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContents {
    pub object: ObjectId,
    /// Whose store the object is in: it stays there when the run moves to another entity.
    pub owner: EntityId,
    pub size_bytes: u64,
    /// Not known yet where the bytes went straight to a bucket that does not say: they are read back for it.
    pub md5: Option<[u8; 16]>,
    pub uploaded_at: Timestamp,
}

/// An upload of a run file that goes straight to a bucket, and that the server has not seen there yet. It stands under
/// the object that it makes, which is announced as garbage meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingFile {
    pub run: RunId,
    pub file: FileId,
    /// In whose store it goes.
    pub owner: EntityId,
    /// The announcement.
    pub ticket: Ticket,
    /// When it is looked for next if nobody asks before.
    pub look_at: Timestamp,
    pub created_at: Timestamp,
    /// Nothing can come after this.
    pub ends_at: Timestamp,
}

/// A relative path of at most 1024 bytes that stays below where it is put: whoever downloads a run writes to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilePath(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a file name is a relative path of 1 to {BYTES_MAX} bytes without `..` steps or control characters")]
pub struct BadFilePath;

impl FilePath {
    /// A `./` in front is left out: the client saves `./a` as `a`, and asks for `./a` again (wandb 0.31.0).
    pub fn parse(text: &str) -> Result<Self, BadFilePath> {
        let text = text.trim_start_matches("./");
        // A backslash is a separator to some of those who download.
        let leaves = text.split(['/', '\\']).any(|step| step == "..");
        let is_absolute = text.starts_with(['/', '\\']) || has_drive(text);
        let fits = (1..=BYTES_MAX).contains(&text.len());
        if leaves || is_absolute || !fits || text.ends_with('/') || text.chars().any(char::is_control) {
            return Err(BadFilePath);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `C:` in front means another place altogether on some systems.
fn has_drive(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && bytes.next() == Some(b':')
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_its_place_is_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "a/../../b",
            "a\\..\\b",
            "\\\\host\\share",
            "C:\\x",
            "c:x",
            "a\0b",
            "a\nb",
            "a/",
            &"x".repeat(1025),
        ] {
            assert_eq!(FilePath::parse(bad), Err(BadFilePath), "{bad:?}");
        }
        for good in ["a", "media/html/HT%3ML _11.html", "..a/b..", "größe.txt", ".wandb", "a//b"] {
            assert_eq!(FilePath::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(FilePath::parse("./a/./b").unwrap().as_str(), "a/./b");
        assert_eq!(FilePath::parse("./"), Err(BadFilePath));
    }
}
