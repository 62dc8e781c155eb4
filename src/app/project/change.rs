//! Who sees a project, whose it is, and what it says about itself.

use super::{FoundProject, ProjectPath, entity_or_own, existing_entity, name_taken, seen};
use crate::access::{Action, Allowed, Caller, Licence, TeamRole, Visibility};
use crate::app::audit::{self, Event};
use crate::app::existing::{existing, gone, missing};
use crate::app::page::PAGE;
use crate::app::project_member::team_member;
use crate::app::{App, Error};
use crate::db::repo::{entity, project, project_member, team_setting, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::ProjectId;
use crate::domain::project::{Project, ProjectName};

/// A project to be.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// `None` is the caller's own.
    pub entity: Option<String>,
    pub name: String,
    pub description: Option<String>,
    /// `None` is what the team has set.
    pub visibility: Option<String>,
}

/// What is to be changed of a project; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct ChangeProject {
    pub description: Option<Option<String>>,
    pub visibility: Option<String>,
    /// The user name of who is to own it from now on.
    pub owner: Option<String>,
}

/// A project as far as the caller may know it.
#[derive(Debug, Clone)]
pub struct ShownProject {
    pub entity: String,
    pub name: String,
    pub visibility: Visibility,
    /// Who owns it; `None` when they are no longer there.
    pub owner: Option<String>,
    /// For those who see it. Who only governs its visibility is told no more than the above.
    pub details: Option<ProjectDetails>,
}

#[derive(Debug, Clone)]
pub struct ProjectDetails {
    pub description: Option<String>,
    pub created_at: Timestamp,
}

impl App {
    pub async fn create_project(&self, caller: &Caller, new: NewProject) -> Result<ShownProject, Error> {
        let name = ProjectName::parse(&new.name).map_err(|why| Error::invalid("name", &why))?;
        let visibility = new.visibility.as_deref().map(parse_visibility).transpose()?;
        let entity = new.entity.as_deref().map(existing_entity).transpose()?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let owner = entity_or_own(tx, &caller, entity.as_ref())?;
            let owner =
                owner.ok_or_else(|| entity.as_ref().map_or(Error::Unauthenticated, |name| missing("entity", name)))?;
            let hidden = || missing("entity", &owner.entity.name);
            if let Some(found) = project::find_in(tx, &caller, owner.clone(), &name)? {
                existing(&caller, Action::ProjectRead, Some(found), &licence, hidden)?;
                return Err(name_taken(&name));
            }
            let at = existing(&caller, Action::ProjectCreate, entity::get(tx, &caller, owner.id)?, &licence, hidden)?;
            let default = team_setting::in_force(tx, owner.id)?.default_visibility;
            let made = project::create(tx, &caller, &at, name.clone(), new.description.clone(), default)?;
            if let Some(visibility) = visibility {
                set_visibility(tx, &caller, made.id, visibility, &licence)?;
            }
            Ok((made.id, show(tx, &caller, made.id, &licence)?))
        });
        let (id, shown) = created.await?;
        tracing::info!(project.id = %id, "made a project");
        Ok(shown)
    }

    /// The projects of an entity that the caller sees, by name, after the name `after`; and whether there are more.
    pub async fn list_shown_projects(
        &self,
        caller: &Caller,
        entity: Option<&str>,
        after: Option<&str>,
    ) -> Result<(Vec<ShownProject>, bool), Error> {
        let (found, has_more) = self.list_projects(caller, entity, after, PAGE).await?;
        let shown =
            self.db.read(move |tx| found.iter().map(|found| whole(tx, found)).collect::<Result<Vec<_>, Error>>());
        Ok((shown.await?, has_more))
    }

    /// A project by name, for those who see it, and for those who govern its visibility.
    pub async fn show_project(&self, caller: &Caller, at: ProjectPath) -> Result<ShownProject, Error> {
        let (caller, licence) = (*caller, self.licence());
        let shown = self.db.read(move |tx| {
            let missing = || missing("project", format_args!("{}/{}", at.entity, at.project));
            let found = project::find(tx, &caller, &at)?;
            if let Some(found) = seen(&caller, Action::ProjectRead, found, &licence)? {
                return whole(tx, &found);
            }
            let found =
                existing(&caller, Action::ProjectVisibility, project::find(tx, &caller, &at)?, &licence, missing)?;
            outline(tx, &found)
        });
        shown.await
    }

    pub async fn update_project(
        &self,
        caller: &Caller,
        at: ProjectPath,
        change: ChangeProject,
    ) -> Result<ShownProject, Error> {
        let visibility = change.visibility.as_deref().map(parse_visibility).transpose()?;
        let (caller, licence) = (*caller, self.licence());
        let updated = self.db.write(move |tx| {
            let action = match &change {
                ChangeProject { description: Some(_), .. } => Action::ProjectUpdate,
                ChangeProject { owner: Some(_), .. } => Action::ProjectMembers,
                _ => Action::ProjectVisibility,
            };
            let missing = || missing("project", format_args!("{}/{}", at.entity, at.project));
            let found = existing(&caller, action, project::find(tx, &caller, &at)?, &licence, missing)?;
            let id = found.id;
            if let Some(description) = &change.description {
                describe(tx, &caller, &found, description.clone())?;
            }
            if let Some(visibility) = visibility {
                set_visibility(tx, &caller, id, visibility, &licence)?;
            }
            if let Some(owner) = &change.owner {
                hand_on(tx, &caller, id, owner, &licence)?;
            }
            Ok::<_, Error>((id, show(tx, &caller, id, &licence)?))
        });
        let (id, shown) = updated.await?;
        tracing::info!(project.id = %id, visibility = shown.visibility.as_str(), "changed a project");
        Ok(shown)
    }
}

/// Changes what the project says about itself.
pub(super) fn describe(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Allowed<FoundProject>,
    description: Option<String>,
) -> Result<(), Error> {
    let changed = Project { description, ..found.project.clone() };
    if changed != found.project {
        project::update(tx, found, &changed)?;
        audit::record(tx, caller, about(AuditAction::ProjectUpdate, found).detail("fields", "description"))?;
    }
    Ok(())
}

/// Changes who sees the project, at once.
pub(super) fn set_visibility(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    id: ProjectId,
    wanted: Visibility,
    licence: &Licence,
) -> Result<(), Error> {
    let find = |tx: &WriteTx<'_>| project::get(tx, caller, id);
    let found = existing(caller, Action::ProjectVisibility, find(tx)?, licence, || gone("project"))?;
    let before = found.project.visibility;
    if before == wanted {
        return Ok(());
    }
    // Who does not govern the project itself comes from above, and opens nothing.
    let governs = find(tx)?.is_some_and(|found| caller.may(Action::ProjectMembers, found, licence).is_ok());
    if !governs && wanted.is_wider_than(before) && wanted.is_wider_than(Visibility::Team) {
        let why = "an admin of the organization opens a project to its team at most; its owner or an admin of the team may \
                   open it further";
        return Err(Error::Forbidden(why.into()));
    }
    if !team_setting::in_force(tx, found.entity.id)?.may_choose(wanted) {
        let (name, wanted) = (&found.entity.entity.name, wanted.as_str());
        let why = format!(
            "future projects of `{name}` are private: `team` and `restricted` can be chosen, `{wanted}` cannot"
        );
        return Err(Error::Forbidden(why));
    }
    let changed = Project { visibility: wanted, ..found.project.clone() };
    project::update(tx, &found, &changed)?;
    if let (Visibility::Restricted, Some(owner)) = (wanted, found.project.owner) {
        project_member::keep_owner(tx, &found, owner)?;
    }
    let event = about(AuditAction::ProjectVisibility, &found).detail("visibility_before", before.as_str());
    audit::record(tx, caller, event.detail("visibility", wanted.as_str()))
}

/// Gives the project to another member of the team.
fn hand_on(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    id: ProjectId,
    username: &str,
    licence: &Licence,
) -> Result<(), Error> {
    let find = |tx: &WriteTx<'_>| project::get(tx, caller, id);
    let found = existing(caller, Action::ProjectMembers, find(tx)?, licence, || gone("project"))?;
    // Its owner may govern it and not give it away: that is for who may also delete it.
    if find(tx)?.is_none_or(|found| caller.may(Action::ProjectDelete, found, licence).is_err()) {
        return Err(Error::Forbidden("only an admin of the team hands a project on; ask one of them".into()));
    }
    let (owner, person, place) = team_member(tx, &found, username)?;
    if place.counts_as() == TeamRole::ViewOnly {
        return Err(Error::Conflict(format!("`{username}` is view-only in the team and can own no project of it")));
    }
    if found.project.owner == Some(owner) {
        return Ok(());
    }
    project::update(tx, &found, &Project { owner: Some(owner), ..found.project.clone() })?;
    if found.project.visibility == Visibility::Restricted {
        project_member::keep_owner(tx, &found, owner)?;
    }
    let event = about(AuditAction::ProjectUpdate, &found).user(owner, &person);
    audit::record(tx, caller, event.detail("owner", &person.name))
}

fn about(action: AuditAction, found: &Allowed<FoundProject>) -> Event {
    Event::new(action).entity(found.entity.id, &found.entity.entity).project(found.id, &found.project)
}

/// What the caller knows of the project after they have changed it.
fn show(tx: &impl Read, caller: &Caller, id: ProjectId, licence: &Licence) -> Result<ShownProject, Error> {
    if let Some(found) = seen(caller, Action::ProjectRead, project::get(tx, caller, id)?, licence)? {
        return whole(tx, &found);
    }
    let found =
        existing(caller, Action::ProjectVisibility, project::get(tx, caller, id)?, licence, || gone("project"))?;
    outline(tx, &found)
}

fn whole(tx: &impl Read, found: &Allowed<FoundProject>) -> Result<ShownProject, Error> {
    let Project { description, created_at, .. } = found.project.clone();
    Ok(ShownProject { details: Some(ProjectDetails { description, created_at }), ..outline(tx, found)? })
}

fn outline(tx: &impl Read, found: &Allowed<FoundProject>) -> Result<ShownProject, Error> {
    let owner = found.project.owner.map(|owner| user::get(tx, owner)).transpose()?.flatten();
    Ok(ShownProject {
        entity: found.entity.entity.name.to_string(),
        name: found.project.name.to_string(),
        visibility: found.project.visibility,
        owner: owner.map(|owner| owner.name.to_string()),
        details: None,
    })
}

fn parse_visibility(text: &str) -> Result<Visibility, Error> {
    Visibility::parse(text).ok_or_else(|| {
        let why = format!("there is no visibility `{text}`; a project is open, public, team or restricted");
        Error::invalid("visibility", &why)
    })
}
