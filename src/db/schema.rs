//! Every table and index, with the number that starts its keys. Numbers are stored: never reuse one.

use super::key::Key;
use super::table::Space;
use crate::domain::id::IdKind;

/// The first id of each kind that is not reserved yet.
pub const ID_BLOCKS: Space = Space { number: 1, name: "id_blocks" };

/// The counter row of one kind of id.
pub(super) fn id_block_key(kind: IdKind) -> Vec<u8> {
    (ID_BLOCKS.number, kind as u16).to_bytes()
}
