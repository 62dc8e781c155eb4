//! Profiles of teams: what they say, their pictures, and images of other hosts in their introductions.

use super::garbage::{self, Ticket};
use super::team::FoundTeam;
use super::{entity, team_setting};
use crate::access::{Action, Allowed, Caller};
use crate::db::DbError;
use crate::db::schema::{AVATARS, OUTSIDE_IMAGE_BY_URL, OUTSIDE_IMAGES, OUTSIDE_IMAGES_DUE, TEAM_PROFILES};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::entity::EntityKind;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{EntityId, ObjectId, OutsideImageId};
use crate::domain::name::EntityName;
use crate::domain::team_profile::{Audience, OutsideImage, StoredImage, TeamProfile};

/// A team whose profile the caller may read.
#[derive(Debug, Clone)]
pub struct ShownTeam {
    pub id: EntityId,
    pub name: EntityName,
    pub profile: TeamProfile,
    pub avatar: Option<StoredImage>,
}

/// What a team shows to everybody: for those who are not in it, if it does not hide.
pub fn shown_to_everyone(tx: &impl Read, caller: &Caller, name: &EntityName) -> Result<Option<ShownTeam>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    let is_team = matches!(found.entity.kind, EntityKind::Team(_)) && found.entity.trash.is_none();
    let may_look = caller.user_id().is_some() || caller.instance.anonymous_reading;
    if !is_team || !may_look || team_setting::in_force(tx, found.id)?.hidden {
        return Ok(None);
    }
    let shown = of(tx, found.id, found.entity.name)?;
    Ok(Some(shown).filter(|shown| shown.profile.audience == Audience::Everyone))
}

/// What a team shows to those who see it anyway.
pub fn shown(tx: &impl Read, team: &Allowed<FoundTeam>) -> Result<ShownTeam, DbError> {
    let action = team.action();
    assert!(
        matches!(action, Action::TeamRead | Action::TeamProfileUpdate),
        "checked for {action} and used for a profile"
    );
    of(tx, team.id, team.entity.name.clone())
}

fn of(tx: &impl Read, id: EntityId, name: EntityName) -> Result<ShownTeam, DbError> {
    let profile = TEAM_PROFILES.get(tx, &id)?.unwrap_or_default();
    Ok(ShownTeam { id, name, profile, avatar: AVATARS.get(tx, &id)? })
}

/// The picture of a team that something checked has led to.
pub fn has_avatar(tx: &impl Read, team: EntityId) -> Result<bool, DbError> {
    Ok(AVATARS.get(tx, &team)?.is_some())
}

/// Stores what the team says, with the outside images in its introduction: known ones stay, the others go.
pub fn put(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    profile: &TeamProfile,
    image_urls: &[String],
) -> Result<(), PutError> {
    team.must_be(Action::TeamProfileUpdate);
    TEAM_PROFILES.put(tx, &team.id, profile)?;
    for (url, id) in images(tx, team.id)? {
        if !image_urls.contains(&url) {
            forget_image(tx, id)?;
        }
    }
    for url in image_urls {
        if OUTSIDE_IMAGE_BY_URL.find(tx, &(team.id, url.clone()))?.is_none() {
            let id = tx.new_id::<OutsideImageId>()?;
            let image = OutsideImage { team: team.id, url: url.clone(), image: None, due_at: tx.now() };
            OUTSIDE_IMAGES.put(tx, &id, &image)?;
        }
    }
    Ok(())
}

/// The outside images of an introduction, by their addresses.
pub fn images(tx: &impl Read, team: EntityId) -> Result<Vec<(String, OutsideImageId)>, DbError> {
    let found = OUTSIDE_IMAGE_BY_URL.list(tx, &team, None, usize::MAX)?;
    Ok(found.into_iter().map(|((_, url), id)| (url, id)).collect())
}

pub fn image(tx: &impl Read, id: OutsideImageId) -> Result<Option<OutsideImage>, DbError> {
    OUTSIDE_IMAGES.get(tx, &id)
}

/// Images that are to be fetched, the longest due first.
pub fn due_images(tx: &impl Read, now: Timestamp, limit: usize) -> Result<Vec<OutsideImageId>, DbError> {
    let found = OUTSIDE_IMAGES_DUE.list(tx, &(), None, limit)?;
    Ok(found.into_iter().take_while(|(due_at, _)| *due_at <= now).map(|(_, id)| id).collect())
}

/// Puts an image off, for the server's own work.
pub fn put_off(tx: &mut WriteTx<'_>, id: OutsideImageId, until: Timestamp) -> Result<(), PutError> {
    let Some(image) = OUTSIDE_IMAGES.get(tx, &id)? else { return Ok(()) };
    OUTSIDE_IMAGES.put(tx, &id, &OutsideImage { due_at: until, ..image })
}

/// Keeps what was fetched in place of what was there before. `false`: nobody wants it any more.
pub fn keep_fetched(
    tx: &mut WriteTx<'_>,
    id: OutsideImageId,
    fetched: StoredImage,
    (due_at, ticket): (Timestamp, &Ticket),
) -> Result<bool, PutError> {
    let Some(image) = OUTSIDE_IMAGES.get(tx, &id)? else { return Ok(false) };
    if !garbage::keep(tx, ticket)? {
        return Ok(false);
    }
    if let Some(before) = &image.image {
        garbage::discard(tx, before.owner, StoredObject::Image(before.object))?;
    }
    OUTSIDE_IMAGES.put(tx, &id, &OutsideImage { image: Some(fetched), due_at, ..image })?;
    Ok(true)
}

/// Gives the team another picture, or none. `false`: the new one took so long that it is being removed.
pub fn put_avatar(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    new: Option<(StoredImage, Ticket)>,
) -> Result<bool, PutError> {
    team.must_be(Action::TeamProfileUpdate);
    let before = AVATARS.get(tx, &team.id)?;
    match new {
        Some((image, ticket)) => {
            if !garbage::keep(tx, &ticket)? {
                return Ok(false);
            }
            AVATARS.put(tx, &team.id, &image)?;
        }
        None => drop(AVATARS.delete(tx, &team.id)?),
    }
    if let Some(before) = before {
        garbage::discard(tx, before.owner, StoredObject::Image(before.object))?;
    }
    Ok(true)
}

/// Names an object that is about to be stored in the team's store.
pub fn announce(tx: &mut WriteTx<'_>, team: EntityId) -> Result<(ObjectId, Ticket), PutError> {
    let object = tx.new_id::<ObjectId>()?;
    let ticket = garbage::announce(tx, team, StoredObject::Image(object))?;
    Ok((object, ticket))
}

/// Removes all of it, with the team.
pub(super) fn remove(tx: &mut WriteTx<'_>, team: EntityId) -> Result<(), PutError> {
    for (_, id) in images(tx, team)? {
        forget_image(tx, id)?;
    }
    if let Some(avatar) = AVATARS.get(tx, &team)? {
        garbage::discard(tx, avatar.owner, StoredObject::Image(avatar.object))?;
        AVATARS.delete(tx, &team)?;
    }
    TEAM_PROFILES.delete(tx, &team)?;
    Ok(())
}

fn forget_image(tx: &mut WriteTx<'_>, id: OutsideImageId) -> Result<(), PutError> {
    if let Some(image) = OUTSIDE_IMAGES.get(tx, &id)?.and_then(|image| image.image) {
        garbage::discard(tx, image.owner, StoredObject::Image(image.object))?;
    }
    OUTSIDE_IMAGES.delete(tx, &id)?;
    Ok(())
}

/// Every stored image, avatars first: for a check of everything. They are few and small.
pub fn stored(tx: &impl Read) -> Result<Vec<StoredImage>, DbError> {
    let avatars = AVATARS.list(tx, &(), None, usize::MAX)?.into_iter().map(|(_, image)| image);
    let outside = OUTSIDE_IMAGES.list(tx, &(), None, usize::MAX)?.into_iter().filter_map(|(_, image)| image.image);
    Ok(avatars.chain(outside).collect())
}
