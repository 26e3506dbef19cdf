// SPDX-License-Identifier: GPL-2.0-only
//! The contents of an answer with the kernel's cookie.

use etherparse::TcpOptionElement;
use lab::program::{HOST, now_ns, types};

use super::answer::{
    FREEBSD, LINUX, MACOS, OPENBSD, OUR_SCALE, WINDOWS, answer, answers_behind_tags, shape,
};
use super::server::{on_a_server, refusing_by_kernel as refusing, syn4, syn6};

use TcpOptionElement::{
    MaximumSegmentSize as Mss, Noop, SelectiveAcknowledgementPermitted as SackPermitted, Timestamp,
    WindowScale,
};

#[test]
fn the_answer_goes_back_the_way_the_syn_came() {
    on_a_server(|| {
        let program = refusing(&[]);
        for (frame, mss) in [(syn4(LINUX), 1460), (syn6(LINUX), 1440)] {
            let all = [Mss(mss), SackPermitted, Timestamp(0, 0), Noop, WindowScale(OUR_SCALE)];
            for answer in answers_behind_tags(&program, &frame) {
                assert_eq!(shape(&answer), all);
            }
        }
    });
}

#[test]
fn what_each_system_offers_is_kept_in_the_timestamp() {
    const NO_SCALE: u32 = 0xf;
    const SACK: u32 = 1 << 4;
    on_a_server(|| {
        let program = refusing(&[]);
        let mss = Mss(1460);
        let stamp = Timestamp(0, 0);
        let scale = || [Noop, WindowScale(OUR_SCALE)];
        let all = [&[mss.clone(), SackPermitted, stamp.clone()][..], &scale()].concat();
        let no_sack = [&[mss.clone(), Noop, Noop, stamp.clone()][..], &scale()].concat();
        let stamp_only = vec![mss.clone(), Noop, Noop, stamp];
        let mss_only = vec![mss];
        let stamp_option = &LINUX[6..16];
        let cases: [(&str, &[u8], _, u32); 9] = [
            ("Linux", LINUX, &all, SACK | 7),
            ("macOS", MACOS, &all, SACK | 6),
            ("FreeBSD", FREEBSD, &all, SACK | 6),
            ("OpenBSD", OPENBSD, &all, SACK | 6),
            ("Windows, which has no timestamp", WINDOWS, &mss_only, 0),
            ("nothing", &[], &mss_only, 0),
            ("a timestamp alone", stamp_option, &stamp_only, NO_SCALE),
            ("no SACK", &[stamp_option, &[3, 3, 0]].concat(), &no_sack, 0),
            ("a scale beyond 14", &[stamp_option, &[3, 3, 99]].concat(), &no_sack, 14),
        ];
        for (name, options, offered, kept) in cases {
            let answer = answer(&program, &syn4(options));
            assert_eq!(shape(&answer), *offered, "{name}");
            if answer.timestamp != 0 {
                assert_eq!(answer.timestamp & 0x3f, kept, "{name}");
            }
        }
    });
}

/// The kernel compares the returned timestamp with its clock, so it must not be ahead.
#[test]
fn the_timestamp_is_of_just_now() {
    on_a_server(|| {
        let program = refusing(&[]);
        for _ in 0..200 {
            let now_ms = || (now_ns().unwrap() / 1_000_000) as u32;
            let earliest = now_ms();
            let stamp = answer(&program, &syn4(LINUX)).timestamp;
            assert!(stamp <= now_ms() && stamp + 128 > earliest, "{stamp}, and it is {earliest}");
        }
    });
}

#[test]
fn nothing_is_offered_that_the_kernel_would_not_read() {
    on_a_server(|| {
        let program = refusing(&[]);
        let options_with = |settings| {
            program.tell(settings);
            shape(&answer(&program, &syn4(LINUX)))
        };
        let (mss, stamp) = (Mss(1460), Timestamp(0, 0));
        assert_eq!(options_with(types::host { timestamps: 0, ..HOST }), [Mss(1460)]);
        assert_eq!(
            options_with(types::host { sack: 0, ..HOST }),
            [mss.clone(), Noop, Noop, stamp.clone(), Noop, WindowScale(OUR_SCALE)]
        );
        assert_eq!(options_with(types::host { wscale: 0, ..HOST }), [mss, SackPermitted, stamp]);
    });
}

#[test]
fn ecn_is_agreed_to_as_the_kernel_would() {
    use lab::frames::ipv4;

    const ECN: u32 = 1 << 5;
    let syn = |ece: bool, cwr: bool, ect: u8| {
        ipv4(|ip, tcp| {
            (tcp.ece, tcp.cwr) = (ece, cwr);
            ip.ecn = ect.try_into().unwrap();
            tcp.set_options_raw(LINUX).unwrap();
        })
    };
    on_a_server(|| {
        let program = refusing(&[]);
        for (frame, agreed) in [
            (syn(true, true, 0), true),
            (syn(true, false, 0), false),
            (syn(false, true, 0), false),
            (syn(true, true, 2), false),
        ] {
            let answer = answer(&program, &frame);
            assert_eq!((answer.ece, answer.timestamp & ECN != 0), (agreed, agreed));
        }
        program.tell(types::host { ecn: 0, ..HOST });
        assert!(!answer(&program, &syn(true, true, 0)).ece);
    });
}

/// The host must not become a reflector. An answer is at most four bytes longer than its SYN: the MSS,
/// if the SYN had no options.
#[test]
fn an_answer_is_hardly_larger_than_its_syn() {
    on_a_server(|| {
        let program = refusing(&[]);
        for options in [&[][..], &[1; 4], LINUX, WINDOWS, MACOS, FREEBSD, OPENBSD, &LINUX[6..16]] {
            for (frame, mac) in [(syn4(options), 14), (syn6(options), 14)] {
                let answer = answer(&program, &frame);
                assert!(answer.packet_len <= frame.len() - mac + 4, "{options:?}");
            }
        }
        // Data in the SYN (TFO) is not sent back.
        let mut with_data = syn4(LINUX);
        with_data.extend([7; 1000]);
        with_data[16..18].copy_from_slice(&1060_u16.to_be_bytes());
        let (reason, _, left) = program.answer(&with_data);
        assert_eq!(reason, "challenge_sent");
        assert!(left.len() < 80, "{}", left.len());
    });
}

#[test]
fn the_window_is_what_the_listener_can_take() {
    on_a_server(|| {
        let program = refusing(&[]);
        let window = answer(&program, &syn4(LINUX)).window;
        assert!(window >= 14_600 && window.is_multiple_of(1460), "{window}");
    });
}
