//! Values: a version byte, then MessagePack with field names.
//! A new field is `#[serde(default)]`; any other change of shape raises `VERSION` and teaches `read` the old one.

use super::DbError;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub trait Record: Serialize + DeserializeOwned {
    const VERSION: u8 = 1;

    fn write(&self) -> Result<Vec<u8>, DbError> {
        let mut bytes = vec![Self::VERSION];
        rmp_serde::encode::write_named(&mut bytes, self).map_err(|e| DbError::Damaged(e.to_string()))?;
        Ok(bytes)
    }

    fn read(bytes: &[u8]) -> Result<Self, DbError> {
        let (version, body) = bytes.split_first().ok_or_else(|| DbError::Damaged("empty record".into()))?;
        if *version != Self::VERSION {
            return Err(DbError::Damaged(format!("version {version}; this binary reads version {}", Self::VERSION)));
        }
        rmp_serde::from_slice(body).map_err(|e| DbError::Damaged(e.to_string()))
    }
}
