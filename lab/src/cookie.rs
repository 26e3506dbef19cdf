// SPDX-License-Identifier: GPL-2.0-only
//! Own SYN cookies, made and checked without the program: it shares nothing with `bpf/cookie.h`.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher24;

/// How long an epoch lasts, ns.
pub const EPOCH_NS: u64 = 1 << 34;

/// The values of an MSS in a cookie with timestamps.
pub const MSS: [u16; 64] = [
    536, 576, 640, 768, 896, 1024, 1100, 1140, 1160, 1180, 1200, 1220, 1240, 1260, 1280, 1300, 1310,
    1320, 1330, 1340, 1344, 1348, 1350, 1352, 1356, 1360, 1364, 1368, 1370, 1372, 1376, 1380, 1384,
    1386, 1388, 1390, 1392, 1396, 1398, 1400, 1404, 1408, 1410, 1412, 1414, 1416, 1418, 1420, 1424,
    1428, 1432, 1436, 1440, 1448, 1452, 1460, 1960, 4036, 8860, 8896, 8920, 8940, 8948, 8960,
];
/// The values without timestamps.
pub const PLAIN_MSS4: [u16; 4] = [536, 1300, 1440, 1460];
/// The same over IPv6.
pub const PLAIN_MSS6: [u16; 4] = [1220, 1360, 1420, 1440];

/// The window scales without timestamps, beside SACK.
const WITH_SACK: [Option<u8>; 12] = [
    None,
    Some(0),
    Some(1),
    Some(2),
    Some(3),
    Some(4),
    Some(5),
    Some(6),
    Some(7),
    Some(8),
    Some(10),
    Some(14),
];
/// The same without SACK.
const WITHOUT_SACK: [Option<u8>; 4] = [None, Some(0), Some(4), Some(7)];

/// The bits of a cookie that are no hash: an epoch's lowest bit, and six of the payload.
pub const DATA_BITS: u32 = 7;
const PAYLOAD_BITS: u32 = 6;

/// What a cookie is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The client. Both are of the same family.
    pub source: SocketAddr,
    /// The server.
    pub destination: SocketAddr,
    /// The sequence number of the client's SYN.
    pub isn: u32,
}

/// What a client offers, or what a cookie has kept of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes.
    pub mss: u16,
    /// Without timestamps there is no ECN.
    pub has_timestamp: bool,
    /// Selective acknowledgements.
    pub has_sack: bool,
    /// At most 14.
    pub wscale: Option<u8>,
    /// Explicit congestion notification.
    pub ecn: bool,
}

/// The answer to a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// The sequence number of the SYN-ACK.
    pub sequence: u32,
    /// Its timestamp.
    pub tsval: u32,
}

/// Makes and checks the cookies of one program.
#[derive(Clone, Copy)]
pub struct Baker {
    /// The program's `cookie_key`.
    pub keys: [u64; 2],
}

/// The last value that is not too large, by its place. The first one counts for what is smaller.
fn rounded_down<T: PartialOrd + Copy>(values: &[T], wanted: T) -> u32 {
    values.iter().rposition(|&value| value <= wanted).unwrap_or(0) as u32
}

fn plain_mss(flow: &Flow) -> [u16; 4] {
    if flow.source.is_ipv4() { PLAIN_MSS4 } else { PLAIN_MSS6 }
}

fn payload(flow: &Flow, options: &Options) -> u32 {
    if options.has_timestamp {
        return rounded_down(&MSS, options.mss);
    }
    let scale = if options.has_sack {
        rounded_down(&WITH_SACK, options.wscale)
    } else {
        12 + rounded_down(&WITHOUT_SACK, options.wscale)
    };
    scale << 2 | rounded_down(&plain_mss(flow), options.mss)
}

/// The lowest six bits of the timestamp.
fn stamped(options: &Options) -> u32 {
    u32::from(options.wscale.unwrap_or(15))
        | u32::from(options.has_sack) << 4
        | u32::from(options.ecn) << 5
}

impl Baker {
    /// Makes a cookie at this time of CLOCK_MONOTONIC.
    pub fn make(&self, flow: &Flow, options: &Options, now_ns: u64) -> Cookie {
        let epoch = epoch(now_ns);
        let payload = payload(flow, options);
        let hash = self.hash(flow, epoch, options.has_timestamp, payload);
        let clock = clock(hash, now_ns);
        let behind = clock.wrapping_sub(stamped(options)) % 64;
        Cookie {
            sequence: hash as u32 >> DATA_BITS << DATA_BITS | (epoch & 1) << PAYLOAD_BITS | payload,
            tsval: clock.wrapping_sub(behind),
        }
    }

    /// What a cookie has kept. None: it is not one of ours, or too old. `tsecr`: the timestamp that the
    /// client echoes, if it has one.
    pub fn check(&self, flow: &Flow, cookie: u32, tsecr: Option<u32>, now_ns: u64) -> Option<Options> {
        let now = epoch(now_ns);
        let payload = cookie % 64;
        let is_right = |&epoch: &u32| {
            let hash = self.hash(flow, epoch, tsecr.is_some(), payload) as u32;
            hash >> DATA_BITS << DATA_BITS | (epoch & 1) << PAYLOAD_BITS | payload == cookie
        };
        [now, now.wrapping_sub(1)].iter().find(|epoch| is_right(epoch))?;
        Some(match tsecr {
            Some(stamp) => Options {
                mss: MSS[payload as usize],
                has_timestamp: true,
                has_sack: stamp >> 4 & 1 == 1,
                wscale: Some(stamp as u8 % 16).filter(|&scale| scale != 15),
                ecn: stamp >> 5 & 1 == 1,
            },
            None => {
                let code = (payload >> 2) as usize;
                let scales = [&WITH_SACK[..], &WITHOUT_SACK].concat();
                Options {
                    mss: plain_mss(flow)[payload as usize % 4],
                    has_timestamp: false,
                    has_sack: code < WITH_SACK.len(),
                    wscale: scales[code],
                    ecn: false,
                }
            }
        })
    }

    /// Over addresses, ports and sequence number as on the wire, then epoch, layout and payload.
    fn hash(&self, flow: &Flow, epoch: u32, has_timestamp: bool, payload: u32) -> u64 {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let last = epoch << 8 | u32::from(has_timestamp) << 7 | payload;
        let message = [
            &octets(flow.source.ip())[..],
            &octets(flow.destination.ip()),
            &flow.source.port().to_be_bytes(),
            &flow.destination.port().to_be_bytes(),
            &flow.isn.to_be_bytes(),
            &last.to_le_bytes(),
        ]
        .concat();
        let mut hasher = SipHasher24::new_with_keys(self.keys[0], self.keys[1]);
        hasher.write(&message);
        hasher.finish()
    }
}

fn epoch(now_ns: u64) -> u32 {
    (now_ns / EPOCH_NS) as u32
}

/// The clock of the flow's timestamps, ms.
fn clock(hash: u64, now_ns: u64) -> u32 {
    ((now_ns / 1_000_000) as u32).wrapping_add((hash >> 32) as u32)
}
