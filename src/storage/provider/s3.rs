//! Amazon S3, and whatever speaks its protocol.

use super::cached::Cached;
use super::role::Role;
use super::{Opening, TEMPORARY_SECS, endpoint, retry, settings};
use crate::domain::connector::{Encryption, Identity, Place, StoreSecret, WorkloadIdentity};
use crate::storage::direct::{Dialect, Direct};
use crate::storage::error::StoreError;
use crate::storage::http::Http;
use crate::storage::store::Store;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use std::sync::Arc;
use std::time::Duration;

/// A role is taken on anew when less than this is left of it.
const ROLE_SECS: u64 = 15 * 60;

const ENCRYPTION: &str = "x-amz-server-side-encryption";
const ENCRYPTION_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// The machine's role, from its own service.
const MACHINE: &[&str] = &["169.254.169.254"];
const CONTAINER: &[&str] = &["169.254.170.2"];
const POD: &[&str] = &["169.254.170.23", "[fd00:ec2::23]"];

/// A bucket, as [`Place::S3`] has it.
struct Bucket<'a> {
    name: &'a str,
    region: &'a str,
    endpoint: Option<&'a str>,
    path_style: bool,
    encryption: Option<&'a Encryption>,
}

/// As whom the server comes, and how long that lasts at least once it is asked for.
struct Credentials {
    provider: AwsCredentialProvider,
    lasts_secs: Option<u64>,
}

pub(super) fn connect(opening: &Opening<'_>) -> Result<Store, StoreError> {
    let Place::S3 { bucket, region, endpoint, path_style, encryption } = &opening.spec.place else {
        return Err(opening.mismatch());
    };
    let bucket = Bucket {
        name: bucket,
        region,
        endpoint: endpoint.as_deref(),
        path_style: *path_style,
        encryption: encryption.as_ref(),
    };
    let (http, credentials) = (opening.http()?, credentials(opening, &bucket)?);
    let store = bucket.open(bucket.endpoint, &http, &credentials)?;
    let for_clients = match &opening.spec.network.client_endpoint {
        Some(endpoint) => bucket.open(Some(endpoint), &http, &credentials)?,
        None => store.clone(),
    };
    let direct = Direct {
        dialect: Dialect::S3,
        signer: Arc::new(for_clients),
        clients_go_to: None,
        parts: Some(Arc::new(store.clone())),
        prefix: opening.spec.prefix.clone(),
        encryption: bucket.encryption_headers(),
        longest_secs: credentials.lasts_secs,
    };
    let tells_md5 = !matches!(bucket.encryption, Some(Encryption::Kms { .. }));
    Ok(Store::bucket(opening.below_prefix(store), tells_md5, Some(direct)))
}

impl Bucket<'_> {
    fn open(&self, endpoint: Option<&str>, http: &Http, credentials: &Credentials) -> Result<AmazonS3, StoreError> {
        let address = self.address(endpoint)?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(self.name)
            .with_region(self.region)
            // Under TLS nobody changes the bytes on their way, and hashing them once more is dear.
            .with_unsigned_payload(address.starts_with("https://"))
            .with_endpoint(address)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_credentials(Arc::clone(&credentials.provider))
            .with_retry(retry())
            .with_http_connector(http.clone());
        match self.encryption {
            Some(Encryption::S3) => {
                builder = builder.with_config(encryption_key("aws_server_side_encryption"), "AES256");
            }
            Some(Encryption::Kms { key }) => {
                builder = builder.with_config(encryption_key("aws_server_side_encryption"), "aws:kms");
                if let Some(key) = key {
                    builder = builder.with_config(encryption_key("aws_sse_kms_key_id"), key);
                }
            }
            None => {}
        }
        builder.build().map_err(|error| settings(&error))
    }

    /// The address that the library appends keys to, or the bucket and keys in the path style.
    fn address(&self, other: Option<&str>) -> Result<String, StoreError> {
        let mut url = match other {
            Some(other) => endpoint(other)?,
            None => endpoint(&format!("https://s3.{}.{}", self.region, domain(self.region)))?,
        };
        if !self.path_style {
            let host = format!("{}.{}", self.name, url.host_str().unwrap_or_default());
            let wrong = |_| StoreError::Settings(format!("the bucket cannot be part of a host: `{host}`"));
            url.set_host(Some(&host)).map_err(wrong)?;
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Who gives roles out: Amazon for its own stores, and other stores themselves.
    fn token_service(&self) -> Result<String, StoreError> {
        let elsewhere = self.endpoint.map(endpoint).transpose()?;
        let elsewhere = elsewhere.filter(|url| !url.host_str().unwrap_or_default().contains(".amazonaws.com"));
        Ok(match elsewhere {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://sts.{}.{}", self.region, domain(self.region)),
        })
    }

    /// What uploads have to ask for, because URLs are signed without it otherwise.
    fn encryption_headers(&self) -> Vec<(&'static str, String)> {
        match self.encryption {
            None => Vec::new(),
            Some(Encryption::S3) => vec![(ENCRYPTION, "AES256".into())],
            Some(Encryption::Kms { key }) => {
                let key = key.iter().map(|key| (ENCRYPTION_KEY, key.clone()));
                std::iter::once((ENCRYPTION, "aws:kms".into())).chain(key).collect()
            }
        }
    }
}

/// Amazon's own, of the region.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn encryption_key(name: &str) -> AmazonS3ConfigKey {
    name.parse().expect("the library knows its own names")
}

fn credentials(opening: &Opening<'_>, bucket: &Bucket<'_>) -> Result<Credentials, StoreError> {
    match (&opening.spec.identity, opening.secret) {
        (Identity::Keys, Some(secret)) => keys(opening, secret),
        (Identity::Workload { from }, None) => workload(opening, bucket, from),
        (Identity::AssumedRole { role, external_id, by }, secret) => {
            let by = match (by, secret) {
                (Some(from), None) => workload(opening, bucket, from)?,
                (None, Some(secret)) => keys(opening, secret)?,
                _ => return Err(opening.mismatch()),
            };
            let role = Role {
                http: opening.http()?,
                by: by.provider,
                service: bucket.token_service()?,
                region: bucket.region.to_owned(),
                role: role.clone(),
                external_id: external_id.clone(),
            };
            let provider = Arc::new(Cached::new(role, Duration::from_secs(ROLE_SECS)));
            Ok(Credentials { provider, lasts_secs: Some(ROLE_SECS) })
        }
        _ => Err(opening.mismatch()),
    }
}

fn keys(opening: &Opening<'_>, secret: &StoreSecret) -> Result<Credentials, StoreError> {
    let StoreSecret::AccessKey { id, secret, session_token } = secret else { return Err(opening.mismatch()) };
    // How long a session still lasts, nobody can tell from its token.
    let lasts_secs = session_token.as_ref().map(|_| TEMPORARY_SECS);
    let credential = AwsCredential { key_id: id.clone(), secret_key: secret.clone(), token: session_token.clone() };
    Ok(Credentials { provider: Arc::new(StaticCredentialProvider::new(credential)), lasts_secs })
}

/// What the library makes of the one identity that it is told. Of the builder only that is used.
fn workload(opening: &Opening<'_>, bucket: &Bucket<'_>, from: &WorkloadIdentity) -> Result<Credentials, StoreError> {
    use AmazonS3ConfigKey as Key;
    let builder = AmazonS3Builder::new().with_bucket_name(bucket.name).with_region(bucket.region).with_retry(retry());
    let (builder, machine) = match from {
        WorkloadIdentity::Web { role, token_file } => {
            let builder = builder
                .with_config(Key::WebIdentityTokenFile, token_file)
                .with_config(Key::RoleArn, role)
                .with_config(Key::RoleSessionName, "weighhouse")
                .with_config(Key::StsEndpoint, bucket.token_service()?);
            (builder, &[][..])
        }
        // A path, which the library appends to the address: nothing else may come behind that.
        WorkloadIdentity::Ecs { uri } if uri.starts_with('/') => {
            (builder.with_config(Key::ContainerCredentialsRelativeUri, uri), CONTAINER)
        }
        WorkloadIdentity::Eks { uri, token_file } => {
            let builder = builder
                .with_config(Key::ContainerCredentialsFullUri, uri)
                .with_config(Key::ContainerAuthorizationTokenFile, token_file);
            (builder, POD)
        }
        WorkloadIdentity::Imds => (builder, MACHINE),
        _ => return Err(opening.mismatch()),
    };
    let built = builder.with_http_connector(opening.identity_http(machine)?).build();
    let provider = Arc::clone(built.map_err(|error| settings(&error))?.credentials());
    Ok(Credentials { provider, lasts_secs: Some(TEMPORARY_SECS) })
}
