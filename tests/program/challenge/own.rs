// SPDX-License-Identifier: GPL-2.0-only
//! The contents of an answer with a cookie of our own.

use std::net::SocketAddr;

use etherparse::TcpOptionElement;
use lab::cookie::{Baker, Flow, Options};
use lab::frames::{self, CLIENT, CLIENT_PORT, CLIENT6, SERVER, SERVER_MAC, SERVER_PORT, SERVER6, ipv4};
use lab::program::{Port, Program, now_ns, types};

use super::answer::{
    Answer, FREEBSD, LINUX, MACOS, OPENBSD, OUR_SCALE, SEQUENCE, WINDOWS, answer, answers_behind_tags,
    shape,
};
use super::server::{OWN_COOKIES, on_a_server, refusing, syn4, syn6};

use TcpOptionElement::{
    MaximumSegmentSize as Mss, Noop, SelectiveAcknowledgementPermitted as SackPermitted, Timestamp,
    WindowScale,
};

const FLOW: Flow = Flow {
    source: SocketAddr::new(std::net::IpAddr::V4(CLIENT), CLIENT_PORT),
    destination: SocketAddr::new(std::net::IpAddr::V4(SERVER), SERVER_PORT),
    isn: SEQUENCE,
};
const FLOW6: Flow = Flow {
    source: SocketAddr::new(std::net::IpAddr::V6(CLIENT6), CLIENT_PORT),
    destination: SocketAddr::new(std::net::IpAddr::V6(SERVER6), SERVER_PORT),
    isn: SEQUENCE,
};

/// Asserts that the cookie in an answer is what the oracle makes of these options.
fn assert_keeps(program: &Program, answer: impl Fn() -> Answer, flow: &Flow, options: &Options) {
    let baker = Baker { keys: program.secret.constants().cookie_key };
    // The program's clock lies behind this one by a tick at most, 10 ms.
    let earliest = now_ns().unwrap() - 10_000_000;
    let answer = answer();
    let latest = now_ns().unwrap();
    let cookies = [earliest, latest].map(|now| baker.make(flow, options, now));
    let of_its_epoch = cookies.iter().find(|cookie| cookie.sequence == answer.sequence);
    let cookie = of_its_epoch.unwrap_or_else(|| panic!("{:#x}, not {cookies:x?}", answer.sequence));
    if options.has_timestamp {
        // Two epochs have two clocks. Within one the timestamp lies between the two of the oracle.
        let ahead = answer.timestamp.wrapping_sub(cookies[0].tsval);
        let most = cookies[1].tsval.wrapping_sub(cookies[0].tsval);
        let is_between = ahead <= most || cookies[0].sequence != cookies[1].sequence;
        assert!(is_between, "{:#x}, not {cookies:x?}", answer.timestamp);
        assert_eq!(answer.timestamp % 64, cookie.tsval % 64);
    }
}

/// What the SYNs of several systems offer over IPv4.
fn systems() -> [(&'static str, &'static [u8], Options); 9] {
    let all = Options { mss: 1460, has_timestamp: true, has_sack: true, wscale: Some(6), ecn: false };
    let none = Options { mss: 536, has_timestamp: false, has_sack: false, wscale: None, ecn: false };
    let stamped = Options { has_timestamp: true, ..none };
    [
        ("Linux", LINUX, Options { wscale: Some(7), ..all }),
        ("macOS", MACOS, all),
        ("FreeBSD", FREEBSD, all),
        ("OpenBSD", OPENBSD, all),
        ("Windows", WINDOWS, Options { has_timestamp: false, wscale: Some(8), ..all }),
        ("nothing", &[], none),
        ("a timestamp alone", &LINUX[6..16], stamped),
        (
            "a scale beyond 14",
            &[3, 3, 99, 2, 4, 5, 100],
            Options { mss: 1380, wscale: Some(14), ..none },
        ),
        ("an odd MSS", &[2, 4, 5, 179, 4, 2, 0, 0], Options { mss: 1459, has_sack: true, ..none }),
    ]
}

#[test]
fn the_cookie_is_the_oracle_s() {
    on_a_server(|| {
        let program = refusing(&[]);
        for (name, options, kept) in systems() {
            println!("{name}");
            assert_keeps(&program, || answer(&program, &syn4(options)), &FLOW, &kept);
            assert_keeps(&program, || answer(&program, &syn6(options)), &FLOW6, &kept);
        }
    });
}

#[test]
fn the_answer_offers_what_the_syn_did() {
    on_a_server(|| {
        let program = refusing(&[]);
        for (name, options, kept) in systems() {
            let mut offered = vec![Mss(1460)];
            match (kept.has_timestamp, kept.has_sack) {
                (true, true) => offered.extend([SackPermitted, Timestamp(0, 0)]),
                (true, false) => offered.extend([Noop, Noop, Timestamp(0, 0)]),
                (false, true) => offered.extend([Noop, Noop, SackPermitted]),
                (false, false) => {}
            }
            if kept.wscale.is_some() {
                offered.extend([Noop, WindowScale(OUR_SCALE)]);
            }
            let answer = answer(&program, &syn4(options));
            assert_eq!(shape(&answer), offered, "{name}");
            assert_eq!((answer.window, answer.ece), (0xffff, false), "{name}");
        }
    });
}

#[test]
fn nothing_is_offered_or_kept_that_this_host_forbids() {
    on_a_server(|| {
        let program = refusing(&[]);
        let all =
            Options { mss: 1460, has_timestamp: true, has_sack: true, wscale: Some(7), ecn: false };
        let plain = Options { has_timestamp: false, ..all };
        let (mss, scale, stamp) = (Mss(1460), WindowScale(OUR_SCALE), Timestamp(0, 0));
        let cases = [
            (
                types::host { timestamps: 0, ..OWN_COOKIES },
                plain,
                vec![mss.clone(), Noop, Noop, SackPermitted, Noop, scale.clone()],
            ),
            (
                types::host { sack: 0, ..OWN_COOKIES },
                Options { has_sack: false, ..all },
                vec![mss.clone(), Noop, Noop, stamp.clone(), Noop, scale.clone()],
            ),
            (
                types::host { wscale: 0, ..OWN_COOKIES },
                Options { wscale: None, ..all },
                vec![mss.clone(), SackPermitted, stamp.clone()],
            ),
            (
                types::host { timestamps: 2, ..OWN_COOKIES },
                all,
                vec![mss, SackPermitted, stamp, Noop, scale],
            ),
        ];
        for (settings, kept, offered) in cases {
            program.tell(settings);
            assert_eq!(shape(&answer(&program, &syn4(LINUX))), offered);
            assert_keeps(&program, || answer(&program, &syn4(LINUX)), &FLOW, &kept);
        }
    });
}

#[test]
fn ecn_is_agreed_to_where_a_timestamp_can_keep_it() {
    on_a_server(|| {
        let program = refusing(&[]);
        let syn = |options: &[u8], ece: bool, cwr: bool, ect: u8| {
            ipv4(|ip, tcp| {
                (tcp.ece, tcp.cwr) = (ece, cwr);
                ip.ecn = ect.try_into().unwrap();
                tcp.set_options_raw(options).unwrap();
            })
        };
        for (frame, agreed) in [
            (syn(LINUX, true, true, 0), true),
            (syn(LINUX, true, false, 0), false),
            (syn(LINUX, false, true, 0), false),
            (syn(LINUX, true, true, 2), false),
            (syn(WINDOWS, true, true, 0), false),
        ] {
            let answer = answer(&program, &frame);
            assert_eq!((answer.ece, answer.timestamp & 1 << 5 != 0), (agreed, agreed));
        }
        program.tell(types::host { ecn: 0, ..OWN_COOKIES });
        assert!(!answer(&program, &syn(LINUX, true, true, 0)).ece);
    });
}

#[test]
fn the_segment_size_is_the_least_of_interface_and_listener() {
    on_a_server(|| {
        let program = refusing(&[]);
        let sizes =
            || [syn4(LINUX), syn6(LINUX)].map(|frame| answer(&program, &frame).options[0].clone());
        assert_eq!(sizes(), [Mss(1460), Mss(1440)]);
        program.own_mac(SERVER_MAC, 1280);
        program.tell(types::host { generation: 1, ..OWN_COOKIES });
        assert_eq!(sizes(), [Mss(1240), Mss(1220)]);
        program.tell_port(false, SERVER_PORT, Port { max_mss: 700, ..Default::default() });
        assert_eq!(sizes(), [Mss(700), Mss(1220)]);
    });
}

/// The host must not become a reflector: with any options an answer is at most four bytes longer than its SYN.
#[test]
fn an_answer_is_hardly_larger_than_its_syn() {
    let parts: [&[u8]; 4] = [&LINUX[..4], &LINUX[4..6], &LINUX[6..16], &[3, 3, 7]];
    on_a_server(|| {
        let program = refusing(&[]);
        for chosen in 0..1 << parts.len() {
            let some = parts.iter().enumerate().filter(|(i, _)| chosen >> i & 1 == 1);
            let mut options: Vec<u8> = some.flat_map(|(_, part)| part.to_vec()).collect();
            options.resize(options.len().next_multiple_of(4), 0);
            for frame in [syn4(&options), syn6(&options)] {
                let packet_len = frame.len() - frames::ETHERNET_LEN;
                assert!(answer(&program, &frame).packet_len <= packet_len + 4, "{options:?}");
            }
        }
    });
}

#[test]
fn the_answer_goes_back_the_way_the_syn_came() {
    on_a_server(|| {
        let program = refusing(&[]);
        for frame in [syn4(LINUX), syn6(LINUX)] {
            answers_behind_tags(&program, &frame);
        }
    });
}

/// A SYN that is sent again, because its answer was lost, gets the same cookie.
#[test]
fn a_repeated_syn_gets_the_same_cookie() {
    on_a_server(|| {
        let program = refusing(&[]);
        let flow_of = |isn| Flow { isn, ..FLOW };
        let baker = Baker { keys: program.secret.constants().cookie_key };
        let kept =
            Options { mss: 1460, has_timestamp: true, has_sack: true, wscale: Some(7), ecn: false };
        for isn in [0, 1, u32::MAX] {
            let frame = ipv4(|_, tcp| {
                tcp.sequence_number = isn;
                tcp.set_options_raw(LINUX).unwrap();
            });
            let [first, second] = [(); 2].map(|()| program.answer(&frame).2);
            let sequence = |left: &[u8]| u32::from_be_bytes(left[38..42].try_into().unwrap());
            let now = now_ns().unwrap();
            let is_right = |left: &[u8]| {
                baker.check(&flow_of(isn), sequence(left), Some(kept_bits(left)), now) == Some(kept)
            };
            assert!(is_right(&first) && is_right(&second), "sequence number {isn}");
        }
    });
}

/// The timestamp of an answer to [`LINUX`].
fn kept_bits(left: &[u8]) -> u32 {
    u32::from_be_bytes(left[62..66].try_into().unwrap())
}
