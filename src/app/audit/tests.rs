//! The audit log as use cases write it.
