//! The machine and the program of a run, for clients that start it again (wandb 0.17.9 to 0.22.3, `RunInfo`).

use crate::domain::json::Value;
use async_graphql::{Object, SimpleObject};

pub(in crate::api::graphql) struct RunInfo {
    /// What the client wrote, in its own words.
    pub said: Value,
}

impl RunInfo {
    fn text(&self, path: &[&str]) -> Option<String> {
        self.said.at(path).and_then(Value::as_str).map(str::to_owned)
    }

    fn count(&self, key: &str) -> Option<i64> {
        match self.said.get(key) {
            Some(Value::Int(count)) => Some(*count),
            _ => None,
        }
    }
}

#[Object]
impl RunInfo {
    async fn program(&self) -> Option<String> {
        self.text(&["program"])
    }

    async fn args(&self) -> Vec<String> {
        match self.said.get("args") {
            Some(Value::Array(args)) => args.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    async fn os(&self) -> Option<String> {
        self.text(&["os"])
    }

    async fn python(&self) -> Option<String> {
        self.text(&["python"])
    }

    /// The address of a notebook.
    async fn colab(&self) -> Option<String> {
        self.text(&["colab"])
    }

    async fn executable(&self) -> Option<String> {
        self.text(&["executable"])
    }

    /// Whether the program itself was sent along.
    async fn code_saved(&self) -> bool {
        self.said.get("codePath").and_then(Value::as_str).is_some()
    }

    async fn cpu_count(&self) -> Option<i64> {
        self.count("cpu_count")
    }

    async fn gpu_count(&self) -> Option<i64> {
        self.count("gpu_count")
    }

    async fn gpu(&self) -> Option<String> {
        self.text(&["gpu"])
    }

    async fn git(&self) -> Option<GitInfo> {
        self.said.get("git")?;
        Some(GitInfo { remote: self.text(&["git", "remote"]), commit: self.text(&["git", "commit"]) })
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct GitInfo {
    remote: Option<String>,
    commit: Option<String>,
}
