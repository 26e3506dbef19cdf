// SPDX-License-Identifier: GPL-2.0-only
//! How to use a network that stays up.

use std::env;

use anyhow::{Context, Result};

use crate::network::{CABLE, SERVER, SERVER6};
use crate::stage::say;

/// The prefix for commands that need root, if the user is not root.
pub fn sudo() -> &'static str {
    if env::var_os("SUDO_USER").is_some() { "sudo " } else { "" }
}

/// Commands to try in the network of this name.
pub fn print(name: &str, binary: &str) -> Result<()> {
    let sudo = sudo();
    let inside = |host: &str| format!("{sudo}ip netns exec {name}-{host}");
    let (internet, server) = (inside("internet"), inside("server"));
    // The benchmark's tool, which `make lab` builds beside this program.
    let flood = env::current_exe().context("cannot find this program")?.with_file_name("flood");
    let flood = format!("{} --iface {CABLE} --to {}", flood.display(), SERVER.ip());
    say(&format!(
        "\
The lab is up: the internet 10.0.0.1, and a server 10.0.0.10 with nginx.
Use a terminal for each:

  # flood the server for a minute, as fast as one CPU goes; --help shows more
  {internet} {flood} --count 1000000000

  # the same from one source, with 100,000 SYNs per second
  {internet} {flood} --shape one --mpps 0.1 --count 6000000

  # watch its half-open connections; nginx limits them to about 500
  {server} watch -n 1 'ss -Htn state syn-recv | wc -l'

  # protect it, until Ctrl-C
  {server} {binary} --iface eth0

  # see who is blocked
  {server} {binary} --dump

  # be an honest client, over IPv4 and IPv6
  {internet} curl http://{SERVER}/
  {internet} curl 'http://[{SERVER6}]/'

Remove it all: {sudo}make lab-down"
    ))
}
