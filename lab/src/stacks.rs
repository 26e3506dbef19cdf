// SPDX-License-Identifier: GPL-2.0-only
//! SYNs as the TCP stacks of honest clients send them. What each stack puts into one is public knowledge (p0f's
//! database, the stacks' own sources); how much of it varies is as on a real server: distance, links that are
//! narrower than Ethernet, routers that lower the MSS or rewrite ports and DSCP.

mod host;
mod options;
mod table;

use fastrand::Rng;

pub use host::Host;
pub use table::STACKS;

/// An option of TCP, or padding between options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Maximum segment size
    Mss,
    /// No operation
    Nop,
    /// Selective acknowledgements
    SackOk,
    /// Time stamps
    Timestamps,
    /// Window scale
    Scale,
    /// A request for a cookie of TCP Fast Open
    FastOpen,
    /// Multipath TCP, version 1
    Multipath,
    /// End of options. Zeros follow.
    End,
}

/// What a stack offers as its window.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    /// Always the same
    Fixed(u16),
    /// So many segments
    Segments(u16),
    /// As many whole segments as 65,535 bytes hold
    WholeSegments,
}

/// Where a stack takes the identification of an IPv4 packet from.
#[derive(Clone, Copy, Debug)]
pub enum Identification {
    /// Zero, with don't fragment
    Zero,
    /// Counted for the host
    Counted,
    /// Random
    Random,
}

/// Where a stack takes source ports from.
#[derive(Clone, Copy, Debug)]
pub enum Ports {
    /// Any of a range
    Random(u16, u16),
    /// One after the other, from the start of a range
    Counted(u16, u16),
}

/// A TCP stack with its usual settings.
#[derive(Debug)]
pub struct Stack {
    /// What people call it
    pub name: &'static str,
    /// Of 1,000 clients of a public server, so many
    pub per_mille: u32,
    /// The TTL (hop limit) that it sends
    pub ttl: u8,
    /// Its window
    pub window: Window,
    /// Its options, in order
    pub options: &'static [Field],
    /// Window scales; each host has one of them
    pub scales: &'static [u8],
    /// Its own MSS, where it does not follow from the link
    pub mss: Option<u16>,
    /// Whether it sets don't fragment
    pub dont_fragment: bool,
    /// Its IP identification
    pub identification: Identification,
    /// Percent of its SYNs that ask for explicit congestion notification
    pub ecn: u8,
    /// Its source ports
    pub ports: Ports,
    /// Whether a connection's first sequence number follows from that of the last one, instead of being random
    pub sequence_is_counted: bool,
    /// Whether its time stamps begin anew for each connection
    pub timestamps_are_random: bool,
    /// Whether it speaks IPv6
    pub ipv6: bool,
}

/// Clients of a server, each of one stack.
#[derive(Debug)]
pub struct Crowd {
    hosts: Vec<Host>,
    rng: Rng,
}

impl Crowd {
    /// So many clients of these stacks, mixed by [`Stack::per_mille`]; a third of those that can uses IPv6.
    pub fn new<'a>(stacks: impl IntoIterator<Item = &'a Stack>, hosts: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let stacks: Vec<_> = stacks.into_iter().collect();
        let total: u32 = stacks.iter().map(|stack| stack.per_mille).sum();
        let draw = |rng: &mut Rng| {
            let mut rest = rng.u32(..total);
            let drawn = stacks.iter().find(|stack| {
                let is_it = rest < stack.per_mille;
                rest = rest.saturating_sub(stack.per_mille);
                is_it
            });
            drawn.expect("the shares add up to the total")
        };
        let hosts = (0..hosts).map(|_| Host::new(draw(&mut rng), &mut rng)).collect();
        Self { hosts, rng }
    }
}

/// SYNs as they arrive, from the IP header on. It never ends.
impl Iterator for Crowd {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let host = self.rng.choice(&mut self.hosts)?;
        Some(host.syn(if self.rng.u8(..10) == 0 { 80 } else { 443 }, &mut self.rng))
    }
}
