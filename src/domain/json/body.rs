//! The file-stream body, read in one pass: each file's lines are unescaped straight into one buffer.

use super::error::{JsonError, JsonErrorKind, utf8};
use super::scan::Scanner;

/// What is wanted of one request of a client's file stream. Every part of it is optional on the wire.
#[derive(Debug, Default, PartialEq)]
pub struct StreamBody {
    /// The files that were asked for, in the order of the request.
    files: Vec<(&'static str, StreamFile)>,
    /// Some names of uploaded files.
    pub has_uploaded: bool,
    pub complete: bool,
    pub exit_code: Option<i64>,
    pub preempting: bool,
}

/// Consecutive lines of one file.
#[derive(Debug, Default, PartialEq)]
pub struct StreamFile {
    /// Number of the first line.
    pub offset: u64,
    /// The lines, each followed by a newline; a line may itself contain newlines, `ends` tells.
    text: String,
    /// Where each line ends, without its newline.
    ends: Vec<u32>,
}

impl StreamFile {
    pub fn line_count(&self) -> usize {
        self.ends.len()
    }

    pub fn line(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize + 1 };
        self.text.get(start..end)
    }

    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.line(index).unwrap_or_default())
    }

    /// Bytes of all lines with their newlines.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    fn end_line(&mut self, offset: usize) -> Result<(), JsonError> {
        let end = u32::try_from(self.text.len()).map_err(|_| JsonErrorKind::TooLong.at(offset))?;
        self.ends.push(end);
        self.text.push('\n');
        Ok(())
    }
}

impl StreamBody {
    /// Reads a whole body. Unknown members are skipped, `null` means absent. Other files than those `wanted`, and the
    /// names of uploaded files, must be well-formed and are not kept: a body may have millions of them.
    pub fn parse(bytes: &[u8], wanted: &[&'static str]) -> Result<StreamBody, JsonError> {
        let mut scanner = Scanner::new(utf8(bytes)?);
        let mut body = StreamBody::default();
        read_object(&mut scanner, "an object", |scanner, key| {
            match key {
                "files" => read_object(scanner, "an object of files", |scanner, name| {
                    // Of files with one name the first counts.
                    let wanted = wanted.iter().find(|wanted| **wanted == name && body.file(name).is_none());
                    let file = read_file(scanner, wanted.is_some())?;
                    body.files.extend(wanted.map(|wanted| (*wanted, file)));
                    Ok(())
                })?,
                "uploaded" => {
                    read_array(scanner, "a list of file names", |scanner| {
                        body.has_uploaded = true;
                        scanner.string().map(|_| ())
                    })?;
                }
                "complete" => body.complete = read_bool(scanner)?,
                "preempting" => body.preempting = read_bool(scanner)?,
                "exitcode" => body.exit_code = read_int(scanner)?,
                _ => _ = scanner.value()?,
            }
            Ok(())
        })?;
        scanner.finish()?;
        Ok(body)
    }

    pub fn file(&self, name: &str) -> Option<&StreamFile> {
        self.files.iter().find(|(file, _)| *file == name).map(|(_, file)| file)
    }
}

/// Without `keeps_lines` the lines are checked only.
fn read_file(scanner: &mut Scanner<'_>, keeps_lines: bool) -> Result<StreamFile, JsonError> {
    let mut file = StreamFile::default();
    read_object(scanner, "an object with offset and content", |scanner, key| {
        match key {
            "offset" => {
                let at = scanner.offset();
                file.offset = u64::try_from(read_int(scanner)?.unwrap_or(0))
                    .map_err(|_| JsonErrorKind::Expected("a line number").at(at))?;
            }
            "content" if !keeps_lines && scanner.peek()? == b'"' => check_line(scanner)?,
            "content" if !keeps_lines => read_array(scanner, "a list of lines", check_line)?,
            "content" if scanner.peek()? == b'"' => read_line(scanner, &mut file)?,
            "content" => read_array(scanner, "a list of lines", |scanner| read_line(scanner, &mut file))?,
            _ => _ = scanner.value()?,
        }
        Ok(())
    })?;
    Ok(file)
}

/// A `null` in the place of a line keeps its number, so that the lines after it keep theirs.
#[inline]
fn read_line(scanner: &mut Scanner<'_>, file: &mut StreamFile) -> Result<(), JsonError> {
    match scanner.peek()? {
        b'n' => _ = scanner.value()?,
        _ => scanner.string_into(&mut file.text)?,
    }
    file.end_line(scanner.offset())
}

fn check_line(scanner: &mut Scanner<'_>) -> Result<(), JsonError> {
    match scanner.peek()? {
        b'n' => scanner.value().map(|_| ()),
        _ => scanner.string().map(|_| ()),
    }
}

/// Visits the members of an object with the cursor at each value; `null` is an object without members.
/// Only the outermost value may not be null: a body is an object.
fn read_object<'a>(
    scanner: &mut Scanner<'a>,
    expected: &'static str,
    mut member: impl FnMut(&mut Scanner<'a>, &str) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    let is_outermost = scanner.offset() == 0;
    match scanner.peek()? {
        b'{' => scanner.expect(b'{')?,
        b'n' if !is_outermost => return scanner.value().map(|_| ()),
        _ => return Err(JsonErrorKind::Expected(expected).at(scanner.offset())),
    }
    let mut is_first = true;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        member(scanner, &key.text())?;
    }
    Ok(())
}

fn read_array<'a>(
    scanner: &mut Scanner<'a>,
    expected: &'static str,
    mut element: impl FnMut(&mut Scanner<'a>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    match scanner.peek()? {
        b'[' => scanner.expect(b'[')?,
        b'n' => return scanner.value().map(|_| ()),
        _ => return Err(JsonErrorKind::Expected(expected).at(scanner.offset())),
    }
    let mut is_first = true;
    while scanner.next_element(is_first)? {
        is_first = false;
        element(scanner)?;
    }
    Ok(())
}

fn read_bool(scanner: &mut Scanner<'_>) -> Result<bool, JsonError> {
    let at = scanner.offset();
    match scanner.value()?.raw {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err(JsonErrorKind::Expected("true or false").at(at)),
    }
}

fn read_int(scanner: &mut Scanner<'_>) -> Result<Option<i64>, JsonError> {
    let at = scanner.offset();
    let raw = scanner.value()?;
    match raw.as_i64() {
        Some(int) => Ok(Some(int)),
        None if raw.raw == "null" => Ok(None),
        None => Err(JsonErrorKind::Expected("an integer").at(at)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json::{Value, write_string};

    const FILES: [&str; 4] = ["f0", "f1", "f2", "f3"];

    fn lines(file: &StreamFile) -> Vec<&str> {
        file.lines().collect()
    }

    #[test]
    fn a_full_body_is_read() {
        let text = r#" {"files":{"wandb-history.jsonl":{"offset":7,"content":["{\"_step\":7,\"a\":\"\\u00e9\"}","{\"_step\":8}"]},
            "output.log":{"content":"one \u00e9\n","offset":2.0,"other":[{}]},"empty":{},"gone":null},
            "uploaded":["a/b.txt","c"],"complete":true,"exitcode":255,"preempting":true,"dropped":3,"x":{"y":[1,2]}} "#;

        let wanted = ["wandb-history.jsonl", "output.log", "empty", "gone", "missing"];
        let body = StreamBody::parse(text.as_bytes(), &wanted).unwrap();

        let history = body.file("wandb-history.jsonl").unwrap();
        assert_eq!(history.offset, 7);
        assert_eq!(lines(history), [r#"{"_step":7,"a":"\u00e9"}"#, r#"{"_step":8}"#]);
        let console = body.file("output.log").unwrap();
        assert_eq!((console.offset, lines(console)), (2, vec!["one é\n"]));
        assert_eq!(body.file("empty"), Some(&StreamFile::default()));
        assert_eq!(body.files.len(), 4);
        assert_eq!((body.complete, body.exit_code, body.preempting), (true, Some(255), true));
    }

    #[test]
    fn everything_may_be_absent_or_null() {
        assert_eq!(StreamBody::parse(b"{}", &FILES), Ok(StreamBody::default()));
        let nulls = br#"{"files":null,"uploaded":null,"complete":null,"exitcode":null,"preempting":null}"#;
        assert_eq!(StreamBody::parse(nulls, &FILES), Ok(StreamBody::default()));
        let file = br#"{"files":{"f0":{"offset":null,"content":[null,"x"]}}}"#;
        assert_eq!(lines(&StreamBody::parse(file, &FILES).unwrap().files[0].1), ["", "x"]);
    }

    #[test]
    fn what_nobody_asked_for_is_checked_and_not_kept() {
        let text = r#"{"files":{"other":{"content":["a",null]},"f1":{"offset":1},"f1":{"offset":2}},"uploaded":["b"]}"#;

        let body = StreamBody::parse(text.as_bytes(), &FILES).unwrap();

        assert_eq!(body.files, [("f1", StreamFile { offset: 1, ..StreamFile::default() })]);
        for bad in [r#""uploaded":[1]"#, r#""files":{"other":{"content":[{}]}}"#, r#""files":{"other":{"offset":"x"}}"#]
        {
            assert!(StreamBody::parse(format!("{{{bad}}}").as_bytes(), &FILES).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_body_that_is_not_one_object_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "1",
            "{} {}",
            "{\"files\":[]}",
            "{\"complete\":1}",
            "{\"files\":{\"f\":{\"offset\":-1}}}",
            "{\"files\":{\"f\":{\"content\":[1]}}}",
            "{\"files\":{\"f0\":{\"content\":[1]}}}",
            "{\"exitcode\":\"0\"}",
            "{\"files\":{\"f\":{\"content\":[\"a",
            "{\"files\":{\"f0\":{\"content\":[\"a",
        ] {
            assert!(StreamBody::parse(text.as_bytes(), &FILES).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn lines_come_back_as_they_were(
            contents in proptest::collection::vec(proptest::collection::vec(any::<String>(), 0..6), 0..4),
            ascii in any::<bool>(),
        ) {
            let mut text = String::from("{\"files\":{");
            for (index, content) in contents.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                text.push_str(&format!("\"f{index}\":{{\"offset\":{index},\"content\":["));
                for (at, line) in content.iter().enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    if ascii {
                        let units = line.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
                        text.push_str(&format!("\"{units}\""));
                    } else {
                        write_string(line, &mut text);
                    }
                }
                text.push_str("]}");
            }
            text.push_str("}}");

            let body = StreamBody::parse(text.as_bytes(), &FILES).unwrap();

            prop_assert_eq!(body.files.len(), contents.len());
            for ((_, file), content) in body.files.iter().zip(&contents) {
                prop_assert_eq!(lines(file), content.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(text in r#"\{"files":\{"[a"\\]{0,3}":[\[\]{}",:0-9a-f\\n]{0,30}\}\}"#) {
            let is_body = StreamBody::parse(text.as_bytes(), &["a"]).is_ok();
            prop_assert_eq!(StreamBody::parse(text.as_bytes(), &[]).is_ok(), is_body);
            if is_body {
                prop_assert!(Value::parse(text.as_bytes(), 128).is_ok());
            }
        }
    }
}
