//! The second factor: a secret shared with the person's authenticator app, and codes for when it is lost.

use super::clock::Timestamp;
use super::id::UserId;
use serde::{Deserialize, Serialize};

/// How many recovery codes there are at first.
pub const RECOVERY_CODES: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Sealed: whoever reads the database alone cannot make codes.
    #[serde(with = "crate::domain::chunk::as_bytes")]
    pub sealed_secret: Vec<u8>,
    /// Until then nobody is asked for codes: the person has not shown yet that they can make them.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was accepted; codes up to it are used up.
    pub last_step: u64,
    /// Keyed hashes of the recovery codes that are not used up.
    pub recovery: Vec<[u8; 32]>,
}

impl SecondFactor {
    /// What its secret is sealed for.
    pub fn place(user: UserId) -> String {
        format!("second factor of user {user}")
    }

    pub fn is_on(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Uses a recovery code up; `false` if it is none.
    pub fn use_recovery(&mut self, hash: &[u8; 32]) -> bool {
        let before = self.recovery.len();
        self.recovery.retain(|kept| kept != hash);
        self.recovery.len() < before
    }

    /// Uses up the codes of a time step and of those before it; `false` if they are used up already.
    pub fn use_step(&mut self, step: u64) -> bool {
        let is_new = step > self.last_step;
        self.last_step = self.last_step.max(step);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_used_up_by_using_them() {
        let mut factor = SecondFactor {
            sealed_secret: Vec::new(),
            confirmed_at: None,
            last_step: 0,
            recovery: vec![[1; 32], [2; 32]],
        };

        assert!(factor.use_step(7) && !factor.use_step(7) && !factor.use_step(6) && factor.use_step(8));
        assert!(factor.use_recovery(&[1; 32]) && !factor.use_recovery(&[1; 32]) && !factor.use_recovery(&[3; 32]));
        assert_eq!(factor.recovery, [[2; 32]]);
    }
}
