// SPDX-License-Identifier: GPL-2.0-only
//! Where a run's metrics are read.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest path of a socket, without the trailing zero (`sun_path` of unix(7)).
const MAX_PATH: usize = 107;

/// The address of the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricsAddress {
    /// The port is not 0.
    Tcp(SocketAddr),
    /// An absolute path.
    Unix(PathBuf),
}

impl MetricsAddress {
    /// Whether only this host reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Whether a listener at one may hold the other, as 0.0.0.0 holds the port of all addresses.
    pub fn may_hold(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => one.port() == other.port(),
            (one, other) => one == other,
        }
    }
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match Path::new(path) {
                path if !path.is_absolute() || path.ends_with("..") || path.parent().is_none() => {
                    Err("give the whole path of the socket, like unix:/run/synflood-xdp/metrics.sock"
                        .into())
                }
                path if path.as_os_str().len() > MAX_PATH => {
                    Err(format!("the path of a socket has at most {MAX_PATH} bytes"))
                }
                path => Ok(Self::Unix(path.into())),
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => {
                Err("nobody would know which port to ask: give one, like 127.0.0.1:9911".into())
            }
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) => {
                Err("give an address and a port, like 127.0.0.1:9911 or [::1]:9911, or unix:/PATH"
                    .into())
            }
        }
    }
}

/// As it is given.
impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MetricsAddress;

    #[test]
    fn an_address_is_shown_as_it_is_given() {
        for (text, is_local) in [
            ("127.0.0.1:9911", true),
            ("127.8.0.1:1", true),
            ("[::1]:9911", true),
            ("[::ffff:127.0.0.1]:9911", true),
            ("unix:/run/x.sock", true),
            ("0.0.0.0:9911", false),
            ("[::]:9911", false),
            ("192.0.2.1:65535", false),
        ] {
            let address: MetricsAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_local()), (text, is_local));
        }
    }

    #[test]
    fn what_nobody_could_reach_is_refused() {
        let long = format!("unix:/{}", "x".repeat(107));
        for text in [
            "",
            "9911",
            ":9911",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "localhost:9911",
            "::1:9911",
            "unix:",
            "unix:x.sock",
            "unix:/",
            "unix:/run/..",
            "/run/x.sock",
            &long,
        ] {
            assert!(text.parse::<MetricsAddress>().is_err(), "{text}");
        }
    }
}
