//! Reads everything there is: recomputes all indexes of all tables and follows all references, or writes it all out.
//! Works on one snapshot and holds a page of it in memory, however large the database.

use super::DbError;
use super::any_table::{AnyTable, Examined};
use super::engine::Pair;
use super::table::Space;
use super::tx::Read;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

const PAGE: usize = 500;
/// More surplus entries of one index are counted and not named.
const SURPLUS_NAMED: usize = 20;

/// All that may be stored, by the numbers that keys begin with.
pub struct Catalogue {
    pub tables: &'static [&'static dyn AnyTable],
    pub indexes: &'static [Space],
    /// Neither table nor index.
    pub others: &'static [Space],
}

/// Who is told line by line what a long reading finds.
pub trait Audience {
    fn tell(&mut self, line: String);

    /// Nobody listens any more: reading on would be for nothing.
    fn is_gone(&self) -> bool {
        false
    }
}

impl Audience for Vec<String> {
    fn tell(&mut self, line: String) {
        self.push(line);
    }
}

/// Tells what is wrong, a sentence each, and returns how many records were read.
pub fn verify(tx: &impl Read, catalogue: &Catalogue, audience: &mut dyn Audience) -> Result<u64, DbError> {
    let mut records = 0;
    let mut matching = HashMap::new();
    for table in catalogue.tables {
        each_page(tx, table.space(), audience, |page, audience| {
            records += page.len() as u64;
            for pair in page {
                match table.examine(pair) {
                    Ok(examined) => {
                        check_record(tx, catalogue, (*table, pair), &examined, &mut matching, audience)?;
                    }
                    Err(error) => audience.tell(format!("{}: {error}", shown(*table, pair))),
                }
            }
            Ok(())
        })?;
    }
    for index in catalogue.indexes {
        let mut entries = 0;
        each_page(tx, *index, audience, |page, _| {
            entries += page.len() as u64;
            Ok(())
        })?;
        let expected = matching.get(&index.number).copied().unwrap_or(0);
        if entries > expected {
            tell_surplus(tx, catalogue, *index, entries - expected, audience)?;
        }
    }
    check_numbers(tx, catalogue, audience)?;
    Ok(records)
}

/// Writes every record of every table as one line of JSON, secrets as `***`, and returns how many there are.
pub fn dump(tx: &impl Read, catalogue: &Catalogue, audience: &mut dyn Audience) -> Result<u64, DbError> {
    let mut records = 0;
    for table in catalogue.tables {
        let name = table.space().name;
        each_page(tx, table.space(), audience, |page, audience| {
            for pair in page {
                let (key, record) = table.to_json(pair)?;
                audience.tell(serde_json::json!({ "table": name, "key": key, "record": record }).to_string());
                records += 1;
            }
            Ok(())
        })?;
    }
    Ok(records)
}

/// Stops early only when nobody listens.
fn each_page(
    tx: &impl Read,
    space: Space,
    audience: &mut dyn Audience,
    mut look: impl FnMut(&[Pair], &mut dyn Audience) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut after = None;
    while !audience.is_gone() {
        let page = tx.scan(&space.under(&(), after), false, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        look(&page, audience)?;
    }
    Ok(())
}

/// Counts the entries that are as they should be, by index.
fn check_record(
    tx: &impl Read,
    catalogue: &Catalogue,
    (table, pair): (&dyn AnyTable, &Pair),
    examined: &Examined,
    matching: &mut HashMap<u16, u64>,
    audience: &mut dyn Audience,
) -> Result<(), DbError> {
    for (key, target) in examined.entries.iter() {
        let number = number_of(key);
        let index = || catalogue.indexes.iter().find(|index| index.number == number).map_or("?", |index| index.name);
        match tx.get(key)? {
            Some(found) if found == target => *matching.entry(number).or_default() += 1,
            Some(_) => {
                audience.tell(format!("{}: its entry in index `{}` leads elsewhere", shown(table, pair), index()));
            }
            None => audience.tell(format!("{}: its entry in index `{}` is missing", shown(table, pair), index())),
        }
    }
    for (space, key) in examined.references.iter() {
        if tx.get(key)?.is_none() {
            audience.tell(format!("{}: what it needs of `{}` is missing", shown(table, pair), space.name));
        }
    }
    Ok(())
}

/// Names the entries that no record calls for; only now is it worth gathering those that one does.
fn tell_surplus(
    tx: &impl Read,
    catalogue: &Catalogue,
    index: Space,
    count: u64,
    audience: &mut dyn Audience,
) -> Result<(), DbError> {
    let mut expected = BTreeSet::new();
    for table in catalogue.tables {
        each_page(tx, table.space(), audience, |page, _| {
            for examined in page.iter().filter_map(|pair| table.examine(pair).ok()) {
                let of_index = examined.entries.iter().filter(|(key, _)| number_of(key) == index.number);
                expected.extend(of_index.map(|(key, _)| key.to_vec()));
            }
            Ok(())
        })?;
    }
    let mut named = 0;
    each_page(tx, index, audience, |page, audience| {
        for (key, _) in page.iter().filter(|(key, _)| !expected.contains(key)) {
            named += 1;
            if named <= SURPLUS_NAMED {
                let name = index.name;
                audience.tell(format!("index `{name}`: no record calls for its entry {}", hexadecimal(key)));
            }
        }
        Ok(())
    })?;
    if count > SURPLUS_NAMED as u64 {
        audience.tell(format!("index `{}`: {count} entries that no record calls for", index.name));
    }
    Ok(())
}

/// Looks for keys that belong to nothing we know.
fn check_numbers(tx: &impl Read, catalogue: &Catalogue, audience: &mut dyn Audience) -> Result<(), DbError> {
    let tables = catalogue.tables.iter().map(|table| table.space());
    let known = tables.chain(catalogue.indexes.iter().copied()).chain(catalogue.others.iter().copied());
    let known: BTreeSet<u16> = known.map(|space| space.number).collect();
    let mut from = Bound::Unbounded;
    while let Some((key, _)) = tx.scan(&(from, Bound::Unbounded), false, 1)?.into_iter().next() {
        let number = number_of(&key);
        if !known.contains(&number) {
            audience.tell(format!("keys that begin with {number} belong to no table of this version"));
        }
        let Some(next) = number.checked_add(1) else { break };
        from = Bound::Included(next.to_be_bytes().to_vec());
    }
    Ok(())
}

fn number_of(key: &[u8]) -> u16 {
    key.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// The record by table and key, as far as the key can be read.
fn shown(table: &dyn AnyTable, pair: &Pair) -> String {
    let key = table.to_json(pair).map_or_else(|_| hexadecimal(&pair.0), |(key, _)| key.to_string());
    format!("`{}` {key}", table.space().name)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
