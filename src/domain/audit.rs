//! The audit log: what was done, by whom, to what. Names are kept as they were at the time.

use super::clock::Timestamp;
use super::id::{ArtifactId, CollectionId, EntityId, ProjectId, UserId};
use super::origin::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

macro_rules! audit_actions {
    ($($action:ident $name:literal;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum AuditAction { $(#[serde(rename = $name)] $action),* }

        impl AuditAction {
            pub const ALL: &'static [AuditAction] = &[$(AuditAction::$action),*];

            /// As readers of the log know it, such as `team:create`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$action => $name),* }
            }
        }
    };
}

audit_actions! {
    ArtifactCreate          "artifact:create";
    ArtifactDelete          "artifact:delete";
    ArtifactRead            "artifact:read";
    ProjectRead             "project:read";
    ProjectDelete           "project:delete";
    ProjectUpdate           "project:update";
    ProjectVisibility       "project:change_visibility";
    ProjectMember           "project:update_member";
    ReportRead              "report:read";
    RunDelete               "run:delete";
    RunDeleteMany           "run:delete_many";
    RunStop                 "run:stop";
    RunUndeleteMany         "run:undelete_many";
    RunUpdate               "run:update";
    RunUpdateMany           "run:update_many";
    RunMoveMany             "run:move_many";
    SweepCreateAgent        "sweep:create_agent";
    OrganizationCreate      "organization:create";
    OrganizationDelete      "organization:delete";
    OrganizationUpdate      "organization:update";
    OrganizationMember      "organization:update_member";
    OrganizationPrivacy     "organization:update_privacy";
    OrganizationServiceAccountCreate "organization:create_service_account";
    OrganizationServiceAccountDelete "organization:delete_service_account";
    CustomRoleCreate        "custom_role:create";
    CustomRoleUpdate        "custom_role:update";
    CustomRoleDelete        "custom_role:delete";
    TeamCreate              "team:create";
    TeamDelete              "team:delete";
    TeamRestore             "team:restore";
    TeamInviteUser          "team:invite_user";
    TeamUninvite            "team:uninvite";
    TeamMember              "team:update_member";
    TeamMemberRemove        "team:remove_member";
    TeamSettings            "team:update_settings";
    TeamPrivacy             "team:update_privacy";
    TeamProfile             "team:update_profile";
    TeamServiceAccountCreate "team:create_service_account";
    TeamServiceAccountDelete "team:delete_service_account";
    UserCreate              "user:create";
    UserCreateApiKey        "user:create_api_key";
    UserDeleteApiKey        "user:delete_api_key";
    UserDeactivate          "user:deactivate";
    UserReactivate          "user:reactivate";
    UserPermanentlyDelete   "user:permanently_delete";
    UserRead                "user:read";
    UserUpdate              "user:update";
    UserInitiateLogin       "user:initiate_login";
    UserLogin               "user:login";
    UserLogout              "user:logout";
    UserPassword            "user:change_password";
    UserSecondFactor        "user:change_second_factor";
    UserResetLink           "user:create_reset_link";
    SettingUpdate           "system:update_setting";
    LicenceInstall          "system:install_license";
    ConnectorChange         "connector:change";
    AuditRead               "audit:read";
    AccessExplain           "access:explain";
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub at: Timestamp,
    pub action: AuditAction,
    pub actor: Actor,
    pub origin: Origin,
    /// The HTTP status that the actor was answered with: 200 for what was done, 401 or 403 for what was refused.
    pub status: u16,
    pub subject: Subject,
    /// What changed, in the names of the fields that were asked for. Never a secret.
    pub details: BTreeMap<String, String>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    User {
        id: UserId,
        email: String,
    },
    /// A command on the server's machine.
    Operator,
    /// A background job.
    System,
    /// Somebody who did not sign in, or failed to.
    Anonymous,
}

/// What it was done to, as far as it applies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subject {
    pub entity: Option<(EntityId, String)>,
    pub project: Option<(ProjectId, String)>,
    pub artifact: Option<ArtifactSubject>,
    pub user: Option<UserSubject>,
}

/// A version of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSubject {
    pub id: ArtifactId,
    pub collection: CollectionId,
    pub digest: String,
    /// `entity/project/collection:v3`
    pub qualified_name: String,
}

/// A person, or a service account, which has no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSubject {
    pub id: UserId,
    pub email: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = AuditAction::ALL.iter().map(|action| action.name()).collect();

        assert_eq!(names.len(), AuditAction::ALL.len());
    }
}
