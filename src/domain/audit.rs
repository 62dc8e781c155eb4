//! The audit log: what was done, by whom, to what. Names are kept as they were at the time.

use super::clock::Timestamp;
use super::id::{ArtifactId, CollectionId, EntityId, OrganizationId, ProjectId, UserId};
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
    SealingKeyRotate        "system:rotate_sealing_key";
    ConnectorCreate         "connector:create";
    ConnectorUpdate         "connector:update";
    ConnectorRotate         "connector:rotate_secret";
    ConnectorDelete         "connector:delete";
    ConnectorAttach         "connector:attach";
    ConnectorDetach         "connector:detach";
    ConnectorTest           "connector:test";
    ConnectorMigrate        "connector:migrate";
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
    /// Whose admins read it besides those of the instance. A person's own entity belongs to no organization.
    #[serde(default)]
    pub organizations: Vec<OrganizationId>,
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
    pub entity: Option<EntitySubject>,
    pub project: Option<(ProjectId, String)>,
    pub artifact: Option<ArtifactSubject>,
    pub user: Option<UserSubject>,
}

/// A team, an organization, or a person's own entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitySubject {
    pub id: EntityId,
    pub name: String,
    /// Its name is a person's.
    pub is_personal: bool,
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

/// A person, or a service account, which has no address. Somebody who is only invited has no id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSubject {
    pub id: Option<UserId>,
    pub email: String,
}

/// Details that never hold what people are called or where they are reached. Others are left out when nobody is to be
/// recognized: what is forgotten here is hidden, not shown.
const IMPERSONAL_DETAILS: &[&str] = &[
    "action",
    "actions",
    "api_key",
    "artifacts",
    "base",
    "by",
    "code_saving",
    "collection",
    "connector",
    "connector_before",
    "count",
    "default_visibility",
    "deleted_files",
    "expires_at",
    "feature",
    "features",
    "fields",
    "from",
    "hidden",
    "invitation",
    "is_limited",
    "kind",
    "members_invite",
    "no_report_sharing",
    "number",
    "passed",
    "private_only",
    "provider",
    "on",
    "rewound_to_step",
    "role",
    "role_before",
    "runs",
    "scope",
    "service_account",
    "setting",
    "sweep",
    "system_admin",
    "to",
    "users",
    "verdict",
    "visibility",
    "visibility_before",
];

impl AuditRecord {
    /// Without e-mail addresses, network addresses and names of people. Ids stay, so that one person's records are
    /// known to be one person's.
    pub fn anonymized(mut self) -> Self {
        if let Actor::User { email, .. } = &mut self.actor {
            email.clear();
        }
        if let Some(user) = &mut self.subject.user {
            user.email.clear();
        }
        self.origin.address = None;
        if let Some(entity) = self.subject.entity.as_mut().filter(|entity| entity.is_personal) {
            entity.name.clear();
            if let Some(artifact) = &mut self.subject.artifact {
                artifact.qualified_name.clear();
            }
        }
        self.details.retain(|field, _| IMPERSONAL_DETAILS.contains(&field.as_str()));
        self
    }
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

    #[test]
    fn a_record_without_people_keeps_ids_and_what_was_done() {
        let details = [("role", "admin"), ("email", "grace@example.com"), ("unheard_of", "grace")];
        let record = AuditRecord {
            at: Timestamp(0),
            action: AuditAction::ArtifactCreate,
            actor: Actor::User { id: UserId(7), email: "grace@example.com".into() },
            origin: Origin { address: Some([192, 0, 2, 7].into()), client: None },
            status: 200,
            subject: Subject {
                entity: Some(EntitySubject { id: EntityId(1), name: "grace".into(), is_personal: true }),
                project: Some((ProjectId(2), "p".into())),
                artifact: Some(ArtifactSubject {
                    id: ArtifactId(3),
                    collection: CollectionId(4),
                    digest: "d".into(),
                    qualified_name: "grace/p/c:v0".into(),
                }),
                user: Some(UserSubject { id: Some(UserId(7)), email: "grace@example.com".into() }),
            },
            organizations: Vec::new(),
            details: details.into_iter().map(|(field, value)| (field.to_owned(), value.to_owned())).collect(),
        };

        let text = serde_json::to_string(&record.anonymized()).unwrap();

        assert!(!text.contains("grace") && !text.contains("192"), "{text}");
        for kept in ["artifact:create", "\"id\":7", "\"p\"", "\"role\":\"admin\""] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }
}
