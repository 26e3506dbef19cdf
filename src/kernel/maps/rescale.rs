// SPDX-License-Identifier: GPL-2.0-only
//! Keeps what is in the buckets when the limits change, see `bpf/rescale.h`.

use std::os::fd::AsFd;

use anyhow::{Context, Result};

use crate::kernel::program::Program;
use crate::kernel::skel::{as_bytes, types};
use crate::kernel::sys::{self, TestRun};
use crate::policy::Policy;
use crate::policy::service::MAX_SERVICES;

/// Around the swap of two programs, some packets are judged by one while the buckets are still, or already, the
/// other's. One token of a slow rate, taken for time of a fast one, would be thousands, and its source would
/// wait for hours. The other way it is a part of a token. So the slower limits come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// For rates that get slower.
    BeforeSwap,
    /// For the others. Also removes the entries of services that are gone or whose number is another's now.
    AfterSwap,
}

/// Translates the buckets in the program's tables to its limits. Call it at both moments. `old`: the policy of the
/// program before; its services are told by number and name: see [`crate::policy::Services::numbered_like`].
pub fn from(program: &Program, old: &Policy, moment: Moment) -> Result<()> {
    run(
        program,
        types::rescaling {
            only_slower: (moment == Moment::BeforeSwap).into(),
            forgotten: if moment == Moment::AfterSwap { forgotten(old, &program.policy) } else { 0 },
        },
    )
}

/// Gives all buckets the program's limits: those of new tables, or those that another program had begun to change
/// before its swap failed.
pub fn settle(program: &Program) -> Result<()> {
    run(program, types::rescaling::default())
}

/// Whether another program than this one was the last to change the buckets.
pub fn is_of_another(program: &Program) -> Result<bool> {
    let rates: types::rates = super::variables("the shared rates", &program.maps.data_rates)?;
    Ok(rates.rescaled_by != program.shape.generation)
}

fn run(program: &Program, how: types::rescaling) -> Result<()> {
    let run = TestRun { context: as_bytes(&how), ..Default::default() };
    sys::test_run(program.programs.rescale.as_fd(), run)
        .context("cannot fit what is in the buckets to the new limits")?;
    Ok(())
}

/// A bit for each number whose service is another one now, or none.
fn forgotten(old: &Policy, new: &Policy) -> u32 {
    let name = |policy: &Policy, number: usize| {
        policy.services.get(number).map(|service| service.name.clone())
    };
    let numbers = (1..=MAX_SERVICES).filter(|&number| name(old, number) != name(new, number));
    numbers.fold(0, |bits, number| bits | 1 << number)
}
