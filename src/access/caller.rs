//! Who asks, and how much of their rights the key they came with leaves them.

use super::policy::{Action, Area};
use crate::domain::api_key::KeyScope;
use crate::domain::id::{ApiKeyId, SessionId, UserId};
use crate::domain::origin::Origin;
use crate::domain::user::ServiceHome;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Nobody signed in.
    Anonymous,
    User {
        id: UserId,
        system_admin: bool,
    },
    /// A command on the server's own machine: may do what a system admin and a team admin may.
    Operator,
    /// Background jobs.
    System,
}

impl KeyScope {
    /// Whether a key of this scope can be used for the action at all.
    pub fn covers(self, action: Action) -> bool {
        let reads = action.is_read() || action.is_download();
        match self {
            Self::Full => true,
            Self::Read => reads,
            Self::Write => reads || writes(action),
        }
    }
}

/// What a write key adds to a read key.
fn writes(action: Action) -> bool {
    let area = action.area();
    (area.is_inside_project() || area == Area::ModelRegistry)
        && !matches!(action, Action::RegistryAdminChange | Action::ProtectedAliasChange | Action::ProjectVisibility)
}

/// The API key that a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedKey {
    pub id: ApiKeyId,
    /// It is for some teams or projects only; which, is read with the grants.
    pub is_confined: bool,
}

/// What the administrators of the instance have decided for everybody, as it was when the request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceRules {
    /// Visitors who did not sign in see public projects.
    pub anonymous_reading: bool,
    /// People may have projects in their own entities.
    pub personal_projects: bool,
}

impl InstanceRules {
    /// Those of an instance whose settings nobody has changed.
    pub const DEFAULT: Self = Self { anonymous_reading: false, personal_projects: true };
}

/// Who asks, and with what scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub principal: Principal,
    pub scope: KeyScope,
    pub key: Option<PresentedKey>,
    /// The session that the request came with, of somebody who signed in and came with no key.
    pub session: Option<SessionId>,
    /// The principal is a service account of this team or organization.
    pub service: Option<ServiceHome>,
    /// For the audit log; nothing is decided by it.
    pub origin: Origin,
    pub instance: InstanceRules,
}

impl Caller {
    pub const ANONYMOUS: Caller = Caller::whole(Principal::Anonymous);
    pub const OPERATOR: Caller = Caller::whole(Principal::Operator);
    pub const SYSTEM: Caller = Caller::whole(Principal::System);

    /// With all rights of the principal.
    const fn whole(principal: Principal) -> Self {
        Self {
            principal,
            scope: KeyScope::Full,
            key: None,
            session: None,
            service: None,
            origin: Origin::LOCAL,
            instance: InstanceRules::DEFAULT,
        }
    }

    pub const fn user(id: UserId, system_admin: bool, scope: KeyScope) -> Self {
        Self { scope, ..Self::whole(Principal::User { id, system_admin }) }
    }

    /// The key that they came with, if it is for some teams or projects only.
    pub fn confined_key(&self) -> Option<ApiKeyId> {
        self.key.filter(|key| key.is_confined).map(|key| key.id)
    }

    /// The person or service account who asks, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self.principal {
            Principal::User { id, .. } => Some(id),
            Principal::Anonymous | Principal::Operator | Principal::System => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_key_reads_and_downloads_only() {
        for &action in Action::ALL {
            let reads = action.name().ends_with(":read") || action.name().ends_with(":download");
            assert_eq!(KeyScope::Read.covers(action), reads, "{action}");
        }
    }

    #[test]
    fn a_write_key_logs_and_hands_out_no_rights() {
        assert!(KeyScope::Write.covers(Action::RunLog));
        assert!(KeyScope::Write.covers(Action::ModelAdd));
        for action in [
            Action::RegistryAdminChange,
            Action::ProtectedAliasChange,
            Action::ProjectVisibility,
            Action::TeamMemberAdd,
            Action::ApiKeyOwn,
            Action::UserManage,
        ] {
            assert!(!KeyScope::Write.covers(action), "{action}");
        }
    }

    #[test]
    fn a_full_key_covers_everything() {
        assert!(Action::ALL.iter().all(|&action| KeyScope::Full.covers(action)));
    }
}
