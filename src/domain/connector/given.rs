//! A connector as somebody describes it, in a request, a command or the settings file: by an address or by fields, with
//! the credentials apart. Reading it says which field is wrong.

use super::address::{self, AddressError};
use super::{ConnectorSpec, DataPath, Identity, Network, Place, SpecError, StoreSecret};
use crate::domain::secret::Secret;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// No credentials are as long: the JSON file of a service account has 3 KiB.
const CREDENTIALS_BYTES_MAX: usize = 64 * 1024;

/// What is given. `address` or `place`, not both.
#[derive(Debug, Clone, Default)]
pub struct GivenConnector {
    /// It may hold a secret.
    pub address: Option<Secret>,
    pub place: Option<Value>,
    pub prefix: Option<String>,
    pub identity: Option<Value>,
    /// As the provider hands them out: see [`StoreSecret::parse`].
    pub credentials: Option<Secret>,
    pub data_path: Option<DataPath>,
    pub client_endpoint: Option<String>,
    /// PEM text.
    pub ca: Option<String>,
    pub proxy: Option<String>,
}

/// Why a connector cannot be as it was described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadConnector {
    pub field: &'static str,
    pub message: String,
}

impl BadConnector {
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl GivenConnector {
    /// What is to be made of it, checked.
    pub fn read(&self) -> Result<(ConnectorSpec, Option<StoreSecret>), BadConnector> {
        let (mut spec, secret) = match (&self.address, &self.place) {
            (Some(address), None) => self.read_address(address)?,
            (None, Some(place)) => (self.read_fields(place)?, None),
            (Some(_), Some(_)) => {
                return Err(BadConnector::new("place", "give an address or the fields of a place, not both"));
            }
            (None, None) => {
                let message =
                    "say where the connector leads: by an address, such as `s3://BUCKET/PREFIX`, or by a place";
                return Err(BadConnector::new("address", message));
            }
        };
        if let Some(data_path) = self.data_path {
            spec.data_path = data_path;
        }
        let own = [
            (&self.client_endpoint, &mut spec.network.client_endpoint),
            (&self.ca, &mut spec.network.ca),
            (&self.proxy, &mut spec.network.proxy),
        ];
        for (given, kept) in own {
            if let Some(text) = given {
                *kept = Some(text.clone()).filter(|text| !text.is_empty());
            }
        }
        let secret = match &self.credentials {
            Some(text) => Some(self.parse_credentials(&spec, text)?),
            None => secret,
        };
        spec.check_with(secret.as_ref())?;
        Ok((spec, secret))
    }

    fn read_address(&self, address: &Secret) -> Result<(ConnectorSpec, Option<StoreSecret>), BadConnector> {
        if self.prefix.is_some() || self.identity.is_some() {
            let field = if self.prefix.is_some() { "prefix" } else { "identity" };
            return Err(BadConnector::new(field, format!("an address says the {field} itself")));
        }
        let address = address.expose();
        if self.credentials.is_none() {
            return Ok(address::parse(address)?);
        }
        Ok((without_secret(address)?, None))
    }

    fn read_fields(&self, place: &Value) -> Result<ConnectorSpec, BadConnector> {
        let place: Place = exactly("place", place)?;
        let identity = match (&self.identity, &place) {
            (Some(identity), _) => exactly("identity", identity)?,
            (None, Place::Local { .. }) => Identity::Process,
            // With keys it is clear as whom; without them it has to be said.
            (None, _) if self.credentials.is_some() => Identity::Keys,
            (None, _) => {
                let message = "say as whom the server goes there: `{\"kind\": \"keys\"}` with credentials, or the \
                               identity of its workload";
                return Err(BadConnector::new("identity", message));
            }
        };
        let (data_path, network) = (DataPath::default(), Network::default());
        Ok(ConnectorSpec { place, prefix: self.prefix.clone().unwrap_or_default(), identity, data_path, network })
    }

    fn parse_credentials(&self, spec: &ConnectorSpec, text: &Secret) -> Result<StoreSecret, BadConnector> {
        if text.expose().len() > CREDENTIALS_BYTES_MAX {
            return Err(BadConnector::new("credentials", "these are too long for credentials"));
        }
        StoreSecret::parse(spec, text.expose())
    }
}

/// What an address says whose credentials are given apart: it is read with others in their place.
fn without_secret(address: &str) -> Result<ConnectorSpec, BadConnector> {
    let (scheme, rest) = address.split_once("://").unwrap_or((address, ""));
    let before_query = rest.split('?').next().unwrap_or_default();
    if before_query.contains('@') {
        return Err(BadConnector::new("credentials", "the address has credentials in it already; give them once"));
    }
    let (spec, _) = address::parse(&format!("{scheme}://-:-@{rest}"))?;
    Ok(spec)
}

impl From<AddressError> for BadConnector {
    fn from(error: AddressError) -> Self {
        Self::new("address", error.to_string())
    }
}

impl From<SpecError> for BadConnector {
    fn from(error: SpecError) -> Self {
        Self::new(error.field, error.to_string())
    }
}

/// Reads what was given, and refuses what means nothing there: a misspelt field would be passed over in silence.
fn exactly<T: DeserializeOwned + serde::Serialize>(field: &'static str, given: &Value) -> Result<T, BadConnector> {
    let wrong = |why: String| BadConnector::new(field, why);
    let read: T = serde_json::from_value(given.clone()).map_err(|error| wrong(format!("`{field}`: {error}")))?;
    let known = serde_json::to_value(&read).map_err(|error| wrong(error.to_string()))?;
    match unknown(given, &known) {
        Some(name) => Err(wrong(format!("`{field}`: there is no `{name}` in it"))),
        None => Ok(read),
    }
}

fn unknown(given: &Value, known: &Value) -> Option<String> {
    let (given, known) = (given.as_object()?, known.as_object()?);
    given.iter().find_map(|(name, value)| match known.get(name) {
        Some(known) => unknown(value, known),
        None => Some(name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn s3() -> Value {
        json!({ "provider": "s3", "bucket": "b", "region": "eu-west-1", "endpoint": null, "path_style": false })
    }

    fn field_of(given: &GivenConnector) -> &'static str {
        given.read().unwrap_err().field
    }

    #[test]
    fn fields_make_the_same_connector_as_their_address() {
        let credentials = Some(Secret::new("id:secret"));
        let by_fields = GivenConnector {
            place: Some(s3()),
            prefix: Some("p".into()),
            credentials: credentials.clone(),
            ..GivenConnector::default()
        };
        let by_address = GivenConnector {
            address: Some(Secret::new("s3://b/p?region=eu-west-1")),
            credentials,
            ..GivenConnector::default()
        };

        let (spec, secret) = by_fields.read().unwrap();

        assert_eq!(by_address.read().unwrap(), (spec, secret));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let keys = || Some(Secret::new("id:secret"));
        let base = || GivenConnector { place: Some(s3()), credentials: keys(), ..GivenConnector::default() };

        assert_eq!(field_of(&GivenConnector::default()), "address");
        assert_eq!(field_of(&GivenConnector { address: Some(Secret::new("s3://b")), ..base() }), "place");
        assert_eq!(field_of(&GivenConnector { credentials: None, ..base() }), "identity");
        assert_eq!(field_of(&GivenConnector { identity: Some(json!({ "kind": "key" })), ..base() }), "identity");
        assert_eq!(field_of(&GivenConnector { prefix: Some("a/../b".into()), ..base() }), "prefix");
        assert_eq!(field_of(&GivenConnector { credentials: Some(Secret::new("x")), ..base() }), "credentials");
        let mut misspelt = s3();
        misspelt["pathstyle"] = json!(true);
        let refused = GivenConnector { place: Some(misspelt), ..base() }.read().unwrap_err();
        assert!(refused.message.contains("`pathstyle`"), "{refused}");
    }
}
