// SPDX-License-Identifier: GPL-2.0-only
//! What the learner costs: memory. Its time is in the tables.

use crate::field::{Field, Place};
use crate::floods::{self, RATE};
use crate::gauge::{UNTIL, observe};
use crate::peace::{in_peace, newcomers};

#[test]
#[ignore = "takes minutes: make trials"]
fn memory() {
    const MB: f64 = 1e6;
    let in_flood = |field: &Field| {
        let flood = floods::of("mirai-like", UNTIL as usize + 10);
        observe(field, field.flood(flood, RATE), newcomers(3)).memory as f64 / MB
    };
    let without = in_flood(&Place::new().protect(&["--learn", "off"]));
    let with = in_flood(&in_peace());
    println!("\nmemory of the process in a flood: {without:.1} MB, with the learner {with:.1} MB");
    assert!(with - without < 20.0, "{}", with - without);
}
