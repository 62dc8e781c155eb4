//! Content by its digest alone: how clients fetch a file for which they hold no URL. Whoever may download a version that
//! has the content may have it.

use super::find::readable;
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::name_of_existing;
use crate::app::{App, Error};
use crate::db::repo::artifact::{self, FoundArtifact, blob};
use crate::db::repo::entity;
use crate::db::tx::Read;
use crate::domain::id::{ArtifactId, EntityId, ObjectId};

/// Versions with the same content that are looked at for one that the caller may download.
const USERS_MAX: usize = 1_000;

/// What the path of such a request says.
#[derive(Debug, Clone)]
pub struct ByDigest {
    /// Of the project through which the client reached the version.
    pub entity: String,
    pub md5: [u8; 16],
    /// The version, where the client says it.
    pub artifact: Option<ArtifactId>,
    /// The version that brought the content first, where the client knows it.
    pub birth: Option<ArtifactId>,
}

impl App {
    /// A token that fetches the content.
    pub async fn token_by_digest(&self, caller: &Caller, wanted: ByDigest) -> Result<String, Error> {
        let (asking, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| match wanted.artifact {
            Some(id) => of_version(tx, &asking, id, wanted.md5, &licence),
            None => of_any_version(tx, &asking, &wanted, &licence),
        });
        let (found, object) = found.await?;
        self.blob_token(caller, &found, object)
    }
}

fn of_version(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    md5: [u8; 16],
    licence: &Licence,
) -> Result<(Allowed<FoundArtifact>, ObjectId), Error> {
    let found = readable(tx, caller, id, licence)?.ok_or_else(gone)?;
    let found = caller.may(Action::ArtifactDownload, found.again(), licence)?;
    let owner = artifact::owner(tx, id)?.ok_or_else(gone)?;
    let (object, _) = blob::with_md5(tx, owner, md5)?.ok_or_else(gone)?;
    if blob::is_used_by(tx, &found, object)? { Ok((found, object)) } else { Err(gone()) }
}

fn of_any_version(
    tx: &impl Read,
    caller: &Caller,
    wanted: &ByDigest,
    licence: &Licence,
) -> Result<(Allowed<FoundArtifact>, ObjectId), Error> {
    let name = name_of_existing("entity", &wanted.entity).map_err(|_| gone())?;
    let mut owners: Vec<EntityId> = entity::named(tx, &name)?.map(|found| found.id).into_iter().collect();
    if let Some(birth) = wanted.birth {
        owners.extend(artifact::owner(tx, birth)?);
    }
    let mut seen = None;
    for owner in owners {
        let Some((object, _)) = blob::with_md5(tx, owner, wanted.md5)? else { continue };
        for id in blob::users(tx, object, USERS_MAX)? {
            let Some(found) = readable(tx, caller, id, licence)? else { continue };
            if caller.may(Action::ArtifactDownload, found.project(Clone::clone).again(), licence).is_ok() {
                return Ok((found, object));
            }
            seen.get_or_insert((found, object));
        }
    }
    // What may be read and not downloaded is refused with the reason.
    seen.ok_or_else(gone)
}

fn gone() -> Error {
    Error::NotFound("no artifact has a file of this digest".into())
}
