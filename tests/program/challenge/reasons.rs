// SPDX-License-Identifier: GPL-2.0-only
//! Which SYNs are challenged, and why others are not.

use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener};

use lab::frames::{Extension, SERVER, SERVER_PORT, SERVER6, ipv4, ipv6, patched, syn_from};
use lab::program::{HOST, Port, Program, XDP_DROP, XDP_PASS, XDP_TX, types};
use socket2::SockRef;

use super::md5::set_md5_key;
use super::server::{FIRST, OWN_COOKIES, on_a_server, refusing, refusing_by_kernel, syn4, syn6, tell};

const LISTENS: Port = Port {
    max_mss: 0,
    listens: true,
    listens_here: false,
    is_unchallenged: false,
    takes_kernel_cookies: false,
};

const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The reason for a frame. Asserts that a frame without an answer is unchanged.
fn reason(program: &Program, frame: &[u8]) -> String {
    let (reason, action, left) = program.answer(frame);
    let expected = match reason.split_once('_').unwrap().0 {
        "drop" => XDP_DROP,
        "challenge" => XDP_TX,
        _ => XDP_PASS,
    };
    assert_eq!(action, expected, "{reason}");
    if action != XDP_TX {
        assert_eq!(left, frame, "{reason}");
    }
    reason
}

/// Frames for other hosts cannot be challenged, so they have a rate of their own.
#[test]
fn only_frames_for_this_host_are_answered() {
    on_a_server(|| {
        let program = refusing(&[]);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        assert_eq!(reason(&program, &syn6(&[])), "challenge_sent");
        for mac in [[2, 0, 0, 0, 0, 3], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            let mut frame = syn4(&[]);
            assert_eq!(reason(&program, &frame), "challenge_sent", "and is remembered");
            frame[..6].copy_from_slice(&mac);
            assert_eq!(reason(&program, &frame), "pass_unchallenged", "{mac:x?}");
        }
        let elsewhere = ipv4(|ip, _| ip.destination = [192, 0, 2, 81]);
        assert_eq!(reason(&program, &elsewhere), "pass_unchallenged");
        let elsewhere = ipv6(&[], |ip, _| ip.destination[15] ^= 1);
        assert_eq!(reason(&program, &elsewhere), "pass_unchallenged");
    });
}

#[test]
fn an_address_that_has_gone_is_forgotten() {
    on_a_server(|| {
        let program = refusing(&[]);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        program.disown(SERVER.into());
        program.tell(types::host { generation: 1, ..OWN_COOKIES });
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged");
        program.own(SERVER.into());
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
    });
}

#[test]
fn impossible_sources_get_no_answer() {
    on_a_server(|| {
        let program = refusing(&[]);
        for source in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.80"]
        {
            let frame = syn_from(source.parse::<Ipv4Addr>().unwrap());
            assert_eq!(reason(&program, &frame), "drop_unanswerable", "{source}");
        }
        for source in [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST, GROUP6, SERVER6] {
            let frame = ipv6(&[], |ip, _| ip.source = source.octets());
            assert_eq!(reason(&program, &frame), "drop_unanswerable", "{source}");
        }
        let from_a_group = patched(syn4(&[]), 6, |_| 1);
        assert_eq!(reason(&program, &from_a_group), "drop_unanswerable");
        // NAT64's prefix begins with a zero byte.
        let translated = ipv6(&[], |ip, _| {
            ip.source = "64:ff9b::c000:201".parse::<Ipv6Addr>().unwrap().octets();
        });
        assert_eq!(reason(&program, &translated), "challenge_sent");
    });
}

#[test]
fn only_plain_headers_are_answered() {
    on_a_server(|| {
        let program = refusing(&[]);
        let with_options = ipv4(|ip, _| ip.options = [1; 4].into());
        let fragment = ipv4(|ip, _| ip.more_fragments = true);
        let extended = ipv6(&[Extension::DestinationOptions], |_, _| {});
        let atomic = ipv6(&[Extension::Fragment { offset: 0, more: false }], |_, _| {});
        for frame in [with_options, fragment, extended, atomic] {
            assert_eq!(reason(&program, &frame), "drop_extra_headers");
        }
    });
}

#[test]
fn without_a_listener_there_is_no_answer() {
    on_a_server(|| {
        let program = refusing(&[]);
        let to_nobody = ipv4(|_, tcp| tcp.destination_port = SERVER_PORT + 1);
        assert_eq!(reason(&program, &to_nobody), "drop_no_listener");
        let to_nobody6 = ipv6(&[], |_, tcp| tcp.destination_port = SERVER_PORT + 1);
        program.tell_port(false, SERVER_PORT + 1, LISTENS);
        assert_eq!(reason(&program, &to_nobody), "challenge_sent");
        assert_eq!(reason(&program, &to_nobody6), "drop_no_listener", "the other family's port");
    });
}

/// The kernel's cookies need a listener that is really there.
#[test]
fn the_kernel_is_asked_for_its_listener() {
    on_a_server(|| {
        let program = refusing_by_kernel(&[]);
        program.tell_port(false, SERVER_PORT + 1, LISTENS);
        let frame = ipv4(|_, tcp| tcp.destination_port = SERVER_PORT + 1);
        assert_eq!(reason(&program, &frame), "drop_no_listener");
        let late = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SERVER_PORT + 1)).unwrap();
        assert_eq!(reason(&program, &frame), "challenge_sent");
        // Unlike drop(): a process that is just being started by another test has the socket as well.
        SockRef::from(&late).shutdown(Shutdown::Both).unwrap();
        assert_eq!(reason(&program, &frame), "drop_no_listener");
    });
}

#[test]
fn a_signed_syn_is_left_to_a_listener_with_keys() {
    on_a_server(|| {
        let program = refusing(&[]);
        let md5 = [&[1, 1, 19, 18][..], &[7; 16]].concat();
        let ao = [&[29, 16][..], &[7; 14]].concat();
        let both = [&md5[..], &ao].concat();
        let unreadable = [&md5[..], &[2, 1, 0, 0]].concat();
        for options in [&md5, &ao, &both, &unreadable] {
            assert_eq!(reason(&program, &syn4(options)), "drop_signed", "{options:?}");
        }
        assert_eq!(reason(&program, &syn4(&[2, 99, 0, 0])), "drop_signed", "options beyond the header");

        let port = SERVER_PORT + 1;
        let keyed = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        set_md5_key(&keyed, Ipv4Addr::new(198, 51, 100, 9));
        program.tell_port(false, port, LISTENS);
        let to_keyed = |options: &[u8]| {
            ipv4(|_, tcp| {
                tcp.destination_port = port;
                tcp.set_options_raw(options).unwrap();
            })
        };
        assert_eq!(reason(&program, &to_keyed(&md5)), "pass_unchallenged");
        for options in [&both, &unreadable] {
            assert_eq!(reason(&program, &to_keyed(options)), "drop_signed", "{options:?}");
        }
    });
}

#[test]
fn no_challenge_where_the_kernel_takes_no_cookies() {
    on_a_server(|| {
        let program = refusing(&[]);
        program.tell(types::host { syncookies: 0, ..OWN_COOKIES });
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged");

        let program = refusing_by_kernel(&[]);
        program.tell(types::host { syncookies: 0, ..HOST });
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged");
    });
}

#[test]
fn no_challenge_where_the_kernel_makes_no_cookies_yet() {
    on_a_server(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_syncookies", "1").unwrap();
        let program = refusing_by_kernel(&[]);
        program.tell(types::host { syncookies: 1, ..HOST });
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged");
    });
}

/// The kernel would answer with cookies of its own, which can be acknowledged again and again.
#[test]
fn nothing_passes_unasked_where_the_kernel_always_makes_cookies() {
    on_a_server(|| {
        let program = Program::load(&["--cookies", "own"]);
        tell(&program, types::host { syncookies: 2, ..OWN_COOKIES });
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        assert!(program.sources().is_empty());
    });
}

#[test]
fn a_source_over_its_own_limit_is_challenged() {
    on_a_server(|| {
        for (challenge, expected) in [("all", "challenge_sent"), ("off", "drop_syn_limit")] {
            let options = ["--challenge", challenge, "--burst", "1", "--rate", "1/h"];
            let program = Program::load(&options);
            tell(&program, OWN_COOKIES);
            let frame = syn4(&[]);
            assert_eq!(reason(&program, &frame), "pass_within_limit");
            for _ in 0..3 {
                assert_eq!(reason(&program, &frame), expected, "{challenge}");
            }
            let [source] = program.sources()[..] else { panic!("one source") };
            let counts = if challenge == "all" { (3, 0) } else { (0, 3) };
            assert_eq!((source.challenged, source.dropped), counts, "{challenge}");
        }
    });
}

#[test]
fn off_and_dry_runs_answer_nobody() {
    on_a_server(|| {
        let program = Program::load(&["--challenge", "off", "--pass-rate", "1/h"]);
        tell(&program, OWN_COOKIES);
        assert_eq!(reason(&program, &syn_from(FIRST.into())), "pass_within_limit");
        assert_eq!(reason(&program, &syn4(&[])), "drop_pass_rate");

        let program = refusing(&["--dry-run"]);
        let (reason, action, left) = program.answer(&syn4(&[]));
        assert_eq!((reason.as_str(), action), ("challenge_sent", XDP_PASS));
        assert_eq!(left, syn4(&[]));
    });
}

#[test]
fn ports_that_may_not_be_challenged_are_not() {
    on_a_server(|| {
        let program = refusing(&["--service", "rest=1-442,444-65535,challenge=off"]);
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged");
        let program = refusing(&["--service", "other=443,challenge=off"]);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        program.tell_port(false, SERVER_PORT, Port { is_unchallenged: true, ..LISTENS });
        assert_eq!(reason(&program, &syn4(&[])), "pass_unchallenged", "its rules forbid it");
        assert_eq!(reason(&program, &syn6(&[])), "challenge_sent", "of the other family they do not");
    });
}
