//! `POST /graphql`, as the `wandb` client speaks it (wandb 0.17.9 to 0.31.0). The client's historical words, "model" for
//! a project and "bucket" for a run, live here and nowhere else. Resolvers call `app` and add no rule of their own.

mod access;
mod cursor;
mod document;
mod error;
mod http;
mod id;
mod mutation;
mod object;
mod query;
mod request;
mod scalar;

pub use self::http::post;

/// The artifact that an id on the wire names.
pub(super) fn artifact_id(id: &str) -> Option<crate::domain::id::ArtifactId> {
    id::artifact_id(id).ok()
}

use async_graphql::{EmptySubscription, Schema};
use mutation::Mutation;
use query::Query;

pub type ClientSchema = Schema<Query, Mutation, EmptySubscription>;

/// The deepest query of a client nests 15 fields; introspection by tools somewhat more.
const DEPTH_MAX: usize = 32;
/// Fields of one document, aliases included. The largest document of a client has some 300.
const FIELDS_MAX: usize = 2_000;

/// The schema, whose text is `schema.graphql` at the root of the repository.
pub fn schema() -> ClientSchema {
    Schema::build(Query, Mutation::default(), EmptySubscription)
        .limit_depth(DEPTH_MAX)
        .limit_complexity(FIELDS_MAX)
        .limit_directives(16)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
        let made = schema().sdl();

        if std::env::var_os("WEIGHHOUSE_WRITE_SCHEMA").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == made, "schema.graphql is old: run this test with WEIGHHOUSE_WRITE_SCHEMA=1");
    }
}
