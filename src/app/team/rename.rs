//! Giving a team another name. Ids stay, so nothing but the name is written; the name of before leads to the team.

use super::{Team, find, with_organization};
use crate::access::{Action, Caller};
use crate::app::audit::{self, Event};
use crate::app::existing::name_of_existing;
use crate::app::{App, Error};
use crate::db::repo::team;
use crate::domain::audit::AuditAction;
use crate::domain::name::EntityName;

impl App {
    /// What logs under the old name goes on.
    pub async fn rename_team(&self, caller: &Caller, name: &str, to: &str) -> Result<Team, Error> {
        let (name, to) = (name_of_existing("team", name)?, to.to_owned());
        let (caller, licence) = (*caller, self.licence());
        let renamed = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::TeamSettingsUpdate, &name, &licence)?;
            let to = EntityName::parse(&to).map_err(|why| Error::invalid("name", &why))?;
            if to == found.entity.name {
                return with_organization(tx, found);
            }
            let entity = team::rename(tx, &found, to)?;
            let event = Event::new(AuditAction::TeamSettings).entity(found.id, &entity);
            audit::record(tx, &caller, event.detail("old_name", &found.entity.name).detail("name", &entity.name))?;
            with_organization(tx, found.map(|found| team::FoundTeam { entity, ..found }))
        });
        let team = renamed.await?;
        tracing::info!(team.id = %team.id, "renamed a team");
        Ok(team)
    }
}
