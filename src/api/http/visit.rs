//! Where a request comes from, and how: what the connection says, or what a trusted proxy in front of us says for it.

use super::Peer;
use crate::app::account::Channel;
use crate::domain::network::Network;
use http::header::{FORWARDED, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method};
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// More stations than this no request has passed.
const STATIONS_MAX: usize = 20;

/// What is told of the way to this server.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Reverse proxies that are believed. Anybody else can write into their headers what they like.
    pub trusted: Vec<Network>,
    /// Where people reach the server, without a slash at its end.
    pub public_url: Option<String>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// `None` on the admin socket.
    pub address: Option<IpAddr>,
    pub channel: Channel,
}

impl Visit {
    pub fn of(peer: Option<&Peer>, headers: &HeaderMap, proxies: &Proxies) -> Self {
        let Some((address, is_tls)) = peer.and_then(|peer| Some((peer.address?.ip().to_canonical(), peer.is_tls)))
        else {
            return Self { address: None, channel: Channel::Local };
        };
        let is_trusted = |address: IpAddr| proxies.trusted.iter().any(|network| network.contains(address));
        if !is_trusted(address) {
            // A proxy on this machine that nobody told us of: what comes through it comes from who knows where.
            let is_passed_on = headers.contains_key(FORWARDED_FOR) || headers.contains_key(FORWARDED);
            return Self { address: Some(address), channel: channel(is_tls, address.is_loopback() && !is_passed_on) };
        }
        let client = forwarded_for(headers, is_trusted).unwrap_or(address);
        let is_https = match last_word(headers, &FORWARDED_PROTO) {
            Some(proto) => proto.eq_ignore_ascii_case("https"),
            None => is_tls || proxies.public_url.as_ref().is_some_and(|url| url.starts_with("https:")),
        };
        Self { address: Some(client), channel: channel(is_https, address.is_loopback() && client.is_loopback()) }
    }

    pub fn is_https(&self) -> bool {
        self.channel == Channel::Https
    }
}

fn channel(is_https: bool, is_local: bool) -> Channel {
    match (is_https, is_local) {
        (true, _) => Channel::Https,
        (false, true) => Channel::Local,
        (false, false) => Channel::Plain,
    }
}

/// The nearest station that is no trusted proxy. Each proxy adds at the end whom it got the request from; what the
/// client itself has written stands before that and is not reached.
fn forwarded_for(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut nearest = None;
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for text in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(STATIONS_MAX) {
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        nearest = Some(address.to_canonical());
        if !is_trusted(address) {
            break;
        }
    }
    nearest
}

fn last_word<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// What a browser says of the page that sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A page of this server.
    Own,
    /// A page of somebody else's.
    Other,
    /// Nothing: no browser of today.
    Silent,
}

impl Sender {
    /// `Sec-Fetch-Site` is written by the browser and by no page, and needs no knowledge of our own address; browsers
    /// that do not send it (or not over plain HTTP) send `Origin` with everything that can change something.
    pub fn of(headers: &HeaderMap, is_https: bool, proxies: &Proxies) -> Self {
        if let Some(site) = headers.get(FETCH_SITE) {
            return if site == "same-origin" { Self::Own } else { Self::Other };
        }
        let Some(origin) = headers.get(ORIGIN) else { return Self::Silent };
        let origin = origin.to_str().unwrap_or_default();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let scheme = if is_https { "https" } else { "http" };
        let is_own = origin.eq_ignore_ascii_case(&format!("{scheme}://{host}"))
            || proxies.public_url.as_deref().is_some_and(|url| origin.eq_ignore_ascii_case(origin_of(url)));
        if is_own { Self::Own } else { Self::Other }
    }
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let end = url[host_at..].find('/').map_or(url.len(), |at| host_at + at);
    &url[..end]
}

/// Whether a request by this method only looks.
pub fn only_reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn visit(peer: &str, is_tls: bool, headers: &[(&str, &str)], proxies: &Proxies) -> (String, Channel) {
        let peer = Peer { address: Some(format!("{peer}:1").parse().unwrap()), is_tls };
        let visit = Visit::of(Some(&peer), &map(headers), proxies);
        (visit.address.unwrap().to_string(), visit.channel)
    }

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn behind_a_proxy() -> Proxies {
        Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], public_url: None }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let spoofed = [("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-Proto", "https")];

        assert_eq!(visit("192.0.2.1", false, &spoofed, &behind_a_proxy()), ("192.0.2.1".into(), Channel::Plain));
        assert_eq!(visit("10.0.0.1", false, &spoofed, &behind_a_proxy()), ("192.0.2.9".into(), Channel::Https));
        assert_eq!(visit("10.0.0.1", false, &spoofed, &Proxies::default()), ("10.0.0.1".into(), Channel::Plain));
    }

    #[test]
    fn what_the_client_wrote_before_the_proxy_is_not_reached() {
        let address = |lines: &[&str]| {
            let headers: Vec<_> = lines.iter().map(|line| ("X-Forwarded-For", *line)).collect();
            visit("10.0.0.1", false, &headers, &behind_a_proxy()).0
        };

        assert_eq!(address(&["127.0.0.1, 192.0.2.9"]), "192.0.2.9");
        assert_eq!(address(&["127.0.0.1", "192.0.2.9, 10.0.0.2"]), "192.0.2.9");
        assert_eq!(address(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(address(&["192.0.2.9, nonsense"]), "10.0.0.1", "nobody is believed beyond what cannot be read");
        assert_eq!(address(&[]), "10.0.0.1");
        assert_eq!(address(&[&"10.0.0.2, ".repeat(10_000)]), "10.0.0.1");
    }

    #[test]
    fn a_channel_is_local_only_if_nothing_passed_it_on() {
        let none = Proxies::default();

        assert_eq!(visit("127.0.0.1", false, &[], &none).1, Channel::Local);
        assert_eq!(visit("127.0.0.1", false, &[("X-Forwarded-For", "127.0.0.1")], &none).1, Channel::Plain);
        assert_eq!(visit("127.0.0.1", true, &[], &none).1, Channel::Https);
        let here = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], public_url: None };
        assert_eq!(visit("127.0.0.1", false, &[("X-Forwarded-For", "192.0.2.9")], &here).1, Channel::Plain);
        assert_eq!(visit("127.0.0.1", false, &[("X-Forwarded-For", "127.0.0.1")], &here).1, Channel::Local);
        let proto = [("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-Proto", "https, http")];
        assert_eq!(visit("127.0.0.1", false, &proto, &here).1, Channel::Plain, "the client wrote the first word");
        let public = Proxies { public_url: Some("https://w.example".into()), ..here };
        assert_eq!(visit("127.0.0.1", false, &[("X-Forwarded-For", "192.0.2.9")], &public).1, Channel::Https);
    }

    #[test]
    fn a_page_is_own_by_what_the_browser_says_or_by_its_origin() {
        let proxies = Proxies { public_url: Some("https://w.example/prefix".into()), ..Proxies::default() };
        let sender = |headers: &[(&str, &str)]| Sender::of(&map(headers), false, &proxies);

        assert_eq!(sender(&[("Host", "h:8080")]), Sender::Silent);
        for (site, expected) in [
            ("same-origin", Sender::Own),
            ("same-site", Sender::Other),
            ("cross-site", Sender::Other),
            ("none", Sender::Other),
        ] {
            assert_eq!(sender(&[("Sec-Fetch-Site", site), ("Origin", "http://h:8080"), ("Host", "h:8080")]), expected);
        }
        for (origin, expected) in [
            ("http://h:8080", Sender::Own),
            ("https://w.example", Sender::Own),
            ("https://h:8080", Sender::Other),
            ("http://h", Sender::Other),
            ("http://h:8080.evil.example", Sender::Other),
            ("null", Sender::Other),
        ] {
            assert_eq!(sender(&[("Origin", origin), ("Host", "h:8080")]), expected, "{origin}");
        }
    }
}
