//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, six digits, 30 seconds.
//! A few lines over the HMAC of `ring`, which is here for TLS already; a crate would bring a second one.

use super::{prints_nothing, random_bytes};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use subtle::ConstantTimeEq;

/// What RFC 4226 recommends, and the length of SHA-1.
const SECRET_BYTES: usize = 20;
const STEP_SECS: u64 = 30;
const DIGITS: usize = 6;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What the server and an authenticator app share.
#[derive(Clone)]
pub struct TotpSecret([u8; SECRET_BYTES]);

prints_nothing!(TotpSecret);

impl TotpSecret {
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// From what [`TotpSecret::bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For sealing.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As a person types it into an app that cannot read a picture.
    pub fn base32(&self) -> String {
        let mut text = String::with_capacity(SECRET_BYTES * 8 / 5);
        for five in self.0.chunks_exact(5) {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            text.extend((0..8).rev().map(|place| char::from(BASE32[(bits >> (5 * place) & 31) as usize])));
        }
        text
    }

    /// What the picture for an app says. The name of the server comes first, so that apps sort by it.
    pub fn otpauth_url(&self, account: &str) -> String {
        let account = utf8_percent_encode(account, NON_ALPHANUMERIC);
        let secret = self.base32();
        format!(
            "otpauth://totp/Weighhouse:{account}?secret={secret}&issuer=Weighhouse&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The time step whose code this is: that of now, the one before, or the next, for clocks differ. The newest one
    /// that fits; every candidate is compared, so that the delay tells nothing.
    pub fn step_of(&self, code: &str, now_secs: i64) -> Option<u64> {
        if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let now = u64::try_from(now_secs).ok()? / STEP_SECS;
        let mut found = None;
        for step in now.saturating_sub(1)..=now + 1 {
            if bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }

    /// What an app would show.
    #[cfg(test)]
    pub fn code_at(&self, now_secs: i64) -> String {
        self.code(u64::try_from(now_secs).expect("tests are after 1970") / STEP_SECS)
    }

    fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 15);
        let number = tag[at..at + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the examples in RFC 6238.
    fn example() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(example().step_of(code, secs), Some(secs as u64 / 30), "{secs}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_no_more() {
        let step = 37_037_036;
        let code = |now| example().step_of("081804", now);

        assert_eq!(code(step * 30 - 31), None);
        for now in [step * 30 - 30, step * 30, step * 30 + 59] {
            assert_eq!(code(now), Some(step as u64), "{now}");
        }
        assert_eq!(code(step * 30 + 60), None);
        for wrong in ["", "28708", "2870822", " 287082", "28708é", "+28708"] {
            assert_eq!(example().step_of(wrong, 59), None, "{wrong}");
        }
        assert_eq!(example().step_of("287082", -59), None);
    }

    #[test]
    fn an_app_is_told_the_secret_in_base32() {
        assert_eq!(example().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            example().otpauth_url("ada@example.com"),
            "otpauth://totp/Weighhouse:ada%40example%2Ecom?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Weighhouse\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(TotpSecret::generate().base32().len(), 32);
    }
}
