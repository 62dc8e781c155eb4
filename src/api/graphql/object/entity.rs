//! Entities and organizations, as far as the caller may know them.

use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::app::entity::{SeenEntity, SeenOrganization};
use async_graphql::{Context, ID, Object, SimpleObject};

pub(in crate::api::graphql) struct Entity {
    pub found: SeenEntity,
}

#[Object]
impl Entity {
    async fn id(&self) -> ID {
        id::entity(self.found.id)
    }

    async fn name(&self) -> &str {
        &self.found.name
    }

    async fn is_team(&self) -> bool {
        self.found.person.is_none()
    }

    async fn entity_type(&self) -> &str {
        if self.found.person.is_none() { "team" } else { "user" }
    }

    async fn available(&self) -> bool {
        false
    }

    async fn code_saving_enabled(&self) -> bool {
        true
    }

    /// New projects are the team's own.
    async fn default_access(&self) -> &str {
        "PRIVATE"
    }

    async fn private_only(&self) -> bool {
        false
    }

    async fn read_only(&self) -> bool {
        false
    }

    async fn read_only_admin(&self) -> bool {
        false
    }

    async fn is_paid(&self) -> bool {
        true
    }

    async fn photo_url(&self) -> Option<String> {
        None
    }

    /// Whether artifacts may be named by XXH128; they are named by MD5.
    async fn xxhash_digests_enabled(&self) -> bool {
        false
    }

    async fn user(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<User>> {
        match self.found.person {
            Some(person) => User::of(ctx, Some(person)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn organization(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Organization>> {
        let request = Request::of(ctx);
        let found = request.app.organization_of_entity(&request.caller, self.found.id).await.map_err(failed)?;
        Ok(found.map(|found| Organization { found }))
    }

    async fn project(&self, ctx: &Context<'_>, name: Option<String>) -> async_graphql::Result<Option<Project>> {
        Project::find(ctx, Some(&self.found.name), name.as_deref()).await
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct EntityConnection {
    pub edges: Vec<EntityEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct EntityEdge {
    pub node: Entity,
}

pub(in crate::api::graphql) struct Organization {
    pub found: SeenOrganization,
}

#[Object]
impl Organization {
    async fn id(&self) -> ID {
        id::organization(self.found.id)
    }

    async fn name(&self) -> &str {
        &self.found.name
    }

    /// The client asks every server; only one of another product has it.
    async fn core_weave_organization_id(&self) -> Option<String> {
        None
    }

    async fn org_entity(&self) -> Entity {
        Entity { found: self.found.entity.clone() }
    }
}
