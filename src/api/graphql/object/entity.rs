//! Entities and organizations, as far as the caller may know them.

use crate::access::TeamRole;
use crate::api::graphql::access;
use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::member::Member;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::Int64;
use crate::api::rest::profile::avatar_path;
use crate::app::entity::{SeenEntity, SeenOrganization};
use crate::domain::entity::EntityKind;
use crate::domain::team_setting::TeamSettings;
use async_graphql::{Context, Enum, ID, Object, SimpleObject};

pub(in crate::api::graphql) struct Entity {
    pub found: SeenEntity,
}

impl Entity {
    async fn settings(&self, ctx: &Context<'_>) -> async_graphql::Result<TeamSettings> {
        let request = Request::of(ctx);
        request.app.settings_of_entity(&request.caller, self.found.id).await.map_err(failed)
    }
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
        !matches!(self.found.kind, EntityKind::Person(_) | EntityKind::ServiceAccount(_))
    }

    async fn entity_type(&self) -> &str {
        match self.found.kind {
            EntityKind::Person(_) | EntityKind::ServiceAccount(_) => "user",
            EntityKind::Team(_) => "team",
            EntityKind::Organization(_) => "organization",
        }
    }

    async fn available(&self) -> bool {
        false
    }

    async fn code_saving_enabled(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.settings(ctx).await?.code_saving)
    }

    /// What a new project is, in the words of `Project.access`.
    async fn default_access(&self, ctx: &Context<'_>) -> async_graphql::Result<&'static str> {
        Ok(access::word(self.settings(ctx).await?.default_visibility))
    }

    /// Whether new projects can be nothing but private.
    async fn private_only(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.settings(ctx).await?.private_only)
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

    /// The picture of a team that has one.
    async fn photo_url(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        let request = Request::of(ctx);
        let is_team = matches!(self.found.kind, EntityKind::Team(_));
        let has_avatar = is_team && request.app.has_avatar(self.found.id).await.map_err(failed)?;
        Ok(has_avatar.then(|| format!("{}{}", request.base_url, avatar_path(&self.found.name))))
    }

    /// Whether artifacts may be named by XXH128; they are named by MD5.
    async fn xxhash_digests_enabled(&self) -> bool {
        false
    }

    async fn user(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<User>> {
        match self.found.kind {
            EntityKind::Person(person) => User::of(ctx, Some(person)).await.map(Some),
            EntityKind::Team(_) | EntityKind::Organization(_) | EntityKind::ServiceAccount(_) => Ok(None),
        }
    }

    async fn organization(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Organization>> {
        let request = Request::of(ctx);
        let found = request.app.organization_of_entity(&request.caller, self.found.id).await.map_err(failed)?;
        Ok(found.map(|found| Organization { found }))
    }

    /// What lies in its store, for who may see the usage; others are told 0, because the client cannot do without a
    /// number (wandb 0.31.0).
    async fn storage_bytes(&self, ctx: &Context<'_>) -> async_graphql::Result<Int64> {
        let request = Request::of(ctx);
        let bytes = request.app.storage_bytes(&request.caller, self.found.id).await.map_err(failed)?;
        Ok(Int64(i64::try_from(bytes.unwrap_or(0)).unwrap_or(i64::MAX)))
    }

    /// JSON text of what the entity may use: nothing limits it.
    async fn limits(&self) -> Option<String> {
        None
    }

    /// Who belongs to a team and who is invited to it; a personal entity is its person's alone. Who is in an
    /// organization is for its own pages to tell.
    async fn members(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Member>> {
        let request = Request::of(ctx);
        match self.found.kind {
            EntityKind::Person(person) => {
                let person = request.app.find_person(&request.caller, person).await.map_err(failed)?;
                Ok(person.into_iter().map(|person| Member::of(person, TeamRole::Admin, None)).collect())
            }
            EntityKind::Team(_) => {
                let members = request.app.all_team_members(&request.caller, &self.found.name).await.map_err(failed)?;
                let invited = request.app.list_invitations(&request.caller, &self.found.name).await.map_err(failed)?;
                let members = members.into_iter().map(|(person, role, custom)| Member::of(person, role, custom));
                let members = members.chain(invited.iter().map(|(id, waits)| Member::invited(*id, waits)));
                // The client takes the last of all for the account that it has just made (wandb 0.31.0, `teams.py`).
                let accounts = request.app.all_service_accounts(&request.caller, &self.found.name);
                let accounts = accounts.await.map_err(failed)?;
                let accounts = accounts.iter().map(Member::service_account);
                Ok(members.chain(accounts).collect())
            }
            EntityKind::Organization(_) | EntityKind::ServiceAccount(_) => Ok(Vec::new()),
        }
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

    /// What is switched on for the organization alone: nothing is.
    async fn feature_flags(
        &self,
        #[graphql(name = "rampIDType")] kind: Option<RampIdType>,
    ) -> Vec<OrganizationFeatureFlag> {
        let _nothing_changes = kind;
        Vec::new()
    }

    async fn org_entity(&self) -> Entity {
        Entity { found: self.found.entity.clone() }
    }
}

/// By what a flag is switched (wandb 0.31.0, `OrgFeatureFlags`).
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::graphql) enum RampIdType {
    #[graphql(name = "OrgName")]
    OrgName,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct OrganizationFeatureFlag {
    ramp_key: String,
    is_enabled: bool,
}
