// SPDX-License-Identifier: GPL-2.0-only
//! What the program knows of this host's TCP ports.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use super::told::Told;
use crate::kernel::encode;
use crate::kernel::maps::Maps;
use crate::kernel::program::Program;
use crate::kernel::skel::{as_bytes, from_bytes, types};
use crate::kernel::sys::{self, TestRun};

/// What is known of a port: `struct port`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port {
    /// The least that a listener allows, bytes; 0: no limit.
    pub max_mss: u16,
    /// Somebody listens on every address.
    pub listens: bool,
    /// Somebody listens on a single address.
    pub listens_here: bool,
    pub is_unchallenged: bool,
    pub takes_kernel_cookies: bool,
}

impl Port {
    /// What holds of both listeners of a port.
    fn merge(self, other: Self) -> Self {
        let limits = [self.max_mss, other.max_mss].into_iter().filter(|&mss| mss != 0);
        Self {
            max_mss: limits.min().unwrap_or(0),
            listens: self.listens || other.listens,
            listens_here: self.listens_here || other.listens_here,
            is_unchallenged: self.is_unchallenged || other.is_unchallenged,
            takes_kernel_cookies: self.takes_kernel_cookies || other.takes_kernel_cookies,
        }
    }

    fn value(self) -> types::port {
        types::port {
            max_mss: self.max_mss,
            listens: self.listens.into(),
            listens_here: self.listens_here.into(),
            is_unchallenged: self.is_unchallenged.into(),
            takes_kernel_cookies: self.takes_kernel_cookies.into(),
            ..Default::default()
        }
    }
}

/// What is known of all ports: those of IPv4, and then those of IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(Vec<Port>);

impl Default for Ports {
    /// Nobody listens.
    fn default() -> Self {
        Self(vec![Port::default(); 2 * 65_536])
    }
}

impl Ports {
    /// Somebody may listen on any port.
    pub fn unknown() -> Self {
        Self(vec![Port { listens: true, ..Default::default() }; 2 * 65_536])
    }

    /// Adds what is known of one more listener.
    pub fn add(&mut self, is_ipv6: bool, port: u16, about: Port) {
        let entry = &mut self.0[usize::from(is_ipv6) * 65_536 + usize::from(port)];
        *entry = entry.merge(about);
    }

    /// The same of every port.
    pub fn add_to_all(&mut self, about: Port) {
        self.0.iter_mut().for_each(|port| *port = port.merge(about));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * size_of::<types::port>());
        self.0.iter().for_each(|port| bytes.extend_from_slice(as_bytes(&port.value())));
        bytes
    }
}

/// What the program has been told.
#[derive(Debug)]
pub struct Tables {
    /// None: not known.
    ports: Option<Ports>,
    listeners: Told,
}

impl Default for Tables {
    fn default() -> Self {
        Self { ports: None, listeners: Told::new("the listeners on single addresses") }
    }
}

impl Tables {
    /// Takes over tables that another process has kept so far.
    pub fn take_over(&mut self, maps: &Maps) -> Result<()> {
        self.ports = None;
        self.listeners.take_over(&maps.listeners)
    }

    /// `listeners`: those on single addresses, of the ports with [`Port::listens_here`].
    pub fn tell(
        &mut self,
        maps: &Maps,
        ports: Ports,
        listeners: &BTreeSet<(IpAddr, u16)>,
    ) -> Result<()> {
        let key = |&(ip, port): &(IpAddr, u16)| {
            let key = types::listener_key { addr: encode::address(ip), port: port.into() };
            as_bytes(&key).to_vec()
        };
        self.listeners
            .tell(&maps.listeners, listeners.iter().map(|listener| (key(listener), vec![1])))?;
        if self.ports.as_ref() != Some(&ports) {
            maps.bss_ports
                .update(&0_u32.to_ne_bytes(), &ports.bytes(), MapFlags::ANY)
                .context("cannot tell the program on which ports this host listens")?;
            self.ports = Some(ports);
        }
        Ok(())
    }
}

/// The ports of a running program that somebody listens on, and that are not challenged.
pub fn unchallenged(map: &impl MapCore) -> Result<Vec<u16>> {
    those_that(map, |port| port.is_unchallenged != 0 && (port.listens != 0 || port.listens_here != 0))
}

/// The same, and others whose SYNs are for another port or host.
pub fn never_challenged(map: &impl MapCore) -> Result<Vec<u16>> {
    those_that(map, |port| port.is_unchallenged != 0)
}

fn those_that(map: &impl MapCore, is_meant: impl Fn(&types::port) -> bool) -> Result<Vec<u16>> {
    let ports: Vec<types::port> = super::array("the ports", map)?;
    let (ipv4, ipv6) = ports.split_at(ports.len() / 2);
    let both = (0..=u16::MAX).zip(ipv4.iter().zip(ipv6));
    Ok(both.filter(|(_, (v4, v6))| is_meant(v4) || is_meant(v6)).map(|(port, _)| port).collect())
}

/// What a listener is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Set with TCP_MAXSEG, bytes; 0: not set.
    pub max_mss: u16,
    /// It expects signed segments (TCP-MD5, TCP-AO).
    pub has_keys: bool,
    pub is_mptcp: bool,
}

/// Asks the kernel about the listener that gets SYNs to this address and port. None: it finds none, as for one
/// that is bound to an interface.
pub fn inspect(program: &Program, ip: IpAddr, port: u16) -> Result<Option<Listening>> {
    let family = if ip.is_ipv4() { types::family::FAMILY_IPV4 } else { types::family::FAMILY_IPV6 };
    let query = types::listener_query {
        addr: encode::address(ip),
        port,
        family: family.0 as u8,
        ..Default::default()
    };
    const ASKING: &str = "cannot ask the kernel about a listener";
    let first = 0_u32.to_ne_bytes();
    let map = &program.maps.query;
    map.update(&first, as_bytes(&query), MapFlags::ANY).context(ASKING)?;
    let run = TestRun { frame: &[0; 64], ..Default::default() };
    sys::test_run(program.programs.inspect.as_fd(), run).context(ASKING)?;
    let answer = map.lookup(&first, MapFlags::ANY).context(ASKING)?.unwrap_or_default();
    let answer: types::listener_query = from_bytes(&answer).unwrap_or_default();
    Ok((answer.is_found != 0).then_some(Listening {
        max_mss: answer.max_mss,
        has_keys: answer.has_keys != 0,
        is_mptcp: answer.is_mptcp != 0,
    }))
}
