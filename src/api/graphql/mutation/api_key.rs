//! Making and deleting API keys, as `wandb.Api().user(…)` does.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::user::ApiKey;
use crate::api::graphql::request::Request;
use crate::app::api_key::{NewKey, Whose};
use async_graphql::{Context, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct GenerateApiKeyInput {
    description: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct GenerateApiKeyPayload {
    /// Its name is the key itself, shown only here.
    api_key: ApiKey,
}

#[derive(InputObject)]
pub(super) struct DeleteApiKeyInput {
    id: String,
}

#[derive(SimpleObject)]
pub(super) struct DeleteApiKeyPayload {
    success: bool,
}

#[derive(InputObject)]
pub(super) struct CreateAnonymousEntityInput {
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateAnonymousEntityPayload {
    api_key: Option<ApiKey>,
}

#[derive(Default)]
pub(super) struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    /// Another key for the caller.
    async fn generate_api_key(
        &self,
        ctx: &Context<'_>,
        input: GenerateApiKeyInput,
    ) -> async_graphql::Result<GenerateApiKeyPayload> {
        let request = Request::of(ctx);
        let new = NewKey { name: input.description.clone(), ..NewKey::default() };
        let created = request.app.create_api_key(&request.caller, Whose::Own, new).await.map_err(failed)?;
        let key = created.key.ok_or_else(|| invalid("no key was made"))?;
        let (id, name) = (id::api_key(created.shown.id), key.expose().to_owned());
        Ok(GenerateApiKeyPayload { api_key: ApiKey { id, name, description: input.description } })
    }

    async fn delete_api_key(
        &self,
        ctx: &Context<'_>,
        input: DeleteApiKeyInput,
    ) -> async_graphql::Result<DeleteApiKeyPayload> {
        let request = Request::of(ctx);
        let id = id::api_key_id(&input.id)?;
        request.app.delete_api_key(&request.caller, id).await.map_err(failed)?;
        Ok(DeleteApiKeyPayload { success: true })
    }

    /// Old clients ask for it with `wandb.init(anonymous=…)`. Who logs here is known, so there is nothing to make.
    async fn create_anonymous_entity(
        &self,
        input: CreateAnonymousEntityInput,
    ) -> async_graphql::Result<CreateAnonymousEntityPayload> {
        let _always_refused = input.client_mutation_id;
        Err(invalid("this server has no anonymous accounts; ask one of its administrators for an account and log in"))
    }
}
