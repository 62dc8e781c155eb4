//! Who belongs to an organization, as its admins see them: with their teams there, and when they were last active.

use super::{Membership, find};
use crate::access::{Action, Caller, OrganizationRole, TeamRole};
use crate::app::existing::name_of_existing;
use crate::app::page::{PAGE, Page};
use crate::app::{App, Error};
use crate::db::repo::{entity, organization, seat, team, user};
use crate::db::tx::Read;
use crate::domain::clock::Timestamp;
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;
use crate::domain::seat::SeatKind;
use std::collections::HashMap;

/// A member of an organization.
#[derive(Debug, Clone)]
pub struct OrganizationPerson {
    pub member: Membership<OrganizationRole>,
    /// Of this organization only.
    pub teams: Vec<(EntityName, TeamRole)>,
    pub last_active: Option<Timestamp>,
    /// What the licence counts them as; a deactivated person has none.
    pub seat: Option<SeatKind>,
}

impl App {
    pub async fn list_organization_members(
        &self,
        caller: &Caller,
        organization: &str,
        after: Option<UserId>,
    ) -> Result<Page<OrganizationPerson, UserId>, Error> {
        let name = name_of_existing("organization", organization)?;
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let found = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let (mut people, mut names) = (Vec::new(), HashMap::new());
            for (id, place) in organization::members(tx, &found, after, PAGE)? {
                let Some(user) = user::get(tx, id)? else { continue };
                let member = Membership { id, user, role: place.role, custom_role: None, since: place.since };
                let teams = teams_of(tx, found.id, id, &mut names)?;
                let (last_active, seat) = (user::last_active(tx, id)?, seat::of(tx, id)?);
                people.push((id, OrganizationPerson { member, teams, last_active, seat }));
            }
            Ok::<_, Error>(Page::of(people))
        });
        listed.await
    }
}

/// `names` keeps what was looked up: people of one page are mostly in the same teams.
fn teams_of(
    tx: &impl Read,
    organization: OrganizationId,
    person: UserId,
    names: &mut HashMap<EntityId, Option<EntityName>>,
) -> Result<Vec<(EntityName, TeamRole)>, Error> {
    let mut teams = Vec::new();
    for (id, member) in entity::memberships_of(tx, person)? {
        let name = match names.get(&id) {
            Some(name) => name.clone(),
            None => {
                let name = team::name_in(tx, organization, id)?;
                names.insert(id, name.clone());
                name
            }
        };
        teams.extend(name.map(|name| (name, member.role)));
    }
    Ok(teams)
}
