//! The cookie that holds a session's token. With HTTPS its name begins with `__Host-`: then browsers take it from this
//! host over HTTPS only, so that nobody else in the domain or on the way can plant one.

use crate::app::account::Channel;
use crate::secrets::Token;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

const SECURE: &str = "__Host-weighhouse";
/// Without HTTPS browsers refuse the other name.
const PLAIN: &str = "weighhouse-session";

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Https => SECURE,
        Channel::Local | Channel::Plain => PLAIN,
    }
}

/// The token that came along, under the name that fits the channel and no other.
pub fn token_in(headers: &HeaderMap, channel: Channel) -> Option<Token> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name(channel))?;
    Token::parse(value)
}

/// Whether a cookie of that name came along, good or not.
pub fn is_in(headers: &HeaderMap, channel: Channel) -> bool {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).any(|pair| pair.trim().split('=').next() == Some(name(channel)))
}

/// `Set-Cookie` for a new session. Scripts cannot read it, and other sites' pages send it only when somebody follows
/// a link.
pub fn set(token: &Token, channel: Channel, max_age_secs: i64) -> HeaderValue {
    written(token.expose(), channel, max_age_secs)
}

/// `Set-Cookie` that makes the browser forget it.
pub fn clear(channel: Channel) -> HeaderValue {
    written("", channel, 0)
}

fn written(value: &str, channel: Channel, max_age_secs: i64) -> HeaderValue {
    let name = name(channel);
    let secure = if channel == Channel::Https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).expect("a token is made of letters, digits, `-` and `_`");
    header.set_sensitive(true);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn a_cookie_has_its_flags() {
        let token = Token::generate();
        let text = token.expose();

        let secure = set(&token, Channel::Https, 60);
        let plain = set(&token, Channel::Local, 60);

        let flags = "Path=/; Max-Age=60; HttpOnly; SameSite=Lax";
        assert_eq!(secure, format!("__Host-weighhouse={text}; {flags}; Secure"));
        assert_eq!(plain, format!("weighhouse-session={text}; {flags}"));
        assert!(!format!("{secure:?}").contains(text), "it is not printed");
    }

    #[test]
    fn a_token_is_read_from_the_cookie_of_its_channel_only() {
        let token = Token::generate();
        let value = token.expose();
        let found = |cookie: String, channel| token_in(&headers(&cookie), channel).is_some();

        assert!(found(format!("a=b; __Host-weighhouse={value}"), Channel::Https));
        assert!(found(format!("weighhouse-session={value};x=y"), Channel::Local));
        assert!(!found(format!("weighhouse-session={value}"), Channel::Https), "planted by somebody on the way");
        assert!(!found(format!("__Host-weighhouse={value}"), Channel::Plain));
        assert!(!found("__Host-weighhouse=nonsense".into(), Channel::Https));
        assert!(is_in(&headers("__Host-weighhouse=nonsense"), Channel::Https));
        assert!(!is_in(&headers("other=1"), Channel::Https));
    }
}
