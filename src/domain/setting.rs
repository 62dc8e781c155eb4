//! The system settings: what administrators change while the server runs. A row says the key, the type, the default and
//! what it does; the REST interface, the command and the page of settings are made from these rows.

use super::clock::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

const HOSTS_MAX: usize = 100;
/// As long as the name of a host may be.
const HOST_BYTES_MAX: usize = 253;

/// A row of the catalogue.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    pub kind: SettingKind,
    description: &'static str,
    default: fn() -> SettingValue,
}

/// What a setting can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    Switch,
    Number {
        unit: &'static str,
        least: u64,
        most: u64,
    },
    /// Names of hosts.
    Hosts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    Switch(bool),
    Number(u64),
    Hosts(Vec<String>),
}

/// A value as somebody wrote it down, which may be none for the setting that is meant.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum GivenValue {
    Switch(bool),
    Number(u64),
    Text(String),
    Texts(Vec<String>),
    Other(IgnoredAny),
}

/// What is kept of a setting that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSetting {
    pub value: SettingValue,
    pub at: Timestamp,
}

/// Values by the key of their setting, each one that its setting can have.
pub type SettingValues = BTreeMap<&'static str, SettingValue>;

macro_rules! system_settings {
    ($($(#[doc = $text:literal])+ $key:ident: $type:ty = $default:expr, $kind:expr;)*) => {
        /// What is set now.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct SystemSettings {
            $($(#[doc = $text])+ pub $key: $type,)*
        }

        impl Default for SystemSettings {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl SystemSettings {
            /// Every setting, in the order in which they are shown.
            pub const ALL: &'static [Setting] = &[$(Setting {
                key: stringify!($key),
                kind: $kind,
                description: concat!($($text),+),
                default: || <$type as Held>::shown(&SystemSettings::default().$key),
            }),*];

            pub fn value(&self, setting: &Setting) -> SettingValue {
                match setting.key {
                    $(stringify!($key) => self.$key.shown(),)*
                    _ => (setting.default)(),
                }
            }

            /// Takes over the values of these settings.
            pub fn put(&mut self, values: &SettingValues) {
                $(if let Some(value) = values.get(stringify!($key)).and_then(Held::of) {
                    self.$key = value;
                })*
            }
        }
    };
}

system_settings! {
    /// People may have projects of their own, beside those of teams. Off: nobody makes or logs to a project in a
    /// person's own entity; what is there can be read, moved and deleted.
    personal_projects: bool = true, SettingKind::Switch;
    /// Visitors who did not sign in may read public projects.
    anonymous_reading: bool = false, SettingKind::Switch;
    /// How long a deleted team can be restored.
    team_trash_days: u64 = 30, SettingKind::Number { unit: "days", least: 0, most: 3650 };
    /// How long a signed URL for downloading is valid, as far as the store lets it.
    signed_read_minutes: u64 = 60, SettingKind::Number { unit: "minutes", least: 1, most: 10_080 };
    /// How long a signed URL for uploading is valid, as far as the store lets it.
    signed_write_hours: u64 = 24, SettingKind::Number { unit: "hours", least: 1, most: 168 };
    /// A session ends when it was not used for so long.
    session_idle_hours: u64 = 168, SettingKind::Number { unit: "hours", least: 1, most: 8760 };
    /// A session ends so long after signing in, however much it is used.
    session_absolute_hours: u64 = 720, SettingKind::Number { unit: "hours", least: 1, most: 8760 };
    /// People may sign in over plain HTTP from other machines: passwords and sessions can then be read on the way.
    allow_insecure_sign_in: bool = false, SettingKind::Switch;
    /// Hosts whose images are shown in introductions of teams, fetched by the server. Other images show as links.
    outside_images: Vec<String> = Vec::new(), SettingKind::Hosts;
    /// How long a store keeps the bytes of a team that was migrated to another one. Until then it can be reversed.
    migration_keep_days: u64 = 7, SettingKind::Number { unit: "days", least: 0, most: 365 };
    /// Objects in a store that nothing leads to are deleted once they are so old.
    gc_grace_hours: u64 = 48, SettingKind::Number { unit: "hours", least: 24, most: 8760 };
    /// So much of what is stored is read again in a day, to see whether it is still what was stored. 0: none.
    scrub_percent_a_day: u64 = 1, SettingKind::Number { unit: "percent", least: 0, most: 100 };
    /// Clients may save the code that made a run. Teams can turn it off for themselves, not on.
    code_saving: bool = true, SettingKind::Switch;
    /// People and the service accounts of teams may make new API keys.
    api_key_creation: bool = true, SettingKind::Switch;
}

impl Setting {
    pub fn named(key: &str) -> Option<&'static Self> {
        SystemSettings::ALL.iter().find(|setting| setting.key == key)
    }

    /// What it does, for people.
    pub fn description(&self) -> &'static str {
        self.description.trim_start()
    }

    pub fn default_value(&self) -> SettingValue {
        (self.default)()
    }

    /// The value, if this setting can have it; else why not.
    pub fn check(&self, given: &GivenValue) -> Result<SettingValue, String> {
        match (self.kind, given) {
            (SettingKind::Switch, GivenValue::Switch(on)) => Ok(SettingValue::Switch(*on)),
            (SettingKind::Number { least, most, .. }, GivenValue::Number(number))
                if (least..=most).contains(number) =>
            {
                Ok(SettingValue::Number(*number))
            }
            (SettingKind::Hosts, GivenValue::Texts(hosts)) => check_hosts(hosts).map(SettingValue::Hosts),
            _ => Err(format!("`{}` is {}", self.key, self.kind)),
        }
    }

    /// The same for a value in one text, as on a command line: hosts are divided by commas.
    pub fn parse(&self, text: &str) -> Result<SettingValue, String> {
        let given = match self.kind {
            SettingKind::Switch => text.parse().map(GivenValue::Switch).ok(),
            SettingKind::Number { .. } => text.parse().map(GivenValue::Number).ok(),
            SettingKind::Hosts => {
                let hosts = text.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
                Some(GivenValue::Texts(hosts.collect()))
            }
        };
        self.check(&given.unwrap_or(GivenValue::Text(text.to_owned())))
    }
}

impl fmt::Display for SettingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Number { unit, least, most } => write!(f, "a whole number of {unit} from {least} to {most}"),
            Self::Hosts => write!(f, "a list of at most {HOSTS_MAX} names of hosts, such as `images.example.com`"),
        }
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Hosts(hosts) => f.write_str(&hosts.join(",")),
        }
    }
}

impl From<SettingValue> for GivenValue {
    fn from(value: SettingValue) -> Self {
        match value {
            SettingValue::Switch(on) => Self::Switch(on),
            SettingValue::Number(number) => Self::Number(number),
            SettingValue::Hosts(hosts) => Self::Texts(hosts),
        }
    }
}

/// In lower case, in order, each once.
fn check_hosts(given: &[String]) -> Result<Vec<String>, String> {
    if given.len() > HOSTS_MAX {
        return Err(format!("{} names are too many: {}", given.len(), SettingKind::Hosts));
    }
    let mut hosts: Vec<String> = given.iter().map(|host| host.to_ascii_lowercase()).collect();
    hosts.sort();
    hosts.dedup();
    match hosts.iter().find(|host| !is_host(host)) {
        Some(wrong) => {
            let shown: String = wrong.chars().take(HOST_BYTES_MAX).collect();
            Err(format!("`{shown}` is no name of a host; write it without scheme, port and path"))
        }
        None => Ok(hosts),
    }
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= HOST_BYTES_MAX && text.split('.').all(is_label)
}

/// A Rust type that settings have.
trait Held: Sized {
    fn shown(&self) -> SettingValue;
    fn of(value: &SettingValue) -> Option<Self>;
}

impl Held for bool {
    fn shown(&self) -> SettingValue {
        SettingValue::Switch(*self)
    }

    fn of(value: &SettingValue) -> Option<Self> {
        if let SettingValue::Switch(on) = value { Some(*on) } else { None }
    }
}

impl Held for u64 {
    fn shown(&self) -> SettingValue {
        SettingValue::Number(*self)
    }

    fn of(value: &SettingValue) -> Option<Self> {
        if let SettingValue::Number(number) = value { Some(*number) } else { None }
    }
}

impl Held for Vec<String> {
    fn shown(&self) -> SettingValue {
        SettingValue::Hosts(self.clone())
    }

    fn of(value: &SettingValue) -> Option<Self> {
        if let SettingValue::Hosts(hosts) = value { Some(hosts.clone()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_setting_has_a_key_of_its_own_a_description_and_a_default_that_it_can_have() {
        let keys: BTreeSet<&str> = SystemSettings::ALL.iter().map(|setting| setting.key).collect();

        assert_eq!(keys.len(), SystemSettings::ALL.len());
        for setting in SystemSettings::ALL {
            assert!(setting.description().ends_with('.'), "{}", setting.key);
            let default = setting.default_value();
            assert_eq!(setting.check(&default.clone().into()), Ok(default.clone()), "{}", setting.key);
            assert_eq!(setting.parse(&default.to_string()), Ok(default), "{}", setting.key);
        }
    }

    #[test]
    fn a_value_that_is_put_is_the_one_that_is_read() {
        let changed = |setting: &Setting| match setting.default_value() {
            SettingValue::Switch(on) => SettingValue::Switch(!on),
            SettingValue::Number(number) => SettingValue::Number(number + 1),
            SettingValue::Hosts(_) => SettingValue::Hosts(vec!["example.com".into()]),
        };
        for setting in SystemSettings::ALL {
            let mut settings = SystemSettings::default();

            settings.put(&SettingValues::from([(setting.key, changed(setting))]));

            for other in SystemSettings::ALL {
                let is_same = settings.value(other) == other.default_value();
                assert_eq!(is_same, other.key != setting.key, "{} after {}", other.key, setting.key);
            }
        }
    }

    #[test]
    fn a_value_of_another_kind_or_out_of_range_is_refused_with_what_is_wanted() {
        let check = |key: &str, json: &str| {
            Setting::named(key).unwrap().check(&serde_json::from_str(json).unwrap()).map_err(|why| why.contains(key))
        };
        for (key, wrong) in [
            ("personal_projects", "1"),
            ("personal_projects", "\"true\""),
            ("personal_projects", "null"),
            ("team_trash_days", "-1"),
            ("team_trash_days", "3651"),
            ("team_trash_days", "1.5"),
            ("team_trash_days", "\"30\""),
            ("session_idle_hours", "0"),
            ("outside_images", "\"example.com\""),
            ("outside_images", "[1]"),
            ("outside_images", "{}"),
        ] {
            assert_eq!(check(key, wrong), Err(true), "{key} = {wrong}");
        }
        assert_eq!(check("team_trash_days", "0"), Ok(SettingValue::Number(0)));
    }

    #[test]
    fn hosts_are_names_alone_and_are_kept_in_order_each_once() {
        let images = Setting::named("outside_images").unwrap();

        let kept = images.parse("b.example.com, A.example.com,b.example.com").unwrap();
        assert_eq!(kept, SettingValue::Hosts(vec!["a.example.com".into(), "b.example.com".into()]));
        for wrong in ["https://a.b", "a.b:80", "a.b/c", "a..b", "-a.b", "a b", "*.a.b", "größe.de", &"a.".repeat(150)]
        {
            assert!(images.parse(wrong).is_err(), "{wrong}");
        }
        assert!(images.check(&GivenValue::Texts(vec!["a.b".into(); HOSTS_MAX + 1])).is_err());
    }
}
