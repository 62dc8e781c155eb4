//! The settings as a whole: the files in `config/`, the order of sources, and what is refused.

use super::load::{DEFAULTS, keys_of, load_text};
use super::*;
use crate::domain::setting::{SettingValue, SystemSettings};
use std::collections::BTreeSet;

const EXAMPLE: &str = include_str!("../../config/example.toml");

fn from_text(text: &str) -> Result<Config, ConfigError> {
    load_text(Some(("weighhouse.toml", text)), Overrides::default(), std::iter::empty())
}

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load_text(None, Overrides::default(), variables.into_iter())
}

/// The example as it is once an operator has removed the `#` before every key.
fn uncommented_example() -> String {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let is_key = line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        text.push_str(if is_key { &line[1..] } else { line });
        text.push('\n');
    }
    text
}

#[test]
fn the_example_lists_exactly_the_keys_of_the_defaults_with_their_values() {
    let example = uncommented_example();

    let keys: BTreeSet<String> = keys_of(DEFAULTS).unwrap().into_iter().chain(FixedSettings::keys()).collect();
    assert_eq!(keys_of(&example).unwrap(), keys);
    let mut from_example = from_text(&example).unwrap();
    let defaults = SystemSettings::ALL.iter().map(|setting| (setting.key, setting.default_value()));
    assert_eq!(from_example.settings.values(), defaults.collect());
    from_example.settings = FixedSettings::default();
    let from_defaults = load_text(None, Overrides::default(), std::iter::empty()).unwrap();
    assert_eq!(format!("{from_example:?}"), format!("{from_defaults:?}"));
}

#[test]
fn the_example_as_shipped_sets_nothing() {
    assert_eq!(keys_of(EXAMPLE).unwrap(), BTreeSet::new());
    from_text(EXAMPLE).unwrap().check().unwrap();
}

#[test]
fn a_later_source_wins_over_an_earlier_one() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\nidle_secs = 60\n[data]\ndir = \"/from-file\"";
    let env = [
        ("WEIGHHOUSE__SERVER__LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
        ("WEIGHHOUSE__SERVER__IDLE_SECS".to_owned(), "61".to_owned()),
    ];
    let overrides = Overrides { listen: Some("127.0.0.1:3".to_owned()), data_dir: None };

    let config = load_text(Some(("f", file)), overrides, env.into_iter()).unwrap();

    assert_eq!(config.server.listen, "127.0.0.1:3");
    assert_eq!(config.server.idle_secs, 61);
    assert_eq!(config.data.dir, std::path::Path::new("/from-file"));
    assert_eq!(config.server.header_secs, 15);
}

#[test]
fn every_unknown_key_is_named_with_the_nearest_valid_one() {
    let error = from_text("[server]\nlisen = \"x\"\n[serverr]\nidle_secs = 1\n[colours]\nred = 1\n").unwrap_err();

    let text = error.to_string();
    assert_eq!(error.problems.len(), 3, "{text}");
    assert!(text.contains("`server.lisen` in `weighhouse.toml` is no setting; near it are `server.listen`"), "{text}");
    assert!(text.contains("`serverr.idle_secs`") && text.contains("`server.idle_secs`"), "{text}");
    assert!(text.contains("`colours.red` in `weighhouse.toml` is no setting"), "{text}");
}

#[test]
fn an_unknown_variable_under_our_prefix_is_refused_and_others_are_passed_over() {
    let error = from_env(&[("WEIGHHOUSE__SERVER__LISEN", "x"), ("HOME", "/root")]).unwrap_err();
    assert_eq!(
        error.problems,
        ["the environment variable `WEIGHHOUSE__SERVER__LISEN` is no setting; near it are `server.listen`"]
    );

    from_env(&[("WEIGHHOUSE_URL", "x"), ("PATH", "/bin")]).unwrap();
}

#[test]
fn a_wrong_type_is_named_with_its_key_and_source() {
    let error = from_env(&[("WEIGHHOUSE__SERVER__IDLE_SECS", "soon"), ("WEIGHHOUSE__LOG__FORMAT", "xml")]).unwrap_err();

    let text = error.to_string();
    assert!(text.contains("idle_secs") && text.contains("`WEIGHHOUSE__SERVER__IDLE_SECS`"), "{text}");
    assert!(text.contains("xml") && text.contains("format"), "{text}");
}

#[test]
fn negative_numbers_are_refused() {
    assert!(from_text("[server]\nidle_secs = -1").is_err());
}

#[test]
fn a_number_in_the_environment_stays_a_text_where_a_text_is_wanted() {
    let config = from_env(&[("WEIGHHOUSE__DATA__DIR", "123")]).unwrap();

    assert_eq!(config.data.dir, std::path::Path::new("123"));
}

#[test]
fn a_secret_is_shown_neither_in_settings_nor_in_errors() {
    let canary = "canary-canary-canary-canary-canary";

    let good = from_text(&format!("[secrets]\nmaster_key = \"{canary}\"")).unwrap();
    assert_eq!(good.secrets.read_master_key().unwrap().unwrap().expose(), canary);
    assert!(!format!("{good:?}").contains(canary));

    let unclosed = from_text(&format!("[secrets]\nmaster_key = \"{canary}")).unwrap_err().to_string();
    assert!(!unclosed.contains(canary), "{unclosed}");
    assert!(unclosed.contains("line 2"), "{unclosed}");

    let nested = from_text(&format!("[secrets]\nmaster_key = [\"{canary}\"]")).unwrap_err().to_string();
    assert!(!nested.contains(canary), "{nested}");
}

#[test]
fn check_names_all_mistakes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let plain_file = dir.path().join("file");
    std::fs::write(&plain_file, "x").unwrap();
    let text = format!(
        "[server]\nlisten = \"nowhere\"\npublic_url = \"ftp://x/\"\ntls_key_file = \"/k\"\nidle_secs = 0\n\
         [data]\ndir = \"{}/below\"\n[limits]\nin_flight_mib = 8\n[log]\nfilter = \"a=b=c\"\n\
         [secrets]\nmaster_key = \"short\"\nmaster_key_file = \"/f\"\n[runs]\nheartbeat_secs = 1\n",
        plain_file.display()
    );

    let error = from_text(&text).unwrap().check().unwrap_err();

    let text = error.to_string();
    for key in [
        "server.listen",
        "server.public_url",
        "server.tls_key_file",
        "server.idle_secs",
        "data.dir",
        "limits.in_flight_mib",
        "log.filter",
        "secrets.master_key_file",
        "runs.heartbeat_secs",
    ] {
        assert!(text.contains(&format!("`{key}`")), "{key} is missing in:\n{text}");
    }
    assert_eq!(error.problems.len(), 9, "{text}");
}

#[test]
fn system_settings_are_fixed_by_file_and_environment_and_checked_like_anywhere() {
    let env = |value: &str| [("WEIGHHOUSE__SETTINGS__TEAM_TRASH_DAYS".to_owned(), value.to_owned())].into_iter();
    let file = "[settings]\ncode_saving = false\noutside_images = [\"Example.com\"]";
    let config = load_text(Some(("f", file)), Overrides::default(), env("7")).unwrap();

    config.check().unwrap();
    let hosts = SettingValue::Hosts(vec!["example.com".into()]);
    let wanted = [
        ("code_saving", SettingValue::Switch(false)),
        ("outside_images", hosts),
        ("team_trash_days", SettingValue::Number(7)),
    ];
    assert_eq!(config.settings.values(), wanted.into_iter().collect());

    let unknown = from_text("[settings]\nteam_trash_day = 1").unwrap_err().to_string();
    assert!(unknown.contains("`settings.team_trash_days`"), "{unknown}");
    let wrong = load_text(Some(("f", "[settings]\ncode_saving = -1")), Overrides::default(), env("soon")).unwrap();
    let error = wrong.check().unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(error.to_string().contains("`team_trash_days` is a whole number of days from 0 to 3650"), "{error}");
}

#[test]
fn the_master_key_may_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    let text = format!("[secrets]\nmaster_key_file = \"{}\"", key_file.display());
    let config = from_text(&text).unwrap();

    assert!(config.check().unwrap_err().to_string().contains("cannot read"));
    std::fs::write(&key_file, "too short\n").unwrap();
    assert!(config.check().unwrap_err().to_string().contains("shorter than 32"));
    std::fs::write(&key_file, "0123456789abcdef0123456789abcdef\n").unwrap();
    config.check().unwrap();
    assert_eq!(config.secrets.read_master_key().unwrap().unwrap().expose(), "0123456789abcdef0123456789abcdef");
}

#[test]
fn check_leaves_no_trace_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a/b/c");

    let overrides = Overrides { data_dir: Some(below.clone()), listen: None };
    load_text(None, overrides, std::iter::empty()).unwrap().check().unwrap();

    assert!(!below.exists() && !dir.path().join("a").exists());
}
