//! What has to hold of a connector before anything is tried with it. Much of it ends in URLs, paths and headers, so
//! each part is held to the characters that it can have.

use super::{ConnectorSpec, Encryption, Identity, Network, Place, WorkloadIdentity};
use crate::domain::pem;
use url::Url;

const NAME_CHARS: usize = 222;
const PREFIX_CHARS: usize = 200;
const VALUE_CHARS: usize = 2048;
const CA_BYTES: usize = 48 << 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {expected}")]
pub struct SpecError {
    /// `bucket`, `endpoint`, `ca` …
    pub field: &'static str,
    pub expected: String,
}

type Checked = Result<(), SpecError>;

fn error(field: &'static str, expected: impl Into<String>) -> SpecError {
    SpecError { field, expected: expected.into() }
}

fn ensure(holds: bool, field: &'static str, expected: &str) -> Checked {
    if holds { Ok(()) } else { Err(error(field, expected)) }
}

impl ConnectorSpec {
    /// Whether all parts can be what they are, and go together.
    pub fn check(&self) -> Checked {
        self.place.check()?;
        check_prefix(&self.prefix)?;
        self.check_identity()?;
        self.network.check(&self.place)
    }

    fn check_identity(&self) -> Checked {
        let fits = match (&self.place, &self.identity) {
            (Place::Local { .. }, identity) => *identity == Identity::Process,
            (Place::S3 { .. }, Identity::Keys) => true,
            (Place::S3 { .. }, Identity::Workload { from }) => from.is_of_s3(),
            (Place::S3 { .. }, Identity::AssumedRole { by, .. }) => by.as_ref().is_none_or(WorkloadIdentity::is_of_s3),
            (Place::Gcs { .. }, Identity::Keys) => true,
            (Place::Gcs { .. }, Identity::Workload { from }) => {
                matches!(from, WorkloadIdentity::Adc { .. } | WorkloadIdentity::Metadata)
            }
            (Place::Azure { .. }, Identity::Workload { from }) => {
                matches!(from, WorkloadIdentity::Workload { .. } | WorkloadIdentity::Managed { .. })
            }
            (Place::Azure { .. }, Identity::Keys | Identity::SharedAccess | Identity::ClientSecret { .. }) => true,
            _ => false,
        };
        ensure(fits, "identity", "a kind that this provider has")?;
        match &self.identity {
            Identity::Process | Identity::Keys | Identity::SharedAccess => Ok(()),
            Identity::ClientSecret { tenant, client } => check_guid("tenant", tenant).and(check_guid("client", client)),
            Identity::Workload { from } => from.check(),
            Identity::AssumedRole { role, external_id, by } => {
                check_value("role_arn", role)?;
                external_id.iter().try_for_each(|id| check_value("external_id", id))?;
                by.iter().try_for_each(WorkloadIdentity::check)
            }
        }
    }
}

impl Place {
    fn check(&self) -> Checked {
        match self {
            Self::Local { directory } => {
                let is_plain =
                    directory.starts_with('/') && !directory.contains('\0') && directory.len() <= VALUE_CHARS;
                ensure(
                    is_plain && !directory.split('/').any(|part| part == ".."),
                    "directory",
                    "an absolute path without `..`",
                )
            }
            Self::S3 { bucket, region, endpoint, encryption, .. } => {
                check_name("bucket", bucket)?;
                check_name("region", region)?;
                if let Some(Encryption::Kms { key: Some(key) }) = encryption {
                    check_value("kms", key)?;
                }
                endpoint.iter().try_for_each(|endpoint| check_endpoint("endpoint", endpoint, false))
            }
            Self::Gcs { bucket, endpoint } => {
                check_name("bucket", bucket)?;
                endpoint.iter().try_for_each(|endpoint| check_endpoint("endpoint", endpoint, false))
            }
            Self::Azure { account, container, endpoint } => {
                let is_account = account.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
                ensure(is_account && (3..=24).contains(&account.len()), "account", "3 to 24 small letters and digits")?;
                let is_container =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-$".contains(&byte);
                let fits = (3..=63).contains(&container.len()) && container.bytes().all(is_container);
                ensure(fits, "container", "3 to 63 small letters, digits and `-`")?;
                endpoint.iter().try_for_each(|endpoint| check_endpoint("endpoint", endpoint, true))
            }
        }
    }
}

impl WorkloadIdentity {
    fn is_of_s3(&self) -> bool {
        matches!(self, Self::Web { .. } | Self::Ecs { .. } | Self::Eks { .. } | Self::Imds)
    }

    fn check(&self) -> Checked {
        match self {
            Self::Imds | Self::Metadata => Ok(()),
            Self::Web { role, token_file } => check_value("role_arn", role).and(check_file("token_file", token_file)),
            Self::Ecs { uri } => check_value("uri", uri).and(ensure(uri.starts_with('/'), "uri", "a path: `/v2/…`")),
            Self::Eks { uri, token_file } => {
                let is_url = Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
                ensure(is_url && uri.len() <= VALUE_CHARS, "uri", "a URL of the pod's identity service")?;
                check_file("token_file", token_file)
            }
            Self::Adc { file } => check_file("file", file),
            Self::Workload { tenant, client, token_file } => {
                check_guid("tenant", tenant)?;
                check_guid("client", client)?;
                check_file("token_file", token_file)
            }
            Self::Managed { client } => client.iter().try_for_each(|client| check_guid("client", client)),
        }
    }
}

impl Network {
    fn check(&self, place: &Place) -> Checked {
        if matches!(place, Place::Local { .. }) {
            return ensure(*self == Self::default(), "network", "nothing: a directory is reached by no network");
        }
        let has_path = matches!(place, Place::Azure { .. });
        let endpoint = self.client_endpoint.iter();
        endpoint.into_iter().try_for_each(|endpoint| check_endpoint("endpoint_public", endpoint, has_path))?;
        if let Some(ca) = &self.ca {
            let is_pem = ca.len() <= CA_BYTES && pem::read("CERTIFICATE", ca).is_some();
            ensure(is_pem, "ca", "certificates in PEM, 48 KiB at most")?;
        }
        if let Some(proxy) = &self.proxy {
            check_endpoint("proxy", proxy, false)?;
            ensure(proxy.starts_with("http://"), "proxy", "`http://host:port`")?;
        }
        Ok(())
    }
}

/// `[A-Za-z0-9._/-]`, no `/` at either end or twice, no `.` or `..` between them.
fn check_prefix(prefix: &str) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let fits = prefix.is_empty() || (prefix.bytes().all(plain) && prefix.split('/').all(is_part));
    ensure(fits && prefix.len() <= PREFIX_CHARS, "prefix", "letters, digits, `.`, `_`, `-` in parts between single `/`")
}

/// Buckets and regions, which become parts of hosts and paths.
fn check_name(field: &'static str, name: &str) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(plain);
    let is_inside = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.contains("..");
    ensure(fits && is_inside, field, "letters, digits, `.`, `_` and `-`")
}

fn check_endpoint(field: &'static str, text: &str, has_path: bool) -> Checked {
    let expected = "`https://host[:port]`, without a user, a query and a path";
    let url = Url::parse(text).map_err(|_| error(field, expected))?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_bare = url.query().is_none() && url.fragment().is_none() && (has_path || url.path() == "/");
    ensure(is_http && is_plain && is_bare && text.len() <= VALUE_CHARS, field, expected)
}

/// What is sent as it is.
fn check_value(field: &'static str, value: &str) -> Checked {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    ensure(is_plain && (1..=VALUE_CHARS).contains(&value.len()), field, "visible ASCII characters")
}

/// Tenants may also be named by a domain.
fn check_guid(field: &'static str, value: &str) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    ensure((1..=NAME_CHARS).contains(&value.len()) && value.bytes().all(plain), field, "an id such as `72f988bf-…`")
}

fn check_file(field: &'static str, path: &str) -> Checked {
    let is_plain = path.starts_with('/') && path.len() <= VALUE_CHARS && !path.contains('\0');
    ensure(is_plain, field, "the absolute path of a file")
}
