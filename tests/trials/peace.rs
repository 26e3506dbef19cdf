// SPDX-License-Identifier: GPL-2.0-only
//! What a server has seen before it is attacked, and who comes then.

use lab::defence::teach;
use lab::stacks::{Crowd, STACKS, Stack};

use crate::field::{Field, Place};
use crate::visitors::Visitors;

/// As fast as the sample of those who connected grows in a minute.
const SEEN: u64 = 1_000;
/// Of a capture.
const GIVEN: usize = 5_000;
/// Beyond the pass rate it would be a flood.
pub const IN_PEACE: u32 = 800;
const HOSTS: usize = 5_000;

/// A server that has seen a minute of peace.
pub fn new_server() -> Field {
    new_server_of(STACKS)
}

fn new_server_of<'a>(stacks: impl IntoIterator<Item = &'a Stack>) -> Field {
    let field = Place::new().protect(&[]);
    let visitors = Visitors::start(&field.place, Crowd::new(stacks, HOSTS, 1), IN_PEACE);
    field.wait_until_known(SEEN);
    let tally = visitors.finish();
    assert_eq!((tally.beyond, tally.reset), (0, 0), "in peace: {tally}");
    field
}

/// A server that has also been given a capture of peace.
pub fn in_peace() -> Field {
    in_peace_of(STACKS)
}

/// A server whose clients have these stacks.
pub fn in_peace_of<'a>(stacks: impl IntoIterator<Item = &'a Stack> + Clone) -> Field {
    let field = new_server_of(stacks.clone());
    let known = field.known();
    teach(&field.place.pair, Crowd::new(stacks, HOSTS, 2).take(GIVEN));
    field.wait_until_known(known + 1);
    field
}

/// Whom nobody has seen before.
pub fn newcomers(seed: u64) -> Crowd {
    newcomers_of(STACKS, seed)
}

pub fn newcomers_of<'a>(stacks: impl IntoIterator<Item = &'a Stack>, seed: u64) -> Crowd {
    Crowd::new(stacks, 4 * HOSTS, seed)
}
