//! The requests of the `wandb` client that the benchmarks make: create a run, log to it, finish it, read it.

use super::http::{Connection, request};
use super::rows::Rows;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const PROJECT: &str = "bench";
const ROWS_PER_REQUEST: u64 = 500;
const SEAL_DEADLINE: Duration = Duration::from_secs(120);

const UPSERT: &str = "mutation UpsertBucket($name: String, $project: String, $entity: String) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity}) {
    bucket { id name displayName historyLineCount project { name entity { name } } }
    inserted
  }
}";

const LINE_COUNT: &str = "query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) { run(name: $name) { historyLineCount } }
}";

const PARQUET: &str = "query RunParquetHistory($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { parquetHistory(liveKeys: [\"_step\"]) { parquetUrls liveData } }
  }
}";

/// Who the requests come from.
#[derive(Clone)]
pub struct Account {
    pub entity: String,
    /// Value of the header.
    pub authorization: String,
}

impl Account {
    /// The path to which a run's rows are sent.
    pub fn stream_path(&self, run: &str) -> String {
        format!("/files/{}/{PROJECT}/{run}/file_stream", self.entity)
    }
}

pub struct Client {
    pub(super) connection: Connection<TcpStream>,
    account: Account,
}

impl Client {
    pub fn open(address: SocketAddr, account: &Account) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(address)?, account: account.clone() })
    }

    /// The bytes of a GraphQL request; `entity` and `project` are added to the variables.
    pub fn graphql_request(&self, query: &str, mut variables: Value) -> Vec<u8> {
        variables["entity"] = json!(self.account.entity);
        variables["project"] = json!(PROJECT);
        let body = json!({ "query": query, "variables": variables }).to_string();
        request("POST", "/graphql", Some(&self.account.authorization), body.as_bytes())
    }

    /// Sends what `graphql_request` made: the time until the last byte of the answer, and its `data`.
    pub fn timed(&mut self, request: &[u8]) -> anyhow::Result<(Duration, Value)> {
        let started = Instant::now();
        let answer = self.connection.exchange(request)?;
        let taken = started.elapsed();
        let mut answer: Value = serde_json::from_slice(answer.expect(200)?).context("the answer is not JSON")?;
        ensure!(answer.get("errors").is_none_or(|errors| errors.is_null()), "GraphQL: {}", answer["errors"]);
        Ok((taken, answer["data"].take()))
    }

    pub fn graphql(&mut self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let request = self.graphql_request(query, variables);
        Ok(self.timed(&request)?.1)
    }

    pub fn create_run(&mut self, run: &str) -> anyhow::Result<()> {
        let made = self.graphql(UPSERT, json!({ "name": run })).context("cannot create a run")?;
        let name = &made["upsertBucket"]["bucket"]["name"];
        ensure!(name == run, "the new run is called {name} instead of {run}");
        Ok(())
    }

    pub fn history_line_count(&mut self, run: &str) -> anyhow::Result<u64> {
        let data = self.graphql(LINE_COUNT, json!({ "name": run }))?;
        let count = &data["project"]["run"]["historyLineCount"];
        count.as_u64().with_context(|| format!("the number of lines of {run} is {count}"))
    }

    /// Creates a run and logs steps `0..steps`, 500 to a request; checks that all of them arrived.
    pub fn log_run(&mut self, run: &str, steps: u64, rows: &mut Rows) -> anyhow::Result<()> {
        self.create_run(run)?;
        let mut offset = 0;
        while offset < steps {
            let end = (offset + ROWS_PER_REQUEST).min(steps);
            let content: Vec<String> = (offset..end).map(|step| rows.row(step)).collect();
            let last = content.last().cloned().unwrap_or_default();
            let files = json!({
                "wandb-history.jsonl": { "offset": offset, "content": content },
                "wandb-summary.json": { "offset": 0, "content": [last] },
            });
            self.stream(run, &json!({ "files": files }))?;
            offset = end;
        }
        let count = self.history_line_count(run)?;
        ensure!(count == steps, "{run} has {count} lines, but {steps} were acknowledged");
        Ok(())
    }

    pub fn finish_run(&mut self, run: &str) -> anyhow::Result<()> {
        self.stream(run, &json!({ "complete": true, "exitcode": 0 }))
    }

    pub fn stream(&mut self, run: &str, body: &Value) -> anyhow::Result<()> {
        let path = self.account.stream_path(run);
        let request = request("POST", &path, Some(&self.account.authorization), body.to_string().as_bytes());
        self.connection.exchange(&request)?.expect(200).context("file_stream")?;
        Ok(())
    }

    /// Waits until no row of a run is outside of a Parquet file: that is what sealed looks like to a client.
    pub fn wait_until_sealed(&mut self, run: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + SEAL_DEADLINE;
        loop {
            let data = self.graphql(PARQUET, json!({ "name": run }))?;
            let parts = &data["project"]["run"]["parquetHistory"];
            let count = |part: &str| parts[part].as_array().map(Vec::len);
            if count("liveData") == Some(0) && count("parquetUrls").is_some_and(|files| files > 0) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{run} is not sealed {} s after its end", SEAL_DEADLINE.as_secs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
