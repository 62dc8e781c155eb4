//! Tokens of sessions and of one-time links: random texts that fit into a cookie and a URL.

use super::{Secret, prints_nothing, random_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const BYTES: usize = 32;

/// 256 random bits. The database knows them by a keyed hash ([`super::KeyHasher`]) only.
#[derive(Clone)]
pub struct Token(Secret);

prints_nothing!(Token);

impl Token {
    pub fn generate() -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>())))
    }

    /// What has the form of a token; anything else was never one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(Secret::new(text)))
    }

    /// The token itself. Who calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_again_in_its_text_and_nothing_else_is_one() {
        let token = Token::generate();

        assert_eq!(token.expose().len(), 43);
        assert_eq!(Token::parse(token.expose()).unwrap().expose(), token.expose());
        assert_ne!(Token::generate().expose(), token.expose());
        for wrong in ["", "x", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43), &"a".repeat(100_000)] {
            assert!(Token::parse(wrong).is_none());
        }
    }
}
