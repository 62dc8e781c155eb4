//! Finding versions and collections. A version that is reached through a portfolio is judged by the portfolio's project;
//! by its id, any place that gives the right is enough. Drafts are seen by those who may log there.

use super::{FoundArtifact, FoundCollection, FoundType};
use crate::access::{Action, Allowed, Caller, Licence, Unchecked};
use crate::app::project::{FoundProject, seen};
use crate::app::{App, Error};
use crate::db::repo::artifact::{self, listing, version};
use crate::db::tx::Read;
use crate::domain::artifact::collection::{CollectionName, Membership};
use crate::domain::artifact::{ArtifactState, Ttl};
use crate::domain::id::{ArtifactId, CollectionId};

/// So many places of one version are shown.
const PLACES_MAX: usize = 1_000;

/// What is known of a version beyond its own record.
pub struct ArtifactFacts {
    /// Whose version it is. Name and type are part of the version; the rest is for who sees the project.
    pub sequence: FoundCollection,
    pub seen_sequence: Option<Allowed<FoundCollection>>,
    /// The places that the caller sees.
    pub places: Vec<Place>,
}

/// One place of a version, and its aliases there.
pub struct Place {
    pub within: Allowed<FoundCollection>,
    pub version: u32,
    pub aliases: Vec<String>,
}

/// How long a version is kept.
pub struct TimeToLive {
    /// In the client's numbers: -1 is as the collection says, -2 for ever.
    pub wire_secs: i64,
    pub is_inherited: bool,
}

impl App {
    /// A version by its id, through the place that gives most: downloading, else reading.
    pub async fn find_artifact(
        &self,
        caller: &Caller,
        id: ArtifactId,
    ) -> Result<Option<Allowed<FoundArtifact>>, Error> {
        let (caller, licence) = (*caller, self.licence());
        self.db.read(move |tx| readable(tx, &caller, id, &licence)).await
    }

    pub async fn find_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
    ) -> Result<Option<Allowed<FoundCollection>>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = self
            .db
            .read(move |tx| seen(&caller, Action::ArtifactRead, artifact::collection(tx, &caller, id)?, &licence));
        found.await
    }

    /// A collection of the project by its name.
    pub async fn collection_named(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        name: &str,
    ) -> Result<Option<Allowed<FoundCollection>>, Error> {
        let Ok(name) = CollectionName::parse(name) else { return Ok(None) };
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok(None) };
        self.db.read(move |tx| Ok(artifact::collection_named(tx, &at, &name)?)).await
    }

    /// A type of the project by its name.
    pub async fn artifact_type_named(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        name: &str,
    ) -> Result<Option<Allowed<FoundType>>, Error> {
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok(None) };
        let name = name.to_owned();
        self.db.read(move |tx| Ok(listing::type_named(tx, &at, &name)?)).await
    }

    /// A version by `name:alias`, `name:v3`, or `name` for the latest.
    pub async fn version_named(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        name: &str,
    ) -> Result<Option<Allowed<FoundArtifact>>, Error> {
        let (name, alias) = match name.split_once(':') {
            Some((name, alias)) => (name, Some(alias.to_owned())),
            None => (name, None),
        };
        let Ok(name) = CollectionName::parse(name) else { return Ok(None) };
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok(None) };
        let found = self.db.read(move |tx| {
            let Some(within) = artifact::collection_named(tx, &at, &name)? else { return Ok(None) };
            Ok::<_, Error>(artifact::version(tx, &within, alias.as_deref())?)
        });
        found.await
    }

    /// A version of the collection by `v3`, an alias, or nothing for the latest.
    pub async fn version_in(
        &self,
        within: &Allowed<FoundCollection>,
        alias: Option<String>,
    ) -> Result<Option<Allowed<FoundArtifact>>, Error> {
        let within = within.project(Clone::clone);
        self.db.read(move |tx| Ok(artifact::version(tx, &within, alias.as_deref())?)).await
    }

    /// The version that an upload would build on: the latest, or the one with the highest number.
    pub async fn latest_version(
        &self,
        within: &Allowed<FoundCollection>,
    ) -> Result<Option<Allowed<FoundArtifact>>, Error> {
        let within = within.project(Clone::clone);
        let found = self.db.read(move |tx| {
            let latest = artifact::version(tx, &within, None)?;
            Ok::<_, Error>(if latest.is_some() { latest } else { listing::newest(tx, &within)? })
        });
        found.await
    }

    /// Where the version is, and under which aliases, as far as the caller sees.
    pub async fn artifact_facts(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
    ) -> Result<Option<ArtifactFacts>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = found.project(Clone::clone);
        self.db.read(move |tx| facts(tx, &caller, &found, &licence)).await
    }

    /// The aliases that the version has in the collection through which it was reached, and since when it is there.
    pub async fn place_of(&self, found: &Allowed<FoundArtifact>) -> Result<(Vec<String>, Option<Membership>), Error> {
        let found = found.project(Clone::clone);
        let read = self.db.read(move |tx| {
            let within = found.project(|found| found.within.clone());
            let aliases = match found.version {
                Some(number) => version::aliases(tx, &within, number)?,
                None => Vec::new(),
            };
            Ok::<_, Error>((aliases, version::membership(tx, &found)?))
        });
        read.await
    }

    /// What people say about the version, as JSON text.
    pub async fn artifact_metadata(&self, found: &Allowed<FoundArtifact>) -> Result<Option<String>, Error> {
        let found = found.project(Clone::clone);
        self.db.read(move |tx| Ok(version::metadata(tx, &found)?)).await
    }

    /// The project, for reading its artifacts; `None` when the caller sees none of them.
    pub(super) fn artifacts_of(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
    ) -> Result<Option<Allowed<FoundProject>>, Error> {
        seen(caller, Action::ArtifactRead, Some(at.project(Clone::clone).again()), &self.licence())
    }
}

/// A version by its id, for reading it.
pub(super) fn readable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<Option<Allowed<FoundArtifact>>, Error> {
    let mut first = None;
    for place in artifact::places(tx, caller, id)? {
        let Some(found) = seen_version(caller, place, licence)? else { continue };
        // A check takes the proof of the one before, so it is made on a copy.
        if caller.may(Action::ArtifactDownload, found.project(Clone::clone).again(), licence).is_ok() {
            return Ok(Some(found));
        }
        first.get_or_insert(found);
    }
    Ok(first)
}

/// Drafts are for those who fill them, and what was deleted is for nobody.
fn seen_version(
    caller: &Caller,
    place: Unchecked<FoundArtifact>,
    licence: &Licence,
) -> Result<Option<Allowed<FoundArtifact>>, Error> {
    let Some(found) = seen(caller, Action::ArtifactRead, Some(place), licence)? else { return Ok(None) };
    let is_seen = match found.artifact.state {
        ArtifactState::Committed => true,
        ArtifactState::Draft => {
            caller.may(Action::ArtifactCreate, found.project(Clone::clone).again(), licence).is_ok()
        }
        ArtifactState::Deleted => false,
    };
    Ok(is_seen.then_some(found))
}

fn facts(
    tx: &impl Read,
    caller: &Caller,
    found: &Allowed<FoundArtifact>,
    licence: &Licence,
) -> Result<Option<ArtifactFacts>, Error> {
    let Some(sequence) = version::sequence(tx, &found.artifact)? else { return Ok(None) };
    let own = artifact::collection(tx, caller, sequence.id)?;
    let seen_sequence = seen(caller, Action::ArtifactRead, own, licence)?;
    let mut places = Vec::new();
    for (within, number) in version::memberships(tx, caller, found.id, PLACES_MAX)? {
        let Some(within) = seen(caller, Action::ArtifactRead, Some(within), licence)? else { continue };
        let aliases = version::aliases(tx, &within, number)?;
        places.push(Place { within, version: number, aliases });
    }
    Ok(Some(ArtifactFacts { sequence, seen_sequence, places }))
}

impl ArtifactFacts {
    /// How long the version is kept: what it says itself, or its collection.
    pub fn time_to_live(&self, ttl: Ttl) -> TimeToLive {
        let default_secs = self.sequence.collection.default_ttl_secs;
        let wire_secs = match ttl {
            Ttl::Inherit => default_secs.unwrap_or(-1),
            Ttl::Off => -2,
            Ttl::Secs(secs) => secs,
        };
        TimeToLive { wire_secs, is_inherited: ttl == Ttl::Inherit }
    }
}
