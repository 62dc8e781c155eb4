//! Linking versions to portfolios, and taking them out again. Whoever links has to be able to download: who sees the
//! portfolio may then.

use super::find::readable;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::{existing, gone};
use crate::app::project::{existing_entity, get_or_create};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::artifact::{self, draft, edit, link, listing};
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::ArtifactState;
use crate::domain::artifact::collection::{CollectionKind, CollectionName, check_alias};
use crate::domain::id::{ArtifactId, CollectionId};
use crate::domain::name::EntityName;
use crate::domain::project::ProjectName;

const ALIASES_MAX: usize = 100;

/// Which portfolio to link to.
#[derive(Debug, Clone)]
pub enum Portfolio {
    Id(CollectionId),
    /// Made if it is missing. Without an entity it is the caller's own.
    Named {
        entity: Option<String>,
        project: String,
        name: String,
    },
}

/// The same with its texts checked.
#[derive(Clone)]
enum Target {
    Id(CollectionId),
    Named(Option<EntityName>, ProjectName, CollectionName),
}

impl App {
    /// Gives the version a place in the portfolio, or finds the one it has, and gives it the aliases there.
    pub async fn link_artifact(
        &self,
        caller: &Caller,
        id: ArtifactId,
        portfolio: Portfolio,
        aliases: Vec<String>,
    ) -> Result<Allowed<FoundArtifact>, Error> {
        if aliases.len() > ALIASES_MAX {
            return Err(Error::TooLarge(format!("a link gets at most {ALIASES_MAX} aliases at once")));
        }
        for alias in &aliases {
            check_alias(alias).map_err(|why| Error::invalid("aliases", &why))?;
        }
        let target = portfolio.check()?;
        let (caller, licence) = (*caller, self.licence());
        let linked = self.db.write(move |tx| {
            let found = linkable(tx, &caller, id, &licence)?;
            let within = target_of(tx, &caller, &target, &found, &licence)?;
            let number = match edit::number_in(tx, within.id, id)? {
                Some(number) => number,
                None => link::link(tx, &within, &found)?,
            };
            for alias in &aliases {
                edit::give_alias(tx, &within, number, alias)?;
            }
            let within = caller.may(Action::ArtifactRead, within.again(), &licence)?;
            let placed = listing::version_numbered(tx, &within, number)?;
            placed.ok_or_else(|| DbError::Damaged("a version just linked".into()).into())
        });
        linked.await
    }

    /// Takes the version out of the portfolio, with its aliases there.
    pub async fn unlink_artifact(&self, caller: &Caller, id: ArtifactId, portfolio: CollectionId) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let unlinked = self.db.write(move |tx| {
            let hidden = || gone("portfolio");
            let found = artifact::collection(tx, &caller, portfolio)?;
            let within = existing(&caller, Action::ArtifactDelete, found, &licence, hidden)?;
            let name = &within.collection.name;
            if within.collection.kind == CollectionKind::Sequence {
                let why = format!("versions of `{name}` were logged to it, not linked; delete the version instead");
                return Err(Error::invalid("artifactPortfolioID", &why));
            }
            let number = edit::number_in(tx, within.id, id)?;
            let number = number.ok_or_else(|| Error::NotFound(format!("`{name}` has no such version")))?;
            Ok::<_, Error>(link::unlink(tx, &within, number)?)
        });
        unlinked.await
    }
}

impl Portfolio {
    fn check(self) -> Result<Target, Error> {
        Ok(match self {
            Self::Id(id) => Target::Id(id),
            Self::Named { entity, project, name } => {
                let entity = entity.as_deref().filter(|entity| !entity.is_empty()).map(existing_entity).transpose()?;
                let project = ProjectName::parse(&project).map_err(|why| Error::invalid("projectName", &why))?;
                let name = CollectionName::parse(&name).map_err(|why| Error::invalid("artifactPortfolioName", &why))?;
                Target::Named(entity, project, name)
            }
        })
    }
}

/// A committed version that the caller may download from one of its places.
fn linkable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    let found = readable(tx, caller, id, licence)?.ok_or_else(|| gone("artifact"))?;
    if found.artifact.state != ArtifactState::Committed {
        let name = &found.within.collection.name;
        return Err(Error::Conflict(format!(
            "this version of `{name}` is still being logged; link it when it is done"
        )));
    }
    Ok(caller.may(Action::ArtifactDownload, found.again(), licence)?)
}

/// The portfolio to link to, of the type of the version.
fn target_of(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    target: &Target,
    found: &Allowed<FoundArtifact>,
    licence: &Licence,
) -> Result<Allowed<FoundCollection>, Error> {
    let type_name = &found.within.artifact_type.name;
    let within = match target {
        Target::Id(id) => {
            let hidden = || gone("portfolio");
            existing(caller, Action::ArtifactCreate, artifact::collection(tx, caller, *id)?, licence, hidden)?
        }
        Target::Named(entity, project, name) => {
            let at = (entity.as_ref(), project);
            let (at, _) = get_or_create(tx, caller, at, Action::ArtifactCreate, licence)?;
            match artifact::collection_named(tx, &at, name)? {
                Some(within) => within,
                None => {
                    let artifact_type = draft::find_or_create_type(tx, &at, type_name, None)?;
                    link::create_portfolio(tx, caller, &at, (name, artifact_type))?;
                    let made = artifact::collection_named(tx, &at, name)?;
                    made.ok_or_else(|| DbError::Damaged("a portfolio just made".into()))?
                }
            }
        }
    };
    let (name, is) = (&within.collection.name, &within.artifact_type.name);
    if within.collection.kind == CollectionKind::Sequence {
        return Err(Error::Conflict(format!(
            "`{name}` is a sequence, to which versions are logged; link to a portfolio under another name"
        )));
    }
    if is != type_name {
        let why = format!("portfolio `{name}` holds artifacts of the type `{is}`, this one has the type `{type_name}`");
        return Err(Error::Conflict(format!("{why}; link it to another portfolio")));
    }
    Ok(within)
}
