//! Images that the server shows: known by what is in them, whatever they are called.

use serde::{Deserialize, Serialize};

/// The formats that are shown. SVG is none of them: it is a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl ImageFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
        }
    }

    /// Whether a `Content-Type` names one of the formats.
    pub fn is_named_by(content_type: &str) -> bool {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        let all = [Self::Png, Self::Jpeg, Self::Gif, Self::WebP];
        all.iter().any(|format| format.content_type().eq_ignore_ascii_case(name))
    }
}

/// What the first bytes of an image say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFacts {
    pub format: ImageFormat,
    pub width: u32,
    pub height: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadImage {
    #[error("this is no PNG, JPEG, WebP or GIF image")]
    Format,
    #[error("the image has {width} x {height} pixels; at most {max} x {max} are taken")]
    Pixels { width: u32, height: u32, max: u32 },
    #[error("the image has {bytes} bytes; at most {max} are taken")]
    Bytes { bytes: usize, max: usize },
}

/// Looks at an image that somebody sent: its format, and whether it is of a size that is taken.
pub fn check_image(bytes: &[u8], bytes_max: usize, side_max: u32) -> Result<ImageFacts, BadImage> {
    if bytes.len() > bytes_max {
        return Err(BadImage::Bytes { bytes: bytes.len(), max: bytes_max });
    }
    let facts = recognize(bytes).ok_or(BadImage::Format)?;
    let ImageFacts { width, height, .. } = facts;
    if width == 0 || height == 0 {
        return Err(BadImage::Format);
    }
    if width > side_max || height > side_max {
        return Err(BadImage::Pixels { width, height, max: side_max });
    }
    Ok(facts)
}

fn recognize(bytes: &[u8]) -> Option<ImageFacts> {
    let (format, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (ImageFormat::Png, png_size(bytes)?)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        (ImageFormat::Gif, (u32::from(u16_le(bytes, 6)?), u32::from(u16_le(bytes, 8)?)))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        (ImageFormat::WebP, webp_size(bytes)?)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (ImageFormat::Jpeg, jpeg_size(bytes)?)
    } else {
        return None;
    };
    Some(ImageFacts { format, width, height })
}

/// The first chunk is the header.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some((u32_be(bytes, 16)?, u32_be(bytes, 20)?))
}

/// Three kinds of a first chunk, each with its own way to say it (RFC 9649).
fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((u24_le(bytes, 24)? + 1, u24_le(bytes, 27)? + 1)),
        b"VP8L" => {
            (*bytes.get(20)? == 0x2f).then_some(())?;
            let packed = u32::from_le_bytes(bytes.get(21..25)?.try_into().ok()?);
            Some(((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => {
            (bytes.get(23..26)? == [0x9d, 0x01, 0x2a]).then_some(())?;
            Some((u32::from(u16_le(bytes, 26)? & 0x3fff), u32::from(u16_le(bytes, 28)? & 0x3fff)))
        }
        _ => None,
    }
}

/// Goes from marker to marker up to the frame's header.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        while *bytes.get(at)? == 0xff && *bytes.get(at + 1)? == 0xff {
            at += 1;
        }
        (*bytes.get(at)? == 0xff).then_some(())?;
        let marker = *bytes.get(at + 1)?;
        // Frames of all kinds, without the tables that share their range.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((u32::from(u16_be(bytes, at + 7)?), u32::from(u16_be(bytes, at + 5)?)));
        }
        // Image data before any frame, or the end.
        if matches!(marker, 0xd9 | 0xda) {
            return None;
        }
        at += 2 + usize::from(u16_be(bytes, at + 2)?).max(2);
    }
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u24_le(bytes: &[u8], at: usize) -> Option<u32> {
    let [low, middle, high] = bytes.get(at..at + 3)?.try_into().ok()?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
    }

    fn facts(format: ImageFormat, width: u32, height: u32) -> Result<ImageFacts, BadImage> {
        Ok(ImageFacts { format, width, height })
    }

    #[test]
    fn the_four_formats_are_known_by_their_bytes() {
        let check = |bytes: &[u8]| check_image(bytes, 1000, 1000);

        assert_eq!(check(&png(30, 20)), facts(ImageFormat::Png, 30, 20));
        assert_eq!(check(b"GIF89a\x1e\0\x14\0"), facts(ImageFormat::Gif, 30, 20));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc2\0\x0b\x08\0\x14\0\x1e";
        assert_eq!(check(jpeg), facts(ImageFormat::Jpeg, 30, 20));
        let lossy = b"RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x1e\0\x14\0";
        assert_eq!(check(lossy), facts(ImageFormat::WebP, 30, 20));
        let packed = (29_u32 | 19 << 14).to_le_bytes();
        assert_eq!(check(&[&b"RIFF....WEBPVP8L....\x2f"[..], &packed].concat()), facts(ImageFormat::WebP, 30, 20));
        assert_eq!(check(b"RIFF....WEBPVP8X....\0\0\0\0\x1d\0\0\x13\0\0"), facts(ImageFormat::WebP, 30, 20));
    }

    #[test]
    fn what_is_no_image_or_too_large_is_refused() {
        let bad: [&[u8]; 7] = [
            b"",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<html>",
            b"GIF89a",
            b"\xff\xd8\xff\xd9",
            b"RIFF",
            b"BM",
        ];
        for bytes in bad {
            assert_eq!(check_image(bytes, 1000, 1000), Err(BadImage::Format), "{bytes:?}");
        }
        assert_eq!(check_image(&png(0, 5), 1000, 1000), Err(BadImage::Format));
        assert_eq!(check_image(&png(5, 11), 1000, 10), Err(BadImage::Pixels { width: 5, height: 11, max: 10 }));
        assert_eq!(check_image(&png(5, 5), 10, 10), Err(BadImage::Bytes { bytes: 24, max: 10 }));
    }

    #[test]
    fn a_content_type_names_a_format_with_or_without_parameters() {
        assert!(ImageFormat::is_named_by("IMAGE/png; charset=binary"));
        for other in ["image/svg+xml", "text/html", "", "image/*"] {
            assert!(!ImageFormat::is_named_by(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>, start in 0_usize..4) {
            let start: &[u8] = [&b"\xff\xd8\xff"[..], b"RIFF....WEBPVP8X", b"\x89PNG\r\n\x1a\n", b"GIF87a"][start];
            let _looked_at = check_image(&[start, &bytes].concat(), usize::MAX, u32::MAX);
        }
    }
}
