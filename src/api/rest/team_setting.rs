//! `/api/v1/teams/{name}/settings`, and `/api/v1/organizations/{name}/privacy`, which decides for all teams.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, given};
use super::openapi::Refusals;
use super::project::ProjectPage;
use crate::api::router::{Asking, Shared};
use crate::app::team_setting::{ChangePrivacy, ChangeTeamSettings, ShownTeamSettings};
use crate::domain::team_setting::OrganizationPrivacy;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A switch of a team.
#[derive(Serialize, ToSchema)]
pub struct SwitchView {
    value: bool,
    /// `organization` when the organization has decided it for all of its teams, or `instance` when the whole instance
    /// has; absent when the team's admins may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforced_by: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct VisibilityView {
    value: &'static str,
    /// `organization` when the organization has decided it; absent when the team's admins may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforced_by: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct TeamSettingsView {
    /// To those outside the team it does not exist.
    hidden: SwitchView,
    /// Nobody chooses `open` or `public` for a project any more; what was chosen before stays.
    private_only: SwitchView,
    /// Every member may invite members, and view-only people.
    members_invite: SwitchView,
    /// Reports are shared with nobody outside, unless their project is public.
    no_report_sharing: SwitchView,
    /// The client saves the code of runs unless its user says otherwise.
    code_saving: SwitchView,
    /// What a new project is whose maker does not say.
    default_visibility: VisibilityView,
}

impl From<ShownTeamSettings> for TeamSettingsView {
    fn from(ShownTeamSettings { in_force, enforced, no_code_saving }: ShownTeamSettings) -> Self {
        let switch = |value: bool, enforced: Option<bool>| SwitchView { value, enforced_by: by(enforced.is_some()) };
        Self {
            hidden: switch(in_force.hidden, enforced.hidden),
            private_only: switch(in_force.private_only, enforced.private_only),
            members_invite: switch(in_force.members_invite, enforced.members_invite),
            no_report_sharing: switch(in_force.no_report_sharing, enforced.no_report_sharing),
            code_saving: SwitchView {
                value: in_force.code_saving,
                enforced_by: if no_code_saving { Some("instance") } else { by(enforced.code_saving.is_some()) },
            },
            default_visibility: VisibilityView {
                value: in_force.default_visibility.as_str(),
                enforced_by: by(enforced.default_visibility.is_some()),
            },
        }
    }
}

fn by(is_enforced: bool) -> Option<&'static str> {
    is_enforced.then_some("organization")
}

#[derive(Serialize, ToSchema)]
pub struct TeamSettingsPage {
    settings: TeamSettingsView,
    /// The projects of the team that you see, by name.
    #[serde(flatten)]
    projects: ProjectPage,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamSettingsChange {
    hidden: Option<bool>,
    private_only: Option<bool>,
    members_invite: Option<bool>,
    no_report_sharing: Option<bool>,
    code_saving: Option<bool>,
    /// `open`, `public`, `team` or `restricted`.
    default_visibility: Option<String>,
}

/// What an organization decides for its teams; what is null they decide themselves.
#[derive(Serialize, ToSchema)]
pub struct PrivacyView {
    hidden: Option<bool>,
    private_only: Option<bool>,
    members_invite: Option<bool>,
    no_report_sharing: Option<bool>,
    code_saving: Option<bool>,
    default_visibility: Option<&'static str>,
}

impl From<OrganizationPrivacy> for PrivacyView {
    fn from(privacy: OrganizationPrivacy) -> Self {
        Self {
            hidden: privacy.hidden,
            private_only: privacy.private_only,
            members_invite: privacy.members_invite,
            no_report_sharing: privacy.no_report_sharing,
            code_saving: privacy.code_saving,
            default_visibility: privacy.default_visibility.map(|visibility| visibility.as_str()),
        }
    }
}

/// null leaves it to the teams; what is not sent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacyChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    hidden: Option<Option<bool>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    private_only: Option<Option<bool>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    members_invite: Option<Option<bool>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    no_report_sharing: Option<Option<bool>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    code_saving: Option<Option<bool>>,
    /// `open`, `public`, `team` or `restricted`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    default_visibility: Option<Option<String>>,
}

/// What a team has set, what its organization has decided, and the team's projects as far as you see them.
#[utoipa::path(get, path = "/api/v1/teams/{name}/settings", tag = "teams", params(("name" = String, Path), After),
    responses((status = 200, description = "The settings, and a page of projects", body = TeamSettingsPage), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Parameters(page): Parameters<After>,
) -> Result<Json<TeamSettingsPage>, RestError> {
    let settings = shared.app.team_settings(&caller, &name).await?.into();
    let projects = shared.app.list_shown_projects(&caller, Some(&name), page.after.as_deref()).await?.into();
    Ok(Json(TeamSettingsPage { settings, projects }))
}

/// Change what a team has set. What the organization has decided cannot be changed here.
#[utoipa::path(patch, path = "/api/v1/teams/{name}/settings", tag = "teams", params(("name" = String, Path)),
    request_body = TeamSettingsChange,
    responses((status = 200, description = "The settings", body = TeamSettingsView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(change): Body<TeamSettingsChange>,
) -> Result<Json<TeamSettingsView>, RestError> {
    let TeamSettingsChange { hidden, private_only, members_invite, no_report_sharing, code_saving, default_visibility } =
        change;
    let change =
        ChangeTeamSettings { hidden, private_only, members_invite, no_report_sharing, code_saving, default_visibility };
    Ok(Json(shared.app.update_team_settings(&caller, &name, change).await?.into()))
}

/// What an organization decides for all of its teams.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/privacy", tag = "organizations",
    params(("name" = String, Path)),
    responses((status = 200, description = "What it has decided", body = PrivacyView), Refusals))]
pub async fn show_privacy(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<PrivacyView>, RestError> {
    Ok(Json(shared.app.organization_privacy(&caller, &name).await?.into()))
}

/// Decide something for all teams of an organization, or leave it to them again. It counts at once, for what is chosen
/// from then on.
#[utoipa::path(patch, path = "/api/v1/organizations/{name}/privacy", tag = "organizations",
    params(("name" = String, Path)), request_body = PrivacyChange,
    responses((status = 200, description = "What it has decided", body = PrivacyView), Refusals))]
pub async fn update_privacy(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(change): Body<PrivacyChange>,
) -> Result<Json<PrivacyView>, RestError> {
    let PrivacyChange { hidden, private_only, members_invite, no_report_sharing, code_saving, default_visibility } =
        change;
    let change =
        ChangePrivacy { hidden, private_only, members_invite, no_report_sharing, code_saving, default_visibility };
    Ok(Json(shared.app.update_organization_privacy(&caller, &name, change).await?.into()))
}
