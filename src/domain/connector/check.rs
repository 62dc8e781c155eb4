//! What a connector can be: names and endpoints in form, an identity that its provider knows, and the credentials that
//! the identity needs and no others.

use super::given::BadConnector;
use super::{ConnectorSpec, Encryption, Identity, Place, StoreSecret, WorkloadIdentity};
use std::path::{Component, Path};
use url::Url;

const PREFIX_CHARS_MAX: usize = 512;
const NAME_CHARS_MAX: usize = 255;
const TEXT_CHARS_MAX: usize = 2048;

impl ConnectorSpec {
    pub fn check(&self, secret: Option<&StoreSecret>) -> Result<(), BadConnector> {
        check_place(&self.place)?;
        check_prefix(&self.prefix)?;
        check_identity(&self.identity, &self.place)?;
        check_secret(&self.identity, &self.place, secret)?;
        if let Some(endpoint) = &self.network.client_endpoint {
            check_endpoint("client_endpoint", endpoint)?;
            if matches!(self.place, Place::Gcs { .. } | Place::Local { .. }) {
                let message = "clients of this provider cannot be given another endpoint: use `data_path` = `proxy`";
                return Err(BadConnector::new("client_endpoint", message));
            }
        }
        if let Some(proxy) = &self.network.proxy {
            check_endpoint("proxy", proxy)?;
        }
        match &self.network.ca {
            Some(ca) if !ca.contains("-----BEGIN CERTIFICATE-----") => {
                Err(BadConnector::new("ca", "these are no certificates in PEM (`BEGIN CERTIFICATE`)"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it names files or addresses of the machine that the server runs on: who may say so is the operator there.
    pub fn is_of_the_machine(&self) -> bool {
        let names_files = |identity: &WorkloadIdentity| {
            !matches!(identity, WorkloadIdentity::Imds | WorkloadIdentity::Metadata | WorkloadIdentity::Managed { .. })
        };
        match (&self.place, &self.identity) {
            (Place::Local { .. }, _) => true,
            (_, Identity::Workload { from }) => names_files(from),
            (_, Identity::AssumedRole { by, .. }) => by.as_ref().is_some_and(names_files),
            _ => false,
        }
    }
}

fn check_place(place: &Place) -> Result<(), BadConnector> {
    let endpoint = match place {
        Place::Local { directory } => return check_directory(directory),
        Place::S3 { bucket, region, endpoint, encryption, .. } => {
            check_name("bucket", bucket)?;
            check_name("region", region)?;
            if let Some(Encryption::Kms { key: Some(key) }) = encryption {
                check_text("encryption", key)?;
            }
            endpoint
        }
        Place::Gcs { bucket, endpoint } => {
            check_name("bucket", bucket)?;
            endpoint
        }
        Place::Azure { account, container, endpoint } => {
            check_name("account", account)?;
            check_name("container", container)?;
            endpoint
        }
    };
    endpoint.as_ref().map_or(Ok(()), |endpoint| check_endpoint("endpoint", endpoint))
}

/// Of buckets, containers, accounts and regions: the letters that all of them share, and what compatible stores add.
fn check_name(field: &'static str, name: &str) -> Result<(), BadConnector> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && is_plain && !name.starts_with('.') {
        return Ok(());
    }
    let message = format!("the {field} has 1 to {NAME_CHARS_MAX} letters, digits, `.`, `_` and `-`");
    Err(BadConnector::new(field, message))
}

fn check_text(field: &'static str, text: &str) -> Result<(), BadConnector> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if (1..=TEXT_CHARS_MAX).contains(&text.len()) && is_plain {
        return Ok(());
    }
    Err(BadConnector::new(field, format!("the {field} has a name that is empty, too long, or has blanks in it")))
}

fn check_directory(directory: &str) -> Result<(), BadConnector> {
    let path = Path::new(directory);
    let climbs = path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir));
    if path.is_absolute() && !climbs && directory.len() <= TEXT_CHARS_MAX && !directory.contains('\0') {
        return Ok(());
    }
    Err(BadConnector::new("directory", "the directory is an absolute path without `.` and `..`"))
}

/// Keys are signed as they are written, and some clouds sign other characters in another way than they read them.
fn check_prefix(prefix: &str) -> Result<(), BadConnector> {
    let is_plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte));
    let is_path = prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if prefix.len() <= PREFIX_CHARS_MAX && is_plain && is_path {
        return Ok(());
    }
    let message = format!(
        "the prefix has at most {PREFIX_CHARS_MAX} letters, digits, `.`, `_`, `-` and single `/` between them, such as \
         `teams/vision`"
    );
    Err(BadConnector::new("prefix", message))
}

fn check_endpoint(field: &'static str, endpoint: &str) -> Result<(), BadConnector> {
    let wrong = || {
        let message = format!("`{field}` is `https://HOST` or `https://HOST:PORT`, or with http, and nothing after it");
        BadConnector::new(field, message)
    };
    let url = Url::parse(endpoint).map_err(|_| wrong())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let has_more = url.query().is_some() || url.fragment().is_some();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || has_user || has_more {
        return Err(wrong());
    }
    Ok(())
}

fn check_identity(identity: &Identity, place: &Place) -> Result<(), BadConnector> {
    use WorkloadIdentity as From;
    let fits = match (place, identity) {
        (Place::Local { .. }, Identity::Process) => true,
        (Place::Local { .. }, _) => false,
        (_, Identity::Process) => false,
        (_, Identity::Keys) => true,
        (Place::S3 { .. }, Identity::Workload { from }) => is_of_aws(from),
        (Place::S3 { .. }, Identity::AssumedRole { role, by, .. }) => {
            check_text("identity", role)?;
            by.as_ref().is_none_or(is_of_aws)
        }
        (Place::Gcs { .. }, Identity::Workload { from }) => matches!(from, From::Adc { .. } | From::Metadata),
        (Place::Azure { .. }, Identity::Workload { from }) => {
            matches!(from, From::Workload { .. } | From::Managed { .. })
        }
        (Place::Azure { .. }, Identity::SharedAccess | Identity::ClientSecret { .. }) => true,
        (_, Identity::SharedAccess | Identity::ClientSecret { .. } | Identity::AssumedRole { .. }) => false,
    };
    if fits { Ok(()) } else { Err(BadConnector::new("identity", "this provider does not know this kind of identity")) }
}

fn is_of_aws(from: &WorkloadIdentity) -> bool {
    use WorkloadIdentity as From;
    matches!(from, From::Web { .. } | From::Ecs { .. } | From::Eks { .. } | From::Imds)
}

fn check_secret(identity: &Identity, place: &Place, secret: Option<&StoreSecret>) -> Result<(), BadConnector> {
    let is_needed = match identity {
        Identity::Keys | Identity::SharedAccess | Identity::ClientSecret { .. } => true,
        Identity::AssumedRole { by, .. } => by.is_none(),
        Identity::Process | Identity::Workload { .. } => false,
    };
    let Some(secret) = secret else {
        let message = "the identity needs credentials, and none are given";
        return if is_needed { Err(BadConnector::new("credentials", message)) } else { Ok(()) };
    };
    let fits = match (identity, secret) {
        (Identity::Keys, StoreSecret::AccessKey { .. }) => matches!(place, Place::S3 { .. }),
        (Identity::Keys, StoreSecret::ServiceAccount { .. }) => matches!(place, Place::Gcs { .. }),
        (Identity::Keys, StoreSecret::AccountKey { .. }) => matches!(place, Place::Azure { .. }),
        (Identity::SharedAccess, StoreSecret::SharedAccess { .. }) => true,
        (Identity::ClientSecret { .. }, StoreSecret::ClientSecret { .. }) => true,
        (Identity::AssumedRole { by: None, .. }, StoreSecret::AccessKey { .. }) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err(BadConnector::new("credentials", "the identity takes no credentials of this kind")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_endpoints_are_plain() {
        for good in ["", "a", "teams/vision-1/x.y_z"] {
            assert_eq!(check_prefix(good), Ok(()), "{good}");
        }
        for bad in ["/a", "a/", "a//b", "a/../b", ".", "a b", "é", "a%2f", &"x".repeat(513)] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
        for good in ["https://s3.example.com", "http://127.0.0.1:9000", "https://h/account"] {
            assert_eq!(check_endpoint("endpoint", good), Ok(()), "{good}");
        }
        for bad in ["s3.example.com", "ftp://h", "https://u:p@h", "https://h?x=1", "https://h#x", ""] {
            assert!(check_endpoint("endpoint", bad).is_err(), "{bad}");
        }
        for bad in ["relative", "/a/../b", ""] {
            assert!(check_directory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_credentials_nobody_comes_in_as_the_machine_by_accident() {
        let place = Place::Gcs { bucket: "b".into(), endpoint: None };

        assert!(check_secret(&Identity::Keys, &place, None).is_err());
        let other = StoreSecret::AccountKey { key: "k".into() };
        assert!(check_secret(&Identity::Keys, &place, Some(&other)).is_err());
        let from = WorkloadIdentity::Metadata;
        assert_eq!(check_secret(&Identity::Workload { from }, &place, None), Ok(()));
        assert!(check_identity(&Identity::Workload { from: WorkloadIdentity::Imds }, &place).is_err());
    }
}
