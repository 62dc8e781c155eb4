//! What a directory takes up, and whether it is on a disk at all.

use anyhow::{Context, ensure};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// Space of all files under a directory.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Sum of the files' lengths.
    pub bytes: u64,
    /// What the file system gave them; a file with holes takes less than its length.
    pub allocated_bytes: u64,
    pub files: u64,
}

/// Files that vanish meanwhile count for nothing. A directory that does not exist is empty.
pub fn usage(directory: &Path) -> anyhow::Result<Usage> {
    let mut sum = Usage::default();
    add(directory, &mut sum).with_context(|| format!("cannot measure `{}`", directory.display()))?;
    Ok(sum)
}

fn add(directory: &Path, sum: &mut Usage) -> io::Result<()> {
    let Some(entries) = found(fs::read_dir(directory))? else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let Some(metadata) = found(fs::symlink_metadata(&path))? else { continue };
        if metadata.is_dir() {
            add(&path, sum)?;
        } else if metadata.is_file() {
            sum.bytes += metadata.len();
            sum.allocated_bytes += metadata.blocks() * 512;
            sum.files += 1;
        }
    }
    Ok(())
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An fsync on a file system in memory costs nothing, and would make every number a lie.
pub fn require_disk(directory: &Path) -> anyhow::Result<()> {
    let shown = directory.display();
    let kind = rustix::fs::statfs(directory).with_context(|| format!("cannot look at `{shown}`"))?.f_type;
    ensure!(![TMPFS, RAMFS].contains(&kind.cast_unsigned()), "`{shown}` is in memory, not on a disk");
    Ok(())
}
