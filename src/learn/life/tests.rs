// SPDX-License-Identifier: GPL-2.0-only

mod places;
mod world;

use proptest::prelude::*;
use world::{TICK, World, source};

use super::*;
use crate::learn::search::{Found, MAX_RULES};
use crate::learn::syn::{PORT, WINDOW};
use crate::learn::tools::{Maker, big, honest, hping3, mirai, set, zmap};

const fn is_enforce(action: &Action) -> bool {
    matches!(action, Action::Enforce { .. })
}

/// A device that was never seen before.
fn newcomer(maker: &mut Maker) -> Syn {
    let mut syn = zmap(maker);
    set(&mut syn, WINDOW, 5840);
    set(&mut syn, 8, 0);
    syn
}

#[test]
fn a_flood_is_ruled_in_three_and_a_half_seconds() {
    for kinds in [&[hping3 as fn(&mut Maker) -> Syn][..], &[mirai], &[hping3, zmap, mirai, big]] {
        let mut world = World::new(Mode::On, 8192);
        world.run(17, kinds, 20);
        assert_eq!(world.in_force(), kinds.len(), "{:?}", world.log);
        assert_eq!(world.learner.state(), State::Ruling);
        world.run(50, kinds, 20);
        assert_eq!((world.in_force(), world.honest_dropped), (kinds.len(), 0));
    }
}

#[test]
fn no_rule_drops_in_its_probation() {
    let mut world = World::new(Mode::On, 8192);
    world.run(30, &[hping3], 20);
    let at = |is: fn(&Action) -> bool| world.log.iter().find(|(_, action)| is(action)).unwrap().0;
    let watched = at(|action| matches!(action, Action::Watch { .. }));
    assert!(watched >= Duration::from_secs(1000) + TICK + SEARCH_AFTER);
    assert!(at(is_enforce) >= watched + PROBATION);
}

#[test]
fn suggest_never_drops() {
    let mut world = World::new(Mode::Suggest, 8192);
    world.run(50, &[hping3, zmap], 20);
    assert_eq!(world.count(is_enforce), 0);
    assert_eq!(world.count(|action| matches!(action, Action::Suggest { .. })), 2);
    world.learner.set_mode(Mode::On);
    world.run(1, &[hping3, zmap], 20);
    assert_eq!(world.in_force(), 2);
    world.learner.set_mode(Mode::Off);
    world.run(1, &[hping3, zmap], 20);
    assert_eq!(world.learner.status(), []);
    assert_eq!(world.learner.state(), State::Off);
}

#[test]
fn a_crowd_of_newcomers_is_never_ruled() {
    for known_kind in [true, false] {
        let mut world = World::new(Mode::On, 8192);
        for _ in 0..200 {
            let mut maker = Maker::new(world.now.as_millis() as u64);
            let mut kind = |_| if known_kind { honest(&mut maker) } else { newcomer(&mut maker) };
            let mut clients: Vec<Syn> = (0..400).map(&mut kind).collect();
            clients.iter_mut().for_each(|syn| set(syn, PORT, 8443));
            world.tick(&[], &clients);
        }
        assert_eq!(world.log, []);
        assert_eq!(world.learner.state(), State::NothingInCommon);
    }
}

/// Their server accepts none of their connections for a while.
#[test]
fn a_crowd_that_cannot_answer_is_not_ruled() {
    for full_from in [0, 10] {
        let mut world = World::new(Mode::On, 8192);
        for tick in 0..100 {
            world.full_ports = if (full_from..60).contains(&tick) { vec![443] } else { vec![22] };
            let seed = world.now.as_millis() as u64;
            // The first have come before the server was full: a rule may be watched then.
            let comers = Maker::many(seed, if tick < full_from { 110 } else { 400 }, newcomer);
            let (forged, clients) = comers.split_at(if tick < full_from { 110 } else { 0 });
            world.tick(forged, clients);
        }
        assert_eq!(world.count(|action| matches!(action, Action::Watch { .. })), full_from.min(1));
        assert_eq!((world.count(is_enforce), world.honest_dropped), (0, 0), "{:?}", world.log);
    }
}

#[test]
fn a_flood_is_ruled_as_soon_as_answers_could_come_again() {
    let mut world = World::new(Mode::On, 8192);
    world.full_ports = vec![443];
    world.run(50, &[hping3], 0);
    assert_eq!(world.log, []);
    assert!(
        matches!(world.learner.state(), State::Gathering { .. }),
        "it does not say that it is honest"
    );
    world.full_ports.clear();
    world.run(17, &[hping3], 20);
    assert_eq!(world.in_force(), 1);
    // One in force stays so, what goes elsewhere is not held up, and a suggested one waits for answers.
    world.full_ports = vec![443];
    let elsewhere = |maker: &mut Maker| {
        let mut syn = zmap(maker);
        set(&mut syn, PORT, 80);
        syn
    };
    world.run(20, &[hping3, elsewhere], 0);
    assert_eq!(world.in_force(), 2);
}

#[test]
fn a_suggested_rule_comes_into_force_only_where_answers_can_come() {
    let mut world = World::new(Mode::Suggest, 8192);
    world.run(20, &[hping3], 20);
    world.full_ports = vec![443];
    world.learner.set_mode(Mode::On);
    world.run(20, &[hping3], 20);
    assert_eq!(world.in_force(), 0);
    world.full_ports.clear();
    world.run(11, &[hping3], 20);
    assert_eq!(world.in_force(), 1);
}

#[test]
fn newcomers_who_look_like_the_flood_discard_the_rule_and_bar_it() {
    let mut world = World::new(Mode::On, 8192);
    for _ in 0..100 {
        let flood = Maker::many(world.now.as_millis() as u64, 400, newcomer);
        let clients = Maker::many(!world.now.as_millis() as u64, 2, newcomer);
        let mut clients = clients[..usize::from(world.now >= Duration::from_secs(1001)) * 2].to_vec();
        clients.extend(Maker::many(world.now.as_millis() as u64, 20, honest));
        world.tick(&flood, &clients);
    }
    assert_eq!(world.count(is_enforce), 0, "{:?}", world.log);
}

#[test]
fn canaries_of_three_sources_withdraw_a_rule_in_force_and_bar_it() {
    let mut world = World::new(Mode::On, 8192);
    world.run(20, &[hping3], 20);
    assert_eq!(world.in_force(), 1);
    let mut seen_syns = Maker::many(5, 3, hping3);
    let slot = world.learner.status()[0].slot;
    let mut offer = |world: &mut World, from: u32| {
        world.now += TICK;
        world.slots[slot].matched += 200;
        let syn = seen_syns.pop().unwrap();
        let answered = [Answer { syn: Some(syn), source: source(from), slot: Some(slot) }];
        let seen = Seen {
            is_flood: true,
            refused: &[],
            answered: &answered,
            slots: &world.slots,
            open_ports: None,
        };
        world.learner.tick(world.now, &seen)
    };
    assert_eq!(offer(&mut world, 1), []);
    assert_eq!(offer(&mut world, 2), []);
    let actions = offer(&mut world, 3);
    assert!(matches!(actions[..], [Action::Remove { why: Why::Withdrawn(3), .. }]), "{actions:?}");
    world.rules = [None; SLOTS];
    world.log.clear();
    world.run(100, &[hping3], 20);
    assert_eq!(world.log, []);
    assert_eq!(world.learner.state(), State::NothingInCommon);
    world.now += Duration::from_mins(10);
    world.run(20, &[hping3], 20);
    assert_eq!(world.in_force(), 1);
}

#[test]
fn one_source_withdraws_nothing() {
    let mut live = Live::new(
        Duration::ZERO,
        Found { rule: Rule::any(Family::Ipv4), covered: 1.0, hits: 0, bound: 0.0 },
        &[],
    );
    live.note_matches(Duration::ZERO, 9000);
    assert_eq!(live.advance(PROBATION, Mode::On), Some(Stage::InForce));
    for _ in 0..100 {
        let syn = Some(hping3(&mut Maker::new(1)));
        live.note_answer(&Answer { syn, source: source(7), slot: None }, true);
    }
    assert_eq!(live.end(PROBATION), None);
}

#[test]
fn tools_that_take_turns_are_all_ruled() {
    let mut world = World::new(Mode::On, 8192);
    for turn in 0..40 {
        let kinds = [hping3 as fn(&mut Maker) -> Syn, zmap, mirai, big];
        world.run(5, &kinds[turn % 4..turn % 4 + 1], 20);
    }
    assert_eq!(world.in_force(), 4, "{:?}", world.log);
    assert_eq!(world.count(|action| matches!(action, Action::Remove { .. })), 0);
}

/// Each value comes and goes before a rule for it could drop.
#[test]
fn a_tool_that_changes_a_field_every_two_seconds_is_ruled() {
    let mut world = World::new(Mode::On, 8192);
    let mut last_drop = 0;
    for turn in 0..20_u16 {
        for _ in 0..11 {
            let seed = world.now.as_millis() as u64;
            let mut flood = Maker::many(seed, 200, hping3);
            flood.iter_mut().for_each(|syn| set(syn, PORT, turn));
            world.tick(&flood, &Maker::many(seed, 20, honest));
        }
        last_drop = world.slots.iter().map(|slot| slot.matched).sum();
    }
    assert!(world.in_force() >= 1 && world.in_force() <= 3, "{:?}", world.log);
    assert!(last_drop > 15 * 11 * 200, "{last_drop}");
}

#[test]
fn a_rule_ends_when_nothing_matches_it_and_when_the_flood_is_over() {
    let mut world = World::new(Mode::On, 8192);
    world.run(20, &[hping3], 20);
    world.run(155, &[zmap], 20);
    assert_eq!(world.count(|action| matches!(action, Action::Remove { why: Why::Idle, .. })), 1);
    world.run(49, &[], 20);
    assert_eq!(world.in_force(), 1);
    world.run(2, &[], 20);
    assert_eq!(world.count(|action| matches!(action, Action::Remove { why: Why::FloodOver, .. })), 1);
    assert_eq!((world.learner.status(), world.learner.state()), (Vec::new(), State::Peace));
}

#[test]
fn too_few_answered_syns_are_said() {
    let mut world = World::new(Mode::On, 100);
    world.run(20, &[hping3], 0);
    assert_eq!(world.learner.state(), State::StillLearning { answered: 100, needed: 500 });
    assert_eq!(world.log, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn rules_live_by_their_order(turns in proptest::collection::vec((0..6_usize, 0..40_usize, 1..12_usize), 1..12)) {
        let mut world = World::new(Mode::On, 3500);
        let kinds = [hping3, zmap, mirai, big, honest, newcomer];
        for (kind, clients, ticks) in turns {
            world.run(ticks, &kinds[kind..=kind], clients);
        }
        let mut watched = [None; SLOTS];
        for (time, action) in &world.log {
            match action {
                Action::Watch { slot, found } => {
                    prop_assert!(watched[*slot].is_none());
                    prop_assert!(found.bound < 0.001);
                    watched[*slot] = Some(*time);
                }
                Action::Enforce { slot, .. } => prop_assert!(*time >= watched[*slot].unwrap() + PROBATION),
                Action::Suggest { .. } => prop_assert!(false, "nobody asked"),
                Action::Remove { slot, .. } => prop_assert!(watched[*slot].take().is_some()),
            }
            prop_assert!(watched.iter().flatten().count() <= MAX_RULES);
        }
        prop_assert_eq!(watched.iter().flatten().count(), world.learner.status().len());
        prop_assert_eq!(world.honest_dropped, 0);
    }
}
