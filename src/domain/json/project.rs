//! Picking values out of a stored row by their dotted keys, without building the rest of it.
//! Nested objects are flattened with dots: `{"a":{"b":1}}` has the key `a.b`, and so has `{"a.b":1}`.

use std::collections::{HashMap, HashSet};

use super::error::JsonError;
use super::scan::{RawValue, Scanner};

/// Comparing with this many keys is cheaper than hashing.
const FEW: usize = 8;

/// The keys a reader asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    keys: Vec<String>,
    /// One bit per key length: most keys of a row are told apart by it alone.
    lengths: u64,
    index: HashMap<String, usize>,
    /// Every `a` and `a.b` of a wanted `a.b.c`: objects worth entering.
    parents: HashSet<String>,
}

impl Wanted {
    /// Keys may repeat; a repeated key is visited under its first index.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        let mut index = HashMap::new();
        let mut parents = HashSet::new();
        let mut lengths = 0;
        for (at, key) in keys.iter().enumerate() {
            index.entry(key.clone()).or_insert(at);
            lengths |= length_bit(key);
            parents.extend(key.match_indices('.').map(|(dot, _)| key[..dot].to_owned()));
        }
        Wanted { keys, lengths, index, parents }
    }

    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    #[inline]
    fn find(&self, key: &str) -> Option<usize> {
        if self.lengths & length_bit(key) == 0 {
            return None;
        }
        if self.keys.len() <= FEW {
            return self.keys.iter().position(|wanted| wanted == key);
        }
        self.index.get(key).copied()
    }

    #[inline]
    fn is_parent(&self, key: &str) -> bool {
        !self.parents.is_empty() && self.parents.contains(key)
    }
}

fn length_bit(key: &str) -> u64 {
    1 << (key.len() & 63)
}

/// Calls `visit` with the index of the key for each wanted value of the row. When a key occurs twice, so does the
/// call, and the later one counts.
pub fn project<'a>(row: &'a str, wanted: &Wanted, mut visit: impl FnMut(usize, RawValue<'a>)) -> Result<(), JsonError> {
    project_object(row, "", wanted, &mut visit)
}

fn project_object<'a>(
    object: &'a str,
    parent: &str,
    wanted: &Wanted,
    visit: &mut impl FnMut(usize, RawValue<'a>),
) -> Result<(), JsonError> {
    let mut path = String::new();
    let mut scanner = Scanner::new(object);
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let key = key.text();
        let name = joined(parent, &key, &mut path);
        let value = scanner.value()?;
        if let Some(index) = wanted.find(name) {
            visit(index, value);
        }
        // The depth of recursion is that of the longest wanted key.
        if value.raw.starts_with('{') && wanted.is_parent(name) {
            project_object(value.raw, name, wanted, visit)?;
        }
    }
    Ok(())
}

/// Calls `visit` with the dotted key of each leaf. An object without members is a leaf, and so is an object that the
/// client marked with `_type` (a histogram, an image): its members mean nothing apart.
pub fn flatten<'a>(row: &'a str, mut visit: impl FnMut(&str, RawValue<'a>)) -> Result<(), JsonError> {
    flatten_object(row, "", &mut visit)
}

/// The same for one value under the key `name`.
pub fn flatten_value<'a>(
    name: &str,
    value: RawValue<'a>,
    visit: &mut impl FnMut(&str, RawValue<'a>),
) -> Result<(), JsonError> {
    if value.raw.starts_with('{') && has_plain_members(value.raw)? {
        flatten_object(value.raw, name, visit)
    } else {
        visit(name, value);
        Ok(())
    }
}

fn flatten_object<'a>(
    object: &'a str,
    parent: &str,
    visit: &mut impl FnMut(&str, RawValue<'a>),
) -> Result<(), JsonError> {
    let mut path = String::new();
    let mut scanner = Scanner::new(object);
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let key = key.text();
        let name = joined(parent, &key, &mut path);
        let value = scanner.value()?;
        flatten_value(name, value, visit)?;
    }
    Ok(())
}

fn has_plain_members(object: &str) -> Result<bool, JsonError> {
    let mut scanner = Scanner::new(object);
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        if key.raw == "_type" {
            return Ok(false);
        }
        scanner.value()?;
    }
    Ok(!is_first)
}

fn joined<'p>(parent: &str, key: &'p str, path: &'p mut String) -> &'p str {
    if parent.is_empty() {
        return key;
    }
    path.clear();
    path.push_str(parent);
    path.push('.');
    path.push_str(key);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(row: &str, keys: &[&str]) -> Vec<(usize, String)> {
        let wanted = Wanted::new(keys.iter().copied());
        let mut found = Vec::new();
        project(row, &wanted, |index, value| found.push((index, value.raw.to_owned()))).unwrap();
        found
    }

    #[test]
    fn wanted_values_are_visited_and_no_others() {
        let row = r#"{"_step":1,"loss":0.5,"l\u006fss2":2,"acc":"x"}"#;

        assert_eq!(picked(row, &["loss", "_step"]), [(1, "1".into()), (0, "0.5".into())]);
        assert_eq!(picked(row, &["loss2"]), [(0, "2".into())]);
        assert_eq!(picked(row, &["missing"]), []);
    }

    #[test]
    fn dotted_keys_reach_into_objects_and_match_literal_dots() {
        let row = r#"{"a":{"b":1,"b.c":2,"d":{"e":3}},"a.b":4,"a.d":{"e":5}}"#;

        assert_eq!(picked(row, &["a.b"]), [(0, "1".into()), (0, "4".into())]);
        assert_eq!(picked(row, &["a.b.c"]), [(0, "2".into())]);
        assert_eq!(picked(row, &["a.d.e"]), [(0, "3".into()), (0, "5".into())]);
        assert_eq!(picked(row, &["a.d"]), [(0, r#"{"e":3}"#.into()), (0, r#"{"e":5}"#.into())]);
    }

    #[test]
    fn many_keys_are_found_as_few_are() {
        let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
        let row = format!("{{{}}}", keys.iter().map(|key| format!("\"{key}\":1")).collect::<Vec<_>>().join(","));
        let wanted = Wanted::new(keys.iter().take(20).cloned());

        let mut seen = Vec::new();
        project(&row, &wanted, |index, _| seen.push(index)).unwrap();

        assert_eq!(seen, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn leaves_are_flattened_and_marked_objects_stay_whole() {
        let mut leaves = Vec::new();
        let row = r#"{"a":{"b":{"c":1},"e":{}},"h":{"_type":"histogram","bins":[1]},"l":[{"x":1}]}"#;

        flatten(row, |key, value| leaves.push(format!("{key}={}", value.raw))).unwrap();

        assert_eq!(leaves, ["a.b.c=1", "a.e={}", r#"h={"_type":"histogram","bins":[1]}"#, r#"l=[{"x":1}]"#]);
    }
}
