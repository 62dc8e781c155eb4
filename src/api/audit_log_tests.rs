//! The audit log as its readers get it.
