//! `/api/v1/teams/{name}/storage` and `/api/v1/storage`: what is stored, and what was found when it was looked after.

use super::error::RestError;
use super::extract::Named;
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::orphan::SeenStore;
use crate::app::scrub::ScrubReport;
use crate::app::usage::StorageUsage;
use crate::domain::scrub::Finding;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Bytes of one kind.
#[derive(Serialize, ToSchema)]
pub struct KindView {
    /// `run_files`, `media`, `artifacts`, `manifests`, `history`, `console` or `pictures`.
    kind: &'static str,
    objects: u64,
    /// As they lie in the store, each object once.
    physical_bytes: u64,
    /// For each run and version that has them.
    logical_bytes: u64,
}

#[derive(Serialize, ToSchema)]
pub struct UsageView {
    /// When it was added up; adding up a large team is not repeated for each question.
    counted_at: String,
    objects: u64,
    physical_bytes: u64,
    logical_bytes: u64,
    kinds: Vec<KindView>,
}

impl From<&StorageUsage> for UsageView {
    fn from(usage: &StorageUsage) -> Self {
        let total = usage.total();
        let kinds = usage.kinds.iter().map(|(kind, used)| KindView {
            kind: kind.name(),
            objects: used.physical.objects,
            physical_bytes: used.physical.bytes,
            logical_bytes: used.logical_bytes,
        });
        Self {
            counted_at: usage.counted_at.to_rfc3339(),
            objects: total.physical.objects,
            physical_bytes: total.physical.bytes,
            logical_bytes: total.logical_bytes,
            kinds: kinds.collect(),
        }
    }
}

/// Objects of one kind that stay in a store.
#[derive(Serialize, ToSchema)]
pub struct KeptView {
    kind: String,
    /// Why they stay.
    reason: &'static str,
    objects: u64,
    bytes: u64,
}

/// A store as it was found when it was last gone through.
#[derive(Serialize, ToSchema)]
pub struct StoreView {
    store: String,
    at: String,
    /// Objects that nothing led to; they were deleted, unless `nothing_deleted` says why not.
    orphans: u64,
    orphan_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing_deleted: Option<String>,
    kept: Vec<KeptView>,
}

impl From<SeenStore> for StoreView {
    fn from(SeenStore { name, report }: SeenStore) -> Self {
        let kept = report.kept.into_iter().map(|((kind, reason), amount)| KeptView {
            kind,
            reason: reason.text(),
            objects: amount.objects,
            bytes: amount.bytes,
        });
        Self {
            store: name,
            at: report.at.to_rfc3339(),
            orphans: report.orphans.objects,
            orphan_bytes: report.orphans.bytes,
            nothing_deleted: report.nothing_deleted,
            kept: kept.collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct StoreList {
    stores: Vec<StoreView>,
}

/// An object that is missing or damaged.
#[derive(Serialize, ToSchema)]
pub struct FindingView {
    /// The key of the object in its store.
    object: String,
    /// The run or the artifact that it belongs to.
    of: String,
    /// `missing` or `damaged`.
    fault: &'static str,
    /// The same in words.
    what: String,
    found_at: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            what: finding.fault.to_string(),
            fault: finding.fault.name(),
            object: finding.key,
            of: finding.of,
            found_at: finding.found_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ScrubView {
    findings: Vec<FindingView>,
    /// There are more findings than these.
    has_more: bool,
    /// Since when everything is being read again; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    round_began_at: Option<String>,
    /// Read since then, of how many there were.
    objects_read: u64,
    objects: u64,
    /// When everything had been read again the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_round_ended_at: Option<String>,
}

impl From<ScrubReport> for ScrubView {
    fn from(ScrubReport { state, findings, has_more }: ScrubReport) -> Self {
        Self {
            findings: findings.into_iter().map(FindingView::from).collect(),
            has_more,
            round_began_at: state.began_at.map(|at| at.to_rfc3339()),
            objects_read: state.done.objects,
            objects: state.objects,
            last_round_ended_at: state.last_round.map(|round| round.ended_at.to_rfc3339()),
        }
    }
}

/// How many bytes a team has stored, by kind.
#[utoipa::path(get, path = "/api/v1/teams/{name}/storage", tag = "storage",
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The usage", body = UsageView), Refusals))]
pub async fn show_usage(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<UsageView>, RestError> {
    Ok(Json(shared.app.storage_usage(&caller, &name).await?.as_ref().into()))
}

/// What each store had in it that nothing leads to, and why the rest stays, when it was last gone through.
#[utoipa::path(get, path = "/api/v1/storage/orphans", tag = "storage",
    responses((status = 200, description = "The stores", body = StoreList), Refusals))]
pub async fn show_orphans(State(shared): State<Shared>, Asking(caller): Asking) -> Result<Json<StoreList>, RestError> {
    let stores = shared.app.store_reports(&caller).await?;
    Ok(Json(StoreList { stores: stores.into_iter().map(StoreView::from).collect() }))
}

/// Objects that are missing or damaged, and how far reading everything again has come.
#[utoipa::path(get, path = "/api/v1/storage/scrub", tag = "storage",
    responses((status = 200, description = "What was found", body = ScrubView), Refusals))]
pub async fn show_scrub(State(shared): State<Shared>, Asking(caller): Asking) -> Result<Json<ScrubView>, RestError> {
    Ok(Json(shared.app.scrub_report(&caller).await?.into()))
}
