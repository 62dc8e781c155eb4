//! People, as far as the caller may know them.

use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::entity::{Entity, EntityConnection, EntityEdge, Organization};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::JsonString;
use crate::app::api_key::ShownKey;
use crate::app::person::Person;
use crate::domain::clock::Timestamp;
use async_graphql::{Context, ID, Object, SimpleObject};

pub(in crate::api::graphql) struct User {
    pub person: Person,
}

/// A run's owner who is no longer there: 0.31.0 cannot read a run without one.
const DELETED: &str = "deleted-user";

impl User {
    pub async fn of(ctx: &Context<'_>, id: Option<crate::domain::id::UserId>) -> async_graphql::Result<Self> {
        let request = Request::of(ctx);
        let found = match id {
            Some(id) => request.app.find_person(&request.caller, id).await.map_err(failed)?,
            None => None,
        };
        Ok(Self::or_deleted(found))
    }

    pub fn or_deleted(person: Option<Person>) -> Self {
        Self { person: person.unwrap_or_else(|| Person::deleted(DELETED)) }
    }
}

#[Object]
impl User {
    async fn id(&self) -> ID {
        id::user(self.person.id)
    }

    async fn name(&self) -> &str {
        self.person.full_name.as_deref().unwrap_or(&self.person.username)
    }

    async fn username(&self) -> &str {
        &self.person.username
    }

    /// Only their own, or for a system admin.
    async fn email(&self) -> Option<&str> {
        self.person.private.as_ref().map(|private| private.email.as_str())
    }

    async fn admin(&self) -> Option<bool> {
        self.person.private.as_ref().map(|private| private.is_system_admin)
    }

    /// The entity of a run that names none.
    async fn entity(&self) -> &str {
        &self.person.entity
    }

    /// JSON text: whether the client saves the code of runs unless its user says otherwise.
    async fn flags(&self, ctx: &Context<'_>) -> JsonString {
        let code_saving = Request::of(ctx).app.system_settings().code_saving;
        JsonString(serde_json::json!({ "code_saving_enabled": code_saving }).to_string())
    }

    /// Since when the person is deactivated: they are still there, and come in no more.
    async fn deleted_at(&self) -> Option<String> {
        self.person.deactivated_at.map(Timestamp::to_rfc3339)
    }

    async fn photo_url(&self) -> Option<String> {
        None
    }

    /// For the person and for their administrators, without the keys themselves: a name here is how a key begins.
    async fn api_keys(&self, ctx: &Context<'_>) -> async_graphql::Result<ApiKeyConnection> {
        let request = Request::of(ctx);
        let keys = request.app.list_api_keys_of(&request.caller, self.person.id).await.map_err(failed)?;
        let edge = |key: ShownKey| ApiKeyEdge {
            node: ApiKey { id: id::api_key(key.id), name: key.record.begins_with, description: key.record.name },
        };
        Ok(ApiKeyConnection { edges: keys.into_iter().map(edge).collect() })
    }

    /// The person's own entity first, then teams.
    async fn teams(&self, ctx: &Context<'_>) -> async_graphql::Result<EntityConnection> {
        let request = Request::of(ctx);
        let entities = request.app.entities_of(&request.caller, self.person.id).await.map_err(failed)?;
        let edges = entities.into_iter().map(|found| EntityEdge { node: Entity { found } }).collect();
        Ok(EntityConnection { edges, page_info: PageInfo::default() })
    }

    async fn organizations(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Organization>> {
        let request = Request::of(ctx);
        let found = request.app.organizations_of(&request.caller, self.person.id).await.map_err(failed)?;
        Ok(found.into_iter().map(|found| Organization { found }).collect())
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ApiKeyConnection {
    edges: Vec<ApiKeyEdge>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ApiKeyEdge {
    node: ApiKey,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ApiKey {
    pub id: ID,
    pub name: String,
    pub description: Option<String>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct UserConnection {
    pub edges: Vec<UserEdge>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct UserEdge {
    pub node: User,
}
