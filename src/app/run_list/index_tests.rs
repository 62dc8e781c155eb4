//! The index answers what reading all runs answers, whatever changes between two lists and however little memory it has.

use super::*;
use crate::access::KeyScope;
use crate::app::organization::JoinOrganization;
use crate::app::project::UpsertProject;
use crate::app::testing::history;
use crate::app::user::CreateUser;
use crate::app::{Opening, Settings};
use crate::db::schema::{JsonText, RUN_CONFIGS, RUN_STREAMS, RUN_SUMMARIES, RUNS};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::id::{RunId, UserId};
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::setting::SettingValues;
use crate::domain::stream::RunStreams;
use proptest::prelude::*;
use tempfile::TempDir;

/// What is done to the project between lists. Runs are chosen by number among those that were made.
#[derive(Debug, Clone)]
enum Change {
    Add { loss: Option<i8>, made_ago: i64 },
    Summary(usize, Option<i8>),
    Config(usize, &'static str),
    State(usize, RunState),
    Tags(usize, u8),
    Owner(usize, bool),
    Heartbeat(usize, i64),
    Delete(usize),
    Restore(usize),
    Move(usize),
    Purge(usize),
}

const FILTERS: [&str; 12] = [
    "{}",
    r#"{"summary_metrics.loss":{"$gt":0}}"#,
    r#"{"summary_metrics.loss":null}"#,
    r#"{"config.lr":{"$in":[1,"high"]}}"#,
    r#"{"config.lr":{"$ne":1}}"#,
    r#"{"state":{"$in":["finished","crashed"]}}"#,
    r#"{"$or":[{"tags":"t1"},{"display_name":{"$regex":"R1"}}]}"#,
    r#"{"username":"ada","summary_metrics.loss":{"$lte":1}}"#,
    r#"{"username":null}"#,
    r#"{"$and":[{"config.lr.value":1},{"tags":{"$size":1}}]}"#,
    r#"{"heartbeat_at":{"$gt":"1970-01-01T00:00:20"}}"#,
    r#"{"entity":"ada","project":"p","duration":{"$gte":0}}"#,
];

const ORDERS: [&str; 9] = [
    "+created_at",
    "-created_at",
    "+summary_metrics.loss",
    "-summary_metrics.loss",
    "-config.lr.value",
    "+state",
    "-heartbeat_at",
    "+display_name",
    "-username",
];

fn changes() -> impl Strategy<Value = Change> {
    let state = prop::sample::select(vec![RunState::Running, RunState::Finished, RunState::Crashed]);
    let config = prop::sample::select(vec![r#"{"lr":{"value":1}}"#, r#"{"lr":{"value":"high"}}"#, "{}"]);
    prop_oneof![
        4 => (prop::option::of(-3i8..3), 0i64..40).prop_map(|(loss, made_ago)| Change::Add { loss, made_ago }),
        3 => (0usize..30, prop::option::of(-3i8..3)).prop_map(|(run, loss)| Change::Summary(run, loss)),
        2 => (0usize..30, config).prop_map(|(run, config)| Change::Config(run, config)),
        2 => (0usize..30, state).prop_map(|(run, state)| Change::State(run, state)),
        1 => (0usize..30, 0u8..3).prop_map(|(run, tags)| Change::Tags(run, tags)),
        1 => (0usize..30, any::<bool>()).prop_map(|(run, has_owner)| Change::Owner(run, has_owner)),
        2 => (0usize..30, 0i64..60).prop_map(|(run, at)| Change::Heartbeat(run, at)),
        2 => (0usize..30).prop_map(Change::Delete),
        2 => (0usize..30).prop_map(Change::Restore),
        1 => (0usize..30).prop_map(Change::Move),
        1 => (0usize..30).prop_map(Change::Purge),
    ]
}

struct World {
    app: App,
    ada: Caller,
    p: Allowed<FoundProject>,
    q: Allowed<FoundProject>,
    runs: Vec<RunId>,
    _directory: TempDir,
}

impl World {
    async fn new(index_bytes: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let opening = Opening {
            data_dir: directory.path().to_owned(),
            cache_bytes: 4 << 20,
            min_free_bytes: 0,
            queued_writes: 64,
            open_reads: 4,
            read_secs: 10,
            master_key: None,
            settings: Settings { run_index_bytes: index_bytes, ..Settings::default() },
            mailer: None,
            fixed_settings: SettingValues::new(),
            trusted_keys: Vec::new(),
            storage: crate::app::StorageOpening::default(),
            clock: Clock::system(),
        };
        let app = App::open(opening).await.unwrap();
        let person = CreateUser {
            username: Some("ada".into()),
            email: "ada@example.com".into(),
            name: None,
            password: None,
            api_key: crate::app::user::FirstKey::Made,
            system_admin: false,
            organization: JoinOrganization::First,
        };
        app.create_user(&Caller::OPERATOR, person).await.unwrap();
        let id = app.db.read(|tx| Ok::<_, Error>(crate::db::repo::user::id_of(tx, "ada")?)).await.unwrap().unwrap();
        let ada = Caller::user(id, false, KeyScope::Full);
        let mut projects = Vec::new();
        for name in ["p", "q"] {
            let input = UpsertProject { entity: None, name: name.into(), description: None, visibility: None };
            app.upsert_project(&ada, input).await.unwrap();
            projects.push(app.find_project(&ada, None, name).await.unwrap().unwrap());
        }
        let (q, p) = (projects.pop().unwrap(), projects.pop().unwrap());
        Self { app, ada, p, q, runs: Vec::new(), _directory: directory }
    }

    fn new_run(&self, made_ago: i64) -> Run {
        let name = format!("r{}", self.runs.len());
        Run {
            project: self.p.id,
            name: RunName::parse(&name).unwrap(),
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
            owner: self.p.project.owner,
            created_at: Timestamp((40 - made_ago) * 1_000_000),
            state: RunState::Running,
            exit_code: None,
            stop_requested: false,
            generation: 0,
            is_shared: false,
            deleted_at: None,
        }
    }

    async fn carry_out(&mut self, change: &Change) {
        let (p, q) = (self.p.id, self.q.id);
        let number = match *change {
            Change::Add { loss, made_ago } => {
                let run = self.new_run(made_ago);
                let made = self.app.db.write(move |tx| {
                    let id = tx.new_id::<RunId>()?;
                    RUNS.put(tx, &id, &run)?;
                    if let Some(loss) = loss {
                        RUN_SUMMARIES.put(tx, &id, &JsonText(format!(r#"{{"loss":{loss}}}"#)))?;
                    }
                    Ok::<_, Error>(id)
                });
                let id = made.await.unwrap();
                self.runs.push(id);
                return;
            }
            Change::Summary(number, _)
            | Change::Config(number, _)
            | Change::State(number, _)
            | Change::Tags(number, _)
            | Change::Owner(number, _)
            | Change::Heartbeat(number, _)
            | Change::Delete(number)
            | Change::Restore(number)
            | Change::Move(number)
            | Change::Purge(number) => number,
        };
        let Some(id) = self.runs.get(number % self.runs.len().max(1)).copied() else { return };
        let (change, owner) = (change.clone(), self.p.project.owner);
        let written = self.app.db.write(move |tx| {
            let Some(run) = RUNS.get(tx, &id)? else { return Ok(()) };
            let changed = match change {
                Change::Summary(_, loss) => {
                    let text = loss.map_or("{}".to_owned(), |loss| format!(r#"{{"loss":{loss}}}"#));
                    return Ok(RUN_SUMMARIES.put(tx, &id, &JsonText(text))?);
                }
                Change::Config(_, text) => return Ok(RUN_CONFIGS.put(tx, &id, &JsonText(text.into()))?),
                Change::Heartbeat(_, secs) => {
                    let heartbeat_at = Some(Timestamp(secs * 1_000_000));
                    return Ok(RUN_STREAMS.put(tx, &id, &RunStreams { heartbeat_at, ..RunStreams::default() })?);
                }
                Change::Purge(_) => {
                    RUN_CONFIGS.delete(tx, &id)?;
                    RUN_SUMMARIES.delete(tx, &id)?;
                    RUN_STREAMS.delete(tx, &id)?;
                    RUNS.delete(tx, &id)?;
                    return Ok(());
                }
                Change::State(_, state) => Run { state, ..run },
                Change::Tags(_, count) => Run { tags: (0..count).map(|tag| format!("t{tag}")).collect(), ..run },
                Change::Owner(_, has_owner) => {
                    Run { owner: if has_owner { owner } else { Some(UserId(999_999)) }, ..run }
                }
                Change::Delete(_) => Run { deleted_at: Some(Timestamp(1)), ..run },
                Change::Restore(_) => Run { deleted_at: None, ..run },
                Change::Move(_) => Run { project: if run.project == p { q } else { p }, ..run },
                Change::Add { .. } => return Ok(()),
            };
            RUNS.put(tx, &id, &changed)?;
            Ok::<_, Error>(())
        });
        written.await.unwrap();
    }

    /// Both ways to list, one after the other; nothing changes in between.
    async fn compare(&self, at: &Allowed<FoundProject>, filters: &str, order: &str, limit: usize) {
        let (filter, order_of) = (RunFilter::parse(filters).unwrap(), RunOrder::parse(Some(order)).unwrap());
        let query = Arc::new(RunQuery::new(filter, order_of));
        let mut after: Option<String> = None;
        loop {
            let listing =
                RunListing { filters: Some(filters.into()), order: Some(order.into()), after: after.clone(), limit };
            let listed = self.app.list_runs(&self.ada, at, listing).await.unwrap();
            let position = after.as_deref().map(|text| query.order().parse_position(text).unwrap());
            let scanned = self.app.list_by_scan(&self.ada, at.id, &query, position, limit).await.unwrap();

            assert_eq!(texts(&listed), texts(&scanned), "{filters} {order} after {after:?}");
            assert_eq!(listed.has_more, scanned.has_more, "{filters} {order} after {after:?}");
            after = listed.runs.last().map(|(_, place)| place.clone());
            if !listed.has_more {
                break;
            }
        }
        let whole = self.app.list_by_scan(&self.ada, at.id, &query, None, 1000).await.unwrap();
        let counted = self.app.count_runs(&self.ada, at, Some(filters.into())).await.unwrap();
        assert_eq!(counted, whole.runs.len(), "{filters}");
    }
}

/// Which runs, in which places.
fn texts(page: &RunPage) -> Vec<(RunId, RunState, String)> {
    page.runs.iter().map(|(found, place)| (found.id, found.run.state, place.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_index_lists_what_reading_all_runs_lists(
        rounds in prop::collection::vec(prop::collection::vec(changes(), 1..6), 2..12),
        // A few, asked again and again: what is old shows only in what was asked for before.
        filters in prop::sample::subsequence(FILTERS.to_vec(), 2),
        orders in prop::sample::subsequence(ORDERS.to_vec(), 2),
        limit in 1usize..9,
        // Enough, for a column or two, for none.
        index_bytes in prop_oneof![4 => Just(128 << 20), 1 => Just(6_000), 1 => Just(1)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(index_bytes).await;
            for changes in &rounds {
                for change in changes {
                    world.carry_out(change).await;
                }
                for (filter, order) in filters.iter().zip(&orders) {
                    world.compare(&world.p, filter, order, limit).await;
                    world.compare(&world.q, filter, order, limit).await;
                }
            }
        });
    }
}

#[tokio::test]
async fn what_a_run_logs_is_in_the_next_list_also_where_the_server_derives_it() {
    let world = crate::app::testing::World::new().await;
    let derive = crate::app::stream::Writer { derive_summary: true, ..Default::default() };
    for name in ["a", "b"] {
        world.create_run(name, false).await;
    }
    let at = world.app.find_project(&world.ada, None, "p").await.unwrap().unwrap();
    for (line, name, loss) in [(0, "a", 1), (0, "b", 2), (1, "a", 3), (1, "b", 0), (2, "a", -1)] {
        let row = format!(r#"{{"_step":{line},"loss":{loss}}}"#);
        world.send_from(name, &history(line, &[&row]), derive.clone()).await;

        let listing = RunListing { order: Some("-summary_metrics.loss".into()), limit: 10, ..RunListing::default() };
        let page = world.app.list_runs(&world.ada, &at, listing).await.unwrap();

        let listed: Vec<String> = page.runs.iter().map(|(_, place)| place.rsplit('.').next().unwrap().into()).collect();
        assert!(listed.contains(&format!("i{loss}")), "{listed:?} has no {loss}");
    }
}

#[tokio::test]
async fn a_list_given_up_half_way_leaves_nothing_out_of_the_next_one() {
    let mut world = World::new(128 << 20).await;
    for loss in 0..100i8 {
        world.carry_out(&Change::Add { loss: Some(loss), made_ago: 0 }).await;
    }
    let filter = r#"{"summary_metrics.loss":{"$gte":50}}"#;
    for polls in 0..12 {
        world.carry_out(&Change::Summary(polls, Some(99))).await;
        let count = world.app.count_runs(&world.ada, &world.p, Some(filter.into()));
        let mut count = std::pin::pin!(count);
        for _ in 0..polls {
            if futures_util::poll!(&mut count).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    world.compare(&world.p, filter, "-summary_metrics.loss", 7).await;
    assert_eq!(world.app.count_runs(&world.ada, &world.p, Some(filter.into())).await.unwrap(), 62);
}
