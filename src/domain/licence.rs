//! Licences: what one says, and the file it comes in. Whether its signature is good is for `secrets` to say.
//!
//! The file is text: a first line with its kind, the terms as JSON, and a last line with the signature over every byte
//! before that line.

use super::clock::Timestamp;
use super::pem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A licence is a few hundred bytes; anything larger is the wrong file.
pub const LICENCE_BYTES_MAX: usize = 64 * 1024;
const HOLDER_CHARS_MAX: usize = 200;
const FIRST_LINE: &str = "weighhouse license 1\n";
const LAST_LINE: &str = "\nsignature ";
const DAY_FORMAT: &str = "%Y-%m-%d";
/// What comes before the key itself in an Ed25519 public key (RFC 8410).
const PUBLIC_KEY_BEGINS: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PUBLIC_KEY_LABEL: &str = "PUBLIC KEY";

/// What a licence can turn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    ServiceAccounts,
    CustomRoles,
    ViewOnly,
    AuditLog,
    StorageConnector,
    Sso,
    Scim,
}

impl Feature {
    pub const ALL: [Feature; 7] = [
        Self::ServiceAccounts,
        Self::CustomRoles,
        Self::ViewOnly,
        Self::AuditLog,
        Self::StorageConnector,
        Self::Sso,
        Self::Scim,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccounts => "service_accounts",
            Self::CustomRoles => "custom_roles",
            Self::ViewOnly => "view_only",
            Self::AuditLog => "audit_log",
            Self::StorageConnector => "storage_connector",
            Self::Sso => "sso",
            Self::Scim => "scim",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many there may be; absent is any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatLimits {
    /// People with a full seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u32>,
    /// People who are view-only wherever they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_view_only_users: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_teams: Option<u32>,
}

/// A day of the calendar in UTC, such as `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(NaiveDate);

impl Day {
    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(NaiveDate::parse_from_str(text, DAY_FORMAT).ok()?);
        (day.to_string() == text).then_some(day)
    }

    /// Its first moment.
    pub fn begins(self) -> Timestamp {
        Timestamp(self.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
    }

    /// The first moment after it.
    pub fn ends(self) -> Timestamp {
        self.begins().plus_secs(86_400)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format(DAY_FORMAT).fmt(f)
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no day such as `2026-01-31`"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// What a licence says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceTerms {
    pub holder: String,
    /// The one deployment that may use it; absent is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Its first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Day>,
    /// Its last day.
    pub expires: Day,
    pub features: BTreeSet<Feature>,
    #[serde(default)]
    pub limits: SeatLimits,
}

/// Why a file is no licence that this server can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLicence {
    #[error("this is no licence file: it has more than {LICENCE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("this is no licence file: it begins with `{}` and ends with a line `signature …`", FIRST_LINE.trim_end())]
    Form,
    #[error("the licence cannot be read: {0}")]
    Terms(String),
    #[error(
        "the signature of the licence fits none of the keys in `license.trusted_keys`: it was altered, or issued by \
         somebody whom this server does not trust"
    )]
    Signature,
}

impl LicenceTerms {
    /// Where it says that something cannot be.
    pub fn check(&self) -> Result<(), BadLicence> {
        let is_text = |text: &str| {
            let count = text.chars().count();
            (1..=HOLDER_CHARS_MAX).contains(&count) && !text.chars().any(char::is_control)
        };
        if !is_text(&self.holder) || !self.deployment.as_deref().is_none_or(is_text) {
            let why = format!("`holder` and `deployment` have 1 to {HOLDER_CHARS_MAX} characters, on one line");
            return Err(BadLicence::Terms(why));
        }
        if self.not_before.is_some_and(|first| first > self.expires) {
            return Err(BadLicence::Terms("its last day comes before its first".into()));
        }
        Ok(())
    }

    /// What is to be signed.
    pub fn to_signed_text(&self) -> String {
        let terms = serde_json::to_string_pretty(self).expect("terms are texts, numbers and lists");
        format!("{FIRST_LINE}{terms}")
    }
}

/// A licence file taken apart; nothing of it is to be believed before its signature is checked.
#[derive(Debug)]
pub struct LicenceFile<'t> {
    pub signed: &'t str,
    pub signature: Vec<u8>,
}

impl<'t> LicenceFile<'t> {
    pub fn read(text: &'t str) -> Result<Self, BadLicence> {
        if text.len() > LICENCE_BYTES_MAX {
            return Err(BadLicence::TooLarge);
        }
        let (signed, signature) = text.trim_end().rsplit_once(LAST_LINE).ok_or(BadLicence::Form)?;
        let signature = STANDARD.decode(signature).map_err(|_| BadLicence::Form)?;
        if !signed.starts_with(FIRST_LINE) {
            return Err(BadLicence::Form);
        }
        Ok(Self { signed, signature })
    }

    pub fn write(signed: &str, signature: &[u8]) -> String {
        format!("{signed}{LAST_LINE}{}\n", STANDARD.encode(signature))
    }

    /// To be called once the signature is known to be good.
    pub fn terms(&self) -> Result<LicenceTerms, BadLicence> {
        let json = self.signed.strip_prefix(FIRST_LINE).ok_or(BadLicence::Form)?;
        let terms: LicenceTerms = serde_json::from_str(json).map_err(|why| BadLicence::Terms(why.to_string()))?;
        terms.check()?;
        Ok(terms)
    }
}

/// The public half of the key that an authority signs licences with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenceKey(pub [u8; 32]);

impl LicenceKey {
    /// `None` when it is no Ed25519 public key.
    pub fn from_pem(text: &str) -> Option<Self> {
        let bytes = pem::read(PUBLIC_KEY_LABEL, text)?;
        bytes.strip_prefix(&PUBLIC_KEY_BEGINS)?.try_into().ok().map(Self)
    }

    pub fn to_pem(self) -> String {
        pem::write(PUBLIC_KEY_LABEL, &[PUBLIC_KEY_BEGINS.as_slice(), &self.0].concat())
    }
}

/// The file as it was installed. It is checked again whenever the server starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledLicence {
    pub text: String,
    pub at: Timestamp,
}

/// The latest time that the server has seen: a clock that shows less was turned back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestTime(pub Timestamp);

/// By what a licence can name this deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(json: &str) -> Result<LicenceTerms, BadLicence> {
        let text = format!("{FIRST_LINE}{json}{LAST_LINE}AAAA\n");
        LicenceFile::read(&text)?.terms()
    }

    #[test]
    fn terms_are_read_back_as_they_were_written() {
        let written = LicenceTerms {
            holder: "Acme \"signature \" GmbH".into(),
            deployment: Some("d-1".into()),
            not_before: Day::parse("2026-01-01"),
            expires: Day::parse("2026-12-31").unwrap(),
            features: Feature::ALL.into(),
            limits: SeatLimits { max_users: Some(5), max_view_only_users: None, max_teams: Some(0) },
        };

        let file = LicenceFile::write(&written.to_signed_text(), &[7; 64]);
        let read = LicenceFile::read(&file).unwrap();

        assert_eq!((read.signed, &read.signature), (written.to_signed_text().as_str(), &vec![7; 64]));
        assert_eq!(read.terms(), Ok(written));
    }

    #[test]
    fn what_is_unknown_or_cannot_be_is_refused_by_its_name() {
        let good = r#"{"holder":"a","expires":"2026-12-31","features":["view_only"]}"#;
        assert!(terms(good).is_ok());
        for (from, to, named) in [
            ("view_only", "teleport", "teleport"),
            ("\"holder\"", "\"color\":1,\"holder\"", "color"),
            ("2026-12-31", "2026-13-31", "2026-13-31"),
            ("2026-12-31", "2026-1-1", "2026-1-1"),
            ("\"holder\":\"a\",", "", "holder"),
            ("\"a\"", "\"a\\nb\"", "holder"),
            ("\"a\"", "\"\"", "holder"),
            ("\"holder\"", "\"not_before\":\"2027-01-01\",\"holder\"", "first"),
            ("\"holder\"", "\"limits\":{\"max_users\":-1},\"holder\"", "-1"),
            ("\"holder\"", "\"limits\":{\"max_cats\":1},\"holder\"", "max_cats"),
        ] {
            let refused = terms(&good.replace(from, to)).unwrap_err();
            assert!(matches!(&refused, BadLicence::Terms(why) if why.contains(named)), "{to}: {refused}");
        }
    }

    #[test]
    fn another_file_is_no_licence() {
        for text in ["", "x", "weighhouse license 1\n{}", "{}\nsignature AAAA", "weighhouse license 1\n\nsignature !"] {
            assert_eq!(LicenceFile::read(text).unwrap_err(), BadLicence::Form, "{text}");
        }
        let huge = format!("{FIRST_LINE}{}{LAST_LINE}AAAA", " ".repeat(LICENCE_BYTES_MAX));
        assert_eq!(LicenceFile::read(&huge).unwrap_err(), BadLicence::TooLarge);
    }

    #[test]
    fn a_day_lasts_from_midnight_to_midnight_utc() {
        let day = Day::parse("2027-01-15").unwrap();

        assert_eq!(day.begins().to_rfc3339_secs(), "2027-01-15T00:00:00Z");
        assert_eq!(day.ends().to_rfc3339_secs(), "2027-01-16T00:00:00Z");
    }

    #[test]
    fn a_public_key_is_read_back_and_another_kind_of_key_is_none() {
        let key = LicenceKey([9; 32]);

        assert_eq!(LicenceKey::from_pem(&key.to_pem()), Some(key));
        for wrong in ["", "x", &pem::write(PUBLIC_KEY_LABEL, &[1; 44]), &pem::write("PRIVATE KEY", &[1; 44])] {
            assert_eq!(LicenceKey::from_pem(wrong), None);
        }
    }
}
