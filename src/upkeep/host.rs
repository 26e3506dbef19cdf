// SPDX-License-Identifier: GPL-2.0-only
//! Tells the program this host's addresses and settings, which may change while it runs.

use anyhow::Result;

use super::Watched;
use crate::kernel::addresses::Addresses;
use crate::kernel::maps::host;
use crate::kernel::skel::{SynfloodSkel, types};
use crate::kernel::sysctl;
use crate::note::Note;
use crate::policy::{Challenge, Policy};

/// The kernel reads a client's options from its timestamps (net/ipv4/syncookies.c) only with this
/// value of net.ipv4.tcp_timestamps: with 1 it subtracts a secret first.
const PLAIN_TIMESTAMPS: u32 = 2;

/// This host, as the program knows it.
pub struct Host<'a> {
    skel: &'a SynfloodSkel<'a>,
    needs_cookies: bool,
    settings: types::host,
    told: Addresses,
    lacked_cookies: bool,
    reading: Watched,
    reading_settings: Watched,
    telling: Watched,
}

impl<'a> Host<'a> {
    pub fn new(skel: &'a SynfloodSkel<'a>, policy: &Policy) -> Self {
        Self {
            skel,
            needs_cookies: policy.challenge != Challenge::Off,
            settings: types::host::default(),
            told: Addresses::default(),
            lacked_cookies: false,
            reading: Watched::new("the look at this host's addresses"),
            reading_settings: Watched::new("the look at the kernel's settings"),
            telling: Watched::new("telling the program this host's addresses"),
        }
    }

    /// Tells the program the changes. The addresses come first, and the new generation after them, so
    /// that the program never remembers an old address under a new generation.
    pub fn tick(&mut self) -> Vec<Note> {
        let (now, unread) = self.reading.check(Addresses::read());
        let mut outcome = Ok(());
        if let Some(now) = now
            && now != self.told
        {
            outcome = self.tell_addresses(&now);
            self.settings.generation += 1;
            self.settings.address_bits = host::address_bits(&self.told.ips);
        }
        let (read, unread_settings) = self.reading_settings.check(read_settings());
        // What cannot be read is taken to be as before.
        self.settings = types::host {
            generation: self.settings.generation,
            address_bits: self.settings.address_bits,
            ..read.unwrap_or(self.settings)
        };
        let told = host::set(self.skel, &self.settings);
        let (_, untold) = self.telling.check(outcome.and(told));
        let failures = [unread, unread_settings, untold];
        failures.into_iter().flatten().chain(self.lack_of_cookies()).collect()
    }

    /// Makes the program's tables the same as `now`. An address that fails is not entered in `told`, so
    /// that the next look tries it again.
    fn tell_addresses(&mut self, now: &Addresses) -> Result<()> {
        let mut failed = Failed::default();
        self.tell_macs(now, &mut failed);
        self.tell_ips(now, &mut failed);
        failed.outcome()
    }

    fn tell_macs(&mut self, now: &Addresses, failed: &mut Failed) {
        let gone: Vec<_> =
            self.told.macs.keys().filter(|mac| !now.macs.contains_key(*mac)).copied().collect();
        for mac in gone {
            if failed.note(host::disown_mac(self.skel, mac)) {
                self.told.macs.remove(&mac);
            }
        }
        for (&mac, &mtu) in &now.macs {
            if self.told.macs.get(&mac) != Some(&mtu) && failed.note(host::own_mac(self.skel, mac, mtu))
            {
                self.told.macs.insert(mac, mtu);
            }
        }
    }

    fn tell_ips(&mut self, now: &Addresses, failed: &mut Failed) {
        let gone: Vec<_> = self.told.ips.difference(&now.ips).copied().collect();
        for ip in gone {
            if failed.note(host::disown_ip(self.skel, ip)) {
                self.told.ips.remove(&ip);
            }
        }
        for &ip in &now.ips {
            if !self.told.ips.contains(&ip) && failed.note(host::own_ip(self.skel, ip)) {
                self.told.ips.insert(ip);
            }
        }
    }

    /// A note whenever this host's kernel stops making SYN cookies.
    fn lack_of_cookies(&mut self) -> Option<Note> {
        let lacks = self.needs_cookies && self.settings.syncookies == 0;
        let begins = lacks && !self.lacked_cookies;
        self.lacked_cookies = lacks;
        begins.then(|| {
            Note::warning(
                "net.ipv4.tcp_syncookies is 0, so that SYNs over a budget cannot be challenged and are \
                 dropped, honest ones too: `sysctl net.ipv4.tcp_syncookies=1`",
            )
        })
    }
}

/// The first error of several addresses that could not be told.
#[derive(Default)]
struct Failed(Option<anyhow::Error>);

impl Failed {
    /// Keeps an error. Whether there was none.
    fn note(&mut self, done: Result<()>) -> bool {
        let Err(error) = done else { return true };
        self.0.get_or_insert(error);
        false
    }

    fn outcome(self) -> Result<()> {
        let Some(error) = self.0 else { return Ok(()) };
        Err(error.context("SYNs to some addresses cannot be challenged"))
    }
}

fn read_settings() -> Result<types::host> {
    let ipv4 = |name: &str| sysctl::number(&format!("net.ipv4.{name}"));
    let is_on = |name: &str| Ok::<_, anyhow::Error>((ipv4(name)? != 0).into());
    // The largest receive buffer that the kernel itself may give a socket, and that one may ask for. Some
    // kernels hide the second from a namespace. The window scale is then not known, and no timestamp may
    // promise one.
    let own_space = sysctl::number("net.ipv4.tcp_rmem")?;
    let asked_space = sysctl::number_if_there("net.core.rmem_max")?;
    let has_plain_timestamps = ipv4("tcp_timestamps")? == PLAIN_TIMESTAMPS;
    Ok(types::host {
        syncookies: ipv4("tcp_syncookies")?.min(2) as u8,
        timestamps: (asked_space.is_some() && has_plain_timestamps).into(),
        sack: is_on("tcp_sack")?,
        wscale: is_on("tcp_window_scaling")?,
        ecn: is_on("tcp_ecn")?,
        rcv_space: own_space.max(asked_space.unwrap_or(0)),
        ..Default::default()
    })
}
