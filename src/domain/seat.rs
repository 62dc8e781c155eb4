//! Seats: what a licence counts of people. Whoever may have an API key takes a full one.

use serde::{Deserialize, Serialize};

/// Deactivated people and service accounts have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatKind {
    Full,
    ViewOnly,
}

impl SeatKind {
    /// `full`, `view_only`, or `none` for who takes no seat.
    pub fn word(seat: Option<Self>) -> &'static str {
        match seat {
            Some(Self::Full) => "full",
            Some(Self::ViewOnly) => "view_only",
            None => "none",
        }
    }
}

/// The seat that somebody takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub kind: SeatKind,
}

/// How many of each kind are taken. Kept beside the seats, for nobody should have to count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeatCounts {
    pub full: u32,
    pub view_only: u32,
}

impl SeatCounts {
    pub fn of(&self, kind: SeatKind) -> u32 {
        match kind {
            SeatKind::Full => self.full,
            SeatKind::ViewOnly => self.view_only,
        }
    }

    pub fn of_mut(&mut self, kind: SeatKind) -> &mut u32 {
        match kind {
            SeatKind::Full => &mut self.full,
            SeatKind::ViewOnly => &mut self.view_only,
        }
    }
}
