//! Bodies, query texts and cursors of requests, refused in the shape that all errors have.

use super::error::RestError;
use crate::api::router::Shared;
use crate::app::Error;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = RestError;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, RestError> {
        let Json(body) = Json::from_request(request, shared).await.map_err(RestError::Body)?;
        Ok(Self(body))
    }
}

/// What stands after the `?`.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Parameters<T> {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        let Query(parameters) = Query::from_request_parts(parts, shared).await.map_err(RestError::Parameters)?;
        Ok(Self(parameters))
    }
}

/// The names in the path.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        let Path(names) = Path::from_request_parts(parts, shared).await.map_err(RestError::Path)?;
        Ok(Self(names))
    }
}

/// Tells null from a field that is not there.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Where a list is to go on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The `next` of the page before; absent for the first page.
    pub after: Option<String>,
}

/// The number that a list gave out as its `next`.
pub fn number(cursor: Option<&str>) -> Result<Option<u64>, RestError> {
    cursor.map(|text| text.parse().map_err(|_| bad_cursor())).transpose()
}

pub fn bad_cursor() -> RestError {
    let message = "this is not the `next` of a page of this list".to_owned();
    RestError::App(Error::Invalid { field: "after", message })
}
