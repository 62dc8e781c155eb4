//! Making service accounts, as `wandb.Api().team(…)` does. Deleting one is taking a member out, in `team`.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::app::service_account::{CreateServiceAccount, HomeNamed};
use async_graphql::{Context, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct CreateServiceAccountInput {
    description: String,
    entity_name: String,
}

#[derive(SimpleObject)]
pub(super) struct CreateServiceAccountPayload {
    user: User,
}

#[derive(Default)]
pub(super) struct ServiceAccountMutation;

#[Object]
impl ServiceAccountMutation {
    /// An account of a team, called after its description. Its keys are made over the REST interface.
    async fn create_service_account(
        &self,
        ctx: &Context<'_>,
        input: CreateServiceAccountInput,
    ) -> async_graphql::Result<CreateServiceAccountPayload> {
        let request = Request::of(ctx);
        let new = CreateServiceAccount { name: None, description: Some(input.description), default_team: None };
        let home = HomeNamed::Team(input.entity_name);
        let created = request.app.create_service_account(&request.caller, home, new).await.map_err(failed)?;
        let account = request.app.find_person(&request.caller, created.id).await.map_err(failed)?;
        let person = account.ok_or_else(|| invalid("the new account was deleted just now"))?;
        Ok(CreateServiceAccountPayload { user: User { person } })
    }
}
