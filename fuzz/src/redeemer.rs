// SPDX-License-Identifier: GPL-2.0-only
//! The program that redeems cookies, on arbitrary segments: right answers, nearly right ones, guesses, and frames of
//! any shape. The oracle of the cookie says what is right. Nobody listens, so the kernel opens nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use lab::cookie::{Baker, DATA_BITS, EPOCH_NS, Flow, Options};
use lab::frames::{self, ipv4, ipv6};
use lab::netns::Netns;
use lab::program::{LOOPBACK_MAC, Program, now_ns};
use libbpf_rs::{MapCore, MapFlags};

use crate::generate::Generator;
use crate::{seeds, segments};

/// The program's clock may be behind ours by a tick: 10 ms at most.
const TICK_NS: u64 = 10_000_000;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No answer at all.
    Other,
    Wrong,
    Right,
}

struct Redeemer {
    program: Program,
    baker: Baker,
    /// The counters' keys: of wrong answers, and of right ones.
    wrong: u32,
    right: [u32; 4],
}

impl Redeemer {
    fn load() -> Result<Self> {
        let program = Program::load(&["--cookies", "own"]);
        program.look_for_answers(true);
        let names = program.reason_names();
        let key = |name: &str| {
            let at = names.iter().position(|other| other == name);
            at.map(|at| at as u32).with_context(|| format!("no reason {name}"))
        };
        let right = [
            key("answer_redeemed")?,
            key("answer_over_limit")?,
            key("answer_no_listener")?,
            key("answer_refused")?,
        ];
        let wrong = key("answer_wrong")?;
        let baker = Baker { keys: program.secret.constants().cookie_key };
        Ok(Self { program, baker, wrong, right })
    }

    fn count(&self, key: u32) -> Result<u64> {
        let cpus = self.program.maps.counters.lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)?;
        let words = cpus.context("a counter")?;
        Ok(words.iter().map(|word| u64::from_ne_bytes(word[..8].try_into().unwrap())).sum())
    }

    fn counts(&self) -> Result<[u64; 2]> {
        let right = self.right.iter().map(|&key| self.count(key)).sum::<Result<_>>()?;
        Ok([self.count(self.wrong)?, right])
    }

    fn judge(&self, frame: &[u8]) -> Result<Verdict> {
        let before = self.counts()?;
        self.program.redeem_uncounted(frame);
        let after = self.counts()?;
        Ok(match [after[0] - before[0], after[1] - before[1]] {
            [0, 0] => Verdict::Other,
            [1, 0] => Verdict::Wrong,
            [0, 1] => Verdict::Right,
            counted => anyhow::bail!("counted {counted:?} times"),
        })
    }

    /// The verdict by the oracle, at this time.
    fn expected(&self, frame: &[u8], now: u64) -> Verdict {
        let Some(answer) = segments::read(frame) else { return Verdict::Other };
        match self.baker.check(&answer.flow, answer.cookie, answer.tsecr, now) {
            Some(_) => Verdict::Right,
            None => Verdict::Wrong,
        }
    }

    /// Whether program and oracle agree. An epoch that ends meanwhile allows two verdicts.
    fn agrees(&self, frame: &[u8]) -> Result<bool> {
        let earliest = now_ns()? - TICK_NS;
        let found = self.judge(frame)?;
        Ok(found == self.expected(frame, earliest) || found == self.expected(frame, now_ns()?))
    }
}

fn random_flow(rng: &mut Rng) -> Flow {
    let addresses: [IpAddr; 2] = if rng.bool() {
        [(); 2].map(|()| Ipv4Addr::from_bits(rng.u32(..)).into())
    } else {
        [(); 2].map(|()| Ipv6Addr::from_bits(rng.u128(..)).into())
    };
    let [source, destination] = addresses.map(|address| SocketAddr::new(address, rng.u16(..)));
    Flow { source, destination, isn: rng.u32(..) }
}

fn random_options(rng: &mut Rng) -> Options {
    let has_timestamp = rng.bool();
    Options {
        mss: rng.u16(..),
        has_timestamp,
        has_sack: rng.bool(),
        wscale: rng.bool().then(|| rng.u8(..15)),
        ecn: has_timestamp && rng.bool(),
    }
}

/// A segment of the flow that acknowledges a cookie.
fn segment(flow: &Flow, cookie: u32, options: &[u8], data: &[u8]) -> Vec<u8> {
    let mut frame = frames::segment(flow.source, flow.destination, data, |tcp| {
        (tcp.syn, tcp.ack) = (false, true);
        tcp.sequence_number = flow.isn.wrapping_add(1);
        tcp.acknowledgment_number = cookie.wrapping_add(1);
        tcp.set_options_raw(options).unwrap();
    });
    frame[..6].copy_from_slice(&LOOPBACK_MAC);
    frame
}

/// The timestamp option of an answer, mostly where it is usual.
fn stamped(tsecr: u32, rng: &mut Rng) -> Vec<u8> {
    let stamp = [&[8, 10][..], &rng.u32(..).to_be_bytes(), &tsecr.to_be_bytes()].concat();
    match rng.u8(..8) {
        0 => [&stamp[..], &[1, 1]].concat(),
        1 => [&[1, 1, 5, 10][..], &[7; 8], &[1, 1], &stamp].concat(),
        2 => [&[1, 1][..], &stamp, &[1, 1, 5, 10], &[7; 8]].concat(),
        3 => [&vec![1; rng.usize(..31)][..], &stamp].concat(),
        _ => [&[1, 1][..], &stamp].concat(),
    }
}

/// An answer to a cookie of up to three epochs ago.
fn answer(baker: &Baker, rng: &mut Rng) -> Result<Vec<u8>> {
    let (flow, options) = (random_flow(rng), random_options(rng));
    let made = now_ns()?.saturating_sub(TICK_NS + rng.u64(..3 * EPOCH_NS));
    let cookie = baker.make(&flow, &options, made);
    let echo = if options.has_timestamp { stamped(cookie.tsval, rng) } else { Vec::new() };
    let data: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
    Ok(segment(&flow, cookie.sequence, &echo, &data))
}

fn frame(baker: &Baker, generator: &Generator, rng: &mut Rng) -> Result<Vec<u8>> {
    const LONGEST: usize = 1500;
    let mut frame = match rng.u8(..8) {
        0..=2 => answer(baker, rng)?,
        3..=5 => {
            let mut frame = answer(baker, rng)?;
            for _ in 0..rng.u8(1..4) {
                let at = rng.usize(..frame.len());
                frame[at] ^= 1 << rng.u8(..8);
            }
            frame
        }
        6 => {
            let mut frame = answer(baker, rng)?;
            frame.truncate(rng.usize(crate::shipped::MIN_LEN..=frame.len()));
            frame
        }
        _ => {
            let mut frame = generator.frame(rng);
            frame[..6].copy_from_slice(&LOOPBACK_MAC);
            frame
        }
    };
    frame.truncate(LONGEST);
    // The test run takes no frame that ends within its IP header.
    let least = match frame[12..14] {
        [0x08, 0x00] => 34,
        [0x86, 0xdd] => 54,
        _ => 0,
    };
    frame.resize(frame.len().max(least), 0);
    Ok(frame)
}

/// Half of the time on segments against the oracle, half on guesses.
pub fn run(time: Duration, generator: &Generator, rng: &mut Rng) -> Result<bool> {
    Netns::new("redeemer").enter(|| {
        let redeemer = Redeemer::load()?;
        Ok(compare(&redeemer, time / 2, generator, rng)? && guess(&redeemer, time / 2, rng)?)
    })
}

fn compare(redeemer: &Redeemer, time: Duration, generator: &Generator, rng: &mut Rng) -> Result<bool> {
    let (start, mut frames) = (Instant::now(), 0_u64);
    while start.elapsed() < time {
        let frame = frame(&redeemer.baker, generator, rng)?;
        if !redeemer.agrees(&frame)? {
            let expected = redeemer.expected(&frame, now_ns()?);
            eprintln!("redeemer: {:?}, oracle: {expected:?}", redeemer.judge(&frame)?);
            eprintln!("{}", seeds::hex(&frame));
            return Ok(false);
        }
        frames += 1;
    }
    let [wrong, right] = redeemer.counts()?;
    println!("redeemer: {frames} segments agree with the oracle, {right} right and {wrong} wrong ones");
    ensure!(right > 0 && wrong > 0, "none of one kind");
    Ok(true)
}

/// Segments with guessed cookies.
struct Guesses {
    /// A segment of each family, and where its TCP header is.
    templates: [(Vec<u8>, usize); 2],
}

impl Guesses {
    fn new() -> Self {
        let template = |mut frame: Vec<u8>, tcp| {
            frame[..6].copy_from_slice(&LOOPBACK_MAC);
            (frame, tcp)
        };
        let ack = |tcp: &mut etherparse::TcpHeader| (tcp.syn, tcp.ack) = (false, true);
        let (ipv4, ipv6) = (ipv4(|_, tcp| ack(tcp)), ipv6(&[], |_, tcp| ack(tcp)));
        Self { templates: [template(ipv4, 34), template(ipv6, 54)] }
    }

    /// One with another source port, sequence number and acknowledgement.
    fn next(&mut self, rng: &mut Rng) -> &[u8] {
        let (frame, tcp) = &mut self.templates[usize::from(rng.bool())];
        frame[*tcp..*tcp + 2].copy_from_slice(&rng.u16(..).to_ne_bytes());
        frame[*tcp + 4..*tcp + 12].copy_from_slice(&rng.u64(..).to_ne_bytes());
        frame
    }
}

/// Guessed cookies are right by chance alone, once in 2^25 times, and then for the oracle too.
fn guess(redeemer: &Redeemer, time: Duration, rng: &mut Rng) -> Result<bool> {
    const BATCH: u64 = 10_000;
    let mut guesses = Guesses::new();
    let first = redeemer.counts()?;
    let (start, mut guessed) = (Instant::now(), 0_u64);
    while start.elapsed() < time {
        let (before, mut again) = (redeemer.counts()?[1], rng.clone());
        for _ in 0..BATCH {
            redeemer.program.redeem_uncounted(guesses.next(rng));
        }
        guessed += BATCH;
        let now = now_ns()?;
        let right = redeemer.counts()?[1] - before;
        let is_right = |frame: &[u8]| {
            [now, now - TICK_NS].iter().any(|&now| redeemer.expected(frame, now) == Verdict::Right)
        };
        let mut found = 0;
        if right > 0 {
            found = (0..BATCH).filter(|_| is_right(guesses.next(&mut again))).count() as u64;
        }
        if found < right {
            eprintln!("redeemer: {right} guesses were right, {found} of them by the oracle");
            return Ok(false);
        }
    }
    let last = redeemer.counts()?;
    let [wrong, right] = [last[0] - first[0], last[1] - first[1]];
    ensure!(wrong + right == guessed, "{wrong} and {right} of {guessed} guesses were counted");
    let chance = guessed as f64 / f64::from(1 << (u32::BITS - DATA_BITS));
    println!("  {guessed} guesses, {right} of them right; by chance {chance:.2}");
    // More than this is expected once in a million runs.
    Ok(right as f64 <= chance + 6.0 * chance.sqrt() + 5.0)
}
