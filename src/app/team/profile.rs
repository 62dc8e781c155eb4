//! Profiles of teams: who reads them, what they show to whom, and changing them.

use super::introduction::{host_of, to_html};
use super::{find, introduction};
use crate::access::{Action, Caller, Licence};
use crate::app::audit::{self, Event};
use crate::app::existing::{missing, name_of_existing};
use crate::app::project::seen;
use crate::app::transfer::FileDownload;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::project::{self, ProjectPath};
use crate::db::repo::team;
use crate::db::repo::team_profile::{self, ShownTeam};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::id::{EntityId, ObjectId, OutsideImageId, ProjectId};
use crate::domain::image::{ImageFacts, check_image};
use crate::domain::name::EntityName;
use crate::domain::project::{Project, ProjectName};
use crate::domain::team_profile::{Audience, ProfileLink, SHOWN_PROJECTS_MAX, StoredImage, TeamProfile, check_profile};
use crate::storage::ObjectKey;
use crate::storage::download::Download;
use crate::storage::upload::{Expected, receive};
use bytes::Bytes;
use std::collections::HashMap;

pub const AVATAR_BYTES_MAX: usize = 1 << 20;
const AVATAR_SIDE_MAX: u32 = 2048;

/// A profile to be, in place of what there was.
#[derive(Debug, Clone)]
pub struct NewProfile {
    pub introduction: String,
    pub audience: Audience,
    pub links: Vec<ProfileLink>,
    /// Names of the team's projects.
    pub projects: Vec<String>,
}

/// A profile, as the caller sees it.
#[derive(Debug, Clone)]
pub struct Profile {
    pub team: ShownTeam,
    pub introduction_html: String,
    /// Those that the caller sees.
    pub projects: Vec<Project>,
}

/// What was read of a profile; making HTML of it takes no transaction.
struct Unrendered {
    team: ShownTeam,
    projects: Vec<Project>,
    /// The images of other hosts that can be shown.
    images: HashMap<String, OutsideImageId>,
}

impl Unrendered {
    async fn rendered(self) -> Result<Profile, Error> {
        let Self { team, projects, images } = self;
        let render = move || {
            let introduction_html = to_html(&team.profile.introduction, &images_path(&team.name), &images);
            Profile { team, introduction_html, projects }
        };
        tokio::task::spawn_blocking(render)
            .await
            .map_err(|_| Error::from(DbError::Unavailable("the server is shutting down".into())))
    }
}

impl App {
    /// The profile of a team that shows it to the caller.
    pub async fn team_profile(&self, caller: &Caller, name: &str) -> Result<Profile, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence, settings) = (*caller, self.licence(), self.system_settings());
        let read = self.db.read(move |tx| {
            let team = readable(tx, &caller, &name, &licence)?;
            profile_of(tx, &caller, team, &settings.outside_images, &licence)
        });
        read.await?.rendered().await
    }

    /// Replaces what the team says of itself.
    pub async fn put_team_profile(&self, caller: &Caller, name: &str, new: NewProfile) -> Result<Profile, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence, settings) = (*caller, self.licence(), self.system_settings());
        let image_urls = introduction::outside_images(&new.introduction);
        let is_too_deep = introduction::is_too_deep(&new.introduction);
        let put = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::TeamProfileUpdate, &name, &licence)?;
            check_profile(&new.introduction, &new.links)
                .map_err(|(field, message)| Error::Invalid { field, message })?;
            if is_too_deep {
                let why = "an introduction has at most 50 quotes and lists within each other";
                return Err(Error::invalid("introduction", &why));
            }
            let profile = TeamProfile {
                introduction: new.introduction.clone(),
                audience: new.audience,
                links: new.links.clone(),
                projects: projects_named(tx, &caller, &name, &new.projects, &licence)?,
                updated_at: tx.now(),
            };
            team_profile::put(tx, &found, &profile, &image_urls)?;
            let event = Event::new(AuditAction::TeamProfile).entity(found.id, &found.entity);
            audit::record(tx, &caller, event.detail("audience", audience_word(profile.audience)))?;
            let shown = team_profile::shown(tx, &found)?;
            profile_of(tx, &caller, shown, &settings.outside_images, &licence)
        });
        let profile = put.await?.rendered().await?;
        tracing::info!(team.id = %profile.team.id, "changed a team's profile");
        Ok(profile)
    }

    /// Gives the team another picture.
    pub async fn put_avatar(&self, caller: &Caller, name: &str, bytes: Bytes) -> Result<(), Error> {
        let name = name_of_existing("team", name)?;
        let (asking, licence, at) = (*caller, self.licence(), name.clone());
        // Before the picture is looked at or stored.
        let started = self.db.write(move |tx| {
            let found = find(tx, &asking, Action::TeamProfileUpdate, &at, &licence)?;
            Ok::<_, Error>((found.id, team_profile::announce(tx, found.id)?))
        });
        let facts = check_image(&bytes, AVATAR_BYTES_MAX, AVATAR_SIDE_MAX);
        let (team, (object, ticket)) = started.await?;
        let facts = facts.map_err(|why| Error::invalid("body", &why))?;
        let stored = self.store_image(team, object, facts, bytes).await?;
        self.change_avatar(caller, name, Some((stored, ticket))).await
    }

    /// Takes the team's picture away; without one nothing happens.
    pub async fn delete_avatar(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        self.change_avatar(caller, name_of_existing("team", name)?, None).await
    }

    async fn change_avatar(
        &self,
        caller: &Caller,
        name: EntityName,
        new: Option<(StoredImage, crate::db::repo::garbage::Ticket)>,
    ) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let changed = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::TeamProfileUpdate, &name, &licence)?;
            if !team_profile::put_avatar(tx, &found, new.clone())? {
                return Err(Error::Interrupted("the picture took too long; send it again".into()));
            }
            let event = Event::new(AuditAction::TeamProfile).entity(found.id, &found.entity);
            audit::record(tx, &caller, event.detail("avatar", if new.is_some() { "changed" } else { "removed" }))?;
            Ok::<_, Error>(found.id)
        });
        let team = changed.await?;
        tracing::info!(team.id = %team, "changed a team's picture");
        Ok(())
    }

    /// The team's picture, for who may read its profile.
    pub async fn open_avatar(&self, caller: &Caller, name: &str) -> Result<FileDownload, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let team = readable(tx, &caller, &name, &licence)?;
            team.avatar.ok_or_else(|| Error::NotFound(format!("team `{name}` has no picture")))
        });
        self.open_image(found.await?).await
    }

    /// An image of another host in the introduction, as it was fetched last.
    pub async fn open_outside_image(
        &self,
        caller: &Caller,
        name: &str,
        id: OutsideImageId,
    ) -> Result<FileDownload, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence, settings) = (*caller, self.licence(), self.system_settings());
        let found = self.db.read(move |tx| {
            let team = readable(tx, &caller, &name, &licence)?;
            let found = team_profile::image(tx, id)?.filter(|image| image.team == team.id);
            let found = found.filter(|image| is_named(&settings.outside_images, &image.url));
            let image = found.and_then(|image| image.image);
            image.ok_or_else(|| Error::NotFound("this image is not there".into()))
        });
        self.open_image(found.await?).await
    }

    async fn open_image(&self, image: StoredImage) -> Result<FileDownload, Error> {
        let store = &self.store_of(image.owner)?;
        let bytes = Download::open(store, &ObjectKey::image(image.object)).await?;
        Ok(FileDownload::of(image.format.content_type().to_owned(), bytes))
    }

    /// Stores the bytes of an image under an object that was announced.
    pub(super) async fn store_image(
        &self,
        owner: EntityId,
        object: ObjectId,
        facts: ImageFacts,
        bytes: Bytes,
    ) -> Result<StoredImage, Error> {
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
        let store = &self.store_of(owner)?;
        let received = receive(store, &ObjectKey::image(object), body, &Expected::default()).await?;
        Ok(StoredImage {
            object,
            owner,
            format: facts.format,
            size_bytes: received.size_bytes,
            md5: received.md5,
            stored_at: self.clock.now(),
        })
    }

    /// Whether the team has a picture, for who knows of the team.
    pub async fn has_avatar(&self, team: EntityId) -> Result<bool, Error> {
        self.db.read(move |tx| team_profile::has_avatar(tx, team).map_err(Error::from)).await
    }
}

pub fn audience_word(audience: Audience) -> &'static str {
    match audience {
        Audience::Team => "team",
        Audience::Everyone => "everyone",
    }
}

/// Where the images of a team's introduction are asked for.
fn images_path(team: &EntityName) -> String {
    format!("/api/v1/teams/{team}/outside-images/")
}

pub(super) fn is_named(hosts: &[String], url: &str) -> bool {
    host_of(url).is_some_and(|host| hosts.iter().any(|named| named.eq_ignore_ascii_case(&host)))
}

/// A team that shows its profile to the caller: because they see the team, or because it shows itself to everybody.
fn readable(tx: &impl Read, caller: &Caller, name: &EntityName, licence: &Licence) -> Result<ShownTeam, Error> {
    let found = team::find(tx, caller, name)?;
    if let Some(Ok(team)) = found.map(|found| caller.may(Action::TeamRead, found, licence)) {
        return Ok(team_profile::shown(tx, &team)?);
    }
    team_profile::shown_to_everyone(tx, caller, name)?.ok_or_else(|| missing("team", name))
}

fn profile_of(
    tx: &impl Read,
    caller: &Caller,
    team: ShownTeam,
    hosts: &[String],
    licence: &Licence,
) -> Result<Unrendered, Error> {
    let mut images = HashMap::new();
    for (url, id) in team_profile::images(tx, team.id)? {
        let is_here = team_profile::image(tx, id)?.is_some_and(|image| image.image.is_some());
        if is_here && is_named(hosts, &url) {
            images.insert(url, id);
        }
    }
    let mut projects = Vec::new();
    for id in &team.profile.projects {
        let found = seen(caller, Action::ProjectRead, project::get(tx, caller, *id)?, licence)?;
        // One that has moved elsewhere is no project of this team.
        let found = found.filter(|found| found.entity.id == team.id);
        projects.extend(found.map(|found| found.into_inner().project));
    }
    Ok(Unrendered { team, projects, images })
}

fn projects_named(
    tx: &impl Read,
    caller: &Caller,
    team: &EntityName,
    names: &[String],
    licence: &Licence,
) -> Result<Vec<ProjectId>, Error> {
    let invalid = |message: String| Error::Invalid { field: "projects", message };
    if names.len() > SHOWN_PROJECTS_MAX {
        return Err(invalid(format!("a profile shows at most {SHOWN_PROJECTS_MAX} projects")));
    }
    let mut ids = Vec::new();
    for name in names {
        let unknown = || invalid(format!("the team has no project `{}`", name.chars().take(200).collect::<String>()));
        let project = ProjectName::parse(name).map_err(|_| unknown())?;
        let at = ProjectPath { entity: team.clone(), project };
        let found = seen(caller, Action::ProjectRead, project::find(tx, caller, &at)?, licence)?;
        let id = found.ok_or_else(unknown)?.id;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
