//! Committing drafts, and removing what was committed.

use super::testing::{Logged, contents, faults, md5};
use crate::access::{Action, Caller};
use crate::app::organization::JoinOrganization;
use crate::app::team::CreateTeam;
use crate::app::testing::World;
use crate::app::user::{CreateUser, FirstKey};
use crate::app::{App, Error};
use crate::db::repo::artifact::{commit, draft, version_of};
use crate::db::schema::{ARTIFACT_INPUTS, ARTIFACT_OUTPUTS, ARTIFACTS, BLOBS, ENTRIES, MANIFESTS};
use crate::domain::artifact::manifest::{Entry, EntrySource, ManifestKind};
use crate::domain::artifact::{Artifact, ArtifactState};
use crate::domain::id::ArtifactId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

fn texts(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn why(result: Result<impl Sized, Error>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

/// The number that an alias leads to.
async fn leads_to(world: &World, found: &super::FoundArtifact, alias: &str) -> Option<u32> {
    let (sequence, alias) = (found.artifact.sequence, alias.to_owned());
    let read = world.app.db.read(move |tx| version_of(tx, sequence, Some(&alias)).map_err(Error::from));
    read.await.unwrap().map(|(version, _)| version)
}

#[tokio::test]
async fn versions_are_numbered_and_aliases_move_to_the_newest() {
    let world = World::new().await;
    world.create_run("r", false).await;
    let mut logged = Logged::files(&[("a", "alpha"), ("d/b", "beta"), ("empty", "")]);
    logged.create.run = Some("r".into());
    logged.create.aliases.push("best".into());

    let first = logged.log(&world, "ds").await;
    let second = Logged::files(&[("a", "other")]).log(&world, "ds").await;

    assert_eq!((first.artifact.version, second.artifact.version), (Some(0), Some(1)));
    assert_eq!((first.artifact.entry_count, first.artifact.size_bytes), (3, 9));
    assert_eq!(contents(&world, &first).await, texts(&[("a", "alpha"), ("d/b", "beta"), ("empty", "")]));
    assert_eq!(leads_to(&world, &first, "latest").await, Some(1));
    assert_eq!(leads_to(&world, &first, "best").await, Some(0));
    let run = world.find("r").await.id;
    let outputs = world.app.db.read(move |tx| ARTIFACT_OUTPUTS.keys(tx, &run, 10).map_err(Error::from));
    assert_eq!(outputs.await.unwrap(), [(run, first.id)]);
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn content_that_is_logged_again_is_the_same_version_with_the_new_aliases_and_an_output_of_the_new_run() {
    let world = World::new().await;
    world.create_run("r", false).await;
    let mut logged = Logged::files(&[("a", "alpha")]);
    let first = logged.log(&world, "ds").await;
    Logged::files(&[("a", "other")]).log(&world, "ds").await;
    logged.create.run = Some("r".into());
    logged.create.aliases = vec!["latest".into(), "again".into()];

    let again = logged.begin(&world, "ds").await;

    assert_eq!((again.id, again.artifact.state), (first.id, ArtifactState::Committed));
    assert_eq!(leads_to(&world, &first, "latest").await, Some(0));
    assert_eq!(leads_to(&world, &first, "again").await, Some(0));
    let run = world.find("r").await.id;
    let outputs = world.app.db.read(move |tx| ARTIFACT_OUTPUTS.keys(tx, &run, 10).map_err(Error::from));
    assert_eq!(outputs.await.unwrap(), [(run, first.id)]);
    logged.create.is_deduplicated = false;
    assert_eq!(logged.log(&world, "ds").await.artifact.version, Some(2));
}

#[tokio::test]
async fn committing_again_and_at_the_same_time_is_committing_once() {
    let world = World::new().await;
    let draft = Logged::files(&[("a", "alpha")]).send(&world, "ds").await;

    let commit = || world.app.commit_artifact(&world.ada, draft);
    let (one, other) = tokio::join!(commit(), commit());

    assert_eq!((one.unwrap().artifact.version, other.unwrap().artifact.version), (Some(0), Some(0)));
    assert_eq!(commit().await.unwrap().artifact.version, Some(0));
}

#[tokio::test]
async fn a_commit_without_its_manifest_or_its_files_says_what_is_missing() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]);
    let draft = logged.begin(&world, "ds").await.id;

    let no_manifest = world.app.commit_artifact(&world.ada, draft).await;
    logged.send_manifest(&world, draft, &logged.manifest()).await;
    let no_files = world.app.commit_artifact(&world.ada, draft).await;

    assert!(why(no_manifest).contains("the manifest of the artifact has not been sent"));
    assert!(why(no_files).contains("have not been sent: `a`, `b`, `c` and 2 more;"));
    logged.send_files(&world, draft).await;
    assert_eq!(world.app.commit_artifact(&world.ada, draft).await.unwrap().artifact.version, Some(0));
}

#[tokio::test]
async fn a_manifest_that_is_not_what_the_artifact_was_begun_with_is_refused() {
    let world = World::new().await;
    let (logged, other) = (Logged::files(&[("a", "1")]), Logged::files(&[("a", "1"), ("b", "1")]));
    let draft = logged.begin(&world, "ds").await.id;
    logged.send_files(&world, draft).await;

    logged.send_manifest(&world, draft, &other.manifest()).await;
    let differs = why(world.app.commit_artifact(&world.ada, draft).await);
    logged.send_manifest(&world, draft, b"{").await;
    let torn = why(world.app.commit_artifact(&world.ada, draft).await);
    let sized = String::from_utf8(logged.manifest()).unwrap().replace("\"size\":1", "\"size\":2");
    logged.send_manifest(&world, draft, sized.as_bytes()).await;
    let larger = why(world.app.commit_artifact(&world.ada, draft).await);

    assert!(differs.contains(&logged.digest()) && differs.contains(&other.digest()), "{differs}");
    assert!(torn.contains("the manifest cannot be read"), "{torn}");
    assert!(larger.contains("`a` has 2 bytes, but 1 were sent"), "{larger}");
    logged.send_manifest(&world, draft, &logged.manifest()).await;
    assert!(world.app.commit_artifact(&world.ada, draft).await.is_ok());
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_incremental_artifact_is_its_base_and_what_differs() {
    let world = World::new().await;
    let first = Logged::files(&[("a", "1"), ("b", "1")]).log(&world, "ds").await;
    Logged::files(&[("z", "1")]).log(&world, "ds").await;
    let mut onto_first = Logged::files(&[("b", "2"), ("c", "2")]).of_kind(ManifestKind::Incremental);
    onto_first.base = Some(first.id);
    let onto_latest = Logged::files(&[("y", "3")]).of_kind(ManifestKind::Incremental);

    let third = onto_first.log(&world, "ds").await;
    let fourth = onto_latest.log(&world, "ds").await;

    let merged = Logged::files(&[("a", "1"), ("b", "2"), ("c", "2")]);
    assert_eq!(contents(&world, &third).await, texts(&[("a", "1"), ("b", "2"), ("c", "2")]));
    assert_eq!(third.artifact.digest, merged.digest());
    assert_eq!(contents(&world, &fourth).await, texts(&[("a", "1"), ("b", "2"), ("c", "2"), ("y", "3")]));
    let manifest = world.app.manifest_of(&third).await.unwrap().unwrap();
    let token = world.app.manifest_token(&world.ada, manifest.id);
    assert!(world.app.open_download(&token, crate::app::transfer::Wants::All).await.is_ok());
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_base_of_another_artifact_is_refused() {
    let world = World::new().await;
    let other = Logged::files(&[("a", "1")]).log(&world, "other").await;
    let logged = Logged::files(&[("b", "2")]);
    let draft = logged.begin(&world, "ds").await.id;

    let create = super::upload::CreateManifest {
        artifact: draft,
        kind: ManifestKind::Incremental,
        name: "m".into(),
        md5: String::new(),
        base: Some(other.id),
    };
    let refused = world.app.create_artifact_manifest(&world.ada, create).await;

    assert!(why(refused).contains("the base is no version of artifact `ds`"));
}

#[tokio::test]
async fn several_processes_fill_one_draft_and_the_commit_has_what_all_of_them_added() {
    let world = World::new().await;
    let parts = [("a", "1"), ("b", "2"), ("c", "3")];
    let mut drafts = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let mut logged = Logged::files(&[*part]).of_kind(ManifestKind::Patch);
        logged.create.distributed_id = Some("together".into());
        logged.create.client_id = Some(format!("process-{number}"));
        logged.create.aliases = vec!["latest".into(), format!("of-{number}")];
        drafts.push(logged.send(&world, "ds").await);
    }

    let found = world.app.commit_artifact(&world.ada, drafts[0]).await.unwrap();

    assert!(drafts.iter().all(|draft| *draft == drafts[0]));
    assert_eq!(contents(&world, &found).await, texts(&parts));
    assert_eq!(leads_to(&world, &found, "of-2").await, Some(0));
    let late = world.app.find_artifact_by_client_id(&world.ada, "process-2").await.unwrap();
    assert_eq!(late, Some(found.id));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn references_are_kept_as_they_are_and_take_no_bytes() {
    let world = World::new().await;
    let uri = "s3://bucket/key?versionId=1";
    let mut logged = Logged::files(&[]);
    let manifest = format!(
        r#"{{"version":1,"storagePolicy":null,"storagePolicyConfig":{{}},
            "contents":{{"x":{{"digest":"{uri}","ref":"{uri}","size":7}}}}}}"#
    );
    logged.create.digest = String::new();
    let create = super::draft::CreateArtifact { collection: "ds".into(), ..logged.create.clone() };
    let draft = world.app.create_artifact(&world.ada, create).await.unwrap().id;
    logged.send_manifest(&world, draft, manifest.as_bytes()).await;

    let found = world.app.commit_artifact(&world.ada, draft).await.unwrap();

    let (entries, _) = world.app.list_entries(&found, None, 10).await.unwrap();
    assert_eq!(entries[0].1.source, EntrySource::Reference(uri.into()));
    assert_eq!(found.artifact.size_bytes, 7);
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_commit_that_was_cut_off_has_left_is_taken_back_or_kept_as_it_should_be() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "1"), ("b", "2")]);
    let id = logged.send(&world, "ds").await;
    let left = |digest: &str| Entry {
        digest: digest.into(),
        size_bytes: 1,
        source: EntrySource::Reference("s3://left".into()),
        birth: None,
    };
    let entries = vec![("a".to_owned(), left("x")), ("gone".to_owned(), left("y"))];
    let (ada, licence) = (world.ada, world.app.licence());
    let written = world.app.db.write(move |tx| {
        let found = ada.may(Action::ArtifactCreate, draft::find(tx, &ada, id)?.unwrap(), &licence)?;
        Ok::<_, Error>(commit::put_entries(tx, &found, &entries)?)
    });
    written.await.unwrap();

    let found = world.app.commit_artifact(&world.ada, id).await.unwrap();

    assert_eq!(contents(&world, &found).await, texts(&[("a", "1"), ("b", "2")]));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn more_entries_than_one_transaction_takes_are_all_there_and_all_go() {
    let world = World::new().await;
    let files: Vec<(String, String)> = (0..2_345).map(|n| (format!("d/{n:05}"), format!("{}", n % 3))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = Logged::files(&files).log(&world, "ds").await;
    assert_eq!((found.artifact.entry_count, found.artifact.size_bytes), (2_345, 2_345));
    assert_eq!(faults(&world).await, Vec::<String>::new());

    mark_deleted(&world.app, found.id).await;
    assert_eq!(world.app.purge_artifacts().await.unwrap(), 1);

    assert_eq!(count_of_all(&world).await, (0, 0, 0, 0));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

/// What deleting does first.
async fn mark_deleted(app: &App, id: ArtifactId) {
    let marked = app.db.write(move |tx| {
        let artifact = ARTIFACTS.get(tx, &id)?.unwrap();
        ARTIFACTS.put(tx, &id, &Artifact { state: ArtifactState::Deleted, ..artifact })?;
        Ok::<_, Error>(())
    });
    marked.await.unwrap();
}

/// Artifacts, entries, blobs and manifests.
async fn count_of_all(world: &World) -> (usize, usize, usize, usize) {
    let counted = world.app.db.read(|tx| {
        let artifacts = ARTIFACTS.keys(tx, &(), 10_000)?.len();
        let entries = ENTRIES.keys(tx, &(), 10_000)?.len();
        let (blobs, manifests) = (BLOBS.keys(tx, &(), 10_000)?.len(), MANIFESTS.keys(tx, &(), 10_000)?.len());
        Ok::<_, Error>((artifacts, entries, blobs, manifests))
    });
    counted.await.unwrap()
}

#[tokio::test]
async fn removing_a_version_keeps_the_bytes_that_others_use_and_drops_the_rest() {
    let world = World::new().await;
    let first = Logged::files(&[("a", "shared"), ("b", "alone")]).log(&world, "ds").await;
    let second = Logged::files(&[("a", "shared")]).log(&world, "ds").await;

    mark_deleted(&world.app, first.id).await;
    world.app.purge_artifacts().await.unwrap();
    world.clock.advance_secs(30 * 86_400);
    world.app.collect_garbage().await.unwrap();

    assert_eq!(contents(&world, &second).await, texts(&[("a", "shared")]));
    assert_eq!(count_of_all(&world).await, (1, 1, 1, 1));
    let objects = world.directory.path().join("objects");
    let files = |kind: &str| std::fs::read_dir(objects.join(kind).join("0000000000000")).unwrap().count();
    assert_eq!((files("blobs"), files("manifests")), (1, 1));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_draft_that_nobody_commits_is_removed_with_all_that_was_sent_for_it() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "1"), ("b", "2")]);
    let draft = logged.begin(&world, "ds").await.id;
    let uploads = logged.permitted(&world, draft).await;
    super::testing::put(&world, super::testing::token(uploads[0].url.as_ref().unwrap()), b"1").await.unwrap();
    logged.send_manifest(&world, draft, &logged.manifest()).await;
    assert_eq!(world.app.purge_artifacts().await.unwrap(), 0);

    world.clock.advance_secs(72 * 3600 + 1);
    assert_eq!(world.app.purge_artifacts().await.unwrap(), 1);

    assert_eq!(count_of_all(&world).await, (0, 0, 0, 0));
    assert!(matches!(world.app.commit_artifact(&world.ada, draft).await, Err(Error::NotFound(_))));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_run_that_is_removed_is_forgotten_by_what_it_logged_and_used() {
    let world = World::new().await;
    world.create_run("r", false).await;
    let mut logged = Logged::files(&[("a", "1")]);
    logged.create.run = Some("r".into());
    let found = logged.log(&world, "ds").await;
    world.app.use_artifact(&world.ada, found.id, world.at("r"), Some("train".into())).await.unwrap();
    world.app.use_artifact(&world.ada, found.id, world.at("r"), None).await.unwrap();
    let run = world.find("r").await.id;
    let used = world.app.db.read(move |tx| ARTIFACT_INPUTS.get(tx, &(run, found.id)).map_err(Error::from));
    assert_eq!(used.await.unwrap().unwrap().used_as.as_deref(), Some("train"));

    world.app.delete_run(&world.ada, world.at("r")).await.unwrap();
    world.clock.advance_secs(31 * 86_400);
    world.app.purge_trash().await.unwrap();

    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_draft_cannot_be_used_and_a_stranger_cannot_use_a_version() {
    let world = World::new().await;
    world.create_run("r", false).await;
    let draft = Logged::files(&[("a", "1")]).begin(&world, "ds").await.id;
    let version = Logged::files(&[("b", "1")]).log(&world, "other").await.id;

    let of_draft = world.app.use_artifact(&world.ada, draft, world.at("r"), None).await;
    let by_stranger = world.app.use_artifact(&world.stranger(), version, world.at("r"), None).await;

    assert!(matches!(of_draft, Err(Error::NotFound(_))));
    assert!(matches!(by_stranger, Err(Error::NotFound(_))));
    assert_eq!(md5(b""), "1B2M2Y8AsgTpgAmY7PhCfg==");
}

#[tokio::test]
async fn content_of_another_teams_artifact_is_copied_for_who_may_download_it_and_is_missing_for_others() {
    let world = World::new().await;
    let person = CreateUser {
        username: Some("bob".into()),
        email: "bob@example.com".into(),
        name: None,
        password: None,
        api_key: FirstKey::Made,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    let key = world.app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap();
    let bob = world.app.caller_of_key(key.expose()).await.unwrap();
    for (team, admin) in [("crew", "ada"), ("others", "bob")] {
        let create = CreateTeam { name: team.into(), organization: "default".into(), admins: vec![admin.into()] };
        world.app.create_team(&Caller::OPERATOR, create).await.unwrap();
    }
    let logged = Logged::files(&[("a", "alpha")]);
    let birth = logged.log(&world, "ds").await.id;
    let born = STANDARD.encode(format!("Artifact:{birth}"));
    let manifest = String::from_utf8(logged.manifest()).unwrap();
    let manifest = manifest.replace(r#""size":5"#, &format!(r#""size":5,"birthArtifactID":"{born}""#));
    let in_team = |team: &str| {
        let mut logged = logged.clone();
        (logged.create.entity, logged.create.project) = (team.into(), "q".into());
        logged.create.collection = "ds".into();
        logged.create.digest = logged.digest();
        logged
    };

    let (crew, others) = (in_team("crew"), in_team("others"));
    let copy = world.app.create_artifact(&world.ada, crew.create.clone()).await.unwrap().id;
    crew.send_manifest(&world, copy, manifest.as_bytes()).await;
    let copied = world.app.commit_artifact(&world.ada, copy).await.unwrap();
    let strange = World { ada: bob, ..world };
    let refused = strange.app.create_artifact(&bob, others.create.clone()).await.unwrap().id;
    others.send_manifest(&strange, refused, manifest.as_bytes()).await;
    let refused = strange.app.commit_artifact(&bob, refused).await;

    assert!(why(refused).contains("have not been sent: `a`;"));
    let blobs = strange.app.db.read(|tx| BLOBS.keys(tx, &(), 10).map_err(Error::from)).await.unwrap();
    assert_eq!((copied.artifact.entry_count, blobs.len()), (1, 2));
    assert_eq!(faults(&strange).await, Vec::<String>::new());
}
