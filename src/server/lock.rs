//! One process per data directory: an exclusive lock on `lock` in it, which the kernel drops with the process.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Held by the server, and by commands that work on a stopped server's directory.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("`{dir}` is in use by process {pid}; stop it first, or choose another data directory")]
    InUse { dir: PathBuf, pid: String },
    #[error("cannot lock `{path}`: {reason}")]
    Failed { path: PathBuf, reason: io::Error },
}

impl DataLock {
    /// Locks the directory, which must exist, until the lock is dropped. Does not wait.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        let failed = |reason| LockError::Failed { path: path.clone(), reason };
        // Not truncated: until the lock is ours, the other process's number is in there.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::InUse { dir: dir.to_owned(), pid: pid_in(&mut file) }),
            Err(errno) => return Err(failed(errno.into())),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn pid_in(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "(unknown)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_the_number_of_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataLock::acquire(dir.path()).unwrap();

        let refused = DataLock::acquire(dir.path()).unwrap_err().to_string();

        assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        drop(held);
        DataLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_lock_file_left_behind_does_not_hinder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "4194304999\n").unwrap();

        let _held = DataLock::acquire(dir.path()).unwrap();

        let text = std::fs::read_to_string(dir.path().join("lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let refused = DataLock::acquire(Path::new("/nowhere/at/all")).unwrap_err().to_string();

        assert!(refused.contains("/nowhere/at/all/lock"), "{refused}");
    }
}
