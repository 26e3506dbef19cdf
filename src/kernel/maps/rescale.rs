// SPDX-License-Identifier: GPL-2.0-only
//! Keeps what is in the buckets when the limits change, see `bpf/rescale.h`.

use std::os::fd::AsFd;

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags};

use crate::kernel::encode;
use crate::kernel::program::Program;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::sys::{self, TestRun};
use crate::policy::service::MAX_SERVICES;
use crate::policy::{Policy, TotalRate};

/// Around the swap of two programs, some packets are judged by one while the buckets are still, or already, the
/// other's. One token of a slow rate, taken for time of a fast one, would be thousands, and its source would
/// wait for hours. The other way it is a part of a token. So the slower limits come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// For rates that get slower.
    BeforeSwap,
    /// For the others. Also removes the entries of services that are gone or whose number is another's now.
    AfterSwap,
    /// Takes back what was done before a swap that failed: `program` is the one that stays.
    Undone,
}

/// Translates the buckets in the program's tables from the `old` policy to its own. Call it at both moments.
/// Services are told by number and name: see [`crate::policy::Services::numbered_like`].
pub fn from(program: &Program, old: &Policy, moment: Moment) -> Result<()> {
    const CHANGING: &str = "cannot fit what is in the buckets to the new limits";
    let limits = old_limits(old, &program.policy, moment);
    program
        .maps
        .data_limits
        .update(&0_u32.to_ne_bytes(), as_bytes(&limits), MapFlags::ANY)
        .context(CHANGING)?;
    sys::test_run(program.programs.rescale.as_fd(), TestRun::default()).context(CHANGING)?;
    Ok(())
}

/// What changes at this moment; where nothing does, the old limits are the new ones.
fn old_limits(old: &Policy, new: &Policy, moment: Moment) -> types::old_limits {
    let at_this_moment = |old: types::limit, new: types::limit| {
        // What got slower gets faster again when it is undone.
        let is_due = slows_down(&old, &new) == (moment == Moment::BeforeSwap);
        if is_due { old } else { new }
    };
    let source_limits = |number: usize| {
        let of = |policy: &Policy| encode::source_limits(policy.limits_of(policy.services.get(number)));
        let (old, new) = (of(old), of(new));
        types::source_limits {
            syns: at_this_moment(old.syns, new.syns),
            connections: at_this_moment(old.connections, new.connections),
        }
    };
    let total = |of: fn(&Policy) -> TotalRate| {
        at_this_moment(encode::total_limit(of(old)), encode::total_limit(of(new)))
    };
    types::old_limits {
        services: std::array::from_fn(source_limits),
        pass: total(|policy| policy.pass_rate),
        unchallenged: total(|policy| policy.unchallenged_rate),
        challenges: total(|policy| policy.challenge_rate),
        forgotten: if moment == Moment::AfterSwap { forgotten(old, new) } else { 0 },
        ..Default::default()
    }
}

/// An interval of 0 is no limit.
fn slows_down(old: &types::limit, new: &types::limit) -> bool {
    new.interval_ns > old.interval_ns
}

/// A bit for each number whose service is another one now, or none.
fn forgotten(old: &Policy, new: &Policy) -> u32 {
    let name = |policy: &Policy, number: usize| {
        policy.services.get(number).map(|service| service.name.clone())
    };
    let numbers = (1..=MAX_SERVICES).filter(|&number| name(old, number) != name(new, number));
    numbers.fold(0, |bits, number| bits | 1 << number)
}
