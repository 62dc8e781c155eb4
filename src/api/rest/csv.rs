//! Tables for spreadsheets: RFC 4180, and no cell that a spreadsheet would take for a formula.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

/// One line, ended as the format has it.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// Lines as they come; an error in the middle ends the answer, so that nobody takes part of a table for the whole.
pub fn answer<E>(lines: impl Stream<Item = Result<String, E>> + Send + 'static) -> Response
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"members.csv\"")];
    (headers, Body::from_stream(lines)).into_response()
}

fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_are_never_formulas() {
        assert_eq!(line(["a", "b c", ""]), "a,b c,\r\n");
        assert_eq!(
            line(["King, Ada", "say \"hi\"", "two\nlines"]),
            "\"King, Ada\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n"
        );
        assert_eq!(line(["=1+1", "@x", "-a,b", "a-b"]), "'=1+1,'@x,\"'-a,b\",a-b\r\n");
    }
}
