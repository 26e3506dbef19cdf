// SPDX-License-Identifier: GPL-2.0-only
//! How to use a network that stays up.

use std::env;

use anyhow::Result;

use crate::network::{SERVER, SERVER6};
use crate::stage::say;

/// The prefix for commands that need root, if the user is not root.
pub fn sudo() -> &'static str {
    if env::var_os("SUDO_USER").is_some() { "sudo " } else { "" }
}

/// Commands to try in the network of this name.
pub fn print(name: &str, binary: &str) -> Result<()> {
    let sudo = sudo();
    let inside = |host: &str| format!("{sudo}ip netns exec {name}-{host}");
    let (client, attacker, server) = (inside("client"), inside("attacker"), inside("server"));
    say(&format!(
        "\
The lab is up: client 10.0.0.1, attacker 10.0.0.2, server 10.0.0.10 with nginx.
Use a terminal for each:

  # flood the server, until Ctrl-C
  {attacker} hping3 -q -S -p 80 -i u100 {SERVER}

  # or from random addresses
  {attacker} hping3 -q -S -p 80 -i u100 --rand-source {SERVER}

  # watch its half-open connections; nginx limits them to about 500
  {server} watch -n 1 'ss -Htn state syn-recv | wc -l'

  # protect it, until Ctrl-C; skb, because the other end of its veth has no XDP program and so
  # would not receive SYN cookies from native XDP
  {server} {binary} --iface eth0 --mode skb --burst 5 --rate 1

  # see who is blocked
  {server} {binary} --dump

  # be an honest client, over IPv4 and IPv6
  {client} curl http://{SERVER}/
  {client} curl 'http://[{SERVER6}]/'

  # the hosts' own counts
  {attacker} nft list counters
  {server} nft list counters

Remove it all: {sudo}make lab-down"
    ))
}
