//! The index entries and references of people, organizations, teams, and what belongs to these.

use super::{
    API_KEY_BY_HASH, API_KEYS_BY_USER, CUSTOM_CHART_BY_NAME, CUSTOM_ROLE_HOLDERS, CUSTOM_ROLES, DELETED_TEAMS,
    ENTITIES, ENTITY_BY_NAME, INVITATION_BY_EMAIL, INVITATION_BY_HASH, INVITATIONS_BY_CUSTOM_ROLE, INVITATIONS_TO,
    ORGANIZATION_ADMINS, ORGANIZATIONS, ORGANIZATIONS_BY_USER, SERVICE_ACCOUNTS_OF_ORGANIZATION,
    SERVICE_ACCOUNTS_OF_TEAM, SYSTEM_ADMINS, TEAM_ADMINS, TEAMS_BY_ORGANIZATION, TEAMS_BY_USER, USER_BY_EMAIL, USERS,
};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::api_key::KeyRecord;
use crate::domain::custom_chart::CustomChart;
use crate::domain::entity::{Entity, EntityKind, Organization, OrganizationMember, TeamMember};
use crate::domain::id::{ApiKeyId, CustomChartId, EntityId, InvitationId, OrganizationId, UserId};
use crate::domain::invitation::{Invitation, InvitedInto};
use crate::domain::role::{OrganizationRole, TeamRole};
use crate::domain::user::{ServiceHome, User};

impl Record for User {}
impl Stored<UserId> for User {
    const SECRETS: &'static [&'static str] = &["password_hash"];

    fn indexes(&self, key: &UserId, entries: &mut Entries) {
        match self.service {
            None => entries.unique(&USER_BY_EMAIL, &self.email.to_lowercase(), key),
            Some(ServiceHome::Team(team)) => entries.index(&SERVICE_ACCOUNTS_OF_TEAM, &(team, *key)),
            Some(ServiceHome::Organization(organization)) => {
                entries.index(&SERVICE_ACCOUNTS_OF_ORGANIZATION, &(organization, *key));
            }
        }
        if self.system_admin && self.is_active() {
            entries.index(&SYSTEM_ADMINS, key);
        }
    }

    fn references(&self, _: &UserId, references: &mut References) {
        references.needs(&ENTITIES, &self.entity);
        match self.service {
            None => {}
            Some(ServiceHome::Team(team)) => references.needs(&ENTITIES, &team),
            Some(ServiceHome::Organization(organization)) => references.needs(&ORGANIZATIONS, &organization),
        }
    }
}

impl Record for Entity {}
impl Stored<EntityId> for Entity {
    fn indexes(&self, key: &EntityId, entries: &mut Entries) {
        for name in self.folded_names() {
            entries.unique(&ENTITY_BY_NAME, &name, key);
        }
        if let EntityKind::Team(organization) = self.kind {
            entries.index(&TEAMS_BY_ORGANIZATION, &(organization, *key));
        }
        if let Some(trash) = self.trash {
            entries.index(&DELETED_TEAMS, &(trash.until, *key));
        }
    }

    fn references(&self, _: &EntityId, references: &mut References) {
        match self.kind {
            EntityKind::Person(user) | EntityKind::ServiceAccount(user) => references.needs(&USERS, &user),
            EntityKind::Team(organization) | EntityKind::Organization(organization) => {
                references.needs(&ORGANIZATIONS, &organization);
            }
        }
    }
}

impl Record for KeyRecord {}
impl Stored<ApiKeyId> for KeyRecord {
    const SECRETS: &'static [&'static str] = &["hash", "begins_with"];

    fn indexes(&self, key: &ApiKeyId, entries: &mut Entries) {
        entries.unique(&API_KEY_BY_HASH, &self.hash, key);
        entries.index(&API_KEYS_BY_USER, &(self.user, *key));
    }

    fn references(&self, _: &ApiKeyId, references: &mut References) {
        references.needs(&USERS, &self.user);
    }
}

impl Record for Organization {}
impl Stored<OrganizationId> for Organization {
    fn references(&self, _: &OrganizationId, references: &mut References) {
        references.needs(&ENTITIES, &self.entity);
    }
}

impl Record for OrganizationMember {}
impl Stored<(OrganizationId, UserId)> for OrganizationMember {
    fn indexes(&self, (organization, user): &(OrganizationId, UserId), entries: &mut Entries) {
        entries.index(&ORGANIZATIONS_BY_USER, &(*user, *organization));
        if self.role == OrganizationRole::Admin {
            entries.index(&ORGANIZATION_ADMINS, &(*organization, *user));
        }
    }

    fn references(&self, (organization, user): &(OrganizationId, UserId), references: &mut References) {
        references.needs(&ORGANIZATIONS, organization);
        references.needs(&USERS, user);
    }
}

impl Record for TeamMember {}
impl Stored<(EntityId, UserId)> for TeamMember {
    fn indexes(&self, (team, user): &(EntityId, UserId), entries: &mut Entries) {
        entries.index(&TEAMS_BY_USER, &(*user, *team));
        if self.role == TeamRole::Admin {
            entries.index(&TEAM_ADMINS, &(*team, *user));
        }
        if let Some(role) = self.custom_role {
            entries.index(&CUSTOM_ROLE_HOLDERS, &(role, *team, *user));
        }
    }

    fn references(&self, (team, user): &(EntityId, UserId), references: &mut References) {
        references.needs(&ENTITIES, team);
        references.needs(&USERS, user);
        if let Some(role) = &self.custom_role {
            references.needs(&CUSTOM_ROLES, role);
        }
    }
}

impl Record for Invitation {}
impl Stored<InvitationId> for Invitation {
    const SECRETS: &'static [&'static str] = &["hash"];

    fn indexes(&self, key: &InvitationId, entries: &mut Entries) {
        let email = self.email.to_lowercase();
        entries.unique(&INVITATION_BY_EMAIL, &(self.entity(), email.clone()), key);
        entries.index(&INVITATIONS_TO, &(email, *key));
        entries.unique(&INVITATION_BY_HASH, &self.hash, key);
        if let InvitedInto::Team { custom_role: Some(role), .. } = self.into {
            entries.index(&INVITATIONS_BY_CUSTOM_ROLE, &(role, *key));
        }
    }

    fn references(&self, _: &InvitationId, references: &mut References) {
        references.needs(&ENTITIES, &self.entity());
    }
}

impl Record for CustomChart {}
impl Stored<CustomChartId> for CustomChart {
    fn indexes(&self, key: &CustomChartId, entries: &mut Entries) {
        entries.unique(&CUSTOM_CHART_BY_NAME, &(self.entity, self.name.clone()), key);
    }

    fn references(&self, _: &CustomChartId, references: &mut References) {
        references.needs(&ENTITIES, &self.entity);
    }
}
