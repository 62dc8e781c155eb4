//! A sweep's configuration as YAML text, read into a tree. Bounded: aliases, depth and size of a hostile text cost
//! nothing that the text itself does not.

use crate::domain::json::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Options;
use std::fmt;

/// How long the text of a configuration may be.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 200_000;
/// The client writes none: it resolves those of people's files.
const ALIASES_MAX: usize = 10;

/// Reads the text, or says why it cannot be read and where.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the configuration has {} bytes, the limit is {TEXT_BYTES_MAX}", text.len()));
    }
    serde_saphyr::from_str_with_options::<Tree>(text, options())
        .map(|Tree(value)| value)
        .map_err(|why| format!("the configuration is no YAML that can be read: {why}"))
}

fn options() -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        max_nodes: NODES_MAX,
        max_events: 2 * NODES_MAX,
        max_aliases: ALIASES_MAX,
        max_anchors: ALIASES_MAX,
        max_documents: 1,
        max_total_scalar_bytes: TEXT_BYTES_MAX,
    };
    serde_saphyr::options! {
        budget: budget,
        with_snippet: false,
        // The client writes a text such as `y` without quotes, and only `true` and `false` for what they are.
        strict_booleans: true,
    }
}

struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Tree::deserialize(deserializer).map(|Tree(value)| value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Vec::new();
        while let Some((Tree(key), Tree(value))) = members.next_entry()? {
            let key = match key {
                Value::Text(key) => key,
                // A parameter may be called `1` or `true`.
                other => other.to_text(),
            };
            object.push((key, value));
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_writes_is_read_with_its_types() {
        let text = "method: random\nmetric:\n  goal: minimize\n  name: val/loss\nparameters:\n  lr:\n    max: 1.0e-05\n    min: 1\n  name:\n    values:\n    - '008'\n    - null\n    - true\n    - - 1\n      - 2.5\n    - y\n    - 1e-3\n";

        let read = parse(text).unwrap().to_text();
        assert_eq!(
            read,
            r#"{"method":"random","metric":{"goal":"minimize","name":"val/loss"},"parameters":{"lr":{"max":1e-5,"min":1},"name":{"values":["008",null,true,[1,2.5],"y",0.001]}}}"#
        );
        assert_eq!(parse("a: &x [1]\nb: *x").unwrap().to_text(), r#"{"a":[1],"b":[1]}"#);
    }

    #[test]
    fn a_text_that_would_grow_is_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..10 {
            let before = format!("*a{},", level - 1).repeat(9);
            bomb += &format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(','));
        }
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let repeated = format!("a: &a {}\nb: [{}*a]", "x".repeat(TEXT_BYTES_MAX / 2), "*a, ".repeat(50));
        let long = format!("a: {}", "x".repeat(TEXT_BYTES_MAX));

        for hostile in [bomb.as_str(), &deep, &long, &repeated, "a: 1\na: 2", "--- 1\n--- 2", "a: [1"] {
            let refused = parse(hostile);
            assert!(refused.is_err(), "{}", &hostile[..hostile.len().min(60)]);
        }
    }
}
