//! Linking versions to portfolios.

use super::ArtifactAliasInput;
use crate::api::graphql::error::{failed, invalid, missing};
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::membership::ArtifactCollectionMembership;
use crate::api::graphql::request::Request;
use crate::app::artifact::link::Portfolio;
use crate::domain::project::DEFAULT_PROJECT;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct LinkArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: Option<ID>,
    /// What the client called the version before it knew its id.
    #[graphql(name = "clientID")]
    client_id: Option<ID>,
    #[graphql(name = "artifactPortfolioID")]
    artifact_portfolio_id: Option<ID>,
    artifact_portfolio_name: Option<String>,
    entity_name: Option<String>,
    project_name: Option<String>,
    aliases: Option<Vec<ArtifactAliasInput>>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct LinkArtifactPayload {
    /// The number of the version in the portfolio.
    version_index: Option<u32>,
    artifact_membership: Option<ArtifactCollectionMembership>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct UnlinkArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    #[graphql(name = "artifactPortfolioID")]
    artifact_portfolio_id: ID,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UnlinkArtifactPayload {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    success: bool,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct LinkMutation;

#[Object]
impl LinkMutation {
    /// The portfolio is made if it is missing. Linking again finds the same place.
    async fn link_artifact(
        &self,
        ctx: &Context<'_>,
        input: LinkArtifactInput,
    ) -> async_graphql::Result<LinkArtifactPayload> {
        let request = Request::of(ctx);
        let id = match (input.artifact_id.filter(|id| !id.is_empty()), &input.client_id) {
            (Some(id), _) => id::artifact_id(&id)?,
            (None, Some(client_id)) => {
                let found = request.app.find_artifact_by_client_id(&request.caller, client_id).await.map_err(failed)?;
                found.ok_or_else(|| missing("the artifact does not exist"))?
            }
            (None, None) => return Err(invalid("a link needs an `artifactID` or a `clientID`")),
        };
        let portfolio = match (input.artifact_portfolio_id, input.artifact_portfolio_name) {
            (Some(id), _) => Portfolio::Id(id::collection_id(&id)?),
            (None, Some(name)) => Portfolio::Named {
                entity: input.entity_name,
                project: input.project_name.unwrap_or_else(|| DEFAULT_PROJECT.to_owned()),
                name,
            },
            (None, None) => return Err(invalid("a link needs an `artifactPortfolioName`")),
        };
        let name = |ArtifactAliasInput { alias, artifact_collection_name: _ }| alias;
        let aliases = input.aliases.into_iter().flatten().map(name).collect();
        let linked = request.app.link_artifact(&request.caller, id, portfolio, aliases).await.map_err(failed)?;
        Ok(LinkArtifactPayload {
            version_index: linked.version,
            artifact_membership: Some(ArtifactCollectionMembership::of(linked)),
            client_mutation_id: input.client_mutation_id,
        })
    }

    async fn unlink_artifact(
        &self,
        ctx: &Context<'_>,
        input: UnlinkArtifactInput,
    ) -> async_graphql::Result<UnlinkArtifactPayload> {
        let request = Request::of(ctx);
        let id = id::artifact_id(&input.artifact_id)?;
        let portfolio = id::collection_id(&input.artifact_portfolio_id)?;
        request.app.unlink_artifact(&request.caller, id, portfolio).await.map_err(failed)?;
        let (artifact_id, client_mutation_id) = (input.artifact_id, input.client_mutation_id);
        Ok(UnlinkArtifactPayload { artifact_id, success: true, client_mutation_id })
    }
}
