//! `[server]`: where the server listens, TLS, and how long a client may take.

use super::{Problems, certificate, empty_is_none, list};
use crate::domain::network::Network;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one. Default: `127.0.0.1:8080`.
    pub listen: String,
    /// The http or https URL under which clients reach this server, no slash at the end. Default: not set.
    #[serde(deserialize_with = "empty_is_none")]
    pub public_url: Option<String>,
    /// PEM file of the certificate chain; needs `tls_key_file`. Default: not set (no TLS).
    #[serde(deserialize_with = "empty_is_none")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file of the certificate's key; needs `tls_cert_file`. Default: not set (no TLS).
    #[serde(deserialize_with = "empty_is_none")]
    pub tls_key_file: Option<PathBuf>,
    /// Networks of reverse proxies, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<String>,
    /// Open connections at once; 0 = half of the open-file limit, at most 10,000. Default: 0.
    pub connections: u64,
    /// Open connections at once from one IPv4 address or IPv6 /64 network. Default: 512.
    pub connections_per_address: u64,
    /// Seconds in which a client must complete the TLS handshake. Default: 10.
    pub tls_handshake_secs: u64,
    /// Seconds in which a new connection must send its first byte. Default: 10.
    pub first_byte_secs: u64,
    /// Seconds from the first byte of a request to the end of its headers. Default: 15.
    pub header_secs: u64,
    /// Seconds that a connection may rest between two requests. Default: 75.
    pub idle_secs: u64,
    /// Seconds that a request body, or a client reading an answer, may stand still. Default: 30.
    pub body_idle_secs: u64,
    /// Seconds that running requests are given to finish at shutdown. Default: 10.
    pub drain_secs: u64,
}

impl Server {
    /// The address to listen on.
    pub fn listen_address(&self) -> Result<SocketAddr, String> {
        self.listen.parse().map_err(|_| {
            format!("`server.listen`: `{}` is not an address with a port, such as `0.0.0.0:8080`", self.listen)
        })
    }

    /// The certificate and key files, when TLS is on. `check` has refused one without the other.
    pub fn tls_files(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_cert_file.as_deref()?, self.tls_key_file.as_deref()?))
    }

    /// The networks of the reverse proxies.
    pub fn trusted_networks(&self) -> Result<Vec<Network>, String> {
        let parse = |text: &String| text.parse().map_err(|why| format!("`server.trusted_proxies`: `{text}` {why}"));
        self.trusted_proxies.iter().map(parse).collect()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(problem) = self.listen_address() {
            problems.add(problem);
        }
        if let Some(url) = &self.public_url
            && let Err(reason) = check_public_url(url)
        {
            problems.add(format!("`server.public_url`: `{url}` {reason}"));
        }
        if let Err(problem) = self.trusted_networks() {
            problems.add(problem);
        }
        self.check_tls(problems);
        if self.connections != 0 {
            problems.range("server.connections", self.connections, 8, 1_000_000);
        }
        problems.range("server.connections_per_address", self.connections_per_address, 1, 1_000_000);
        problems.range("server.tls_handshake_secs", self.tls_handshake_secs, 1, 600);
        problems.range("server.first_byte_secs", self.first_byte_secs, 1, 600);
        problems.range("server.header_secs", self.header_secs, 1, 600);
        problems.range("server.idle_secs", self.idle_secs, 1, 3600);
        problems.range("server.body_idle_secs", self.body_idle_secs, 1, 600);
        problems.range("server.drain_secs", self.drain_secs, 1, 600);
    }

    fn check_tls(&self, problems: &mut Problems) {
        match (&self.tls_cert_file, &self.tls_key_file) {
            (None, None) => {}
            (Some(_), None) => problems.add("`server.tls_cert_file` is set, but `server.tls_key_file` is not"),
            (None, Some(_)) => problems.add("`server.tls_key_file` is set, but `server.tls_cert_file` is not"),
            (Some(cert_file), Some(key_file)) => {
                if let Err(error) = certificate::read(cert_file, key_file) {
                    problems.add(format!("`server.tls_cert_file`, `server.tls_key_file`: {error}"));
                }
            }
        }
    }
}

fn check_public_url(url: &str) -> Result<(), &'static str> {
    if url.ends_with('/') {
        return Err("must not end with a slash");
    }
    let parsed: http::Uri = url.parse().map_err(|_| "is not a URL")?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://");
    }
    let host_is_plain = parsed.host().is_some_and(|host| !host.is_empty()) && !url.contains('@');
    if !host_is_plain {
        return Err("must name a host, without user or password");
    }
    if parsed.query().is_some() || url.contains('#') {
        return Err("must not have a query or fragment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_plain_http_or_https() {
        for good in ["http://weigh.example", "https://weigh.example:8443", "https://h/prefix", "http://[::1]:80"] {
            assert_eq!(check_public_url(good), Ok(()), "{good}");
        }
        for bad in [
            "weigh.example",
            "ftp://h",
            "http://h/",
            "http://h/a/",
            "http://u:p@h",
            "http://h?a=1",
            "http://h#a",
            "http://",
            "",
        ] {
            assert!(check_public_url(bad).is_err(), "{bad}");
        }
    }
}
