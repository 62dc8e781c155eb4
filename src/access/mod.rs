//! Who may do what: the permission table, callers, and the proof that a check was made.
