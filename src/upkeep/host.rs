// SPDX-License-Identifier: GPL-2.0-only
//! Tells the program this host's addresses, interfaces and settings, which may change while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use anyhow::Result;
use ipnet::IpNet;

use super::Watched;
use super::routes::Routes;
use crate::kernel::maps::Maps;
use crate::kernel::maps::host::{self, Tables};
use crate::kernel::netlink::{self, Mac};
use crate::kernel::program::Program;
use crate::kernel::skel::types;
use crate::kernel::{clock, sysctl, topology};
use crate::note::Note;
use crate::policy::{Challenge, Policy};

/// The number of the table of local routes (include/uapi/linux/rtnetlink.h).
const LOCAL_TABLE: u32 = 255;

/// The value of net.ipv4.tcp_syncookies with which the kernel makes a cookie for every SYN.
const ALWAYS: u8 = 2;

/// This host, as the program knows it.
pub struct Host {
    protected: Vec<u32>,
    settings: types::host,
    tables: Tables,
    routes: Routes,
    /// The interfaces on which packets reach IP that came in by a protected one.
    devices: BTreeSet<u32>,
    lacked_cookies: bool,
    /// The other process is to see that the tables are somebody else's.
    has_taken_over: bool,
    reading: Watched,
    reading_settings: Watched,
    telling: Watched,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            protected: Vec::new(),
            settings: types::host::default(),
            tables: Tables::default(),
            routes: Routes::default(),
            devices: BTreeSet::new(),
            lacked_cookies: false,
            has_taken_over: false,
            reading: Watched::new("the look at this host's addresses"),
            reading_settings: Watched::new("the look at the kernel's settings"),
            telling: Watched::new("telling the program this host's addresses"),
        }
    }
}

impl Host {
    /// From the next look on these interfaces are the protected ones, given by index.
    pub fn protect(&mut self, interfaces: Vec<u32>) {
        self.protected = interfaces;
    }

    /// Goes on with tables that another process has kept so far.
    pub fn take_over(&mut self, maps: &Maps) -> Result<()> {
        self.settings = host::get(maps)?;
        self.tables.take_over(maps)?;
        self.has_taken_over = true;
        Ok(())
    }

    /// Whether another process has written the tables since the last look.
    pub fn is_overwritten(&self, maps: &Maps) -> bool {
        let is_other = |now: types::host| now.generation != self.settings.generation;
        self.settings.looked_at != 0 && host::get(maps).is_ok_and(is_other)
    }

    /// The interfaces, by index, on which packets reach IP that came in by a protected one.
    pub fn devices(&self) -> &BTreeSet<u32> {
        &self.devices
    }

    /// Tells the program the changes, of the routes too if they `may_have_changed`. The addresses come first,
    /// and the new generation after them, so that the program never remembers an old address under a new
    /// generation.
    pub fn tick(&mut self, program: &Program, may_have_changed: bool) -> Vec<Note> {
        let told = self.tell_addresses(program, may_have_changed);
        let (_, untold) = self.telling.check(told);
        let (read, unread_settings) = self.reading_settings.check(read_settings());
        // What cannot be read is taken to be as before.
        self.settings = types::host {
            looked_at: clock::now_ns().unwrap_or(self.settings.looked_at),
            generation: self.settings.generation,
            address_bits: self.settings.address_bits,
            ..read.unwrap_or(self.settings)
        };
        let (_, unset) = self.reading.check(host::set(&program.maps, &self.settings));
        let failures = [untold, unread_settings, unset];
        failures.into_iter().flatten().chain(self.lack_of_cookies(&program.policy)).collect()
    }

    /// Tells the program that the kernel is about to make a cookie for every SYN. The next look corrects it, if
    /// it does not.
    pub fn expect_kernel_cookies(&mut self, program: &Program) -> Vec<Note> {
        if self.settings.syncookies != 0 {
            self.settings.syncookies = ALWAYS;
        }
        let set = host::set(&program.maps, &self.settings);
        self.telling.check(set).1.into_iter().collect()
    }

    fn tell_addresses(&mut self, program: &Program, may_have_changed: bool) -> Result<()> {
        let links = netlink::links()?;
        let networks = own_networks()?;
        let maps = &program.maps;
        self.devices = topology::ip_devices(&links, &self.protected);
        let (new_addresses, outcome) = self.tables.tell_addresses(maps, &own_macs(&links), &networks);
        self.routes.look(&links, &self.protected, &self.devices, may_have_changed)?;
        let (new_links, links_outcome) =
            self.tables.tell_links(maps, self.routes.links(), &self.devices);
        let routes_outcome = self.tables.tell_routes(maps, self.routes.routes());
        if new_addresses || new_links || mem::take(&mut self.has_taken_over) {
            self.settings.generation += 1;
            self.settings.address_bits = host::address_bits(&networks, program.secret.hash_key);
        }
        outcome.and(links_outcome).and(routes_outcome)
    }

    /// A note whenever this host's kernel stops taking SYN cookies.
    fn lack_of_cookies(&mut self, policy: &Policy) -> Option<Note> {
        let lacks = policy.challenge != Challenge::Off && self.settings.syncookies == 0;
        let begins = lacks && !self.lacked_cookies;
        self.lacked_cookies = lacks;
        begins.then(|| {
            Note::warning(
                "net.ipv4.tcp_syncookies is 0, so that the kernel takes no SYN cookies and nobody can be \
                 challenged: in a flood SYNs pass at --unchallenged-rate, and honest ones are lost too: \
                 `sysctl net.ipv4.tcp_syncookies=1`",
            )
        })
    }
}

/// With the MTU in bytes; the smallest if interfaces share a MAC.
fn own_macs(links: &[netlink::Link]) -> BTreeMap<Mac, u32> {
    let mut macs = BTreeMap::new();
    for (mac, mtu) in links.iter().filter_map(|link| Some((link.mac?, link.mtu))) {
        let smallest = macs.entry(mac).or_insert(mtu);
        *smallest = mtu.min(*smallest);
    }
    macs
}

/// A VRF's local routes are in a table of its own. A default route there is for what a proxy takes from others.
fn own_networks() -> Result<BTreeSet<IpNet>> {
    let routes = netlink::local_routes()?;
    let is_own = |route: &&netlink::LocalRoute| {
        route.table == LOCAL_TABLE || route.network.prefix_len() == route.network.max_prefix_len()
    };
    Ok(routes.iter().filter(is_own).map(|route| route.network).collect())
}

fn read_settings() -> Result<types::host> {
    let ipv4 = |name: &str| sysctl::number(&format!("net.ipv4.{name}"));
    let is_on = |name: &str| Ok::<_, anyhow::Error>((ipv4(name)? != 0).into());
    // The largest receive buffer that the kernel itself may give a socket, and that one may ask for. Some
    // kernels hide the second from a namespace. The window scale of the kernel's cookies is then not known,
    // and no timestamp may promise one.
    let own_space = sysctl::number("net.ipv4.tcp_rmem")?;
    let asked_space = sysctl::number_if_there("net.core.rmem_max")?;
    Ok(types::host {
        syncookies: ipv4("tcp_syncookies")?.min(2) as u8,
        timestamps: ipv4("tcp_timestamps")?.min(2) as u8,
        sack: is_on("tcp_sack")?,
        wscale: is_on("tcp_window_scaling")?,
        ecn: is_on("tcp_ecn")?,
        knows_rcv_space: asked_space.is_some().into(),
        rcv_space: own_space.max(asked_space.unwrap_or(0)),
        ..Default::default()
    })
}
