//! The query of a connector's address: every key is known, and given once.

use super::address::{AddressError, decoded};
use std::collections::BTreeMap;

const KEYS: &[&str] = &[
    "ca",
    "client",
    "data_path",
    "endpoint",
    "endpoint_public",
    "external_id",
    "file",
    "identity",
    "key_id",
    "kms",
    "path_style",
    "proxy",
    "region",
    "role_arn",
    "session_token",
    "sse",
    "tenant",
    "tls",
    "token_file",
    "uri",
    "web_role_arn",
];

pub(super) struct Query(BTreeMap<&'static str, String>);

impl Query {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let mut found = BTreeMap::new();
        for pair in text.split(['&', '?']).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| AddressError::new("query", "`key=value` pairs"))?;
            let known = KEYS.iter().find(|known| **known == key);
            let unknown = || AddressError::new("query", format!("only these keys: {}", KEYS.join(", ")));
            let key = *known.ok_or_else(unknown)?;
            if found.insert(key, decoded(value, "query")?).is_some() {
                return Err(AddressError::new("query", format!("`{key}` once")));
            }
        }
        Ok(Self(found))
    }

    /// The value, for whoever has a use for the key.
    pub fn take(&mut self, key: &'static str) -> Result<Option<String>, AddressError> {
        match self.0.remove(key) {
            Some(value) if value.is_empty() => Err(AddressError::new("query", format!("a value for `{key}`"))),
            value => Ok(value),
        }
    }

    pub fn must_have(&mut self, key: &'static str) -> Result<String, AddressError> {
        self.take(key)?.ok_or_else(|| AddressError::new("query", format!("`{key}=`, which this identity needs")))
    }

    pub fn take_bool(&mut self, key: &'static str) -> Result<Option<bool>, AddressError> {
        match self.take(key)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(AddressError::new("query", format!("`{key}=true` or `{key}=false`"))),
        }
    }

    /// What nobody had a use for, the writer of the address had one in mind for.
    pub fn finish(self) -> Result<(), AddressError> {
        match self.0.keys().next() {
            Some(key) => Err(AddressError::new("query", format!("no `{key}`: nothing here has a use for it"))),
            None => Ok(()),
        }
    }
}
