// SPDX-License-Identifier: GPL-2.0-only
//! Networks whose sources share a limit, as text.

use std::io::{self, Write};

use super::model::Network;
use super::units::age;

/// Limited networks that a status names.
const MAX_NAMED: usize = 5;

/// "networks limited: 2001:db8:48::/48 for 12s"
pub fn write_limited(out: &mut impl Write, networks: &[Network]) -> io::Result<()> {
    if networks.is_empty() {
        return Ok(());
    }
    let name = |of: &Network| {
        let service = of.service.as_ref().map_or(String::new(), |name| format!(" at service {name}"));
        format!("{}{service} for {}", of.network, of.limited.map_or("0s".into(), age))
    };
    let named: Vec<_> = networks.iter().take(MAX_NAMED).map(name).collect();
    let more = match networks.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more: `--dump --networks` shows them"),
    };
    writeln!(out, "networks limited: {}{more}", named.join(", "))
}

pub fn write_table(out: &mut impl Write, networks: &[Network]) -> io::Result<()> {
    if networks.is_empty() {
        return writeln!(out, "no network is limited");
    }
    let width = networks.iter().map(|of| of.network.len()).max().unwrap_or(0).max("NETWORK".len());
    let service = |of: &Network| of.service.clone().unwrap_or_else(|| "-".into());
    let service_width =
        networks.iter().map(|of| service(of).len()).max().unwrap_or(0).max("SERVICE".len());
    writeln!(
        out,
        "{:<width$} {:>4} {:<service_width$} {:>7} {:>7} {:>9} {:>9} {:>11}",
        "NETWORK", "STEP", "SERVICE", "TOKENS", "NEXT IN", "CONNECTED", "REFUSED", "LIMITED FOR"
    )?;
    for of in networks {
        writeln!(
            out,
            "{:<width$} {:>4} {:<service_width$} {:>7} {:>7} {:>9} {:>9} {:>11}",
            of.network,
            of.step,
            service(of),
            of.tokens,
            age(of.next_token),
            of.connected,
            of.refused,
            of.limited.map_or("-".into(), age)
        )?;
    }
    Ok(())
}
