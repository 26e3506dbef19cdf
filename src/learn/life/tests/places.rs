// SPDX-License-Identifier: GPL-2.0-only
//! Who holds a place, who loses one, and who keeps others from it.

use super::*;

/// Else a few SYNs a second of eight kinds would let any other flood through.
#[test]
fn rules_that_match_little_make_room() {
    let mut world = World::new(Mode::On, 8192);
    world.run(1, &[zmap], 20);
    let odd = |number: u32| {
        let mut syn = big(&mut Maker::new(1));
        set(&mut syn, WINDOW, number as u16 + 1);
        syn
    };
    for slot in 0..MAX_RULES {
        let of_window = odd(slot as u32).number16(WINDOW).to_be_bytes();
        let rule = Rule::any(Family::Ipv4).with(WINDOW, 0xff, of_window[0]).with(
            WINDOW + 1,
            0xff,
            of_window[1],
        );
        let found = Found { rule, covered: 1.0, hits: 0, bound: 0.0 };
        world.learner.adopt(world.now, slot, found, true);
        world.rules[slot] = Some((rule, true));
    }
    for tick in 0..30 {
        let mut flood = Maker::many(tick, 200, zmap);
        flood.extend((0..MAX_RULES as u32).map(odd));
        world.tick(&flood, &Maker::many(tick, 20, honest));
    }
    assert_eq!(world.count(|action| matches!(action, Action::Remove { why: Why::Outweighed, .. })), 1);
    assert_eq!(world.count(is_enforce), 1, "{:?}", world.log);
}

/// However often it answers, before the rule or while it is watched.
#[test]
fn one_source_prevents_no_rule() {
    let mut world = World::new(Mode::On, 8192);
    for tick in 0..30 {
        world.next_source = 7;
        world.tick(&Maker::many(tick, 200, hping3), &Maker::many(tick, 1, hping3));
    }
    assert_eq!(world.in_force(), 1, "{:?}", world.log);
}

#[test]
fn a_rule_that_an_operator_removes_is_barred() {
    let mut world = World::new(Mode::On, 8192);
    world.run(20, &[hping3], 20);
    let slot = world.learner.status()[0].slot;
    world.learner.forget(world.now, slot);
    (world.rules[slot], world.slots[slot]) = (None, Slot::default());
    world.run(30, &[hping3], 20);
    assert_eq!((world.in_force(), world.count(is_enforce)), (0, 1), "{:?}", world.log);
}

#[test]
fn the_operators_slots_are_left_alone() {
    let mut world = World::new(Mode::On, 8192);
    let own = Rule::any(Family::Ipv6).with(WINDOW, 0xff, 1);
    for slot in [0, 1, 3] {
        world.slots[slot].taken = Some(own);
    }
    world.run(20, &[hping3, zmap], 20);
    let slots: Vec<usize> = world.learner.status().iter().map(|status| status.slot).collect();
    assert_eq!(slots, [2, 4]);
}
