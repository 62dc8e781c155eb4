//! What can be wrong with a JSON text, and where.

/// A JSON text that cannot be read; `offset` counts bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    pub kind: JsonErrorKind,
    pub offset: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    #[error("text is not valid UTF-8")]
    NotUtf8,
    #[error("text ends too early")]
    UnexpectedEnd,
    #[error("unexpected character {:?}", char::from(*.0))]
    UnexpectedByte(u8),
    #[error("malformed number")]
    BadNumber,
    #[error("malformed escape sequence")]
    BadEscape,
    #[error("values are nested too deeply")]
    TooDeep,
    #[error("text goes on after the value")]
    TrailingText,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("text is too long")]
    TooLong,
}

impl JsonErrorKind {
    pub(super) fn at(self, offset: usize) -> JsonError {
        JsonError { kind: self, offset }
    }
}

/// The one place where bytes become text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| JsonErrorKind::NotUtf8.at(error.valid_up_to()))
}
