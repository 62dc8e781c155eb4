//! Artifacts as those see and change them who look for them: names, aliases, lists, links, deletion, expiry.

use super::alias::AliasAt;
use super::by_digest::ByDigest;
use super::collection::{CollectionPath, UpdateCollection};
use super::edit::UpdateArtifact;
use super::find::TimeToLive;
use super::lineage::Direction;
use super::link::Portfolio;
use super::list::{Listed, Wanted};
use super::testing::{Logged, faults};
use super::{FoundArtifact, FoundCollection};
use crate::access::{Allowed, Caller, Refusal};
use crate::app::Error;
use crate::app::testing::World;
use crate::app::user::CreateUser;
use crate::db::schema::TEAM_MEMBERS;
use crate::domain::artifact::collection::CollectionKind;
use crate::domain::artifact::manifest::EntrySource;
use crate::domain::entity::TeamMember;
use crate::domain::id::{ArtifactId, CollectionId};
use crate::domain::role::TeamRole;

type At = Allowed<crate::app::project::FoundProject>;

async fn project(world: &World) -> At {
    world.app.find_project(&world.ada, Some("ada"), "p").await.unwrap().unwrap()
}

async fn log(world: &World, collection: &str, text: &str) -> ArtifactId {
    Logged::files(&[("a.txt", text)]).log(world, collection).await.id
}

async fn logged_by(world: &World, run: &str, collection: &str, text: &str) -> ArtifactId {
    let mut logged = Logged::files(&[("a.txt", text)]);
    logged.create.run = Some(run.into());
    logged.log(world, collection).await.id
}

/// The version that a name leads to.
async fn named(world: &World, name: &str) -> Option<Allowed<FoundArtifact>> {
    world.app.version_named(&world.ada, &project(world).await, name).await.unwrap()
}

async fn number(world: &World, name: &str) -> Option<u32> {
    named(world, name).await.and_then(|found| found.version)
}

async fn collection(world: &World, name: &str) -> Option<Allowed<FoundCollection>> {
    world.app.collection_named(&world.ada, &project(world).await, name).await.unwrap()
}

async fn id_of(world: &World, name: &str) -> CollectionId {
    collection(world, name).await.unwrap().id
}

fn alias(collection: &str, alias: &str) -> AliasAt {
    AliasAt { entity: "ada".into(), project: "p".into(), collection: collection.into(), alias: alias.into() }
}

fn portfolio(project: &str, name: &str) -> Portfolio {
    Portfolio::Named { entity: Some("ada".into()), project: project.into(), name: name.into() }
}

async fn link(world: &World, id: ArtifactId, name: &str) -> Allowed<FoundArtifact> {
    world.app.link_artifact(&world.ada, id, portfolio("p", name), Vec::new()).await.unwrap()
}

fn why<T>(result: Result<T, Error>) -> String {
    result.err().map_or_else(|| panic!("it was done"), |why| why.to_string())
}

fn page(filters: &str, order: &str, limit: usize) -> Wanted {
    Wanted { filters: Some(filters.into()), order: Some(order.into()), after: None, limit }
}

fn collections(listed: &Listed<Allowed<FoundCollection>>) -> Vec<&str> {
    listed.items.iter().map(|(found, _)| found.collection.name.as_str()).collect()
}

async fn numbers(world: &World, name: &str, wanted: Wanted) -> Vec<u32> {
    let within = collection(world, name).await.unwrap();
    let listed = world.app.list_versions(&within, wanted).await.unwrap();
    listed.items.iter().filter_map(|(found, _)| found.version).collect()
}

async fn person(world: &World, username: &str) -> Caller {
    let person = CreateUser {
        username: Some(username.into()),
        email: format!("{username}@example.com"),
        name: None,
        password: None,
        api_key: crate::app::user::FirstKey::Made,
        system_admin: false,
        organization: crate::app::organization::JoinOrganization::First,
    };
    let key = world.app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap();
    world.app.caller_of_key(key.expose()).await.unwrap()
}

#[tokio::test]
async fn a_version_is_found_by_number_by_alias_and_as_the_latest() {
    let world = World::new().await;
    let (first, second) = (log(&world, "data", "one").await, log(&world, "data", "two").await);
    world.app.add_aliases(&world.ada, first, vec![alias("data", "best")]).await.unwrap();

    for (name, id) in [("data:v0", first), ("data:best", first), ("data:v1", second), ("data", second)] {
        assert_eq!(named(&world, name).await.map(|found| found.id), Some(id), "{name}");
    }
    for name in ["data:v2", "data:worst", "other", "other:v0", "data:", ":", "a/b:v0"] {
        let found = named(&world, name).await.map(|found| found.id);
        // No alias means the latest.
        assert_eq!(found, (name == "data:").then_some(second), "{name}");
    }
    let stranger = world.stranger();
    assert!(world.app.find_artifact(&stranger, first).await.unwrap().is_none());
    let within = collection(&world, "data").await.unwrap().id;
    assert!(world.app.find_collection(&stranger, within).await.unwrap().is_none());
}

#[tokio::test]
async fn an_artifact_without_an_entity_goes_to_the_callers_own_as_its_run_does() {
    let world = World::new().await;
    let mut logged = Logged::files(&[("a.txt", "one")]);
    logged.create.entity = String::new();

    let id = logged.log(&world, "data").await.id;

    assert_eq!(named(&world, "data").await.map(|found| found.id), Some(id));
}

#[tokio::test]
async fn a_draft_is_seen_by_those_who_may_fill_it_and_is_in_no_list() {
    let world = World::new().await;
    log(&world, "data", "one").await;
    let draft = Logged::files(&[("a.txt", "two")]).send(&world, "data").await;

    assert!(world.app.find_artifact(&world.ada, draft).await.unwrap().is_some());
    assert!(world.app.find_artifact(&world.stranger(), draft).await.unwrap().is_none());
    assert_eq!(numbers(&world, "data", page("", "", 10)).await, vec![0]);
    let linked = world.app.link_artifact(&world.ada, draft, portfolio("p", "chosen"), Vec::new()).await;
    assert_eq!(why(linked), "this version of `data` is still being logged; link it when it is done");
}

#[tokio::test]
async fn an_alias_moves_within_its_collection_and_is_taken_only_from_the_version_that_has_it() {
    let world = World::new().await;
    let (first, second) = (log(&world, "data", "one").await, log(&world, "data", "two").await);
    let other = log(&world, "other", "one").await;
    let app = &world.app;

    app.add_aliases(&world.ada, first, vec![alias("data", "best")]).await.unwrap();
    app.add_aliases(&world.ada, other, vec![alias("other", "best")]).await.unwrap();
    app.add_aliases(&world.ada, second, vec![alias("data", "best")]).await.unwrap();
    assert_eq!((number(&world, "data:best").await, number(&world, "other:best").await), (Some(1), Some(0)));
    app.delete_aliases(&world.ada, first, vec![alias("data", "best")]).await.unwrap();
    assert_eq!(number(&world, "data:best").await, Some(1));
    app.delete_aliases(&world.ada, second, vec![alias("data", "best")]).await.unwrap();
    assert_eq!(number(&world, "data:best").await, None);
    let both = vec![alias("data", "fine"), alias("data", "v7")];
    assert!(why(app.add_aliases(&world.ada, first, both).await).contains("`v7` is the number of a version"));
    assert_eq!(number(&world, "data:fine").await, None, "all or none");
    let foreign = app.add_aliases(&world.ada, first, vec![alias("other", "mine")]).await;
    assert_eq!(why(foreign), "`other` has no such version");
    let hidden = app.add_aliases(&world.stranger(), first, vec![alias("data", "mine")]).await;
    assert_eq!(why(hidden), "collection `ada/p/data` does not exist");
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_change_of_a_version_leaves_alone_what_it_does_not_name() {
    let world = World::new().await;
    let id = log(&world, "data", "one").await;
    let update = |input| world.app.update_artifact(&world.ada, id, input);
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();

    let described = UpdateArtifact {
        description: Some("clean".into()),
        metadata: Some(r#"{"rows":5}"#.into()),
        tags_to_add: tags(&["gold", "new"]),
        ttl_secs: Some(60),
        ..UpdateArtifact::default()
    };
    update(described).await.unwrap();
    let changed = update(UpdateArtifact { tags_to_delete: tags(&["new", "none"]), ..UpdateArtifact::default() }).await;

    let changed = changed.unwrap();
    assert_eq!((changed.artifact.description.as_deref(), &*changed.artifact.tags), (Some("clean"), &*tags(&["gold"])));
    assert_eq!(world.app.artifact_metadata(&changed).await.unwrap().as_deref(), Some(r#"{"rows":5}"#));
    let facts = world.app.artifact_facts(&world.ada, &changed).await.unwrap().unwrap();
    let TimeToLive { wire_secs, is_inherited } = facts.time_to_live(changed.artifact.ttl);
    assert_eq!((wire_secs, is_inherited), (60, false));
    for bad in [
        UpdateArtifact { metadata: Some("[1]".into()), ..UpdateArtifact::default() },
        UpdateArtifact { ttl_secs: Some(0), ..UpdateArtifact::default() },
        UpdateArtifact { tags_to_add: tags(&[""]), ..UpdateArtifact::default() },
        UpdateArtifact { aliases: Some(tags(&["v1"])), ..UpdateArtifact::default() },
    ] {
        assert!(matches!(update(bad.clone()).await, Err(Error::Invalid { .. })), "{bad:?}");
    }
    update(UpdateArtifact { aliases: Some(tags(&["one", "two"])), ..UpdateArtifact::default() }).await.unwrap();
    assert_eq!((number(&world, "data:two").await, number(&world, "data:latest").await), (Some(0), None));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_made_automatically_gets_no_time_to_live() {
    let world = World::new().await;
    let mut logged = Logged::files(&[("a.txt", "one")]);
    logged.create.artifact_type = "run_table".into();
    let id = logged.log(&world, "table").await.id;

    let expiring = UpdateArtifact { ttl_secs: Some(60), ..UpdateArtifact::default() };
    let refused = why(world.app.update_artifact(&world.ada, id, expiring).await);
    assert_eq!(refused, "artifacts of the type `run_table` are made automatically and cannot have a time to live");
    let by_default = UpdateCollection { default_ttl_secs: Some(60), ..UpdateCollection::default() };
    assert_eq!(why(world.app.update_collection(&world.ada, id_of(&world, "table").await, by_default).await), refused);
}

#[tokio::test]
async fn collections_are_filtered_ordered_and_paged() {
    let world = World::new().await;
    for name in ["b", "a", "c"] {
        log(&world, name, "one").await;
    }
    link(&world, named(&world, "a").await.unwrap().id, "chosen").await;
    let path = CollectionPath { entity: "ada".into(), project: "p".into(), collection: "c".into() };
    world.app.change_collection_tags(&world.ada, path, vec!["gold".into()], Vec::new()).await.unwrap();
    let at = project(&world).await;
    let list = |wanted| world.app.list_collections(&world.ada, &at, None, wanted);

    let all = list(page("", "", 10)).await.unwrap();
    assert_eq!((collections(&all), all.total, all.has_more), (vec!["chosen", "c", "a", "b"], 4, false));
    let by_name = list(page("", "+name", 10)).await.unwrap();
    assert_eq!(collections(&by_name), ["a", "b", "c", "chosen"]);
    let some = list(page(r#"{"name":{"$in":["a","b"]},"tags":{"$exists":true}}"#, "-name", 10)).await.unwrap();
    assert_eq!((collections(&some), some.total), (vec!["b", "a"], 2));
    let tagged = list(page(r#"{"tags":"gold"}"#, "", 10)).await.unwrap();
    assert_eq!(collections(&tagged), ["c"]);
    for order in ["", "name", "-created_at"] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = list(Wanted { after: after.take(), ..page(r#"{"state":"READY"}"#, order, 1) }).await.unwrap();
            assert_eq!(page.total, 4, "{order}");
            seen.extend(page.items.iter().map(|(found, _)| found.collection.name.to_string()));
            after = page.items.last().map(|(_, position)| position.clone());
            if !page.has_more {
                break;
            }
        }
        let whole = list(page("", order, 10)).await.unwrap();
        assert_eq!(seen, collections(&whole), "{order}");
    }
    assert!(matches!(list(page(r#"{"colour":1}"#, "", 1)).await, Err(Error::Invalid { field: "filters", .. })));
    assert!(matches!(list(page("", "colour", 1)).await, Err(Error::Invalid { field: "order", .. })));
    let foreign = Wanted { after: Some("1.sa".into()), ..page("", "", 1) };
    assert!(matches!(list(foreign).await, Err(Error::Invalid { field: "after", .. })));
}

#[tokio::test]
async fn versions_are_listed_newest_first_and_by_what_is_said_about_them() {
    let world = World::new().await;
    for text in ["one", "two", "three"] {
        log(&world, "data", text).await;
    }
    let second = named(&world, "data:v1").await.unwrap().id;
    let marked = UpdateArtifact {
        metadata: Some(r#"{"acc":0.9}"#.into()),
        tags_to_add: vec!["gold".into()],
        ..UpdateArtifact::default()
    };
    world.app.update_artifact(&world.ada, second, marked).await.unwrap();

    assert_eq!(numbers(&world, "data", page(r#"{"state":"COMMITTED"}"#, "", 2)).await, [2, 1]);
    assert_eq!(numbers(&world, "data", page("", "+versionIndex", 2)).await, [0, 1]);
    assert_eq!(numbers(&world, "data", page(r#"{"tags":"gold"}"#, "", 9)).await, [1]);
    assert_eq!(numbers(&world, "data", page(r#"{"metadata.acc":{"$gt":0.5}}"#, "", 9)).await, [1]);
    assert_eq!(numbers(&world, "data", page(r#"{"aliases":"latest"}"#, "", 9)).await, [2]);
    assert_eq!(numbers(&world, "data", page(r#"{"state":"DELETED"}"#, "", 9)).await, Vec::<u32>::new());
}

#[tokio::test]
async fn a_collection_is_renamed_retyped_and_described_and_no_two_have_one_name() {
    let world = World::new().await;
    log(&world, "data", "one").await;
    log(&world, "other", "one").await;
    let id = id_of(&world, "data").await;
    let update = |input| world.app.update_collection(&world.ada, id, input);
    let name = |name: &str| UpdateCollection { name: Some(name.into()), ..UpdateCollection::default() };

    assert_eq!(why(update(name("other")).await), "project `p` has a collection `other` already; choose another name");
    assert!(matches!(update(name("a/b")).await, Err(Error::Invalid { field: "name", .. })));
    let described = UpdateCollection { description: Some("mine".into()), ..name("renamed") };
    assert_eq!(update(described).await.unwrap().collection.description.as_deref(), Some("mine"));
    assert_eq!((number(&world, "renamed").await, number(&world, "data").await), (Some(0), None));
    let moved = world.app.move_sequence(&world.ada, id, "model".into()).await.unwrap();
    assert_eq!(moved.artifact_type.name, "model");
    let hidden = world.app.update_collection(&world.stranger(), id, name("taken")).await;
    assert_eq!(why(hidden), "the collection does not exist, or was deleted");
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_version_with_aliases_is_deleted_only_with_them_and_latest_goes_to_the_newest_that_is_left() {
    let world = World::new().await;
    let (first, second) = (log(&world, "data", "one").await, log(&world, "data", "two").await);

    let refused = why(world.app.delete_artifact(&world.ada, second, false).await);
    assert!(refused.starts_with("`data:v1` has aliases (`latest`)"), "{refused}");
    world.app.delete_artifact(&world.ada, second, true).await.unwrap();
    assert_eq!((number(&world, "data").await, number(&world, "data:v1").await), (Some(0), None));
    assert!(world.app.find_artifact(&world.ada, second).await.unwrap().is_none());
    let again = why(world.app.delete_artifact(&world.ada, second, true).await);
    assert_eq!(again, "the artifact does not exist, or was deleted");
    let hidden = why(world.app.delete_artifact(&world.stranger(), first, true).await);
    assert_eq!(hidden, "the artifact does not exist, or was deleted");
    log(&world, "data", "three").await;
    assert_eq!(number(&world, "data").await, Some(2), "numbers are not used again");
    world.app.delete_artifact(&world.ada, first, false).await.unwrap();
    world.app.purge_artifacts().await.unwrap();
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn linking_makes_the_portfolio_and_linking_again_finds_the_same_place() {
    let world = World::new().await;
    let (first, second) = (log(&world, "data", "one").await, log(&world, "data", "two").await);

    let placed = link(&world, first, "chosen").await;
    let again =
        world.app.link_artifact(&world.ada, first, portfolio("p", "chosen"), vec!["best".into()]).await.unwrap();
    let other = link(&world, second, "chosen").await;

    assert_eq!((placed.version, again.version, other.version), (Some(0), Some(0), Some(1)));
    assert_eq!((number(&world, "chosen:best").await, number(&world, "chosen").await), (Some(0), Some(1)));
    assert_eq!(collection(&world, "chosen").await.unwrap().collection.kind, CollectionKind::Portfolio);
    let into_sequence = world.app.link_artifact(&world.ada, first, portfolio("p", "data"), Vec::new()).await;
    assert!(why(into_sequence).starts_with("`data` is a sequence"));
    let mut model = Logged::files(&[("m", "model")]);
    model.create.artifact_type = "model".into();
    let model = model.log(&world, "net").await.id;
    let of_other_type = why(world.app.link_artifact(&world.ada, model, portfolio("p", "chosen"), Vec::new()).await);
    assert!(of_other_type.contains("holds artifacts of the type `dataset`, this one has the type `model`"));
    let id = id_of(&world, "chosen").await;
    world.app.unlink_artifact(&world.ada, second, id).await.unwrap();
    assert_eq!((number(&world, "chosen").await, number(&world, "data").await), (Some(0), Some(1)));
    assert_eq!(why(world.app.unlink_artifact(&world.ada, second, id).await), "`chosen` has no such version");
    let from_sequence = world.app.unlink_artifact(&world.ada, first, id_of(&world, "data").await).await;
    assert!(why(from_sequence).contains("were logged to it, not linked"));
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_portfolio_of_another_project_shows_the_version_and_not_the_project_it_is_from() {
    let world = World::new().await;
    let id = log(&world, "data", "secret").await;
    let eve = person(&world, "eve").await;
    let foreign = Portfolio::Named { entity: Some("eve".into()), project: "q".into(), name: "shared".into() };
    // Ada may not write there, and Eve does not see what is Ada's.
    let refused = world.app.link_artifact(&world.ada, id, foreign.clone(), Vec::new()).await;
    assert_eq!(why(refused), "entity `eve` does not exist");
    assert_eq!(
        why(world.app.link_artifact(&eve, id, foreign, Vec::new()).await),
        "the artifact does not exist, or was deleted"
    );
    let (team, ada, both) = (id, world.ada, eve);
    let body = crate::app::team::CreateTeam {
        name: "both".into(),
        organization: "default".into(),
        admins: vec!["ada".into(), "eve".into()],
    };
    world.app.create_team(&Caller::OPERATOR, body).await.unwrap();
    let shared = Portfolio::Named { entity: Some("both".into()), project: "q".into(), name: "shared".into() };
    world.app.link_artifact(&ada, team, shared, Vec::new()).await.unwrap();

    let found = world.app.find_artifact(&both, id).await.unwrap().unwrap();
    assert_eq!(found.within.collection.name.as_str(), "shared");
    let facts = world.app.artifact_facts(&both, &found).await.unwrap().unwrap();
    assert!(facts.seen_sequence.is_none());
    assert_eq!((facts.places.len(), facts.sequence.collection.name.as_str()), (1, "data"));
    let (entries, _) = world.app.list_entries(&found, None, 10).await.unwrap();
    let md5 = super::upload::parse_md5(&entries[0].1.digest).unwrap();
    let wanted = ByDigest { entity: "both".into(), md5, artifact: Some(id), birth: None };
    world.app.token_by_digest(&both, wanted).await.unwrap();
    // It is not for Eve to change or to delete.
    let refused = world.app.delete_artifact(&both, id, true).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Forbidden { .. }))));
    let update = world.app.update_artifact(&both, id, UpdateArtifact::default()).await;
    assert!(matches!(update, Err(Error::Refused(Refusal::Forbidden { .. }))));
}

#[tokio::test]
async fn a_file_is_found_by_its_digest_by_those_who_may_download_a_version_that_has_it() {
    let world = World::new().await;
    let id = log(&world, "data", "one").await;
    let found = named(&world, "data").await.unwrap();
    let (entries, _) = world.app.list_entries(&found, None, 10).await.unwrap();
    let md5 = super::upload::parse_md5(&entries[0].1.digest).unwrap();
    let wanted = |artifact, md5| ByDigest { entity: "ada".into(), md5, artifact, birth: None };

    for artifact in [Some(id), None] {
        let token = world.app.token_by_digest(&world.ada, wanted(artifact, md5)).await.unwrap();
        assert!(world.app.open_download(&token, crate::app::transfer::Wants::All).await.is_ok());
        let refusals = [
            world.app.token_by_digest(&world.stranger(), wanted(artifact, md5)).await,
            world.app.token_by_digest(&world.ada, wanted(artifact, [0; 16])).await,
        ];
        for refused in refusals {
            assert_eq!(why(refused), "no artifact has a file of this digest");
        }
    }
}

#[tokio::test]
async fn a_deleted_collection_takes_its_versions_drafts_and_links_with_it() {
    let world = World::new().await;
    for number in 0..super::collection::VERSIONS_AT_ONCE + 2 {
        log(&world, "data", &format!("text {number}")).await;
    }
    let kept = log(&world, "other", "kept").await;
    let first = named(&world, "data:v0").await.unwrap().id;
    link(&world, kept, "chosen").await;
    link(&world, first, "chosen").await;
    let draft = Logged::files(&[("a.txt", "draft")]).send(&world, "data").await;
    let id = id_of(&world, "data").await;

    let wrong_kind = world.app.delete_collection(&world.ada, id, CollectionKind::Portfolio).await;
    assert_eq!(why(wrong_kind), "the collection does not exist, or was deleted");
    let hidden = world.app.delete_collection(&world.stranger(), id, CollectionKind::Sequence).await;
    assert_eq!(why(hidden), "the collection does not exist, or was deleted");
    world.app.delete_collection(&world.ada, id, CollectionKind::Sequence).await.unwrap();

    assert!(collection(&world, "data").await.is_none());
    assert!(world.app.find_artifact(&world.ada, draft).await.unwrap().is_none());
    assert!(world.app.find_artifact(&world.ada, first).await.unwrap().is_none());
    assert_eq!(named(&world, "chosen").await.map(|found| found.id), Some(kept), "`latest` goes to what is left");
    let portfolio = id_of(&world, "chosen").await;
    world.app.delete_collection(&world.ada, portfolio, CollectionKind::Portfolio).await.unwrap();
    assert!(collection(&world, "chosen").await.is_none());
    assert_eq!(number(&world, "other").await, Some(0));
    world.app.purge_artifacts().await.unwrap();
    assert_eq!(faults(&world).await, Vec::<String>::new());
    log(&world, "data", "new").await;
    assert_eq!(number(&world, "data").await, Some(0), "a new collection of the old name");
}

#[tokio::test]
async fn runs_know_what_they_logged_and_used_and_versions_know_their_runs() {
    let world = World::new().await;
    world.create_run("maker", false).await;
    world.create_run("user", false).await;
    let id = logged_by(&world, "maker", "data", "one").await;
    world.app.use_artifact(&world.ada, id, world.at("user"), None).await.unwrap();
    let (maker, user) = (world.find("maker").await, world.find("user").await);
    let of = async |run: &Allowed<_>, direction| {
        let listed = world.app.artifacts_of_run(&world.ada, run, direction, None, 10).await.unwrap();
        listed.versions.into_iter().map(|(found, _)| found.id).collect::<Vec<_>>()
    };

    assert_eq!((of(&maker, Direction::Output).await, of(&maker, Direction::Input).await), (vec![id], vec![]));
    assert_eq!((of(&user, Direction::Output).await, of(&user, Direction::Input).await), (vec![], vec![id]));
    let hidden = world.app.artifacts_of_run(&world.stranger(), &maker, Direction::Output, None, 10).await.unwrap();
    assert_eq!((hidden.versions.len(), hidden.total), (0, 0));
    let second = logged_by(&world, "maker", "data", "two").await;
    let first_page = world.app.artifacts_of_run(&world.ada, &maker, Direction::Output, None, 1).await.unwrap();
    assert_eq!((first_page.versions[0].0.id, first_page.has_more, first_page.total), (id, true, 2));
    let rest = world.app.artifacts_of_run(&world.ada, &maker, Direction::Output, Some(id), 1).await.unwrap();
    assert_eq!((rest.versions[0].0.id, rest.has_more, rest.total), (second, false, 2));
    world.app.delete_artifact(&world.ada, second, true).await.unwrap();
    let found = named(&world, "data").await.unwrap();
    assert_eq!(world.app.maker_of(&world.ada, &found).await.unwrap().unwrap().id, maker.id);
    let (users, _) = world.app.users_of(&world.ada, &found, None, 10).await.unwrap();
    assert_eq!(users.iter().map(|run| run.id).collect::<Vec<_>>(), [user.id]);
    world.app.delete_artifact(&world.ada, id, true).await.unwrap();
    assert_eq!((of(&maker, Direction::Output).await, of(&user, Direction::Input).await), (vec![], vec![]));
}

#[tokio::test]
async fn a_run_takes_along_what_it_alone_has_logged() {
    let world = World::new().await;
    for run in ["one", "two"] {
        world.create_run(run, false).await;
    }
    let alone = logged_by(&world, "one", "data", "one's").await;
    let both = logged_by(&world, "one", "data", "both's").await;
    let mut again = Logged::files(&[("a.txt", "both's")]);
    again.create.run = Some("two".into());
    assert_eq!(again.begin(&world, "data").await.id, both);

    assert_eq!(world.app.delete_artifacts_of_run(&world.ada, world.at("one")).await.unwrap(), 1);

    assert!(world.app.find_artifact(&world.ada, alone).await.unwrap().is_none());
    assert!(world.app.find_artifact(&world.ada, both).await.unwrap().is_some());
    let hidden = world.app.delete_artifacts_of_run(&world.stranger(), world.at("two")).await;
    assert!(why(hidden).contains("does not exist"));
}

#[tokio::test]
async fn a_version_expires_by_its_own_time_or_its_collections_and_a_link_keeps_it() {
    let world = World::new().await;
    let expiring = |secs| UpdateArtifact { ttl_secs: Some(secs), ..UpdateArtifact::default() };
    let mut ids = Vec::new();
    for text in ["own", "default", "off", "linked"] {
        ids.push(log(&world, "data", text).await);
    }
    let id = id_of(&world, "data").await;
    let by_default = UpdateCollection { default_ttl_secs: Some(3_600), ..UpdateCollection::default() };
    world.app.update_collection(&world.ada, id, by_default).await.unwrap();
    world.app.update_artifact(&world.ada, ids[0], expiring(60)).await.unwrap();
    world.app.update_artifact(&world.ada, ids[2], expiring(-2)).await.unwrap();
    world.app.update_artifact(&world.ada, ids[3], expiring(60)).await.unwrap();
    link(&world, ids[3], "chosen").await;
    let left = async || numbers(&world, "data", page("", "", 10)).await;

    assert_eq!(world.app.expire_artifacts().await.unwrap(), 0);
    world.clock.advance_secs(60);
    assert_eq!((world.app.expire_artifacts().await.unwrap(), left().await), (1, vec![3, 2, 1]));
    world.clock.advance_secs(3_540);
    assert_eq!((world.app.expire_artifacts().await.unwrap(), left().await), (1, vec![3, 2]));
    assert_eq!(world.app.expire_artifacts().await.unwrap(), 0);
    world.app.purge_artifacts().await.unwrap();
    assert_eq!(faults(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn types_are_listed_by_name_and_collections_by_their_type() {
    let world = World::new().await;
    log(&world, "data", "one").await;
    let mut model = Logged::files(&[("m", "model")]);
    model.create.artifact_type = "model".into();
    model.log(&world, "net").await;
    let at = project(&world).await;

    let (types, more) = world.app.list_artifact_types(&world.ada, &at, None, 1).await.unwrap();
    assert_eq!((types[0].artifact_type.name.as_str(), more), ("dataset", true));
    let model = world.app.artifact_type_named(&world.ada, &at, "model").await.unwrap().unwrap();
    let listed = world.app.list_collections(&world.ada, &at, Some(model.id), page("", "", 10)).await.unwrap();
    assert_eq!(collections(&listed), ["net"]);
    assert!(world.app.artifact_type_named(&world.ada, &at, "video").await.unwrap().is_none());
}

#[tokio::test]
async fn who_is_view_only_reads_everything_but_the_bytes() {
    let world = World::new().await;
    let eve = person(&world, "eve").await;
    let team =
        crate::app::team::CreateTeam { name: "lab".into(), organization: "default".into(), admins: vec!["ada".into()] };
    world.app.create_team(&Caller::OPERATOR, team).await.unwrap();
    let mut logged = Logged::files(&[("a.txt", "one")]);
    logged.create.entity = "lab".into();
    let id = logged.log(&world, "data").await.id;
    let (entity, who) =
        (world.app.find_entity(&world.ada, Some("lab")).await.unwrap().unwrap(), eve.user_id().unwrap());
    let lab = entity.id;
    let joined = world.app.db.write(move |tx| {
        let member = TeamMember::new(TeamRole::ViewOnly, tx.now());
        TEAM_MEMBERS.put(tx, &(lab, who), &member).map_err(Error::from)
    });
    joined.await.unwrap();

    let found = world.app.find_artifact(&eve, id).await.unwrap().unwrap();
    let (entries, _) = world.app.list_entries(&found, None, 10).await.unwrap();
    assert!(world.app.manifest_of(&found).await.unwrap().is_some());
    let EntrySource::Blob(object) = entries[0].1.source else { panic!("{entries:?}") };
    let md5 = super::upload::parse_md5(&entries[0].1.digest).unwrap();
    let wanted = |artifact| ByDigest { entity: "lab".into(), md5, artifact, birth: None };
    for refused in [
        world.app.blob_token(&eve, &found, object),
        world.app.token_by_digest(&eve, wanted(Some(id))).await,
        world.app.token_by_digest(&eve, wanted(None)).await,
    ] {
        let why = why(refused);
        assert_eq!(why, "artifact:download is refused: your role does not allow it; ask an admin for a role that does");
    }
    let deleted = world.app.delete_artifact(&eve, id, true).await;
    assert!(matches!(deleted, Err(Error::Refused(Refusal::Forbidden { .. }))));
}
