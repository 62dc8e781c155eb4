//! Filters and orders asked about runs, as a client writes them.

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ProjectId, RunId};
use crate::domain::run::{Run, RunName, RunState};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CONFIG: &str = r#"{"lr":{"value":0.1,"desc":null},"opt":{"value":{"name":"adam","b.c":[1,2]}},"a.b":{"value":7},
    "none":{"value":null},"_wandb":{"value":{"t":1}}}"#;
const SUMMARY: &str = r#"{"loss":0.5,"val":{"acc":0.9},"val.f1":0.8,"broken":NaN,"_step":41}"#;

fn run(name: &str) -> Run {
    Run {
        project: ProjectId(1),
        name: RunName::parse(name).unwrap(),
        display_name: "brisk-lake-7".into(),
        group: Some("sweep A".into()),
        job_type: None,
        notes: None,
        description: None,
        tags: vec!["baseline".into(), "gpu".into()],
        commit: None,
        repo: None,
        program: None,
        host: Some("node1".into()),
        sweep: None,
        owner: None,
        created_at: Timestamp(1_769_860_800_000_000), // 2026-01-31T12:00:00Z
        state: RunState::Finished,
        exit_code: None,
        stop_requested: false,
        generation: 0,
        is_shared: false,
        deleted_at: None,
    }
}

fn view(run: &Run) -> RunView<'_> {
    RunView {
        id: RunId(1),
        run,
        entity: "lab",
        project: "mnist",
        username: Some("ada"),
        heartbeat_at: Some(run.created_at.plus_secs(90)),
        config: Some(CONFIG),
        summary: Some(SUMMARY),
        history_keys: Some(r#"{"sets":[],"keys":{"val.acc":{"monotonic":true}},"lastStep":4}"#),
    }
}

fn query(filter: &str, order: &str) -> RunQuery {
    RunQuery::new(RunFilter::parse(filter).unwrap(), RunOrder::parse(Some(order)).unwrap())
}

fn matches(filter: &str) -> bool {
    query(filter, "").place(&view(&run("abc"))).is_some()
}

#[track_caller]
fn assert_split(holding: &[&str], failing: &[&str]) {
    for filter in holding {
        assert!(matches(filter), "{filter} should hold");
    }
    for filter in failing {
        assert!(!matches(filter), "{filter} should not hold");
    }
}

fn refusal(filter: &str) -> String {
    RunFilter::parse(filter).unwrap_err().to_string()
}

#[test]
fn nothing_asked_is_every_run() {
    for text in ["", " ", "{}", "null", r#"{"$and":[]}"#, r#"{"$or":[{"$and":[]}]}"#, r#"{"$or":[null]}"#] {
        assert!(RunFilter::parse(text).unwrap().is_all(), "{text}");
    }
    assert!(!RunFilter::parse(r#"{"$or":[]}"#).unwrap().is_all());
}

#[test]
fn each_key_is_known_in_both_spellings() {
    assert_split(
        &[
            r#"{"state":"finished","name":"abc","username":"ada","entity":"lab","project":"mnist","host":"node1"}"#,
            r#"{"display_name":"brisk-lake-7","displayName":"brisk-lake-7","group":"sweep A"}"#,
            r#"{"jobType":null,"job_type":null,"notes":null,"description":null,"sweep":null}"#,
            r#"{"duration":90,"heartbeat_at":{"$gt":"2026-01-31T12:01:00Z"},"updatedAt":{"$lt":"2026-02-01"}}"#,
        ],
        &[r#"{"state":"Finished"}"#, r#"{"username":"bob"}"#, r#"{"jobType":"train"}"#],
    );
}

#[test]
fn a_config_key_is_found_with_and_without_its_wrapping_value() {
    assert_split(
        &[
            r#"{"config.lr":0.1}"#,
            r#"{"config.lr.value":0.1}"#,
            r#"{"config.opt.name":"adam"}"#,
            r#"{"config.opt.value.name":"adam"}"#,
            r#"{"config.a.b":7}"#,
            r#"{"config.a.b.value":7}"#,
            r#"{"config.opt.b.c":2}"#,
        ],
        &[r#"{"config.lr":0.2}"#, r#"{"config.a":7}"#, r#"{"config.value":0.1}"#],
    );
}

#[test]
fn keys_may_be_nested_instead_of_dotted() {
    assert_split(
        &[r#"{"config":{"lr":{"value":{"$gte":0.1}}}}"#, r#"{"summary_metrics":{"val":{"acc":0.9}}}"#],
        &[r#"{"config":{"lr":{"value":{"$gt":0.1}}}}"#],
    );
}

#[test]
fn a_summary_key_is_found_with_literal_dots_and_nested() {
    assert_split(
        &[
            r#"{"summary_metrics.val.acc":0.9}"#,
            r#"{"summary_metrics.val.f1":0.8}"#,
            r#"{"summary_metrics._step":41.0}"#,
        ],
        &[r#"{"summary_metrics.val.acc":0.8}"#],
    );
}

#[test]
fn a_logged_key_exists() {
    assert_split(
        &[
            r#"{"keys_info.keys.val.acc":{"$exists":true}}"#,
            r#"{"keys_info.keys.val.acc.monotonic":true}"#,
            r#"{"keys_info.keys.loss":{"$exists":false}}"#,
        ],
        &[r#"{"keys_info.keys.val.acc":null}"#],
    );
}

#[test]
fn numbers_texts_and_dates_do_not_compare_with_each_other() {
    assert_split(
        &[
            r#"{"summary_metrics.loss":{"$lt":1}}"#,
            r#"{"summary_metrics.loss":{"$gte":0.5,"$lte":0.5}}"#,
            r#"{"config.opt.name":{"$gt":"aaa"}}"#,
        ],
        &[
            r#"{"summary_metrics.loss":{"$lt":"1"}}"#,
            r#"{"summary_metrics.loss":"0.5"}"#,
            r#"{"config.opt.name":{"$gt":0}}"#,
            r#"{"summary_metrics.broken":{"$lt":1}}"#,
            r#"{"summary_metrics.broken":{"$gt":1}}"#,
            r#"{"summary_metrics.loss":{"$lt":true}}"#,
        ],
    );
}

#[test]
fn dates_are_iso_text_or_numbers() {
    assert_split(
        &[
            r#"{"createdAt":{"$gte":"2026-01-31T12:00:00Z","$lt":"2026-01-31T12:00:01Z"}}"#,
            r#"{"created_at":{"$gt":1769860799}}"#,
            r#"{"created_at":"2026-01-31T12:00:00"}"#,
            r#"{"created_at":{"$regex":"^2026-01"}}"#,
        ],
        &[r#"{"created_at":{"$gt":"2026-01-31T12:00:00Z"}}"#, r#"{"created_at":null}"#],
    );
    assert!(refusal(r#"{"created_at":{"$gt":"soon"}}"#).contains("`created_at`"));
}

#[test]
fn what_is_missing_equals_null_and_differs_from_all_else() {
    assert_split(
        &[
            r#"{"config.none":null}"#,
            r#"{"config.gone":null}"#,
            r#"{"config.gone":{"$ne":1}}"#,
            r#"{"config.gone":{"$nin":[1,"x"]}}"#,
            r#"{"config.gone":{"$in":[null,1]}}"#,
            r#"{"config.none":{"$exists":true}}"#,
            r#"{"config.gone":{"$exists":false}}"#,
            r#"{"config.gone":{"$lte":null}}"#,
        ],
        &[
            r#"{"config.gone":{"$ne":null}}"#,
            r#"{"config.lr":null}"#,
            r#"{"config.gone":{"$lt":1}}"#,
            r#"{"config.gone":{"$regex":""}}"#,
            r#"{"config.gone":{"$exists":true}}"#,
        ],
    );
}

#[test]
fn tags_match_by_any_element() {
    assert_split(
        &[
            r#"{"tags":"gpu"}"#,
            r#"{"tags":{"$in":["cpu","gpu"]}}"#,
            r#"{"tags":{"$all":["gpu","baseline"]}}"#,
            r#"{"tags":{"$size":2}}"#,
            r#"{"tags":{"$regex":"^base"}}"#,
            r#"{"tags":{"$contains":"line"}}"#,
            r#"{"tags":{"$nin":["cpu"]}}"#,
            r#"{"tags":["baseline","gpu"]}"#,
        ],
        &[
            r#"{"tags":"cpu"}"#,
            r#"{"tags":{"$ne":"gpu"}}"#,
            r#"{"tags":{"$all":["gpu","cpu"]}}"#,
            r#"{"tags":{"$all":[]}}"#,
            r#"{"tags":{"$size":1}}"#,
            r#"{"tags":{"$nin":["gpu"]}}"#,
            r#"{"tags":["gpu","baseline"]}"#,
        ],
    );
}

#[test]
fn conditions_are_joined_and_turned_over() {
    assert_split(
        &[
            r#"{"$or":[{"state":"failed"},{"config.lr":0.1}]}"#,
            r#"{"$and":[{"state":"finished"},null,{"config.lr":{"$gt":0}}]}"#,
            r#"{"$nor":[{"state":"failed"},{"config.lr":5}]}"#,
            r#"{"$not":{"state":"failed"}}"#,
            r#"{"config.lr":{"$not":{"$gt":1}}}"#,
            r#"{"config.gone":{"$not":{"$gt":1}}}"#,
        ],
        &[
            r#"{"state":"finished","config.lr":5}"#,
            r#"{"$nor":[{"state":"finished"}]}"#,
            r#"{"$or":[]}"#,
            r#"{"$not":{"state":"finished"}}"#,
        ],
    );
}

#[test]
fn a_regex_is_found_anywhere_and_takes_options() {
    assert_split(
        &[
            r#"{"display_name":{"$regex":"lake"}}"#,
            r#"{"display_name":{"$regex":"^BRISK.*\\d$","$options":"i"}}"#,
            r#"{"display_name":{"$contains":"k-l"}}"#,
        ],
        &[r#"{"display_name":{"$regex":"^lake"}}"#, r#"{"display_name":{"$contains":"k.l"}}"#],
    );
}

#[test]
fn what_is_not_understood_is_refused_by_its_name() {
    assert!(refusal(r#"{"colour":"red"}"#).contains("`colour`"));
    assert!(refusal(r#"{"config":1}"#).contains("`config`"));
    assert!(refusal(r#"{"config.lr":{"$near":1}}"#).contains("`$near` of `config.lr`"));
    assert!(refusal(r#"{"$xor":[]}"#).contains("`$xor`"));
    assert!(refusal(r#"{"$or":{"a":1}}"#).contains("`$or`"));
    assert!(refusal(r#"{"name":{"$in":"abc"}}"#).contains("`$in` of `name`"));
    assert!(refusal(r#"{"name":{"$regex":"("}}"#).contains("`$regex` of `name`"));
    assert!(refusal(r#"{"name":{"$gt":"a","b":1}}"#).contains("mixes"));
    assert!(refusal("[1]").contains("object"));
    assert!(refusal("{").contains("no JSON"));
    assert!(RunOrder::parse(Some("-colour")).unwrap_err().to_string().contains("`colour`"));
}

#[test]
fn what_a_client_can_make_large_is_limited() {
    let nested = format!("{}{}{}", r#"{"$not":"#.repeat(70), r#"{"state":"x"}"#, "}".repeat(70));
    let wide = format!(r#"{{"$or":[{}]}}"#, vec![r#"{"config.lr":1}"#; 5_001].join(","));
    let list = format!(r#"{{"config.lr":{{"$in":[{}]}}}}"#, vec!["1"; 50_000].join(","));
    let greedy = r#"{"name":{"$regex":"(\\w{100}){100}"}}"#;

    assert!(refusal(&nested).contains("no JSON"));
    assert!(refusal(&wide).contains("5000 conditions"));
    assert!(RunFilter::parse(&list).is_ok());
    assert!(refusal(greedy).contains("`$regex` of `name`"));
    assert!(refusal(&format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20))).contains("bytes"));
}

#[test]
fn a_filter_by_names_says_which() {
    let names = |filter: &str| {
        let filter = RunFilter::parse(filter).unwrap();
        filter.names().map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let two = Some(vec!["a".to_owned(), "b".to_owned()]);

    assert_eq!(names(r#"{"name":{"$in":["b","a"]}}"#), two);
    assert_eq!(names(r#"{"$or":[{"name":"a"},{"name":{"$eq":"b"}}]}"#), two);
    assert_eq!(names(r#"{"$and":[{"state":"x"},{"name":{"$in":["a","b"]}}]}"#), two);
    assert_eq!(names(r#"{"$or":[{"name":"a"},{"state":"x"}]}"#), None);
    assert_eq!(names(r#"{"name":{"$ne":"a"}}"#), None);
    assert_eq!(names(r#"{"$not":{"name":"a"}}"#), None);
}

#[test]
fn only_what_is_asked_for_has_to_be_read() {
    assert_eq!(query(r#"{"state":"x"}"#, "-created_at").needs(), Needs::default());
    assert_eq!(query(r#"{"config.lr":1}"#, "").needs(), Needs { config: true, ..Needs::default() });
    assert_eq!(query("", "-summary_metrics.loss").needs(), Needs { summary: true, ..Needs::default() });
    assert_eq!(query("", "+updatedAt").needs(), Needs { heartbeat: true, ..Needs::default() });
}

/// The names of runs with these summaries in the order, made in the order of the list.
fn ordered(order: &str, summaries: &[&str]) -> Vec<usize> {
    let query = query("", order);
    let mut places: Vec<(Position, usize)> = Vec::new();
    for (number, summary) in summaries.iter().enumerate() {
        let run = Run { created_at: Timestamp(number as i64), ..run("abc") };
        let view = RunView { id: RunId(number as u64), summary: Some(summary), ..view(&run) };
        places.push((query.place(&view).unwrap(), number));
    }
    places.sort();
    places.into_iter().map(|(_, number)| number).collect()
}

#[test]
fn what_is_missing_is_last_in_both_directions_and_equals_are_by_creation() {
    let summaries = ["{}", r#"{"x":2}"#, r#"{"x":1}"#, r#"{"x":NaN}"#, r#"{"x":2.0}"#, r#"{"x":null}"#];

    assert_eq!(ordered("+summary_metrics.x", &summaries), [2, 1, 4, 0, 3, 5]);
    assert_eq!(ordered("-summary_metrics.x", &summaries), [1, 4, 2, 0, 3, 5]);
    assert_eq!(ordered("-created_at", &summaries), [5, 4, 3, 2, 1, 0]);
    assert_eq!(ordered("", &summaries), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_place_in_one_order_is_none_in_another() {
    let run = run("abc");
    let place = query("", "-summary_metrics.loss").place(&view(&run)).unwrap();

    assert!(RunOrder::parse(Some("+created_at")).unwrap().parse_position(&place.to_text()).is_none());
    assert!(RunOrder::parse(Some("-summary_metrics.loss")).unwrap().parse_position("12").is_none());
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|int| int.to_string()),
        (-3i64..3).prop_map(|int| int.to_string()),
        (-6i32..6).prop_map(|half| format!("{:?}", f64::from(half) / 2.0)),
        "[a-zé.]{0,3}".prop_map(|text| format!("{text:?}")),
        (250usize..260).prop_map(|length| format!("\"{}\"", "é".repeat(length))),
        prop::sample::select(vec!["null", "NaN", "-Infinity", "true", "[1,2]", r#"{"a":1}"#]).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn a_place_is_read_back_and_keeps_its_order(
        values in prop::collection::vec(any_value(), 1..12),
        descending: bool,
    ) {
        let order = if descending { "-summary_metrics.x" } else { "summary_metrics.x" };
        let query = query("", order);
        let mut places = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let run = run("abc");
            let summary = format!(r#"{{"x":{value}}}"#);
            let view = RunView { id: RunId(number as u64), summary: Some(&summary), ..view(&run) };
            places.push(query.place(&view).unwrap());
        }
        let read: Vec<Position> =
            places.iter().map(|place| query.order().parse_position(&place.to_text()).unwrap()).collect();

        prop_assert_eq!(&read, &places);
        for (a, b) in places.iter().zip(&read).flat_map(|(a, _)| read.iter().map(move |b| (a, b))) {
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
        }
        let distinct: BTreeSet<u64> = places.iter().collect::<BTreeSet<_>>().iter().map(|place| place.id.0).collect();
        prop_assert_eq!(distinct.len(), places.len());
    }
}
