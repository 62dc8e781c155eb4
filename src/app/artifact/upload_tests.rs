//! Sending bytes for drafts.

use super::draft::CreateArtifact;
use super::testing::{Logged, contents, faults, md5, put, token};
use super::upload::{CreateManifest, NewFile};
use crate::access::Caller;
use crate::app::testing::World;
use crate::app::{Error, Settings};
use crate::domain::artifact::ArtifactState;
use crate::domain::artifact::manifest::ManifestKind;
use crate::domain::id::ArtifactId;

#[tokio::test]
async fn files_are_answered_in_their_order_and_what_is_there_need_not_be_sent() {
    let world = World::new().await;
    Logged::files(&[("a", "alpha")]).log(&world, "ds").await;
    let next = Logged::files(&[("a", "alpha"), ("b", "beta"), ("c", "alpha")]);
    let draft = next.begin(&world, "ds").await.id;

    let uploads = next.permitted(&world, draft).await;

    let asked: Vec<(&str, bool)> = uploads.iter().map(|upload| (upload.path.as_str(), upload.url.is_some())).collect();
    assert_eq!(asked, [("a", false), ("b", true), ("c", false)]);
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_the_right_ones_may_follow() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "alpha")]);
    let draft = logged.begin(&world, "ds").await.id;
    let token = logged.permitted(&world, draft).await[0].url.as_ref().map(token).unwrap().to_owned();

    let wrong = put(&world, &token, b"alphb").await;
    let large = put(&world, &token, &vec![b'x'; 5 << 20]).await;
    let right = put(&world, &token, b"alpha").await;
    let again = put(&world, &token, b"alpha").await;

    assert!(matches!(wrong, Err(Error::Interrupted(_))), "{wrong:?}");
    assert!(matches!(large, Err(Error::Interrupted(_))), "{large:?}");
    assert_eq!((right.unwrap(), again.unwrap()), (md5_of(b"alpha"), md5_of(b"alpha")));
    logged.send_manifest(&world, draft, &logged.manifest()).await;
    let found = world.app.commit_artifact(&world.ada, draft).await.unwrap();
    assert_eq!(contents(&world, &found).await["a"], "alpha");
}

fn md5_of(content: &[u8]) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::digest(content).into()
}

#[tokio::test]
async fn the_same_content_sent_twice_at_once_is_kept_once_and_the_other_goes() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "alpha"), ("b", "alpha")]);
    let draft = logged.begin(&world, "ds").await.id;
    let uploads = logged.permitted(&world, draft).await;
    let tokens: Vec<&str> = uploads.iter().filter_map(|upload| upload.url.as_ref().map(token)).collect();

    let (one, other, first_again) = tokio::join!(
        put(&world, tokens[0], b"alpha"),
        put(&world, tokens[1], b"alpha"),
        put(&world, tokens[0], b"alpha")
    );

    assert!(one.is_ok() && other.is_ok() && first_again.is_ok());
    logged.send_manifest(&world, draft, &logged.manifest()).await;
    world.app.commit_artifact(&world.ada, draft).await.unwrap();
    world.clock.advance_secs(4 * 86_400);
    world.app.collect_garbage().await.unwrap();
    let blobs = world.directory.path().join("objects/blobs/0000000000000");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 1);
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn bytes_for_a_draft_that_is_gone_are_refused() {
    let world = World::new().await;
    let logged = Logged::files(&[("a", "alpha")]);
    let draft = logged.begin(&world, "ds").await.id;
    let url = logged.permitted(&world, draft).await[0].url.clone().unwrap();
    world.clock.advance_secs(73 * 3600);
    world.app.purge_artifacts().await.unwrap();
    // The token itself has run out too; a URL of more days would not have.
    let late = put(&world, token(&url), b"alpha").await;

    assert!(matches!(late, Err(Error::BadUrl(_))), "{late:?}");
    let long = World::new().await;
    let week = crate::domain::setting::GivenValue::Number(168);
    long.app.put_setting(&crate::access::Caller::OPERATOR, "signed_write_hours", &week).await.unwrap();
    let draft = logged.begin(&long, "ds").await.id;
    let url = logged.permitted(&long, draft).await[0].url.clone().unwrap();
    long.clock.advance_secs(73 * 3600);
    assert_eq!(long.app.purge_artifacts().await.unwrap(), 1);
    let late = put(&long, token(&url), b"alpha").await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert_eq!(faults(&long).await, Vec::<String>::new());
}

#[tokio::test]
async fn too_many_files_and_paths_and_digests_that_cannot_be_are_refused() {
    let world = World::new().await;
    let draft = Logged::files(&[]).begin(&world, "ds").await.id;
    let file =
        |path: &str, md5: &str| NewFile { artifact: draft, path: path.into(), md5: md5.into(), parts: Vec::new() };
    let ask = async |files| world.app.create_artifact_files(&world.ada, files).await;

    let many = ask(vec![file("a", &md5(b"")); 10_001]).await;
    let outside = ask(vec![file("../a", &md5(b""))]).await;
    let no_md5 = ask(vec![file("a", "d41d8cd98f00b204e9800998ecf8427e")]).await;
    let of_nobody = vec![NewFile { artifact: ArtifactId(999), ..file("a", &md5(b"")) }];
    let of_nobody = ask(of_nobody).await;

    assert!(matches!(many, Err(Error::TooLarge(_))));
    assert!(matches!(outside, Err(Error::Invalid { .. })) && matches!(no_md5, Err(Error::Invalid { .. })));
    assert!(matches!(of_nobody, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_manifest_above_the_limit_or_with_other_bytes_than_declared_is_refused() {
    let world = World::with(Settings { manifest_bytes: 100, ..Settings::default() }).await;
    let draft = Logged::files(&[]).begin(&world, "ds").await.id;
    let create = async |text: &[u8]| {
        let create =
            CreateManifest { artifact: draft, kind: ManifestKind::Full, name: "m".into(), md5: md5(text), base: None };
        token(&world.app.create_artifact_manifest(&world.ada, create).await.unwrap().url).to_owned()
    };

    let large = put(&world, &create(&[b'x'; 101]).await, &[b'x'; 101]).await;
    let token = create(b"{}").await;
    let other = put(&world, &token, b"[]").await;

    assert!(matches!(large, Err(Error::TooLarge(_))), "{large:?}");
    assert!(matches!(other, Err(Error::Interrupted(_))), "{other:?}");
    assert!(put(&world, &token, b"{}").await.is_ok() && put(&world, &token, b"{}").await.is_ok());
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_but_those_who_may_fill_it_learns_of_a_draft() {
    let world = World::new().await;
    let draft = Logged::files(&[("a", "alpha")]).begin(&world, "ds").await.id;
    let files = vec![NewFile { artifact: draft, path: "a".into(), md5: md5(b"alpha"), parts: Vec::new() }];

    for caller in [world.stranger(), Caller::ANONYMOUS] {
        let asked = world.app.create_artifact_files(&caller, files.clone()).await.map(|_| ());
        let committed = world.app.commit_artifact(&caller, draft).await.map(|_| ());
        let unknown = world.app.commit_artifact(&caller, ArtifactId(draft.0 + 1)).await.map(|_| ());

        let words = |result: Result<(), Error>| result.unwrap_err().to_string().replace(&draft.to_string(), "N");
        assert_eq!(words(asked), "the artifact does not exist, or was deleted");
        assert_eq!(words(committed), "the artifact does not exist, or was deleted");
        assert!(matches!(unknown, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn asking_again_with_the_same_name_is_the_same_draft_and_its_name_leads_to_it() {
    let world = World::new().await;
    let mut logged = Logged::files(&[("a", "alpha")]);
    logged.create.client_id = Some("name-1".into());
    let (one, again) = (logged.begin(&world, "ds").await, logged.begin(&world, "ds").await);
    assert_eq!(one.id, again.id);
    let version = logged.log(&world, "ds").await;

    logged.create.client_id = Some("name-2".into());
    let same_content = logged.begin(&world, "ds").await;

    assert_eq!((version.id, same_content.id), (one.id, one.id));
    assert_eq!(same_content.artifact.state, ArtifactState::Committed);
    for name in ["name-1", "name-2"] {
        assert_eq!(world.app.find_artifact_by_client_id(&world.ada, name).await.unwrap(), Some(one.id), "{name}");
        assert_eq!(world.app.find_artifact_by_client_id(&world.stranger(), name).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_type_that_differs_is_refused_with_both_names_and_a_run_has_to_be_there() {
    let world = World::new().await;
    Logged::files(&[("a", "alpha")]).log(&world, "ds").await;
    let create = |artifact_type: &str, run: Option<&str>| CreateArtifact {
        artifact_type: artifact_type.into(),
        collection: "ds".into(),
        run: run.map(str::to_owned),
        ..Logged::files(&[]).create
    };

    let other = world.app.create_artifact(&world.ada, create("model", None)).await.map(|_| ());
    let no_run = world.app.create_artifact(&world.ada, create("dataset", Some("nothing"))).await.map(|_| ());

    let why = other.unwrap_err().to_string();
    assert!(why.contains("`dataset`") && why.contains("`model`"), "{why}");
    assert!(no_run.unwrap_err().to_string().contains("run `ada/p/nothing` does not exist"));
}

#[tokio::test]
async fn what_is_too_large_or_no_json_is_refused_before_anything_is_made() {
    let world = World::with(Settings { metadata_bytes: 20, ..Settings::default() }).await;
    let base = CreateArtifact { collection: "ds".into(), ..Logged::files(&[]).create };
    let bad = [
        CreateArtifact { metadata: Some(format!("{{\"a\":\"{}\"}}", "x".repeat(20))), ..base.clone() },
        CreateArtifact { metadata: Some("[1]".into()), ..base.clone() },
        CreateArtifact { metadata: Some("{".into()), ..base.clone() },
        CreateArtifact { aliases: vec!["v3".into()], ..base.clone() },
        CreateArtifact { aliases: vec!["x".into(); 101], ..base.clone() },
        CreateArtifact { artifact_type: "a/b".into(), ..base.clone() },
        CreateArtifact { collection: "a:b".into(), ..base.clone() },
        CreateArtifact { ttl_secs: Some(0), ..base.clone() },
        CreateArtifact { digest: "x".repeat(1000), ..base.clone() },
        CreateArtifact { description: Some("x".repeat(2 << 20)), ..base.clone() },
    ];
    for input in bad {
        let refused = world.app.create_artifact(&world.ada, input.clone()).await.map(|_| ());
        assert!(matches!(refused, Err(Error::Invalid { .. } | Error::TooLarge(_))), "{refused:?}");
    }
    let metadata = Some(r#"{"a":NaN}"#.into());
    assert!(world.app.create_artifact(&world.ada, CreateArtifact { metadata, ..base }).await.is_ok());
}
