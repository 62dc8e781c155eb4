//! Artifacts as use cases see them.
