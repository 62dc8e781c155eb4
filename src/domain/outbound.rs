//! Where the server goes when somebody else has chosen the address. What an address is for is decided by the address
//! itself, after its name was resolved: names may lead anywhere.

use super::network::Network;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What lies at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Public,
    /// The networks of a site: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`.
    Site,
    /// This machine, its link, and what the registry of special addresses (RFC 6890) keeps for other ends.
    Special,
    /// Where a cloud tells a machine who it is, and gives whoever asks from it the keys of that.
    Metadata,
}

impl Reach {
    pub fn of(ip: IpAddr) -> Self {
        if is_metadata(ip) {
            return Self::Metadata;
        }
        let (is_site, is_public) = match ip {
            IpAddr::V4(ip) => (ip.is_private(), is_public_v4(ip)),
            IpAddr::V6(ip) => (ip.is_unique_local(), is_public_v6(ip)),
        };
        match (is_site, is_public) {
            (true, _) => Self::Site,
            (false, true) => Self::Public,
            (false, false) => Self::Special,
        }
    }
}

/// What the operator allows beyond public addresses and those of the site. Nothing allows the metadata of a cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboundRules {
    allowed: Vec<Allowed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    Host { name: String, port: Option<u16> },
    Network(Network),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of: a host, `host:port`, an address, a network such as `10.0.0.0/8`")]
pub struct BadEntry(String);

/// Why an address is not gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The operator could allow it.
    NotNamed,
    Metadata,
}

impl OutboundRules {
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, BadEntry> {
        let allowed = entries.iter().map(|entry| Allowed::parse(entry.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Whether the host, written like this, may be reached at this address, which its name led to.
    pub fn check(&self, host: &str, address: SocketAddr) -> Result<(), Refusal> {
        match Reach::of(address.ip()) {
            Reach::Public | Reach::Site => Ok(()),
            Reach::Metadata => Err(Refusal::Metadata),
            Reach::Special if self.allowed.iter().any(|allowed| allowed.covers(host, address)) => Ok(()),
            Reach::Special => Err(Refusal::NotNamed),
        }
    }
}

impl Allowed {
    fn parse(entry: &str) -> Result<Self, BadEntry> {
        let wrong = || BadEntry(entry.to_owned());
        if let Ok(network) = entry.parse() {
            return Ok(Self::Network(network));
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| wrong())?)),
            None => (entry, None),
        };
        let is_literal = name.starts_with('[') && name.ends_with(']');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if name.is_empty() || !(is_literal || name.bytes().all(plain)) {
            return Err(wrong());
        }
        Ok(Self::Host { name: folded(name), port })
    }

    fn covers(&self, host: &str, address: SocketAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(address.ip()),
            Self::Host { name, port } => *name == folded(host) && port.is_none_or(|port| port == address.port()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNamed => "the server goes there only when `storage.allow_endpoints` names the host or the address",
            Self::Metadata => "the server never goes to the metadata of a cloud for anything but its own identity",
        })
    }
}

/// One spelling of a host: without the dot of the root, without the brackets of an address.
fn folded(host: &str) -> String {
    host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// Amazon and its likes (`169.254.169.254`, its containers, its IPv6), Alibaba, Oracle, Azure's wire server, Google's IPv6.
fn is_metadata(ip: IpAddr) -> bool {
    let v4 = |ip: Ipv4Addr| {
        matches!(
            ip.octets(),
            [169, 254, 169, 250..=254]
                | [169, 254, 170, 2 | 23]
                | [100, 100, 100, 200]
                | [192, 0, 0, 192]
                | [168, 63, 129, 16]
        )
    };
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => match ip.segments() {
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => true,
            // An address of IPv4: as it is, translated, and behind a tunnel.
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(joined(high, low)),
            [0x2002, high, low, ..] => v4(joined(high, low)),
            _ => false,
        },
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Everything that the registry of special addresses does not keep for other ends.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let is_special = match ip.octets() {
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [100, 64..=127, ..] | [172, 16..=31, ..] | [198, 18..=19, ..] => true,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, and broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !is_special
}

/// Global unicast, without what leads back to an address of another kind: mapped and translated ones, tunnels.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let is_special = match ip.segments() {
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => true,
        [0x2002, ..] => true,
        [0x3fff, 0..=0xfff, ..] => true,
        [0x2000..=0x3fff, ..] => false,
        _ => true,
    };
    !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(ip: &str) -> Reach {
        Reach::of(ip.parse().unwrap())
    }

    fn check(entries: &[&str], host: &str, address: &str) -> Result<(), Refusal> {
        OutboundRules::parse(entries).unwrap().check(host, address.parse().unwrap())
    }

    #[test]
    fn what_lies_at_an_address_is_known_from_it() {
        for ip in ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "2a00::1"] {
            assert_eq!(reach(ip), Reach::Public, "{ip}");
        }
        for ip in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"] {
            assert_eq!(reach(ip), Reach::Site, "{ip}");
        }
        let special_v4 = [
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ];
        let special_v6 = [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for ip in special_v4.into_iter().chain(special_v6) {
            assert_eq!(reach(ip), Reach::Special, "{ip}");
        }
    }

    #[test]
    fn metadata_is_known_in_every_form_and_allowed_by_nothing() {
        for ip in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
        ] {
            assert_eq!(reach(ip), Reach::Metadata, "{ip}");
            let address = SocketAddr::new(ip.parse().unwrap(), 80).to_string();
            assert_eq!(check(&["store.test", "0.0.0.0/0", "::/0"], "store.test", &address), Err(Refusal::Metadata));
        }
    }

    #[test]
    fn the_site_and_the_public_are_gone_to_and_the_rest_where_it_is_named() {
        assert_eq!(check(&[], "minio.lan", "10.1.2.3:9000"), Ok(()));
        assert_eq!(check(&[], "s3.amazonaws.com", "52.216.0.1:443"), Ok(()));
        assert_eq!(check(&[], "localhost", "127.0.0.1:9000"), Err(Refusal::NotNamed));

        for (entry, allows, refuses) in [
            ("localhost", ("LOCALHOST.", "127.0.0.1:9000"), ("other.test", "127.0.0.1:9000")),
            ("localhost:9000", ("localhost", "127.0.0.1:9000"), ("localhost", "127.0.0.1:9001")),
            ("127.0.0.1", ("127.0.0.1", "127.0.0.1:9000"), ("localhost", "[::1]:9000")),
            ("127.0.0.0/8", ("a.test", "127.3.2.1:1"), ("a.test", "169.254.1.1:1")),
            ("::1", ("::1", "[::1]:9000"), ("::1", "[fe80::1]:9000")),
            ("[::1]:9000", ("[::1]", "[::1]:9000"), ("[::1]", "[::1]:80")),
            ("100.64.0.0/10", ("a.test", "100.64.9.9:1"), ("a.test", "127.0.0.1:1")),
        ] {
            assert_eq!(check(&[entry], allows.0, allows.1), Ok(()), "{entry}");
            assert_eq!(check(&[entry], refuses.0, refuses.1), Err(Refusal::NotNamed), "{entry}");
        }
    }

    #[test]
    fn an_entry_that_names_nothing_is_refused() {
        for entry in
            ["", "a b", "http://minio", "minio/bucket", "minio:port", "minio:99999", "10.0.0.0/33", "*", "*.lan"]
        {
            assert!(OutboundRules::parse(&[entry]).is_err(), "{entry}");
        }
    }
}
