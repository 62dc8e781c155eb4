//! People and teams, as `wandb.Api()` governs them.

use crate::access::TeamRole;
use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::entity::Entity;
use crate::api::graphql::object::member::{Invite, MemberId};
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::DateTime;
use crate::app::invitation::Invited;
use crate::app::organization::JoinOrganization;
use crate::app::team::NewTeamAt;
use crate::app::user::{CreateUser, FirstKey};
use async_graphql::{Context, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct CreateTeamInput {
    team_name: String,
    /// Without one the caller becomes its admin.
    team_admin_user_name: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateTeamPayload {
    entity: Option<Entity>,
}

#[derive(InputObject)]
pub(super) struct CreateInviteInput {
    entity_name: String,
    email: Option<String>,
    username: Option<String>,
    admin: Option<bool>,
}

#[derive(SimpleObject)]
pub(super) struct CreateInvitePayload {
    invite: Invite,
}

#[derive(InputObject)]
pub(super) struct DeleteInviteInput {
    id: Option<String>,
    entity_name: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteInvitePayload {
    success: bool,
}

#[derive(InputObject)]
pub(super) struct CreateUserInput {
    email: String,
    admin: Option<bool>,
}

#[derive(SimpleObject)]
pub(super) struct CreateUserPayload {
    user: User,
}

#[derive(Default)]
pub(super) struct TeamMutation;

#[Object]
impl TeamMutation {
    /// A team in the caller's organization.
    async fn create_team(&self, ctx: &Context<'_>, input: CreateTeamInput) -> async_graphql::Result<CreateTeamPayload> {
        let request = Request::of(ctx);
        let at = NewTeamAt { name: input.team_name, admin: input.team_admin_user_name };
        let team = request.app.create_team_at_home(&request.caller, at).await.map_err(failed)?;
        let name = team.entity.name.as_str();
        let found = request.app.find_entity(&request.caller, Some(name)).await.map_err(failed)?;
        Ok(CreateTeamPayload { entity: found.map(|found| Entity { found }) })
    }

    /// By e-mail address or user name. Who is in the organization becomes a member at once.
    async fn create_invite(
        &self,
        ctx: &Context<'_>,
        input: CreateInviteInput,
    ) -> async_graphql::Result<CreateInvitePayload> {
        let request = Request::of(ctx);
        let who =
            input.email.or(input.username).ok_or_else(|| invalid("an invitation needs an `email` or a `username`"))?;
        let role = if input.admin == Some(true) { TeamRole::Admin } else { TeamRole::Member };
        let invited =
            request.app.invite(&request.caller, &input.entity_name, &who, role.as_str()).await.map_err(failed)?;
        let invite = match invited {
            Invited::Member(user) => {
                let person = request.app.search_person(&request.caller, user.name.as_str()).await.map_err(failed)?;
                let person = person.ok_or_else(|| invalid("the new member was deleted just now"))?;
                Invite {
                    id: id::member(person.id),
                    name: person.username.clone(),
                    email: person.private.as_ref().map(|private| private.email.clone()),
                    created_at: None,
                    to_user: Some(User { person }),
                }
            }
            Invited::Waiting { id, invitation, .. } => Invite {
                id: id::invitation(id),
                name: invitation.email.clone(),
                email: Some(invitation.email),
                created_at: Some(DateTime(invitation.created_at)),
                to_user: None,
            },
        };
        Ok(CreateInvitePayload { invite })
    }

    /// Takes an invitation back, or a member out of the team.
    async fn delete_invite(
        &self,
        ctx: &Context<'_>,
        input: DeleteInviteInput,
    ) -> async_graphql::Result<DeleteInvitePayload> {
        let request = Request::of(ctx);
        let (Some(id), Some(team)) = (input.id, input.entity_name) else {
            return Err(invalid("taking a member out needs their `id` and the `entityName` of the team"));
        };
        match id::member_id(&id)? {
            MemberId::Invitation(id) => request.app.delete_invitation(&request.caller, &team, id).await,
            MemberId::Member(id) => request.app.remove_team_member_by_id(&request.caller, &team, id).await,
        }
        .map_err(failed)?;
        Ok(DeleteInvitePayload { success: true })
    }

    /// A person without password and key, whose user name is made from the e-mail address.
    async fn create_user(&self, ctx: &Context<'_>, input: CreateUserInput) -> async_graphql::Result<CreateUserPayload> {
        let request = Request::of(ctx);
        let create = CreateUser {
            username: None,
            email: input.email,
            name: None,
            password: None,
            api_key: FirstKey::None,
            system_admin: input.admin == Some(true),
            organization: JoinOrganization::First,
        };
        let created = request.app.create_user(&request.caller, create).await.map_err(failed)?;
        let person = request.app.search_person(&request.caller, created.user.name.as_str()).await.map_err(failed)?;
        let person = person.ok_or_else(|| invalid("the new person was deleted just now"))?;
        Ok(CreateUserPayload { user: User { person } })
    }
}
