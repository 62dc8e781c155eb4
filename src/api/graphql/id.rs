//! Ids on the wire: base64 of colon-separated text. Clients take some of them apart and build others themselves
//! (wandb 0.31.0: runs, users, entities), so their forms are fixed.

use super::error::invalid;
use super::object::member::MemberId;
use crate::app::run::{FoundRun, RunPath};
use crate::domain::id::{
    AgentId, ApiKeyId, ArtifactId, ArtifactTypeId, CollectionId, EntityId, FileId, InvitationId, ManifestId,
    OrganizationId, ProjectId, SweepId, UserId,
};
use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) fn run(found: &FoundRun) -> ID {
    let (run, project, entity) = (&found.run.name, &found.at.project.name, &found.at.entity.entity.name);
    encode(&format!("Run:v1:{run}:{project}:{entity}"))
}

/// The path in a run's id.
pub(super) fn run_path(id: &str) -> async_graphql::Result<RunPath> {
    let bad = || invalid(format!("`{}` is not the id of a run", id.chars().take(100).collect::<String>()));
    let text = decode(id).ok_or_else(bad)?;
    let parts: Vec<&str> = text.split(':').collect();
    let ["Run", "v1", run, project, entity] = parts.as_slice() else { return Err(bad()) };
    RunPath::parse(entity, project, run).ok_or_else(bad)
}

pub(super) fn user(id: UserId) -> ID {
    encode(&format!("User:{id}"))
}

/// A person as a member of a team.
pub(super) fn member(id: UserId) -> ID {
    encode(&format!("Member:{id}"))
}

pub(super) fn invitation(id: InvitationId) -> ID {
    encode(&format!("Invitation:{id}"))
}

/// What [`member`] or [`invitation`] made.
pub(super) fn member_id(id: &str) -> async_graphql::Result<MemberId> {
    let text = decode(id).unwrap_or_default();
    let number = |kind: &str| text.strip_prefix(kind)?.parse().ok();
    let member = number("Member:").map(|number| MemberId::Member(UserId(number)));
    let invitation = || number("Invitation:").map(|number| MemberId::Invitation(InvitationId(number)));
    let bad = || invalid(format!("`{}` is not the id of a member", id.chars().take(100).collect::<String>()));
    member.or_else(invitation).ok_or_else(bad)
}

pub(super) fn entity(id: EntityId) -> ID {
    encode(&format!("Entity:{id}"))
}

pub(super) fn organization(id: OrganizationId) -> ID {
    encode(&format!("Organization:{id}"))
}

pub(super) fn api_key(id: ApiKeyId) -> ID {
    encode(&format!("ApiKey:{id}"))
}

pub(super) fn api_key_id(id: &str) -> async_graphql::Result<ApiKeyId> {
    number(id, "ApiKey:", "an API key").map(ApiKeyId)
}

pub(super) fn project(id: ProjectId) -> ID {
    encode(&format!("Project:{id}"))
}

pub(super) fn project_id(id: &str) -> async_graphql::Result<ProjectId> {
    number(id, "Project:", "a project").map(ProjectId)
}

pub(super) fn project_internal(id: ProjectId) -> ID {
    encode(&format!("ProjectInternalId:{id}"))
}

pub(super) fn file(id: FileId) -> ID {
    encode(&format!("RunFile:{id}"))
}

pub(super) fn file_id(id: &str) -> async_graphql::Result<FileId> {
    number(id, "RunFile:", "a file").map(FileId)
}

pub(super) fn sweep(id: SweepId) -> ID {
    encode(&format!("Sweep:{id}"))
}

pub(super) fn sweep_id(id: &str) -> async_graphql::Result<SweepId> {
    number(id, "Sweep:", "a sweep").map(SweepId)
}

pub(super) fn agent(id: AgentId) -> ID {
    encode(&format!("Agent:{id}"))
}

pub(super) fn agent_id(id: &str) -> async_graphql::Result<AgentId> {
    number(id, "Agent:", "an agent").map(AgentId)
}

pub(super) fn artifact(id: ArtifactId) -> ID {
    encode(&format!("Artifact:{id}"))
}

pub(super) fn artifact_id(id: &str) -> async_graphql::Result<ArtifactId> {
    number(id, "Artifact:", "an artifact").map(ArtifactId)
}

pub(super) fn artifact_type(id: ArtifactTypeId) -> ID {
    encode(&format!("ArtifactType:{id}"))
}

pub(super) fn collection(id: CollectionId) -> ID {
    encode(&format!("ArtifactCollection:{id}"))
}

pub(super) fn collection_id(id: &str) -> async_graphql::Result<CollectionId> {
    number(id, "ArtifactCollection:", "a collection").map(CollectionId)
}

pub(super) fn membership(collection: CollectionId, version: u32) -> ID {
    encode(&format!("ArtifactCollectionMembership:{collection}:{version}"))
}

pub(super) fn alias(collection: CollectionId, alias: &str) -> ID {
    encode(&format!("ArtifactAlias:{collection}:{alias}"))
}

/// A tag is its name.
pub(super) fn tag(name: &str) -> ID {
    encode(&format!("Tag:{name}"))
}

pub(super) fn manifest(id: ManifestId) -> ID {
    encode(&format!("ArtifactManifest:{id}"))
}

pub(super) fn manifest_id(id: &str) -> async_graphql::Result<ManifestId> {
    number(id, "ArtifactManifest:", "a manifest").map(ManifestId)
}

pub(super) fn manifest_file(id: ManifestId) -> ID {
    encode(&format!("ArtifactManifestFile:{id}"))
}

/// A file in an artifact is its path there.
pub(super) fn entry(artifact: ArtifactId, path: &str) -> ID {
    encode(&format!("ArtifactFile:{artifact}:{path}"))
}

fn number(id: &str, prefix: &str, noun: &str) -> async_graphql::Result<u64> {
    let number = decode(id).and_then(|text| text.strip_prefix(prefix)?.parse().ok());
    number.ok_or_else(|| invalid(format!("`{}` is not the id of {noun}", id.chars().take(100).collect::<String>())))
}

fn encode(text: &str) -> ID {
    ID(STANDARD.encode(text))
}

fn decode(id: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(id).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_built_by_a_client_is_understood() {
        let built = STANDARD.encode("Run:v1:abc12345:mnist:ada");

        assert_eq!(run_path(&built).unwrap(), RunPath::parse("ada", "mnist", "abc12345").unwrap());
        for bad in ["", "!", &STANDARD.encode("Run:v1:a:b"), &STANDARD.encode("Run:v2:a:b:c")] {
            assert!(run_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_id_is_read_back() {
        assert_eq!(file_id(&file(FileId(7))).unwrap(), FileId(7));
        assert!(file_id(&user(UserId(7))).is_err());
    }

    #[test]
    fn the_ids_of_artifacts_and_collections_are_read_back_and_not_taken_for_each_other() {
        assert_eq!(artifact_id(&artifact(ArtifactId(7))).unwrap(), ArtifactId(7));
        assert_eq!(collection_id(&collection(CollectionId(8))).unwrap(), CollectionId(8));
        assert_eq!(manifest_id(&manifest(ManifestId(9))).unwrap(), ManifestId(9));
        assert!(artifact_id(&artifact_type(ArtifactTypeId(7))).is_err());
        assert!(artifact_id(&manifest(ManifestId(7))).is_err());
        assert!(collection_id(&artifact(ArtifactId(7))).is_err());
    }
}
