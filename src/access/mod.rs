//! Who may do what: the permission table, callers, and the proof that a check was made.

mod action_set;
mod caller;
mod decide;
mod explain;
mod grants;
mod policy;
mod proof;

pub use crate::domain::api_key::KeyScope;
pub use crate::domain::licence::{Feature, SeatLimits};
pub use crate::domain::role::{OrganizationRole, TeamRole, Visibility};
pub use action_set::ActionSet;
pub use caller::{Caller, InstanceRules, PresentedKey, Principal};
pub use decide::{Granted, Reason, Refusal, decide};
pub use explain::{Explanation, Step};
pub use grants::{Grants, Licence};
pub use policy::{Action, Area, Cell, Column, Rule};
pub use proof::{Allowed, Own, Unchecked};
