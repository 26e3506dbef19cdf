// SPDX-License-Identifier: GPL-2.0-only
//! The steps of a SYN, in words.

use serde::{Serialize, Serializer};

use super::super::model;
use super::super::units::age;
use super::advice;
use crate::judge::{
    Bucket, Doubt, Form, Otherwise, Reason, Refused, Shared, Step, Unchallengeable, Way,
};
use crate::policy::Listed;

/// What was looked at, as in the JSON.
fn name(step: &Step) -> &'static str {
    match step {
        Step::Lists(_) => "lists",
        Step::Port { .. } => "port",
        Step::Rules { .. } => "learned_rules",
        Step::Network { .. } => "network",
        Step::Unknown | Step::Remembered(_) => "source",
        Step::Connections(_) => "connections",
        Step::Syns(_) => "syns",
        Step::PassRate(_) => "pass_rate",
        Step::AllByCookie | Step::HostStale | Step::Unchallengeable(_) | Step::ChallengesOff => {
            "challenge"
        }
        Step::Queue { .. } => "queue",
        Step::Ration { .. } => "ration",
        Step::ForAnotherHost => "destination",
        Step::Unanswerable | Step::Way(_) => "answer",
        Step::Odd(_) => "headers",
        Step::Listener { .. } => "listener",
        Step::ChallengeRate(_) => "challenge_rate",
        Step::NoKernelCookie => "cookie",
        Step::UnchallengedRate(_) => "unchallenged_rate",
    }
}

/// "lists: none names it"
pub fn sentence(step: &Step) -> String {
    format!("{}: {}", name(step).replace('_', " "), finding(step))
}

fn finding(step: &Step) -> String {
    match step {
        Step::Lists(None) => "none names it".into(),
        Step::Lists(Some(Listed::Allowed)) => "it is allowed: its own limits do not count".into(),
        Step::Lists(Some(Listed::Denied)) => "it is denied".into(),
        Step::Port { is_protected: true } => "protected".into(),
        Step::Port { is_protected: false } => "not protected, so its SYNs all pass".into(),
        Step::Rules { in_force, is_spared: false } => {
            format!("{in_force} in force; they drop what looks like them, and count for it")
        }
        Step::Rules { in_force, is_spared: true } => {
            format!("{in_force} in force, but it connected within the hour: they do not count for it")
        }
        Step::Network { prefix, limit, bucket, is_old } => {
            let Bucket { tokens, next_token } = *bucket;
            let bucket = advice::bucket(*limit, model::Bucket { tokens, next_token });
            let of = if *is_old { "; of those that connected before" } else { "" };
            format!("its /{prefix} is limited until a minute after its last refusal{of}: {bucket}")
        }
        Step::Unknown => "not known: its buckets are full".into(),
        Step::Remembered(why) => format!("a CPU remembers that {}", empty(*why)),
        Step::Connections(bucket) | Step::Syns(bucket) => tokens(*bucket),
        Step::PassRate(rate) | Step::ChallengeRate(rate) | Step::UnchallengedRate(rate) => {
            shared(*rate)
        }
        Step::AllByCookie => "tcp_syncookies is 2, so no SYN passes unasked".into(),
        Step::Queue { has_room: true } => "the listener's has room".into(),
        Step::Queue { has_room: false } => "half of the listener's or more is in use".into(),
        Step::ChallengesOff => "off, so what may not pass is dropped".into(),
        Step::Ration { is_left: true } => "it may have one more answer".into(),
        Step::Ration { is_left: false } => "it had its share of answers".into(),
        Step::HostStale => "not possible, as no process looks after this host".into(),
        Step::ForAnotherHost => "another host, in whose name nothing is answered".into(),
        Step::Unanswerable => "nobody may answer this address".into(),
        Step::Odd(Form::Plain) => "plain".into(),
        Step::Odd(Form::ExtraHeaders) => "IP options or extension headers".into(),
        Step::Odd(Form::Malformed) => "options that no honest stack sends".into(),
        Step::Way(Way::Open) => "goes to where the kernel would send it".into(),
        Step::Way(Way::NoRoute) => "has no route".into(),
        Step::Way(Way::OtherInterface) => "would leave by another interface".into(),
        Step::Way(Way::OtherInterfaceRefused) => {
            "would leave by another interface, and rp_filter is strict".into()
        }
        Step::Unchallengeable(Unchallengeable::Port) => {
            "forbidden by this host's firewall, or by the listener's keys".into()
        }
        Step::Unchallengeable(Unchallengeable::NoCookies) => "not possible: tcp_syncookies is 0".into(),
        Step::Unchallengeable(Unchallengeable::Service) => "off for this service".into(),
        Step::Listener { listens: true } => "somebody listens".into(),
        Step::Listener { listens: false } => "nobody listens".into(),
        Step::NoKernelCookie => "the kernel makes none".into(),
    }
}

fn tokens(bucket: Bucket) -> String {
    match bucket.tokens {
        0 => format!("no token left, the next in {}", age(bucket.next_token)),
        1 => "1 token left".into(),
        left => format!("{left} tokens left"),
    }
}

fn shared(rate: Shared) -> String {
    rate.map_or("no limit".into(), tokens)
}

fn empty(why: Refused) -> &'static str {
    match why {
        Refused::Syns => "its SYN bucket is empty",
        Refused::Connections => "its connection bucket is empty",
    }
}

/// "while half of the listener's queue or more is in use"
pub fn doubt(doubt: Doubt) -> String {
    match doubt {
        Doubt::QueueHalfFull => "while half of the listener's queue or more is in use".into(),
        Doubt::Remembered(why) => {
            format!("on a CPU that remembers for up to a second that {}", empty(why))
        }
        Doubt::RationSpent => "when it just had its share of answers (128 in 4 ms on each CPU)".into(),
        Doubt::NotByGateway(_) => "from another neighbour than the gateway".into(),
        Doubt::OtherAddress => "to an address of this host at which nobody listens".into(),
        Doubt::LooksLikeRule => {
            "when it looks like a rule in force, at first: repeated within 8 s it is judged as without rules".into()
        }
        Doubt::NoKernelCookie => "while the kernel makes no cookie for the listener".into(),
    }
}

#[derive(Serialize)]
struct Found<'a> {
    step: &'a str,
    found: String,
}

pub fn as_fields<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(|step| Found { step: name(step), found: finding(step) }))
}

#[derive(Serialize)]
struct Unless {
    condition: String,
    reason: Reason,
}

pub fn otherwise_as_fields<S: Serializer>(all: &[Otherwise], serializer: S) -> Result<S::Ok, S::Error> {
    let unless = |each: &Otherwise| Unless { condition: doubt(each.doubt), reason: each.reason };
    serializer.collect_seq(all.iter().map(unless))
}
