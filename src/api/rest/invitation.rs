//! Invitations into teams and organizations, and `/api/v1/invitations/{token}`: what a link is for, and accepting it.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use super::password::LinkView;
use crate::api::arrival::{Anybody, BaseUrl};
use crate::api::router::{Asking, Shared, Visiting};
use crate::app::Error;
use crate::app::invitation::{Accepted, InvitationLink, Invited, ListedInvitation, NewPerson, ShownInvitation};
use crate::domain::id::InvitationId;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// An e-mail address, or the user name of somebody who is here.
    email: Option<String>,
    username: Option<String>,
    /// In a team `admin`, `member`, `view_only` or a custom role; in an organization `admin`, `member` or `viewer`.
    role: String,
}

impl NewInvitation {
    fn who(&self) -> Result<&str, Error> {
        match (&self.email, &self.username) {
            (Some(email), None) if email.contains('@') => Ok(email),
            (None, Some(name)) if !name.contains('@') => Ok(name),
            (Some(_), None) => {
                Err(Error::Invalid { field: "email", message: "an e-mail address looks like `ada@example.com`".into() })
            }
            (None, Some(_)) => {
                Err(Error::Invalid { field: "username", message: "send an e-mail address as `email`".into() })
            }
            _ => Err(Error::Invalid { field: "email", message: "send either `email` or `username`".into() }),
        }
    }
}

/// Either is there: the new member's user name, or the invitation with its link.
#[derive(Serialize, ToSchema)]
pub struct InvitedView {
    /// Who was named is in the organization, and so is a member now.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// To hand over, if no mail reaches the person; for those who may change roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkView>,
}

impl InvitedView {
    fn of(invited: Invited, base: &str) -> Self {
        match invited {
            Invited::Member(user) => Self { member: Some(user.name.to_string()), id: None, link: None },
            Invited::Waiting { id, link, .. } => {
                Self { member: None, id: Some(id.to_string()), link: link.map(|link| link_view(&link, base)) }
            }
        }
    }
}

fn link_view(link: &InvitationLink, base: &str) -> LinkView {
    let token = link.token.expose().to_owned();
    LinkView { url: link.url(base), token, expires_at: link.expires_at.to_rfc3339() }
}

#[derive(Serialize, ToSchema)]
pub struct InvitationView {
    id: String,
    email: String,
    role: String,
    /// The user name of who sent it, as long as they are here.
    invited_by: Option<String>,
    created_at: String,
    expires_at: String,
    /// Its link cannot be used any more; make another one.
    expired: bool,
}

impl From<ListedInvitation> for InvitationView {
    fn from(listed: ListedInvitation) -> Self {
        Self {
            id: listed.id.to_string(),
            email: listed.email,
            role: listed.role,
            invited_by: listed.invited_by,
            created_at: listed.created_at.to_rfc3339(),
            expires_at: listed.expires_at.to_rfc3339(),
            expired: !listed.is_open,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct InvitationList {
    invitations: Vec<InvitationView>,
}

/// What a link is for.
#[derive(Serialize, ToSchema)]
pub struct InvitationPage {
    /// One of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    role: String,
    email: String,
    invited_by: Option<String>,
    expires_at: String,
    /// Somebody with this address is here: they sign in to accept. Otherwise accepting makes a new person.
    has_account: bool,
}

impl From<ShownInvitation> for InvitationPage {
    fn from(shown: ShownInvitation) -> Self {
        let (team, organization) = if shown.is_team { (Some(shown.into), None) } else { (None, Some(shown.into)) };
        Self {
            team,
            organization,
            role: shown.role,
            email: shown.email,
            invited_by: shown.invited_by,
            expires_at: shown.expires_at.to_rfc3339(),
            has_account: shown.has_account,
        }
    }
}

/// Empty for who is signed in; for somebody new, who they will be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    username: Option<String>,
    name: Option<String>,
    /// 10 to 256 characters.
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AcceptedView {
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
}

impl From<Accepted> for AcceptedView {
    fn from(accepted: Accepted) -> Self {
        let Accepted { username, into, is_team } = accepted;
        let (team, organization) = if is_team { (Some(into), None) } else { (None, Some(into)) };
        Self { username, team, organization }
    }
}

fn id_of(text: &str) -> Result<InvitationId, Error> {
    let unknown = || Error::NotFound("this invitation does not exist, or was accepted or taken back already".into());
    text.parse().map(InvitationId).map_err(|_| unknown())
}

/// Invite somebody into a team. Who is in its organization becomes a member at once.
#[utoipa::path(post, path = "/api/v1/teams/{name}/invitations", tag = "invitations",
    params(("name" = String, Path)), request_body = NewInvitation,
    responses((status = 201, description = "The new member, or the invitation and its link, shown only now",
        body = InvitedView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    BaseUrl(base): BaseUrl,
    Named(name): Named<String>,
    Body(new): Body<NewInvitation>,
) -> Result<(StatusCode, Json<InvitedView>), RestError> {
    let invited = shared.app.invite(&caller, &name, new.who()?, &new.role).await?;
    Ok((StatusCode::CREATED, Json(InvitedView::of(invited, &base))))
}

/// The invitations into a team that wait.
#[utoipa::path(get, path = "/api/v1/teams/{name}/invitations", tag = "invitations", params(("name" = String, Path)),
    responses((status = 200, description = "The invitations, by address", body = InvitationList), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<InvitationList>, RestError> {
    let found = shared.app.show_invitations(&caller, &name).await?;
    Ok(Json(InvitationList { invitations: found.into_iter().map(InvitationView::from).collect() }))
}

/// Take an invitation into a team back.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/invitations/{id}", tag = "invitations",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "Its link opens nothing any more"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, id)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_invitation(&caller, &name, id_of(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make another link for an invitation into a team, to hand over. The one before ends.
#[utoipa::path(post, path = "/api/v1/teams/{name}/invitations/{id}/link", tag = "invitations",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 201, description = "The link, shown only now", body = LinkView), Refusals))]
pub async fn create_link(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    BaseUrl(base): BaseUrl,
    Named((name, id)): Named<(String, String)>,
) -> Result<(StatusCode, Json<LinkView>), RestError> {
    let link = shared.app.renew_invitation(&caller, &name, id_of(&id)?).await?;
    Ok((StatusCode::CREATED, Json(link_view(&link, &base))))
}

/// Invite somebody into an organization. Who is here and named by their user name becomes a member at once.
#[utoipa::path(post, path = "/api/v1/organizations/{name}/invitations", tag = "invitations",
    params(("name" = String, Path)), request_body = NewInvitation,
    responses((status = 201, description = "The new member, or the invitation and its link, shown only now",
        body = InvitedView), Refusals))]
pub async fn create_in_organization(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    BaseUrl(base): BaseUrl,
    Named(name): Named<String>,
    Body(new): Body<NewInvitation>,
) -> Result<(StatusCode, Json<InvitedView>), RestError> {
    let invited = shared.app.invite_into_organization(&caller, &name, new.who()?, &new.role).await?;
    Ok((StatusCode::CREATED, Json(InvitedView::of(invited, &base))))
}

/// The invitations into an organization that wait.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/invitations", tag = "invitations",
    params(("name" = String, Path)),
    responses((status = 200, description = "The invitations, by address", body = InvitationList), Refusals))]
pub async fn list_of_organization(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<InvitationList>, RestError> {
    let found = shared.app.show_organization_invitations(&caller, &name).await?;
    Ok(Json(InvitationList { invitations: found.into_iter().map(InvitationView::from).collect() }))
}

/// Take an invitation into an organization back.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}/invitations/{id}", tag = "invitations",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "Its link opens nothing any more"), Refusals))]
pub async fn delete_of_organization(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, id)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_organization_invitation(&caller, &name, id_of(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make another link for an invitation into an organization, to hand over. The one before ends.
#[utoipa::path(post, path = "/api/v1/organizations/{name}/invitations/{id}/link", tag = "invitations",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 201, description = "The link, shown only now", body = LinkView), Refusals))]
pub async fn create_organization_link(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    BaseUrl(base): BaseUrl,
    Named((name, id)): Named<(String, String)>,
) -> Result<(StatusCode, Json<LinkView>), RestError> {
    let link = shared.app.renew_organization_invitation(&caller, &name, id_of(&id)?).await?;
    Ok((StatusCode::CREATED, Json(link_view(&link, &base))))
}

/// What the link with this token is for.
#[utoipa::path(get, path = "/api/v1/invitations/{token}", tag = "invitations", security(()),
    params(("token" = String, Path)),
    responses((status = 200, description = "The invitation", body = InvitationPage), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    from: Anybody,
    Named(token): Named<String>,
) -> Result<Json<InvitationPage>, RestError> {
    Ok(Json(shared.app.show_invitation(&token, &from.visitor).await?.into()))
}

/// Accept, as the person who is signed in, or as somebody new, who is made with the address that was invited.
#[utoipa::path(post, path = "/api/v1/invitations/{token}/accept", tag = "invitations",
    security((), ("session" = []), ("bearer" = []), ("basic" = [])),
    params(("token" = String, Path)), request_body = Acceptance,
    responses((status = 200, description = "Accepted, and the link is used up", body = AcceptedView), Refusals))]
pub async fn accept(
    State(shared): State<Shared>,
    from: Anybody,
    asking: Result<Visiting, RestError>,
    Named(token): Named<String>,
    Body(acceptance): Body<Acceptance>,
) -> Result<Json<AcceptedView>, RestError> {
    let signed_in = match asking {
        Ok(Visiting(caller)) => Some(caller).filter(|caller| caller.user_id().is_some()),
        // A browser that still has the cookie of an ended session is nobody yet.
        Err(RestError::App(Error::NoSession)) => None,
        Err(error) => return Err(error),
    };
    if let Some(caller) = signed_in {
        return Ok(Json(shared.app.accept_invitation(&caller, &token).await?.into()));
    }
    let needed = |field| Error::Invalid { field, message: format!("somebody new needs a `{field}`; or sign in first") };
    let new = NewPerson {
        username: acceptance.username.ok_or_else(|| needed("username"))?,
        name: acceptance.name,
        password: Secret::new(acceptance.password.ok_or_else(|| needed("password"))?),
    };
    Ok(Json(shared.app.accept_as_new(&from.caller, &token, new, &from.visitor).await?.into()))
}
