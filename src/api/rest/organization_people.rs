//! `GET /api/v1/organizations/{name}/members`: page by page, or all of them as one table for a spreadsheet.

use super::csv;
use super::error::RestError;
use super::extract::{Named, Parameters, number};
use super::openapi::Refusals;
use super::user::UserStatus;
use crate::api::router::{Asking, Shared};
use crate::app::organization::people::OrganizationPerson;
use crate::app::page::Page;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::seat::SeatKind;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Json,
    Csv,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WantedMembers {
    /// `csv` answers with all members at once, a line each.
    #[param(inline)]
    format: Option<Format>,
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
}

/// A team of the organization, and the person's role in it.
#[derive(Serialize, ToSchema)]
pub struct TeamPlace {
    name: String,
    role: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct OrganizationMemberView {
    username: String,
    name: Option<String>,
    email: String,
    role: &'static str,
    status: UserStatus,
    /// In the organization.
    since: String,
    /// To within some minutes; absent if the person was never there.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_at: Option<String>,
    /// What the licence counts them as: `full`, `view_only`, or `none`.
    seat: &'static str,
    /// Those of this organization.
    teams: Vec<TeamPlace>,
}

#[derive(Serialize, ToSchema)]
pub struct OrganizationMemberPage {
    members: Vec<OrganizationMemberView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

const COLUMNS: [&str; 9] = ["username", "name", "email", "role", "status", "since", "last_active_at", "seat", "teams"];

impl From<OrganizationPerson> for OrganizationMemberView {
    fn from(person: OrganizationPerson) -> Self {
        let OrganizationPerson { member, teams, last_active, seat } = person;
        let team = |(name, role): (crate::domain::name::EntityName, crate::access::TeamRole)| TeamPlace {
            name: name.to_string(),
            role: role.as_str(),
        };
        Self {
            status: UserStatus::of(&member.user),
            username: member.user.name.to_string(),
            name: member.user.full_name,
            email: member.user.email,
            role: member.role.as_str(),
            since: member.since.to_rfc3339(),
            last_active_at: last_active.map(Timestamp::to_rfc3339),
            seat: SeatKind::word(seat),
            teams: teams.into_iter().map(team).collect(),
        }
    }
}

impl OrganizationMemberView {
    fn line(&self) -> String {
        let teams: Vec<String> = self.teams.iter().map(|team| format!("{} ({})", team.name, team.role)).collect();
        csv::line([
            &self.username,
            self.name.as_deref().unwrap_or_default(),
            &self.email,
            self.role,
            self.status.word(),
            &self.since,
            self.last_active_at.as_deref().unwrap_or_default(),
            self.seat,
            &teams.join("; "),
        ])
    }
}

/// Who belongs to an organization, with their teams in it.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/members", tag = "organizations",
    params(("name" = String, Path), WantedMembers),
    responses((status = 200, description = "A page of members, or all of them as `text/csv`",
        body = OrganizationMemberPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Parameters(wanted): Parameters<WantedMembers>,
) -> Result<Response, RestError> {
    let after = number(wanted.after.as_deref())?.map(UserId);
    // Whoever may not is told so in the usual shape: the first page comes before the answer begins.
    let first = shared.app.list_organization_members(&caller, &name, after).await?;
    if wanted.format != Some(Format::Csv) {
        let next = first.next.map(|id| id.to_string());
        let members = first.items.into_iter().map(OrganizationMemberView::from).collect();
        return Ok(Json(OrganizationMemberPage { members, next }).into_response());
    }
    let app = shared.app.clone();
    let rest = stream::try_unfold(first.next, move |next| {
        let (app, name) = (app.clone(), name.clone());
        async move {
            let Some(next) = next else { return Ok(None) };
            let page = app.list_organization_members(&caller, &name, Some(next)).await?;
            Ok::<_, crate::app::Error>(Some((lines(page.items), page.next)))
        }
    });
    let Page { items, .. } = first;
    let head = stream::iter([Ok(csv::line(COLUMNS)), Ok(lines(items))]);
    Ok(csv::answer(head.chain(rest)))
}

fn lines(people: Vec<OrganizationPerson>) -> String {
    people.into_iter().map(|person| OrganizationMemberView::from(person).line()).collect()
}
