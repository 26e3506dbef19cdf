// SPDX-License-Identifier: GPL-2.0-only
//! The verdict for each shape of packet. The kernel runs the shipped program.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use lab::frames::{CLIENT6, ETHERNET_LEN, ipv4, ipv6, syn_from};
use lab::program::{Program, Source, XDP_DROP, XDP_PASS};
use lab::verdicts::{OPTIONS, SYN, plain4, plain6, table};

/// The class of a reason determines the action.
fn action(reason: &str) -> u32 {
    if reason.starts_with("drop_") { XDP_DROP } else { XDP_PASS }
}

#[test]
fn every_shape_has_its_reason_and_action() {
    let program = Program::load(&OPTIONS);
    for (what, frame, reason) in table() {
        assert_eq!(program.judge(&frame), (reason.to_owned(), action(reason)), "{what}");
    }
}

#[test]
fn a_dry_run_gives_the_same_reasons_and_drops_nothing() {
    let program = Program::load(&[&OPTIONS[..], &["--dry-run"]].concat());
    for (what, frame, reason) in table() {
        assert_eq!(program.judge(&frame), (reason.to_owned(), XDP_PASS), "{what}");
    }
}

/// The verdict does not depend on where a driver's first buffer ends.
#[test]
fn headers_beyond_the_first_buffer_are_read() {
    let program = Program::load(&OPTIONS);
    if !program.can_split() {
        println!("SKIPPED: this kernel's test run cannot end a first buffer early");
        return;
    }
    for (what, mut frame, reason) in table() {
        let headers = frame.len();
        // The kernel's test run needs a second buffer. Extra payload adds no header.
        if matches!(reason, "drop_truncated" | "drop_tiny_fragment" | "skip_not_tcp") {
            continue;
        }
        frame.resize(headers.max(64) + 64, 0);
        for linear in ETHERNET_LEN..headers {
            assert_eq!(
                program.judge_split(&frame, linear),
                (reason.to_owned(), action(reason)),
                "{what}, {linear} bytes in the first buffer"
            );
        }
    }
}

#[test]
fn a_jumbo_frame_is_judged() {
    let program = Program::load(&OPTIONS);
    let frame = [plain4(), vec![0; 9000]].concat();
    assert_eq!(program.judge(&frame), (SYN.to_owned(), XDP_PASS));
}

#[test]
fn the_table_covers_every_reason() {
    // Other tests cover these: burst, rates, rules, concurrency, networks, redeem and challenge here, and
    // tests/cookies.
    let elsewhere = [
        "undecided",
        "pass_table_error",
        "pass_time_wait",
        "pass_existing_socket",
        "pass_unchallenged",
        "challenge_sent",
        "drop_learned_rule",
        "drop_over_limit",
        "drop_network_limit",
        "drop_syn_limit",
        "drop_pass_rate",
        "drop_contention",
        "drop_challenge_ration",
        "drop_challenge_rate",
        "drop_unchallenged_rate",
        "drop_half_open",
        "drop_no_listener",
        "drop_unanswerable",
        "drop_other_interface",
        "drop_extra_headers",
        "drop_signed",
        "drop_no_room",
        "answer_redeemed",
        "answer_over_limit",
        "answer_network_limit",
        "answer_repeated",
        "answer_no_listener",
        "answer_refused",
        "answer_wrong",
        "connection_opened",
    ];
    let program = Program::load(&[]);
    let covered: BTreeSet<&str> =
        table().iter().map(|(_, _, reason)| *reason).chain(elsewhere).collect();
    let all: BTreeSet<&str> = program.reason_names().iter().map(String::as_str).collect();
    assert_eq!(covered, all);
}

#[test]
fn without_ports_every_port_is_protected() {
    let program = Program::load(&["--challenge", "off", "--burst", "1", "--rate", "1/h"]);
    assert_eq!(program.judge(&plain4()).0, SYN);
    for port in [1, 22, 63, 64, 1024, 65_535] {
        let frame = ipv4(|_, tcp| tcp.destination_port = port);
        assert_eq!(program.judge(&frame).0, "drop_syn_limit", "port {port}");
    }
}

#[test]
fn the_everything_network_of_one_family_leaves_the_other_alone() {
    let program = Program::load(&["--deny", "::/0"]);
    assert_eq!(program.judge(&plain6()).0, "drop_denied");
    assert_eq!(program.judge(&plain4()).0, SYN);

    let program = Program::load(&["--deny", "0.0.0.0/0"]);
    assert_eq!(program.judge(&plain4()).0, "drop_denied");
    assert_eq!(program.judge(&plain6()).0, SYN);
}

#[test]
fn a_source_is_as_wide_as_its_prefix() {
    let sends = |program: &Program, frame: Vec<u8>| program.judge(&frame).0;
    let program = Program::load(&["--challenge", "off", "--burst", "1", "--rate", "1/h"]);
    let neighbour4 = syn_from(Ipv4Addr::new(192, 0, 2, 2));
    let neighbour6 = ipv6(&[], |ip, _| ip.source[15] = 99);
    let elsewhere6 = ipv6(&[], |ip, _| ip.source[7] ^= 1);
    assert_eq!(sends(&program, plain4()), SYN);
    assert_eq!(sends(&program, neighbour4.clone()), SYN);
    assert_eq!(sends(&program, plain6()), SYN);
    assert_eq!(sends(&program, neighbour6.clone()), "drop_syn_limit", "the same /64");
    assert_eq!(sends(&program, elsewhere6), SYN, "another /64");

    let limits = ["--challenge", "off", "--burst", "1", "--rate", "1/h"];
    let options = [&limits[..], &["--ipv4-prefix", "24", "--ipv6-prefix", "128"]].concat();
    let program = Program::load(&options);
    assert_eq!(sends(&program, plain4()), SYN);
    assert_eq!(sends(&program, neighbour4), "drop_syn_limit", "the same /24");
    assert_eq!(sends(&program, plain6()), SYN);
    assert_eq!(sends(&program, neighbour6), SYN, "another /128");
    let mut shown: Vec<String> = program.sources().iter().map(Source::name).collect();
    shown.sort();
    assert_eq!(shown, ["192.0.2.0/24".to_owned(), CLIENT6.to_string(), "2001:db8:0:1::63".into()]);
}
