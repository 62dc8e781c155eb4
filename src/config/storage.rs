//! `[storage]`: the store of the instance, connectors that are fixed, and where stores may be.

use super::{ConfigError, Problems, empty_is_none, list};
use crate::domain::connector::{ConnectorName, DataPath, GivenConnector};
use crate::domain::outbound::OutboundRules;
use crate::domain::secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Longer than any address, credentials or certificates.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The connector whose store is that of the instance. Default: not set; a directory in the data directory.
    #[serde(deserialize_with = "empty_is_none")]
    pub default: Option<String>,
    /// Hosts, addresses and networks of stores beside public ones and those of the site. Default: none.
    #[serde(deserialize_with = "list")]
    pub allow_endpoints: Vec<String>,
    /// Connectors that nobody changes while the server runs. Default: none.
    pub connectors: Vec<FixedConnector>,
}

/// `[[storage.connectors]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedConnector {
    pub name: String,
    /// Such as `s3://BUCKET/PREFIX?region=REGION`.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub address: Option<Secret>,
    /// A file with the address.
    pub address_file: Option<String>,
    /// In place of an address: `{ provider = "s3", bucket = "…", region = "…", path_style = false }`.
    pub place: Option<Value>,
    pub prefix: Option<String>,
    /// With a place: `{ kind = "keys" }`.
    pub identity: Option<Value>,
    #[serde(default, deserialize_with = "empty_is_none")]
    pub credentials: Option<Secret>,
    /// A file with the credentials, as the provider hands them out.
    pub credentials_file: Option<String>,
    /// `auto`, `direct` or `proxy`.
    pub data_path: Option<DataPath>,
    pub client_endpoint: Option<String>,
    /// PEM file of an authority to trust beside those that the machine trusts.
    pub ca_file: Option<String>,
    pub proxy: Option<String>,
}

impl Storage {
    pub fn read_rules(&self) -> Result<OutboundRules, ConfigError> {
        self.rules().map_err(one)
    }

    pub fn read_default(&self) -> Result<Option<ConnectorName>, ConfigError> {
        self.default_name().map_err(one)
    }

    /// Names and what is given of each, files read.
    pub fn read_connectors(&self) -> Result<Vec<(ConnectorName, GivenConnector)>, ConfigError> {
        self.connectors.iter().map(|connector| connector.read().map_err(one)).collect()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for problem in [self.rules().err(), self.default_name().err()].into_iter().flatten() {
            problems.add(problem);
        }
        let (mut known, mut apart) = (Vec::<String>::new(), Vec::new());
        for connector in &self.connectors {
            match connector
                .read()
                .and_then(|(name, given)| Ok((given.read().map_err(|why| connector.wrong(&why))?, name)))
            {
                Err(problem) => problems.add(problem),
                Ok(((spec, _), name)) => {
                    if known.contains(&name.folded()) {
                        problems.add(format!("`[[storage.connectors]]`: two are called `{name}`"));
                    }
                    if let Some((_, other)) = apart.iter().find(|(other, _)| spec.overlaps(other)) {
                        let why = "lead to the same bucket or directory, the prefix of one within that of the other";
                        problems.add(format!("`[[storage.connectors]]`: `{name}` and `{other}` {why}"));
                    }
                    known.push(name.folded());
                    apart.push((spec, name));
                }
            }
        }
    }

    fn rules(&self) -> Result<OutboundRules, String> {
        OutboundRules::parse(&self.allow_endpoints).map_err(|why| format!("`storage.allow_endpoints`: {why}"))
    }

    fn default_name(&self) -> Result<Option<ConnectorName>, String> {
        let name = self.default.as_deref().map(ConnectorName::parse).transpose();
        name.map_err(|why| format!("`storage.default`: {why}"))
    }
}

impl FixedConnector {
    fn read(&self) -> Result<(ConnectorName, GivenConnector), String> {
        let name = ConnectorName::parse(&self.name).map_err(|why| self.wrong(&why))?;
        let address = self.one_of("address", self.address.as_ref(), self.address_file.as_deref())?;
        let credentials = self.one_of("credentials", self.credentials.as_ref(), self.credentials_file.as_deref())?;
        let given = GivenConnector {
            address,
            place: self.place.clone(),
            prefix: self.prefix.clone(),
            identity: self.identity.clone(),
            credentials,
            data_path: self.data_path,
            client_endpoint: self.client_endpoint.clone(),
            ca: self.ca_file.as_deref().map(|file| self.read_file("ca_file", file)).transpose()?,
            proxy: self.proxy.clone(),
        };
        Ok((name, given))
    }

    fn one_of(&self, key: &str, value: Option<&Secret>, file: Option<&str>) -> Result<Option<Secret>, String> {
        match (value, file) {
            (Some(_), Some(_)) => Err(self.wrong(&format!("`{key}` and `{key}_file` are both set; keep one"))),
            (Some(value), None) => Ok(Some(value.clone())),
            (None, Some(file)) => {
                let text = self.read_file(&format!("{key}_file"), file)?;
                Ok(Some(Secret::from(text.trim().to_owned())))
            }
            (None, None) => Ok(None),
        }
    }

    fn read_file(&self, key: &str, file: &str) -> Result<String, String> {
        let failed = |why: String| self.wrong(&format!("`{key}`: cannot read `{file}`: {why}"));
        let size = fs::metadata(Path::new(file)).map_err(|error| failed(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(failed("it is too large for this".into()));
        }
        fs::read_to_string(file).map_err(|error| failed(error.to_string()))
    }

    fn wrong(&self, why: &impl std::fmt::Display) -> String {
        let name: String = self.name.chars().take(100).collect();
        format!("`[[storage.connectors]]` `{name}`: {why}")
    }
}

fn one(problem: String) -> ConfigError {
    ConfigError { problems: vec![problem] }
}
