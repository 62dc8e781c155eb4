//! Sweeps through `App`.
