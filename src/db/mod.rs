//! Metadata: typed tables over an ordered key-value engine.
