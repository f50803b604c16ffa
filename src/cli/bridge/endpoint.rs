//! Addresses as a person writes them, and as Zenoh does: `tcp/192.168.1.5:7447`.

use std::net::IpAddr;

/// Where both sides meet unless somebody says otherwise.
pub(super) const LOCAL: &str = "tcp/127.0.0.1:7447";
const PORT: u16 = 7447;

/// Reads `box1`, `box1:7447`, `[::1]`, `tls/box1:7447`.
pub(super) fn parse_endpoint(text: &str) -> Result<String, String> {
    let hint = || {
        format!(
            "is no address: write HOST, HOST:{PORT}, tcp/HOST:{PORT}, tls/HOST:{PORT} or udp/HOST:{PORT}"
        )
    };
    let (protocol, rest) = text.split_once('/').unwrap_or(("tcp", text));
    if !["tcp", "tls", "udp"].contains(&protocol) {
        return Err(hint());
    }
    // What Zenoh wants to know beside the address stays as it is: `#iface=eth0`.
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (address, more) = rest.split_at(end);
    let (host, port) = split(address).ok_or_else(hint)?;
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(hint());
    }
    Ok(format!("{protocol}/{host}:{port}{more}"))
}

/// A host and its port; a numeric address of IPv6 is in brackets where there is a port.
fn split(address: &str) -> Option<(String, u16)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        let ip: std::net::Ipv6Addr = ip.parse().ok()?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => PORT,
            None => return None,
        };
        return Some((format!("[{ip}]"), port));
    }
    if let Ok(ip) = address.parse::<std::net::Ipv6Addr>() {
        return Some((format!("[{ip}]"), PORT));
    }
    match address.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((address.to_owned(), PORT)),
    }
}

/// Whether only this machine reaches it.
pub(super) fn is_loopback(endpoint: &str) -> bool {
    let rest = endpoint.split_once('/').map_or(endpoint, |(_, rest)| rest);
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, endpoint) in [
            ("box1", "tcp/box1:7447"),
            ("box1:9000", "tcp/box1:9000"),
            ("192.168.1.5", "tcp/192.168.1.5:7447"),
            ("::1", "tcp/[::1]:7447"),
            ("[fe80::1]:9", "tcp/[fe80::1]:9"),
            ("tls/box1:7447", "tls/box1:7447"),
            ("udp/0.0.0.0:7447#iface=eth0", "udp/0.0.0.0:7447#iface=eth0"),
        ] {
            assert_eq!(parse_endpoint(text).as_deref(), Ok(endpoint));
        }
        for text in [
            "",
            "http://box1",
            "box1:",
            "box1:99999",
            "[::1",
            "quic/box1:1",
            "a b",
        ] {
            assert!(parse_endpoint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for text in ["127.0.0.1", "localhost:9", "[::1]:7447", "127.3.3.3:1"] {
            assert!(is_loopback(&parse_endpoint(text).expect(text)), "{text}");
        }
        for text in ["0.0.0.0", "box1", "192.168.1.5", "[::]:7447"] {
            assert!(!is_loopback(&parse_endpoint(text).expect(text)), "{text}");
        }
    }
}
