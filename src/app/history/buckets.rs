//! One metric of one or many runs as buckets over equal stretches of steps, for charts. Long runs are drawn from the
//! level of detail beside their segments; few points are given back as they are.

use super::cache::Key;
use super::columns::{Piece, follow_each_other, joined, knows_tail, tail_piece};
use super::source::{self, Snapshot};
use crate::access::{Action, Allowed};
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::domain::json::Value;
use crate::domain::stream::{SealedPart, Stream};
use crate::history::lod::{LodReader, ROWS_PER_BUCKET};
use crate::history::sample::{Bucket, Buckets};
use crate::storage::ObjectKey;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A stretch of a chart spans at least this many coarse buckets before they are used: each is put where it begins.
const COARSE_PER_BUCKET: u64 = 4;
/// More stretches than any screen has columns.
const PARTS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketQuery {
    /// Nested keys joined with dots.
    pub key: String,
    /// From the first step of any of the runs to the last one, if not said.
    pub steps: Option<RangeInclusive<i64>>,
    /// Into how many stretches the steps are divided.
    pub parts: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetricBuckets {
    /// Every bucket is one point, and all points are there.
    pub is_exact: bool,
    pub buckets: Vec<Bucket>,
}

impl MetricBuckets {
    /// `{"isExact", "buckets": [{"firstStep", "lastStep", "count", "nans", "min", "max", "first", "last", "mean"}]}` as
    /// strict JSON.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\"isExact\":{},\"buckets\":[", self.is_exact);
        for (index, bucket) in self.buckets.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let (first, last, count, nans) = (bucket.first_step, bucket.last_step, bucket.count, bucket.nans);
            let head = format!("{comma}{{\"firstStep\":{first},\"lastStep\":{last},\"count\":{count},\"nans\":{nans}");
            text.push_str(&head);
            let numbers = [
                ("min", bucket.min),
                ("max", bucket.max),
                ("first", bucket.first),
                ("last", bucket.last),
                ("mean", bucket.mean()),
            ];
            for (name, number) in numbers {
                text.push_str(&format!(",\"{name}\":{}", Value::Float(number).to_strict_text()));
            }
            text.push('}');
        }
        text.push_str("]}");
        text
    }
}

/// What one stretch of a run's steps is drawn from.
enum Source {
    Coarse(Arc<Vec<Bucket>>),
    Rows(Piece),
}

impl App {
    /// The metric of each of the runs, in their order, all over the same steps.
    pub async fn metric_buckets(
        &self,
        runs: &[&Allowed<FoundRun>],
        query: &BucketQuery,
    ) -> Result<Vec<MetricBuckets>, Error> {
        runs.iter().for_each(|run| run.must_be(Action::RunRead));
        let keys = vec![query.key.clone()];
        let (ids, wanted, cache) =
            (runs.iter().map(|run| run.id).collect::<Vec<_>>(), keys.clone(), Arc::clone(&self.history));
        let taken = self.db.read(move |tx| {
            let known = |id, state: &_| knows_tail(&cache, id, &wanted, state);
            let snapshots = ids.iter().map(|id| source::snapshot(tx, *id, Stream::History, |state| known(*id, state)));
            snapshots.collect::<Result<Vec<_>, Error>>()
        });
        let steps = query.steps.clone().unwrap_or(i64::MIN..=i64::MAX);
        let parts = query.parts.clamp(1, PARTS_MAX);
        let mut drawn = Vec::with_capacity(runs.len());
        for snapshot in taken.await? {
            drawn.push(self.sources(snapshot, &keys, &steps, parts).await?);
        }
        let steps = query.steps.clone().or_else(|| spanned(&drawn)).unwrap_or(0..=0);
        let work = move || Ok(drawn.iter().map(|sources| describe(sources, &steps, parts)).collect());
        self.on_pool(work).await
    }

    async fn sources(
        &self,
        snapshot: Snapshot,
        keys: &[String],
        steps: &RangeInclusive<i64>,
        parts: usize,
    ) -> Result<Vec<Source>, Error> {
        let within = snapshot.parts_within(steps);
        let rows: u64 = within.iter().map(|(part, _)| part.rows).sum();
        let is_long = rows / parts as u64 >= COARSE_PER_BUCKET * ROWS_PER_BUCKET as u64;
        let are_ordered = within.windows(2).all(|pair| pair[0].0.end_step() < pair[1].0.min_step);
        let is_whole = |part: &SealedPart| {
            part.detail.is_some()
                && part.last_step.is_none()
                && steps.contains(&part.min_step)
                && steps.contains(&part.max_step)
        };
        let coarse: Vec<bool> = within.iter().map(|(part, _)| is_long && are_ordered && is_whole(part)).collect();
        let first_fine = within.first().map_or(i64::MIN, |(part, _)| part.min_step);
        let last_sealed = within.last().map_or(i64::MIN, |(part, _)| part.end_step());
        drop(within);
        if !coarse.contains(&true) {
            return Ok(self.pieces(snapshot, keys, steps.clone()).await?.into_iter().map(Source::Rows).collect());
        }
        let tail = self.tail_of(&snapshot, keys, steps).await?;
        let begins_early = tail.steps[tail.rows.clone()].first().is_some_and(|first| *first <= last_sealed);
        if begins_early && first_fine <= last_sealed {
            // New rows replace sealed ones: only the rows themselves tell which.
            return Ok(self.pieces(snapshot, keys, steps.clone()).await?.into_iter().map(Source::Rows).collect());
        }
        let mut sources = Vec::new();
        let fine = self.sealed(&snapshot, keys, steps);
        let fine = if coarse.contains(&false) { fine.await? } else { Vec::new() };
        let mut fine = fine.into_iter();
        for (is_coarse, (part, _)) in coarse.into_iter().zip(snapshot.parts_within(steps)) {
            let row_source = fine.next();
            if is_coarse {
                sources.push(Source::Coarse(self.detail(part, &keys[0]).await?));
            } else if let Some(sealed) = row_source {
                let (cache, keys) = (Arc::clone(&self.history), keys.to_vec());
                sources.push(Source::Rows(self.on_pool(move || sealed.piece(&cache, &keys)).await?));
            }
        }
        sources.push(Source::Rows(tail));
        Ok(sources)
    }

    async fn tail_of(&self, snapshot: &Snapshot, keys: &[String], steps: &RangeInclusive<i64>) -> Result<Piece, Error> {
        let (cache, keys, steps) = (Arc::clone(&self.history), keys.to_vec(), steps.clone());
        let (run, state, chunks) = (snapshot.run, snapshot.state, snapshot.chunks.clone());
        self.on_pool(move || tail_piece(&cache, run, state, &chunks, &keys, &steps)).await
    }

    /// The level of detail of one key in one segment.
    async fn detail(&self, part: &SealedPart, key: &str) -> Result<Arc<Vec<Bucket>>, Error> {
        let cached = Key::Detail(part.segment, key.to_owned());
        if let Some(known) = self.history.get(&cached) {
            return Ok(known);
        }
        let bytes = self.store_of(part.owner)?.get(&ObjectKey::level_of_detail(part.segment)).await;
        let (bytes, key) = (bytes?, key.to_owned());
        let read = move || Ok(LodReader::open(bytes)?.buckets(&key)?);
        let buckets = Arc::new(self.on_pool(read).await?);
        self.history.put(cached, Arc::clone(&buckets), buckets.len() * size_of::<Bucket>());
        Ok(buckets)
    }
}

/// From the first step of any run to the last.
fn spanned(runs: &[Vec<Source>]) -> Option<RangeInclusive<i64>> {
    let ends = runs.iter().flatten().filter_map(|source| match source {
        Source::Coarse(buckets) => Some((buckets.first()?.first_step, buckets.last()?.last_step)),
        Source::Rows(piece) => {
            let steps = &piece.steps[piece.rows.clone()];
            Some((*steps.first()?, *steps.last()?))
        }
    });
    ends.reduce(|all, own| (all.0.min(own.0), all.1.max(own.1))).map(|(first, last)| first..=last)
}

fn describe(sources: &[Source], steps: &RangeInclusive<i64>, parts: usize) -> MetricBuckets {
    let pieces: Option<Vec<Piece>> = sources
        .iter()
        .map(|source| if let Source::Rows(piece) = source { Some(piece.clone()) } else { None })
        .collect();
    if let Some(pieces) = pieces {
        return match follow_each_other(&pieces) {
            true => of_points(&pieces.iter().flat_map(points).collect::<Vec<_>>(), steps, parts),
            false => {
                let columns = joined(&pieces);
                let column = columns.columns.first();
                let numbers = column.into_iter().flat_map(|column| column.numbers());
                of_points(&numbers.map(|(row, number)| (columns.steps[row], number)).collect::<Vec<_>>(), steps, parts)
            }
        };
    }
    let mut buckets = Buckets::new(*steps.start(), *steps.end(), parts);
    for source in sources {
        match source {
            Source::Coarse(coarse) => coarse.iter().for_each(|bucket| buckets.add(bucket)),
            Source::Rows(piece) => points(piece).for_each(|(step, number)| buckets.add_value(step, number)),
        }
    }
    MetricBuckets { is_exact: false, buckets: buckets.finish() }
}

fn points(piece: &Piece) -> impl Iterator<Item = (i64, f64)> {
    let numbers = piece.columns.first().into_iter().flatten().flat_map(|column| column.numbers());
    numbers.filter(|(row, _)| piece.rows.contains(row)).map(|(row, number)| (piece.steps[row], number))
}

fn of_points(points: &[(i64, f64)], steps: &RangeInclusive<i64>, parts: usize) -> MetricBuckets {
    if points.len() <= parts {
        let buckets = points.iter().filter(|(step, _)| steps.contains(step));
        return MetricBuckets {
            is_exact: true,
            buckets: buckets.map(|(step, number)| Bucket::of(*step, *number)).collect(),
        };
    }
    let mut buckets = Buckets::new(*steps.start(), *steps.end(), parts);
    points.iter().for_each(|(step, number)| buckets.add_value(*step, *number));
    MetricBuckets { is_exact: false, buckets: buckets.finish() }
}
