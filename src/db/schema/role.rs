//! The index entries and references of custom roles, roles in projects, and what teams and organizations set.

use super::{CUSTOM_ROLE_BY_NAME, ENTITIES, ORGANIZATIONS, PROJECTS, PROJECTS_BY_MEMBER, USERS};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::custom_role::CustomRole;
use crate::domain::id::{CustomRoleId, EntityId, OrganizationId, ProjectId, UserId};
use crate::domain::project::ProjectMember;
use crate::domain::team_setting::{OrganizationPrivacy, TeamSettings};

impl Record for CustomRole {}
impl Stored<CustomRoleId> for CustomRole {
    fn indexes(&self, key: &CustomRoleId, entries: &mut Entries) {
        entries.unique(&CUSTOM_ROLE_BY_NAME, &(self.organization, self.name.folded()), key);
    }

    fn references(&self, _: &CustomRoleId, references: &mut References) {
        references.needs(&ORGANIZATIONS, &self.organization);
    }
}

impl Record for ProjectMember {}
impl Stored<(ProjectId, UserId)> for ProjectMember {
    fn indexes(&self, (project, user): &(ProjectId, UserId), entries: &mut Entries) {
        entries.index(&PROJECTS_BY_MEMBER, &(*user, self.team, *project));
    }

    fn references(&self, (project, user): &(ProjectId, UserId), references: &mut References) {
        references.needs(&PROJECTS, project);
        references.needs(&USERS, user);
    }
}

impl Record for TeamSettings {}
impl Stored<EntityId> for TeamSettings {
    const HAS_INDEXES: bool = false;

    fn references(&self, team: &EntityId, references: &mut References) {
        references.needs(&ENTITIES, team);
    }
}

impl Record for OrganizationPrivacy {}
impl Stored<OrganizationId> for OrganizationPrivacy {
    const HAS_INDEXES: bool = false;

    fn references(&self, organization: &OrganizationId, references: &mut References) {
        references.needs(&ORGANIZATIONS, organization);
    }
}
