// SPDX-License-Identifier: GPL-2.0-only
//! The stacks.

use super::Field::{End, FastOpen, Mss, Multipath, Nop, SackOk, Scale, Timestamps};
use super::Identification::{Counted, Random, Zero};
use super::Window::{Fixed, Segments, WholeSegments};
use super::{Field, Ports, Stack};

const LINUX: &[Field] = &[Mss, SackOk, Timestamps, Nop, Scale];
const NO_TIMESTAMPS: &[Field] = &[Mss, Nop, Nop, SackOk, Nop, Scale];
const WINDOWS: &[Field] = &[Mss, Nop, Scale, Nop, Nop, SackOk];
const UNSCALED: &[Field] = &[Mss, Nop, Nop, SackOk];
const APPLE: &[Field] = &[Mss, Nop, Scale, Nop, Nop, Timestamps, SackOk, End];
const FREEBSD: &[Field] = &[Mss, Nop, Scale, SackOk, Timestamps];
const BARE: &[Field] = &[Mss];

/// IANA's range of dynamic ports.
const DYNAMIC: Ports = Ports::Random(49_152, 65_535);
const ONE_BY_ONE: Ports = Ports::Counted(49_152, 65_535);

/// What most have in common.
const USUAL: Stack = Stack {
    name: "",
    per_mille: 1,
    ttl: 64,
    window: WholeSegments,
    options: LINUX,
    scales: &[7],
    mss: None,
    dont_fragment: true,
    identification: Random,
    ecn: 0,
    ports: Ports::Random(32_768, 60_999),
    sequence_is_counted: false,
    timestamps_are_random: true,
    ipv6: true,
};

const WINDOWS_10: Stack = Stack {
    ttl: 128,
    options: WINDOWS,
    scales: &[8],
    identification: Counted,
    ports: DYNAMIC,
    ..USUAL
};

const APPLE_USUAL: Stack = Stack {
    window: Fixed(65_535),
    options: APPLE,
    scales: &[6],
    identification: Zero,
    ecn: 50,
    ports: DYNAMIC,
    ..USUAL
};

const FREEBSD_USUAL: Stack = Stack {
    window: Fixed(65_535),
    options: FREEBSD,
    scales: &[6],
    identification: Zero,
    ports: Ports::Random(10_000, 65_535),
    ..USUAL
};

const EMBEDDED: Stack = Stack {
    options: BARE,
    dont_fragment: false,
    identification: Counted,
    sequence_is_counted: true,
    ports: ONE_BY_ONE,
    ipv6: false,
    ..USUAL
};

/// All stacks. Their shares are those of a public web server, where the rare ones are more frequent than there, so that
/// a sample of some thousands has each.
pub const STACKS: &[Stack] = &[
    Stack { name: "Windows 10", per_mille: 220, ..WINDOWS_10 },
    Stack { name: "Windows 11", per_mille: 130, window: Fixed(65_535), ..WINDOWS_10 },
    Stack { name: "Windows Server", per_mille: 8, window: Fixed(65_535), ecn: 60, ..WINDOWS_10 },
    Stack { name: "Windows 7", per_mille: 16, window: Fixed(8192), scales: &[8, 2], ..WINDOWS_10 },
    Stack {
        name: "Windows 7, not scaled",
        per_mille: 3,
        window: Fixed(8192),
        options: UNSCALED,
        ..WINDOWS_10
    },
    Stack {
        name: "Windows XP",
        per_mille: 4,
        window: Fixed(65_535),
        options: UNSCALED,
        ports: Ports::Counted(1025, 5000),
        ipv6: false,
        ..WINDOWS_10
    },
    Stack { name: "Android", per_mille: 250, window: Fixed(65_535), scales: &[8, 9, 10], ..USUAL },
    Stack { name: "Android 4", per_mille: 10, window: Segments(44), scales: &[1, 3, 6], ..USUAL },
    Stack { name: "iOS", per_mille: 130, scales: &[5, 6, 7], ..APPLE_USUAL },
    Stack { name: "macOS", per_mille: 60, ..APPLE_USUAL },
    Stack {
        name: "Mac OS X 10.6",
        per_mille: 3,
        scales: &[1, 3],
        identification: Counted,
        ecn: 0,
        timestamps_are_random: false,
        ..APPLE_USUAL
    },
    Stack { name: "Linux 5 and 6", per_mille: 60, scales: &[7, 10], ..USUAL },
    Stack { name: "Linux with ECN", per_mille: 3, ecn: 100, ..USUAL },
    Stack { name: "Linux without time stamps", per_mille: 4, options: NO_TIMESTAMPS, ..USUAL },
    Stack {
        name: "Linux with Fast Open",
        per_mille: 3,
        options: &[Mss, SackOk, Timestamps, Nop, Scale, FastOpen, Nop, Nop],
        ..USUAL
    },
    Stack {
        name: "Linux with multipath",
        per_mille: 2,
        options: &[Mss, SackOk, Timestamps, Nop, Scale, Multipath],
        ..USUAL
    },
    Stack { name: "Linux 3.11 to 4.18", per_mille: 20, window: Segments(20), ..USUAL },
    Stack {
        name: "Linux 3.0 to 3.10",
        per_mille: 6,
        window: Segments(10),
        scales: &[4, 5, 6, 7],
        timestamps_are_random: false,
        ..USUAL
    },
    Stack {
        name: "Linux 2.6",
        per_mille: 6,
        window: Segments(4),
        scales: &[2, 5, 6, 7, 8],
        timestamps_are_random: false,
        ..USUAL
    },
    Stack {
        name: "Linux 2.4",
        per_mille: 2,
        window: Segments(4),
        scales: &[0, 1, 2],
        timestamps_are_random: false,
        ipv6: false,
        ..USUAL
    },
    Stack {
        name: "crawler without don't fragment",
        per_mille: 3,
        window: Segments(4),
        scales: &[6],
        dont_fragment: false,
        ipv6: false,
        ..USUAL
    },
    Stack { name: "FreeBSD", per_mille: 4, ..FREEBSD_USUAL },
    Stack { name: "FreeBSD 8", per_mille: 2, scales: &[3], identification: Counted, ..FREEBSD_USUAL },
    Stack {
        name: "PlayStation",
        per_mille: 8,
        scales: &[5, 6, 8],
        identification: Random,
        ipv6: false,
        ports: DYNAMIC,
        ..FREEBSD_USUAL
    },
    Stack {
        name: "Switch",
        per_mille: 5,
        scales: &[3],
        identification: Counted,
        ports: DYNAMIC,
        ipv6: false,
        ..FREEBSD_USUAL
    },
    Stack { name: "Xbox", per_mille: 6, window: Fixed(65_535), ..WINDOWS_10 },
    Stack {
        name: "3DS and Wii",
        per_mille: 2,
        window: Fixed(32_768),
        options: UNSCALED,
        mss: Some(1360),
        identification: Counted,
        ipv6: false,
        ..USUAL
    },
    Stack {
        name: "OpenBSD",
        per_mille: 2,
        window: Fixed(16_384),
        scales: &[3, 6],
        options: &[Mss, Nop, Nop, SackOk, Nop, Scale, Nop, Nop, Timestamps],
        ports: Ports::Random(1024, 49_151),
        ..USUAL
    },
    Stack {
        name: "NetBSD",
        per_mille: 2,
        window: Fixed(32_768),
        scales: &[3],
        options: &[Mss, Nop, Scale, SackOk, Nop, Nop, Nop, Nop, Timestamps],
        identification: Zero,
        ports: DYNAMIC,
        ..USUAL
    },
    Stack {
        name: "Solaris",
        per_mille: 2,
        window: Segments(34),
        scales: &[0],
        options: WINDOWS,
        identification: Counted,
        ports: Ports::Counted(32_768, 65_535),
        ..USUAL
    },
    Stack { name: "lwIP", per_mille: 4, ttl: 255, window: Segments(4), ..EMBEDDED },
    Stack {
        name: "lwIP, small",
        per_mille: 2,
        ttl: 255,
        window: Segments(4),
        mss: Some(536),
        ..EMBEDDED
    },
    Stack { name: "ESP8266", per_mille: 4, window: Segments(4), mss: Some(1460), ..EMBEDDED },
    Stack { name: "ESP32", per_mille: 6, window: Fixed(5744), mss: Some(1436), ..EMBEDDED },
    Stack {
        name: "uIP",
        per_mille: 2,
        window: Fixed(1446),
        mss: Some(1446),
        ports: Ports::Counted(4096, 31_999),
        ..EMBEDDED
    },
    Stack {
        name: "printer",
        per_mille: 2,
        window: Fixed(8760),
        mss: Some(1460),
        ports: Ports::Counted(1024, 65_535),
        ..EMBEDDED
    },
    Stack {
        name: "router",
        per_mille: 1,
        ttl: 255,
        window: Fixed(4128),
        mss: Some(536),
        identification: Random,
        ports: Ports::Random(11_000, 65_535),
        ..EMBEDDED
    },
    Stack {
        name: "load balancer",
        per_mille: 3,
        window: Segments(3),
        options: &[Mss, SackOk, End],
        ports: Ports::Random(1024, 65_535),
        ipv6: false,
        ..USUAL
    },
];
