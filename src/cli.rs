// SPDX-License-Identifier: GPL-2.0-only
//! The command line. What a single value can get wrong is refused here, what several can in
//! [`crate::config`].

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use ipnet::IpNet;

use crate::config::{Budget, Rate};
use crate::dump::DumpRequest;

/// The longest name of an interface, without the trailing zero (IFNAMSIZ - 1).
const MAX_INTERFACE_NAME: usize = libc::IFNAMSIZ - 1;

/// Stop TCP SYN floods in the network driver with XDP.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  synflood-xdp --iface eth0                         protect eth0 until Ctrl-C
  synflood-xdp --iface eth0 --burst 20 --rate 5     let each source open more
  synflood-xdp --iface eth0 --for 10m --dry-run     judge and count, drop nothing, for ten minutes
  synflood-xdp --dump                               who is blocked now

Exit status: 0 fine or ended by a signal, 1 failed, 2 wrong usage."
)]
pub struct Cli {
    /// Interface to protect, or with --dump to ask; may be given several times
    #[arg(long, value_name = "IF", required_unless_present = "dump", value_parser = interface)]
    pub iface: Vec<String>,

    /// Show the sources that are blocked by running instances, worst first
    #[arg(long, conflicts_with_all = PROTECT_OPTIONS)]
    pub dump: bool,

    /// With --dump: show every known source, blocked or not
    #[arg(long)]
    pub all: bool,

    #[command(flatten)]
    pub protect: Protect,

    /// Write JSON: one object a line while running, one object with --dump
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    pub fn dump_request(&self) -> DumpRequest {
        DumpRequest { interfaces: self.iface.clone(), all: self.all, json: self.json }
    }
}

/// All of [`Protect`], for clap to refuse beside `--dump`.
const PROTECT_OPTIONS: [&str; 1] = ["Protect"];

#[derive(Debug, Args)]
pub struct Protect {
    /// SYNs that a source may send at once
    #[arg(long, value_name = "SYNS", default_value = "5", allow_negative_numbers = true,
          value_parser = positive)]
    pub burst: u64,

    /// SYNs that a source may send over time: per second, or like 30/m, 1000/s, 10/h
    #[arg(long, value_name = "RATE", default_value = "1", allow_hyphen_values = true)]
    pub rate: Rate,

    /// SYNs of sources not seen before, of all together: as --rate; 0: no limit
    #[arg(long, value_name = "RATE", default_value = "1000", allow_hyphen_values = true)]
    pub new_sources: Budget,

    /// SYNs let through from all sources together: as --rate; 0: no limit
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true)]
    pub total_rate: Budget,

    /// Whose SYNs are answered with a SYN cookie instead of dropped: nobody's (off), what --new-sources
    /// and --total-rate refuse (budget), or also what a source's own limit refuses (all)
    #[arg(long, value_enum, default_value = "budget")]
    pub challenge: Challenge,

    /// TCP port to challenge on; may be given several times [default: all]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true, value_parser = port)]
    pub challenge_port: Vec<u16>,

    /// SYN cookies sent: as --rate; 0: no limit
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true)]
    pub challenge_rate: Budget,

    /// Set the kernel's tcp_syncookies and tcp_timestamps as challenges need them, until the end
    #[arg(long)]
    pub set_sysctls: bool,

    /// Where to attach: in the driver (native), behind it (skb), or the first that works (auto)
    #[arg(long, value_enum, default_value = "auto")]
    pub mode: Mode,

    /// TCP port to protect; may be given several times [default: all]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true, value_parser = port)]
    pub port: Vec<u16>,

    /// Network or address that is never limited; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub allow: Vec<IpNet>,

    /// Network or address whose SYNs are all dropped; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub deny: Vec<IpNet>,

    /// Judge and count, but drop nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Detach and end after this time, like 90s, 10m or 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = stop_after)]
    pub stop_after: Option<Duration>,

    /// Bits of an IPv4 address that make a source
    #[arg(long, value_name = "BITS", default_value = "32", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u8).range(1..=32))]
    pub ipv4_prefix: u8,

    /// Bits of an IPv6 address that make a source
    #[arg(long, value_name = "BITS", default_value = "64", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u8).range(1..=128))]
    pub ipv6_prefix: u8,

    /// Sources that are remembered; of more, the one not seen for longest is forgotten
    #[arg(long, value_name = "COUNT", default_value = "262144", allow_negative_numbers = true)]
    pub max_sources: u32,

    /// Seconds between two status lines
    #[arg(long, value_name = "SECONDS", default_value = "1", allow_negative_numbers = true,
          value_parser = interval)]
    pub interval: Duration,

    /// No status lines, only the start and the summary
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Challenge {
    Off,
    Budget,
    All,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Budget => "budget",
            Self::All => "all",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Auto,
    Native,
    Skb,
}

fn interface(name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("give the name of an interface; `ip link` lists them".into());
    }
    if name.len() > MAX_INTERFACE_NAME {
        return Err(format!(
            "an interface's name has at most {MAX_INTERFACE_NAME} characters; `ip link` lists them"
        ));
    }
    if name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        return Err("an interface's name has neither spaces nor slashes; `ip link` lists them".into());
    }
    Ok(name.into())
}

fn positive(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("with 0 no SYN would ever pass; give 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("give a whole number from 1".into()),
    }
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a port from 1 to 65535".into()),
        Ok(port) => Ok(port),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|network| network.trunc())
        .map_err(|_| {
            "give an address or a network, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32".into()
        })
}

fn stop_after(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("give more than no time, like 10m".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; give a number with a unit, like 90s, 10m or 1h30m")),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds from 0.1 to 86400".into()),
    }
}
