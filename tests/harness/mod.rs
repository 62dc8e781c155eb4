//! What the tests of a whole server share: the real binary as a child, and HTTP by hand, so that a request can also be
//! wrong. Each test uses part of it.

/// Where a server that comes and goes is to be found.
pub mod door;
/// Requests and answers over one kept connection.
pub mod http;
/// Licences of an authority of the tests' own.
pub mod licence;
/// What a run holds, against what it must hold.
pub mod reading;
/// The binary as a child of the test.
pub mod server;
/// A process that streams a run as the client does.
pub mod writer;

/// How much of its full work a test is to do: `WEIGHHOUSE_TEST_SCALE`, 1 without it.
#[expect(clippy::disallowed_methods, reason = "the settings of the tests are no settings of the server")]
pub fn scale() -> f64 {
    std::env::var("WEIGHHOUSE_TEST_SCALE").map_or(1.0, |text| text.parse().expect("WEIGHHOUSE_TEST_SCALE is a number"))
}

/// Numbers that look random and come again with the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// One of `0..end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
