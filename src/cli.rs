// SPDX-License-Identifier: GPL-2.0-only
//! The command line: the words, their help, and what a single value can get wrong. [`crate::settings`]
//! refuses what several get wrong together.

use std::time::Duration;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser};
use ipnet::IpNet;

use crate::policy::{Challenge, Cookies, Mode, PortRange, Rate, TotalRate, burst, network};

/// The longest name of an interface, without the trailing zero (IFNAMSIZ - 1).
const MAX_INTERFACE_NAME: usize = libc::IFNAMSIZ - 1;

/// Stop TCP SYN floods in the network driver with XDP.
#[derive(Debug, Parser)]
#[command(
    name = "synflood-xdp",
    version,
    after_help = "Examples:
  synflood-xdp --iface eth0                         protect eth0 until Ctrl-C
  synflood-xdp --iface eth0 --burst 5 --rate 1      five connections of each source at once, then one a second
  synflood-xdp --iface eth0 --for 10m --dry-run     judge and count, drop nothing, for ten minutes
  synflood-xdp --dump                               who is blocked now

Exit status: 0 fine or ended by a signal, 1 failed, 2 wrong usage."
)]
pub struct Cli {
    /// Interface to protect, or to ask with --dump; may be given several times
    #[arg(long, short, value_name = "IF", required_unless_present_any = ["dump", "word", "restore_sysctls"],
          value_parser = interface)]
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

    /// A word without an option, which is refused with a hint.
    #[arg(hide = true)]
    word: Option<String>,

    /// For the process that outlives a killed run: see `commands::keep`.
    #[arg(long, hide = true, value_name = "CHANGE", conflicts_with_all = ["iface", "dump"])]
    pub restore_sysctls: Vec<String>,
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

    /// SYNs per second that the kernel gets unasked, in total (0: no limit)
    #[arg(long, value_name = "RATE", default_value = "1000", allow_hyphen_values = true,
          help_heading = CHALLENGES)]
    pub pass_rate: TotalRate,

    /// SYNs to answer with a SYN cookie instead of dropping them
    #[arg(long, value_enum, default_value = "all", help_heading = CHALLENGES)]
    pub challenge: Challenge,

    /// TCP ports to send SYN cookies for, as with --port [default: all]
    #[arg(long, value_name = "PORTS", allow_hyphen_values = true, value_delimiter = ',',
          help_heading = CHALLENGES)]
    pub challenge_port: Vec<PortRange>,

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

    /// Where on the interface to attach
    #[arg(long, value_enum, default_value = "auto", help_heading = RUN)]
    pub mode: Mode,

    /// Take over from a run that protects these interfaces, without a moment unprotected
    #[arg(long, help_heading = RUN)]
    pub replace: bool,

    /// Judge and count, but drop nothing
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

    /// Show the start and the summary, no status lines
    #[arg(long, short, help_heading = RUN)]
    pub quiet: bool,
}

/// The group of [`Protect`], for clap.
const PROTECT: &str = "protect";

const LIMITS: &str = "Limits";
const CHALLENGES: &str = "Challenges";
const RUN: &str = "Run";

impl Cli {
    /// Reads the command line. Ends the process with the help, or with what is wrong (status 2).
    pub fn from_words() -> Self {
        let matches = Self::command().get_matches();
        let cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Some(word) = &cli.word {
            usage_error(hint(word));
        }
        if cli.dump
            && let Some(option) = first_option_of_a_run(&matches)
        {
            usage_error(format!("{option} does not go with --dump: it is for a run that protects"));
        }
        cli
    }
}

/// Says what is wrong with the words, and ends with status 2.
pub fn usage_error(text: impl std::fmt::Display) -> ! {
    Cli::command().error(ErrorKind::ValueValidation, text).exit()
}

/// What somebody who gave this word without an option may have meant.
fn hint(word: &str) -> String {
    let meant = match word {
        "status" | "dump" | "list" | "show" => "who is blocked now is shown by --dump".into(),
        "help" | "version" => format!("give --{word}"),
        "stop" | "reload" | "restart" => {
            "Ctrl-C or SIGTERM ends a run; start it again to change it".to_owned()
        }
        _ if word.parse::<u16>().is_ok() => "ports are given together, like --port 80,443".into(),
        _ => format!("to protect an interface of this name, give --iface {word}"),
    };
    format!("the word '{word}' belongs to no option: {meant}")
}

/// The first of [`Protect`]'s options that was given.
fn first_option_of_a_run(matches: &ArgMatches) -> Option<String> {
    let command = Cli::command();
    let group = command.get_groups().find(|group| group.get_id() == PROTECT)?;
    let is_given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    let given = group.get_args().find(is_given)?;
    let option = command.get_arguments().find(|option| option.get_id() == given)?;
    option.get_long().map(|long| format!("--{long}"))
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

fn count(text: &str) -> Result<u32, String> {
    match text.parse::<u64>() {
        Ok(number) => number.try_into().map_err(|_| format!("at most {}", u32::MAX)),
        Err(_) => Err("give a whole number, like 262144".into()),
    }
}

fn stop_after(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("give more than no time, like 10m".into()),
        Ok(time) => Ok(time),
        Err(_) => Err("give a number with a unit, like 90s, 10m or 1h30m".into()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds from 0.1 to 86400".into()),
    }
}
