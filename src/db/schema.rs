//! Every table and index, with the number that starts its keys. Numbers are stored: never reuse one.

mod account;
mod activity;
mod artifact;
mod audit;
mod connector;
mod licence;
mod mail;
mod moving;
mod people;
mod profile;
mod role;
mod run;
mod sealing_key;
mod setting;
mod sweep;
mod transfer;

use super::key::Key;
use super::table::{Index, Space, Table, Unique};
use super::verify::Catalogue;
use crate::domain::api_key::KeyRecord;
use crate::domain::artifact::blob::{Blob, BlobUpload, BlobUse, PartsUpload};
use crate::domain::artifact::collection::{Alias, ArtifactType, Collection, Membership};
use crate::domain::artifact::manifest::{Entry, Manifest};
use crate::domain::artifact::{Artifact, ArtifactOutput, ArtifactUse, ClientName};
use crate::domain::audit_chain::{Head, Link, Written};
use crate::domain::chunk::Chunk;
use crate::domain::clock::Timestamp;
use crate::domain::connector::probe::ProbeResult;
use crate::domain::connector::{Connector, StoreId, TeamStore};
use crate::domain::custom_chart::CustomChart;
use crate::domain::custom_role::CustomRole;
use crate::domain::entity::{Entity, Organization, OrganizationMember, TeamMember};
use crate::domain::file::{PendingFile, RunFile};
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::{
    AgentId, AlertId, ApiKeyId, ArtifactId, ArtifactTypeId, AuditId, BlobUploadId, CollectionId, ConnectorId,
    CustomChartId, CustomRoleId, EntityId, FileId, IdKind, InvitationId, JobId, MailId, ManifestId, ObjectId,
    OrganizationId, OutsideImageId, ProjectId, ResetLinkId, RunId, SegmentId, SessionId, SweepId, UserId,
};
use crate::domain::invitation::Invitation;
use crate::domain::lease::Lease;
use crate::domain::licence::{Deployment, InstalledLicence, LatestTime};
use crate::domain::mail::Mail;
use crate::domain::migration::{Migration, Straggler};
use crate::domain::orphan::StoreReport;
use crate::domain::project::{Project, ProjectMember};
use crate::domain::reset_link::ResetLink;
use crate::domain::run::{Alert, Run};
use crate::domain::scrub::{Finding, Scrubbing};
use crate::domain::sealed::SealingKey;
use crate::domain::seat::{Seat, SeatCounts};
use crate::domain::second_factor::SecondFactor;
use crate::domain::session::Session;
use crate::domain::setting::ChangedSetting;
use crate::domain::stream::{RunStreams, SealedPart, SharedWriter, Stream};
use crate::domain::sweep::{Agent, Sweep, Trial};
use crate::domain::team_profile::{OutsideImage, StoredImage, TeamProfile};
use crate::domain::team_setting::{OrganizationPrivacy, TeamSettings};
use crate::domain::user::{LastActive, User};
use serde::{Deserialize, Serialize};

/// The first id of each kind that is not reserved yet.
pub const ID_BLOCKS: Space = Space { number: 1, name: "id_blocks" };

pub const USERS: Table<UserId, User> = Table::new(2, "users");
/// By the e-mail in lower case.
pub const USER_BY_EMAIL: Unique<String, UserId> = Unique::new(3, "user_by_email");

/// Those who administer the instance and are active.
pub const SYSTEM_ADMINS: Index<UserId> = Index::new(60, "system_admins");

pub const LAST_ACTIVE: Table<UserId, LastActive> = Table::new(185, "last_active");

pub const ENTITIES: Table<EntityId, Entity> = Table::new(4, "entities");
/// By the name in lower case, and by those of before.
pub const ENTITY_BY_NAME: Unique<String, EntityId> = Unique::new(5, "entity_by_name");

pub const API_KEYS: Table<ApiKeyId, KeyRecord> = Table::new(6, "api_keys");
pub const API_KEY_BY_HASH: Unique<[u8; 32], ApiKeyId> = Unique::new(7, "api_key_by_hash");
pub const API_KEYS_BY_USER: Index<(UserId, ApiKeyId)> = Index::new(8, "api_keys_by_user");

pub const SERVICE_ACCOUNTS_OF_TEAM: Index<(EntityId, UserId)> = Index::new(166, "service_accounts_of_team");
pub const SERVICE_ACCOUNTS_OF_ORGANIZATION: Index<(OrganizationId, UserId)> =
    Index::new(167, "service_accounts_of_organization");

pub const ORGANIZATIONS: Table<OrganizationId, Organization> = Table::new(9, "organizations");
pub const ORGANIZATION_MEMBERS: Table<(OrganizationId, UserId), OrganizationMember> =
    Table::new(10, "organization_members");
pub const ORGANIZATIONS_BY_USER: Index<(UserId, OrganizationId)> = Index::new(11, "organizations_by_user");
pub const ORGANIZATION_ADMINS: Index<(OrganizationId, UserId)> = Index::new(61, "organization_admins");
pub const TEAMS_BY_ORGANIZATION: Index<(OrganizationId, EntityId)> = Index::new(12, "teams_by_organization");
/// Deleted teams, by the end of their time in the trash.
pub const DELETED_TEAMS: Index<(Timestamp, EntityId)> = Index::new(186, "deleted_teams");
pub const TEAM_MEMBERS: Table<(EntityId, UserId), TeamMember> = Table::new(13, "team_members");
pub const TEAMS_BY_USER: Index<(UserId, EntityId)> = Index::new(14, "teams_by_user");
pub const TEAM_ADMINS: Index<(EntityId, UserId)> = Index::new(62, "team_admins");

pub const INVITATIONS: Table<InvitationId, Invitation> = Table::new(30, "invitations");
/// By the entity of the team or organization, and the e-mail address in lower case.
pub const INVITATION_BY_EMAIL: Unique<(EntityId, String), InvitationId> = Unique::new(31, "invitation_by_email");
pub const INVITATIONS_TO: Index<(String, InvitationId)> = Index::new(32, "invitations_to");
/// By the token of its link.
pub const INVITATION_BY_HASH: Unique<[u8; 32], InvitationId> = Unique::new(159, "invitation_by_hash");

pub const CUSTOM_ROLES: Table<CustomRoleId, CustomRole> = Table::new(172, "custom_roles");
/// By the organization and the folded name.
pub const CUSTOM_ROLE_BY_NAME: Unique<(OrganizationId, String), CustomRoleId> = Unique::new(173, "custom_role_by_name");
pub const CUSTOM_ROLE_HOLDERS: Index<(CustomRoleId, EntityId, UserId)> = Index::new(174, "custom_role_holders");
pub const INVITATIONS_BY_CUSTOM_ROLE: Index<(CustomRoleId, InvitationId)> =
    Index::new(175, "invitations_by_custom_role");

/// What teams have set; a team without a row has the defaults.
pub const TEAM_SETTINGS: Table<EntityId, TeamSettings> = Table::new(178, "team_settings");
pub const ORGANIZATION_PRIVACY: Table<OrganizationId, OrganizationPrivacy> = Table::new(179, "organization_privacy");

pub const TEAM_PROFILES: Table<EntityId, TeamProfile> = Table::new(189, "team_profiles");
/// Pictures of teams.
pub const AVATARS: Table<EntityId, StoredImage> = Table::new(190, "avatars");
/// Images of other hosts in introductions.
pub const OUTSIDE_IMAGES: Table<OutsideImageId, OutsideImage> = Table::new(191, "outside_images");
pub const OUTSIDE_IMAGE_BY_URL: Unique<(EntityId, String), OutsideImageId> = Unique::new(192, "outside_image_by_url");
/// By when they are to be fetched next.
pub const OUTSIDE_IMAGES_DUE: Index<(Timestamp, OutsideImageId)> = Index::new(193, "outside_images_due");

pub const CUSTOM_CHARTS: Table<CustomChartId, CustomChart> = Table::new(33, "custom_charts");
pub const CUSTOM_CHART_BY_NAME: Unique<(EntityId, String), CustomChartId> = Unique::new(34, "custom_chart_by_name");

pub const PROJECTS: Table<ProjectId, Project> = Table::new(15, "projects");
pub const PROJECT_BY_NAME: Unique<(EntityId, String), ProjectId> = Unique::new(16, "project_by_name");

/// Also the deleted ones.
pub const PROJECTS_BY_ENTITY: Index<(EntityId, ProjectId)> = Index::new(187, "projects_by_entity");
/// Roles in one project, instead of the one in the team.
pub const PROJECT_MEMBERS: Table<(ProjectId, UserId), ProjectMember> = Table::new(176, "project_members");
/// By the person and the team of the project.
pub const PROJECTS_BY_MEMBER: Index<(UserId, EntityId, ProjectId)> = Index::new(177, "projects_by_member");

pub const RUNS: Table<RunId, Run> = Table::new(17, "runs");
/// A deleted run keeps its name until it is purged.
pub const RUN_BY_NAME: Unique<(ProjectId, String), RunId> = Unique::new(18, "run_by_name");
/// Oldest first, without the deleted.
pub const RUNS_BY_CREATION: Index<(ProjectId, Timestamp, RunId)> = Index::new(19, "runs_by_creation");
/// Those whose silence means a crash.
pub const ALIVE_RUNS: Index<RunId> = Index::new(20, "alive_runs");
/// Those in the trash, oldest first.
pub const DELETED_RUNS: Index<(Timestamp, RunId)> = Index::new(21, "deleted_runs");
pub const DELETED_RUNS_BY_PROJECT: Index<(ProjectId, Timestamp, RunId)> = Index::new(64, "deleted_runs_by_project");
pub const RUN_CONFIGS: Table<RunId, JsonText> = Table::new(22, "run_configs");
/// What the client says itself.
pub const RUN_SUMMARIES: Table<RunId, JsonText> = Table::new(23, "run_summaries");
pub const RUN_STREAMS: Table<RunId, RunStreams> = Table::new(24, "run_streams");

pub const RUN_FILES: Table<FileId, RunFile> = Table::new(25, "run_files");
pub const RUN_FILE_BY_PATH: Unique<(RunId, String), FileId> = Unique::new(26, "run_file_by_path");
/// Those whose bytes have arrived.
pub const LISTED_RUN_FILES: Unique<(RunId, String), FileId> = Unique::new(63, "listed_run_files");
/// The file whose newest contents an object is.
pub const RUN_FILE_BY_OBJECT: Unique<ObjectId, FileId> = Unique::new(28, "run_file_by_object");

pub const ALERTS: Table<(RunId, AlertId), Alert> = Table::new(27, "alerts");

/// Lines that are not sealed yet, by stream, the run's generation, and their first line; for the console, whose lines
/// are rewritten, by the order in which they came.
pub const TAIL_CHUNKS: Table<(RunId, Stream, u32, u64), Chunk> = Table::new(40, "tail_chunks");
/// Writers of shared runs, by the run's generation and a hash of the name they give themselves.
pub const SHARED_WRITERS: Table<(RunId, u32, [u8; 16]), SharedWriter> = Table::new(41, "shared_writers");
/// What a stream consists of before its tail, in the order of its lines.
pub const SEALED_PARTS: Table<(RunId, Stream, u32), SealedPart> = Table::new(42, "sealed_parts");
/// The runs that an object serves: a fork shares its parent's.
pub const PARTS_BY_SEGMENT: Index<(SegmentId, RunId, Stream, u32)> = Index::new(43, "parts_by_segment");
/// What is known about the rows of a segment of history, as `history` encodes it.
pub const SEGMENT_FACTS: Table<SegmentId, Facts> = Table::new(44, "segment_facts");

pub const SWEEPS: Table<SweepId, Sweep> = Table::new(80, "sweeps");
pub const SWEEP_BY_NAME: Unique<(ProjectId, String), SweepId> = Unique::new(81, "sweep_by_name");
/// Oldest first.
pub const SWEEPS_BY_CREATION: Index<(ProjectId, Timestamp, SweepId)> = Index::new(82, "sweeps_by_creation");
pub const SWEEP_CONFIGS: Table<SweepId, SweepConfigText> = Table::new(83, "sweep_configs");
pub const AGENTS: Table<AgentId, Agent> = Table::new(84, "agents");
pub const AGENTS_BY_SWEEP: Index<(SweepId, AgentId)> = Index::new(85, "agents_by_sweep");
/// What a sweep knows of the runs that were made for it.
pub const TRIALS: Table<RunId, Trial> = Table::new(86, "trials");
/// Runs that name a sweep, oldest first, without the deleted.
pub const RUNS_BY_SWEEP: Index<(ProjectId, String, Timestamp, RunId)> = Index::new(87, "runs_by_sweep");
/// Those that no client has been heard of for.
pub const OPEN_TRIALS: Index<(SweepId, RunId)> = Index::new(88, "open_trials");
pub const TRIALS_BY_SWEEP: Index<(SweepId, RunId)> = Index::new(188, "trials_by_sweep");
pub const TRIALS_BY_AGENT: Index<(AgentId, RunId)> = Index::new(89, "trials_by_agent");

/// What is to be removed, by the time before which it must stay.
pub const GARBAGE: Table<(Timestamp, JobId), Garbage> = Table::new(45, "garbage");

pub const ARTIFACT_TYPES: Table<ArtifactTypeId, ArtifactType> = Table::new(100, "artifact_types");
pub const ARTIFACT_TYPE_BY_NAME: Unique<(ProjectId, String), ArtifactTypeId> =
    Unique::new(101, "artifact_type_by_name");

pub const COLLECTIONS: Table<CollectionId, Collection> = Table::new(102, "collections");
pub const COLLECTION_BY_NAME: Unique<(ProjectId, String), CollectionId> = Unique::new(103, "collection_by_name");
pub const COLLECTIONS_BY_TYPE: Index<(ArtifactTypeId, CollectionId)> = Index::new(104, "collections_by_type");
/// Those that say how long their versions are kept.
pub const COLLECTIONS_WITH_TTL: Index<CollectionId> = Index::new(105, "collections_with_ttl");
pub const COLLECTION_BY_CLIENT_ID: Unique<String, CollectionId> = Unique::new(106, "collection_by_client_id");

pub const ARTIFACTS: Table<ArtifactId, Artifact> = Table::new(107, "artifacts");
/// Committed versions by what is in them.
pub const ARTIFACTS_BY_DIGEST: Index<(CollectionId, String, ArtifactId)> = Index::new(108, "artifacts_by_digest");
/// By the names of clients, in `client_names`.
pub const ARTIFACT_BY_CLIENT_ID: Unique<String, ArtifactId> = Unique::new(109, "artifact_by_client_id");
/// The draft that several processes fill.
pub const DRAFT_BY_DISTRIBUTED_ID: Unique<(CollectionId, String), ArtifactId> =
    Unique::new(110, "draft_by_distributed_id");
/// Drafts, oldest first.
pub const DRAFTS: Index<(Timestamp, ArtifactId)> = Index::new(111, "drafts");
/// Committed versions with a time to live of their own, by their end.
pub const EXPIRING_ARTIFACTS: Index<(Timestamp, ArtifactId)> = Index::new(112, "expiring_artifacts");
/// Those whose records are being removed.
pub const DELETED_ARTIFACTS: Index<ArtifactId> = Index::new(113, "deleted_artifacts");
/// JSON texts of people, which can be large.
pub const ARTIFACT_METADATA: Table<ArtifactId, ArtifactMetadata> = Table::new(114, "artifact_metadata");

/// The versions of a collection, by their number.
pub const MEMBERSHIPS: Table<(CollectionId, u32), Membership> = Table::new(115, "memberships");
/// The collections that a version is in, its own included.
pub const MEMBERSHIPS_BY_ARTIFACT: Index<(ArtifactId, CollectionId, u32)> = Index::new(116, "memberships_by_artifact");
pub const ALIASES: Table<(CollectionId, String), Alias> = Table::new(117, "aliases");
pub const ALIASES_BY_VERSION: Index<(CollectionId, u32, String)> = Index::new(118, "aliases_by_version");

pub const MANIFESTS: Table<ManifestId, Manifest> = Table::new(119, "manifests");
pub const MANIFESTS_BY_ARTIFACT: Index<(ArtifactId, ManifestId)> = Index::new(120, "manifests_by_artifact");
/// The manifest whose contents an object is.
pub const MANIFEST_BY_OBJECT: Unique<ObjectId, ManifestId> = Unique::new(121, "manifest_by_object");
/// What an artifact consists of, by path.
pub const ENTRIES: Table<(ArtifactId, String), Entry> = Table::new(122, "entries");

pub const BLOBS: Table<ObjectId, Blob> = Table::new(123, "blobs");
pub const BLOB_BY_MD5: Unique<(EntityId, [u8; 16]), ObjectId> = Unique::new(124, "blob_by_md5");
/// The blobs that an artifact uses, drafts included. A blob that none uses is removed.
pub const BLOB_USES: Table<(ArtifactId, ObjectId), BlobUse> = Table::new(125, "blob_uses");
pub const BLOB_USERS: Index<(ObjectId, ArtifactId)> = Index::new(126, "blob_users");
pub const BLOB_UPLOADS: Table<BlobUploadId, BlobUpload> = Table::new(127, "blob_uploads");
pub const BLOB_UPLOADS_BY_ARTIFACT: Index<(ArtifactId, BlobUploadId)> = Index::new(128, "blob_uploads_by_artifact");

/// What runs have used.
pub const ARTIFACT_INPUTS: Table<(RunId, ArtifactId), ArtifactUse> = Table::new(129, "artifact_inputs");
pub const RUNS_USING: Index<(ArtifactId, RunId)> = Index::new(130, "runs_using");
/// What runs have logged.
pub const ARTIFACT_OUTPUTS: Table<(RunId, ArtifactId), ArtifactOutput> = Table::new(131, "artifact_outputs");
pub const RUNS_LOGGING: Index<(ArtifactId, RunId)> = Index::new(132, "runs_logging");

/// What clients called an artifact before they knew its id.
pub const CLIENT_NAMES: Table<(ArtifactId, String), ClientName> = Table::new(133, "client_names");

pub const SESSIONS: Table<SessionId, Session> = Table::new(150, "sessions");
pub const SESSION_BY_HASH: Unique<[u8; 32], SessionId> = Unique::new(151, "session_by_hash");
pub const SESSIONS_BY_USER: Index<(UserId, SessionId)> = Index::new(152, "sessions_by_user");
pub const SECOND_FACTORS: Table<UserId, SecondFactor> = Table::new(153, "second_factors");
pub const RESET_LINKS: Table<ResetLinkId, ResetLink> = Table::new(154, "reset_links");
pub const RESET_LINK_BY_HASH: Unique<[u8; 32], ResetLinkId> = Unique::new(155, "reset_link_by_hash");
pub const RESET_LINKS_BY_USER: Index<(UserId, ResetLinkId)> = Index::new(156, "reset_links_by_user");
pub const MAILS: Table<MailId, Mail> = Table::new(157, "mails");
/// Those that wait, by when to try to send them.
pub const DUE_MAILS: Index<(Timestamp, MailId)> = Index::new(158, "due_mails");
/// Those that were changed, by their keys.
pub const SETTINGS: Table<String, ChangedSetting> = Table::new(140, "settings");

pub const LICENCE: Table<(), InstalledLicence> = Table::new(141, "licence");
pub const LATEST_TIME: Table<(), LatestTime> = Table::new(142, "latest_time");
pub const DEPLOYMENT: Table<(), Deployment> = Table::new(143, "deployment");
/// The seats that people take, and how many of each kind these are.
pub const SEATS: Table<UserId, Seat> = Table::new(144, "seats");
pub const SEAT_COUNTS: Table<(), SeatCounts> = Table::new(145, "seat_counts");

/// What was done and is not yet linked into the log, in the order of their making.
pub const AUDIT_PENDING: Table<AuditId, Written> = Table::new(160, "audit_pending");
/// The log, numbered from 1.
pub const AUDIT_LOG: Table<u64, Link> = Table::new(161, "audit_log");
/// How long the log is and how it ends.
pub const AUDIT_HEAD: Table<(), Head> = Table::new(162, "audit_head");
pub const AUDIT_BY_TIME: Index<(Timestamp, u64)> = Index::new(163, "audit_by_time");
pub const AUDIT_BY_ORGANIZATION: Index<(OrganizationId, Timestamp, u64)> = Index::new(164, "audit_by_organization");

/// Work that one process at a time does, by its name.
pub const LEASES: Table<String, Lease> = Table::new(165, "leases");

pub const CONNECTORS: Table<ConnectorId, Connector> = Table::new(200, "connectors");
/// By the name in lower case.
pub const CONNECTOR_BY_NAME: Unique<String, ConnectorId> = Unique::new(201, "connector_by_name");
pub const TEAM_STORES: Table<EntityId, TeamStore> = Table::new(202, "team_stores");
pub const TEAMS_IN_STORE: Index<(ConnectorId, EntityId)> = Index::new(203, "teams_in_store");

pub const PENDING_FILES: Table<ObjectId, PendingFile> = Table::new(210, "pending_files");
pub const PENDING_FILES_BY_RUN: Index<(RunId, ObjectId)> = Index::new(211, "pending_files_by_run");
/// By when they are looked for.
pub const PENDING_FILES_BY_LOOK: Index<(Timestamp, ObjectId)> = Index::new(212, "pending_files_by_look");
/// Run files whose MD5 is not known yet.
pub const UNHASHED_RUN_FILES: Index<FileId> = Index::new(213, "unhashed_run_files");
/// Uploads that go straight to a bucket and have not been seen there.
pub const DIRECT_BLOB_UPLOADS: Index<(ArtifactId, [u8; 16], BlobUploadId)> = Index::new(214, "direct_blob_uploads");
pub const PARTS_UPLOADS: Table<BlobUploadId, PartsUpload> = Table::new(215, "parts_uploads");
/// Manifests that go straight to a bucket and have not been seen there.
pub const COMING_MANIFESTS: Index<(ArtifactId, ManifestId)> = Index::new(216, "coming_manifests");
/// The last self-test of each.
pub const CONNECTOR_PROBES: Table<ConnectorId, ProbeResult> = Table::new(204, "connector_probes");
/// By their numbers: the last one seals.
pub const SEALING_KEYS: Table<u32, SealingKey> = Table::new(205, "sealing_keys");
/// Whose stores objects are in that belong to one record alone: run files, blobs, manifests and pictures.
pub const OBJECTS_BY_OWNER: Index<(EntityId, StoredObject)> = Index::new(220, "objects_by_owner");
/// The same for those that several runs may share.
pub const PARTS_BY_OWNER: Index<(EntityId, (SegmentId, RunId, Stream, u32))> = Index::new(222, "parts_by_owner");
pub const PICTURES_BY_OBJECT: Index<(ObjectId, EntityId)> = Index::new(226, "pictures_by_object");
/// Objects that are announced or to be removed.
pub const GARBAGE_BY_OBJECT: Index<(StoredObject, (Timestamp, JobId))> = Index::new(225, "garbage_by_object");
pub const GARBAGE_BY_OWNER: Index<(EntityId, (Timestamp, JobId))> = Index::new(221, "garbage_by_owner");

/// The newest migration of each team that ever had one.
pub const MIGRATIONS: Table<EntityId, Migration> = Table::new(223, "migrations");
/// Objects that came into the store that a team is leaving.
pub const STRAGGLERS: Table<(EntityId, StoredObject), Straggler> = Table::new(224, "stragglers");
/// How far reading everything again has come.
pub const SCRUBBING: Table<(), Scrubbing> = Table::new(227, "scrubbing");
/// Objects that are missing or damaged.
pub const FINDINGS: Table<(EntityId, StoredObject), Finding> = Table::new(228, "findings");
/// What was in each store when it was last gone through.
pub const STORE_REPORTS: Table<StoreId, StoreReport> = Table::new(229, "store_reports");

/// All of the above: what a check of the whole database goes through.
pub static CATALOGUE: Catalogue = Catalogue {
    tables: &[
        &USERS,
        &LAST_ACTIVE,
        &ENTITIES,
        &API_KEYS,
        &ORGANIZATIONS,
        &ORGANIZATION_MEMBERS,
        &TEAM_MEMBERS,
        &INVITATIONS,
        &CUSTOM_ROLES,
        &TEAM_SETTINGS,
        &ORGANIZATION_PRIVACY,
        &TEAM_PROFILES,
        &CONNECTORS,
        &TEAM_STORES,
        &PENDING_FILES,
        &PARTS_UPLOADS,
        &CONNECTOR_PROBES,
        &SEALING_KEYS,
        &MIGRATIONS,
        &STRAGGLERS,
        &SCRUBBING,
        &FINDINGS,
        &STORE_REPORTS,
        &AVATARS,
        &OUTSIDE_IMAGES,
        &CUSTOM_CHARTS,
        &PROJECTS,
        &PROJECT_MEMBERS,
        &RUNS,
        &RUN_CONFIGS,
        &RUN_SUMMARIES,
        &RUN_STREAMS,
        &RUN_FILES,
        &ALERTS,
        &TAIL_CHUNKS,
        &SHARED_WRITERS,
        &SEALED_PARTS,
        &SEGMENT_FACTS,
        &SWEEPS,
        &SWEEP_CONFIGS,
        &AGENTS,
        &TRIALS,
        &GARBAGE,
        &ARTIFACT_TYPES,
        &COLLECTIONS,
        &ARTIFACTS,
        &ARTIFACT_METADATA,
        &MEMBERSHIPS,
        &ALIASES,
        &MANIFESTS,
        &ENTRIES,
        &BLOBS,
        &BLOB_USES,
        &BLOB_UPLOADS,
        &ARTIFACT_INPUTS,
        &ARTIFACT_OUTPUTS,
        &CLIENT_NAMES,
        &SESSIONS,
        &SECOND_FACTORS,
        &RESET_LINKS,
        &MAILS,
        &SETTINGS,
        &LICENCE,
        &LATEST_TIME,
        &DEPLOYMENT,
        &SEATS,
        &SEAT_COUNTS,
        &AUDIT_PENDING,
        &AUDIT_LOG,
        &AUDIT_HEAD,
        &LEASES,
    ],
    indexes: &[
        USER_BY_EMAIL.space,
        SYSTEM_ADMINS.space,
        ENTITY_BY_NAME.space,
        API_KEY_BY_HASH.space,
        API_KEYS_BY_USER.space,
        SERVICE_ACCOUNTS_OF_TEAM.space,
        SERVICE_ACCOUNTS_OF_ORGANIZATION.space,
        ORGANIZATIONS_BY_USER.space,
        ORGANIZATION_ADMINS.space,
        TEAMS_BY_ORGANIZATION.space,
        DELETED_TEAMS.space,
        TEAMS_BY_USER.space,
        TEAM_ADMINS.space,
        INVITATION_BY_EMAIL.space,
        INVITATIONS_TO.space,
        INVITATION_BY_HASH.space,
        CUSTOM_ROLE_BY_NAME.space,
        CUSTOM_ROLE_HOLDERS.space,
        INVITATIONS_BY_CUSTOM_ROLE.space,
        OUTSIDE_IMAGE_BY_URL.space,
        OUTSIDE_IMAGES_DUE.space,
        CUSTOM_CHART_BY_NAME.space,
        PROJECT_BY_NAME.space,
        PROJECTS_BY_ENTITY.space,
        PROJECTS_BY_MEMBER.space,
        RUN_BY_NAME.space,
        RUNS_BY_CREATION.space,
        ALIVE_RUNS.space,
        DELETED_RUNS.space,
        DELETED_RUNS_BY_PROJECT.space,
        RUN_FILE_BY_PATH.space,
        LISTED_RUN_FILES.space,
        RUN_FILE_BY_OBJECT.space,
        PARTS_BY_SEGMENT.space,
        ARTIFACT_TYPE_BY_NAME.space,
        COLLECTION_BY_NAME.space,
        COLLECTIONS_BY_TYPE.space,
        COLLECTIONS_WITH_TTL.space,
        COLLECTION_BY_CLIENT_ID.space,
        ARTIFACTS_BY_DIGEST.space,
        ARTIFACT_BY_CLIENT_ID.space,
        DRAFT_BY_DISTRIBUTED_ID.space,
        DRAFTS.space,
        EXPIRING_ARTIFACTS.space,
        DELETED_ARTIFACTS.space,
        MEMBERSHIPS_BY_ARTIFACT.space,
        ALIASES_BY_VERSION.space,
        MANIFESTS_BY_ARTIFACT.space,
        MANIFEST_BY_OBJECT.space,
        BLOB_BY_MD5.space,
        BLOB_USERS.space,
        BLOB_UPLOADS_BY_ARTIFACT.space,
        RUNS_USING.space,
        RUNS_LOGGING.space,
        SWEEP_BY_NAME.space,
        SWEEPS_BY_CREATION.space,
        AGENTS_BY_SWEEP.space,
        RUNS_BY_SWEEP.space,
        OPEN_TRIALS.space,
        TRIALS_BY_SWEEP.space,
        TRIALS_BY_AGENT.space,
        SESSION_BY_HASH.space,
        SESSIONS_BY_USER.space,
        RESET_LINK_BY_HASH.space,
        RESET_LINKS_BY_USER.space,
        DUE_MAILS.space,
        AUDIT_BY_TIME.space,
        AUDIT_BY_ORGANIZATION.space,
        CONNECTOR_BY_NAME.space,
        TEAMS_IN_STORE.space,
        PENDING_FILES_BY_RUN.space,
        PENDING_FILES_BY_LOOK.space,
        UNHASHED_RUN_FILES.space,
        DIRECT_BLOB_UPLOADS.space,
        COMING_MANIFESTS.space,
        OBJECTS_BY_OWNER.space,
        PARTS_BY_OWNER.space,
        PICTURES_BY_OBJECT.space,
        GARBAGE_BY_OBJECT.space,
        GARBAGE_BY_OWNER.space,
    ],
    others: &[ID_BLOCKS],
};

/// A JSON text as the client wrote it, bare NaN included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonText(pub String);

/// What people say about an artifact: a JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactMetadata(pub String);

/// Bytes whose form is someone else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts(#[serde(with = "crate::domain::chunk::as_bytes")] pub Vec<u8>);

/// The YAML text as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepConfigText(pub String);

/// The counter row of one kind of id.
pub(super) fn id_block_key(kind: IdKind) -> Vec<u8> {
    (ID_BLOCKS.number, kind as u16).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_catalogue_lists_every_table_and_index_and_no_number_twice() {
        let source = include_str!("schema.rs");
        let count =
            |kind: &str| source.lines().filter(|line| line.starts_with("pub const") && line.contains(kind)).count();

        assert_eq!(CATALOGUE.tables.len(), count(": Table<"));
        assert_eq!(CATALOGUE.indexes.len(), count(": Unique<") + count(": Index<"));
        let tables = CATALOGUE.tables.iter().map(|table| table.space());
        let spaces: Vec<Space> = tables.chain(CATALOGUE.indexes.iter().copied()).chain([ID_BLOCKS]).collect();
        assert_eq!(spaces.iter().map(|space| space.number).collect::<BTreeSet<_>>().len(), spaces.len());
        assert_eq!(spaces.iter().map(|space| space.name).collect::<BTreeSet<_>>().len(), spaces.len());
    }
}
