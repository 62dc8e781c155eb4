//! Lists of types, collections and versions. By number, which is the order that clients get without asking, only the page
//! is read; any other order and any filter reads all entries for each page, and keeps the page in memory.

use super::{FoundArtifact, FoundCollection, FoundType};
use crate::access::{Allowed, Caller};
use crate::app::project::FoundProject;
use crate::app::{App, Error};
use crate::db::repo::artifact::listing::{self, OfType};
use crate::db::repo::artifact::version;
use crate::db::tx::Read;
use crate::domain::artifact::query::{CollectionKey, VersionKey, VersionView, metadata_value};
use crate::domain::filter::{FieldValue, Filter, FilterKey, Order, Place, SortKey};
use crate::domain::id::{ArtifactTypeId, CollectionId};
use crate::domain::json::Value;
use std::collections::BTreeMap;

/// Entries looked at in one read.
const AT_ONCE: usize = 512;
/// More numbers than this are not gathered: a project or a collection that large is listed as far as they go.
const NUMBERS_MAX: usize = 1_000_000;

/// Which entries of a list, in which order, from where on.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// JSON text.
    pub filters: Option<String>,
    /// `+key`, `-key` or `key`; by number, the highest first, when there is none.
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

impl App {
    /// Collections of the project, of one type or of any.
    pub async fn list_collections(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        of_type: Option<ArtifactTypeId>,
        wanted: Wanted,
    ) -> Result<Listed<Allowed<FoundCollection>>, Error> {
        let query = Query::parse(&wanted, CollectionKey::common_value)?;
        let Some(at) = self.artifacts_of(caller, at)? else { return Ok(query.page(Kept::default())) };
        let of = of_type.map_or(OfType::Any, OfType::One);
        let reading = at.project(Clone::clone);
        let ids = self.db.read(move |tx| listing::collection_ids(tx, &reading, of, None, NUMBERS_MAX)).await?;
        let mut ids: Vec<u64> = ids.into_iter().map(|id| id.0).collect();
        let mut kept = Kept { total: ids.len(), ..Kept::default() };
        if query.is_by_number() {
            ids = query.numbers_of_page(ids);
        } else {
            kept.total = 0;
        }
        let mut query = query;
        for some in ids.chunks(AT_ONCE) {
            let (some, reading) =
                (some.iter().copied().map(CollectionId).collect::<Vec<_>>(), at.project(Clone::clone));
            let read = self.db.read(move |tx| {
                for found in listing::collections(tx, &reading, &some)? {
                    let name = found.artifact_type.name.clone();
                    let value = |key: &CollectionKey| key.value(found.id.0, &found.collection, &name);
                    if let Some(place) = query.place(found.id.0, value) {
                        query.keep(&mut kept, place, found);
                    }
                }
                Ok::<_, Error>((query, kept))
            });
            (query, kept) = read.await?;
        }
        Ok(query.page(kept))
    }

    /// Versions of the collection.
    pub async fn list_versions(
        &self,
        within: &Allowed<FoundCollection>,
        wanted: Wanted,
    ) -> Result<Listed<Allowed<FoundArtifact>>, Error> {
        let mut query = Query::parse(&wanted, VersionKey::common_value)?;
        let reading = within.project(Clone::clone);
        let numbers = self.db.read(move |tx| listing::version_numbers(tx, &reading, NUMBERS_MAX)).await?;
        let mut numbers: Vec<u64> = numbers.into_iter().map(u64::from).collect();
        let mut kept = Kept { total: numbers.len(), ..Kept::default() };
        if query.is_by_number() {
            numbers = query.numbers_of_page(numbers);
        } else {
            kept.total = 0;
        }
        for some in numbers.chunks(AT_ONCE) {
            let (some, reading) = (some.to_vec(), within.project(Clone::clone));
            let read = self.db.read(move |tx| {
                for number in some {
                    let Ok(number) = u32::try_from(number) else { continue };
                    let Some(found) = listing::version_numbered(tx, &reading, number)? else { continue };
                    if let Some(place) = place_of_version(tx, &query, &found, number)? {
                        query.keep(&mut kept, place, found);
                    }
                }
                Ok::<_, Error>((query, kept))
            });
            (query, kept) = read.await?;
        }
        Ok(query.page(kept))
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

fn place_of_version(
    tx: &impl Read,
    query: &Query<VersionKey>,
    found: &Allowed<FoundArtifact>,
    number: u32,
) -> Result<Option<Place>, Error> {
    let within = found.project(|found| found.within.clone());
    let needs = |needs: fn(&VersionKey) -> bool| query.keys.iter().any(needs);
    let aliases = if needs(VersionKey::needs_aliases) { version::aliases(tx, &within, number)? } else { Vec::new() };
    let metadata = match needs(VersionKey::needs_metadata) {
        true => metadata_value(version::metadata(tx, found)?.as_deref()),
        false => Value::Null,
    };
    let view = VersionView { artifact: &found.artifact, number, aliases: &aliases, metadata: &metadata };
    Ok(query.place(u64::from(number), |key| key.value(&view)))
}

fn as_refs(values: &[Option<FieldValue>]) -> Vec<Option<&FieldValue>> {
    values.iter().map(Option::as_ref).collect()
}

/// A filter and an order, ready to be asked about one entry after the other.
struct Query<K> {
    filter: Filter<K>,
    order: Order<K>,
    /// The keys of the filter, then that of the order.
    keys: Vec<K>,
    after: Option<Place>,
    limit: usize,
}

/// What was kept of the entries looked at so far: the first of them in the order, and how many matched.
struct Kept<T> {
    entries: BTreeMap<Place, T>,
    total: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), total: 0 }
    }
}

impl<K: FilterKey> Query<K> {
    /// `common` is the value that a key has in every entry, if that is so: clients ask for what is committed by habit.
    fn parse(wanted: &Wanted, common: fn(&K) -> Option<FieldValue>) -> Result<Self, Error> {
        let filter = Filter::<K>::parse(wanted.filters.as_deref().unwrap_or_default());
        let mut filter = filter.map_err(|why| Error::invalid("filters", &why))?;
        let values: Vec<Option<FieldValue>> = filter.fields().iter().map(common).collect();
        if values.iter().all(Option::is_some) && filter.matches(&as_refs(&values)) {
            filter = Filter::all();
        }
        let mut order = Order::<K>::parse(wanted.order.as_deref()).map_err(|why| Error::invalid("order", &why))?;
        order.descending |= order.key.is_none();
        let read_place = |text: &String| {
            let unknown = || Error::invalid("after", &"this cursor was not made by a list in this order");
            Place::parse(text, order.key.is_some(), order.descending).ok_or_else(unknown)
        };
        let after = wanted.after.as_ref().map(read_place).transpose()?;
        let keys = filter.fields().iter().chain(&order.key).cloned().collect();
        Ok(Self { filter, order, keys, after, limit: wanted.limit })
    }

    /// Every entry, by its number.
    fn is_by_number(&self) -> bool {
        self.order.key.is_none() && self.filter.is_all()
    }

    /// Of all numbers, those on the page and one more.
    fn numbers_of_page(&self, mut numbers: Vec<u64>) -> Vec<u64> {
        numbers.sort_unstable_by(|left, right| right.cmp(left));
        if let Some(after) = &self.after {
            numbers.retain(|number| Place::new(None, true, *number) > *after);
        }
        numbers.truncate(self.limit.saturating_add(1));
        numbers
    }

    /// The entry's place in the order; `None` when the filter leaves it out.
    fn place(&self, number: u64, value: impl Fn(&K) -> Option<FieldValue>) -> Option<Place> {
        let values: Vec<Option<FieldValue>> = self.filter.fields().iter().map(&value).collect();
        if !self.filter.matches(&as_refs(&values)) {
            return None;
        }
        let key = self.order.key.as_ref().map(|key| SortKey::of(value(key).as_ref()));
        Some(Place::new(key, self.order.descending, number))
    }

    fn keep<T>(&self, kept: &mut Kept<T>, place: Place, entry: T) {
        if !self.is_by_number() {
            kept.total += 1;
        }
        if self.after.as_ref().is_some_and(|after| place <= *after) {
            return;
        }
        kept.entries.insert(place, entry);
        // One more than the page holds says whether there are more.
        if kept.entries.len() > self.limit.saturating_add(1) {
            kept.entries.pop_last();
        }
    }

    fn page<T>(&self, kept: Kept<T>) -> Listed<T> {
        let has_more = kept.entries.len() > self.limit;
        let items = kept.entries.into_iter().take(self.limit).map(|(place, entry)| (entry, place.to_text())).collect();
        Listed { items, has_more, total: kept.total }
    }
}
