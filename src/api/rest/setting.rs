//! `/api/v1/settings`: the system settings.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::access::Action;
use crate::api::router::{Asking, Shared};
use crate::app::setting::SeenSetting;
use crate::domain::setting::{GivenValue, SettingKind, SettingValue};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// True or false, a whole number, or a list of names of hosts, as `type` of the setting says.
    #[schema(value_type = Value)]
    value: GivenValue,
}

#[derive(Serialize, ToSchema)]
pub struct SettingView {
    key: &'static str,
    /// What it does.
    description: &'static str,
    /// `boolean`, `integer` or `hosts`.
    r#type: &'static str,
    /// What an integer counts, such as `days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<u64>,
    #[schema(value_type = Value)]
    value: SettingValue,
    #[schema(value_type = Value)]
    default: SettingValue,
    /// The settings file says it: it cannot be changed here.
    fixed: bool,
    /// When it was changed; absent when it has its default.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    /// The action that whoever changes it must be allowed.
    permission: &'static str,
}

impl From<SeenSetting> for SettingView {
    fn from(seen: SeenSetting) -> Self {
        let setting = seen.setting;
        let (r#type, unit, range) = match setting.kind {
            SettingKind::Switch => ("boolean", None, None),
            SettingKind::Number { unit, least, most } => ("integer", Some(unit), Some((least, most))),
            SettingKind::Hosts => ("hosts", None, None),
        };
        Self {
            key: setting.key,
            description: setting.description(),
            r#type,
            unit,
            minimum: range.map(|(least, _)| least),
            maximum: range.map(|(_, most)| most),
            value: seen.value,
            default: setting.default_value(),
            fixed: seen.is_fixed,
            changed_at: seen.changed_at.map(|at| at.to_rfc3339()),
            permission: Action::SystemSettings.name(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SettingList {
    settings: Vec<SettingView>,
}

/// All system settings.
#[utoipa::path(get, path = "/api/v1/settings", tag = "system",
    responses((status = 200, description = "Every setting with its value", body = SettingList), Refusals))]
pub async fn list(State(shared): State<Shared>, Asking(caller): Asking) -> Result<Json<SettingList>, RestError> {
    let settings = shared.app.list_settings(&caller).await?;
    Ok(Json(SettingList { settings: settings.into_iter().map(SettingView::from).collect() }))
}

/// Change a system setting. It counts at once.
#[utoipa::path(put, path = "/api/v1/settings/{key}", tag = "system", params(("key" = String, Path)),
    request_body = NewValue,
    responses((status = 200, description = "The setting", body = SettingView), Refusals))]
pub async fn put(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(key): Named<String>,
    Body(new): Body<NewValue>,
) -> Result<Json<SettingView>, RestError> {
    Ok(Json(shared.app.put_setting(&caller, &key, &new.value).await?.into()))
}

/// Give a system setting its default again.
#[utoipa::path(delete, path = "/api/v1/settings/{key}", tag = "system", params(("key" = String, Path)),
    responses((status = 200, description = "The setting", body = SettingView), Refusals))]
pub async fn reset(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(key): Named<String>,
) -> Result<Json<SettingView>, RestError> {
    Ok(Json(shared.app.reset_setting(&caller, &key).await?.into()))
}
