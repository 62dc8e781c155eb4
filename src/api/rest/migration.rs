//! `/api/v1/teams/{name}/migration`: moving the stored bytes of a team into another store.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::migration::{Ask, SeenMigration};
use crate::domain::migration::{Amount, Failure, Halt, Phase};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMigration {
    /// The name of a connector, or `default` for the store of the instance.
    to: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// Leave objects behind that no store has whole: they are listed as failures.
    #[serde(default)]
    accept_damaged: bool,
}

#[derive(Serialize, ToSchema)]
pub struct AmountView {
    objects: u64,
    bytes: u64,
}

impl From<Amount> for AmountView {
    fn from(amount: Amount) -> Self {
        Self { objects: amount.objects, bytes: amount.bytes }
    }
}

/// An object that could not be had whole.
#[derive(Serialize, ToSchema)]
pub struct FailureView {
    /// The key of the object in its store.
    object: String,
    /// The run or the artifact that it belongs to.
    of: String,
    why: String,
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self { object: failure.key.clone(), of: failure.of.clone(), why: failure.why.clone() }
    }
}

#[derive(Serialize, ToSchema)]
pub struct MigrationView {
    /// The store that the bytes leave.
    from: String,
    /// The store that they go to.
    to: String,
    /// `copying`: what there is goes to the new store. `verifying`: new objects go there, both are read, and every object
    /// is compared. `kept`: the new store has everything, and the old one keeps what it has until `kept_until`.
    /// `releasing`: it is being deleted there. `released`: all is over.
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_until: Option<String>,
    /// `asked` when somebody has paused it, `failures` when objects could not be had whole; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    halted_by: Option<&'static str>,
    /// What a store has said that did not do its part; it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    /// What there was when it began; absent before that is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<AmountView>,
    /// Gone through in this phase.
    done: AmountView,
    /// Brought to the new store, in all phases.
    copied: AmountView,
    failure_count: u64,
    /// The first of them.
    failures: Vec<FailureView>,
    began_at: String,
    changed_at: String,
}

impl From<SeenMigration> for MigrationView {
    fn from(SeenMigration { migration, source, target }: SeenMigration) -> Self {
        let (phase, kept_until) = match migration.phase {
            Phase::Copying => ("copying", None),
            Phase::Verifying => ("verifying", None),
            Phase::Kept { until } => ("kept", Some(until.to_rfc3339())),
            Phase::Releasing => ("releasing", None),
            Phase::Released => ("released", None),
        };
        Self {
            from: source,
            to: target,
            phase,
            kept_until,
            halted_by: migration.halt.map(|halt| match halt {
                Halt::Asked => "asked",
                Halt::Failures => "failures",
            }),
            trouble: migration.trouble.map(|trouble| trouble.why),
            all: migration.all.map(AmountView::from),
            done: migration.done.into(),
            copied: migration.copied.into(),
            failure_count: migration.failures.count,
            failures: migration.failures.named.iter().map(FailureView::from).collect(),
            began_at: migration.began_at.to_rfc3339(),
            changed_at: migration.changed_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct MigrationAnswer {
    /// null when the team's bytes were never moved.
    migration: Option<MigrationView>,
}

fn answer(seen: Option<SeenMigration>) -> Json<MigrationAnswer> {
    Json(MigrationAnswer { migration: seen.map(MigrationView::from) })
}

/// Begin to move the team's bytes. Into a connector that the team is not attached to it counts as attaching.
#[utoipa::path(post, path = "/api/v1/teams/{name}/migration", tag = "storage", request_body = NewMigration,
    params(("name" = String, Path, description = "The team")),
    responses((status = 201, description = "The migration", body = MigrationAnswer),
        (status = 502, description = "The store cannot be moved into; its own words", body = super::error::ErrorBody),
        Refusals))]
pub async fn begin(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<NewMigration>,
) -> Result<(StatusCode, Json<MigrationAnswer>), RestError> {
    let begun = shared.app.begin_migration(&caller, &name, &new.to).await?;
    Ok((StatusCode::CREATED, answer(Some(begun))))
}

/// How far the team's newest migration has come, if it ever had one.
#[utoipa::path(get, path = "/api/v1/teams/{name}/migration", tag = "storage",
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The migration", body = MigrationAnswer), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<MigrationAnswer>, RestError> {
    Ok(answer(shared.app.see_migration(&caller, &name).await?))
}

/// Let it stand still.
#[utoipa::path(post, path = "/api/v1/teams/{name}/migration/pause", tag = "storage",
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The migration", body = MigrationAnswer), Refusals))]
pub async fn pause(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<MigrationAnswer>, RestError> {
    Ok(answer(Some(shared.app.change_migration(&caller, &name, Ask::Pause).await?)))
}

/// Let it go on. What failed is tried again.
#[utoipa::path(post, path = "/api/v1/teams/{name}/migration/resume", tag = "storage", request_body = Resumption,
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The migration", body = MigrationAnswer), Refusals))]
pub async fn resume(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(resumption): Body<Resumption>,
) -> Result<Json<MigrationAnswer>, RestError> {
    let ask = Ask::Resume { accepts_damage: resumption.accept_damaged };
    Ok(answer(Some(shared.app.change_migration(&caller, &name, ask).await?)))
}

/// Move everything back, with what has come since. Possible until what the old store has is deleted.
#[utoipa::path(post, path = "/api/v1/teams/{name}/migration/reverse", tag = "storage",
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The migration", body = MigrationAnswer), Refusals))]
pub async fn reverse(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<MigrationAnswer>, RestError> {
    Ok(answer(Some(shared.app.change_migration(&caller, &name, Ask::Reverse).await?)))
}

/// Delete what the old store keeps now, and not only after some days.
#[utoipa::path(post, path = "/api/v1/teams/{name}/migration/release", tag = "storage",
    params(("name" = String, Path, description = "The team")),
    responses((status = 200, description = "The migration", body = MigrationAnswer), Refusals))]
pub async fn release(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<MigrationAnswer>, RestError> {
    Ok(answer(Some(shared.app.change_migration(&caller, &name, Ask::Release).await?)))
}
