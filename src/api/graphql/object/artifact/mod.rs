//! Artifacts and what holds them. What the caller does not see of a version's own project is left out of it.

pub(in crate::api::graphql) mod alias;
pub(in crate::api::graphql) mod artifact_type;
pub(in crate::api::graphql) mod collection;
pub(in crate::api::graphql) mod file;
pub(in crate::api::graphql) mod manifest;
pub(in crate::api::graphql) mod membership;
pub(in crate::api::graphql) mod version;
