//! What teams set for themselves, and what their organizations decide for all of them.

use super::audit::{self, Event};
use super::existing::{existing, missing, name_of_existing};
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence, Visibility};
use crate::db::DbError;
use crate::db::repo::organization::{self, FoundOrganization};
use crate::db::repo::team::{self, FoundTeam};
use crate::db::repo::team_setting;
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::id::EntityId;
use crate::domain::name::EntityName;
use crate::domain::team_setting::{OrganizationPrivacy, TeamSettings};

/// What is to be changed of a team's settings; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct ChangeTeamSettings {
    pub hidden: Option<bool>,
    pub private_only: Option<bool>,
    pub members_invite: Option<bool>,
    pub no_report_sharing: Option<bool>,
    pub code_saving: Option<bool>,
    pub default_visibility: Option<String>,
}

/// What is to be changed of what an organization enforces: `Some(None)` leaves it to the teams again.
#[derive(Debug, Clone, Default)]
pub struct ChangePrivacy {
    pub hidden: Option<Option<bool>>,
    pub private_only: Option<Option<bool>>,
    pub members_invite: Option<Option<bool>>,
    pub no_report_sharing: Option<Option<bool>>,
    pub code_saving: Option<Option<bool>>,
    pub default_visibility: Option<Option<String>>,
}

/// What counts in a team, and what of it the organization has decided.
#[derive(Debug, Clone)]
pub struct ShownTeamSettings {
    pub in_force: TeamSettings,
    pub enforced: OrganizationPrivacy,
    /// The whole instance saves no code.
    pub no_code_saving: bool,
}

impl ShownTeamSettings {
    fn of(own: TeamSettings, enforced: OrganizationPrivacy, no_code_saving: bool) -> Self {
        let in_force = own.under(enforced);
        let in_force = TeamSettings { code_saving: in_force.code_saving && !no_code_saving, ..in_force };
        Self { in_force, enforced, no_code_saving }
    }
}

impl App {
    pub async fn team_settings(&self, caller: &Caller, team: &str) -> Result<ShownTeamSettings, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence, no_code_saving) = (*caller, self.licence(), !self.system_settings().code_saving);
        let shown = self.db.read(move |tx| {
            let found = super::team::find(tx, &caller, Action::TeamSettingsRead, &name, &licence)?;
            let (own, enforced) = (team_setting::own(tx, found.id)?, team_setting::privacy(tx, found.organization)?);
            Ok::<_, Error>(ShownTeamSettings::of(own, enforced, no_code_saving))
        });
        shown.await
    }

    /// What counts for what is done in an entity, as far as the caller may know; else what a new team begins with.
    pub async fn settings_of_entity(&self, caller: &Caller, id: EntityId) -> Result<TeamSettings, Error> {
        let (caller, licence, code_saving) = (*caller, self.licence(), self.system_settings().code_saving);
        let found = self.db.read(move |tx| {
            let team = team::get(tx, &caller, id)?.map(|team| caller.may(Action::TeamSettingsRead, team, &licence));
            match team {
                Some(Ok(team)) => Ok::<_, Error>(team_setting::in_force(tx, team.id)?),
                Some(Err(_)) | None => Ok(TeamSettings::default()),
            }
        });
        let found = found.await?;
        Ok(TeamSettings { code_saving: found.code_saving && code_saving, ..found })
    }

    pub async fn update_team_settings(
        &self,
        caller: &Caller,
        team: &str,
        change: ChangeTeamSettings,
    ) -> Result<ShownTeamSettings, Error> {
        let name = name_of_existing("team", team)?;
        let default_visibility = change.default_visibility.as_deref().map(parse_visibility).transpose()?;
        let (caller, licence, no_code_saving) = (*caller, self.licence(), !self.system_settings().code_saving);
        let updated = self.db.write(move |tx| {
            let found = super::team::find(tx, &caller, Action::TeamSettingsUpdate, &name, &licence)?;
            let organization = organization::name_of(tx, found.organization)?;
            let organization =
                organization.ok_or_else(|| DbError::Damaged("a team without its organization".into()))?;
            let enforced = team_setting::privacy(tx, found.organization)?;
            let before = team_setting::own(tx, found.id)?;
            if no_code_saving && change.code_saving == Some(true) {
                let why = "code saving is switched off for the whole instance; ask a system admin";
                return Err(Error::Forbidden(why.into()));
            }
            let mut changes = Changes { organization, told: Vec::new() };
            let after = TeamSettings {
                hidden: changes.pick("hidden", before.hidden, change.hidden, enforced.hidden)?,
                private_only: changes.pick(
                    "private_only",
                    before.private_only,
                    change.private_only,
                    enforced.private_only,
                )?,
                members_invite: changes.pick(
                    "members_invite",
                    before.members_invite,
                    change.members_invite,
                    enforced.members_invite,
                )?,
                no_report_sharing: changes.pick(
                    "no_report_sharing",
                    before.no_report_sharing,
                    change.no_report_sharing,
                    enforced.no_report_sharing,
                )?,
                code_saving: changes.pick(
                    "code_saving",
                    before.code_saving,
                    change.code_saving,
                    enforced.code_saving,
                )?,
                default_visibility: changes.pick(
                    "default_visibility",
                    before.default_visibility,
                    default_visibility,
                    enforced.default_visibility,
                )?,
            };
            let in_force = after.under(enforced);
            if default_visibility.is_some_and(|wanted| !in_force.may_choose(wanted)) {
                let why =
                    format!("future projects of `{name}` are private: by default they can be `team` or `restricted`");
                return Err(Error::Forbidden(why));
            }
            if after != before {
                team_setting::update(tx, &found, &after)?;
                for event in changes.events(&found) {
                    audit::record(tx, &caller, event)?;
                }
            }
            Ok::<_, Error>((found.id, ShownTeamSettings::of(after, enforced, no_code_saving)))
        });
        let (team, shown) = updated.await?;
        tracing::info!(team.id = %team, "changed the settings of a team");
        Ok(shown)
    }

    /// What the organization decides for its teams.
    pub async fn organization_privacy(
        &self,
        caller: &Caller,
        organization: &str,
    ) -> Result<OrganizationPrivacy, Error> {
        let name = name_of_existing("organization", organization)?;
        let (caller, licence) = (*caller, self.licence());
        let shown = self.db.read(move |tx| {
            let found = find_organization(tx, &caller, &name, &licence)?;
            Ok::<_, Error>(team_setting::privacy(tx, found.id)?)
        });
        shown.await
    }

    /// Decides for all teams of the organization, at once; what was chosen for a project before stays.
    pub async fn update_organization_privacy(
        &self,
        caller: &Caller,
        organization: &str,
        change: ChangePrivacy,
    ) -> Result<OrganizationPrivacy, Error> {
        let name = name_of_existing("organization", organization)?;
        let default_visibility = match &change.default_visibility {
            Some(Some(text)) => Some(Some(parse_visibility(text)?)),
            Some(None) => Some(None),
            None => None,
        };
        let (caller, licence) = (*caller, self.licence());
        let updated = self.db.write(move |tx| {
            let found = find_organization(tx, &caller, &name, &licence)?;
            let before = team_setting::privacy(tx, found.id)?;
            let after = OrganizationPrivacy {
                hidden: change.hidden.unwrap_or(before.hidden),
                private_only: change.private_only.unwrap_or(before.private_only),
                members_invite: change.members_invite.unwrap_or(before.members_invite),
                no_report_sharing: change.no_report_sharing.unwrap_or(before.no_report_sharing),
                code_saving: change.code_saving.unwrap_or(before.code_saving),
                default_visibility: default_visibility.unwrap_or(before.default_visibility),
            };
            let is_open = after.default_visibility.is_some_and(|it| it.is_wider_than(Visibility::Team));
            if is_open && after.private_only == Some(true) {
                let why = "future projects are to be private: by default they can be `team` or `restricted`";
                return Err(Error::invalid("default_visibility", &why));
            }
            if after != before {
                team_setting::enforce(tx, &found, &after)?;
                let mut event = Event::new(AuditAction::OrganizationPrivacy).organization(&found);
                for (field, (from, to)) in words(before).into_iter().zip(words(after)).map(|(b, a)| (b.0, (b.1, a.1))) {
                    if from != to {
                        event = event.detail(field, to);
                    }
                }
                audit::record(tx, &caller, event)?;
            }
            Ok::<_, Error>((found.id, after))
        });
        let (organization, after) = updated.await?;
        tracing::info!(%organization, "changed what an organization decides for its teams");
        Ok(after)
    }
}

/// What a request changes of a team's settings, for the log.
struct Changes {
    organization: EntityName,
    told: Vec<(&'static str, String)>,
}

impl Changes {
    /// The team's own choice after the request. What the organization has decided is not the team's to change.
    fn pick<T: Copy + PartialEq + Word>(
        &mut self,
        field: &'static str,
        before: T,
        wanted: Option<T>,
        enforced: Option<T>,
    ) -> Result<T, Error> {
        match (wanted, enforced) {
            (Some(wanted), Some(enforced)) if wanted != enforced => {
                let (word, name) = (enforced.word(), &self.organization);
                let why = format!(
                    "`{field}` is set to {word} by organization `{name}` for all of its teams; ask one of its admins"
                );
                Err(Error::Forbidden(why))
            }
            (Some(wanted), None) if wanted != before => {
                self.told.push((field, wanted.word().to_owned()));
                Ok(wanted)
            }
            _ => Ok(before),
        }
    }

    /// One record for what is about privacy, and one for the rest.
    fn events(&self, team: &Allowed<FoundTeam>) -> Vec<Event> {
        let is_setting = |field: &str| ["code_saving", "default_visibility"].contains(&field);
        let mut events = Vec::new();
        for (action, settings) in [(AuditAction::TeamPrivacy, false), (AuditAction::TeamSettings, true)] {
            let told: Vec<_> = self.told.iter().filter(|(field, _)| is_setting(field) == settings).collect();
            if !told.is_empty() {
                let event = Event::new(action).team(team);
                events.push(told.into_iter().fold(event, |event, (field, word)| event.detail(field, word)));
            }
        }
        events
    }
}

/// A value as people read it.
trait Word {
    fn word(&self) -> &'static str;
}

impl Word for bool {
    fn word(&self) -> &'static str {
        if *self { "true" } else { "false" }
    }
}

impl Word for Visibility {
    fn word(&self) -> &'static str {
        self.as_str()
    }
}

/// Each field with its value; what teams choose themselves is `free`.
fn words(privacy: OrganizationPrivacy) -> [(&'static str, &'static str); 6] {
    let word = |value: Option<bool>| value.map_or("free", |value| value.word());
    [
        ("hidden", word(privacy.hidden)),
        ("private_only", word(privacy.private_only)),
        ("members_invite", word(privacy.members_invite)),
        ("no_report_sharing", word(privacy.no_report_sharing)),
        ("code_saving", word(privacy.code_saving)),
        ("default_visibility", privacy.default_visibility.map_or("free", Visibility::as_str)),
    ]
}

fn find_organization(
    tx: &impl Read,
    caller: &Caller,
    name: &EntityName,
    licence: &Licence,
) -> Result<Allowed<FoundOrganization>, Error> {
    let found = organization::find(tx, caller, name)?;
    existing(caller, Action::OrgPrivacy, found, licence, || missing("organization", name))
}

fn parse_visibility(text: &str) -> Result<Visibility, Error> {
    Visibility::parse(text).ok_or_else(|| {
        let why = format!("there is no visibility `{text}`; a project is open, public, team or restricted");
        Error::invalid("default_visibility", &why)
    })
}
