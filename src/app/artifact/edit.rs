//! Changing what is said about a version. The project that it was logged to decides; a portfolio gives no right to this.

use super::find::readable;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller, Licence, Reason, Refusal};
use crate::app::existing::gone;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::artifact::{draft, edit, version};
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::Ttl;
use crate::domain::artifact::collection::{check_alias, check_tag, is_automatic_type};
use crate::domain::id::ArtifactId;

pub(super) const TAGS_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 1 << 20;
const ALIASES_MAX: usize = 1_000;

/// A change of a version. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateArtifact {
    pub description: Option<String>,
    /// JSON text.
    pub metadata: Option<String>,
    /// As the client writes it: -1 inherits, -2 is off.
    pub ttl_secs: Option<i64>,
    pub tags_to_add: Vec<String>,
    pub tags_to_delete: Vec<String>,
    /// All aliases that the version is to have in its own sequence.
    pub aliases: Option<Vec<String>>,
}

impl App {
    pub async fn update_artifact(
        &self,
        caller: &Caller,
        id: ArtifactId,
        input: UpdateArtifact,
    ) -> Result<Allowed<FoundArtifact>, Error> {
        self.check_metadata(input.metadata.as_deref())?;
        check_description(input.description.as_deref())?;
        check_tags(&input.tags_to_add)?;
        let aliases = input.aliases.as_deref().unwrap_or_default();
        if aliases.len() > ALIASES_MAX {
            return Err(Error::TooLarge(format!("at most {ALIASES_MAX} aliases can be named in one request")));
        }
        for alias in aliases {
            check_alias(alias).map_err(|why| Error::invalid("aliases", &why))?;
        }
        let ttl = input.ttl_secs.map(parse_ttl).transpose()?;
        let (caller, licence) = (*caller, self.licence());
        let updated = self.db.write(move |tx| {
            let found = changeable(tx, &caller, id, Action::ArtifactMetadataUpdate, &licence)?;
            let mut changed = found.artifact.clone();
            if let Some(ttl) = ttl {
                check_may_expire(&found.within, ttl)?;
                changed.ttl = ttl;
            }
            if let Some(description) = &input.description {
                changed.description = Some(description.clone());
            }
            change_tags(&mut changed.tags, &input.tags_to_add, &input.tags_to_delete)?;
            if let Some(metadata) = &input.metadata {
                edit::put_metadata(tx, &found, metadata.clone())?;
            }
            changed.updated_at = tx.now();
            edit::update_version(tx, &found, &changed)?;
            if let Some(aliases) = &input.aliases {
                replace_aliases(tx, &caller, &found, aliases, &licence)?;
            }
            readable(tx, &caller, id, &licence)?.ok_or_else(|| DbError::Damaged("a version just changed".into()).into())
        });
        updated.await
    }
}

/// A version or draft, for a change that its own project has to allow.
pub(super) fn changeable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    action: Action,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    readable(tx, caller, id, licence)?.ok_or_else(|| gone("artifact"))?;
    let own = draft::find(tx, caller, id)?.ok_or_else(|| gone("artifact"))?;
    caller.may(action, own, licence).map_err(|refusal| match refusal {
        // They see it in a portfolio, so it is no secret that it exists.
        Refusal::Hidden => Refusal::Forbidden { action, reason: Reason::Role }.into(),
        other => other.into(),
    })
}

fn replace_aliases(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Allowed<FoundArtifact>,
    wanted: &[String],
    licence: &Licence,
) -> Result<(), Error> {
    let Some(number) = found.version else { return Ok(()) };
    let within = found.project(|found| found.within.clone());
    let had = version::aliases(tx, &within, number)?;
    let taken: Vec<&String> = had.iter().filter(|alias| !wanted.contains(alias)).collect();
    if !taken.is_empty() {
        let within = caller.may(Action::ArtifactAliasDelete, within.project(Clone::clone).again(), licence)?;
        for alias in taken {
            edit::take_alias(tx, &within, number, alias)?;
        }
    }
    let within = caller.may(Action::ArtifactAliasUpdate, within.again(), licence)?;
    for alias in wanted {
        edit::give_alias(tx, &within, number, alias)?;
    }
    Ok(())
}

pub(super) fn check_description(text: Option<&str>) -> Result<(), Error> {
    if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Error::TooLarge(format!("a description has at most {TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

pub(super) fn check_tags(tags: &[String]) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(too_many_tags());
    }
    tags.iter().try_for_each(|tag| check_tag(tag)).map_err(|why| Error::invalid("tags", &why))
}

/// Adds those that are missing, then takes away those that are there.
pub(super) fn change_tags(tags: &mut Vec<String>, add: &[String], delete: &[String]) -> Result<(), Error> {
    for tag in add {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags.retain(|tag| !delete.contains(tag));
    if tags.len() > TAGS_MAX { Err(too_many_tags()) } else { Ok(()) }
}

fn too_many_tags() -> Error {
    Error::TooLarge(format!("there are at most {TAGS_MAX} tags; delete some first"))
}

pub(super) fn parse_ttl(secs: i64) -> Result<Ttl, Error> {
    let why = "a time to live is a number of seconds above 0, -1 to inherit it, or -2 for none";
    Ttl::from_wire(secs).ok_or_else(|| Error::invalid("ttlDurationSeconds", &why))
}

/// What clients and servers log by themselves does not expire.
pub(super) fn check_may_expire(within: &FoundCollection, ttl: Ttl) -> Result<(), Error> {
    let name = &within.artifact_type.name;
    if matches!(ttl, Ttl::Secs(_)) && is_automatic_type(name) {
        let why = format!("artifacts of the type `{name}` are made automatically and cannot have a time to live");
        return Err(Error::invalid("ttlDurationSeconds", &why));
    }
    Ok(())
}
