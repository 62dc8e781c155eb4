//! Giving and taking aliases.

use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::request::Request;
use crate::app::artifact::alias::AliasAt;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct ArtifactCollectionAliasInput {
    entity_name: String,
    project_name: String,
    artifact_collection_name: String,
    alias: String,
}

macro_rules! inputs {
    ($($name:ident)*) => {$(
        #[derive(InputObject)]
        pub(super) struct $name {
            #[graphql(name = "artifactID")]
            artifact_id: ID,
            aliases: Vec<ArtifactCollectionAliasInput>,
            client_mutation_id: Option<String>,
        }
    )*};
}

macro_rules! payloads {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        pub(super) struct $name {
            success: bool,
            client_mutation_id: Option<String>,
        }
    )*};
}

inputs!(AddAliasesInput DeleteAliasesInput);
payloads!(AddAliasesPayload DeleteAliasesPayload);

#[derive(Default)]
pub(super) struct AliasMutation;

#[Object]
impl AliasMutation {
    /// Another version of the collection loses them.
    async fn add_aliases(&self, ctx: &Context<'_>, input: AddAliasesInput) -> async_graphql::Result<AddAliasesPayload> {
        let request = Request::of(ctx);
        let aliases = input.aliases.into_iter().map(at).collect();
        let id = id::artifact_id(&input.artifact_id)?;
        request.app.add_aliases(&request.caller, id, aliases).await.map_err(failed)?;
        Ok(AddAliasesPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    async fn delete_aliases(
        &self,
        ctx: &Context<'_>,
        input: DeleteAliasesInput,
    ) -> async_graphql::Result<DeleteAliasesPayload> {
        let request = Request::of(ctx);
        let aliases = input.aliases.into_iter().map(at).collect();
        let id = id::artifact_id(&input.artifact_id)?;
        request.app.delete_aliases(&request.caller, id, aliases).await.map_err(failed)?;
        Ok(DeleteAliasesPayload { success: true, client_mutation_id: input.client_mutation_id })
    }
}

fn at(input: ArtifactCollectionAliasInput) -> AliasAt {
    AliasAt {
        entity: input.entity_name,
        project: input.project_name,
        collection: input.artifact_collection_name,
        alias: input.alias,
    }
}
