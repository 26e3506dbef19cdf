// SPDX-License-Identifier: GPL-2.0-only
//! The words of `explain`.

use std::net::IpAddr;

use clap::{Args, ValueHint};

use super::values;
use crate::policy::network;

#[derive(Debug, Args)]
pub struct Explain {
    /// The client's address
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub address: IpAddr,

    /// What a SYN to this TCP port would meet [default: each protected port that somebody listens on]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// What a SYN to this address would meet [default: one of this host, where somebody listens]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: Option<IpAddr>,

    /// Write JSON: one object
    #[arg(long)]
    pub json: bool,

    /// Only the instance on this interface; may be given several times [default: all]
    #[arg(long, short, value_name = "IF", value_parser = values::interface,
          value_hint = ValueHint::Other)]
    pub iface: Vec<String>,
}

fn address(text: &str) -> Result<IpAddr, String> {
    const WANTED: &str = "give one address, like 192.0.2.7 or 2001:db8::7";
    let network = network(text).map_err(|why| if text.contains(':') { why } else { WANTED.into() })?;
    if network.prefix_len() == network.max_prefix_len() {
        return Ok(network.addr());
    }
    Err(format!("it names many addresses: {WANTED}"))
}
