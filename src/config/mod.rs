//! The typed settings file.
