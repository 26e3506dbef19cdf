// SPDX-License-Identifier: GPL-2.0-only
//! Which SYNs are challenged, and why others are not.

use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::AsRawFd;

use lab::frames::{Extension, SERVER, SERVER_PORT, SERVER6, ipv4, ipv6, patched, syn_from};
use lab::program::{HOST, Program, XDP_DROP, XDP_PASS, XDP_TX, types};

use super::server::{on_a_server, refusing, syn4, syn6};

const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The reason for a frame. Asserts that a frame without an answer is unchanged.
fn reason(program: &Program<'_>, frame: &[u8]) -> String {
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

#[test]
fn only_frames_for_this_host_are_answered() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        assert_eq!(reason(&program, &syn6(&[])), "challenge_sent");
        for mac in [[2, 0, 0, 0, 0, 3], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            let mut frame = syn4(&[]);
            assert_eq!(reason(&program, &frame), "challenge_sent", "and is remembered");
            frame[..6].copy_from_slice(&mac);
            assert_eq!(reason(&program, &frame), "drop_not_ours", "{mac:x?}");
        }
        let elsewhere = ipv4(|ip, _| ip.destination = [192, 0, 2, 81]);
        assert_eq!(reason(&program, &elsewhere), "drop_not_ours");
        let elsewhere = ipv6(&[], |ip, _| ip.destination[15] ^= 1);
        assert_eq!(reason(&program, &elsewhere), "drop_not_ours");
    });
}

#[test]
fn an_address_that_has_gone_is_forgotten() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        program.disown(SERVER.into());
        program.tell(types::host { generation: 1, ..HOST });
        assert_eq!(reason(&program, &syn4(&[])), "drop_not_ours");
        program.own(SERVER.into());
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
    });
}

#[test]
fn impossible_sources_get_no_answer() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
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
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
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
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
        let to_nobody = ipv4(|_, tcp| tcp.destination_port = SERVER_PORT + 1);
        assert_eq!(reason(&program, &to_nobody), "drop_no_listener");
        let late = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SERVER_PORT + 1)).unwrap();
        assert_eq!(reason(&program, &to_nobody), "challenge_sent");
        drop(late);
        assert_eq!(reason(&program, &to_nobody), "drop_no_listener");
    });
}

#[test]
fn a_signed_syn_is_left_to_a_listener_with_keys() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
        let md5 = [&[1, 1, 19, 18][..], &[7; 16]].concat();
        let ao = [&[29, 16][..], &[7; 14]].concat();
        assert_eq!(reason(&program, &syn4(&md5)), "drop_signed");
        assert_eq!(reason(&program, &syn4(&ao)), "drop_signed");

        let keyed = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SERVER_PORT + 1)).unwrap();
        set_md5_key(&keyed, Ipv4Addr::new(198, 51, 100, 9));
        let to_keyed = ipv4(|_, tcp| {
            tcp.destination_port = SERVER_PORT + 1;
            tcp.set_options_raw(&md5).unwrap();
        });
        assert_eq!(reason(&program, &to_keyed), "pass_signed");
    });
}

/// A key for segments from that address (TCP_MD5SIG, linux/tcp.h).
fn set_md5_key(listener: &TcpListener, peer: Ipv4Addr) {
    #[repr(C)]
    struct Md5Sig {
        address: libc::sockaddr_storage,
        flags: u8,
        prefix_len: u8,
        key_len: u16,
        ifindex: i32,
        key: [u8; 80],
    }
    // SAFETY: a struct of integers.
    let mut signature: Md5Sig = unsafe { std::mem::zeroed() };
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(peer.octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: a sockaddr_storage has room for every address, and both are only integers.
    unsafe { std::ptr::write((&raw mut signature.address).cast(), address) };
    (signature.key_len, signature.key[0]) = (1, 7);
    // SAFETY: the option outlives the call, and its size is right.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            (&raw const signature).cast(),
            size_of_val(&signature) as u32,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn no_cookie_where_the_kernel_makes_none() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&[], &mut object);
        program.tell(types::host { syncookies: 0, ..HOST });
        assert_eq!(reason(&program, &syn4(&[])), "drop_no_cookie");
    });
}

#[test]
fn while_the_kernel_has_room_it_gets_what_a_budget_refused() {
    on_a_server(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_syncookies", "1").unwrap();
        let mut object = MaybeUninit::uninit();
        let program = refusing(&["--burst", "1", "--rate", "1/h", "--challenge", "all"], &mut object);
        program.tell(types::host { syncookies: 1, ..HOST });
        assert_eq!(reason(&program, &syn4(&[])), "pass_room_left");
        let over_its_own_limit = ipv4(|ip, _| ip.source = [203, 0, 113, 1]);
        assert_eq!(reason(&program, &over_its_own_limit), "drop_no_cookie");
    });
}

#[test]
fn a_source_s_own_limit_is_challenged_if_all_are() {
    on_a_server(|| {
        for (challenge, expected) in
            [("all", "challenge_sent"), ("budget", "drop_over_limit"), ("off", "drop_over_limit")]
        {
            let mut object = MaybeUninit::uninit();
            let options = ["--challenge", challenge, "--burst", "1", "--rate", "1/h"];
            let program = refusing(&options, &mut object);
            let known = ipv4(|ip, _| ip.source = [203, 0, 113, 1]);
            for _ in 0..3 {
                assert_eq!(reason(&program, &known), expected, "{challenge}");
            }
        }
    });
}

#[test]
fn the_total_budget_is_challenged_as_well() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&["--total-rate", "1/h"], &mut object);
        let known = ipv4(|ip, _| ip.source = [203, 0, 113, 1]);
        assert_eq!(reason(&program, &known), "challenge_sent");
    });
}

#[test]
fn off_and_dry_runs_answer_nobody() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&["--challenge", "off"], &mut object);
        assert_eq!(reason(&program, &syn4(&[])), "drop_new_source_budget");

        let mut object = MaybeUninit::uninit();
        let program = refusing(&["--dry-run"], &mut object);
        let (reason, action, _) = program.answer(&syn4(&[]));
        assert_eq!((reason.as_str(), action), ("drop_new_source_budget", XDP_PASS));
    });
}

#[test]
fn ports_and_a_rate_bound_the_answers() {
    on_a_server(|| {
        let mut object = MaybeUninit::uninit();
        let program = refusing(&["--challenge-port", "443"], &mut object);
        assert_eq!(reason(&program, &syn4(&[])), "drop_new_source_budget");

        let mut object = MaybeUninit::uninit();
        let port = SERVER_PORT.to_string();
        let program = refusing(&["--challenge-port", &port, "--challenge-rate", "2/h"], &mut object);
        assert_eq!(reason(&program, &syn4(&[])), "challenge_sent");
        assert_eq!(reason(&program, &syn4(&[])), "drop_challenge_rate");
    });
}
