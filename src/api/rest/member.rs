//! Members of organizations and of teams, as both are shown.

use crate::access::{OrganizationRole, TeamRole};
use crate::app::organization::Membership;
use crate::app::page::Page;
use crate::domain::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// In an organization `admin`, `member` or `viewer`; in a team `admin`, `member`, `view_only` or a custom role.
    pub role: String,
}

#[derive(Serialize, ToSchema)]
pub struct MemberView {
    username: String,
    name: Option<String>,
    role: &'static str,
    /// The custom role that this one is the base of; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role: Option<String>,
    since: String,
}

#[derive(Serialize, ToSchema)]
pub struct MemberPage {
    members: Vec<MemberView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The word for a role of either kind.
pub trait RoleWord {
    fn word(&self) -> &'static str;
}

impl RoleWord for TeamRole {
    fn word(&self) -> &'static str {
        self.as_str()
    }
}

impl RoleWord for OrganizationRole {
    fn word(&self) -> &'static str {
        self.as_str()
    }
}

impl<R: RoleWord> From<Membership<R>> for MemberView {
    fn from(member: Membership<R>) -> Self {
        Self {
            username: member.user.name.to_string(),
            name: member.user.full_name,
            role: member.role.word(),
            custom_role: member.custom_role,
            since: member.since.to_rfc3339(),
        }
    }
}

impl<R: RoleWord> From<Page<Membership<R>, UserId>> for MemberPage {
    fn from(page: Page<Membership<R>, UserId>) -> Self {
        let members = page.items.into_iter().map(MemberView::from).collect();
        Self { members, next: page.next.map(|id| id.to_string()) }
    }
}
