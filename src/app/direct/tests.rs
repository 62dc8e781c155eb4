//! What clients send straight to a bucket, by the rules and against them.

use super::{PartsLeave, SignedUrl, TransferUrl};
use crate::access::Allowed;
use crate::app::Error;
use crate::app::artifact::FoundArtifact;
use crate::app::artifact::testing::{Logged, contents, faults, md5, put, token};
use crate::app::artifact::upload::{CreateManifest, FileUpload, NewFile};
use crate::app::testing::World;
use crate::db::repo::artifact::blob;
use crate::db::schema::{CONNECTORS, PARTS_UPLOADS, PENDING_FILES, TEAM_STORES};
use crate::domain::artifact::blob::Route;
use crate::domain::artifact::manifest::{EntrySource, ManifestKind};
use crate::domain::connector::{
    Connector, ConnectorName, ConnectorSpec, DataPath, Identity, Network, Place, StoreId, TeamStore,
};
use crate::domain::id::{ArtifactId, ConnectorId};
use crate::storage::test_bucket::{Like, TestBucket};
use md5::{Digest as _, Md5};

const DAY: i64 = 86_400;

fn signed(url: &TransferUrl) -> &SignedUrl {
    match url {
        TransferUrl::Signed(url) => url,
        TransferUrl::Token(_) => panic!("a URL of this server"),
    }
}

/// Ada's bytes are in a bucket, to which clients go by this path.
async fn world_in(like: Like, data_path: DataPath) -> (World, TestBucket) {
    let (world, bucket) = (World::new().await, TestBucket::like(like));
    let place =
        Place::S3 { bucket: "ada".into(), region: "eu".into(), endpoint: None, path_style: true, encryption: None };
    let network = Network::default();
    let spec = ConnectorSpec { place, prefix: String::new(), identity: Identity::Keys, data_path, network };
    let id = ConnectorId(1);
    let owner = world.find_owner().await;
    let made = world.app.db.write(move |tx| {
        let name = ConnectorName::parse("test").unwrap();
        let (spec, created_at) = (spec.clone(), tx.now());
        let connector =
            Connector { name, spec, version: 1, sealed: None, is_claimed: true, is_fixed: false, created_at };
        CONNECTORS.put(tx, &id, &connector)?;
        let store = TeamStore { home: StoreId::Connector(id), also: None, kept: None };
        Ok::<_, Error>(TEAM_STORES.put(tx, &owner, &store)?)
    });
    made.await.unwrap();
    world.app.stores.of_connector(id, 1, || Ok(bucket.store())).unwrap();
    (world, bucket)
}

async fn direct(like: Like) -> (World, TestBucket) {
    world_in(like, DataPath::Direct).await
}

async fn leave(world: &World, names: &[&str]) -> Vec<TransferUrl> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let (_, uploads) = world.app.create_run_files(&world.ada, world.at("r"), names).await.unwrap();
    uploads.into_iter().map(|upload| upload.url).collect()
}

async fn listed(world: &World) -> Vec<(String, u64, Option<[u8; 16]>)> {
    let run = world.find("r").await;
    let (files, _) = world.app.list_run_files(&run, None, 100, |_| true).await.unwrap();
    let told =
        files.into_iter().map(|file| (file.path.as_str().to_owned(), file.contents.size_bytes, file.contents.md5));
    told.collect()
}

async fn pending(world: &World) -> usize {
    world.app.db.look_up(|tx| PENDING_FILES.keys(tx, &(), 100)).unwrap().len()
}

async fn content_of(world: &World, bucket: &TestBucket, name: &str) -> String {
    let run = world.find("r").await;
    let [file] = world.app.run_files_named(&run, vec![name.into()]).await.unwrap().try_into().unwrap();
    let url = world.app.download_url(&world.ada, &file.path, &file.contents).await.unwrap();
    String::from_utf8(bucket.fetch(signed(&url)).await).unwrap()
}

async fn collect_all(world: &World) {
    world.clock.advance_secs(4 * DAY);
    world.app.collect_garbage().await.unwrap();
}

#[tokio::test]
async fn a_file_is_listed_once_it_is_in_the_bucket_and_its_md5_is_found_out() {
    let (world, bucket) = direct(Like::Azure).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["a.txt", "b.txt"]).await;
    assert_eq!(listed(&world).await, []);

    bucket.send(signed(&urls[0]), b"hello").await;

    assert_eq!(listed(&world).await, [("a.txt".into(), 5, None)]);
    assert_eq!(world.app.hash_files().await.unwrap(), 1);
    assert_eq!(listed(&world).await, [("a.txt".into(), 5, Some(Md5::digest(b"hello").into()))]);
    assert_eq!(content_of(&world, &bucket, "a.txt").await, "hello");
    assert_eq!(world.app.hash_files().await.unwrap(), 0);
    assert_eq!(faults(&world).await, [""; 0]);
}

#[tokio::test]
async fn the_word_of_a_bucket_that_is_right_of_small_files_is_taken_for_large_ones() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["large", "small"]).await;
    let large = vec![7; 2 << 20];
    bucket.send(signed(&urls[0]), &large).await;
    bucket.send(signed(&urls[1]), b"small").await;
    listed(&world).await;

    assert_eq!(world.app.hash_files().await.unwrap(), 2);

    let md5s: Vec<_> = listed(&world).await.into_iter().map(|(.., md5)| md5.unwrap()).collect();
    assert_eq!(md5s, [<[u8; 16]>::from(Md5::digest(&large)), Md5::digest(b"small").into()]);
}

#[tokio::test]
async fn the_upload_that_was_asked_for_last_counts_whichever_is_seen_first() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let (old, new) = (leave(&world, &["a"]).await, leave(&world, &["a"]).await);

    bucket.send(signed(&new[0]), b"new").await;
    assert_eq!(listed(&world).await.len(), 1);
    bucket.send(signed(&old[0]), b"older").await;
    assert_eq!(listed(&world).await.len(), 1);

    assert_eq!(content_of(&world, &bucket, "a").await, "new");
    let newest = leave(&world, &["a"]).await;
    bucket.send(signed(&newest[0]), b"newest").await;
    assert_eq!(content_of(&world, &bucket, "a").await, "newest");
    collect_all(&world).await;
    assert_eq!(bucket.keys().await.len(), 1, "what was replaced, and what came too late, is gone");
}

#[tokio::test]
async fn what_a_client_says_it_has_sent_is_taken_in_without_anybody_asking() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["a"]).await;
    bucket.send(signed(&urls[0]), b"x").await;
    assert_eq!(pending(&world).await, 1);

    world.send("r", r#"{"uploaded":["a"]}"#).await;
    world.app.arrival_is_due().await;
    world.app.take_in_arrivals().await.unwrap();

    assert_eq!(pending(&world).await, 0);
}

#[tokio::test]
async fn what_nobody_speaks_of_is_found_later_and_what_never_comes_is_forgotten() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["comes", "never"]).await;
    bucket.send(signed(&urls[0]), b"x").await;
    assert_eq!(world.app.take_in_arrivals().await.unwrap(), 0, "its time has not come");

    world.clock.advance_secs(61);
    assert_eq!(world.app.take_in_arrivals().await.unwrap(), 1);
    assert_eq!(pending(&world).await, 1);
    world.clock.advance_secs(2 * DAY);
    world.app.take_in_arrivals().await.unwrap();

    assert_eq!(pending(&world).await, 0);
    assert_eq!(listed(&world).await.len(), 1);
    assert_eq!(faults(&world).await, [""; 0]);
}

#[tokio::test]
async fn while_a_bucket_is_down_the_known_files_are_listed_and_nothing_is_lost() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["a", "b"]).await;
    bucket.send(signed(&urls[0]), b"a").await;
    assert_eq!(listed(&world).await.len(), 1);
    bucket.send(signed(&urls[1]), b"b").await;

    bucket.set_down(true);
    assert_eq!(listed(&world).await.len(), 1);
    world.clock.advance_secs(3 * DAY);
    world.app.take_in_arrivals().await.unwrap();
    assert_eq!(pending(&world).await, 1, "nobody knows that it did not come");

    bucket.set_down(false);
    assert_eq!(listed(&world).await.len(), 2);
}

#[tokio::test]
async fn a_file_that_was_deleted_meanwhile_and_a_run_that_is_gone_take_nothing_in() {
    let (world, bucket) = direct(Like::S3).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["a"]).await;
    bucket.send(signed(&urls[0]), b"a").await;
    let run = world.find("r").await;
    let [file] = world.app.run_files_named(&run, vec!["a".into()]).await.unwrap().try_into().unwrap();
    let late = leave(&world, &["a", "b"]).await;
    world.app.delete_run_files(&world.ada, vec![file.id]).await.unwrap();
    bucket.send(signed(&late[0]), b"late").await;

    assert_eq!(listed(&world).await, []);
    assert_eq!(faults(&world).await, [""; 0]);
    collect_all(&world).await;
    assert_eq!(bucket.keys().await, [""; 0]);
}

/// Sends everything of a draft to the bucket.
async fn send(world: &World, bucket: &TestBucket, logged: &Logged, draft: ArtifactId) {
    for upload in logged.permitted(world, draft).await {
        if let Some(url) = &upload.url {
            bucket.send(signed(url), &logged.files[&upload.path]).await;
        }
    }
    send_manifest(world, bucket, logged, draft, &logged.manifest()).await;
}

async fn send_manifest(world: &World, bucket: &TestBucket, logged: &Logged, draft: ArtifactId, body: &[u8]) {
    let create = CreateManifest {
        artifact: draft,
        kind: ManifestKind::Full,
        name: "wandb_manifest.json".into(),
        md5: md5(&logged.manifest()),
        base: None,
    };
    let made = world.app.create_artifact_manifest(&world.ada, create).await.unwrap();
    bucket.send(signed(&made.url), body).await;
}

async fn commit(world: &World, draft: ArtifactId) -> Result<Allowed<FoundArtifact>, Error> {
    world.app.commit_artifact(&world.ada, draft).await
}

fn refusal(result: Result<Allowed<FoundArtifact>, Error>) -> String {
    match result {
        Err(Error::Invalid { message, .. }) => message,
        other => panic!("{:?}", other.map(|found| found.id)),
    }
}

#[tokio::test]
async fn an_artifact_is_sent_to_and_fetched_from_the_bucket_and_its_content_is_there_for_the_next() {
    for like in [Like::S3, Like::Azure] {
        let (world, bucket) = direct(like).await;
        let logged = Logged::files(&[("a", "alpha"), ("b", "beta")]);
        let draft = logged.begin(&world, "ds").await.id;
        send(&world, &bucket, &logged, draft).await;

        let found = commit(&world, draft).await.unwrap();

        assert_eq!(contents(&world, &found).await["b"], "beta", "through the server");
        let (entries, _) = world.app.list_entries(&found, None, 10).await.unwrap();
        let EntrySource::Blob(object) = entries[0].1.source else { panic!("a file") };
        let url = world.app.blob_url(&world.ada, &found, object).await.unwrap();
        assert_eq!(bucket.fetch(signed(&url)).await, b"alpha", "straight");
        let manifest = world.app.manifest_of(&found).await.unwrap().unwrap();
        let url = world.app.manifest_url(&world.ada, manifest.id, &manifest.contents).await.unwrap();
        assert_eq!(bucket.fetch(signed(&url)).await, logged.manifest());
        let next = Logged::files(&[("c", "alpha")]);
        let second = next.begin(&world, "ds").await.id;
        assert!(next.permitted(&world, second).await[0].url.is_none(), "{like:?}");
        assert_eq!(faults(&world).await, [""; 0]);
        collect_all(&world).await;
        assert_eq!(bucket.keys().await.len(), 3, "two files and a manifest");
    }
}

#[tokio::test]
async fn other_content_than_declared_is_never_used_and_named_so_that_it_is_sent_again() {
    for like in [Like::S3, Like::Azure] {
        let (world, bucket) = direct(like).await;
        let logged = Logged::files(&[("good", "alpha"), ("poisoned", "beta"), ("forgotten", "gamma")]);
        let draft = logged.begin(&world, "ds").await.id;
        for upload in logged.permitted(&world, draft).await {
            let url = signed(upload.url.as_ref().unwrap());
            match upload.path.as_str() {
                "good" => bucket.send(url, b"alpha").await,
                "poisoned" => bucket.send(url, b"evil").await,
                _ => {}
            }
        }
        send_manifest(&world, &bucket, &logged, draft, &logged.manifest()).await;

        let why = refusal(commit(&world, draft).await);

        assert!(why.contains("not been sent: `forgotten`"), "{why}");
        assert!(why.contains("other content was sent than declared: `poisoned`"), "{why}");
        let again = logged.permitted(&world, draft).await;
        let asked: Vec<(&str, bool)> =
            again.iter().map(|upload| (upload.path.as_str(), upload.url.is_some())).collect();
        assert_eq!(asked, [("forgotten", true), ("good", false), ("poisoned", true)]);
        for upload in &again {
            if let Some(url) = &upload.url {
                bucket.send(signed(url), &logged.files[&upload.path]).await;
            }
        }
        let found = commit(&world, draft).await.unwrap();
        assert_eq!(contents(&world, &found).await["poisoned"], "beta");
        assert_eq!(faults(&world).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_is_written_over_after_the_commit_changes_nothing_that_is_served() {
    let (world, bucket) = direct(Like::Azure).await;
    let logged = Logged::files(&[("a", "alpha")]);
    let draft = logged.begin(&world, "ds").await.id;
    let [upload] = logged.permitted(&world, draft).await.try_into().unwrap();
    let url = signed(upload.url.as_ref().unwrap()).clone();
    bucket.send(&url, b"alpha").await;
    send_manifest(&world, &bucket, &logged, draft, &logged.manifest()).await;
    let found = commit(&world, draft).await.unwrap();

    bucket.send(&url, b"evil!").await;

    assert_eq!(contents(&world, &found).await["a"], "alpha");
    assert_eq!(faults(&world).await, [""; 0]);
    collect_all(&world).await;
    assert_eq!(contents(&world, &found).await["a"], "alpha");
    assert_eq!(bucket.keys().await.len(), 2, "the file and the manifest");
}

#[tokio::test]
async fn another_manifest_than_declared_is_refused_and_the_right_one_may_follow() {
    for like in [Like::S3, Like::Azure] {
        let (world, bucket) = direct(like).await;
        let logged = Logged::files(&[("a", "alpha")]);
        let draft = logged.begin(&world, "ds").await.id;
        send(&world, &bucket, &logged, draft).await;
        send_manifest(&world, &bucket, &logged, draft, b"{}").await;

        let why = refusal(commit(&world, draft).await);

        assert!(why.contains("not what was declared"), "{why}");
        send_manifest(&world, &bucket, &logged, draft, &logged.manifest()).await;
        commit(&world, draft).await.unwrap();
    }
}

#[tokio::test]
async fn while_a_bucket_is_down_a_commit_is_asked_for_again_and_then_succeeds() {
    let (world, bucket) = direct(Like::S3).await;
    let logged = Logged::files(&[("a", "alpha")]);
    let draft = logged.begin(&world, "ds").await.id;
    send(&world, &bucket, &logged, draft).await;

    bucket.set_down(true);
    let down = commit(&world, draft).await.map(drop);
    bucket.set_down(false);

    assert!(matches!(down, Err(Error::Store(_))), "{down:?}");
    commit(&world, draft).await.unwrap();
}

const PART: usize = 1 << 20;

/// A file of two parts, and leave to send them.
async fn in_parts(world: &World) -> (ArtifactId, Logged, Vec<u8>, PartsLeave) {
    let content: Vec<u8> = (0..2 * PART).map(|at| (at % 251) as u8).collect();
    let mut logged = Logged::files(&[]);
    logged.files.insert("large".into(), content.clone());
    let draft = logged.begin(world, "ds").await.id;
    let parts = content.chunks(PART).map(|part| Md5::digest(part).into()).collect();
    let file = NewFile { artifact: draft, path: "large".into(), md5: md5(&content), parts };
    let uploads = world.app.create_artifact_files(&world.ada, vec![file]).await.unwrap();
    let uploads: [FileUpload; 1] = uploads.try_into().unwrap();
    let [FileUpload { url: Some(_), parts: Some(leave), .. }] = uploads else { panic!("no parts") };
    (draft, logged, content, leave)
}

fn etags(count: u32) -> Vec<(u32, String)> {
    (1..=count).map(|number| (number, format!("\"{number}\""))).collect()
}

fn parts_left(world: &World) -> usize {
    world.app.db.look_up(|tx| PARTS_UPLOADS.keys(tx, &(), 100)).unwrap().len()
}

#[tokio::test]
async fn a_file_in_parts_is_put_together_and_read_before_it_is_used() {
    let (world, bucket) = direct(Like::S3).await;
    let (draft, logged, content, leave) = in_parts(&world).await;
    for (url, part) in leave.urls.iter().zip(content.chunks(PART)) {
        bucket.send_part(url, part).await;
    }
    send_manifest(&world, &bucket, &logged, draft, &logged.manifest()).await;
    let upload = world.app.db.look_up(|tx| blob::upload(tx, leave.upload)).unwrap().unwrap();
    assert_eq!(upload.route, Route::Parts, "nothing under its key counts before the parts are put together");
    let early = refusal(commit(&world, draft).await);
    assert!(early.contains("`large`"), "{early}");

    let short = world.app.complete_parts(&world.ada, draft, leave.upload, etags(1)).await;
    assert!(matches!(&short, Err(Error::Invalid { field: "completedParts", .. })), "{short:?}");
    let md5 = world.app.complete_parts(&world.ada, draft, leave.upload, etags(2)).await.unwrap();
    let again = world.app.complete_parts(&world.ada, draft, leave.upload, etags(2)).await.unwrap();

    assert_eq!((md5, again), (Md5::digest(&content).into(), md5));
    commit(&world, draft).await.unwrap();
    assert_eq!(parts_left(&world), 0);
    assert_eq!(faults(&world).await, [""; 0]);
}

#[tokio::test]
async fn parts_that_come_to_other_content_are_refused() {
    let (world, bucket) = direct(Like::S3).await;
    let (draft, logged, content, leave) = in_parts(&world).await;
    bucket.send_part(&leave.urls[0], &content[..PART]).await;
    bucket.send_part(&leave.urls[1], b"evil").await;
    send_manifest(&world, &bucket, &logged, draft, &logged.manifest()).await;
    world.app.complete_parts(&world.ada, draft, leave.upload, etags(2)).await.unwrap();

    let why = refusal(commit(&world, draft).await);

    assert!(why.contains("other content was sent than declared: `large`"), "{why}");
}

#[tokio::test]
async fn large_content_is_read_without_the_client() {
    let (world, bucket) = direct(Like::Azure).await;
    let content = vec![3; (16 << 20) + 1];
    let mut logged = Logged::files(&[]);
    logged.files.insert("large".into(), content);
    let draft = logged.begin(&world, "ds").await.id;
    send(&world, &bucket, &logged, draft).await;

    let app = world.app.clone();
    let found = tokio::select! {
        found = commit(&world, draft) => found,
        () = app.read_back_arrivals() => panic!("it never ends"),
    };

    assert_eq!(found.unwrap().artifact.size_bytes, (16 << 20) + 1);
}

#[tokio::test]
async fn parts_of_a_draft_that_is_gone_are_given_up() {
    let (world, _bucket) = direct(Like::S3).await;
    in_parts(&world).await;
    assert_eq!(parts_left(&world), 1);

    collect_all(&world).await;

    assert_eq!(parts_left(&world), 0);
}

#[tokio::test]
async fn parts_of_another_draft_and_of_nothing_are_not_put_together() {
    let (world, _bucket) = direct(Like::S3).await;
    let (draft, _, _, leave) = in_parts(&world).await;
    let other = Logged::files(&[("x", "y")]).begin(&world, "other").await.id;

    for (draft, upload) in [(other, leave.upload), (draft, crate::domain::id::BlobUploadId(999))] {
        let refused = world.app.complete_parts(&world.ada, draft, upload, etags(2)).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    }
    let stranger = world.app.complete_parts(&world.stranger(), draft, leave.upload, etags(2)).await;
    assert!(matches!(stranger, Err(Error::NotFound(_))), "{stranger:?}");
}

#[tokio::test]
async fn by_the_proxy_path_everything_goes_through_the_server_into_the_bucket() {
    let (world, bucket) = world_in(Like::S3, DataPath::Proxy).await;
    world.create_run("r", false).await;
    let urls = leave(&world, &["a"]).await;
    put(&world, token(&urls[0]), b"hello").await.unwrap();
    let run = world.find("r").await;
    let [file] = world.app.run_files_named(&run, vec!["a".into()]).await.unwrap().try_into().unwrap();

    let url = world.app.download_url(&world.ada, &file.path, &file.contents).await.unwrap();

    assert!(matches!(url, TransferUrl::Token(_)));
    assert_eq!(bucket.keys().await.len(), 1);
    let logged = Logged::files(&[("a", "alpha")]);
    let found = logged.log(&world, "ds").await;
    assert_eq!(contents(&world, &found).await["a"], "alpha");
    assert_eq!(bucket.keys().await.len(), 3);
}

#[tokio::test]
async fn in_the_default_store_nothing_is_direct_and_nothing_is_pending() {
    let world = World::new().await;
    world.create_run("r", false).await;

    let urls = leave(&world, &["a"]).await;

    assert!(matches!(&urls[..], [TransferUrl::Token(_)]));
    assert_eq!(pending(&world).await, 0);
}
