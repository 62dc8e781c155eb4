//! The double of Google Cloud Storage in `gcs_double.py`. It checks signatures for real, but it is our reading of
//! Google's documents: what passes against it is right in itself, not proven to be taken by Google.

use super::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

pub const TEAM_A: &str = "team-a";
pub const TEAM_B: &str = "team-b";

pub struct GcsDouble {
    pub address: SocketAddr,
    /// Of each bucket, the JSON of its service account.
    accounts: Vec<(&'static str, Value)>,
    _process: Process,
}

impl GcsDouble {
    /// The accounts are kept as files in this directory.
    pub fn start(directory: &Path) -> Self {
        let accounts = [TEAM_A, TEAM_B].map(|bucket| (bucket, account(bucket)));
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness/stores/gcs_double.py"));
        command.arg(format!("{TEAM_A},{TEAM_B}"));
        for (bucket, account) in &accounts {
            let file = directory.join(format!("{bucket}.json"));
            std::fs::write(&file, account.to_string()).unwrap();
            command.arg(file);
        }
        let (process, address) =
            Process::start(command, |line| line.trim().strip_prefix("listening at ")?.parse().ok());
        Self { address, accounts: accounts.into(), _process: process }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is given as the secret of a connector.
    pub fn service_account(&self, bucket: &str) -> String {
        self.accounts.iter().find(|(name, _)| *name == bucket).unwrap().1.to_string()
    }

    /// `gs://…` of a team, named by its bucket.
    pub fn connector_address(&self, bucket: &str, prefix: &str) -> String {
        let account: Value = serde_json::from_str(&self.service_account(bucket)).unwrap();
        let encoded = |name: &str| {
            let text = account[name].as_str().unwrap();
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let (email, key) = (encoded("client_email"), encoded("private_key"));
        format!("gs://{email}:{key}@{bucket}/{prefix}?endpoint={}", self.endpoint())
    }
}

/// A service account with a new key, which opens one bucket.
fn account(bucket: &str) -> Value {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).stderr(Stdio::null());
    let made = command.output().expect("openssl is installed");
    json!({
        "type": "service_account",
        "client_email": format!("{bucket}@weighhouse.iam.gserviceaccount.com"),
        "private_key": String::from_utf8(made.stdout).unwrap(),
        "private_key_id": "1",
        "test_buckets": [bucket],
    })
}
