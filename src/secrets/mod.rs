//! Keys derived from the master key, and hashing of secrets at rest.
