//! Changing and deleting collections.

use super::FoundCollection;
use super::draft::check_type;
use super::edit::{change_tags, check_description, check_may_expire, check_tags, parse_ttl};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::audit::{self, Event};
use crate::app::existing::{existing, gone, missing};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::artifact::{self, delete, draft, edit};
use crate::db::repo::project::{self, ProjectPath};
use crate::db::tx::Read;
use crate::domain::artifact::collection::{Collection, CollectionKind, CollectionName};
use crate::domain::audit::AuditAction;
use crate::domain::id::CollectionId;
use crate::domain::name::EntityName;
use crate::domain::project::ProjectName;

/// Versions deleted in one transaction: others wait behind it.
pub(super) const VERSIONS_AT_ONCE: usize = 100;

/// A change of a collection. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateCollection {
    pub name: Option<String>,
    pub description: Option<String>,
    /// How long versions are kept that say nothing themselves: seconds, or -2 for ever.
    pub default_ttl_secs: Option<i64>,
}

/// A collection in the words of a path.
#[derive(Debug, Clone)]
pub struct CollectionPath {
    pub entity: String,
    pub project: String,
    pub collection: String,
}

impl App {
    pub async fn update_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        input: UpdateCollection,
    ) -> Result<Allowed<FoundCollection>, Error> {
        let name = input.name.as_deref().map(CollectionName::parse).transpose();
        let name = name.map_err(|why| Error::invalid("name", &why))?;
        check_description(input.description.as_deref())?;
        let ttl = input.default_ttl_secs.map(parse_ttl).transpose()?;
        self.change_collection(caller, id, move |tx, within, changed| {
            if let Some(name) = name.as_ref().filter(|name| **name != changed.name) {
                if artifact::collection_id(tx, changed.project, name)?.is_some() {
                    let project = &within.at.project.name;
                    let why = format!("project `{project}` has a collection `{name}` already; choose another name");
                    return Err(Error::Conflict(why));
                }
                changed.name = name.clone();
            }
            if let Some(description) = &input.description {
                changed.description = Some(description.clone());
            }
            if let Some(ttl) = ttl {
                check_may_expire(within, ttl)?;
                changed.default_ttl_secs = ttl.effective_secs(None);
            }
            Ok(())
        })
        .await
    }

    pub async fn change_collection_tags(
        &self,
        caller: &Caller,
        path: CollectionPath,
        add: Vec<String>,
        delete: Vec<String>,
    ) -> Result<Allowed<FoundCollection>, Error> {
        check_tags(&add)?;
        let hidden = || missing("collection", format!("{}/{}/{}", path.entity, path.project, path.collection));
        let at = ProjectPath {
            entity: EntityName::parse(&path.entity).map_err(|_| hidden())?,
            project: ProjectName::parse(&path.project).map_err(|_| hidden())?,
        };
        let name = CollectionName::parse(&path.collection).map_err(|_| hidden())?;
        let (asking, licence) = (*caller, self.licence());
        let id = self.db.read(move |tx| {
            let found = project::find(tx, &asking, &at)?;
            let hidden = || missing("collection", format!("{}/{}/{name}", at.entity, at.project));
            let at = existing(&asking, Action::ArtifactMetadataUpdate, found, &licence, hidden)?;
            Ok::<_, Error>(artifact::collection_id(tx, at.id, &name)?)
        });
        let id = id.await?.ok_or_else(hidden)?;
        self.change_collection(caller, id, move |_, _, changed| change_tags(&mut changed.tags, &add, &delete)).await
    }

    /// Gives a sequence another type, which is made if the project lacks it.
    pub async fn move_sequence(
        &self,
        caller: &Caller,
        id: CollectionId,
        type_name: String,
    ) -> Result<Allowed<FoundCollection>, Error> {
        check_type("destinationArtifactTypeName", &type_name)?;
        let (asking, licence) = (*caller, self.licence());
        let moved = self.db.write(move |tx| {
            let within = changeable(tx, &asking, id, Action::ArtifactMetadataUpdate, &licence)?;
            let name = &within.collection.name;
            if within.collection.kind == CollectionKind::Portfolio {
                let why = format!("`{name}` is a portfolio, whose type is that of the versions linked to it");
                return Err(Error::invalid("artifactSequenceID", &why));
            }
            let at = within.project(|within| within.at.clone());
            let at = asking.may(Action::ArtifactCreate, at.again(), &licence)?;
            let artifact_type = draft::find_or_create_type(tx, &at, &type_name, None)?;
            let changed = Collection { artifact_type, updated_at: tx.now(), ..within.collection.clone() };
            edit::update_collection(tx, &within, &changed)?;
            changeable(tx, &asking, id, Action::ArtifactRead, &licence)
        });
        moved.await
    }

    /// Deletes a sequence with all its versions, or a portfolio, whose versions stay where they were logged. In portions: if
    /// it is cut off, what was not deleted yet is still there, and deleting again goes on.
    pub async fn delete_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        kind: CollectionKind,
    ) -> Result<FoundCollection, Error> {
        let mut deleted = None;
        loop {
            let (asking, licence, goes_on) = (*caller, self.licence(), deleted.is_some());
            let portion = self.db.write(move |tx| {
                // Somebody else may have finished what this began.
                if goes_on && artifact::collection(tx, &asking, id)?.is_none() {
                    return Ok(None);
                }
                let within = changeable(tx, &asking, id, Action::CollectionDelete, &licence)?;
                if within.collection.kind != kind {
                    return Err(gone("collection"));
                }
                if !goes_on {
                    let kind = match kind {
                        CollectionKind::Sequence => "sequence",
                        CollectionKind::Portfolio => "portfolio",
                    };
                    let event = Event::new(AuditAction::ArtifactDelete).project(within.at.id, &within.at.project);
                    let event = event.detail("collection", &within.collection.name).detail("kind", kind);
                    audit::record(tx, &asking, event)?;
                }
                let is_gone = delete::delete_collection(tx, &within, VERSIONS_AT_ONCE)?;
                Ok::<_, Error>(Some((within.into_inner(), is_gone)))
            });
            match portion.await? {
                Some((within, false)) => deleted = Some(within),
                Some((within, true)) => {
                    tracing::info!(collection.id = %id, "deleted a collection");
                    return Ok(within);
                }
                None => return deleted.ok_or_else(|| gone("collection")),
            }
        }
    }

    async fn change_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        change: impl Fn(&crate::db::tx::WriteTx<'_>, &FoundCollection, &mut Collection) -> Result<(), Error>
        + Send
        + Sync
        + 'static,
    ) -> Result<Allowed<FoundCollection>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let changed = self.db.write(move |tx| {
            let within = changeable(tx, &caller, id, Action::ArtifactMetadataUpdate, &licence)?;
            let mut changed = within.collection.clone();
            change(tx, &within, &mut changed)?;
            changed.updated_at = tx.now();
            edit::update_collection(tx, &within, &changed)?;
            let found = artifact::collection(tx, &caller, id)?;
            let found = found.ok_or_else(|| DbError::Damaged("a collection just changed".into()))?;
            Ok::<_, Error>(caller.may(Action::ArtifactRead, found, &licence)?)
        });
        changed.await
    }
}

/// A collection, for one action.
fn changeable(
    tx: &impl Read,
    caller: &Caller,
    id: CollectionId,
    action: Action,
    licence: &Licence,
) -> Result<Allowed<FoundCollection>, Error> {
    existing(caller, action, artifact::collection(tx, caller, id)?, licence, || gone("collection"))
}
