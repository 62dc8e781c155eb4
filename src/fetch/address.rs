//! Which addresses the server goes to when somebody else has chosen where: public ones, and no others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where outside images are fetched from, unless a test says otherwise.
pub fn is_public(address: SocketAddr) -> bool {
    let is_public = match address.ip() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    };
    is_public && address.port() == 443
}

/// Everything that the registry of special addresses (RFC 6890) does not keep for other ends.
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

    fn goes_to(ip: &str) -> bool {
        is_public(SocketAddr::new(ip.parse().unwrap(), 443))
    }

    #[test]
    fn public_addresses_are_gone_to_at_the_port_of_https() {
        for ip in ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(goes_to(ip), "{ip}");
        }
        assert!(!is_public("1.1.1.1:80".parse().unwrap()));
        assert!(!is_public("1.1.1.1:6379".parse().unwrap()));
    }

    #[test]
    fn no_address_within_and_none_that_leads_there_is_gone_to() {
        let v4 = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ];
        let v6 = [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for ip in v4.into_iter().chain(v6) {
            assert!(!goes_to(ip), "{ip}");
        }
    }
}
