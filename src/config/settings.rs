//! `[settings]`: system settings that are fixed here, so that nobody changes them while the server runs.

use super::Problems;
use crate::domain::setting::{GivenValue, Setting, SettingValue, SettingValues, SystemSettings};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[settings]`: any of the system settings. Default: none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct FixedSettings(BTreeMap<String, GivenValue>);

impl FixedSettings {
    /// The keys that may stand in a settings file.
    pub(super) fn keys() -> impl Iterator<Item = String> {
        SystemSettings::ALL.iter().map(|setting| format!("settings.{}", setting.key))
    }

    /// Those that are set; `check` has found them good.
    pub fn values(&self) -> SettingValues {
        self.read().filter_map(|(setting, value)| Some((setting.key, value.ok()?))).collect()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for (_, value) in self.read() {
            if let Err(why) = value {
                problems.add(format!("`[settings]`: {why}"));
            }
        }
    }

    fn read(&self) -> impl Iterator<Item = (&'static Setting, Result<SettingValue, String>)> {
        self.0.iter().filter_map(|(key, given)| {
            let setting = Setting::named(key)?;
            // The environment knows texts only.
            let value = match given {
                GivenValue::Text(text) => setting.parse(text),
                given => setting.check(given),
            };
            Some((setting, value))
        })
    }
}
