// SPDX-License-Identifier: GPL-2.0-only
//! Our own SYN cookies: what they keep, for how long, and for whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use host_tests::cookie::{check, make};
use lab::cookie::{Baker, DATA_BITS, EPOCH_NS, Flow, MSS, Options, PLAIN_MSS4, PLAIN_MSS6};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The largest segments over IPv4 and IPv6 that are common: on Ethernet, PPPoE, tunnels of several kinds, mobile
/// networks, clouds, and with jumbo frames.
const COMMON_MSS: [u16; 22] = [
    536, 1220, 1240, 1260, 1280, 1300, 1340, 1350, 1360, 1380, 1388, 1400, 1410, 1412, 1420, 1432,
    1436, 1440, 1452, 1460, 8940, 8960,
];

fn flows() -> impl Strategy<Value = Flow> {
    let ipv4 = || any::<Ipv4Addr>().prop_map(IpAddr::V4);
    let ipv6 = || {
        let is_ipv6 = |ip: &Ipv6Addr| ip.to_ipv4_mapped().is_none();
        any::<Ipv6Addr>().prop_filter("mapped", is_ipv6).prop_map(IpAddr::V6)
    };
    (prop_oneof![(ipv4(), ipv4()), (ipv6(), ipv6())], any::<[u16; 2]>(), any::<u32>()).prop_map(
        |((source, destination), ports, isn)| Flow {
            source: SocketAddr::new(source, ports[0]),
            destination: SocketAddr::new(destination, ports[1]),
            isn,
        },
    )
}

prop_compose! {
    /// Without timestamps a SYN-ACK agrees to no ECN.
    fn options()(
        mss in prop_oneof![1..1500_u16, any::<u16>(), prop::sample::select(&COMMON_MSS[..])],
        has_timestamp: bool,
        has_sack: bool,
        wscale in option::of(0..=14_u8),
        ecn: bool,
    ) -> Options {
        Options { mss, has_timestamp, has_sack, wscale, ecn: ecn && has_timestamp }
    }
}

/// The timestamp that comes back with a cookie.
fn echo(options: &Options, tsval: u32) -> Option<u32> {
    options.has_timestamp.then_some(tsval)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn agrees_with_the_oracle(
        keys: [u64; 2],
        flow in flows(),
        options in options(),
        now: u64,
        age in 0..3 * EPOCH_NS,
        bits: u32,
    ) {
        let baker = Baker { keys };
        let cookie = make(keys, &flow, &options, now);
        prop_assert_eq!(cookie, baker.make(&flow, &options, now));
        let echo = echo(&options, cookie.tsval);
        let later = now.saturating_add(age);
        // The right one, and one that is wrong in some bits of data.
        for cookie in [cookie.sequence, cookie.sequence ^ bits & 127, bits] {
            let kept = check(keys, &flow, cookie, echo, later).map(|(options, _)| options);
            prop_assert_eq!(kept, baker.check(&flow, cookie, echo, later));
        }
    }
}

/// Always the same cases, as a wrong cookie is right once in 2^25 times.
fn same_cases() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(25), ..ProptestConfig::with_cases(4000) }
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn a_cookie_is_valid_in_its_own_epoch_and_the_next(
        keys: [u64; 2],
        flow in flows(),
        options in options(),
        epoch in 2..1_u64 << 29,
        at in 0..EPOCH_NS,
        then in 0..EPOCH_NS,
    ) {
        let cookie = make(keys, &flow, &options, epoch * EPOCH_NS + at);
        let echo = echo(&options, cookie.tsval);
        let is_valid = |epoch: u64, at| {
            check(keys, &flow, cookie.sequence, echo, epoch * EPOCH_NS + at).is_some()
        };
        for at in [0, then, EPOCH_NS - 1] {
            prop_assert!(is_valid(epoch, at) && is_valid(epoch + 1, at));
            for wrong in [epoch - 2, epoch - 1, epoch + 2, epoch + 3, epoch + 4] {
                prop_assert!(!is_valid(wrong, at), "{} epochs later", wrong - epoch);
            }
        }
    }

    #[test]
    fn options_are_kept_or_rounded_down(
        keys: [u64; 2],
        flow in flows(),
        offered in options(),
        now: u64,
    ) {
        let cookie = make(keys, &flow, &offered, now);
        let echo = echo(&offered, cookie.tsval);
        let (kept, _) = check(keys, &flow, cookie.sequence, echo, now).unwrap();
        // What every host takes: RFC 9293 (3.7.1), and for IPv6 what its least MTU leaves.
        let least = if flow.source.is_ipv6() && !offered.has_timestamp { 1220 } else { 536 };
        prop_assert!(kept.mss <= offered.mss.max(least), "{} of {}", kept.mss, offered.mss);
        prop_assert_eq!(kept.wscale.is_some(), offered.wscale.is_some());
        prop_assert!(kept.wscale <= offered.wscale);
        prop_assert_eq!((kept.has_sack, kept.ecn), (offered.has_sack, offered.ecn));
        if offered.has_timestamp {
            prop_assert_eq!(kept.wscale, offered.wscale);
            // Common values with timestamps lie close to each other.
            prop_assert!(offered.mss < 1300 || offered.mss > 1460 || kept.mss + 10 >= offered.mss);
        }
    }

    #[test]
    fn a_timestamp_is_never_ahead_of_its_clock_and_hardly_behind(
        keys: [u64; 2],
        flow in flows(),
        offered in options(),
        now: u64,
        age in 0..EPOCH_NS,
    ) {
        let offered = Options { has_timestamp: true, ..offered };
        let now = now & u64::MAX >> 1;
        let cookie = make(keys, &flow, &offered, now);
        let clock = |now| check(keys, &flow, cookie.sequence, Some(cookie.tsval), now).unwrap().1;
        prop_assert!(clock(now).wrapping_sub(cookie.tsval) < 64);
        let passed = (now + age) / 1_000_000 - now / 1_000_000;
        prop_assert_eq!(clock(now + age).wrapping_sub(clock(now)), passed as u32, "it goes on");
    }

    #[test]
    fn a_cookie_is_for_one_flow_and_one_key(
        keys: [u64; 2],
        flow in flows(),
        options in options(),
        now: u64,
        other in flows(),
        bit in 0..128_u32,
    ) {
        let cookie = make(keys, &flow, &options, now);
        let echo = echo(&options, cookie.tsval);
        let is_right = |keys, flow: &Flow| check(keys, flow, cookie.sequence, echo, now).is_some();
        prop_assert!(is_right(keys, &flow));
        let mut changed = keys;
        changed[(bit / 64) as usize] ^= 1 << (bit % 64);
        prop_assert!(!is_right(changed, &flow));

        let port = |address: SocketAddr| {
            SocketAddr::new(address.ip(), address.port() ^ 1 << (bit % 16))
        };
        let ip = |address: SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() ^ 1 << (bit % 32)).into()),
                IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() ^ 1 << bit).into()),
            };
            SocketAddr::new(ip, address.port())
        };
        for wrong in [
            Flow { isn: flow.isn ^ 1 << (bit % 32), ..flow },
            Flow { source: port(flow.source), ..flow },
            Flow { destination: port(flow.destination), ..flow },
            Flow { source: ip(flow.source), ..flow },
            Flow { destination: ip(flow.destination), ..flow },
            Flow { isn: flow.isn, ..other },
        ] {
            prop_assert!(!is_right(keys, &wrong), "{:?}", wrong);
        }
        let other_layout = if echo.is_some() { None } else { Some(0) };
        prop_assert!(check(keys, &flow, cookie.sequence, other_layout, now).is_none());
    }

    /// Each of its 32 bits is hash, or hashed: a guess succeeds with one of 2^25 hashes.
    #[test]
    fn no_bit_of_a_cookie_can_be_changed(
        keys: [u64; 2],
        flow in flows(),
        options in options(),
        now: u64,
        bits in 1..=u32::MAX,
    ) {
        let cookie = make(keys, &flow, &options, now);
        let echo = echo(&options, cookie.tsval);
        for bits in (0..32).map(|bit| 1 << bit).chain([bits, bits >> DATA_BITS << DATA_BITS | 1 << 31]) {
            prop_assert!(check(keys, &flow, cookie.sequence ^ bits, echo, now).is_none(), "{:#x}", bits);
        }
    }
}

/// Addresses that do not matter.
fn flow_of(source: &str, destination: &str) -> Flow {
    Flow { source: source.parse().unwrap(), destination: destination.parse().unwrap(), isn: 7 }
}

/// What a cookie keeps of these options.
fn kept(flow: &Flow, offered: &Options) -> Options {
    let cookie = make([1, 2], flow, offered, 0);
    check([1, 2], flow, cookie.sequence, echo(offered, cookie.tsval), 0).unwrap().0
}

#[test]
fn every_segment_size_is_rounded_down_to_the_next_value() {
    let ipv4 = flow_of("192.0.2.1:40000", "192.0.2.80:80");
    let ipv6 = flow_of("[2001:db8::1]:40000", "[2001:db8::80]:80");
    for (flow, has_timestamp, values) in [
        (&ipv4, true, &MSS[..]),
        (&ipv6, true, &MSS),
        (&ipv4, false, &PLAIN_MSS4),
        (&ipv6, false, &PLAIN_MSS6),
    ] {
        for mss in 1..=u16::MAX {
            let offered = Options { mss, has_timestamp, has_sack: true, wscale: Some(7), ecn: false };
            let value = values.iter().rfind(|&&value| value <= mss).unwrap_or(&values[0]);
            assert_eq!(kept(flow, &offered), Options { mss: *value, ..offered });
        }
    }
}

#[test]
fn common_options_are_kept_exactly() {
    let flow = flow_of("192.0.2.1:40000", "192.0.2.80:80");
    let flow6 = flow_of("[2001:db8::1]:40000", "[2001:db8::80]:80");
    for mss in COMMON_MSS {
        for wscale in (0..=14).map(Some).chain([None]) {
            for (has_sack, ecn) in [(false, false), (false, true), (true, false), (true, true)] {
                let offered = Options { mss, has_timestamp: true, has_sack, wscale, ecn };
                assert_eq!(kept(&flow, &offered), offered);
                assert_eq!(kept(&flow6, &offered), offered);
            }
        }
    }
    // Windows, which sends no timestamps; some of its scales, and all up to 8.
    for wscale in (0..=8).map(Some).chain([None]) {
        for (flow, mss) in [(&flow, 1460), (&flow, 1440), (&flow6, 1440)] {
            let offered = Options { mss, has_timestamp: false, has_sack: true, wscale, ecn: false };
            assert_eq!(kept(flow, &offered), offered);
        }
    }
}

/// Guesses agree with each eight bits of the hash as often as chance has it: once in 256 times.
#[test]
fn a_guess_is_as_good_as_chance() {
    const GUESSES: u32 = 1 << 16;
    const EXPECTED: i64 = 256;
    // Six times the standard deviation.
    const TOLERANCE: i64 = 6 * 16;
    let keys = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
    let mut flow = flow_of("192.0.2.1:1", "192.0.2.80:80");
    for has_timestamp in [false, true] {
        let options = Options { mss: 1460, has_timestamp, has_sack: true, wscale: None, ecn: false };
        let mut agreed = [0_i64; 18];
        for isn in 0..GUESSES {
            flow.isn = isn;
            let wrong = make(keys, &flow, &options, 0).sequence;
            for (from, agreed) in agreed.iter_mut().enumerate() {
                *agreed += i64::from(wrong >> (DATA_BITS as usize + from) & 0xff == 0x5a);
            }
        }
        let far = agreed.iter().find(|&&count| (count - EXPECTED).abs() > TOLERANCE);
        assert!(far.is_none(), "{agreed:?}");
    }
}
