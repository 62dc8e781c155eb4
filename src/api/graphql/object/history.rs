//! What was logged to a run: history, system metrics, summary, console lines.

use crate::api::graphql::cursor::{self, PageInfo};
use crate::api::graphql::error::failed;
use crate::api::graphql::object::run::{SeenRun, count};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{Int64, JsonString, StrictJson};
use crate::app::history::{BucketQuery, ConsoleLine, ConsoleRange, RowQuery, SampleSpec};
use crate::domain::json::Value;
use crate::domain::stream::Stream;
use async_graphql::{Context, Object, SimpleObject};

/// What a client gets that does not say how many rows it wants (wandb 0.31.0, `Run.history`).
const DEFAULT_SAMPLES: usize = 500;
const DEFAULT_LINES: u64 = 1_000;

pub(in crate::api::graphql) struct RunHistory(pub(super) SeenRun);

impl RunHistory {
    async fn rows(
        &self,
        ctx: &Context<'_>,
        stream: Stream,
        steps: std::ops::RangeInclusive<i64>,
        samples: Option<i32>,
    ) -> async_graphql::Result<Vec<String>> {
        let samples = samples.map_or(DEFAULT_SAMPLES, |samples| usize::try_from(samples).unwrap_or(0));
        let (query, request) = (RowQuery { stream, steps, samples }, Request::of(ctx));
        let rows = request.app.history_rows(self.0.found(), &query).await.map_err(failed)?;
        request.answer.spend(rows.iter().map(String::len).sum())?;
        Ok(rows)
    }
}

#[Object]
impl RunHistory {
    async fn history_line_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(count(self.0.streams(ctx).await?.history.lines))
    }

    async fn events_line_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(count(self.0.streams(ctx).await?.events.lines))
    }

    async fn log_line_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(count(self.0.streams(ctx).await?.console.lines))
    }

    /// What of the run could not be kept as it was sent, one sentence each.
    async fn warnings(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<String>> {
        let streams = self.0.streams(ctx).await?;
        let mut warnings = Vec::new();
        if streams.removed_values > 0 {
            let count = streams.removed_values;
            warnings.push(format!("{count} values were over the size limit and were replaced by a marker"));
        }
        if streams.rejected_lines > 0 {
            let count = streams.rejected_lines;
            warnings.push(format!("{count} lines were no JSON object and were left out"));
        }
        Ok(warnings)
    }

    /// Whole rows as JSON text, from `minStep` to before `maxStep`: all of them when `samples` are as many, else
    /// evenly spaced ones with the first and the last.
    async fn history(
        &self,
        ctx: &Context<'_>,
        min_step: Option<Int64>,
        max_step: Option<Int64>,
        samples: Option<i32>,
    ) -> async_graphql::Result<Vec<String>> {
        let from = min_step.map_or(i64::MIN, |Int64(step)| step);
        let to = max_step.map_or(i64::MAX, |Int64(step)| step.saturating_sub(1));
        self.rows(ctx, Stream::History, from..=to, samples).await
    }

    /// Rows of system metrics, like `history`.
    async fn events(&self, ctx: &Context<'_>, samples: Option<i32>) -> async_graphql::Result<Vec<String>> {
        self.rows(ctx, Stream::Events, i64::MIN..=i64::MAX, samples).await
    }

    /// For each spec `{"keys", "samples", "minStep"?, "maxStep"?}` the rows that have all of the keys.
    async fn sampled_history(
        &self,
        ctx: &Context<'_>,
        specs: Vec<JsonString>,
    ) -> async_graphql::Result<Vec<StrictJson>> {
        let request = Request::of(ctx);
        let mut answers = Vec::with_capacity(specs.len());
        for JsonString(text) in &specs {
            let spec = SampleSpec::parse(text).map_err(failed)?;
            let rows = request.app.sampled_history(self.0.found(), &spec).await.map_err(failed)?;
            request.answer.spend(rows.iter().map(String::len).sum())?;
            answers.push(StrictJson::list(&rows));
        }
        Ok(answers)
    }

    /// One metric over equal stretches of steps: `{"isExact", "buckets": [{"firstStep", "lastStep", "count", "nans",
    /// "min", "max", "first", "last", "mean"}]}`. Without steps it spans the whole run.
    async fn bucketed_history(
        &self,
        ctx: &Context<'_>,
        key: String,
        buckets: i32,
        min_step: Option<Int64>,
        max_step: Option<Int64>,
    ) -> async_graphql::Result<StrictJson> {
        let steps = match (min_step, max_step) {
            (None, None) => None,
            (min, max) => Some(min.map_or(i64::MIN, |Int64(step)| step)..=max.map_or(i64::MAX, |Int64(step)| step)),
        };
        let query = BucketQuery { key, steps, parts: usize::try_from(buckets).unwrap_or(0) };
        let drawn = Request::of(ctx).app.metric_buckets(&[self.0.found()], &query).await.map_err(failed)?;
        Ok(StrictJson::from_text(drawn.first().map_or_else(|| "null".to_owned(), |drawn| drawn.to_json())))
    }

    /// `{"sets", "keys": {name: {"typeCounts", "monotonic", "previousValue"}}, "lastStep"}`; -1 without rows.
    async fn history_keys(&self, ctx: &Context<'_>) -> async_graphql::Result<StrictJson> {
        let request = Request::of(ctx);
        let keys = self.0.batch.history_facts(request, self.0.at).await?.history_keys();
        request.answer.spend(keys.len())?;
        Ok(StrictJson::from_text(keys))
    }

    /// A JSON list of the last row as a text, where a resuming client goes on.
    async fn history_tail(&self, ctx: &Context<'_>) -> async_graphql::Result<JsonString> {
        let facts = self.0.batch.history_facts(Request::of(ctx), self.0.at).await?;
        Ok(tail(facts.last_row()))
    }

    async fn events_tail(&self, ctx: &Context<'_>) -> async_graphql::Result<JsonString> {
        let facts = self.0.batch.event_facts(Request::of(ctx), self.0.at).await?;
        Ok(tail(facts.last_row()))
    }

    async fn summary_metrics(&self, ctx: &Context<'_>) -> async_graphql::Result<JsonString> {
        let summary = self.0.batch.summary(Request::of(ctx), self.0.at).await?;
        Ok(JsonString(summary.to_owned()))
    }

    /// The last value of each metric of the machine.
    async fn system_metrics(&self, ctx: &Context<'_>) -> async_graphql::Result<JsonString> {
        let facts = self.0.batch.event_facts(Request::of(ctx), self.0.at).await?;
        Ok(JsonString(facts.system_metrics()))
    }

    /// The files that history is sealed in, for clients that read them themselves. While there is anything beside them
    /// there are none, and `liveData` tells where rows begin.
    async fn parquet_history(
        &self,
        ctx: &Context<'_>,
        live_keys: Vec<String>,
    ) -> async_graphql::Result<ParquetHistory> {
        // Clients ask for the rest of the rows by themselves, so the step is all that is needed.
        let _step_is_enough = live_keys;
        let request = Request::of(ctx);
        let found = request.app.parquet_history(&request.caller, self.0.found()).await.map_err(failed)?;
        let live = |step: i64| StrictJson::of(&Value::Object(vec![("_step".into(), Value::Int(step))]));
        Ok(ParquetHistory {
            parquet_urls: found.urls.iter().map(|url| request.url(url)).collect(),
            live_data: found.live_from.map(live).into_iter().collect(),
        })
    }

    /// Console lines by ascending number: the `last` ones, or those behind the cursor `after`.
    async fn log_lines(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        use_improved_pagination: Option<bool>,
    ) -> async_graphql::Result<LogLineConnection> {
        // There is one way of paging here.
        let _is_always_so = use_improved_pagination;
        let number = |asked: i32| u64::try_from(asked).unwrap_or(0);
        let range = match last {
            Some(last) => ConsoleRange::Last(number(last)),
            None => ConsoleRange::First {
                count: first.map_or(DEFAULT_LINES, number),
                after: cursor::decode(after.as_deref())?.and_then(|line| line.parse().ok()),
            },
        };
        let page = Request::of(ctx).app.console_lines(self.0.found(), range).await.map_err(failed)?;
        let end_cursor = page.lines.last().map(|(number, _)| cursor::encode(&number.to_string()));
        let edges = page.lines.into_iter().map(|(number, line)| LogLineEdge { node: LogLine::of(number, line) });
        let page_info = PageInfo { end_cursor, has_next_page: page.has_more };
        Ok(LogLineConnection { edges: edges.collect(), page_info })
    }
}

/// A list of one text, since clients look at the last one. It is there also when no row is: 0.17.9 reads it unseen.
fn tail(row: Option<&str>) -> JsonString {
    JsonString(Value::Array(vec![Value::Text(row.unwrap_or("{}").to_owned())]).to_text())
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ParquetHistory {
    parquet_urls: Vec<String>,
    live_data: Vec<StrictJson>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct LogLineConnection {
    edges: Vec<LogLineEdge>,
    page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct LogLineEdge {
    node: LogLine,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct LogLine {
    /// From 0.
    number: i64,
    /// UTC, without a zone.
    timestamp: Option<String>,
    level: Option<String>,
    label: Option<String>,
    line: String,
}

impl LogLine {
    fn of(number: u64, line: ConsoleLine) -> Self {
        let ConsoleLine { level, timestamp, label, content } = line;
        Self { number: count(number), timestamp, level, label, line: content }
    }
}
