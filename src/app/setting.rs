//! System settings: reading them, which every request does, and changing them.

use super::audit::{self, Event};
use super::existing::missing;
use super::latest::Latest;
use super::{App, Error};
use crate::access::{Action, Caller, InstanceRules};
use crate::db::repo::{setting, user};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::setting::{GivenValue, Setting, SettingValue, SettingValues, SystemSettings};
use std::sync::Arc;

/// What is set now, in memory. It is read anew after each change.
pub(super) struct CurrentSettings {
    /// Those that the settings file has fixed.
    fixed: SettingValues,
    now: Latest<Arc<SystemSettings>>,
}

impl CurrentSettings {
    pub fn new(fixed: SettingValues) -> Self {
        Self { fixed, now: Latest::default() }
    }
}

/// A setting as administrators see it.
#[derive(Debug, Clone)]
pub struct SeenSetting {
    pub setting: &'static Setting,
    pub value: SettingValue,
    /// The settings file says it, so nobody changes it here.
    pub is_fixed: bool,
    /// When it was changed here; absent when it has its default.
    pub changed_at: Option<Timestamp>,
}

impl App {
    /// What is set now: cheap enough for every request.
    pub fn system_settings(&self) -> Arc<SystemSettings> {
        self.system_settings.now.get()
    }

    /// What decisions about a request have to know of the settings.
    pub fn instance_rules(&self) -> InstanceRules {
        let settings = self.system_settings();
        InstanceRules { anonymous_reading: settings.anonymous_reading, personal_projects: settings.personal_projects }
    }

    /// How long a signed URL for downloading is valid.
    pub(super) fn read_url_secs(&self) -> i64 {
        self.system_settings().signed_read_minutes.cast_signed() * 60
    }

    /// The same for uploading.
    pub(super) fn write_url_secs(&self) -> i64 {
        self.system_settings().signed_write_hours.cast_signed() * 3600
    }

    pub async fn list_settings(&self, caller: &Caller) -> Result<Vec<SeenSetting>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let changed = self.db.read(move |tx| {
            caller.may(Action::SystemSettings, user::instance(), &licence)?;
            Ok::<_, Error>(setting::changed(tx)?)
        });
        let (changed, settings) = (changed.await?, self.system_settings());
        let seen = |setting: &'static Setting| SeenSetting {
            setting,
            value: settings.value(setting),
            is_fixed: self.is_fixed(setting),
            changed_at: changed.iter().find(|(key, _)| key == setting.key).map(|(_, changed)| changed.at),
        };
        Ok(SystemSettings::ALL.iter().map(seen).collect())
    }

    pub async fn put_setting(&self, caller: &Caller, key: &str, value: &GivenValue) -> Result<SeenSetting, Error> {
        let setting = self.changeable(caller, key)?;
        let value = setting.check(value).map_err(|why| Error::invalid("value", &why))?;
        self.change_setting(caller, setting, Some(value)).await
    }

    /// Back to the default.
    pub async fn reset_setting(&self, caller: &Caller, key: &str) -> Result<SeenSetting, Error> {
        let setting = self.changeable(caller, key)?;
        self.change_setting(caller, setting, None).await
    }

    /// The setting of that key, for somebody who may change it.
    fn changeable(&self, caller: &Caller, key: &str) -> Result<&'static Setting, Error> {
        caller.may(Action::SystemSettings, user::instance(), &self.licence())?;
        let setting = Setting::named(key).ok_or_else(|| missing("setting", key))?;
        if self.is_fixed(setting) {
            let why = format!("`{key}` is fixed in the settings file; change it there and restart the server");
            return Err(Error::Conflict(why));
        }
        Ok(setting)
    }

    async fn change_setting(
        &self,
        caller: &Caller,
        setting: &'static Setting,
        value: Option<SettingValue>,
    ) -> Result<SeenSetting, Error> {
        let (asking, licence, next) = (*caller, self.licence(), value);
        let changed = self.db.write(move |tx| {
            let instance = asking.may(Action::SystemSettings, user::instance(), &licence)?;
            let before = setting::get(tx, setting)?;
            if before.as_ref().map(|before| &before.value) == next.as_ref() {
                return Ok(before.map(|before| before.at));
            }
            let shown = |value: Option<&SettingValue>| value.cloned().unwrap_or_else(|| setting.default_value());
            let event = Event::new(AuditAction::SettingUpdate)
                .detail("setting", setting.key)
                .detail("old", shown(before.as_ref().map(|before| &before.value)))
                .detail("new", shown(next.as_ref()));
            match &next {
                Some(value) => setting::put(tx, &instance, setting, value.clone())?,
                None => setting::delete(tx, &instance, setting)?,
            }
            audit::record(tx, &asking, event)?;
            Ok::<_, Error>(next.is_some().then(|| tx.now()))
        });
        let changed_at = changed.await?;
        self.read_settings().await?;
        tracing::info!(setting = setting.key, "changed a setting");
        let value = self.system_settings().value(setting);
        Ok(SeenSetting { setting, value, is_fixed: false, changed_at })
    }

    fn is_fixed(&self, setting: &Setting) -> bool {
        self.system_settings.fixed.contains_key(setting.key)
    }

    /// Brings what is in memory up to what is written.
    pub(super) async fn read_settings(&self) -> Result<(), Error> {
        let sequence = self.db.sequence();
        let changed = self.db.read(|tx| setting::changed(tx).map_err(Error::from)).await?;
        let mut settings = SystemSettings::default();
        settings.put(&changed.into_iter().filter_map(|(key, changed)| still_valid(&key, changed.value)).collect());
        settings.put(&self.system_settings.fixed);
        self.system_settings.now.offer(sequence, Arc::new(settings));
        Ok(())
    }
}

/// What another version of the server wrote may mean nothing to this one.
fn still_valid(key: &str, value: SettingValue) -> Option<(&'static str, SettingValue)> {
    let Some(setting) = Setting::named(key) else {
        tracing::warn!(setting = key, "a stored setting is unknown to this version and passed over");
        return None;
    };
    match setting.check(&value.into()) {
        Ok(value) => Some((setting.key, value)),
        Err(reason) => {
            tracing::warn!(setting = key, reason, "a stored setting cannot be used; it has its default");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Refusal, Visibility};
    use crate::app::testing::World;

    #[tokio::test]
    async fn a_change_counts_at_once_and_after_a_restart_until_it_is_taken_back() {
        let world = World::new().await;

        let set = world.app.put_setting(&Caller::OPERATOR, "team_trash_days", &GivenValue::Number(3)).await.unwrap();
        assert_eq!((set.value, set.changed_at), (SettingValue::Number(3), Some(world.clock.now())));
        assert_eq!(world.app.system_settings().team_trash_days, 3);

        let world = world.reopened().await;
        assert_eq!(world.app.system_settings().team_trash_days, 3);
        world.app.reset_setting(&Caller::OPERATOR, "team_trash_days").await.unwrap();
        assert_eq!(*world.app.system_settings(), SystemSettings::default());
    }

    #[tokio::test]
    async fn what_the_file_fixes_is_locked_and_wins_over_what_was_set_before() {
        let world = World::new().await;
        world.app.put_setting(&Caller::OPERATOR, "team_trash_days", &GivenValue::Number(3)).await.unwrap();

        let world = world
            .reopened_with(|opening| {
                opening.fixed_settings.insert("team_trash_days", SettingValue::Number(9));
            })
            .await;
        assert_eq!(world.app.system_settings().team_trash_days, 9);
        let listed = world.app.list_settings(&Caller::OPERATOR).await.unwrap();
        let fixed: Vec<_> = listed.iter().filter(|seen| seen.is_fixed).map(|seen| seen.setting.key).collect();
        assert_eq!(fixed, ["team_trash_days"]);
        for refused in [
            world.app.put_setting(&Caller::OPERATOR, "team_trash_days", &GivenValue::Number(4)).await,
            world.app.reset_setting(&Caller::OPERATOR, "team_trash_days").await,
        ] {
            assert!(matches!(refused, Err(Error::Conflict(why)) if why.contains("fixed in the settings file")));
        }

        let world = world.reopened().await;
        assert_eq!(world.app.system_settings().team_trash_days, 3);
    }

    #[tokio::test]
    async fn many_changes_at_once_leave_in_memory_what_is_written() {
        let world = World::new().await;
        let changes = (1..=50).map(|days| {
            let app = world.app.clone();
            async move { app.put_setting(&Caller::OPERATOR, "team_trash_days", &GivenValue::Number(days)).await }
        });

        for changed in futures_util::future::join_all(changes).await {
            changed.unwrap();
        }

        let in_memory = world.app.system_settings();
        assert_eq!(*world.reopened().await.app.system_settings(), *in_memory);
    }

    #[tokio::test]
    async fn who_may_not_change_settings_learns_nothing_of_their_keys() {
        let world = World::new().await;

        for key in ["team_trash_days", "no_such_key"] {
            let refused = world.app.put_setting(&world.ada, key, &GivenValue::Number(1)).await;
            assert!(matches!(refused, Err(Error::Refused(Refusal::Forbidden { .. }))), "{refused:?}");
        }
        assert!(world.app.list_settings(&world.ada).await.is_err());
        let unknown = world.app.reset_setting(&Caller::OPERATOR, "no_such_key").await;
        assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    }

    #[tokio::test]
    async fn visitors_read_public_projects_only_while_the_setting_says_so() {
        let world = World::new().await;
        world.create_run("r", false).await;
        let visitor = || Caller { instance: world.app.instance_rules(), ..Caller::ANONYMOUS };
        let sees = async |visitor: Caller| {
            let project = world.app.find_project(&visitor, Some("ada"), "p").await.unwrap();
            match &project {
                Some(project) => world.app.find_run(&visitor, project, "r").await.unwrap().is_some(),
                None => false,
            }
        };

        world.app.put_setting(&Caller::OPERATOR, "anonymous_reading", &GivenValue::Switch(true)).await.unwrap();
        assert!(!sees(visitor()).await);
        world.show(Visibility::Public).await;
        assert!(sees(visitor()).await);
        world.app.reset_setting(&Caller::OPERATOR, "anonymous_reading").await.unwrap();
        assert!(!sees(visitor()).await);
    }

    #[tokio::test]
    async fn without_personal_projects_they_are_read_and_not_logged_to() {
        let world = World::new().await;
        world.create_run("r", false).await;
        world.app.put_setting(&Caller::OPERATOR, "personal_projects", &GivenValue::Switch(false)).await.unwrap();
        let ada = Caller { instance: world.app.instance_rules(), ..world.ada };

        let sent = world.app.accept_stream(&ada, world.at("r"), b"{}".to_vec(), crate::app::stream::Writer::default());
        let refused = sent.await.unwrap_err().to_string();
        assert!(refused.contains("personal projects are turned off"), "{refused}");
        let new =
            crate::app::project::UpsertProject { entity: None, name: "q".into(), description: None, visibility: None };
        assert!(matches!(world.app.upsert_project(&ada, new).await, Err(Error::Refused(Refusal::Forbidden { .. }))));
        assert!(world.app.find_project(&ada, None, "p").await.unwrap().is_some());
        world.app.delete_run(&ada, world.at("r")).await.unwrap();
    }
}
