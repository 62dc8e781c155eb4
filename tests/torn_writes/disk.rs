//! A disk in memory that loses power: what was synced survives, and of what was written since,
//! any subset of the 512-byte sectors, each in any of its versions, at any of the file's lengths.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;
type Sector = [u8; SECTOR];

/// A small generator (xorshift64*): the same seed gives the same crashes.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 up to, not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    Honest,
    /// The disk says it synced, and did not.
    Ignored,
}

/// All clones are the same disk.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug)]
struct Platter {
    /// The file as the running process sees it.
    bytes: Vec<u8>,
    /// For each sector changed since the last sync: all it held from then on, without what it holds now.
    past: BTreeMap<usize, Vec<Sector>>,
    /// The file's length at the last sync, and each one since.
    lengths: Vec<usize>,
    syncs: Syncs,
    powered: bool,
    /// How many operations that change the disk are left until the power goes; `None` is no limit.
    left: Option<u64>,
}

impl Disk {
    pub fn empty(syncs: Syncs) -> Self {
        Self::holding(Vec::new(), syncs)
    }

    fn holding(bytes: Vec<u8>, syncs: Syncs) -> Self {
        let lengths = vec![bytes.len()];
        let platter = Platter { bytes, past: BTreeMap::new(), lengths, syncs, powered: true, left: None };
        Self(Arc::new(Mutex::new(platter)))
    }

    /// The power goes during the operation after the next `changes` that change the disk.
    pub fn cut_power_after(&self, changes: u64) {
        self.platter().left = Some(changes);
    }

    pub fn cut_power(&self) {
        self.platter().powered = false;
    }

    pub fn is_off(&self) -> bool {
        !self.platter().powered
    }

    pub fn set_syncs(&self, syncs: Syncs) {
        self.platter().syncs = syncs;
    }

    /// What a machine finds after the power is back. The old disk stays off, whoever still holds it.
    pub fn survivor(&self, random: &mut Random) -> Self {
        let mut platter = self.platter();
        platter.powered = false;
        Self::holding(platter.survivors(random), platter.syncs)
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().expect("nothing panics while it holds the disk")
    }

    fn change(&self, apply: impl FnOnce(&mut Platter)) -> Result<(), Error> {
        let mut platter = self.platter();
        platter.check_power()?;
        // Also the change that the power cut hits may reach the disk, whole or in part.
        platter.powered = platter.left != Some(0);
        platter.left = platter.left.map(|left| left.saturating_sub(1));
        apply(&mut platter);
        platter.check_power()
    }
}

impl Platter {
    fn check_power(&self) -> Result<(), Error> {
        if self.powered { Ok(()) } else { Err(Error::other("the power is cut")) }
    }

    fn sector(&self, number: usize) -> Sector {
        let mut sector = [0; SECTOR];
        let start = (number * SECTOR).min(self.bytes.len());
        let end = (start + SECTOR).min(self.bytes.len());
        sector[..end - start].copy_from_slice(&self.bytes[start..end]);
        sector
    }

    /// Keeps what the sectors of `from..to` hold, before it changes.
    fn remember(&mut self, from: usize, to: usize) {
        for number in from / SECTOR..to.div_ceil(SECTOR) {
            let held = self.sector(number);
            self.past.entry(number).or_default().push(held);
        }
    }

    fn resize(&mut self, length: usize) {
        self.remember(length, self.bytes.len()); // nothing, when the file grows
        self.bytes.resize(length, 0);
        self.lengths.push(length);
    }

    fn write(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if end > self.bytes.len() {
            self.resize(end);
        }
        self.remember(offset, end);
        self.bytes[offset..end].copy_from_slice(data);
    }

    fn sync(&mut self) {
        if self.powered && self.syncs == Syncs::Honest {
            self.past.clear();
            self.lengths = vec![self.bytes.len()];
        }
    }

    fn survivors(&self, random: &mut Random) -> Vec<u8> {
        let length = random.pick(&self.lengths);
        let longest = self.lengths.iter().max().map_or(0, |longest| longest.next_multiple_of(SECTOR));
        let mut bytes = self.bytes.clone();
        bytes.resize(longest, 0);
        // From "nothing reached the disk" to "everything did", so that both ends are met often.
        let quarters = random.below(5);
        for (number, past) in &self.past {
            if random.below(4) >= quarters {
                let start = number * SECTOR;
                bytes[start..start + SECTOR].copy_from_slice(&random.pick(past));
            }
        }
        bytes.resize(length, 0);
        bytes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        let platter = self.platter();
        platter.check_power()?;
        Ok(platter.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let platter = self.platter();
        platter.check_power()?;
        let start = offset as usize;
        let held = start.checked_add(out.len()).and_then(|end| platter.bytes.get(start..end));
        out.copy_from_slice(held.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        self.change(|platter| platter.resize(length as usize))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.change(Platter::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.change(|platter| platter.write(offset as usize, data))
    }
}
