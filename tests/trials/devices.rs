// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients of a kind that the server has seen nobody of.

use std::time::Duration;

use lab::stacks::{STACKS, Stack};
use lab::wait_at_most;

use crate::field::Field;
use crate::floods::{self, RATE};
use crate::gauge::{Course, HEAD, Row, UNTIL, observe};
use crate::peace::{in_peace, in_peace_of, newcomers, newcomers_of};

const SECONDS: usize = 2 * UNTIL as usize + 10;

/// Of a thousand clients at most so many have one.
const RARE: u32 = 10;

fn is_rare(stack: &&Stack) -> bool {
    stack.per_mille <= RARE
}

/// Longer than a rule takes, where there is one.
const PATIENCE: Duration = Duration::from_secs(6);

/// The flood goes on when they come, and its rules are in force. None: it has none.
fn appear<'a>(
    field: &Field,
    flood: Vec<Vec<u8>>,
    devices: impl IntoIterator<Item = &'a Stack>,
) -> Option<Course> {
    let forger = field.flood(flood, RATE);
    wait_at_most(PATIENCE, || field.has_dropped().then_some(()))?;
    Some(observe(field, forger, newcomers_of(devices, 4)))
}

#[test]
#[ignore = "takes minutes: make trials"]
fn new_devices_in_mid_flood() {
    println!("\n{HEAD}");
    let (rare, usual): (Vec<_>, Vec<_>) = STACKS.iter().partition(is_rare);
    println!("{} of {} kinds of devices are new, and only these come", rare.len(), STACKS.len());
    for tool in ["hping3", "mausezahn", "zmap", "mirai-like"] {
        let field = in_peace_of(usual.iter().copied());
        let course = appear(&field, floods::of(tool, SECONDS), rare.iter().copied()).unwrap();
        println!("{}\n    {}", Row(tool, &course), course.rules.join("\n    "));
        assert_eq!(course.visitors.beyond, 0, "{tool}: {}", course.visitors);
        // Mirai's bots send Linux' options, and so did an old Android.
        let late = if tool == "mirai-like" { 5 } else { 1 };
        assert!(
            1000 * course.visitors.late <= late * course.visitors.came,
            "{tool}: {}",
            course.visitors
        );
    }
}

/// An attacker copies a device that the server has seen nobody with, to have it barred. It gets in all the same, and
/// ends the rule.
#[test]
#[ignore = "takes minutes: make trials"]
fn copies_of_new_devices() {
    println!("\n{HEAD}");
    let mut with_rule = 0;
    for name in ["Android 4", "Mac OS X 10.6", "PlayStation", "lwIP"] {
        let device = STACKS.iter().find(|stack| stack.name == name).unwrap();
        let field = in_peace_of(STACKS.iter().filter(|stack| stack.name != name));
        let Some(course) = appear(&field, floods::like([device], SECONDS), [device]) else {
            println!("{name:22}no rule");
            continue;
        };
        with_rule += 1;
        println!("{}\n    {}", Row(name, &course), course.rules.join("\n    "));
        assert_eq!(course.visitors.beyond, 0, "{name}: {}", course.visitors);
        assert_eq!(course.rules, [""; 0], "{name}");
    }
    assert!(with_rule > 0, "nothing was tried");
}

/// A flood that looks like all honest clients gives no rule, and the learner searches in vain.
#[test]
#[ignore = "takes minutes: make trials"]
fn a_copy_of_all_honest_clients() {
    let field = in_peace();
    let course = observe(&field, field.flood(floods::like(STACKS, SECONDS), RATE), newcomers(3));
    println!("\n{HEAD}\n{}", Row("all honest stacks", &course));
    assert_eq!(course.first_drop, None, "{:?}", course.rules);
    assert!(course.learner < 0.05, "{}", course.learner);
    assert_eq!(course.visitors.beyond, 0, "{}", course.visitors);
}
