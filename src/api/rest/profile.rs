//! `/api/v1/teams/{name}/profile` and its pictures: how a team shows itself.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::http::body::BodyError;
use crate::api::router::{Asking, Shared, Visiting};
use crate::app::Error;
use crate::app::team::profile::{AVATAR_BYTES_MAX, NewProfile, Profile, audience_word};
use crate::app::transfer::FileDownload;
use crate::domain::id::OutsideImageId;
use crate::domain::team_profile::{Audience, ProfileLink};
use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudienceWord {
    /// Those who see the team.
    Team,
    /// Every signed-in person, and visitors where the setting `anonymous_reading` lets them read. A hidden team shows
    /// itself to its members alone.
    Everyone,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    title: String,
    /// Begins with `https://` or `http://`.
    url: String,
}

/// What takes the place of the profile; what is absent is empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileToBe {
    /// Markdown of at most 65536 bytes. Tags in it are text.
    #[serde(default)]
    introduction: String,
    audience: Option<AudienceWord>,
    /// Sites and papers, at most 50.
    #[serde(default)]
    links: Vec<NewLink>,
    /// Names of projects of the team, at most 50.
    #[serde(default)]
    projects: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct LinkView {
    title: String,
    url: String,
}

#[derive(Serialize, ToSchema)]
pub struct ShownProject {
    name: String,
    description: Option<String>,
    /// `open`, `public`, `team` or `restricted`.
    visibility: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct ProfileView {
    team: String,
    /// Markdown, as it was written.
    introduction: String,
    /// The same as HTML without anything that acts. Its images come from this server.
    introduction_html: String,
    audience: &'static str,
    links: Vec<LinkView>,
    /// Those that you may see.
    projects: Vec<ShownProject>,
    /// Where the team's picture is; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        let Profile { team, introduction_html, projects } = profile;
        let link = |link: ProfileLink| LinkView { title: link.title, url: link.url };
        let project = |project: crate::domain::project::Project| ShownProject {
            name: project.name.to_string(),
            description: project.description,
            visibility: project.visibility.as_str(),
        };
        Self {
            avatar: team.avatar.map(|_| avatar_path(team.name.as_str())),
            team: team.name.to_string(),
            introduction: team.profile.introduction,
            introduction_html,
            audience: audience_word(team.profile.audience),
            links: team.profile.links.into_iter().map(link).collect(),
            projects: projects.into_iter().map(project).collect(),
        }
    }
}

/// Where a team's picture is asked for.
pub(in crate::api) fn avatar_path(team: &str) -> String {
    format!("/api/v1/teams/{team}/avatar")
}

/// How a team shows itself, to who sees the team, or to everybody if it says so. It needs no key where the instance lets
/// visitors read.
#[utoipa::path(get, path = "/api/v1/teams/{name}/profile", tag = "profiles", params(("name" = String, Path)),
    responses((status = 200, description = "The profile", body = ProfileView), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Visiting(caller): Visiting,
    Named(name): Named<String>,
) -> Result<Json<ProfileView>, RestError> {
    Ok(Json(shared.app.team_profile(&caller, &name).await?.into()))
}

/// Change how a team shows itself.
#[utoipa::path(put, path = "/api/v1/teams/{name}/profile", tag = "profiles", params(("name" = String, Path)),
    request_body = ProfileToBe,
    responses((status = 200, description = "The profile as it is now", body = ProfileView), Refusals))]
pub async fn put(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<ProfileToBe>,
) -> Result<Json<ProfileView>, RestError> {
    let new = NewProfile {
        introduction: new.introduction,
        audience: match new.audience {
            Some(AudienceWord::Everyone) => Audience::Everyone,
            Some(AudienceWord::Team) | None => Audience::Team,
        },
        links: new.links.into_iter().map(|link| ProfileLink { title: link.title, url: link.url }).collect(),
        projects: new.projects,
    };
    Ok(Json(shared.app.put_team_profile(&caller, &name, new).await?.into()))
}

/// Give a team a picture: a PNG, JPEG, WebP or GIF image of at most 1 MiB and 2048 x 2048 pixels as the body.
#[utoipa::path(put, path = "/api/v1/teams/{name}/avatar", tag = "profiles", params(("name" = String, Path)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 204, description = "The team has this picture"), Refusals))]
pub async fn put_avatar(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<StatusCode, RestError> {
    let received = shared.intake.receive(&headers, body, AVATAR_BYTES_MAX).await;
    let received = received.map_err(|error| match error {
        BodyError::Stalled | BodyError::Disconnected | BodyError::Busy => Error::Interrupted(error.to_string()),
        BodyError::TooLarge { .. } | BodyError::Encoding | BodyError::Corrupt => {
            Error::Invalid { field: "body", message: error.to_string() }
        }
    })?;
    shared.app.put_avatar(&caller, &name, Bytes::copy_from_slice(&received)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a team's picture away.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/avatar", tag = "profiles", params(("name" = String, Path)),
    responses((status = 204, description = "The team has no picture"), Refusals))]
pub async fn delete_avatar(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_avatar(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A team's picture, for who may read its profile.
#[utoipa::path(get, path = "/api/v1/teams/{name}/avatar", tag = "profiles", params(("name" = String, Path)),
    responses((status = 200, description = "An image", content_type = "image/png"), Refusals))]
pub async fn show_avatar(
    State(shared): State<Shared>,
    Visiting(caller): Visiting,
    Named(name): Named<String>,
) -> Result<Response, RestError> {
    Ok(image(shared.app.open_avatar(&caller, &name).await?))
}

/// An image of another host in a team's introduction, as this server has fetched it.
#[utoipa::path(get, path = "/api/v1/teams/{name}/outside-images/{id}", tag = "profiles",
    params(("name" = String, Path), ("id" = u64, Path)),
    responses((status = 200, description = "An image", content_type = "image/png"), Refusals))]
pub async fn show_outside_image(
    State(shared): State<Shared>,
    Visiting(caller): Visiting,
    Named((name, id)): Named<(String, u64)>,
) -> Result<Response, RestError> {
    Ok(image(shared.app.open_outside_image(&caller, &name, OutsideImageId(id)).await?))
}

/// Somebody else made the image: a browser shows it, and does nothing else with it.
fn image(download: FileDownload) -> Response {
    let content_type = HeaderValue::from_str(&download.content_type);
    let part = download.part(None);
    let headers = [
        (CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"))),
        (CONTENT_LENGTH, HeaderValue::from(part.length)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
    ];
    (headers, HttpBody::from_stream(part.bytes)).into_response()
}
