// SPDX-License-Identifier: GPL-2.0-only
//! The command line: the words, their help, and what a single value can get wrong. A configuration file
//! gives more of the same words. [`crate::settings`] refuses what several get wrong together.

mod explain;
mod given;
mod hints;
mod learn;
mod observe;
mod refusal;
mod report;
mod rule;
mod values;
mod verbs;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueHint};
use ipnet::IpNet;

pub use explain::Explain;
use given::Given;
pub use learn::Learn;
pub use observe::{MAX_SNAPLEN, Observe};
pub use refusal::{Refusal, usage_error};
pub use report::Report;
pub use rule::{AddRule, RemoveRule, RuleVerb, Which};
use values::{count, interface, interval, stop_after};
pub use verbs::{Change, Show, Top, Verb, Words};

use crate::policy::{
    self, Challenge, Cookies, EventCommand, MetricsAddress, Mode, Networks, PortRange, Rate, Service,
    TotalRate, burst, network,
};

/// Of this binary; with the commit where a release was built from a checkout.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("SYNFLOOD_XDP_COMMIT"));

/// Stop TCP SYN floods in the network driver with XDP.
#[derive(Debug, Parser)]
#[command(
    name = "synflood-xdp",
    version = VERSION,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    override_usage = "synflood-xdp --iface <IF>... [OPTIONS]
       synflood-xdp --config <FILE> [OPTIONS]
       synflood-xdp --dump [--all] [--json] [--iface <IF>]
       synflood-xdp <COMMAND> [OPTIONS]",
    after_help = "Examples:
  synflood-xdp --iface eth0                         protect eth0 until Ctrl-C
  synflood-xdp --iface eth0 --burst 5 --rate 1      five connections of each source at once, then one a second
  synflood-xdp --config FILE                        the same options from a file
  synflood-xdp --iface eth0 --for 10m --dry-run     judge and count, drop nothing, for ten minutes
  synflood-xdp --dump                               who is blocked now
  synflood-xdp status                               how the protection is
  synflood-xdp top                                  what happens now, second by second
  synflood-xdp deny 192.0.2.0/24 --for 1h           drop its SYNs for an hour, from now on
  synflood-xdp explain 192.0.2.7                    why was this client refused?
  synflood-xdp rule list                            what a flood's SYNs have in common, and are dropped by
  synflood-xdp learn --attack A --honest H          the same, from captures (pcap, pcapng)
  synflood-xdp observe --iface eth0 --syn           what arrives, and what becomes of it
  synflood-xdp report LOG -o report.html            a page of an attack, from the output of --json

Exit status: 0 fine or ended by a signal, 1 failed, 2 wrong usage; 3 of check: with warnings, of status: with a fault.

Signals: SIGHUP reads the configuration again, SIGINT and SIGTERM end a run."
)]
pub struct Cli {
    /// Interface to protect, or to ask with --dump; may be given several times
    #[arg(long, short, value_name = "IF", required_unless_present_any = ["dump", "words", "restore_sysctls"],
          value_parser = interface, value_hint = ValueHint::Other)]
    pub iface: Vec<String>,

    /// Show the sources that running instances block, worst first
    #[arg(long)]
    pub dump: bool,

    /// With --dump: show every source and list entry, blocked or not
    #[arg(long)]
    pub all: bool,

    /// Write JSON: one object per line while running, one object with --dump
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub protect: Protect,

    #[command(subcommand)]
    pub verb: Option<Verb>,

    /// Words without an option, which are refused with a hint.
    #[arg(hide = true)]
    pub words: Vec<String>,

    /// For the process that outlives a killed run: see `commands::keep`.
    #[arg(long, hide = true, value_name = "CHANGE", conflicts_with_all = ["iface", "dump"])]
    pub restore_sysctls: Vec<String>,

    #[arg(skip)]
    given: Given,
}

/// Options of a run that protects.
#[derive(Debug, Args)]
#[group(id = PROTECT)]
pub struct Protect {
    /// Connections that a source may open at once; needs --rate [default: no limit]
    #[arg(long, value_name = "COUNT", requires = "rate", allow_negative_numbers = true,
          value_parser = burst, help_heading = LIMITS)]
    pub burst: Option<u64>,

    /// Connections that a source may open over time: per second, or as 30/m, 1000/s, 10/h; needs --burst
    #[arg(long, value_name = "RATE", requires = "burst", allow_hyphen_values = true,
          help_heading = LIMITS)]
    pub rate: Option<Rate>,

    /// TCP ports to protect, as 443 or 80,443 or 8000-8010 [default: all]
    #[arg(long, value_name = "PORTS", allow_hyphen_values = true, value_delimiter = ',',
          help_heading = LIMITS)]
    pub port: Vec<PortRange>,

    /// Address or network without limits of its own; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = network, value_delimiter = ',', help_heading = LIMITS)]
    pub allow: Vec<IpNet>,

    /// Address or network to drop all SYNs of; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = network, value_delimiter = ',', help_heading = LIMITS)]
    pub deny: Vec<IpNet>,

    /// File of networks to allow, one a line, or of `ipset save`; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = LIMITS)]
    pub allow_file: Vec<PathBuf>,

    /// File of networks to deny, as with --allow-file; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = LIMITS)]
    pub deny_file: Vec<PathBuf>,

    /// Ports with limits of their own, as `ssh=22,burst=3,rate=6/m` or `mail=25,587,challenge=off`; up to 16
    #[arg(long, value_name = "NAME=PORTS", help_heading = LIMITS)]
    pub service: Vec<Service>,

    /// Bits of an IPv4 address that make one source
    #[arg(long, value_name = "BITS", default_value = "32", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u8).range(1..=32), help_heading = LIMITS)]
    pub ipv4_prefix: u8,

    /// Bits of an IPv6 address that make one source
    #[arg(long, value_name = "BITS", default_value = "64", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u8).range(1..=128), help_heading = LIMITS)]
    pub ipv6_prefix: u8,

    /// Sources to remember; beyond that the one not seen for longest is forgotten
    #[arg(long, value_name = "COUNT", default_value = "262144", allow_negative_numbers = true,
          value_parser = count, help_heading = LIMITS)]
    pub max_sources: u32,

    /// Whether many sources of one network share a limit: 32 times --burst and --rate for an IPv4 /24 or an IPv6 /48, 128
    /// times for a /20 or a /40
    /// [default: on]. With --dump, alone: show the networks instead of the sources
    #[arg(long, value_enum, value_name = "WHETHER", help_heading = LIMITS)]
    pub networks: Option<Option<Networks>>,

    /// SYNs per second that the kernel gets unasked, in total (0: no limit)
    #[arg(long, value_name = "RATE", default_value = "1000", allow_hyphen_values = true,
          help_heading = CHALLENGES)]
    pub pass_rate: TotalRate,

    /// What becomes of rules that drop what the SYNs of a flood have in common and no honest client's has
    #[arg(long, value_enum, value_name = "WHAT", default_value = "on", help_heading = CHALLENGES)]
    pub learn: policy::Learn,

    /// SYNs to answer with a SYN cookie instead of dropping them
    #[arg(long, value_enum, default_value = "all", help_heading = CHALLENGES)]
    pub challenge: Challenge,

    /// SYN cookies sent per second, in total (0: no limit)
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true,
          help_heading = CHALLENGES)]
    pub challenge_rate: TotalRate,

    /// SYNs per second let through where a SYN cookie cannot work, in total (0: no limit)
    #[arg(long, value_name = "RATE", default_value = "10000", allow_hyphen_values = true,
          help_heading = CHALLENGES)]
    pub unchallenged_rate: TotalRate,

    /// Whose SYN cookies to send
    #[arg(long, value_enum, default_value = "auto", help_heading = CHALLENGES)]
    pub cookies: Cookies,

    /// Never change tcp_syncookies, though the kernel's cookies need 2 in a flood
    #[arg(long, help_heading = CHALLENGES)]
    pub keep_sysctls: bool,

    /// File (TOML) with options that are not given here: `burst = 5`, `allow = ["192.0.2.7"]`, `[[service]]`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = RUN)]
    pub config: Option<PathBuf>,

    /// Where on the interface to attach
    #[arg(long, value_enum, default_value = "auto", help_heading = RUN)]
    pub mode: Mode,

    /// Take over from a run that protects these interfaces, without a moment unprotected. That run ends, with its --for
    /// and --dry-run, and does not come back when this one ends
    #[arg(long, help_heading = RUN)]
    pub replace: bool,

    /// Judge and count, but drop nothing; say at the end which --burst and --rate the clients would never have met
    #[arg(long, help_heading = RUN)]
    pub dry_run: bool,

    /// Detach and end after this time, as 90s, 10m or 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = stop_after, help_heading = RUN)]
    pub stop_after: Option<Duration>,

    /// Seconds between two status lines [default: 1 on a terminal and with --json; else none, only what begins and
    /// ends]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = interval,
          help_heading = RUN)]
    pub interval: Option<Duration>,

    /// Give metrics (OpenMetrics, by HTTP) at an address, as 127.0.0.1:9911 or unix:/run/synflood-xdp/metrics.sock
    #[arg(long, value_name = "ADDRESS", help_heading = RUN)]
    pub metrics: Option<MetricsAddress>,

    /// Run this command when something happens, with JSON lines on its standard input: an absolute path and arguments, no
    /// shell. One at a time, once a second for each kind of event, ten seconds at most
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString, help_heading = RUN)]
    pub on_event: Option<EventCommand>,

    /// Show the start and the summary, no status lines
    #[arg(long, short, help_heading = RUN)]
    pub quiet: bool,
}

/// The group of [`Protect`], for clap.
const PROTECT: &str = "protect";

const LIMITS: &str = "Limits";
const CHALLENGES: &str = "Challenges";
const RUN: &str = "Run";
