//! Who belongs to an entity, and who is invited to.

use crate::access::TeamRole;
use crate::api::graphql::id;
use crate::api::graphql::object::user::User;
use crate::api::graphql::scalar::DateTime;
use crate::app::person::Person;
use crate::app::service_account::ServiceAccount;
use crate::domain::id::{InvitationId, UserId};
use crate::domain::invitation::Invitation;
use async_graphql::{ID, SimpleObject};

/// One person or service account of a team; while invited they are pending.
#[derive(SimpleObject)]
pub(in crate::api::graphql) struct Member {
    id: ID,
    username: Option<String>,
    name: String,
    email: Option<String>,
    admin: bool,
    pending: bool,
    /// `admin`, `member`, `view_only`, or the name of a custom role.
    role: String,
    /// `USER`, or `SERVICE` for a service account of the team.
    account_type: &'static str,
    photo_url: Option<String>,
    /// Never shown: a key is shown to who makes it, when they make it.
    api_key: Option<String>,
}

impl Member {
    pub fn of(person: Person, role: TeamRole, custom_role: Option<String>) -> Self {
        Self {
            id: id::member(person.id),
            name: person.full_name.unwrap_or_else(|| person.username.clone()),
            username: Some(person.username),
            email: person.private.map(|private| private.email),
            admin: role == TeamRole::Admin,
            pending: false,
            role: custom_role.unwrap_or_else(|| role.as_str().to_owned()),
            account_type: "USER",
            photo_url: None,
            api_key: None,
        }
    }

    pub fn service_account(account: &ServiceAccount) -> Self {
        Self {
            id: id::member(account.id),
            name: account.account.shown_name().to_owned(),
            username: Some(account.account.name.to_string()),
            email: None,
            admin: false,
            pending: false,
            role: TeamRole::Member.as_str().to_owned(),
            account_type: "SERVICE",
            photo_url: None,
            api_key: None,
        }
    }

    pub fn invited(id: InvitationId, invitation: &Invitation) -> Self {
        Self {
            id: id::invitation(id),
            username: None,
            name: invitation.email.clone(),
            email: Some(invitation.email.clone()),
            admin: invitation.role() == TeamRole::Admin.as_str(),
            pending: true,
            role: invitation.role().to_owned(),
            account_type: "USER",
            photo_url: None,
            api_key: None,
        }
    }
}

/// An invitation: what was made of it, if the person is in the organization already.
#[derive(SimpleObject)]
pub(in crate::api::graphql) struct Invite {
    pub id: ID,
    pub name: String,
    pub email: Option<String>,
    pub created_at: Option<DateTime>,
    pub to_user: Option<User>,
}

/// Whom the id of a member or of an invitation names.
pub(in crate::api::graphql) enum MemberId {
    Member(UserId),
    Invitation(InvitationId),
}
