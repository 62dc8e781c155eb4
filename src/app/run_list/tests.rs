//! Lists of runs through the use case, over a real database: orders, positions, counts, and what is not read.

use super::*;
use crate::access::KeyScope;
use crate::app::organization::JoinOrganization;
use crate::app::project::UpsertProject;
use crate::app::stream::Writer;
use crate::app::testing::history;
use crate::app::user::CreateUser;
use crate::app::{Opening, Settings};
use crate::db::key::Key;
use crate::db::schema::{JsonText, RUN_CONFIGS, RUN_STREAMS, RUN_SUMMARIES, RUNS};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::RunId;

use crate::domain::run::{Run, RunName, RunState};
use crate::domain::setting::SettingValues;
use crate::domain::stream::RunStreams;
use proptest::prelude::*;
use tempfile::TempDir;

struct World {
    app: App,
    ada: Caller,
    _directory: TempDir,
}

fn opening(directory: &TempDir) -> Opening {
    Opening {
        data_dir: directory.path().to_owned(),
        cache_bytes: 4 << 20,
        min_free_bytes: 0,
        queued_writes: 64,
        open_reads: 4,
        read_secs: 10,
        master_key: None,
        settings: Settings::default(),
        mailer: None,
        fixed_settings: SettingValues::new(),
        trusted_keys: Vec::new(),
        storage: crate::app::StorageOpening::default(),
        clock: Clock::system(),
    }
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let app = App::open(opening(&directory)).await.unwrap();
        let ada = person(&app, "ada").await;
        Self { app, ada, _directory: directory }
    }

    async fn project(&self, name: &str) -> Allowed<FoundProject> {
        let input = UpsertProject { entity: None, name: name.into(), description: None, visibility: None };
        self.app.upsert_project(&self.ada, input).await.unwrap();
        self.app.find_project(&self.ada, None, name).await.unwrap().unwrap()
    }

    /// Writes runs with their configs and summaries, an empty text being none.
    async fn add(&self, runs: Vec<(Run, String, String)>) -> Vec<RunId> {
        let added = self.app.db.write(move |tx| {
            let mut ids = Vec::new();
            for (run, config, summary) in &runs {
                let id = tx.new_id::<RunId>()?;
                RUNS.put(tx, &id, run)?;
                if !config.is_empty() {
                    RUN_CONFIGS.put(tx, &id, &JsonText(config.clone()))?;
                }
                if !summary.is_empty() {
                    RUN_SUMMARIES.put(tx, &id, &JsonText(summary.clone()))?;
                }
                ids.push(id);
            }
            Ok::<_, Error>(ids)
        });
        added.await.unwrap()
    }

    /// Takes the record of a run away and leaves the index alone: whoever reads the run fails.
    async fn damage(&self, id: RunId) {
        let key = (RUNS.space.number, id).to_bytes();
        self.app
            .db
            .write(move |tx| {
                tx.delete(key.clone());
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
    }

    async fn page(&self, at: &Allowed<FoundProject>, wanted: RunListing) -> Result<RunPage, Error> {
        self.app.list_runs(&self.ada, at, wanted).await
    }

    /// The names of all that match, read in one page.
    async fn names(&self, at: &Allowed<FoundProject>, filters: &str, order: &str) -> Vec<String> {
        let page = self.page(at, wanted(filters, order, 1000)).await.unwrap();
        assert!(!page.has_more);
        page.runs.iter().map(|(found, _)| found.run.name.to_string()).collect()
    }

    /// The names of all that match, in pages of `limit`.
    async fn paged(&self, at: &Allowed<FoundProject>, filters: &str, order: &str, limit: usize) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = self.page(at, RunListing { after, ..wanted(filters, order, limit) }).await.unwrap();
            names.extend(page.runs.iter().map(|(found, _)| found.run.name.to_string()));
            after = page.runs.last().map(|(_, position)| position.clone());
            if !page.has_more {
                return names;
            }
        }
    }

    async fn count(&self, at: &Allowed<FoundProject>, filters: &str) -> usize {
        self.app.count_runs(&self.ada, at, Some(filters.into())).await.unwrap()
    }
}

async fn person(app: &App, name: &str) -> Caller {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: crate::app::user::FirstKey::Made,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    app.create_user(&Caller::OPERATOR, person).await.unwrap();
    let id = app.db.read({
        let name = name.to_owned();
        move |tx| Ok::<_, Error>(crate::db::repo::user::id_of(tx, &name)?)
    });
    Caller::user(id.await.unwrap().unwrap(), false, KeyScope::Full)
}

fn wanted(filters: &str, order: &str, limit: usize) -> RunListing {
    RunListing { filters: Some(filters.into()), order: Some(order.into()), after: None, limit }
}

fn run(at: &Allowed<FoundProject>, name: &str, created_at: i64) -> Run {
    Run {
        project: at.id,
        name: RunName::parse(name).unwrap(),
        display_name: name.to_uppercase(),
        group: None,
        job_type: None,
        notes: None,
        description: None,
        tags: Vec::new(),
        commit: None,
        repo: None,
        program: None,
        host: None,
        sweep: None,
        owner: at.project.owner,
        created_at: Timestamp(created_at),
        state: RunState::Running,
        exit_code: None,
        stop_requested: false,
        generation: 0,
        is_shared: false,
        deleted_at: None,
    }
}

/// Runs `r0`, `r1`, … with `lr` in the config and `loss` in the summary.
fn series(at: &Allowed<FoundProject>, count: usize) -> Vec<(Run, String, String)> {
    let one = |n: usize| {
        let (config, summary) = (format!(r#"{{"lr":{{"value":{n}}}}}"#), format!(r#"{{"loss":{}}}"#, n % 3));
        (run(at, &format!("r{n}"), n as i64), config, summary)
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn runs_are_filtered_and_ordered_by_what_they_logged() {
    let world = World::new().await;
    let at = world.project("p").await;
    world.add(series(&at, 6)).await;

    assert_eq!(world.names(&at, r#"{"config.lr":{"$gte":4}}"#, "").await, ["r4", "r5"]);
    assert_eq!(world.names(&at, r#"{"summary_metrics.loss":0}"#, "-created_at").await, ["r3", "r0"]);
    assert_eq!(world.names(&at, "{}", "-summary_metrics.loss").await, ["r2", "r5", "r1", "r4", "r0", "r3"]);
    assert_eq!(world.names(&at, "{}", "-config.lr.value").await, ["r5", "r4", "r3", "r2", "r1", "r0"]);
}

#[tokio::test]
async fn runs_are_filtered_by_owner_and_heartbeat() {
    let world = World::new().await;
    let at = world.project("p").await;
    let ids = world.add(series(&at, 3)).await;
    let streams = RunStreams { heartbeat_at: Some(Timestamp(1_769_860_800_000_000)), ..RunStreams::default() };
    world.app.db.write(move |tx| Ok::<_, Error>(RUN_STREAMS.put(tx, &ids[1], &streams)?)).await.unwrap();

    assert_eq!(world.names(&at, r#"{"username":"ada"}"#, "").await, ["r0", "r1", "r2"]);
    assert_eq!(world.names(&at, r#"{"username":"bob"}"#, "").await, [""; 0]);
    assert_eq!(world.names(&at, r#"{"heartbeat_at":{"$gt":"2026-01-01"}}"#, "").await, ["r1"]);
    assert_eq!(world.names(&at, "{}", "-heartbeat_at").await, ["r1", "r2", "r0"]);
}

#[tokio::test]
async fn pages_of_any_size_hold_each_run_once_and_in_order() {
    let world = World::new().await;
    let at = world.project("p").await;
    world.add(series(&at, 11)).await;

    for (filter, order) in [
        ("{}", "+created_at"),
        ("{}", "-created_at"),
        ("{}", "-summary_metrics.loss"),
        ("{}", "+summary_metrics.none"),
        (r#"{"config.lr":{"$ne":4}}"#, "-created_at"),
        (r#"{"name":{"$in":["r9","r1","r3","none"]}}"#, "-created_at"),
    ] {
        let whole = world.names(&at, filter, order).await;
        for limit in [1, 2, 5, 11] {
            assert_eq!(world.paged(&at, filter, order, limit).await, whole, "{filter} {order} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_by_creation_reads_no_run_behind_it() {
    let world = World::new().await;
    let at = world.project("p").await;
    let ids = world.add(series(&at, 9)).await;
    world.damage(ids[4]).await;

    let oldest = world.page(&at, wanted("{}", "+created_at", 3)).await.unwrap();
    let newest = world.page(&at, wanted("{}", "-created_at", 3)).await.unwrap();

    assert_eq!(oldest.runs.last().unwrap().0.id, ids[2]);
    assert_eq!(newest.runs.last().unwrap().0.id, ids[6]);
    assert!(world.page(&at, wanted("{}", "+created_at", 4)).await.is_err());
}

#[tokio::test]
async fn a_list_by_names_reads_no_other_run() {
    let world = World::new().await;
    let at = world.project("p").await;
    let ids = world.add(series(&at, 5)).await;
    world.damage(ids[2]).await;
    let filter = r#"{"name":{"$in":["r4","r0","gone","a/b"]}}"#;

    assert_eq!(world.names(&at, filter, "").await, ["r0", "r4"]);
    assert_eq!(world.names(&at, filter, "-created_at").await, ["r4", "r0"]);
    assert_eq!(world.names(&at, r#"{"$or":[{"name":"r3"},{"name":"r1"}]}"#, "-config.lr").await, ["r3", "r1"]);
    assert_eq!(world.count(&at, filter).await, 2);
    assert!(world.page(&at, wanted("{}", "", 10)).await.is_err());
}

#[tokio::test]
async fn counts_go_with_the_filter() {
    let world = World::new().await;
    let (at, other) = (world.project("p").await, world.project("q").await);
    world.add(series(&at, 7)).await;
    world.add(series(&other, 2)).await;

    assert_eq!(world.app.count_runs(&world.ada, &at, None).await.unwrap(), 7);
    assert_eq!(world.count(&at, "{}").await, 7);
    assert_eq!(world.count(&at, r#"{"summary_metrics.loss":{"$lt":2}}"#).await, 5);
    assert_eq!(world.count(&at, r#"{"state":"failed"}"#).await, 0);
}

#[tokio::test]
async fn a_deleted_run_is_not_listed_and_its_place_is_still_good() {
    let world = World::new().await;
    let at = world.project("p").await;
    let ids = world.add(series(&at, 4)).await;
    for order in ["+created_at", "+config.lr"] {
        let first = world.page(&at, wanted("{}", order, 1)).await.unwrap();
        let (last, place) = first.runs.into_iter().next().unwrap();
        let gone = Run { deleted_at: Some(Timestamp(9)), ..last.run.clone() };
        world.app.db.write(move |tx| Ok::<_, Error>(RUNS.put(tx, &last.id, &gone)?)).await.unwrap();

        let next = world.page(&at, RunListing { after: Some(place), ..wanted("{}", order, 1) }).await.unwrap();

        assert_eq!(next.runs[0].0.id, ids[if order == "+created_at" { 1 } else { 2 }], "{order}");
    }
    assert_eq!(world.names(&at, r#"{"name":{"$in":["r0","r3"]}}"#, "").await, ["r3"]);
    assert_eq!(world.count(&at, "{}").await, 2);
}

#[tokio::test]
async fn more_runs_and_larger_configs_than_one_read_takes_are_all_seen() {
    let world = World::new().await;
    let at = world.project("p").await;
    let large = format!(r#"{{"lr":{{"value":-1}},"blob":{{"value":"{}"}}}}"#, "x".repeat(5 << 20));
    let mut runs = series(&at, 1300);
    for number in [3, 4, 5, 700] {
        runs[number].1.clone_from(&large);
    }
    world.add(runs).await;

    assert_eq!(world.names(&at, r#"{"config.lr":-1}"#, "").await, ["r3", "r4", "r5", "r700"]);
    assert_eq!(world.count(&at, r#"{"config.lr":{"$gte":0}}"#).await, 1296);
    assert_eq!(world.paged(&at, "{}", "-config.lr", 1000).await.len(), 1300);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_the_name_of_its_argument() {
    let world = World::new().await;
    let at = world.project("p").await;
    let field = |outcome: Result<RunPage, Error>| match outcome {
        Err(Error::Invalid { field, .. }) => field,
        _ => "none",
    };

    assert_eq!(field(world.page(&at, wanted(r#"{"colour":1}"#, "", 1)).await), "filters");
    assert_eq!(field(world.page(&at, wanted("{}", "-colour", 1)).await), "order");
    let after = Some("rubbish".to_owned());
    assert_eq!(field(world.page(&at, RunListing { after, ..wanted("{}", "", 1) }).await), "after");
}

#[tokio::test]
async fn nobody_lists_or_counts_the_runs_of_a_project_they_do_not_see() {
    let world = World::new().await;
    let at = world.project("p").await;
    world.add(series(&at, 2)).await;
    let bob = person(&world.app, "bob").await;

    for filter in ["{}", r#"{"name":"r0"}"#, r#"{"config.lr":0}"#] {
        let page = world.app.list_runs(&bob, &at, wanted(filter, "", 5)).await.unwrap();
        assert!(page.runs.is_empty() && !page.has_more, "{filter}");
        assert_eq!(world.app.count_runs(&bob, &at, Some(filter.into())).await.unwrap(), 0, "{filter}");
    }
}

#[tokio::test]
async fn what_follows_from_history_is_filtered_and_ordered_by_too() {
    let world = crate::app::testing::World::new().await;
    let derive = Writer { derive_summary: true, ..Writer::default() };
    for (name, loss) in [("a", 3), ("b", 1), ("c", 2)] {
        world.create_run(name, false).await;
        let row = format!(r#"{{"_step":0,"loss":{loss},"val.{name}":1}}"#);
        world.send_from(name, &history(0, &[&row]), derive.clone()).await;
    }
    let at = world.app.find_project(&world.ada, None, "p").await.unwrap().unwrap();
    let names = async |filters: &str, order: &str| {
        let page = world.app.list_runs(&world.ada, &at, wanted(filters, order, 10)).await.unwrap();
        page.runs.iter().map(|(found, _)| found.run.name.to_string()).collect::<Vec<_>>()
    };

    assert_eq!(names("{}", "+summary_metrics.loss").await, ["b", "c", "a"]);
    assert_eq!(names(r#"{"summary_metrics.loss":{"$gt":1}}"#, "-created_at").await, ["c", "a"]);
    assert_eq!(names(r#"{"keys_info.keys.val.b":{"$exists":true}}"#, "").await, ["b"]);
    assert_eq!(names(r#"{"keys_info.keys.val.b":null}"#, "").await, ["a", "c"]);
}

/// What happens between two pages.
#[derive(Debug, Clone)]
struct Between {
    /// The losses of runs that are added, and how far in the past they were made.
    added: Vec<(i8, u8)>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_run_is_listed_exactly_once_while_others_are_added(
        losses in prop::collection::vec(prop::option::of(-3i8..3), 1..20),
        between in prop::collection::vec(
            prop::collection::vec((-4i8..4, 0u8..30), 0..3).prop_map(|added| Between { added }), 0..8),
        order in prop::sample::select(vec!["+created_at", "-created_at", "+summary_metrics.loss",
            "-summary_metrics.loss", "name", "-state"]),
        limit in 1usize..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let at = world.project("p").await;
            let summary = |loss: i8| format!(r#"{{"loss":{loss}}}"#);
            let known = losses.iter().enumerate().map(|(n, loss)| {
                (run(&at, &format!("k{n}"), n as i64), String::new(), loss.map(summary).unwrap_or_default())
            });
            world.add(known.collect()).await;
            let (mut seen, mut after, mut made, mut pauses) = (Vec::new(), None, 0, between.into_iter());
            loop {
                let page = world.page(&at, RunListing { after, ..wanted("{}", order, limit) }).await.unwrap();
                seen.extend(page.runs.iter().map(|(found, _)| found.run.name.to_string()));
                after = page.runs.last().map(|(_, position)| position.clone());
                if !page.has_more {
                    break;
                }
                let mut runs = Vec::new();
                for (loss, created_at) in pauses.next().map(|pause| pause.added).unwrap_or_default() {
                    made += 1;
                    runs.push((run(&at, &format!("n{made}"), created_at.into()), String::new(), summary(loss)));
                }
                world.add(runs).await;
            }

            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "a run was listed twice");
            let known = seen.iter().filter(|name| name.starts_with('k')).count();
            assert_eq!(known, losses.len(), "a run was left out");
        });
    }
}
