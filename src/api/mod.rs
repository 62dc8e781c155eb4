//! Adapters: HTTP, GraphQL and REST on the outside, calls to `app` on the inside.
