//! JSON text as the client writes it: bare `NaN`, `Infinity` and `-Infinity` are values.
//! A fast scanner over one text, a value tree, the file-stream body reader, and the check and projection of
//! history rows. Text is validated as UTF-8 once, at the door; nesting is bounded everywhere.

mod body;
mod error;
mod escape;
mod project;
mod row;
mod scan;
mod swar;
mod value;

pub use body::{StreamBody, StreamFile};
pub use error::{JsonError, JsonErrorKind};
pub use escape::write_string;
pub use project::{Wanted, flatten, flatten_value, project};
pub use row::{RowFacts, RowLimits, RowOutcome, append_row};
pub use scan::{Kind, Number, RawString, RawValue, Scanner};
pub use value::{Value, write_float};

/// Values nested deeper than this are refused, or replaced where refusing would lose a row.
pub const MAX_DEPTH: usize = 128;
