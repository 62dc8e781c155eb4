//! What a person sees of themself and around an entity: their teams and organizations, who is in an entity, and
//! which organization it belongs to.

use super::existing::{existing, missing, name_of_existing};
use super::organization::Membership;
use super::page::{PAGE, Page};
use super::{App, Error};
use crate::access::{Action, Caller, OrganizationRole, TeamRole};
use crate::db::repo::{entity, organization, team, user};
use crate::domain::entity::{Entity, EntityKind, Organization};
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::user::User;

/// The person who asks.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub id: UserId,
    pub user: User,
    /// In the order of their making.
    pub teams: Vec<OwnTeam>,
    pub organizations: Vec<OwnOrganization>,
}

/// A team that the person belongs to.
#[derive(Debug, Clone)]
pub struct OwnTeam {
    pub id: EntityId,
    pub entity: Entity,
    pub role: TeamRole,
}

/// An organization that the person belongs to.
#[derive(Debug, Clone)]
pub struct OwnOrganization {
    pub id: OrganizationId,
    pub organization: Organization,
    pub role: OrganizationRole,
}

impl App {
    /// The person who asks; `None` for visitors, the operator and background jobs. One's own places need no check.
    pub async fn viewer(&self, caller: &Caller) -> Result<Option<Viewer>, Error> {
        let Some(id) = caller.user_id() else { return Ok(None) };
        let found = self.db.read(move |tx| {
            let Some(user) = user::by_id(tx, id)? else { return Ok(None) };
            let mut teams = Vec::new();
            for found in entity::teams_of(tx, id)? {
                let Some(member) = team::member(tx, found.id, id)? else { continue };
                teams.push(OwnTeam { id: found.id, entity: found.entity, role: member.role });
            }
            let mut organizations = Vec::new();
            for organization_id in entity::organizations_of(tx, id)? {
                let Some(member) = organization::member(tx, organization_id, id)? else { continue };
                let Some(organization) = organization::by_id(tx, organization_id)? else { continue };
                organizations.push(OwnOrganization { id: organization_id, organization, role: member.role });
            }
            Ok::<_, Error>(Some(Viewer { id, user, teams, organizations }))
        });
        found.await
    }

    /// Who is in an entity: a team's members, or the person alone whose own it is.
    pub async fn list_entity_members(
        &self,
        caller: &Caller,
        name: &str,
        after: Option<UserId>,
    ) -> Result<Page<Membership<TeamRole>, UserId>, Error> {
        let name = name_of_existing("entity", name)?;
        let (caller, licence) = (*caller, self.licence.clone());
        let listed = self.db.read(move |tx| {
            let gone = || missing("entity", &name);
            let found = entity::named(tx, &name)?.ok_or_else(gone)?;
            let owner = match found.entity.kind {
                EntityKind::Team(_) => {
                    let found = existing(&caller, Action::TeamRead, team::find(tx, &caller, &name)?, &licence, gone)?;
                    let mut members = Vec::new();
                    for (id, member) in team::members(tx, &found, after, PAGE)? {
                        let Some(user) = user::by_id(tx, id)? else { continue };
                        members.push((id, Membership { user, role: member.role, since: member.since }));
                    }
                    return Ok(Page::of(members));
                }
                EntityKind::Person(owner) => owner,
                EntityKind::Organization(_) => return Err(gone()),
            };
            let found = entity::find(tx, &caller, &name)?;
            existing(&caller, Action::ProjectRead, found, &licence, gone)?;
            let owner = user::by_id(tx, owner)?.filter(|_| after.is_none());
            let alone = |user: User| Membership { role: TeamRole::Admin, since: user.created_at, user };
            Ok::<_, Error>(Page { items: owner.into_iter().map(alone).collect(), next: None })
        });
        listed.await
    }

    /// The organization of a team that the caller sees; `None` for other entities and what is hidden.
    pub async fn organization_of_entity(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Option<(OrganizationId, Organization)>, Error> {
        let Ok(name) = name_of_existing("entity", name) else { return Ok(None) };
        let (caller, licence) = (*caller, self.licence.clone());
        let found = self.db.read(move |tx| {
            let Some(found) = team::find(tx, &caller, &name)? else { return Ok(None) };
            let Ok(team) = caller.may(Action::TeamRead, found, &licence) else { return Ok(None) };
            let organization = organization::by_id(tx, team.organization)?;
            Ok::<_, Error>(organization.map(|organization| (team.organization, organization)))
        });
        found.await
    }
}
