//! The data directory's permissions: password hashes, keys and everybody's files lie in it, so it belongs to the account
//! of the server alone.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

const OWNER_ONLY: u32 = 0o700;

/// Makes the directory for its owner alone. One that is there stays as it is: its owner may have reasons.
pub fn make_data_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(directory)
}

/// Whether other accounts can do anything with the directory.
pub fn is_open_to_others(directory: &Path) -> io::Result<bool> {
    Ok(directory.metadata()?.mode() & 0o777 & !OWNER_ONLY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_directory_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");

        make_data_directory(&directory).unwrap();

        assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
        for (mode, is_open) in [(0o700, false), (0o500, false), (0o750, true), (0o710, true), (0o701, true)] {
            set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
            make_data_directory(&directory).unwrap();
            assert_eq!(directory.metadata().unwrap().mode() & 0o777, mode);
            assert_eq!(is_open_to_others(&directory).unwrap(), is_open, "{mode:o}");
        }
    }
}
