//! Licences for tests: an authority of their own, made by the command that makes real ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A day on which no test runs any more.
pub const FAR: &str = "2099-12-31";

/// Who issues licences, with its files in a directory.
pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    pub fn new(directory: &Path) -> Self {
        let authority = Self { directory: directory.join("authority") };
        let made = command(&["keygen", "--out"]).arg(&authority.directory).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        authority
    }

    /// For the settings of a server that takes its licences.
    pub fn public_key(&self) -> PathBuf {
        self.directory.join("public.pem")
    }

    pub fn private_key(&self) -> PathBuf {
        self.directory.join("private.pem")
    }

    /// A licence with all features, far into the future; `words` are more arguments of `issue`.
    pub fn issue(&self, words: &[&str]) -> PathBuf {
        self.issue_until(FAR, &[&["--features", "all"], words].concat())
    }

    pub fn issue_until(&self, expires: &str, words: &[&str]) -> PathBuf {
        let out = self.directory.join("license");
        let issued = self.try_issue(&out, &[&["--expires", expires], words].concat());
        assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
        out
    }

    pub fn try_issue(&self, out: &Path, words: &[&str]) -> Output {
        let mut command = command(&["issue", "--holder", "Tests", "--key"]);
        command.arg(self.private_key()).arg("--out").arg(out).args(words).output().unwrap()
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighhouse"));
    command.arg("license-authority").args(words);
    command
}
