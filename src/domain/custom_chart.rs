//! Custom charts: how a table is drawn, in the words of Vega-Lite, under a name of its entity's.

use super::clock::Timestamp;
use super::id::{EntityId, UserId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomChart {
    pub entity: EntityId,
    pub name: String,
    pub display_name: String,
    /// The language of the specification, as the client names it: `vega2`.
    pub language: String,
    /// JSON text.
    pub specification: String,
    /// For everybody who signs in, and not for the entity alone.
    pub is_public: bool,
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
}

/// What the client calls it in a chart: `entity/name` (wandb 0.31.0, `plot/custom_chart.py`).
pub fn check_name(text: &str) -> Result<(), &'static str> {
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "._- ".contains(c));
    if text.is_empty() || text.chars().count() > 128 || !is_plain {
        return Err("the name of a chart has 1 to 128 letters, digits, spaces, `.`, `_` and `-`");
    }
    Ok(())
}
