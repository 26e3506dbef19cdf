// SPDX-License-Identifier: GPL-2.0-only
//! `cookie.h`, in the words of [`lab::cookie`].

use std::net::IpAddr;

use lab::cookie::{Cookie, Flow, Options};

/// `struct host_flow` of c/cookie.c: in network byte order.
#[repr(C)]
struct HostFlow {
    source: [u8; 16],
    destination: [u8; 16],
    isn: [u8; 4],
    source_port: [u8; 2],
    destination_port: [u8; 2],
    family: u32,
}

/// `struct cookie_options`.
#[repr(C)]
#[derive(Default)]
struct CookieOptions {
    mss: u16,
    has_timestamp: u8,
    has_sack: u8,
    has_wscale: u8,
    wscale: u8,
    ecn: u8,
}

unsafe extern "C" {
    fn host_cookie_make(
        key: *const u64,
        flow: *const HostFlow,
        options: *const CookieOptions,
        now: u64,
        tsval: *mut u32,
    ) -> u32;
    fn host_cookie_check(
        key: *const u64,
        flow: *const HostFlow,
        cookie: u32,
        tsecr: u32,
        now: u64,
        options: *mut CookieOptions,
        clock: *mut u32,
    ) -> bool;
}

impl From<&Flow> for HostFlow {
    fn from(flow: &Flow) -> Self {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        Self {
            source: octets(flow.source.ip()),
            destination: octets(flow.destination.ip()),
            isn: flow.isn.to_be_bytes(),
            source_port: flow.source.port().to_be_bytes(),
            destination_port: flow.destination.port().to_be_bytes(),
            family: if flow.source.is_ipv4() { 4 } else { 6 },
        }
    }
}

pub fn make(keys: [u64; 2], flow: &Flow, options: &Options, now: u64) -> Cookie {
    let options = CookieOptions {
        mss: options.mss,
        has_timestamp: options.has_timestamp.into(),
        has_sack: options.has_sack.into(),
        has_wscale: options.wscale.is_some().into(),
        wscale: options.wscale.unwrap_or_default(),
        ecn: options.ecn.into(),
    };
    let mut tsval = 0;
    // SAFETY: all arguments outlive the call, and have C's layouts.
    let sequence = unsafe { host_cookie_make(keys.as_ptr(), &flow.into(), &options, now, &mut tsval) };
    Cookie { sequence, tsval }
}

/// The options that the cookie has kept, and the clock of the flow's timestamps.
pub fn check(
    keys: [u64; 2],
    flow: &Flow,
    cookie: u32,
    tsecr: Option<u32>,
    now: u64,
) -> Option<(Options, u32)> {
    let mut kept = CookieOptions { has_timestamp: tsecr.is_some().into(), ..Default::default() };
    let mut clock = 0;
    let tsecr = tsecr.unwrap_or_default();
    // SAFETY: all arguments outlive the call, and have C's layouts.
    let is_right = unsafe {
        host_cookie_check(keys.as_ptr(), &flow.into(), cookie, tsecr, now, &mut kept, &mut clock)
    };
    let options = Options {
        mss: kept.mss,
        has_timestamp: kept.has_timestamp != 0,
        has_sack: kept.has_sack != 0,
        wscale: (kept.has_wscale != 0).then_some(kept.wscale),
        ecn: kept.ecn != 0,
    };
    is_right.then_some((options, clock))
}
