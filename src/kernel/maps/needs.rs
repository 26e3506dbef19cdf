// SPDX-License-Identifier: GPL-2.0-only
//! What sources would have needed: the table that a dry run fills, see `bpf/advice.bpf.h`.

use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use libbpf_rs::{MapCore, MapFlags};

use super::Maps;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::{clock, encode};
use crate::policy::{ADVISED_RATES, Need, Needs, Policy};

/// A SYN is judged before its connection is charged: it may find the bucket at its fullest, and wants a token more.
const OF_A_SYN: u64 = 1;

/// Connections count from now on, unless they do already. Call it once the program of a dry run is loaded.
pub fn begin(maps: &Maps) -> Result<()> {
    if state(maps)?.since != 0 {
        return Ok(());
    }
    let state = types::advice { since: clock::now_ns()?, entered: 0 };
    maps.data_advice
        .update(&0_u32.to_ne_bytes(), as_bytes(&state), MapFlags::ANY)
        .context("cannot write down since when connections count for the advice")
}

/// For how long connections have counted.
pub fn elapsed(maps: &Maps) -> Result<Duration> {
    since(&state(maps)?)
}

/// All needs of a program's dry run until now.
pub fn read(maps: &Maps, policy: &Policy) -> Result<Needs> {
    // Before the entries: one that is made meanwhile must not count as forgotten.
    let state = state(maps)?;
    let (mut sources, mut count) = (Vec::new(), 0);
    super::for_each("the table of needs", &maps.needs, |key, value| {
        count += 1;
        sources.extend(need(&key, &value, policy));
    })?;
    let forgotten = state.entered.saturating_sub(count);
    Ok(Needs { elapsed: since(&state)?, forgotten, sources })
}

fn state(maps: &Maps) -> Result<types::advice> {
    super::variables("the state of the table of needs", &maps.data_advice)
}

fn since(state: &types::advice) -> Result<Duration> {
    Ok(Duration::from_nanos(clock::now_ns()?.saturating_sub(state.since)))
}

/// None: of a service that there is no more.
fn need(key: &types::source_key, need: &types::need, policy: &Policy) -> Option<Need> {
    let service = key.service as usize;
    if service != 0 {
        policy.services.get(service)?;
    }
    let address = encode::ip(&key.addr);
    let bits = if address.is_ipv4() { policy.ipv4_prefix } else { policy.ipv6_prefix };
    Some(Need {
        network: IpNet::new(address, bits).ok()?,
        service,
        bursts: std::array::from_fn(|at| {
            need.fills[at].highest.div_ceil(ADVISED_RATES[at].interval_ns) + OF_A_SYN
        }),
    })
}
