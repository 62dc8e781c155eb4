//! A role at S3 that the store's owner lets us take on: asked for at the security token service, signed as what we are.

use super::ask;
use super::cached::Source;
use crate::storage::http::{Http, element};
use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::HttpRequestBody;
use object_store::{Error, Result};
use std::time::Duration;
use url::form_urlencoded;

/// The longest that a role may be taken on by a role.
const LASTS: Duration = Duration::from_secs(60 * 60);

pub(super) struct Role {
    pub http: Http,
    /// What we are.
    pub by: AwsCredentialProvider,
    /// The address of the service.
    pub service: String,
    pub region: String,
    pub role: String,
    pub external_id: Option<String>,
}

impl Role {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "AssumeRole").append_pair("Version", "2011-06-15");
        form.append_pair("RoleArn", &self.role).append_pair("RoleSessionName", "weighhouse");
        form.append_pair("DurationSeconds", &LASTS.as_secs().to_string());
        if let Some(id) = &self.external_id {
            form.append_pair("ExternalId", id);
        }
        form.finish()
    }
}

#[async_trait]
impl Source for Role {
    type Credential = AwsCredential;

    async fn fetch(&self) -> Result<(AwsCredential, Duration)> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.service))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(HttpRequestBody::from(self.form()))
            .map_err(|error| Error::Generic { store: "STS", source: Box::new(error) })?;
        let by = self.by.get_credential().await?;
        AwsAuthorizer::new(&by, "sts", &self.region).try_authorize(&mut request, None)?;
        let answer = ask("STS", &self.http, request).await?;
        let part = |name: &str| {
            let found = element(&answer, name);
            let missing = || Error::Generic { store: "STS", source: format!("its answer has no {name}").into() };
            if found.is_empty() { Err(missing()) } else { Ok(found) }
        };
        let credential = AwsCredential {
            key_id: part("AccessKeyId")?,
            secret_key: part("SecretAccessKey")?,
            token: Some(part("SessionToken")?),
        };
        Ok((credential, LASTS))
    }
}

impl std::fmt::Debug for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Role({})", self.role)
    }
}
