//! Credentials as providers hand them out, and which of them an identity needs.

use super::given::BadConnector;
use super::{ConnectorSpec, Identity, Place, StoreSecret, WorkloadIdentity};
use serde_json::Value;

impl ConnectorSpec {
    /// Whether everything can be what it is, and goes together with these credentials.
    pub fn check_with(&self, secret: Option<&StoreSecret>) -> Result<(), BadConnector> {
        self.check()?;
        check_secret(&self.identity, &self.place, secret)
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

impl StoreSecret {
    /// Reads credentials for this connector. S3: `ID:SECRET`, the lines of a credentials file of AWS, or the JSON that its
    /// tools print. GCS: the JSON file of a service account. Azure: the key, signature or secret itself.
    pub fn parse(spec: &ConnectorSpec, text: &str) -> Result<Self, BadConnector> {
        let (text, wrong) = (text.trim(), |why: &str| BadConnector::new("credentials", why));
        if text.is_empty() {
            return Err(wrong("the credentials are empty"));
        }
        match (&spec.identity, &spec.place) {
            (Identity::Keys | Identity::AssumedRole { by: None, .. }, Place::S3 { .. }) => {
                access_key(text).ok_or_else(|| {
                    wrong(
                        "these are no access key: write `ID:SECRET`, or the lines `aws_access_key_id = …` and \
                     `aws_secret_access_key = …`, or JSON with `AccessKeyId` and `SecretAccessKey`",
                    )
                })
            }
            (Identity::Keys, Place::Gcs { .. }) if is_service_account(text) => {
                Ok(Self::ServiceAccount { json: text.to_owned() })
            }
            (Identity::Keys, Place::Gcs { .. }) => {
                Err(wrong("this is no key of a service account: a JSON file with `client_email` and `private_key`"))
            }
            (Identity::Keys, Place::Azure { .. }) => Ok(Self::AccountKey { key: one_line(text)? }),
            (Identity::SharedAccess, Place::Azure { .. }) if text.contains("sig=") => {
                Ok(Self::SharedAccess { signature: one_line(text.trim_start_matches('?'))? })
            }
            (Identity::SharedAccess, Place::Azure { .. }) => {
                Err(wrong("this is no shared access signature: it has no `sig=`"))
            }
            (Identity::ClientSecret { .. }, Place::Azure { .. }) => Ok(Self::ClientSecret { secret: one_line(text)? }),
            _ => Err(wrong("a connector with this identity takes no credentials")),
        }
    }
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

fn one_line(text: &str) -> Result<String, BadConnector> {
    if text.contains(char::is_whitespace) {
        return Err(BadConnector::new("credentials", "the credentials have a blank or a line end in them"));
    }
    Ok(text.to_owned())
}

fn access_key(text: &str) -> Option<StoreSecret> {
    let (id, secret, session_token) = if text.starts_with('{') {
        let read: Value = serde_json::from_str(text).ok()?;
        let field = |names: [&str; 2]| names.iter().find_map(|name| read[name].as_str()).map(str::to_owned);
        (
            field(["AccessKeyId", "aws_access_key_id"])?,
            field(["SecretAccessKey", "aws_secret_access_key"])?,
            field(["SessionToken", "aws_session_token"]),
        )
    } else if text.contains("aws_access_key_id") {
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        (field("aws_access_key_id")?, field("aws_secret_access_key")?, field("aws_session_token"))
    } else {
        let (id, secret) = text.split_once(':')?;
        (id.trim().to_owned(), secret.trim().to_owned(), None)
    };
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let session_token = session_token.filter(|token| !token.is_empty());
    (is_word(&id) && is_word(&secret)).then_some(StoreSecret::AccessKey { id, secret, session_token })
}

fn is_service_account(text: &str) -> bool {
    let read: Value = serde_json::from_str(text).unwrap_or_default();
    read["client_email"].is_string() && read["private_key"].is_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str, token: Option<&str>) -> Option<StoreSecret> {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        Some(StoreSecret::AccessKey { id, secret, session_token: token.map(str::to_owned) })
    }

    #[test]
    fn access_keys_are_read_in_the_forms_they_are_handed_out_in() {
        assert_eq!(access_key("AKIA:a/b+c="), key("AKIA", "a/b+c=", None));
        let file = "[default]\naws_access_key_id = AKIA\naws_secret_access_key=a=b\n";
        assert_eq!(access_key(file), key("AKIA", "a=b", None));
        let json = r#"{"AccessKeyId": "AKIA", "SecretAccessKey": "s", "SessionToken": "t"}"#;
        assert_eq!(access_key(json), key("AKIA", "s", Some("t")));
        for wrong in ["AKIA", ":s", "AKIA:", "{}", "a b:c", "aws_access_key_id = AKIA"] {
            assert_eq!(access_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_credentials_nobody_comes_in_as_the_machine_by_accident() {
        let place = Place::Gcs { bucket: "b".into(), endpoint: None };

        assert!(check_secret(&Identity::Keys, &place, None).is_err());
        let other = StoreSecret::AccountKey { key: "k".into() };
        assert!(check_secret(&Identity::Keys, &place, Some(&other)).is_err());
        let machine = Identity::Workload { from: WorkloadIdentity::Metadata };
        assert_eq!(check_secret(&machine, &place, None), Ok(()));
        assert!(check_secret(&machine, &place, Some(&other)).is_err());
    }
}
