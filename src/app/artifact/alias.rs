//! Giving and taking aliases. The project of the collection decides, whichever project the version is from.

use super::FoundCollection;
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::{existing, missing};
use crate::app::{App, Error};
use crate::db::repo::artifact::{self, edit};
use crate::db::repo::project::{self, ProjectPath};
use crate::db::tx::Read;
use crate::domain::artifact::collection::{CollectionName, check_alias};
use crate::domain::id::ArtifactId;
use crate::domain::name::EntityName;
use crate::domain::project::ProjectName;

/// As many as one request may name.
const ALIASES_MAX: usize = 1_000;

/// An alias and the collection that it is in.
#[derive(Debug, Clone)]
pub struct AliasAt {
    pub entity: String,
    pub project: String,
    pub collection: String,
    pub alias: String,
}

/// The same with its texts checked.
#[derive(Debug, Clone)]
pub(super) struct CheckedAlias {
    at: ProjectPath,
    collection: CollectionName,
    alias: String,
}

impl App {
    /// Gives aliases to a version: all of them or none. Another version of the collection loses them.
    pub async fn add_aliases(&self, caller: &Caller, id: ArtifactId, aliases: Vec<AliasAt>) -> Result<(), Error> {
        let aliases = check_all(aliases)?;
        for at in &aliases {
            check_alias(&at.alias).map_err(|why| Error::invalid("aliases", &why))?;
        }
        let (caller, licence) = (*caller, self.licence());
        let added = self.db.write(move |tx| {
            for at in &aliases {
                let (within, version) = place(tx, &caller, (id, at), Action::ArtifactAliasUpdate, &licence)?;
                edit::give_alias(tx, &within, version, &at.alias)?;
            }
            Ok::<_, Error>(())
        });
        added.await
    }

    /// Takes aliases from a version. One that it does not have is taken already.
    pub async fn delete_aliases(&self, caller: &Caller, id: ArtifactId, aliases: Vec<AliasAt>) -> Result<(), Error> {
        let aliases = check_all(aliases)?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            for at in &aliases {
                let (within, version) = place(tx, &caller, (id, at), Action::ArtifactAliasDelete, &licence)?;
                edit::take_alias(tx, &within, version, &at.alias)?;
            }
            Ok::<_, Error>(())
        });
        deleted.await
    }
}

fn check_all(aliases: Vec<AliasAt>) -> Result<Vec<CheckedAlias>, Error> {
    if aliases.len() > ALIASES_MAX {
        return Err(Error::TooLarge(format!("at most {ALIASES_MAX} aliases can be named in one request")));
    }
    aliases.into_iter().map(check).collect()
}

/// What can be nobody's name is missing like any other.
fn check(at: AliasAt) -> Result<CheckedAlias, Error> {
    let gone = || missing("collection", format!("{}/{}/{}", at.entity, at.project, at.collection));
    Ok(CheckedAlias {
        at: ProjectPath {
            entity: EntityName::parse(&at.entity).map_err(|_| gone())?,
            project: ProjectName::parse(&at.project).map_err(|_| gone())?,
        },
        collection: CollectionName::parse(&at.collection).map_err(|_| gone())?,
        alias: at.alias,
    })
}

/// The collection, for one action, and the number that the version has in it.
fn place(
    tx: &impl Read,
    caller: &Caller,
    (id, at): (ArtifactId, &CheckedAlias),
    action: Action,
    licence: &Licence,
) -> Result<(Allowed<FoundCollection>, u32), Error> {
    let gone = || missing("collection", format!("{}/{}/{}", at.at.entity, at.at.project, at.collection));
    let project = existing(caller, action, project::find(tx, caller, &at.at)?, licence, gone)?;
    let within = artifact::collection_named(tx, &project, &at.collection)?.ok_or_else(gone)?;
    let number = edit::number_in(tx, within.id, id)?;
    let number = number.ok_or_else(|| Error::NotFound(format!("`{}` has no such version", at.collection)))?;
    Ok((within, number))
}
