//! What a failure means for somebody who has to put it right: the permission or setting that is missing, and the
//! smallest document to paste at the provider.

use super::log::Trouble;
use crate::domain::connector::probe::{Failure, ProbeStep};
use crate::domain::connector::{ConnectorSpec, Encryption, Place};
use crate::domain::outbound::Refusal;
use crate::storage::StoreError;
use crate::storage::http::{Answered, DialError};
use serde_json::{Value, json};

pub(super) const UNFINISHED_UPLOADS: &str = "no rule removes uploads that were never finished: one that aborts incomplete multipart uploads after 7 days saves space";

pub(super) fn failure(step: ProbeStep, spec: &ConnectorSpec, trouble: Trouble) -> Failure {
    let (words, missing, is_forbidden) = match trouble {
        Trouble::Nothing(words) => (words, None, false),
        Trouble::Seen { words, missing } => (words, missing, false),
        Trouble::Store(error) => {
            let meaning = meaning(step, spec, &error);
            (words_of(&error), meaning.missing, meaning.is_forbidden)
        }
    };
    let paste = if step == ProbeStep::Cors { cors(spec) } else { is_forbidden.then(|| policy(spec)).flatten() };
    Failure { words, missing, paste }
}

/// What the provider has to allow for a step.
pub(super) fn permission(step: ProbeStep, place: &Place) -> Option<&'static str> {
    use ProbeStep as Step;
    Some(match (place, step) {
        (Place::Local { .. }, _) => "the right to read and write in this directory",
        (Place::S3 { .. }, Step::List) => "s3:ListBucket",
        (Place::S3 { .. }, Step::Put | Step::ConditionalPut | Step::SignedPut) => "s3:PutObject",
        (Place::S3 { .. }, Step::Head | Step::Get | Step::Range | Step::SignedGet) => "s3:GetObject",
        (Place::S3 { .. }, Step::Multipart) => "s3:PutObject and s3:AbortMultipartUpload",
        (Place::S3 { .. }, Step::Delete) => "s3:DeleteObject",
        (Place::S3 { .. }, Step::Versioning) => "s3:GetBucketVersioning",
        (Place::S3 { .. }, Step::Lifecycle) => "s3:GetLifecycleConfiguration",
        (Place::Gcs { .. }, Step::List) => "storage.objects.list",
        (Place::Gcs { .. }, Step::Put | Step::ConditionalPut | Step::SignedPut) => "storage.objects.create",
        (Place::Gcs { .. }, Step::Head | Step::Get | Step::Range | Step::SignedGet) => "storage.objects.get",
        (Place::Gcs { .. }, Step::Multipart) => "storage.objects.create and storage.multipartUploads.*",
        (Place::Gcs { .. }, Step::Delete) => "storage.objects.delete",
        (Place::Gcs { .. }, Step::Versioning | Step::Lifecycle) => "storage.buckets.get",
        (Place::Azure { .. }, Step::SignedGet | Step::SignedPut) => {
            "the roles `Storage Blob Data Contributor` and `Storage Blob Delegator`"
        }
        (Place::Azure { .. }, _) => "the role `Storage Blob Data Contributor` on the container",
        _ => return None,
    })
}

struct Meaning {
    missing: Option<String>,
    /// Whoever comes is known, and may not.
    is_forbidden: bool,
}

fn meaning(step: ProbeStep, spec: &ConnectorSpec, error: &StoreError) -> Meaning {
    let setting = |text: &str| Meaning { missing: Some(text.to_owned()), is_forbidden: false };
    match error {
        StoreError::Refused(answered) => meaning_of_answer(step, spec, answered),
        StoreError::Unreachable(why) => setting(meaning_of_dial(why)),
        StoreError::NotFound => setting("what was just written: something else deletes it, or hides it"),
        StoreError::Full => setting("space, or a larger quota"),
        // What the store says in an answer about several objects comes here too.
        StoreError::Unavailable(words) if words.contains("AccessDenied") => forbidden(step, &spec.place),
        StoreError::AlreadyExists | StoreError::Unavailable(_) | StoreError::Settings(_) => {
            Meaning { missing: None, is_forbidden: false }
        }
    }
}

fn meaning_of_dial(why: &DialError) -> &'static str {
    match why {
        DialError::Unknown { .. } => {
            "a name that is known: look at the spelling of the endpoint, and at the name server of this machine"
        }
        DialError::Refused { refusal: Refusal::Metadata, .. } => {
            "another endpoint: this one is where a cloud tells a machine who it is, and no setting opens it"
        }
        DialError::Refused { refusal: Refusal::NotNamed, .. } => {
            "the operator's leave: addresses of this machine and its link are gone to only where `storage.allow_endpoints` \
             in the settings file names the host"
        }
        DialError::Connection { .. } | DialError::Slow { .. } => {
            "a way there: is the store running, is the port right, does a firewall let this server through?"
        }
        DialError::Tls { .. } => {
            "a certificate that this server trusts, for this very name: give the authority's with `ca`, or mend the endpoint"
        }
        DialError::Proxy { .. } => "a proxy that leads there",
        DialError::Address(_) => "an endpoint such as `https://s3.example.com`",
        DialError::Authority(_) => "certificates in PEM as `ca`",
    }
}

fn meaning_of_answer(step: ProbeStep, spec: &ConnectorSpec, answered: &Answered) -> Meaning {
    let setting = |text: String| Meaning { missing: Some(text), is_forbidden: false };
    match answered.code.as_str() {
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "AuthenticationFailed"
        | "InvalidSecurity"
        | "InvalidToken"
        | "ExpiredToken"
        | "UnknownKey"
        | "NotSignedUp"
        | "invalid_client"
        | "invalid_grant"
        | "unauthorized_client"
        | "Unauthenticated"
        | "UNAUTHENTICATED"
        | "NoAuthenticationInformation" => {
            setting("the right credentials: give them again with `weighhouse connector rotate`".into())
        }
        "NoSuchBucket" | "ContainerNotFound" | "NoSuchContainer" | "AccountNotFound" => {
            setting(format!("{}: make it first, or mend its name", bucket(&spec.place)))
        }
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "TemporaryRedirect"
        | "InvalidRegion"
        | "IllegalLocationConstraintException"
        | "CredentialScopeMismatch" => {
            setting("the region that the bucket is in: the store's words may name it".into())
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            setting("the right time: let this machine's clock follow a time server".into())
        }
        code if code.starts_with("KMS") || answered.words.to_ascii_lowercase().contains("kms") => Meaning {
            missing: Some("kms:GenerateDataKey and kms:Decrypt on the key that encrypts the bucket".into()),
            is_forbidden: true,
        },
        "MethodNotAllowed" | "NotImplemented" | "InvalidRequest" => {
            setting("a store that knows this request; what is not needed goes through the server".into())
        }
        // A redirection without a code: the region, or a bucket that is reached in another style.
        _ if (300..400).contains(&answered.status) => {
            setting("the region that the bucket is in, or the other style of path".into())
        }
        _ if answered.status == 401 => {
            setting("the right credentials: give them again with `weighhouse connector rotate`".into())
        }
        _ if answered.status == 403 => forbidden(step, &spec.place),
        _ => Meaning { missing: None, is_forbidden: false },
    }
}

fn forbidden(step: ProbeStep, place: &Place) -> Meaning {
    Meaning { missing: permission(step, place).map(str::to_owned), is_forbidden: true }
}

fn words_of(error: &StoreError) -> String {
    match error {
        StoreError::Refused(answered) => answered.to_string(),
        StoreError::Unreachable(why) => why.to_string(),
        other => other.to_string(),
    }
}

fn bucket(place: &Place) -> String {
    match place {
        Place::Local { directory } => format!("the directory `{directory}`"),
        Place::S3 { bucket, .. } | Place::Gcs { bucket, .. } => format!("the bucket `{bucket}`"),
        Place::Azure { account, container, .. } => format!("the container `{container}` of the account `{account}`"),
    }
}

/// The least that whoever the connector comes as has to be allowed.
pub(super) fn policy(spec: &ConnectorSpec) -> Option<String> {
    match &spec.place {
        Place::Local { .. } => None,
        Place::S3 { bucket, encryption, region, .. } => {
            Some(pretty(&s3_policy(spec, bucket, region, encryption.as_ref())))
        }
        Place::Gcs { bucket, .. } => Some(format!(
            "gcloud storage buckets add-iam-policy-binding gs://{bucket} \\\n  \
             --member=serviceAccount:SERVICE_ACCOUNT --role=roles/storage.objectAdmin\n\
             gcloud storage buckets add-iam-policy-binding gs://{bucket} \\\n  \
             --member=serviceAccount:SERVICE_ACCOUNT --role=roles/storage.legacyBucketReader"
        )),
        Place::Azure { account, container, .. } => Some(format!(
            "SCOPE=$(az storage account show --name {account} --query id --output tsv)\n\
             az role assignment create --assignee CLIENT_ID --role \"Storage Blob Data Contributor\" \\\n  \
             --scope \"$SCOPE/blobServices/default/containers/{container}\"\n\
             az role assignment create --assignee CLIENT_ID --role \"Storage Blob Delegator\" --scope \"$SCOPE\""
        )),
    }
}

fn s3_policy(spec: &ConnectorSpec, bucket: &str, region: &str, encryption: Option<&Encryption>) -> Value {
    let partition = if region.starts_with("cn-") { "aws-cn" } else { "aws" };
    let arn = format!("arn:{partition}:s3:::{bucket}");
    let below = if spec.prefix.is_empty() { "*".to_owned() } else { format!("{}/*", spec.prefix) };
    let mut statements = vec![
        json!({
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "Resource": format!("{arn}/{below}"),
        }),
        json!({
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration"],
            "Resource": arn,
        }),
    ];
    if let Some(Encryption::Kms { key }) = encryption {
        statements.push(json!({
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": key.as_deref().unwrap_or("ARN_OF_THE_KEY"),
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The rule by which browsers may come to the store themselves.
pub(super) fn cors(spec: &ConnectorSpec) -> Option<String> {
    let methods = ["GET", "HEAD", "PUT"];
    match &spec.place {
        Place::Local { .. } => None,
        Place::S3 { .. } => Some(pretty(&json!([{
            "AllowedOrigins": ["URL_OF_THIS_SERVER"],
            "AllowedMethods": methods,
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3000,
        }]))),
        Place::Gcs { .. } => Some(pretty(&json!([{
            "origin": ["URL_OF_THIS_SERVER"],
            "method": methods,
            "responseHeader": ["Content-Type", "Content-MD5", "ETag", "x-goog-if-generation-match"],
            "maxAgeSeconds": 3000,
        }]))),
        Place::Azure { account, .. } => Some(format!(
            "az storage cors add --services b --account-name {account} --methods GET HEAD PUT OPTIONS \\\n  \
             --origins URL_OF_THIS_SERVER --allowed-headers '*' --exposed-headers '*' --max-age 3000"
        )),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
