//! Passwords: changing one's own, and one-time links for who lost theirs.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::arrival::{Anybody, BaseUrl, SignedIn};
use crate::api::router::{Asking, Shared};
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The one that counts until now.
    password: String,
    /// 10 to 256 characters.
    new_password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoseReset {
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenPassword {
    /// 10 to 256 characters.
    password: String,
}

/// The same for every address.
#[derive(Serialize, ToSchema)]
pub struct ResetAnswer {
    message: &'static str,
}

/// A one-time link, shown now and never again.
#[derive(Serialize, ToSchema)]
pub struct LinkView {
    /// The page for people.
    pub url: String,
    /// What stands at its end, for the routes that take it.
    pub token: String,
    pub expires_at: String,
}

/// Change your password. Your other sessions end.
#[utoipa::path(put, path = "/api/v1/password", tag = "signing in", security(("session" = [])),
    request_body = NewPassword,
    responses((status = 204, description = "The new password counts"), Refusals))]
pub async fn change(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Body(new): Body<NewPassword>,
) -> Result<StatusCode, RestError> {
    let SignedIn { caller, session, visitor } = signed_in;
    let (old, new) = (Secret::new(new.password), Secret::new(new.new_password));
    shared.app.change_password(&caller, session, old, new, visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a mail with a link that lets you choose another password.
#[utoipa::path(post, path = "/api/v1/password-reset", tag = "signing in", security(()), request_body = WhoseReset,
    responses((status = 202, description = "The same answer whether or not anybody has this address",
        body = ResetAnswer), Refusals))]
pub async fn request_reset(
    State(shared): State<Shared>,
    from: Anybody,
    Body(whose): Body<WhoseReset>,
) -> Result<(StatusCode, Json<ResetAnswer>), RestError> {
    shared.app.request_reset(&from.caller, &whose.email, &from.visitor).await?;
    let message = "if somebody has this address, and this server sends mail, a link is on its way; an administrator \
                   can make one as well";
    Ok((StatusCode::ACCEPTED, Json(ResetAnswer { message })))
}

/// Choose another password with the token of a link. All your sessions end.
#[utoipa::path(post, path = "/api/v1/password-reset/{token}", tag = "signing in", security(()),
    params(("token" = String, Path)), request_body = ChosenPassword,
    responses((status = 204, description = "The new password counts, and the link is used up"), Refusals))]
pub async fn reset(
    State(shared): State<Shared>,
    from: Anybody,
    Named(token): Named<String>,
    Body(chosen): Body<ChosenPassword>,
) -> Result<StatusCode, RestError> {
    let password = Secret::new(chosen.password);
    shared.app.reset_password(&from.caller, &token, password, &from.visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a link with which a person chooses another password, to hand over to them.
#[utoipa::path(post, path = "/api/v1/users/{username}/reset-link", tag = "people",
    params(("username" = String, Path)),
    responses((status = 201, description = "The link", body = LinkView), Refusals))]
pub async fn create_link(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    BaseUrl(base): BaseUrl,
    Named(username): Named<String>,
) -> Result<(StatusCode, Json<LinkView>), RestError> {
    let link = shared.app.create_reset_link(&caller, &username).await?;
    let token = link.token.expose().to_owned();
    let view = LinkView { url: link.url(&base), token, expires_at: link.expires_at.to_rfc3339() };
    Ok((StatusCode::CREATED, Json(view)))
}
