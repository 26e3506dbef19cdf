// SPDX-License-Identifier: GPL-2.0-only
//! Protection that begins while a flood is on, as it does where somebody installs it for that.

use std::time::Duration;

use crate::field::Place;
use crate::floods::{self, RATE};
use crate::peace::{IN_PEACE, newcomers};
use crate::visitors::Visitors;

#[test]
#[ignore = "takes minutes: make trials"]
fn in_mid_flood() {
    let place = Place::new();
    let forger = place.flood(floods::of("hping3", 40), RATE);
    let before = Visitors::start(&place, newcomers(3), IN_PEACE).come_for(Duration::from_secs(3));
    println!("\nunprotected         {before}");
    let visitors = Visitors::start(&place, newcomers(4), IN_PEACE);
    let field = place.protect(&[]);
    let tally = visitors.come_for(Duration::from_secs(10));
    println!("it starts meanwhile {tally}");
    let after = Visitors::start(&field.place, newcomers(5), IN_PEACE).come_for(Duration::from_secs(3));
    println!("later               {after}");
    forger.stop();
    assert_eq!(tally.reset + after.reset, 0, "{tally}; {after}");
    assert_eq!(tally.kept_out + after.kept_out, 0, "{tally}; {after}");
}
