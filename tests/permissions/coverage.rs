//! Every door belongs to a row of the table: routes of the REST interface, the other routes, and the root fields of
//! GraphQL. What belongs to none is named, with the reason.

use crate::server::Place;
use serde_json::Value;
use std::collections::BTreeSet;
use weighhouse::access::Action;

/// Routes, and the actions that guard them.
const ROUTES: &[(&str, &[&str])] = &[
    ("get /admin/audit_logs", &["audit:read"]),
    ("get /api/v1/access/explain", &["access:explain"]),
    ("get /api/v1/license", &["system:license"]),
    ("put /api/v1/license", &["system:license"]),
    ("post /api/v1/organizations", &["org:create"]),
    ("get /api/v1/organizations", &["org:members"]),
    ("delete /api/v1/organizations/{name}", &["org:delete"]),
    ("get /api/v1/organizations/{name}/members", &["org:members"]),
    ("put /api/v1/organizations/{name}/members/{username}", &["org:members"]),
    ("delete /api/v1/organizations/{name}/members/{username}", &["org:members"]),
    ("get /api/v1/organizations/{name}/privacy", &["org:privacy"]),
    ("patch /api/v1/organizations/{name}/privacy", &["org:privacy"]),
    ("post /api/v1/organizations/{name}/roles", &["custom_role:define"]),
    ("patch /api/v1/organizations/{name}/roles/{role}", &["custom_role:define"]),
    ("delete /api/v1/organizations/{name}/roles/{role}", &["custom_role:delete"]),
    ("post /api/v1/projects", &["project:create"]),
    ("get /api/v1/projects", &["project:read"]),
    ("get /api/v1/projects/{entity}/{project}", &["project:read", "project:visibility"]),
    ("patch /api/v1/projects/{entity}/{project}", &["project:update", "project:visibility"]),
    ("get /api/v1/projects/{entity}/{project}/members", &["project:read"]),
    ("put /api/v1/projects/{entity}/{project}/members/{username}", &["project:members"]),
    ("delete /api/v1/projects/{entity}/{project}/members/{username}", &["project:members"]),
    ("post /api/v1/projects/{entity}/{project}/runs/delete", &["run:delete"]),
    ("post /api/v1/projects/{entity}/{project}/runs/move", &["run:move"]),
    ("post /api/v1/projects/{entity}/{project}/runs/{run}/restore", &["run:undelete"]),
    ("get /api/v1/projects/{entity}/{project}/trash", &["run:read"]),
    ("get /api/v1/settings", &["system:settings"]),
    ("put /api/v1/settings/{key}", &["system:settings"]),
    ("delete /api/v1/settings/{key}", &["system:settings"]),
    ("post /api/v1/teams", &["team:create", "connector:attach"]),
    ("get /api/v1/teams", &["team:read"]),
    ("get /api/v1/teams/{name}/members", &["team:read"]),
    ("put /api/v1/teams/{name}/members/{username}", &["team:member_add", "team:role_change"]),
    ("delete /api/v1/teams/{name}/members/{username}", &["team:member_remove", "team:leave"]),
    ("get /api/v1/teams/{name}/settings", &["team:settings_read"]),
    ("patch /api/v1/teams/{name}/settings", &["team:settings_update"]),
    ("post /api/v1/users", &["user:manage", "api_key:import"]),
    ("get /api/v1/users", &["user:manage"]),
    ("get /api/v1/users/{username}", &["user:manage"]),
    ("patch /api/v1/users/{username}", &["user:manage"]),
    ("post /api/v1/users/{username}/deactivate", &["user:manage"]),
    ("post /api/v1/users/{username}/reactivate", &["user:manage"]),
    ("post /api/v1/users/{username}/api-keys", &["api_key:import"]),
    ("get /api/v1/users/{username}/api-keys", &["api_key:list_others"]),
    ("delete /api/v1/users/{username}/api-keys/{id}", &["api_key:revoke_others"]),
    ("post /api/v1/api-keys", &["api_key:own"]),
    ("get /api/v1/api-keys", &["api_key:own"]),
    ("patch /api/v1/api-keys/{id}", &["api_key:own"]),
    ("delete /api/v1/api-keys/{id}", &["api_key:own"]),
    ("get /api/v1/organizations/{name}", &["org:members"]),
    ("patch /api/v1/organizations/{name}", &["org:update"]),
    ("post /api/v1/organizations/{name}/service-accounts", &["org_service_account:create"]),
    ("get /api/v1/organizations/{name}/service-accounts", &["org:members"]),
    ("patch /api/v1/organizations/{name}/service-accounts/{account}", &["org_service_account:delete"]),
    ("delete /api/v1/organizations/{name}/service-accounts/{account}", &["org_service_account:delete"]),
    ("post /api/v1/organizations/{name}/service-accounts/{account}/api-keys", &["org_service_account:delete"]),
    ("get /api/v1/organizations/{name}/service-accounts/{account}/api-keys", &["org_service_account:delete"]),
    ("delete /api/v1/organizations/{name}/service-accounts/{account}/api-keys/{id}", &["org_service_account:delete"]),
    ("patch /api/v1/teams/{name}", &["team:settings_update"]),
    ("delete /api/v1/teams/{name}", &["team:delete"]),
    ("post /api/v1/teams/{name}/restore", &["team:restore"]),
    ("get /api/v1/teams/{name}/profile", &["team:read"]),
    ("put /api/v1/teams/{name}/profile", &["team:profile_update"]),
    ("get /api/v1/teams/{name}/avatar", &["team:read"]),
    ("put /api/v1/teams/{name}/avatar", &["team:profile_update"]),
    ("delete /api/v1/teams/{name}/avatar", &["team:profile_update"]),
    ("get /api/v1/teams/{name}/outside-images/{id}", &["team:read"]),
    ("post /api/v1/teams/{name}/service-accounts", &["service_account:create"]),
    ("get /api/v1/teams/{name}/service-accounts", &["team:read"]),
    ("delete /api/v1/teams/{name}/service-accounts/{account}", &["service_account:delete"]),
    ("post /api/v1/teams/{name}/service-accounts/{account}/api-keys", &["service_account:key"]),
    ("get /api/v1/teams/{name}/service-accounts/{account}/api-keys", &["service_account:key"]),
    ("delete /api/v1/teams/{name}/service-accounts/{account}/api-keys/{id}", &["service_account:key"]),
    ("post /api/v1/connectors", &["connector:define"]),
    ("get /api/v1/connectors", &["connector:define"]),
    ("get /api/v1/connectors/{name}", &["connector:define"]),
    ("patch /api/v1/connectors/{name}", &["connector:define"]),
    ("delete /api/v1/connectors/{name}", &["connector:define"]),
    ("post /api/v1/connectors/{name}/rotate", &["connector:define"]),
    ("post /api/v1/connectors/{name}/test", &["connector:test"]),
    ("get /api/v1/teams/{name}/connector", &["connector:test"]),
    ("put /api/v1/teams/{name}/connector", &["connector:attach"]),
    ("delete /api/v1/teams/{name}/connector", &["connector:migrate"]),
    ("post /api/v1/secrets/rotate", &["system:settings"]),
    ("delete /api/v1/users/{username}", &["user:manage"]),
    ("post /api/v1/teams/{name}/invitations", &["team:member_add", "team:role_change"]),
    ("get /api/v1/teams/{name}/invitations", &["team:member_add"]),
    ("delete /api/v1/teams/{name}/invitations/{id}", &["team:member_add", "team:member_remove"]),
    ("post /api/v1/teams/{name}/invitations/{id}/link", &["team:member_add", "team:role_change"]),
    ("post /api/v1/organizations/{name}/invitations", &["org:members"]),
    ("get /api/v1/organizations/{name}/invitations", &["org:members"]),
    ("delete /api/v1/organizations/{name}/invitations/{id}", &["org:members"]),
    ("post /api/v1/organizations/{name}/invitations/{id}/link", &["org:members"]),
    ("post /api/v1/users/{username}/reset-link", &["user:manage"]),
    ("delete /api/v1/users/{username}/second-factor", &["user:manage"]),
    ("get /api/v1/mail", &["system:settings"]),
    ("post /api/v1/mail/test", &["system:settings"]),
    ("get /api/v1/teams/{name}/storage", &["storage:usage"]),
    ("get /api/v1/teams/{name}/migration", &["connector:migrate"]),
    ("post /api/v1/teams/{name}/migration", &["connector:migrate", "connector:attach"]),
    ("post /api/v1/teams/{name}/migration/pause", &["connector:migrate"]),
    ("post /api/v1/teams/{name}/migration/resume", &["connector:migrate"]),
    ("post /api/v1/teams/{name}/migration/reverse", &["connector:migrate"]),
    ("post /api/v1/teams/{name}/migration/release", &["connector:migrate"]),
    ("get /api/v1/storage/orphans", &["storage:gc"]),
    ("get /api/v1/storage/scrub", &["storage:gc"]),
    ("post /files/{entity}/{project}/{run}/file_stream", &["run:log"]),
    ("get /artifacts/{entity}/{digest}", &["artifact:download"]),
    ("get /artifactsV2/{*path}", &["artifact:download"]),
];

/// Routes that belong to no row.
const OPEN_ROUTES: &[(&str, &str)] = &[
    ("get /api/v1/openapi.json", "the description is the same for everybody"),
    ("get /api/v1/organizations/{name}/roles", "whoever knows an organization knows its roles"),
    ("post /api/v1/setup/{token}", "the token of the setup link is the authority"),
    ("get /api/v1/invitations/{token}", "the token of the invitation is the authority"),
    ("post /api/v1/invitations/{token}/accept", "the token of the invitation is the authority"),
    ("post /api/v1/password-reset", "the same answer for every address"),
    ("post /api/v1/password-reset/{token}", "the token of the reset link is the authority"),
    ("post /api/v1/session", "signing in: the password is the authority"),
    ("get /api/v1/session", "whoever asks, about themself"),
    ("delete /api/v1/session", "whoever asks, about themself"),
    ("get /api/v1/sessions", "whoever asks, about themself"),
    ("delete /api/v1/sessions", "whoever asks, about themself"),
    ("delete /api/v1/sessions/{id}", "whoever asks, about themself"),
    ("put /api/v1/password", "whoever asks, about themself"),
    ("get /api/v1/second-factor", "whoever asks, about themself"),
    ("post /api/v1/second-factor", "whoever asks, about themself"),
    ("post /api/v1/second-factor/confirm", "whoever asks, about themself"),
    ("post /api/v1/second-factor/recovery-codes", "whoever asks, about themself"),
    ("post /api/v1/second-factor/disable", "whoever asks, about themself"),
    ("post /graphql", "each field is guarded by itself"),
    ("get /storage/{token}", "the token is the authority"),
    ("put /storage/{token}", "the token is the authority"),
    ("options /storage/{token}", "what browsers ask first; says nothing of the token"),
];

/// Root fields of GraphQL, and the actions that guard them or what they lead to.
const FIELDS: &[(&str, &[&str])] = &[
    ("project", &["project:read", "run:read", "artifact:read"]),
    ("model", &["project:read", "run:read", "artifact:read"]),
    ("models", &["project:read"]),
    ("clientIDMapping", &["artifact:read"]),
    ("artifact", &["artifact:read", "artifact:download"]),
    ("artifactCollection", &["artifact:read"]),
    ("entity", &["team:read", "storage:usage"]),
    ("notifyScriptableRunAlert", &["run:log"]),
    ("addAliases", &["artifact:alias_update"]),
    ("deleteAliases", &["artifact:alias_delete"]),
    ("updateArtifactSequence", &["artifact:metadata_update"]),
    ("updateArtifactPortfolio", &["artifact:metadata_update"]),
    ("moveArtifactSequence", &["artifact:metadata_update"]),
    ("createArtifactCollectionTagAssignments", &["artifact:metadata_update"]),
    ("deleteArtifactCollectionTagAssignments", &["artifact:metadata_update"]),
    ("deleteArtifact", &["artifact:delete"]),
    ("deleteArtifactSequence", &["collection:delete"]),
    ("deleteArtifactPortfolio", &["collection:delete"]),
    ("createArtifact", &["artifact:create"]),
    ("commitArtifact", &["artifact:create"]),
    ("createArtifactType", &["artifact:create"]),
    ("updateArtifact", &["artifact:metadata_update"]),
    ("linkArtifact", &["artifact:create"]),
    ("unlinkArtifact", &["artifact:delete"]),
    ("createArtifactManifest", &["artifact:create"]),
    ("updateArtifactManifest", &["artifact:create"]),
    ("createArtifactFiles", &["artifact:create"]),
    ("completeMultipartUploadArtifact", &["artifact:create"]),
    ("useArtifact", &["run:log", "artifact:read"]),
    ("generateApiKey", &["api_key:own"]),
    ("deleteApiKey", &["api_key:own", "api_key:revoke_others"]),
    ("createCustomChart", &["project:create"]),
    ("createRunFiles", &["run:log"]),
    ("deleteFiles", &["run:delete"]),
    ("markRunFilesUploaded", &["run:read"]),
    ("upsertModel", &["project:create", "project:update", "project:read"]),
    ("renameProject", &["project:update"]),
    ("deleteModel", &["project:delete"]),
    ("upsertBucket", &["run:log", "run:update", "project:create"]),
    ("stopRun", &["run:stop"]),
    ("rewindRun", &["run:delete"]),
    ("deleteRun", &["run:delete"]),
    ("deleteRuns", &["run:delete"]),
    ("undeleteRuns", &["run:undelete"]),
    ("moveRuns", &["run:move"]),
    ("updateRunState", &["run:update"]),
    ("upsertSweep", &["sweep:create", "sweep:update"]),
    ("createAgent", &["sweep:agent"]),
    ("agentHeartbeat", &["sweep:agent"]),
    ("enqueueSweepRun", &["sweep:agent"]),
    ("createTeam", &["team:create"]),
    ("createInvite", &["team:member_add"]),
    ("deleteInvite", &["team:member_add", "team:member_remove"]),
    ("createUser", &["user:manage"]),
    ("createServiceAccount", &["service_account:create"]),
];

/// Root fields that belong to no row.
const OPEN_FIELDS: &[(&str, &str)] = &[
    ("viewer", "whoever asks, about themself"),
    ("users", "people whom the caller shares an organization with"),
    ("organization", "whoever belongs to it knows it"),
    ("serverInfo", "the same for everybody"),
    ("createAnonymousEntity", "always refused: there are no anonymous accounts"),
];

/// The names of a list of guarded things and of a list of open ones; that no action is unknown, and no name in both.
fn listed(guarded: &[(&'static str, &[&str])], open: &[(&'static str, &str)]) -> BTreeSet<String> {
    for (name, actions) in guarded {
        assert!(!actions.is_empty(), "{name}");
        assert!(actions.iter().all(|action| Action::named(action).is_some()), "{name}: {actions:?}");
    }
    let names = guarded.iter().map(|(name, _)| *name).chain(open.iter().map(|(name, _)| *name));
    let unique: BTreeSet<String> = names.map(str::to_owned).collect();
    assert_eq!(unique.len(), guarded.len() + open.len(), "something is listed twice");
    unique
}

/// Those that the description of the REST interface lists.
fn described() -> BTreeSet<String> {
    let place = Place::new();
    let server = place.serve();
    let (_, text) = server.ask_as(None, "GET", "/api/v1/openapi.json", "");
    let description: Value = serde_json::from_str(&text).unwrap();
    let mut routes = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|method| *method != "parameters");
        routes.extend(methods.map(|method| format!("{method} {path}")));
    }
    routes
}

/// Those that are mounted beside it for the network.
fn mounted() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for line in include_str!("../../src/api/router.rs").lines() {
        let Some((path, handlers)) = line.trim().strip_prefix(".route(\"").and_then(|rest| rest.split_once('"')) else {
            continue;
        };
        for method in ["get", "post", "put", "patch", "delete", "options"] {
            let is_handled = [format!(" {method}("), format!(".{method}(")].iter().any(|call| handlers.contains(call));
            routes.extend(is_handled.then(|| format!("{method} {path}")));
        }
    }
    routes
}

#[test]
fn every_route_belongs_to_a_row_or_is_named() {
    let mounted = mounted();
    assert!(mounted.contains("post /graphql"), "{mounted:?}");

    assert_eq!(described().union(&mounted).cloned().collect::<BTreeSet<_>>(), listed(ROUTES, OPEN_ROUTES));
}

#[test]
fn every_root_field_belongs_to_a_row_or_is_named() {
    let mut fields = BTreeSet::new();
    for kind in ["type Query {", "type Mutation {"] {
        let (_, rest) = include_str!("../../schema.graphql").split_once(kind).unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        // A field of the root stands one step in; its arguments stand further in or on its own line.
        let names = body.lines().filter_map(|line| line.strip_prefix('\t'));
        let names = names.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        fields.extend(names.filter_map(|line| line.split(['(', ':']).next()).map(str::to_owned));
    }

    assert_eq!(fields, listed(FIELDS, OPEN_FIELDS));
}
