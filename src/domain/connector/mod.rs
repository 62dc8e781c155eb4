//! Connectors: where bytes are kept, and as whom the server goes there. What is kept here is without secrets, but for
//! the sealed ones.

/// Connectors in one line.
pub mod address;
mod credentials;
/// Connectors as people describe them.
pub mod given;
/// Which connectors lead to the same objects.
mod overlap;
/// Self-tests.
pub mod probe;
mod query;
mod spec;

pub use given::{BadConnector, GivenConnector};
pub use spec::SpecError;

use super::clock::Timestamp;
use super::id::ConnectorId;
use serde::{Deserialize, Serialize};
use std::fmt;

const NAME_CHARS_MAX: usize = 64;

/// A store that the server knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    pub name: ConnectorName,
    pub spec: ConnectorSpec,
    /// Rises with every change of the connector, its secret included: what was opened with an older one is opened anew.
    pub version: u32,
    /// A [`StoreSecret`] as JSON, sealed for this connector and this version.
    pub sealed: Option<Vec<u8>>,
    /// The settings file says what it is, so nothing else changes it.
    #[serde(default)]
    pub is_fixed: bool,
    /// The store has our mark at its prefix: no other server keeps anything there.
    #[serde(default)]
    pub is_claimed: bool,
    pub created_at: Timestamp,
}

impl Connector {
    /// What its secret is sealed for.
    pub fn place(id: ConnectorId, version: u32) -> String {
        format!("connector {id} version {version}")
    }
}

/// Everything about a connector that may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorSpec {
    pub place: Place,
    /// Keys of objects begin with it: `[A-Za-z0-9._/-]`, no `/` at either end, maybe empty.
    #[serde(default)]
    pub prefix: String,
    pub identity: Identity,
    #[serde(default)]
    pub data_path: DataPath,
    #[serde(default)]
    pub network: Network,
}

/// A bucket or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "provider")]
pub enum Place {
    /// On the server's own disks.
    Local { directory: String },
    /// Amazon S3, and whatever speaks its protocol.
    S3 {
        bucket: String,
        region: String,
        /// `https://host[:port]`; without one it is Amazon's of the region.
        endpoint: Option<String>,
        /// The bucket is the first part of the path, not of the host.
        path_style: bool,
        #[serde(default)]
        encryption: Option<Encryption>,
    },
    Gcs {
        bucket: String,
        /// Another than Google's.
        endpoint: Option<String>,
    },
    Azure {
        account: String,
        container: String,
        /// Another than `https://ACCOUNT.blob.core.windows.net`.
        endpoint: Option<String>,
    },
}

/// What S3 is asked to encrypt objects with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Encryption {
    /// `AES256`
    S3,
    /// `aws:kms`, with the bucket's own key unless one is named.
    Kms { key: Option<String> },
}

/// As whom the server goes to the store. Always said, never guessed: what has no keys must not come in as the machine
/// that the server runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Identity {
    /// The server itself, in a directory.
    Process,
    /// S3: access key and secret key. Azure: the account's key. GCS: a service account's JSON key.
    Keys,
    /// Azure: a shared access signature. URLs cannot be signed with one.
    SharedAccess,
    /// Azure: an application with a client secret.
    ClientSecret { tenant: String, client: String },
    /// What the server's workload or machine is. S3: `web`, `ecs`, `eks`, `imds`. GCS: `adc`, `metadata`.
    /// Azure: `workload`, `managed`.
    Workload { from: WorkloadIdentity },
    /// S3: a role of the store's owner, taken on by what the server is, or by keys if there are any.
    AssumedRole { role: String, external_id: Option<String>, by: Option<WorkloadIdentity> },
}

/// Where the environment of the server keeps its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum WorkloadIdentity {
    /// S3: a token file that is exchanged for a role (IRSA).
    Web { role: String, token_file: String },
    /// S3: the task's role.
    Ecs { uri: String },
    /// S3: the pod's identity.
    Eks { uri: String, token_file: String },
    /// S3: the machine's role.
    Imds,
    /// GCS: application default credentials in this file.
    Adc { file: String },
    /// GCS: the machine's service account.
    Metadata,
    /// Azure: a federated token.
    Workload { tenant: String, client: String, token_file: String },
    /// Azure: the machine's identity, or this one of several.
    Managed { client: Option<String> },
}

/// How bytes come from and to clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataPath {
    /// By signed URLs of the store.
    Direct,
    /// Through the server.
    Proxy,
    /// Directly where the store's self-test has shown that this works.
    #[default]
    Auto,
}

/// How the store is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The endpoint in the URLs that clients get, where it is another than the server's.
    pub client_endpoint: Option<String>,
    /// Certificates in PEM that are trusted beside the system's.
    pub ca: Option<String>,
    /// `http://host:port` of a proxy that the server goes through.
    pub proxy: Option<String>,
}

/// What is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StoreSecret {
    /// S3.
    AccessKey { id: String, secret: String, session_token: Option<String> },
    /// GCS: the JSON file of a service account.
    ServiceAccount { json: String },
    /// Azure: the account's key, in base64.
    AccountKey { key: String },
    /// Azure.
    SharedAccess { signature: String },
    /// Azure.
    ClientSecret { secret: String },
}

impl fmt::Debug for StoreSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where something lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreId {
    /// The store of the instance.
    #[default]
    Default,
    Connector(ConnectorId),
}

/// Where the bytes of a team are. A team without a record is in the default store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamStore {
    /// What is new goes here.
    pub home: StoreId,
    /// Here is looked for what is not there yet, or not any more.
    pub also: Option<StoreId>,
    /// What a migration has brought here already, or has left here. Nobody reads it; what is deleted goes here, too.
    #[serde(default)]
    pub kept: Option<StoreId>,
}

impl TeamStore {
    /// Where objects of the team may be, each store once.
    pub fn all(&self) -> impl Iterator<Item = StoreId> {
        let also = self.also.filter(|also| *also != self.home);
        let kept = self.kept.filter(|kept| *kept != self.home && Some(*kept) != self.also);
        [Some(self.home), also, kept].into_iter().flatten()
    }
}

/// `[A-Za-z0-9_-]`, kept as given; two names that differ only in case are the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectorName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name of a connector has 1 to {NAME_CHARS_MAX} letters, digits, `_` and `-`, and is not `default`")]
pub struct BadConnectorName;

impl ConnectorName {
    pub fn parse(text: &str) -> Result<Self, BadConnectorName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        // `default` names the instance's own store in commands and requests.
        let is_free = !text.eq_ignore_ascii_case("default");
        let fits = (1..=NAME_CHARS_MAX).contains(&text.len());
        if fits && is_free && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(BadConnectorName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one name have in common.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_default_is_none() {
        for good in ["a", "Vision-EU_1", &"x".repeat(64)] {
            assert_eq!(ConnectorName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "Default", "é", &"x".repeat(65)] {
            assert_eq!(ConnectorName::parse(bad), Err(BadConnectorName), "{bad}");
        }
        assert_eq!(ConnectorName::parse("EU").unwrap().folded(), ConnectorName::parse("eu").unwrap().folded());
    }

    #[test]
    fn no_secret_is_printed() {
        let secret = StoreSecret::AccountKey { key: "a key".into() };
        assert_eq!(format!("{secret:?}"), "***");
    }
}
