//! Lists of types, collections and versions.

use super::{FoundArtifact, FoundCollection, FoundType};
use crate::access::{Allowed, Caller};
use crate::app::project::FoundProject;
use crate::app::{App, Error};
use crate::db::repo::artifact::listing::{self, OfType};
use crate::domain::id::{ArtifactTypeId, CollectionId};

/// Which entries of a list, in which order, from where on.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// JSON text.
    pub filters: Option<String>,
    /// `+key`, `-key` or `key`.
    pub order: Option<String>,
    /// The position of the last entry seen.
    pub after: Option<String>,
    pub limit: usize,
}

/// Some of what was asked for, each with its position.
pub struct Listed<T> {
    pub items: Vec<(T, String)>,
    pub has_more: bool,
    /// How many match in all.
    pub total: usize,
}

impl<T> Listed<T> {
    fn none() -> Self {
        Self { items: Vec::new(), has_more: false, total: 0 }
    }
}

impl App {
    /// Collections of the project, of one type or of any.
    pub async fn list_collections(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        of_type: Option<ArtifactTypeId>,
        wanted: Wanted,
    ) -> Result<Listed<Allowed<FoundCollection>>, Error> {
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok(Listed::none()) };
        let of = of_type.map_or(OfType::Any, OfType::One);
        let listed = self.db.read(move |tx| {
            let after = wanted.after.and_then(|after| after.parse().ok()).map(CollectionId);
            let mut ids = listing::collection_ids(tx, &at, of, None, usize::MAX)?;
            ids.reverse();
            let total = ids.len();
            ids.retain(|id| after.is_none_or(|after| *id < after));
            let has_more = ids.len() > wanted.limit;
            ids.truncate(wanted.limit);
            let found = listing::collections(tx, &at, &ids)?;
            let items = found
                .into_iter()
                .map(|found| {
                    let position = found.id.to_string();
                    (found, position)
                })
                .collect();
            Ok::<_, Error>(Listed { items, has_more, total })
        });
        listed.await
    }

    /// Versions of the collection.
    pub async fn list_versions(
        &self,
        within: &Allowed<FoundCollection>,
        wanted: Wanted,
    ) -> Result<Listed<Allowed<FoundArtifact>>, Error> {
        let within = within.project(Clone::clone);
        let listed = self.db.read(move |tx| {
            let after = wanted.after.and_then(|after| after.parse::<u32>().ok());
            let mut versions = listing::versions(tx, &within, None, usize::MAX)?;
            versions.reverse();
            let total = versions.len();
            versions.retain(|found| after.is_none_or(|after| found.version < Some(after)));
            let has_more = versions.len() > wanted.limit;
            versions.truncate(wanted.limit);
            let items = versions
                .into_iter()
                .map(|found| {
                    let position = found.version.unwrap_or_default().to_string();
                    (found, position)
                })
                .collect();
            Ok::<_, Error>(Listed { items, has_more, total })
        });
        listed.await
    }

    /// The types of the project by name, after the name `after`; and whether there are more.
    pub async fn list_artifact_types(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundType>>, bool), Error> {
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok((Vec::new(), false)) };
        let listed = self.db.read(move |tx| {
            let mut types = listing::types(tx, &at, after, limit.saturating_add(1))?;
            let has_more = types.len() > limit;
            types.truncate(limit);
            Ok::<_, Error>((types, has_more))
        });
        listed.await
    }

    /// Aliases of the collection by name, after the alias `after`; and whether there are more.
    pub async fn list_aliases(
        &self,
        within: &Allowed<FoundCollection>,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<String>, bool), Error> {
        let within = within.project(Clone::clone);
        let listed = self.db.read(move |tx| {
            let aliases = listing::aliases(tx, &within, after, limit.saturating_add(1))?;
            let has_more = aliases.len() > limit;
            Ok::<_, Error>((aliases.into_iter().map(|(name, _)| name).take(limit).collect(), has_more))
        });
        listed.await
    }
}
