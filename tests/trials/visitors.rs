// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients of every stack: each sends the SYN of its stack from its own address, repeats it as stacks do, and
//! answers the SYN-ACK.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use etherparse::{
    EtherType, NetSlice, SlicedPacket, TcpHeader, TcpOptionElement, TcpSlice, TransportSlice,
};
use lab::frames::{ethernet, segment};
use lab::stacks::Crowd;
use lab::wire::Wire;
use socket2::{SockFilter, SockRef};

use crate::field::{Guests, Place};

/// After the last SYN: a stack repeats it after one second, and then twice as late each time.
const REPETITIONS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(7)];

/// Whoever has not got in by then is kept out.
const PATIENCE: Duration = Duration::from_secs(9);

/// Whoever takes longer has had to repeat something.
pub const LATE: Duration = Duration::from_millis(800);

/// The time within which the first repetition of a SYN gets in.
pub const FIRST_REPETITION: Duration = Duration::from_millis(1_800);

/// What came of them.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub came: usize,
    pub late: usize,
    /// Not in with their first repetition.
    pub beyond: usize,
    /// Never in.
    pub kept_out: usize,
    /// Got a reset before they were in.
    pub reset: usize,
    pub longest: Duration,
}

pub struct Visitors {
    is_over: Arc<AtomicBool>,
    came: Arc<AtomicU64>,
    thread: JoinHandle<Tally>,
}

/// On its way in.
struct Visit {
    from: SocketAddr,
    to: SocketAddr,
    frame: Vec<u8>,
    isn: u32,
    tsval: Option<u32>,
    begun: Instant,
    sent: usize,
    answers: usize,
    /// It got one.
    reset: bool,
    /// What it says to the SYN-ACK, as it answers that.
    answer: Option<(Vec<u8>, Instant)>,
}

impl Visitors {
    /// So many per second, until they are to finish.
    pub fn start(place: &Place, crowd: Crowd, per_second: u32) -> Self {
        let wire = Wire::open(&place.pair.client, "eth0").unwrap();
        SockRef::from(&wire).attach_filter(&answers_only()).unwrap();
        let (is_over, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let gate = Gate {
            wire,
            came: came.clone(),
            guests: place.guests.clone(),
            visits: HashMap::new(),
            tally: Tally::default(),
        };
        let stop = is_over.clone();
        Self { is_over, came, thread: thread::spawn(move || gate.run(crowd, per_second, &stop)) }
    }

    /// How many have come so far.
    pub fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// They come for this time, and then no more.
    pub fn come_for(self, time: Duration) -> Tally {
        thread::sleep(time);
        self.finish()
    }

    /// No more come. Those who are on their way get the time that it takes.
    pub fn finish(self) -> Tally {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

struct Gate {
    wire: Wire,
    came: Arc<AtomicU64>,
    guests: Guests,
    visits: HashMap<SocketAddr, Visit>,
    tally: Tally,
}

impl Gate {
    fn run(mut self, mut crowd: Crowd, per_second: u32, is_over: &AtomicBool) -> Tally {
        let begun = Instant::now();
        while !is_over.load(Ordering::Relaxed) || !self.visits.is_empty() {
            let due = (begun.elapsed().as_secs_f64() * f64::from(per_second)) as usize;
            while !is_over.load(Ordering::Relaxed) && self.tally.came < due {
                self.tally.came += 1;
                self.begin(&crowd.next().unwrap());
            }
            if let Some(frame) = self.wire.receive(Duration::from_millis(2), |_| true) {
                self.hear(&frame);
            } else {
                self.look();
            }
        }
        self.tally
    }

    fn begin(&mut self, packet: &[u8]) {
        let kind = if packet[0] >> 4 == 4 { EtherType::IPV4 } else { EtherType::IPV6 };
        let frame = [&ethernet(kind)[..], packet].concat();
        let (from, to, tcp) = parse(&frame).unwrap();
        let now = Instant::now();
        let (isn, tsval) = (tcp.sequence_number(), time_stamp(&tcp).map(|(tsval, _)| tsval));
        self.wire.send(&frame).unwrap();
        self.came.fetch_add(1, Ordering::Relaxed);
        let visit = Visit {
            from,
            to,
            isn,
            tsval,
            begun: now,
            sent: 1,
            answers: 0,
            reset: false,
            answer: None,
            frame,
        };
        self.visits.insert(from, visit);
    }

    fn hear(&mut self, frame: &[u8]) {
        let Some((_, to, tcp)) = parse(frame) else { return };
        let Some(visit) = self.visits.get_mut(&to) else { return };
        if tcp.rst() {
            visit.reset |= !self.guests.lock().unwrap().contains_key(&to);
        } else if tcp.acknowledgment_number() == visit.isn.wrapping_add(1) {
            let answer = visit.answer_to(&tcp);
            self.wire.send(&answer).unwrap();
            visit.answers = 1;
            visit.answer = Some((answer, Instant::now()));
        }
    }

    /// Repeats what is to be repeated, and lets those go who are in or have lost patience.
    fn look(&mut self) {
        let guests = self.guests.lock().unwrap();
        let (now, tally, wire) = (Instant::now(), &mut self.tally, &self.wire);
        self.visits.retain(|from, visit| {
            let waited = match guests.get(from).filter(|in_since| **in_since >= visit.begun) {
                Some(in_since) => *in_since - visit.begun,
                None if now - visit.begun < PATIENCE => {
                    visit.repeat(wire, now);
                    return true;
                }
                None => Duration::MAX,
            };
            tally.count(waited, visit.reset);
            false
        });
    }
}

impl Visit {
    fn answer_to(&self, synack: &TcpSlice) -> Vec<u8> {
        let echo =
            self.tsval.zip(time_stamp(synack)).map(|(own, (theirs, _))| (own.wrapping_add(1), theirs));
        segment(self.from, self.to, &[], |tcp: &mut TcpHeader| {
            (tcp.syn, tcp.ack) = (false, true);
            tcp.sequence_number = self.isn.wrapping_add(1);
            tcp.acknowledgment_number = synack.sequence_number().wrapping_add(1);
            if let Some((own, theirs)) = echo {
                tcp.set_options(&[
                    TcpOptionElement::Noop,
                    TcpOptionElement::Noop,
                    TcpOptionElement::Timestamp(own, theirs),
                ])
                .unwrap();
            }
        })
    }

    fn repeat(&mut self, wire: &Wire, now: Instant) {
        let (frame, since, times) = match &self.answer {
            // A stack repeats it with its first data.
            Some((answer, since)) => (answer, *since, &mut self.answers),
            None => (&self.frame, self.begun, &mut self.sent),
        };
        if REPETITIONS.get(*times - 1).is_some_and(|after| now - since >= *after) {
            *times += 1;
            wire.send(frame).unwrap();
        }
    }
}

impl Tally {
    fn count(&mut self, waited: Duration, reset: bool) {
        self.reset += usize::from(reset);
        self.late += usize::from(waited >= LATE);
        self.beyond += usize::from(waited >= FIRST_REPETITION);
        if waited == Duration::MAX {
            self.kept_out += 1;
        } else {
            self.longest = self.longest.max(waited);
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.came += other.came;
        self.late += other.late;
        self.beyond += other.beyond;
        self.kept_out += other.kept_out;
        self.reset += other.reset;
        self.longest = self.longest.max(other.longest);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { came, late, beyond, kept_out, reset, longest } = self;
        let got_in = came - kept_out;
        write!(
            f,
            "{came:5} came {got_in:5} in {late:3} late {beyond:2} beyond {reset:2} reset, {:4.2} s",
            longest.as_secs_f64()
        )
    }
}

/// From, to, and the segment.
fn parse(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, TcpSlice<'_>)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    let (from, to): (IpAddr, IpAddr) = match packet.net? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    Some((SocketAddr::new(from, tcp.source_port()), SocketAddr::new(to, tcp.destination_port()), tcp))
}

fn time_stamp(tcp: &TcpSlice) -> Option<(u32, u32)> {
    tcp.options_iterator().find_map(|option| match option {
        Ok(TcpOptionElement::Timestamp(own, echo)) => Some((own, echo)),
        _ => None,
    })
}

/// SYN-ACKs and resets to addresses of honest clients, which are under 100.0.0.0 and in 2a00::/8. A flood has others.
fn answers_only() -> [SockFilter; 15] {
    // linux/bpf_common.h
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP: u16 = 0x05;
    const IF_EQUAL: u16 = 0x15;
    const IF_AT_LEAST: u16 = 0x35;
    const IF_ANY_BIT: u16 = 0x45;
    const AND: u16 = 0x54;
    const RETURN: u16 = 0x06;
    let op = SockFilter::new;
    [
        op(LOAD_HALF, 0, 0, 12),
        op(IF_EQUAL, 0, 4, 0x0800),
        op(LOAD_BYTE, 0, 0, 30),
        op(IF_AT_LEAST, 10, 0, 100),
        op(LOAD_BYTE, 0, 0, 47),
        op(JUMP, 0, 0, 4),
        op(IF_EQUAL, 0, 7, 0x86dd),
        op(LOAD_BYTE, 0, 0, 38),
        op(IF_EQUAL, 0, 5, 0x2a),
        op(LOAD_BYTE, 0, 0, 67),
        op(IF_ANY_BIT, 2, 0, 0x04),
        op(AND, 0, 0, 0x12),
        op(IF_EQUAL, 0, 1, 0x12),
        op(RETURN, 0, 0, u32::MAX),
        op(RETURN, 0, 0, 0),
    ]
}
