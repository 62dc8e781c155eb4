//! Every table and index, with the number that starts its keys. Numbers are stored: never reuse one.

use super::key::Key;
use super::record::Record;
use super::table::{Entries, Index, Space, Stored, Table, Unique};
use crate::domain::id::{ApiKeyId, EntityId, IdKind, UserId};
use crate::domain::user::{Entity, KeyRecord, User};

/// The first id of each kind that is not reserved yet.
pub const ID_BLOCKS: Space = Space { number: 1, name: "id_blocks" };

pub const USERS: Table<UserId, User> = Table::new(2, "users");
/// By the e-mail in lower case.
pub const USER_BY_EMAIL: Unique<String, UserId> = Unique::new(3, "user_by_email");

pub const ENTITIES: Table<EntityId, Entity> = Table::new(4, "entities");
/// By the name in lower case.
pub const ENTITY_BY_NAME: Unique<String, EntityId> = Unique::new(5, "entity_by_name");

pub const API_KEYS: Table<ApiKeyId, KeyRecord> = Table::new(6, "api_keys");
pub const API_KEY_BY_HASH: Unique<[u8; 32], ApiKeyId> = Unique::new(7, "api_key_by_hash");
pub const API_KEYS_BY_USER: Index<(UserId, ApiKeyId)> = Index::new(8, "api_keys_by_user");

impl Record for User {}
impl Stored<UserId> for User {
    fn indexes(&self, key: &UserId, entries: &mut Entries) {
        entries.unique(&USER_BY_EMAIL, &self.email.to_lowercase(), key);
    }
}

impl Record for Entity {}
impl Stored<EntityId> for Entity {
    fn indexes(&self, key: &EntityId, entries: &mut Entries) {
        entries.unique(&ENTITY_BY_NAME, &self.name.folded(), key);
    }
}

impl Record for KeyRecord {}
impl Stored<ApiKeyId> for KeyRecord {
    fn indexes(&self, key: &ApiKeyId, entries: &mut Entries) {
        entries.unique(&API_KEY_BY_HASH, &self.hash, key);
        entries.index(&API_KEYS_BY_USER, &(self.user, *key));
    }
}

/// The counter row of one kind of id.
pub(super) fn id_block_key(kind: IdKind) -> Vec<u8> {
    (ID_BLOCKS.number, kind as u16).to_bytes()
}
