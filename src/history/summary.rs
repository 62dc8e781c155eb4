//! A run's summary folded from its rows, for clients that leave this to the server and after a rewind.
//! The last value of each key, or what `define_metric` asked for; nested values are tracked leaf by leaf.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::json::{JsonError, MAX_DEPTH, Number, RawValue, Scanner, Value, write_float};

/// What to keep of one metric. Nothing set means the plain last value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tracked {
    pub min: bool,
    pub max: bool,
    pub mean: bool,
    pub first: bool,
    pub last: bool,
    pub best: Option<Goal>,
    pub nothing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Minimize,
    Maximize,
}

/// The metric definitions of a run's config.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definitions {
    exact: Vec<(String, Tracked)>,
    /// Names that ended in `*`, without it.
    prefixes: Vec<(String, Tracked)>,
}

impl Definitions {
    /// Reads `_wandb.value.m` of a config, a list of objects with numbers for names; what is not understood is skipped.
    pub fn from_config(config: &Value) -> Definitions {
        let mut definitions = Definitions::default();
        let list = config.at(&["_wandb", "value", "m"]).and_then(Value::as_array).unwrap_or_default();
        for metric in list {
            let goal = match metric.get("8").and_then(Value::as_i64) {
                Some(2) => Goal::Maximize,
                _ => Goal::Minimize,
            };
            let tracked = Tracked::from_operations(metric.get("7").and_then(Value::as_array).unwrap_or_default(), goal);
            if let Some(name) = metric.get("1").and_then(Value::as_str) {
                // Dots inside a name are written with a backslash, nesting without.
                definitions.exact.push((name.replace("\\.", "."), tracked));
            } else if let Some(glob) = metric.get("2").and_then(Value::as_str) {
                definitions.prefixes.push((glob.trim_end_matches('*').to_owned(), tracked));
            }
        }
        definitions
    }

    fn of(&self, name: &str) -> Tracked {
        // The last definition of a name is the one in force. Globs leave the client's own keys alone.
        if let Some((_, tracked)) = self.exact.iter().rev().find(|(known, _)| known == name) {
            return *tracked;
        }
        let matching = self.prefixes.iter().find(|(prefix, _)| !name.starts_with('_') && name.starts_with(prefix));
        matching.map(|(_, tracked)| *tracked).unwrap_or_default()
    }
}

impl Tracked {
    fn from_operations(operations: &[Value], goal: Goal) -> Tracked {
        let mut tracked = Tracked::default();
        for operation in operations {
            match operation.as_i64() {
                Some(1) => tracked.min = true,
                Some(2) => tracked.max = true,
                Some(3) => tracked.mean = true,
                Some(4) => tracked.best = Some(goal),
                Some(5) => tracked.last = true,
                Some(6) => tracked.nothing = true,
                Some(8) => tracked.first = true,
                // 7 copies the plain last value, which is what happens anyway.
                _ => {}
            }
        }
        tracked
    }

    fn is_plain(self) -> bool {
        self == Tracked::default()
    }
}

/// The state of the fold. All of it is kept for every leaf, so that a definition may arrive late.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryState {
    members: BTreeMap<String, Node>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Node {
    Leaf(Leaf),
    Object(BTreeMap<String, Node>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Leaf {
    /// JSON texts.
    first: String,
    last: String,
    numbers: Option<Numbers>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Numbers {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl SummaryState {
    /// Takes in one row; rows come in order.
    pub fn fold_row(&mut self, row: &str) -> Result<(), JsonError> {
        fold_object(row, &mut self.members)
    }

    /// Takes in all values of one member of the rows at once, in order: the same as row by row, and faster.
    pub fn fold_member<'a>(&mut self, name: &str, values: impl Iterator<Item = RawValue<'a>>) -> Result<(), JsonError> {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let node = self.members.entry(name.to_owned()).or_insert_with(|| Node::Object(BTreeMap::new()));
        values.try_for_each(|value| fold_value(value, node))
    }

    /// Takes in the state of later rows.
    pub fn append(&mut self, later: &SummaryState) {
        append_members(&mut self.members, &later.members);
    }

    /// The summary as it stands.
    pub fn summary(&self, definitions: &Definitions) -> Value {
        Value::Object(summarize(&self.members, "", definitions))
    }
}

fn append_members(members: &mut BTreeMap<String, Node>, later: &BTreeMap<String, Node>) {
    for (name, newer) in later {
        match (members.get_mut(name), newer) {
            (Some(Node::Leaf(leaf)), Node::Leaf(newer)) => leaf.append(newer),
            (Some(Node::Object(inner)), Node::Object(newer)) => append_members(inner, newer),
            // A key that changed its kind follows the later rows.
            _ => _ = members.insert(name.clone(), newer.clone()),
        }
    }
}

fn fold_object(object: &str, members: &mut BTreeMap<String, Node>) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(object);
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let name = key.text();
        let value = scanner.value()?;
        match members.get_mut(&*name) {
            Some(node) => fold_value(value, node)?,
            None => {
                let mut node = Node::Object(BTreeMap::new());
                fold_value(value, &mut node)?;
                members.insert(name.into_owned(), node);
            }
        }
    }
    Ok(())
}

fn fold_value(value: RawValue<'_>, node: &mut Node) -> Result<(), JsonError> {
    if is_plain_object(value) {
        if !matches!(node, Node::Object(_)) {
            *node = Node::Object(BTreeMap::new());
        }
        if let Node::Object(members) = node {
            fold_object(value.raw, members)?;
        }
        return Ok(());
    }
    match node {
        Node::Leaf(leaf) => leaf.fold(value),
        Node::Object(_) => *node = Node::Leaf(Leaf::new(value)),
    }
    Ok(())
}

/// An object whose members are metrics of their own: not empty, and not marked by the client as one thing.
fn is_plain_object(value: RawValue<'_>) -> bool {
    if !value.raw.starts_with('{') || value.raw == "{}" {
        return false;
    }
    let mut marked = false;
    let wanted = crate::domain::json::Wanted::new(["_type"]);
    let scanned = crate::domain::json::project(value.raw, &wanted, |_, _| marked = true);
    scanned.is_ok() && !marked
}

impl Leaf {
    fn new(value: RawValue<'_>) -> Leaf {
        let mut leaf = Leaf { first: value.raw.to_owned(), last: String::new(), numbers: None };
        leaf.fold(value);
        leaf
    }

    fn fold(&mut self, value: RawValue<'_>) {
        self.last.clear();
        self.last.push_str(value.raw);
        let Some(number) = value.as_f64() else { return };
        self.numbers = Some(match self.numbers {
            None => Numbers { count: 1, sum: number, min: number, max: number },
            Some(numbers) => Numbers {
                count: numbers.count + 1,
                sum: numbers.sum + number,
                min: lesser(numbers.min, number),
                max: -lesser(-numbers.max, -number),
            },
        });
    }

    fn append(&mut self, later: &Leaf) {
        self.last.clone_from(&later.last);
        self.numbers = match (self.numbers, later.numbers) {
            (Some(numbers), Some(later)) => Some(Numbers {
                count: numbers.count + later.count,
                sum: numbers.sum + later.sum,
                min: lesser(numbers.min, later.min),
                max: -lesser(-numbers.max, -later.max),
            }),
            (numbers, later) => numbers.or(later),
        };
    }

    fn to_value(&self, tracked: Tracked) -> Option<Value> {
        if tracked.nothing {
            return None;
        }
        if tracked.is_plain() {
            return Some(parse(&self.last));
        }
        let mut members = Vec::new();
        let mut add = |name: &str, value: Value| members.push((name.to_owned(), value));
        if tracked.last {
            add("last", parse(&self.last));
        }
        if tracked.first {
            add("first", parse(&self.first));
        }
        if let Some(numbers) = self.numbers {
            let best = tracked.best.map(|goal| match goal {
                Goal::Minimize => numbers.min,
                Goal::Maximize => numbers.max,
            });
            let kept = [
                ("max", tracked.max.then_some(numbers.max)),
                ("min", tracked.min.then_some(numbers.min)),
                ("mean", tracked.mean.then(|| numbers.sum / numbers.count as f64)),
                ("best", best),
            ];
            for (name, number) in kept {
                if let Some(number) = number {
                    add(name, self.like_last(number));
                }
            }
        }
        Some(Value::Object(members))
    }

    /// An extreme of integers is an integer again.
    fn like_last(&self, number: f64) -> Value {
        let is_int = |text: &str| matches!(RawValue { raw: text }.number(), Some(Number::Int(_)));
        let mut text = String::new();
        write_float(number, &mut text);
        let integral = RawValue { raw: text.as_str() };
        match integral.as_i64() {
            Some(int) if is_int(&self.last) && is_int(&self.first) && int.unsigned_abs() < 1 << 53 => Value::Int(int),
            _ => Value::Float(number),
        }
    }
}

/// NaN wins, as it does in the client's own summary.
fn lesser(left: f64, right: f64) -> f64 {
    if left.is_nan() || left < right { left } else { right }
}

fn parse(text: &str) -> Value {
    Value::parse(text.as_bytes(), MAX_DEPTH + 1).unwrap_or(Value::Null)
}

fn summarize(members: &BTreeMap<String, Node>, parent: &str, definitions: &Definitions) -> Vec<(String, Value)> {
    let mut summary = Vec::new();
    for (name, node) in members {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match node {
            Node::Leaf(leaf) => {
                if let Some(value) = leaf.to_value(definitions.of(&path)) {
                    summary.push((name.clone(), value));
                }
            }
            Node::Object(members) => {
                let inner = summarize(members, &path, definitions);
                if !inner.is_empty() {
                    summary.push((name.clone(), Value::Object(inner)));
                }
            }
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::columns::{Pick, gather};

    const ROWS: [&str; 4] = [
        r#"{"_step":0,"loss":3,"acc":0.5,"d":{"x":1,"y":2},"h":{"_type":"histogram","bins":[1]},"s":"a"}"#,
        r#"{"_step":1,"loss":1,"acc":NaN,"d":{"x":5}}"#,
        r#"{"_step":2,"loss":2,"s":"b"}"#,
        r#"{"_step":3,"acc":0.25,"mix":1}"#,
    ];

    fn state() -> SummaryState {
        let mut state = SummaryState::default();
        for row in ROWS {
            state.fold_row(row).unwrap();
        }
        state
    }

    fn definitions(metrics: &str) -> Definitions {
        let config = format!(r#"{{"_wandb":{{"value":{{"m":{metrics}}}}}}}"#);
        Definitions::from_config(&Value::parse(config.as_bytes(), 16).unwrap())
    }

    #[test]
    fn the_last_value_of_each_key_is_kept_and_nested_ones_add_up() {
        assert_eq!(
            state().summary(&Definitions::default()).to_text(),
            r#"{"_step":3,"acc":0.25,"d":{"x":5,"y":2},"h":{"_type":"histogram","bins":[1]},"loss":2,"mix":1,"s":"b"}"#
        );
    }

    #[test]
    fn defined_metrics_keep_what_was_asked_for() {
        let definitions = definitions(
            r#"[{"1":"loss","7":[1,2,3]},{"1":"acc","7":[1]},{"1":"s","7":[8,5]},{"1":"d.x","7":[4],"8":2},{"2":"mi*","7":[6]},{"2":"_*","7":[6]}]"#,
        );

        assert_eq!(
            state().summary(&definitions).to_text(),
            r#"{"_step":3,"acc":{"min":NaN},"d":{"x":{"best":5},"y":2},"h":{"_type":"histogram","bins":[1]},"loss":{"max":3,"min":1,"mean":2},"s":{"last":"b","first":"a"}}"#
        );
    }

    #[test]
    fn a_key_that_changes_its_kind_follows_the_last_value() {
        let mut state = SummaryState::default();
        for row in [r#"{"a":{"b":1}}"#, r#"{"a":2}"#, r#"{"a":{"c":3}}"#] {
            state.fold_row(row).unwrap();
        }

        assert_eq!(state.summary(&Definitions::default()).to_text(), r#"{"a":{"c":3}}"#);
    }

    #[test]
    fn members_folded_one_by_one_are_the_same_as_rows() {
        let text = ROWS.map(|row| format!("{row}\n")).concat();
        let gathered = gather(&[&text], Pick::Members).unwrap();
        let mut state = SummaryState::default();
        for (name, cells) in &gathered.keys {
            state.fold_member(name, cells.iter().map(|cell| cell.1)).unwrap();
        }
        let steps: Vec<String> = gathered.steps.iter().map(i64::to_string).collect();
        state.fold_member("_step", steps.iter().map(|step| RawValue { raw: step })).unwrap();

        assert_eq!(format!("{state:?}"), format!("{:?}", self::state()));
    }

    #[test]
    fn states_of_parts_add_up_to_the_state_of_the_whole() {
        let definitions = definitions(r#"[{"1":"loss","7":[1,2,3]},{"1":"s","7":[8,5]},{"1":"acc","7":[1]}]"#);
        for cut in 0..=ROWS.len() {
            let (mut left, mut right) = (SummaryState::default(), SummaryState::default());
            ROWS[..cut].iter().for_each(|row| left.fold_row(row).unwrap());
            ROWS[cut..].iter().for_each(|row| right.fold_row(row).unwrap());

            left.append(&right);

            assert_eq!(left.summary(&definitions).to_text(), state().summary(&definitions).to_text(), "cut at {cut}");
        }
    }

    #[test]
    fn a_stored_state_goes_on_where_it_stopped() {
        for cut in 0..ROWS.len() {
            let mut state = SummaryState::default();
            ROWS[..cut].iter().for_each(|row| state.fold_row(row).unwrap());
            let mut state: SummaryState = rmp_serde::from_slice(&rmp_serde::to_vec_named(&state).unwrap()).unwrap();
            ROWS[cut..].iter().for_each(|row| state.fold_row(row).unwrap());

            let definitions = definitions(r#"[{"1":"loss","7":[1,2,3]}]"#);
            assert_eq!(state.summary(&definitions).to_text(), self::state().summary(&definitions).to_text());
        }
    }
}
