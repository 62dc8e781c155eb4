//! What goes into a segment comes out of it: whole rows, single keys, ranges of steps.

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;
use crate::domain::json::Value;
use crate::history::columns::{Columns, Pick, gather};

fn segment(text: &str) -> (SegmentMeta, SegmentReader<Bytes>) {
    let segment = write_segment(&[text]).unwrap();
    (segment.meta, SegmentReader::open(Bytes::from(segment.bytes)).unwrap())
}

/// Rows with sorted members: the order of keys is the only thing a segment does not keep.
fn sorted(text: &str) -> Vec<String> {
    fn sort(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.sort_by(|a, b| a.0.cmp(&b.0));
                members.iter_mut().for_each(|member| sort(&mut member.1));
            }
            Value::Array(items) => items.iter_mut().for_each(sort),
            _ => {}
        }
    }
    let row = |row: &str| {
        let mut value = Value::parse(row.as_bytes(), 200).unwrap();
        sort(&mut value);
        value.to_text()
    };
    text.lines().map(row).collect()
}

fn keys(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn cells(columns: &Columns, key: &str) -> Vec<(i64, String)> {
    let Some(column) = columns.column(key) else { return Vec::new() };
    (0..column.values.len())
        .map(|index| {
            let mut text = String::new();
            column.values.write_json(index, &mut text);
            (columns.steps[column.row(index)], text)
        })
        .collect()
}

const ODD: &str = concat!(
    r#"{"_step":0,"loss":0.5,"n":1,"mix":1,"both":1,"t":"a","ok":true,"d":{"x":1,"y":{"z":0.5}},"l":[1,2],"any":1,"big":9007199254740993,"nul":null}"#,
    "\n",
    r#"{"_step":2,"loss":NaN,"n":2,"mix":0.5,"both":1.0,"t":"\u0000\n","ok":false,"d":{"y":{"z":NaN},"x":2},"l":[],"any":"s","big":0.5,"nul":2,"empty":{}}"#,
    "\n",
    r#"{"_step":2,"loss":-Infinity,"n":-3,"mix":-2,"both":0.25,"t":"","ok":true,"d":{"x":3,"y":{"z":2.0}},"l":[7],"any":{"k":[1]},"big":1,"nul":null}"#,
    "\n",
    r#"{"_step":9,"loss":Infinity,"huge":123456789012345678901234567890,"x.y":1,"h":{"_type":"histogram","bins":[0.0,1.5],"values":[1,2]}}"#,
    "\n",
);

#[test]
fn rows_come_back_value_for_value() {
    let (meta, reader) = segment(ODD);

    let huge = |text: &str| text.replace("123456789012345678901234567890", "1.2345678901234568e29");
    assert_eq!(sorted(&reader.rows(i64::MIN..=i64::MAX).unwrap()), sorted(&huge(ODD)));
    assert_eq!((meta.rows, meta.min_step, meta.max_step), (4, 0, 9));
    assert!(!meta.is_lossless);
    assert!(meta.is_sparse);
    assert_eq!(meta.keys.key("d.y.z").unwrap().types, [("number".to_owned(), 3)]);
    assert_eq!(meta.keys.last_step, Some(9));
}

#[test]
fn columns_of_the_clients_reader_have_the_types_of_their_values() {
    let text = concat!(
        r#"{"_step":0,"loss":0.5,"n":1,"t":"a","d":{"x":1,"y":[true]}}"#,
        "\n",
        r#"{"_step":1,"loss":NaN,"n":2,"t":"b","d":{"x":null,"y":[]}}"#,
        "\n"
    );
    let segment = write_segment(&[text]).unwrap();

    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(segment.bytes)).unwrap();
    let types: Vec<String> = builder.schema().fields().iter().map(|field| format!("{}", field.data_type())).collect();

    assert_eq!(types[..4], ["Int64", "Float64", "Int64", "Utf8"]);
    assert!(types[4].starts_with("Struct(\"x\": Int64, \"y\": List(Boolean"), "{}", types[4]);
    assert!(segment.meta.is_lossless && !segment.meta.is_sparse);
}

#[test]
fn keys_are_found_inside_structs_texts_and_under_dotted_names() {
    let (_, reader) = segment(ODD);

    let columns = reader
        .columns(&keys(&["d.y.z", "any.k", "x.y", "d", "h.bins", "none", "big", "d.x"]), i64::MIN..=i64::MAX)
        .unwrap();

    assert_eq!(cells(&columns, "d.y.z"), [(0, "0.5".into()), (2, "NaN".into()), (2, "2.0".into())]);
    assert_eq!(cells(&columns, "any.k"), [(2, "[1]".into())]);
    assert_eq!(cells(&columns, "x.y"), [(9, "1".into())]);
    assert_eq!(cells(&columns, "d")[1], (2, r#"{"x":2,"y":{"z":NaN}}"#.into()));
    assert_eq!(cells(&columns, "d.x")[2], (2, "3".into()));
    assert_eq!(cells(&columns, "h.bins"), [(9, "[0.0,1.5]".into())]);
    assert_eq!(columns.column("none"), None);
}

#[test]
fn a_range_of_steps_reads_only_its_rows() {
    let row = |step: usize| format!("{{\"_step\":{},\"a\":{step},\"t\":\"{}\"}}\n", step / 3, step % 7);
    let text: String = (0..300_000).map(row).collect();
    let (_, reader) = segment(&text);

    for (from, to) in [(0, 0), (40_000, 50_000), (99_999, 200_000), (-5, -1), (100_000, 100_001), (43_690, 43_691)] {
        let columns = reader.columns(&keys(&["a", "t"]), from..=to).unwrap();
        let expected: Vec<i64> = (0..300_000).map(|step| step / 3).filter(|step| (from..=to).contains(step)).collect();
        assert_eq!(columns.steps, expected);
        let rows = cells(&columns, "a");
        assert!(rows.iter().all(|(step, value)| value.parse::<i64>().unwrap() / 3 == *step));
        assert_eq!(rows.len(), expected.len());
    }
    assert_eq!(reader.rows(66_000..=66_000).unwrap().lines().count(), 3);
}

#[test]
fn more_keys_than_columns_are_kept_and_found_all_the_same() {
    let mut text = String::new();
    for row in 0..50 {
        let rare: Vec<String> = (0..100).map(|key| format!("\"rare{row}.{key}\":{key}")).collect();
        let rare = rare.join(",");
        text.push_str(&format!("{{\"_step\":{row},\"loss\":0.5,\"weighhouse.rest\":[{row}],{rare},"));
        text.push_str(&format!("\"last{row}\":{{\"a\":{{}}}}}}\n"));
    }

    let (meta, reader) = segment(&text);

    assert_eq!(sorted(&reader.rows(0..=99).unwrap()), sorted(&text));
    assert!(!meta.is_lossless);
    let columns =
        reader.columns(&keys(&["rare7.3", "rare49.3", "loss", "weighhouse.rest", "last49.a"]), 5..=49).unwrap();
    assert_eq!(cells(&columns, "rare7.3"), [(7, "3".into())]);
    assert_eq!(cells(&columns, "rare49.3"), [(49, "3".into())]);
    assert_eq!(cells(&columns, "last49.a"), [(49, "{}".into())]);
    assert_eq!(cells(&columns, "loss").len(), 45);
    assert_eq!(cells(&columns, "weighhouse.rest")[0], (5, "[5]".into()));
}

#[test]
fn an_empty_or_damaged_segment_is_an_error() {
    assert!(matches!(write_segment(&["\n\n"]), Err(SegmentError::Empty)));
    assert!(matches!(write_segment(&["{\"a\":}\n"]), Err(SegmentError::Row(_))));
    let bytes = Bytes::from(write_segment(&[ODD]).unwrap().bytes);
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        assert!(SegmentReader::open(bytes.slice(..cut)).is_err());
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        (-3i64..9).prop_map(|int| int.to_string()),
        (-3i64..9).prop_map(|int| format!("{int}.0")),
        Just("0.1".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"x\\u00e9\\n\"".to_owned()),
        Just("9007199254740993".to_owned()),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_was_logged_comes_back(
        values in proptest::collection::vec(any_json(), 1..4),
        rows in proptest::collection::vec((0i64..30, proptest::collection::vec((0usize..3, 0usize..4), 0..4)), 1..20),
    ) {
        // Few distinct values, so that columns often have one type, and often nearly.
        let mut text = String::new();
        for (step, members) in &rows {
            text.push_str(&format!("{{\"_step\":{step}"));
            let mut seen = Vec::new();
            for (key, value) in members {
                if !seen.contains(key) {
                    text.push_str(&format!(",\"{}\":{}", ["a", "b", "a.b"][*key], values[value % values.len()]));
                    seen.push(*key);
                }
            }
            text.push_str("}\n");
        }
        let ordered = {
            let mut lines: Vec<(i64, &str)> = rows.iter().map(|row| row.0).zip(text.lines()).collect();
            lines.sort_by_key(|line| line.0);
            lines.iter().map(|line| format!("{}\n", line.1)).collect::<String>()
        };

        let (_, reader) = segment(&text);

        let back = reader.rows(i64::MIN..=i64::MAX).unwrap();
        prop_assert_eq!(sorted(&back), sorted(&ordered));
        // Keys read from the file are those read from the rows; a mixed column may say 1.0 where the row said 1.
        let keys = keys(&["a", "b", "a.a"]);
        let live = gather(&[&text], Pick::Keys(&keys)).unwrap().into_columns();
        let sealed = reader.columns(&keys, i64::MIN..=i64::MAX).unwrap();
        prop_assert_eq!(&live.steps, &sealed.steps);
        for key in &keys {
            let plain = |cells: Vec<(i64, String)>| cells.into_iter().map(|(step, text)| {
                (step, Value::parse(text.as_bytes(), 9).unwrap().to_text().replace(".0", ""))
            }).collect::<Vec<_>>();
            prop_assert_eq!(plain(cells(&live, key)), plain(cells(&sealed, key)), "{}", key);
        }
        let whole: Vec<&str> = back.lines().collect();
        let places: Vec<usize> = (0..whole.len()).filter(|place| place % 3 != 1).collect();
        let picked: Vec<&str> = places.iter().map(|place| whole[*place]).collect();
        prop_assert_eq!(reader.rows_at(&places).unwrap(), picked);
        let again = write_segment(&[&back]).unwrap();
        prop_assert_eq!(again.meta.rows as usize, rows.len());
    }
}
