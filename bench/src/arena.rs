// SPDX-License-Identifier: GPL-2.0-only
//! A sender and a server in network namespaces, made anew for every measurement: no contender meets
//! what another has left.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::ifaddrs::getifaddrs;

use crate::contenders::Contender;
use crate::generator::{Generator, Shape, Target};
use crate::netns::{Netns, connect};

const SERVER4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 5, 0, 0, 0, 0, 0, 0x10);
/// For all that is no neighbour.
const GATEWAY: &str = "10.0.0.1";
const PORT: u16 = 80;

/// What one round showed.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Frames that the defence took in, a second.
    pub absorbed: f64,
    /// Of these, segments that reached the server's TCP, a second.
    pub to_tcp: f64,
}

pub struct Arena {
    sender: Netns,
    server: Netns,
    _listener: TcpListener,
    target: Target,
}

impl Arena {
    pub fn new() -> Result<Self> {
        let (sender, server) = (Netns::new("sender"), Netns::new("server"));
        connect(&sender, "flood0", &server, "eth0");
        // Frames that XDP redirects into a veth arrive only where its peer polls: with XDP, or with GRO.
        server.run("ethtool", &["-K", "eth0", "gro", "on"]);
        sender.run("ethtool", &["-K", "flood0", "gro", "on"]);
        server.run("ip", &["address", "add", &format!("{SERVER4}/24"), "dev", "eth0"]);
        server.run("ip", &["address", "add", &format!("{SERVER6}/64"), "dev", "eth0", "nodad"]);
        // Answers to forged sources have to go somewhere; the sender's kernel ignores them.
        server.run("ip", &["neighbour", "add", GATEWAY, "lladdr", "02:00:00:00:00:01", "dev", "eth0"]);
        server.run("ip", &["route", "add", "default", "via", GATEWAY]);
        for setting in ["all", "default", "eth0"] {
            server.run("sysctl", &["-qw", &format!("net.ipv4.conf.{setting}.rp_filter=0")]);
        }
        let listener = server.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)))?;
        let mac = server.enter(mac_of_eth0)?;
        let ifindex = sender.enter(|| nix::net::if_::if_nametoindex("flood0"))?;
        let target = Target {
            ifindex,
            mac,
            ipv4: SERVER4,
            ipv6: SERVER6,
            port: PORT,
            source: Ipv4Addr::new(10, 9, 0, 1),
        };
        Ok(Self { sender, server, _listener: listener, target })
    }

    pub fn measure(&self, contender: &Contender, shape: Shape, time: Duration) -> Result<Round> {
        let _running = (contender.start)(&self.server).with_context(|| contender.name)?;
        self.sender.enter(|| {
            let mut object = std::mem::MaybeUninit::uninit();
            let mut generator = Generator::load(shape, &self.target, &mut object)?;
            // The first look at each source is another thing than the flood.
            generator.run(time / 2)?;
            let before = (self.received(), self.tcp_segments(), Instant::now());
            generator.run(time)?;
            let elapsed = before.2.elapsed().as_secs_f64();
            let per_second = |now: u64, then: u64| (now - then) as f64 / elapsed;
            let round = Round {
                absorbed: per_second(self.received(), before.0),
                to_tcp: per_second(self.tcp_segments(), before.1),
            };
            let lets_on = round.to_tcp > round.absorbed / 1000.0;
            ensure!(
                shape != Shape::One || !contender.stops_before_tcp || !lets_on,
                "{} does not stop a flood from one source: {round:?}",
                contender.name
            );
            Ok(round)
        })
    }

    /// Frames that came out of the server's veth, dropped by XDP or not.
    fn received(&self) -> u64 {
        let statistics = self.server.run("ethtool", &["-S", "eth0"]);
        let packets =
            statistics.lines().filter_map(|line| line.trim().strip_prefix("rx_queue_0_xdp_packets: "));
        packets.filter_map(|count| count.parse::<u64>().ok()).sum()
    }

    /// TcpInSegs of the server, both families.
    fn tcp_segments(&self) -> u64 {
        let snmp = self.server.run("nstat", &["-asz", "TcpInSegs"]);
        let counts = snmp.lines().filter_map(|line| line.strip_prefix("TcpInSegs"));
        counts.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }
}

fn mac_of_eth0() -> Result<[u8; 6]> {
    getifaddrs()?
        .filter(|each| each.interface_name == "eth0")
        .find_map(|each| each.address?.as_link_addr()?.addr())
        .context("eth0 has no MAC address")
}
