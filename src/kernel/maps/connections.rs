// SPDX-License-Identifier: GPL-2.0-only
//! Connections: those that stand or stood, and the answers to our challenges.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use crate::kernel::clock;
use crate::kernel::maps::Maps;
use crate::kernel::skel::{as_bytes, types};

/// How long a cookie is valid at most: two epochs of bpf/cookie.h.
const COOKIE_LIFE: Duration = Duration::from_nanos(2 << 34);

/// Connections of a TCP port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfPort {
    /// Handed to the kernel by cookie.
    pub redeemed: u64,
    /// All that stand or stood, by cookie or not.
    pub connected: u64,
}

/// How long after a challenge its answer may come. A client with no answer for so long repeats its SYN anyway
/// (RFC 6298, 2.1).
pub const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The ports that had any.
pub fn by_port(map: &impl MapCore) -> Result<BTreeMap<u16, OfPort>> {
    let entries: Vec<types::port_connections> = super::array("the connections of the ports", map)?;
    let of_port = |(port, entry): (u16, types::port_connections)| {
        let of = OfPort { redeemed: entry.redeemed.into(), connected: entry.connected.into() };
        (of != OfPort::default()).then_some((port, of))
    };
    Ok((0..=u16::MAX).zip(entries).filter_map(of_port).collect())
}

/// Has the program of this generation charge connections, and no other.
pub fn charge_by(maps: &Maps, generation: u32) -> Result<()> {
    maps.data_charging
        .update(&0_u32.to_ne_bytes(), as_bytes(&generation), MapFlags::ANY)
        .context("cannot tell the programs which of them charges connections")
}

/// Makes the program look at segments for answers just as long as a cookie may be valid. It begins by itself
/// at a challenge.
pub fn stop_looking_for_answers(maps: &Maps) -> Result<()> {
    let set = |is_needed: bool| {
        maps.data_answered
            .update(&0_u32.to_ne_bytes(), as_bytes(&u32::from(is_needed)), MapFlags::ANY)
            .context("cannot tell the program whether to look for answers")
    };
    let is_needed = is_challenge_recent(maps)?;
    set(is_needed)?;
    // A challenge at this very moment may have set it just before.
    if !is_needed && is_challenge_recent(maps)? { set(true) } else { Ok(()) }
}

fn is_challenge_recent(maps: &Maps) -> Result<bool> {
    Ok(age_of_last_challenge(maps)?.is_some_and(|age| age < COOKIE_LIFE))
}

/// To 100 ms. None: there was no challenge with a cookie of our own.
pub fn age_of_last_challenge(maps: &Maps) -> Result<Option<Duration>> {
    let last: u64 = super::variables("the time of the last challenge", &maps.data_challenge)?;
    let age = clock::now_ns()?.saturating_sub(last);
    Ok((last != 0).then_some(Duration::from_nanos(age)))
}
