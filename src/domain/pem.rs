//! PEM: bytes as text between a line that says what they are and one that ends them (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const LINE: usize = 64;

/// The bytes of the first block with this label.
pub fn read(label: &str, text: &str) -> Option<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}

pub fn write(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(LINE) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_by_its_label_alone() {
        for length in [0, 1, 48, 49, 500] {
            let bytes = vec![0xAB; length];
            let text = format!("before\r\n{}after", write("SOME KEY", &bytes));

            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(read("SOME KEY", &text), Some(bytes));
            assert_eq!(read("OTHER KEY", &text), None);
        }
    }
}
