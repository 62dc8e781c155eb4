//! Puts the settings together: built-in defaults, file, environment, command line, in this order.
//! Whatever is not a known key is refused by name, in the file and in the environment.

use super::{Config, ConfigError, FixedSettings, Problems, suggest};
use config::builder::DefaultState;
use config::{File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");
const ENV_PREFIX: &str = "WEIGHHOUSE__";
/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// A settings file is a few kilobytes; anything larger is the wrong file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What the command line sets, above everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<String>,
}

/// Reads the settings. `env` is the whole environment (`std::env::vars()`); other variables are passed over.
pub fn load(
    file: Option<&Path>,
    overrides: Overrides,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let text = file.map(read_file).transpose().map_err(one)?;
    let shown = file.map(|path| path.display().to_string()).unwrap_or_default();
    load_text(text.as_deref().map(|text| (shown.as_str(), text)), overrides, env)
}

/// The same with the file's name and text at hand.
pub(super) fn load_text(
    file: Option<(&str, &str)>,
    overrides: Overrides,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut valid = keys_of(DEFAULTS).map_err(|error| one(format!("the built-in defaults: {error}")))?;
    valid.extend(FixedSettings::keys());
    let mut problems = Problems::default();
    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));

    if let Some((name, text)) = file {
        for key in keys_of(text).map_err(|error| one(format!("`{name}`: {error}")))?.difference(&valid) {
            problems.add(unknown_key(&format!("`{key}` in `{name}`"), key, &valid));
        }
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    let mut credentials = None;
    let env = env.inspect(|(name, value)| {
        if name == CREDENTIALS {
            credentials = Some(PathBuf::from(value));
        }
    });
    for (key, variable, value) in env_settings(env, &valid, &mut problems) {
        let value = Value::new(Some(&format!("the environment variable `{variable}`")), ValueKind::String(value));
        builder = builder.set_override(key, value).map_err(|error| one(error.to_string()))?;
    }
    let data_dir = overrides.data_dir.map(|dir| dir.to_string_lossy().into_owned());
    let built = builder
        .set_override_option("data.dir", data_dir)
        .and_then(|builder| builder.set_override_option("server.listen", overrides.listen))
        .and_then(config::builder::ConfigBuilder::<DefaultState>::build)
        .map_err(|error| one(error.to_string()))?;

    problems.into_result()?;
    let mut config = sections(&built)?;
    config.secrets.find_credential(credentials.as_deref());
    Ok(config)
}

fn one(problem: String) -> ConfigError {
    ConfigError { problems: vec![problem] }
}

fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("cannot read `{shown}`: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("`{shown}` is too large for a settings file: {size} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot read `{shown}`: {error}"))
}

/// Reads each section by itself, so that one wrong value does not hide another section's.
fn sections(built: &config::Config) -> Result<Config, ConfigError> {
    let mut problems = Problems::default();
    let sections = (
        section(built, "server", &mut problems),
        section(built, "data", &mut problems),
        section(built, "database", &mut problems),
        section(built, "limits", &mut problems),
        section(built, "history", &mut problems),
        section(built, "runs", &mut problems),
        section(built, "artifacts", &mut problems),
        section(built, "log", &mut problems),
        section(built, "mail", &mut problems),
        section(built, "secrets", &mut problems),
        section(built, "storage", &mut problems),
        section(built, "settings", &mut problems),
        section(built, "license", &mut problems),
    );
    problems.into_result()?;
    let (
        Some(server),
        Some(data),
        Some(database),
        Some(limits),
        Some(history),
        Some(runs),
        Some(artifacts),
        Some(log),
        Some(mail),
        Some(secrets),
        Some(storage),
        Some(settings),
        Some(license),
    ) = sections
    else {
        return Err(one("a section of the settings is missing".to_owned()));
    };
    Ok(Config {
        server,
        data,
        database,
        limits,
        history,
        runs,
        artifacts,
        log,
        mail,
        secrets,
        storage,
        settings,
        license,
    })
}

fn section<T: DeserializeOwned>(built: &config::Config, name: &str, problems: &mut Problems) -> Option<T> {
    // `get` would name the section only; taking the table out first keeps key and source in the message.
    let table = built.cache.clone().into_table().map(|mut root| root.remove(name).unwrap_or_default());
    match table.and_then(Value::try_deserialize) {
        Ok(section) => Some(section),
        // A wrong value could be a secret in the wrong place: name the place, not the value.
        Err(_) if name == "secrets" => {
            problems.add("`[secrets]` may hold texts only");
            None
        }
        Err(error) if name == "storage" => {
            problems.add(format!("`[storage]` holds a value of the wrong kind{}", key_of(&error.to_string())));
            None
        }
        Err(_) if name == "mail" => {
            let kinds =
                "`port` and `timeout_secs` are numbers, `security` is starttls, tls or none, the rest are texts";
            problems.add(format!("`[mail]` holds a value of the wrong kind: {kinds}"));
            None
        }
        Err(error) => {
            problems.add(format!("`[{name}]`: {error}"));
            None
        }
    }
}

/// Which key a message is about, or that there is no such key, without the value, which may be a secret.
fn key_of(message: &str) -> String {
    let is_of_field = ["unknown field `", "missing field `"].iter().any(|begin| message.starts_with(begin));
    let quoted = message.split('`').nth(1).filter(|_| is_of_field);
    let known = quoted.map(|name| format!(": `{name}` is missing, or is none of its keys"));
    let at = || {
        message.rsplit_once(" for key `").and_then(|(_, rest)| rest.split('`').next()).map(|key| format!(" at `{key}`"))
    };
    known.or_else(at).unwrap_or_default()
}

/// The settings among the environment variables: (key, variable, value). Unknown ones become problems.
fn env_settings(
    env: impl Iterator<Item = (String, String)>,
    valid: &BTreeSet<String>,
    problems: &mut Problems,
) -> Vec<(String, String, String)> {
    let mut found = BTreeMap::new();
    for (variable, value) in env {
        let Some(rest) = variable.strip_prefix(ENV_PREFIX) else { continue };
        let key = rest.to_ascii_lowercase().replacen("__", ".", 1);
        if valid.contains(&key) {
            found.insert(key, (variable, value));
        } else {
            problems.add(unknown_key(&format!("the environment variable `{variable}`"), &key, valid));
        }
    }
    found.into_iter().map(|(key, (variable, value))| (key, variable, value)).collect()
}

fn unknown_key(place: &str, key: &str, valid: &BTreeSet<String>) -> String {
    let near = suggest::nearest(key, valid.iter().map(String::as_str));
    if near.is_empty() {
        return format!("{place} is no setting");
    }
    let near: Vec<String> = near.iter().map(|key| format!("`{key}`")).collect();
    format!("{place} is no setting; near it are {}", near.join(", "))
}

/// Every `section.key` of a TOML text. Tables below a section count as keys of it.
pub(super) fn keys_of(text: &str) -> Result<BTreeSet<String>, String> {
    let parsed = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(|error| without_source_lines(&error.to_string()))?;
    let root = parsed.cache.into_table().map_err(|error| error.to_string())?;
    let mut keys = BTreeSet::new();
    for (section, value) in root {
        match value.kind {
            ValueKind::Table(table) => keys.extend(table.into_keys().map(|key| format!("{section}.{key}"))),
            _ => {
                keys.insert(section);
            }
        }
    }
    Ok(keys)
}

/// A parser's message quotes the line it stumbled over, which may hold the master key: drop the quote.
fn without_source_lines(message: &str) -> String {
    let kept: Vec<&str> = message.lines().filter(|line| !line.contains('|') && !line.trim().is_empty()).collect();
    kept.join(": ")
}
