//! `[data]`: the directory that holds everything.

use super::Problems;
use rustix::fs::{Access, access};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[data]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Directory of the database, the local object store and the lock; made at first start.
    /// Default: `./weighhouse-data`.
    pub dir: PathBuf,
}

impl Data {
    /// The directory, or the nearest one above it that exists, must be writable.
    pub(super) fn check(&self, problems: &mut Problems) {
        if self.dir.as_os_str().is_empty() {
            problems.add("`data.dir` is empty");
            return;
        }
        let shown = self.dir.display();
        let nearest = self.dir.ancestors().find(|path| path.symlink_metadata().is_ok());
        // "a/b" has the ancestors "a" and "": the empty one is the working directory.
        let nearest = nearest.unwrap_or(Path::new("."));
        if !nearest.is_dir() {
            problems.add(format!("`data.dir`: `{}` is not a directory", nearest.display()));
        } else if let Err(error) = access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
            problems.add(format!("`data.dir`: cannot make files in `{shown}`: {error}"));
        }
    }
}
