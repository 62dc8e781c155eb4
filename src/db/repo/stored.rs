//! Stored objects by whose they are: all that records lead to, by the entity that owns it, page by page; and the other
//! way, from an object to what has it.

use crate::db::DbError;
use crate::db::key::Key;
use crate::db::schema::{
    ARTIFACTS, AVATARS, BLOB_USERS, BLOBS, COLLECTIONS, ENTITIES, ENTRIES, MANIFEST_BY_OBJECT, MANIFESTS,
    OBJECTS_BY_OWNER, OUTSIDE_IMAGE_BY_URL, OUTSIDE_IMAGES, PARTS_BY_OWNER, PARTS_BY_SEGMENT, PICTURES_BY_OBJECT,
    PROJECTS, RUN_FILE_BY_OBJECT, RUN_FILES, RUNS, SEALED_PARTS, id_block_key,
};
use crate::db::tx::Read;
use crate::domain::artifact::manifest::EntrySource;
use crate::domain::file::FileContents;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, EntityId, Id, ObjectId, ProjectId, RunId, SegmentId};
use crate::domain::stored::{Content, Holder, Position, Referenced};
use crate::domain::stream::{SealedPart, Stream};
use crate::domain::team_profile::StoredImage;

/// Entries of an artifact that are looked at for the name of one file; a larger artifact is named alone.
const ENTRIES_LOOKED_AT: usize = 10_000;

/// Where the client puts media (wandb 0.31.0).
const MEDIA: &str = "media/";

/// An object, and where a list goes on that was stopped before the next one.
pub type Listed = (Referenced, Position);

/// At most about `limit` objects, and where the next page starts; after the last there is none.
pub fn list(
    tx: &impl Read,
    owner: EntityId,
    from: Position,
    limit: usize,
) -> Result<(Vec<Listed>, Option<Position>), DbError> {
    match from {
        Position::Objects(after) => {
            let page = OBJECTS_BY_OWNER.list(tx, &owner, after.map(|object| (owner, object)).as_ref(), limit)?;
            let mut listed = Vec::with_capacity(page.len());
            for (_, object) in &page {
                let found = find(tx, *object)?;
                listed.extend(found.map(|(_, found)| (found, Position::Objects(Some(*object)))));
            }
            let next = page.last().filter(|_| page.len() == limit);
            Ok((listed, Some(next.map_or(Position::Parts(None), |(_, object)| Position::Objects(Some(*object))))))
        }
        Position::Parts(after) => list_parts(tx, owner, after, limit),
    }
}

/// What several runs share comes once, where it is first.
fn list_parts(
    tx: &impl Read,
    owner: EntityId,
    after: Option<(SegmentId, RunId, Stream, u32)>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<Position>), DbError> {
    let page = PARTS_BY_OWNER.list(tx, &owner, after.map(|part| (owner, part)).as_ref(), limit)?;
    let mut listed = Vec::with_capacity(page.len());
    let mut before = after;
    for (_, part) in &page {
        let (segment, run, stream, place) = *part;
        let is_first = before.is_none_or(|(before, ..)| before != segment);
        if let Some(sealed) = SEALED_PARTS.get(tx, &(run, stream, place))?.filter(|_| is_first) {
            let objects = of_part(&sealed, run, stream);
            let last = objects.len().saturating_sub(1);
            for (number, object) in objects.into_iter().enumerate() {
                // Stopped between the two objects of a part, both come again.
                let at = if number == last { Some(*part) } else { before };
                listed.push((object, Position::Parts(at)));
            }
        }
        before = Some(*part);
    }
    let next = page.last().filter(|_| page.len() == limit).map(|(_, part)| Position::Parts(Some(*part)));
    Ok((listed, next))
}

/// The next entity, by id, that owns any object; entities that are gone included.
pub fn owner_after(tx: &impl Read, after: Option<EntityId>) -> Result<Option<EntityId>, DbError> {
    let from = EntityId(after.map_or(0, |owner| owner.0.saturating_add(1)));
    // No id is 0, so every entry of that owner comes after these.
    let first = (from, StoredObject::RunFile(ObjectId(0)));
    let first_part = (from, (SegmentId(0), RunId(0), Stream::History, 0));
    let of_object = OBJECTS_BY_OWNER.list(tx, &(), Some(&first), 1)?.first().map(|(owner, _)| *owner);
    let of_part = PARTS_BY_OWNER.list(tx, &(), Some(&first_part), 1)?.first().map(|(owner, _)| *owner);
    Ok(of_object.into_iter().chain(of_part).min())
}

/// Whether any record leads to an object of the entity.
pub fn has_any(tx: &impl Read, owner: EntityId) -> Result<bool, DbError> {
    let mut from = Some(Position::default());
    while let Some(position) = from {
        let (page, next) = list(tx, owner, position, 1)?;
        if !page.is_empty() {
            return Ok(true);
        }
        from = next;
    }
    Ok(false)
}

/// Whose object it is and what has it; nothing when no record leads to it.
pub fn find(tx: &impl Read, object: StoredObject) -> Result<Option<(EntityId, Referenced)>, DbError> {
    match object {
        StoredObject::RunFile(id) => {
            let Some(file) = RUN_FILE_BY_OBJECT.find(tx, &id)? else { return Ok(None) };
            let contents = RUN_FILES.get(tx, &file)?.and_then(|file| file.contents);
            Ok(contents.map(|contents| (contents.owner, of_file(&contents, Holder::File(file)))))
        }
        StoredObject::Blob(id) => {
            Ok(BLOBS.get(tx, &id)?.map(|blob| (blob.owner, of_blob(id, blob.size_bytes, blob.md5))))
        }
        StoredObject::Manifest(id) => {
            let Some(manifest) = MANIFEST_BY_OBJECT.find(tx, &id)? else { return Ok(None) };
            let Some(found) = MANIFESTS.get(tx, &manifest)? else { return Ok(None) };
            Ok(found.contents.map(|contents| (found.owner, of_manifest(&contents, Holder::Manifest(manifest)))))
        }
        StoredObject::Segment(id) | StoredObject::Detail(id) | StoredObject::Console(id) => {
            let Some((_, run, stream, place)) = PARTS_BY_SEGMENT.list(tx, &id, None, 1)?.pop() else { return Ok(None) };
            let Some(part) = SEALED_PARTS.get(tx, &(run, stream, place))? else { return Ok(None) };
            let found = of_part(&part, run, stream).into_iter().find(|found| found.object == object);
            Ok(found.map(|found| (part.owner, found)))
        }
        StoredObject::Image(id) => {
            let Some((_, team)) = PICTURES_BY_OBJECT.list(tx, &id, None, 1)?.pop() else { return Ok(None) };
            let mut pictures: Vec<StoredImage> = AVATARS.get(tx, &team)?.into_iter().collect();
            for (_, outside) in OUTSIDE_IMAGE_BY_URL.list(tx, &team, None, usize::MAX)? {
                pictures.extend(OUTSIDE_IMAGES.get(tx, &outside)?.and_then(|outside| outside.image));
            }
            let found = pictures.into_iter().find(|image| image.object == id);
            Ok(found.map(|image| (image.owner, of_picture(&image, team))))
        }
    }
}

/// Whether it is a file that a run has logged as media.
pub fn is_media(tx: &impl Read, found: &Referenced) -> Result<bool, DbError> {
    let Holder::File(id) = found.holder else { return Ok(false) };
    Ok(RUN_FILES.get(tx, &id)?.is_some_and(|file| file.path.as_str().starts_with(MEDIA)))
}

/// How many versions or runs use it.
pub fn uses(tx: &impl Read, found: &Referenced) -> Result<u64, DbError> {
    Ok(match found.object {
        StoredObject::Blob(id) => BLOB_USERS.list(tx, &id, None, usize::MAX)?.len() as u64,
        StoredObject::Segment(id) | StoredObject::Detail(id) | StoredObject::Console(id) => {
            PARTS_BY_SEGMENT.list(tx, &id, None, usize::MAX)?.len() as u64
        }
        StoredObject::RunFile(_) | StoredObject::Manifest(_) | StoredObject::Image(_) => 1,
    })
}

/// Whether this server has made the object's id.
pub fn is_given_out(tx: &impl Read, object: StoredObject) -> Result<bool, DbError> {
    let (kind, id) = match object {
        StoredObject::RunFile(id) | StoredObject::Blob(id) | StoredObject::Manifest(id) | StoredObject::Image(id) => {
            (ObjectId::KIND, id.0)
        }
        StoredObject::Segment(id) | StoredObject::Detail(id) | StoredObject::Console(id) => (SegmentId::KIND, id.0),
    };
    let next = tx.get(&id_block_key(kind))?.and_then(|bytes| u64::read(&mut bytes.as_slice()));
    Ok(next.is_some_and(|next| (1..next).contains(&id)))
}

/// The run or the artifact that has the object, as people know it.
pub fn name(tx: &impl Read, found: &Referenced) -> Result<String, DbError> {
    Ok(match found.holder {
        Holder::File(id) => match RUN_FILES.get(tx, &id)? {
            Some(file) => format!("{}, file `{}`", name_of_run(tx, file.run)?, file.path),
            None => "a file that was deleted".into(),
        },
        Holder::Blob(object) => name_of_blob(tx, object)?,
        Holder::Manifest(id) => match MANIFESTS.get(tx, &id)? {
            Some(manifest) => format!("{}, its manifest", name_of_artifact(tx, manifest.artifact)?),
            None => "an artifact that was deleted".into(),
        },
        Holder::Part(run, Stream::History) => format!("{}, its history", name_of_run(tx, run)?),
        Holder::Part(run, Stream::Events) => format!("{}, its system metrics", name_of_run(tx, run)?),
        Holder::Part(run, Stream::Console) => format!("{}, its console", name_of_run(tx, run)?),
        Holder::Picture(team) => format!("a picture of team {}", name_of_entity(tx, team)?),
    })
}

fn name_of_run(tx: &impl Read, id: RunId) -> Result<String, DbError> {
    let Some(run) = RUNS.get(tx, &id)? else { return Ok("a run that was deleted".into()) };
    Ok(format!("run `{}/{}`", name_of_project(tx, run.project)?, run.name))
}

/// One of the artifacts that share it, and the first path that it has there.
fn name_of_blob(tx: &impl Read, object: ObjectId) -> Result<String, DbError> {
    let users = BLOB_USERS.list(tx, &object, None, 2)?;
    let Some((_, artifact)) = users.first() else { return Ok("an artifact that was deleted".into()) };
    let name = name_of_artifact(tx, *artifact)?;
    let others = if users.len() > 1 { ", and other versions" } else { "" };
    let entries = ENTRIES.list(tx, artifact, None, ENTRIES_LOOKED_AT)?;
    let entry = entries.into_iter().find(|(_, entry)| matches!(entry.source, EntrySource::Blob(id) if id == object));
    Ok(match entry {
        Some(((_, path), _)) => format!("{name}, file `{path}`{others}"),
        None => format!("{name}{others}"),
    })
}

fn name_of_artifact(tx: &impl Read, id: ArtifactId) -> Result<String, DbError> {
    let gone = || "an artifact that was deleted".to_owned();
    let Some(artifact) = ARTIFACTS.get(tx, &id)? else { return Ok(gone()) };
    let Some(collection) = COLLECTIONS.get(tx, &artifact.sequence)? else { return Ok(gone()) };
    let version = artifact.version.map_or_else(|| "draft".to_owned(), |version| format!("v{version}"));
    let project = name_of_project(tx, collection.project)?;
    Ok(format!("artifact `{project}/{}:{version}`", collection.name))
}

fn name_of_project(tx: &impl Read, id: ProjectId) -> Result<String, DbError> {
    let Some(project) = PROJECTS.get(tx, &id)? else { return Ok(format!("project {id}")) };
    Ok(format!("{}/{}", name_of_entity(tx, project.entity)?, project.name))
}

pub fn name_of_entity(tx: &impl Read, id: EntityId) -> Result<String, DbError> {
    Ok(ENTITIES.get(tx, &id)?.map_or_else(|| id.to_string(), |entity| entity.name.to_string()))
}

fn of_file(contents: &FileContents, holder: Holder) -> Referenced {
    let content = Content { size_bytes: contents.size_bytes, md5: contents.md5 };
    Referenced { object: StoredObject::RunFile(contents.object), content, holder }
}

fn of_manifest(contents: &FileContents, holder: Holder) -> Referenced {
    Referenced { object: StoredObject::Manifest(contents.object), ..of_file(contents, holder) }
}

fn of_blob(object: ObjectId, size_bytes: u64, md5: [u8; 16]) -> Referenced {
    let content = Content { size_bytes, md5: Some(md5) };
    Referenced { object: StoredObject::Blob(object), content, holder: Holder::Blob(object) }
}

fn of_picture(image: &StoredImage, team: EntityId) -> Referenced {
    let content = Content { size_bytes: image.size_bytes, md5: Some(image.md5) };
    Referenced { object: StoredObject::Image(image.object), content, holder: Holder::Picture(team) }
}

fn of_part(part: &SealedPart, run: RunId, stream: Stream) -> Vec<Referenced> {
    let holder = Holder::Part(run, stream);
    let object = match stream {
        Stream::Console => StoredObject::Console(part.segment),
        Stream::History | Stream::Events => StoredObject::Segment(part.segment),
    };
    let mut objects = vec![Referenced { object, content: part.object, holder }];
    if let Some(content) = part.detail {
        objects.push(Referenced { object: StoredObject::Detail(part.segment), content, holder });
    }
    objects
}
