//! JSON text as the client writes it: bare `NaN`, `Infinity` and `-Infinity` are values.
