//! Azurite, which `tests/stores.sh` installs: accounts with keys of their own, each with a container.

use super::Process;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighhouse::domain::clock::Clock;

const VERSION: &str = "2023-11-03";

#[derive(Clone, Copy)]
pub struct Account {
    pub name: &'static str,
    key: &'static str,
    pub container: &'static str,
}

pub const TEAM_A: Account = Account { name: "teama", key: "key of team a, long enough", container: "team-a" };
pub const TEAM_B: Account = Account { name: "teamb", key: "key of team b, long enough", container: "team-b" };

impl Account {
    pub fn key(&self) -> String {
        STANDARD.encode(self.key)
    }
}

pub struct AzureServer {
    pub address: SocketAddr,
    _process: Process,
}

impl AzureServer {
    pub fn is_installed() -> bool {
        program().exists()
    }

    pub fn start() -> Self {
        let program = program();
        assert!(program.exists(), "Azurite is not installed: `tests/stores.sh` does that, with npm");
        let accounts = [TEAM_A, TEAM_B].map(|team| format!("{}:{}", team.name, team.key())).join(";");
        let mut command = Command::new(program);
        // The client's library asks for a newer version of the protocol than Azurite knows.
        command.args(["--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", "0"]);
        command.env("AZURITE_ACCOUNTS", accounts).stderr(Stdio::null());
        let (process, address) = Process::start(command, |line| {
            let (_, address) = line.split_once("successfully listens on http://")?;
            address.trim().parse().ok()
        });
        let server = Self { address, _process: process };
        for team in [TEAM_A, TEAM_B] {
            server.create_container(team);
        }
        server
    }

    pub fn endpoint(&self, team: Account) -> String {
        format!("http://{}/{}", self.address, team.name)
    }

    /// `az://…` of a team.
    pub fn connector_address(&self, team: Account, prefix: &str) -> String {
        let key = percent_encoding::utf8_percent_encode(&team.key(), percent_encoding::NON_ALPHANUMERIC).to_string();
        format!("az://:{key}@{}/{}/{prefix}?endpoint={}", team.name, team.container, self.endpoint(team))
    }

    fn create_container(&self, team: Account) {
        let path = format!("/{}/{}", team.name, team.container);
        let now = chrono::DateTime::from_timestamp_micros(Clock::system().now().0).unwrap();
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let signed = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{}{path}\nrestype:container",
            team.name
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(team.key.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let head = format!(
            "PUT {path}?restype=container HTTP/1.1\r\nHost: {}\r\nx-ms-date: {date}\r\nx-ms-version: {VERSION}\r\n\
             Authorization: SharedKey {}:{signature}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address, team.name
        );
        let answer = super::exchange(self.address, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/stores/azurite/node_modules/.bin/azurite-blob")
}
