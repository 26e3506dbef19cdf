// SPDX-License-Identifier: GPL-2.0-only
//! The words of `observe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use ipnet::IpNet;

use super::values;
use crate::policy::network;

/// As large as the program's copy of a frame (OBSERVED_BYTES).
pub const MAX_SNAPLEN: u16 = 2048;

#[derive(Debug, Args)]
pub struct Observe {
    /// Interface to look at, with an instance or without
    #[arg(long, short, value_name = "IF", value_parser = values::interface)]
    pub iface: String,

    /// Only segments to, and from, this TCP port of this host
    #[arg(long, value_name = "PORT", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// Only segments from, and to, this address or network
    #[arg(long, value_name = "NET", value_parser = network)]
    pub from: Option<IpNet>,

    /// Only SYNs and SYN-ACKs
    #[arg(long)]
    pub syn: bool,

    /// Only what comes in and has this verdict; may be given several times
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',')]
    pub verdict: Vec<Verdict>,

    /// End after so many segments
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End after this time, as 90s, 10m or 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = values::stop_after, allow_hyphen_values = true)]
    pub time: Option<Duration>,

    /// Show at most so many segments a second; what is beyond is counted
    #[arg(long, value_name = "COUNT", default_value = "1000", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,

    /// Bytes of each frame to write, at least its headers [default: the headers]
    #[arg(long, value_name = "BYTES", requires = "write", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_SNAPLEN)))]
    pub snaplen: Option<u16>,

    /// Write pcapng to this file, for Wireshark and tcpdump; `-` is standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub write: Option<PathBuf>,
}

/// What becomes of a segment that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    /// SYNs that pass to the kernel
    Pass,
    /// SYNs that are answered with a cookie
    Challenge,
    /// What is dropped
    Drop,
    /// Other segments, which are not judged
    Skip,
}

impl Verdict {
    /// The beginning of the names of its reasons.
    pub fn class(self) -> &'static str {
        match self {
            Self::Pass => "pass_",
            Self::Challenge => "challenge_",
            Self::Drop => "drop_",
            Self::Skip => "skip_",
        }
    }
}
