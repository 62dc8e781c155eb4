//! A run's config as the client writes it, `{"key": {"value": …}}`, and what of an older one outlives a newer.
//! The client's own notes are under `_wandb.value`: `t` telemetry, `m` metric definitions, `e` the environment of each
//! process by its id, `branch_point` where the run was rewound or forked (wandb 0.31.0).

use super::json::Value;

/// How a newer config meets the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The newer one is the whole: a key that is missing was removed.
    Replace,
    /// Several processes write, each its own keys: the newer one adds and overwrites.
    Join,
}

/// Where a run's history branched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPoint {
    pub run: String,
    pub step: i64,
}

/// The config after `newer` was written over `older`. Environments of other processes and the branch point are kept,
/// because a resuming client does not send them again.
pub fn merge(older: Option<&Value>, newer: Value, mode: Merge) -> Value {
    let Some(older) = older.and_then(Value::as_object) else { return newer };
    let mut merged = match mode {
        Merge::Replace => newer,
        Merge::Join => joined(older, newer),
    };
    let notes = older.iter().find(|(key, _)| key == "_wandb").and_then(|(_, entry)| entry.get("value"));
    if let Some(notes) = notes {
        keep_notes(notes, &mut merged);
    }
    merged
}

fn joined(older: &[(String, Value)], newer: Value) -> Value {
    let mut merged = Value::Object(older.to_vec());
    let Value::Object(newer) = newer else { return merged };
    for (key, entry) in newer {
        match merged.get_mut(&key).filter(|_| key == "_wandb").and_then(|notes| notes.get_mut("value")) {
            Some(notes) => {
                for (name, note) in entry.get("value").and_then(Value::as_object).unwrap_or_default() {
                    if name != "e" {
                        notes.set(name, note.clone());
                    }
                }
                let environments = entry.at(&["value", "e"]).and_then(Value::as_object).unwrap_or_default();
                for (process, environment) in environments {
                    set_environment(notes, process, environment.clone());
                }
            }
            None => merged.set(&key, entry),
        }
    }
    merged
}

fn keep_notes(older: &Value, merged: &mut Value) {
    let environments = older.get("e").and_then(Value::as_object).unwrap_or_default();
    let branch_point = older.get("branch_point");
    let Some(notes) = merged.get_mut("_wandb").and_then(|entry| entry.get_mut("value")) else { return };
    for (process, environment) in environments {
        if notes.at(&["e", process]).is_none() {
            set_environment(notes, process, environment.clone());
        }
    }
    if let (None, Some(point)) = (notes.get("branch_point"), branch_point) {
        notes.set("branch_point", point.clone());
    }
}

fn set_environment(notes: &mut Value, process: &str, environment: Value) {
    if notes.get("e").is_none() {
        notes.set("e", Value::Object(Vec::new()));
    }
    if let Some(environments) = notes.get_mut("e") {
        environments.set(process, environment);
    }
}

/// Where the config says that the run branched off.
pub fn branch_point(config: &Value) -> Option<BranchPoint> {
    let point = config.at(&["_wandb", "value", "branch_point"])?;
    let step = point.get("step")?;
    // Old clients write `2.0` (wandb 0.17.9).
    let step = step.as_i64().or_else(|| step.as_f64().map(|step| step as i64))?;
    Some(BranchPoint { run: point.get("run_id")?.as_str()?.to_owned(), step })
}

/// The client's notes as JSON text without spaces, only those named if any are: 0.17.9 looks for `"t":` in it.
pub fn notes(config: &Value, keys: Option<&[String]>) -> Value {
    let notes = config.at(&["_wandb", "value"]).and_then(Value::as_object).unwrap_or_default();
    let wanted = |name: &String| keys.is_none_or(|keys| keys.contains(name));
    Value::Object(notes.iter().filter(|(name, _)| wanted(name)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        Value::parse(text.as_bytes(), 16).unwrap()
    }

    fn merged(older: &str, newer: &str, mode: Merge) -> String {
        merge(Some(&parse(older)), parse(newer), mode).to_text()
    }

    #[test]
    fn a_key_that_is_missing_was_removed() {
        assert_eq!(
            merged(r#"{"a":{"value":1},"b":{"value":2}}"#, r#"{"b":{"value":3}}"#, Merge::Replace),
            r#"{"b":{"value":3}}"#
        );
    }

    #[test]
    fn processes_that_share_a_run_join_their_keys() {
        let joined = merged(
            r#"{"a":{"value":1},"_wandb":{"value":{"t":{"1":2},"e":{"x":{"os":"a"}}}}}"#,
            r#"{"b":{"value":2},"_wandb":{"value":{"m":[],"e":{"y":{"os":"b"}}}}}"#,
            Merge::Join,
        );

        let wanted = r#"{"a":{"value":1},"_wandb":{"value":{"t":{"1":2},"e":{"x":{"os":"a"},"y":{"os":"b"}},"m":[]}},"b":{"value":2}}"#;
        assert_eq!(joined, wanted);
    }

    #[test]
    fn other_environments_and_the_branch_point_outlive_a_resume() {
        let resumed = merged(
            r#"{"_wandb":{"value":{"m":[1],"e":{"x":{}},"branch_point":{"run_id":"p","step":3}}}}"#,
            r#"{"_wandb":{"value":{"e":{"y":{}}}}}"#,
            Merge::Replace,
        );

        assert_eq!(resumed, r#"{"_wandb":{"value":{"e":{"y":{},"x":{}},"branch_point":{"run_id":"p","step":3}}}}"#);
        assert_eq!(branch_point(&parse(&resumed)), Some(BranchPoint { run: "p".into(), step: 3 }));
    }

    #[test]
    fn notes_are_picked_by_name() {
        let config = parse(r#"{"_wandb":{"value":{"t":{"1":2},"m":[]}}}"#);

        assert_eq!(notes(&config, Some(&["t".into()])).to_text(), r#"{"t":{"1":2}}"#);
        assert_eq!(notes(&config, None).to_text(), r#"{"t":{"1":2},"m":[]}"#);
        assert_eq!(notes(&parse("{}"), None).to_text(), "{}");
    }
}
