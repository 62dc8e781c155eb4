//! A file that says "I listen, here": for scripts and tests that start the server and wait for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
#[error("cannot write the ready file `{path}`: {reason}")]
pub struct ReadyFileError {
    path: PathBuf,
    reason: io::Error,
}

/// Writes `{"url": …, "pid": …}`. Whoever sees the file sees all of it.
pub fn write_ready_file(path: &Path, url: &str) -> Result<(), ReadyFileError> {
    let pid = std::process::id();
    let text = format!("{}\n", serde_json::json!({ "url": url, "pid": pid }));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{pid}.new"));
    let unfinished = path.with_file_name(name);
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|reason| {
        // The first error is the one to report; a leftover is only untidy.
        let _untidy = fs::remove_file(&unfinished);
        ReadyFileError { path: path.to_owned(), reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_replaces_an_older_one_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready.json");
        fs::write(&path, "old").unwrap();

        write_ready_file(&path, "http://127.0.0.1:1").unwrap();

        let ready: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(ready["url"], "http://127.0.0.1:1");
        assert_eq!(ready["pid"], std::process::id());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_file() {
        let error = write_ready_file(Path::new("/nowhere/ready.json"), "x").unwrap_err().to_string();

        assert!(error.contains("/nowhere/ready.json"), "{error}");
    }
}
