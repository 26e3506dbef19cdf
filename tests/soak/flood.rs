// SPDX-License-Identifier: GPL-2.0-only
//! A flood that changes its shape about every second. Every shape includes two sources: the *probe* of
//! the instance that protects. The probe sends nothing before its instance protects, so every probe SYN
//! that arrives was granted by that instance.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use lab::frames::{ETHERNET_LEN, Extension, MACS_LEN, cut, ipv4, ipv6, patched};
use lab::pair::Pair;
use lab::wire::Wire;
use nix::errno::Errno;

use crate::background::{Background, Stop};

/// About ten thousand frames per second at most, to leave time for everything else.
const BATCH: usize = 64;
const PROBES_IN_BATCH: usize = 8;
const PAUSE: Duration = Duration::from_millis(5);

/// The two sources of one instance.
#[derive(Debug, Clone, Copy)]
pub struct Probe(pub u16);

impl Probe {
    /// The networks of all probes.
    pub const NETWORK4: &str = "198.18.0.0/16";
    pub const NETWORK6: &str = "2001:db8::/32";

    pub fn source4(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(0xc612_0000 | u32::from(self.0))
    }

    pub fn source6(self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, self.0, 0, 0, 0, 1)
    }

    fn frames(self) -> [Vec<u8>; 2] {
        [syn4(self.source4()), syn6(&[], self.source6())]
    }
}

/// The shape of most frames. No change of one byte makes a frame come from a probe or from the honest
/// client.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// SYNs from a few thousand sources, all over their limit.
    Crowd,
    /// SYNs from more sources than the table holds.
    Random,
    /// The same over IPv6, with up to three extension headers.
    Random6,
    /// Frames with one byte changed or the end cut off.
    Broken,
    NoSyn,
}

impl Shape {
    const ALL: [Self; 5] = [Self::Crowd, Self::Random, Self::Random6, Self::Broken, Self::NoSyn];

    fn frame(self, rng: &mut Rng) -> Vec<u8> {
        match self {
            Self::Crowd => syn4(Ipv4Addr::from_bits(0x6440_0000 | rng.u32(..1 << 12))),
            Self::Random => syn4(random_source(rng)),
            Self::Random6 => {
                let chain = [Extension::HopByHop, Extension::DestinationOptions, Extension::Routing];
                let source = Ipv6Addr::from_bits((0x3fff << 112) | rng.u128(..1 << 112));
                syn6(&chain[..rng.usize(..=chain.len())], source)
            }
            Self::Broken => {
                let whole = [Self::Crowd, Self::Random6, Self::NoSyn][rng.usize(..3)].frame(rng);
                if rng.bool() {
                    let len = rng.usize(ETHERNET_LEN + 1..whole.len());
                    return cut(whole, len);
                }
                let (at, value) = (rng.usize(MACS_LEN..whole.len()), rng.u8(..));
                patched(whole, at, |_| value)
            }
            Self::NoSyn => ipv4(|ip, tcp| {
                ip.source = random_source(rng).octets();
                ip.destination = Pair::SERVER.parse::<Ipv4Addr>().unwrap().octets();
                (tcp.syn, tcp.ack) = (false, true);
            }),
        }
    }
}

/// One of four million addresses.
fn random_source(rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x6440_0000 | rng.u32(..1 << 22))
}

fn syn4(source: Ipv4Addr) -> Vec<u8> {
    ipv4(|ip, _| {
        ip.source = source.octets();
        ip.destination = Pair::SERVER.parse::<Ipv4Addr>().unwrap().octets();
    })
}

fn syn6(chain: &[Extension], source: Ipv6Addr) -> Vec<u8> {
    ipv6(chain, |ip, _| {
        ip.source = source.octets();
        ip.destination = Pair::SERVER6.parse::<Ipv6Addr>().unwrap().octets();
    })
}

pub struct Flood {
    probe: Arc<AtomicU16>,
    sender: Background<u64>,
}

impl Flood {
    /// Sends from the client's end of this interface, whenever it exists.
    pub fn start(pair: Arc<Pair>, interface: &'static str, rng: Rng) -> Self {
        let probe = Arc::new(AtomicU16::new(0));
        let mut sender = Sender { pair, interface, rng, probe: probe.clone(), sent: 0 };
        let send = move |stop: &Stop| {
            while !stop.is_set() {
                match sender.send(stop) {
                    Err(error) if is_gone(&error) => thread::sleep(PAUSE),
                    result => result.unwrap(),
                }
            }
            sender.sent
        };
        Self { probe, sender: Background::spawn("the flood", send) }
    }

    /// From now on, this probe sends.
    pub fn set_probe(&self, probe: Probe) {
        self.probe.store(probe.0, Ordering::Relaxed);
    }

    pub fn check(&self) {
        self.sender.check();
    }

    /// The number of frames sent.
    pub fn finish(self) -> u64 {
        self.sender.finish()
    }
}

struct Sender {
    pair: Arc<Pair>,
    interface: &'static str,
    rng: Rng,
    probe: Arc<AtomicU16>,
    sent: u64,
}

impl Sender {
    /// Sends one shape for a while.
    fn send(&mut self, stop: &Stop) -> io::Result<()> {
        let shape = Shape::ALL[self.rng.usize(..Shape::ALL.len())];
        let until = Instant::now() + Duration::from_millis(self.rng.u64(200..1500));
        let wire = Wire::open(&self.pair.client, self.interface)?;
        while !stop.is_set() && Instant::now() < until {
            for frame in self.batch(shape) {
                match wire.send(&frame) {
                    // The other end had no room.
                    Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                    result => result?,
                }
                self.sent += 1;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn batch(&mut self, shape: Shape) -> Vec<Vec<u8>> {
        let probe = Probe(self.probe.load(Ordering::Relaxed)).frames();
        let probes = probe.iter().cycle().take(PROBES_IN_BATCH).cloned();
        probes.chain((0..BATCH).map(|_| shape.frame(&mut self.rng))).collect()
    }
}

/// The interface was deleted, or is not up again yet.
fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENODEV | Errno::ENXIO | Errno::ENETDOWN))
}
