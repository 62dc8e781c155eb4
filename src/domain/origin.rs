//! Where a request came from.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// What the audit log says of where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The other end of the connection; behind a proxy, whom a trusted proxy names.
    pub address: Option<IpAddr>,
    pub client: Option<ClientVersion>,
}

impl Origin {
    /// This machine.
    pub const LOCAL: Self = Self { address: None, client: None };
}

/// The version of the wandb client that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientVersion(pub u16, pub u16, pub u16);

impl ClientVersion {
    /// From the header `User-Agent`: `W&B Public Client 0.31.0`, `W&B Internal Client 0.17.9`. What streams runs calls
    /// itself `wandb-core`, without a version.
    pub fn of_user_agent(text: &str) -> Option<Self> {
        let version = text.strip_prefix("W&B ")?.rsplit(' ').next()?;
        let mut numbers = version.splitn(3, '.').map(|part| part.parse::<u16>().ok());
        Some(Self(numbers.next()??, numbers.next()??, numbers.next()??))
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_client_calls_itself() {
        assert_eq!(ClientVersion::of_user_agent("W&B Public Client 0.31.0"), Some(ClientVersion(0, 31, 0)));
        assert_eq!(ClientVersion::of_user_agent("W&B Internal Client 0.17.9"), Some(ClientVersion(0, 17, 9)));
        for other in ["wandb-core", "W&B ", "W&B x 1", "W&B Public Client 99999999.1.1", "curl/8.0"] {
            assert_eq!(ClientVersion::of_user_agent(other), None, "{other}");
        }
    }
}
