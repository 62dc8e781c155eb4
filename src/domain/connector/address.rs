//! Connectors in one line, in the grammar that operators know: `s3://KEY:SECRET@HOST/BUCKET/PREFIX?region=R`,
//! `s3://BUCKET`, `cw://…`, `gs://EMAIL:KEY@BUCKET`, `az://:KEY@ACCOUNT/CONTAINER`, `file:///dir`.
//!
//! Secrets stand percent-encoded before the last `@`. Whatever is unclear is an error, and no error repeats a word of
//! the address: a part that was read as something else may be the secret.

use super::query::Query;
use super::{
    ConnectorSpec, DataPath, Encryption, Identity, Network, Place, StoreSecret, WorkloadIdentity, spec::SpecError,
};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// A certificate or two and a key fit.
const ADDRESS_BYTES: usize = 64 << 10;
/// What S3-compatible stores take when none is set in them.
const USUAL_REGION: &str = "us-east-1";
const COREWEAVE: &str = "https://cwobject.com";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of the address: {expected}")]
pub struct AddressError {
    pub part: &'static str,
    pub expected: String,
}

impl AddressError {
    pub(super) fn new(part: &'static str, expected: impl Into<String>) -> Self {
        Self { part, expected: expected.into() }
    }
}

impl From<SpecError> for AddressError {
    fn from(error: SpecError) -> Self {
        Self::new(error.field, error.expected)
    }
}

/// What an address says, with the secret in it, if there is any.
pub fn parse(address: &str) -> Result<(ConnectorSpec, Option<StoreSecret>), AddressError> {
    if address.len() > ADDRESS_BYTES {
        return Err(AddressError::new("length", format!("at most {ADDRESS_BYTES} bytes")));
    }
    if address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::new(
            "text",
            "no spaces, line ends and control characters; write them percent-encoded",
        ));
    }
    let schemes = "begins with `s3://`, `cw://`, `gs://`, `az://` or `file:///`";
    let (scheme, rest) = address.split_once("://").ok_or_else(|| AddressError::new("scheme", schemes))?;
    // A second `?` stands in older documents where `&` was meant.
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let mut given = Given { user: user.map(User::parse).transpose()?, query: Query::parse(query)? };
    let (place, identity, secret, prefix) = match scheme {
        "s3" => given.s3(rest)?,
        "cw" => given.coreweave(rest)?,
        "gs" => given.gcs(rest)?,
        "az" => given.azure(rest)?,
        "file" => given.local(rest)?,
        _ => return Err(AddressError::new("scheme", schemes)),
    };
    let (data_path, network) = given.network()?;
    given.query.finish()?;
    let spec = ConnectorSpec { place, prefix, identity, data_path, network };
    spec.check()?;
    Ok((spec, secret))
}

type Found = (Place, Identity, Option<StoreSecret>, String);

/// What stands before the `@`, decoded.
struct User {
    name: String,
    secret: String,
}

impl User {
    fn parse(text: &str) -> Result<Self, AddressError> {
        let (name, secret) = text.split_once(':').unwrap_or((text, ""));
        let user =
            Self { name: decoded(name, "key before the `@`")?, secret: decoded(secret, "secret before the `@`")? };
        if user.secret.is_empty() {
            return Err(AddressError::new("part before the `@`", "`KEY:SECRET`, both percent-encoded"));
        }
        Ok(user)
    }
}

/// What the parts of an address that all providers have in common say.
struct Given {
    user: Option<User>,
    query: Query,
}

impl Given {
    fn s3(&mut self, rest: &str) -> Result<Found, AddressError> {
        let (first, path) = rest.split_once('/').unwrap_or((rest, ""));
        let endpoint = self.query.take("endpoint")?;
        let tls = self.query.take_bool("tls")?;
        let is_host = endpoint.is_none() && self.is_host(first, path);
        let (host, bucket, prefix) = match is_host {
            true => {
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                (Some(first), bucket, prefix)
            }
            false => (None, first, path),
        };
        let amazon = host.and_then(amazon_region);
        let endpoint = match (endpoint, host) {
            (Some(endpoint), _) => Some(endpoint),
            (None, Some(host)) if amazon.is_none() => Some(with_scheme(host, tls)),
            _ => None,
        };
        let region = self.region(amazon, endpoint.is_some())?;
        let bucket = decoded(bucket, "bucket")?;
        // A dot in the name makes a host that no certificate is for.
        let path_style = self.query.take_bool("path_style")?.unwrap_or(endpoint.is_some() || bucket.contains('.'));
        let encryption = self.encryption()?;
        let (identity, secret) = self.s3_identity()?;
        Ok((Place::S3 { bucket, region, endpoint, path_style, encryption }, identity, secret, prefix_of(prefix)?))
    }

    /// After an `@` there may be a host or a bucket. Only a host has a port; and what has dots and more behind it is one,
    /// unless `endpoint=` names another. Without an `@` a name with dots is a bucket.
    fn is_host(&self, first: &str, path: &str) -> bool {
        let has_port = first.contains(':');
        let has_dots = first.contains('.') && !path.is_empty() && self.user.is_some();
        has_port || has_dots || amazon_region(first).is_some()
    }

    fn region(&mut self, amazon: Option<&str>, is_elsewhere: bool) -> Result<String, AddressError> {
        match (self.query.take("region")?, amazon) {
            (Some(region), Some(of_host)) if region != of_host => {
                Err(AddressError::new("`region`", "the same as in the host, or none"))
            }
            (Some(region), _) => Ok(region),
            (None, Some(of_host)) => Ok(of_host.to_owned()),
            (None, None) if is_elsewhere => Ok(USUAL_REGION.to_owned()),
            (None, None) => Err(AddressError::new("`region`", "`?region=` with the region of the bucket")),
        }
    }

    /// `cw://KEY:SECRET@cwobject.com/BUCKET` and `cw://KEY:SECRET@BUCKET`: the host in front of the path is theirs.
    fn coreweave(&mut self, rest: &str) -> Result<Found, AddressError> {
        let own = rest.strip_prefix("cwobject.com/").unwrap_or(rest);
        let (bucket, prefix) = own.split_once('/').unwrap_or((own, ""));
        if self.query.take_bool("tls")? == Some(false) {
            return Err(AddressError::new("`tls`", "`true`: CoreWeave takes nothing else"));
        }
        let bucket = decoded(bucket, "bucket")?;
        let is_theirs = bucket.starts_with("cw-") || bucket.starts_with("vip-") || bucket.contains(['_', '.']);
        if is_theirs {
            return Err(AddressError::new("bucket", "no `_`, no `.`, and not `cw-` or `vip-` at its begin"));
        }
        let endpoint = self.query.take("endpoint")?.unwrap_or_else(|| COREWEAVE.to_owned());
        let region = self.region(None, true)?;
        let encryption = self.encryption()?;
        let (identity, secret) = self.s3_identity()?;
        let place = Place::S3 { bucket, region, endpoint: Some(endpoint), path_style: false, encryption };
        Ok((place, identity, secret, prefix_of(prefix)?))
    }

    fn gcs(&mut self, rest: &str) -> Result<Found, AddressError> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let kinds = "`EMAIL:KEY@` of a service account, or `?identity=adc&file=…`, or `?identity=metadata`";
        let (identity, secret) = match (self.user.take(), self.query.take("identity")?.as_deref()) {
            (Some(user), None | Some("keys")) => {
                let account = json!({
                    "type": "service_account",
                    "client_email": user.name,
                    "private_key": user.secret,
                    "private_key_id": self.query.take("key_id")?.unwrap_or_default(),
                });
                (Identity::Keys, Some(StoreSecret::ServiceAccount { json: account.to_string() }))
            }
            (None, Some("adc")) => {
                let file = self.query.must_have("file")?;
                (Identity::Workload { from: WorkloadIdentity::Adc { file } }, None)
            }
            (None, Some("metadata")) => (Identity::Workload { from: WorkloadIdentity::Metadata }, None),
            _ => return Err(AddressError::new("identity", kinds)),
        };
        let place = Place::Gcs { bucket: decoded(bucket, "bucket")?, endpoint: self.query.take("endpoint")? };
        Ok((place, identity, secret, prefix_of(prefix)?))
    }

    fn azure(&mut self, rest: &str) -> Result<Found, AddressError> {
        let (account, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
        let account = account.strip_suffix(".blob.core.windows.net").unwrap_or(account);
        let (identity, secret) = self.azure_identity()?;
        let place = Place::Azure {
            account: decoded(account, "account")?,
            container: decoded(container, "container")?,
            endpoint: self.query.take("endpoint")?,
        };
        Ok((place, identity, secret, prefix_of(prefix)?))
    }

    fn azure_identity(&mut self) -> Result<(Identity, Option<StoreSecret>), AddressError> {
        let kinds = "`:KEY@` of the account, or `?identity=` with `sas` or `client_secret&tenant=…&client=…` (both with \
                     `:SECRET@`), `workload&tenant=…&client=…&token_file=…` or `managed`";
        Ok(match (self.user.take(), self.query.take("identity")?.as_deref()) {
            (Some(user), None | Some("keys")) => (Identity::Keys, Some(StoreSecret::AccountKey { key: user.secret })),
            (Some(user), Some("sas")) => {
                (Identity::SharedAccess, Some(StoreSecret::SharedAccess { signature: user.secret }))
            }
            (Some(user), Some("client_secret")) => {
                let (tenant, client) = (self.query.must_have("tenant")?, self.query.must_have("client")?);
                let secret = StoreSecret::ClientSecret { secret: user.secret };
                (Identity::ClientSecret { tenant, client }, Some(secret))
            }
            (None, Some("workload")) => {
                let from = WorkloadIdentity::Workload {
                    tenant: self.query.must_have("tenant")?,
                    client: self.query.must_have("client")?,
                    token_file: self.query.must_have("token_file")?,
                };
                (Identity::Workload { from }, None)
            }
            (None, Some("managed")) => {
                let client = self.query.take("client")?;
                (Identity::Workload { from: WorkloadIdentity::Managed { client } }, None)
            }
            _ => return Err(AddressError::new("identity", kinds)),
        })
    }

    fn local(&mut self, rest: &str) -> Result<Found, AddressError> {
        if self.user.is_some() || !rest.starts_with('/') {
            return Err(AddressError::new("directory", "`file:///` and an absolute path"));
        }
        Ok((Place::Local { directory: decoded(rest, "directory")? }, Identity::Process, None, String::new()))
    }

    /// Keys, what the server is, or a role that one of both takes on.
    fn s3_identity(&mut self) -> Result<(Identity, Option<StoreSecret>), AddressError> {
        let kinds = "`KEY:SECRET@`, or `?identity=` with `web`, `ecs`, `eks` or `imds`; `role_arn=` beside either";
        let (identity, session_token) = (self.query.take("identity")?, self.query.take("session_token")?);
        let mut role = self.query.take("role_arn")?;
        let (by, secret) = match (self.user.take(), identity.as_deref()) {
            (Some(user), None | Some("keys")) => {
                (None, Some(StoreSecret::AccessKey { id: user.name, secret: user.secret, session_token }))
            }
            (None, Some(source)) if session_token.is_none() => {
                (Some(self.s3_workload(source, &mut role)?.ok_or_else(|| AddressError::new("identity", kinds))?), None)
            }
            _ => return Err(AddressError::new("identity", kinds)),
        };
        let external_id = self.query.take("external_id")?;
        let identity = match (role, by) {
            (Some(role), by) => Identity::AssumedRole { role, external_id, by },
            (None, _) if external_id.is_some() => {
                return Err(AddressError::new("`external_id`", "together with `role_arn`"));
            }
            (None, Some(from)) => Identity::Workload { from },
            (None, None) => Identity::Keys,
        };
        Ok((identity, secret))
    }

    /// The role of a web identity is `web_role_arn`, or `role_arn` where no other is taken on by it.
    fn s3_workload(
        &mut self,
        source: &str,
        role: &mut Option<String>,
    ) -> Result<Option<WorkloadIdentity>, AddressError> {
        Ok(Some(match source {
            "web" => {
                let own = self.query.take("web_role_arn")?.or_else(|| role.take());
                let role = own.ok_or_else(|| AddressError::new("`role_arn`", "the role that the token is for"))?;
                WorkloadIdentity::Web { role, token_file: self.query.must_have("token_file")? }
            }
            "ecs" => WorkloadIdentity::Ecs { uri: self.query.must_have("uri")? },
            "eks" => WorkloadIdentity::Eks {
                uri: self.query.must_have("uri")?,
                token_file: self.query.must_have("token_file")?,
            },
            "imds" => WorkloadIdentity::Imds,
            _ => return Ok(None),
        }))
    }

    fn encryption(&mut self) -> Result<Option<Encryption>, AddressError> {
        let key = self.query.take("kms")?;
        match (self.query.take("sse")?.as_deref(), key) {
            (None, None) => Ok(None),
            (Some("AES256" | "s3"), None) => Ok(Some(Encryption::S3)),
            (None | Some("aws:kms" | "kms"), key) => Ok(Some(Encryption::Kms { key })),
            _ => Err(AddressError::new("`sse`", "`AES256`, or `aws:kms`, with `kms=` for a key of one's own")),
        }
    }

    /// `proxy=` names a proxy, or, as in the older grammar, whether bytes go through the server.
    fn network(&mut self) -> Result<(DataPath, Network), AddressError> {
        let mut path = self.query.take("data_path")?;
        let mut proxy = self.query.take("proxy")?;
        if let Some(word @ ("auto" | "always" | "never")) = proxy.as_deref() {
            if path.is_some() {
                return Err(AddressError::new("`proxy`", "either that or `data_path`"));
            }
            path = Some(
                if word == "auto" {
                    "auto"
                } else if word == "always" {
                    "proxy"
                } else {
                    "direct"
                }
                .to_owned(),
            );
            proxy = None;
        }
        let data_path = match path.as_deref() {
            None | Some("auto") => DataPath::Auto,
            Some("direct") => DataPath::Direct,
            Some("proxy") => DataPath::Proxy,
            Some(_) => return Err(AddressError::new("`data_path`", "`direct`, `proxy` or `auto`")),
        };
        let client_endpoint = self.query.take("endpoint_public")?;
        Ok((data_path, Network { client_endpoint, ca: self.query.take("ca")?, proxy }))
    }
}

fn with_scheme(host: &str, tls: Option<bool>) -> String {
    format!("{}://{host}", if tls == Some(false) { "http" } else { "https" })
}

/// The region of a host such as `s3.eu-west-1.amazonaws.com`.
fn amazon_region(host: &str) -> Option<&str> {
    let host = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    host.strip_prefix("s3.").filter(|region| !region.contains('.'))
}

/// A `/` at the end says nothing more.
fn prefix_of(text: &str) -> Result<String, AddressError> {
    Ok(decoded(text, "prefix")?.trim_end_matches('/').to_owned())
}

pub(super) fn decoded(text: &str, part: &'static str) -> Result<String, AddressError> {
    let wrong = || AddressError::new(part, "percent-encoded UTF-8");
    // `%` followed by anything else would be kept as it is, and nobody means that.
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if text.split('%').skip(1).any(|rest| !is_escape(rest)) {
        return Err(wrong());
    }
    Ok(percent_decode_str(text).decode_utf8().map_err(|_| wrong())?.into_owned())
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
