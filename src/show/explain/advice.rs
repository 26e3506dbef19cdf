// SPDX-License-Identifier: GPL-2.0-only
//! What a source looks like, and what to do about it.

use super::super::model::{Bucket, Source};
use super::super::units::age;
use super::{Answer, Known, Network, Remedy};
use crate::judge::{Action, Likeness, Reason};
use crate::policy::{Limit, Listed, ListedBy};

/// "2 of 5 left, refilled at 1/s, next in 0.3s"
pub fn bucket(limit: Limit, bucket: Bucket) -> String {
    let next = if bucket.next_token.is_zero() {
        String::new()
    } else {
        format!(", next in {}", age(bucket.next_token))
    };
    format!("{} of {} left, refilled at {}{next}", bucket.tokens, limit.burst, limit.rate)
}

pub fn looks_like(likeness: Likeness) -> &'static str {
    match likeness {
        Likeness::NeverAnswers => {
            "looks like an attacker, or an address that others forge: it never answered a challenge"
        }
        Likeness::NeverConnected => {
            "too little to tell what it is: it never connected, and was never challenged"
        }
        Likeness::ForgedToo => {
            "looks like a client in whose name others send: far more SYNs were answered than connections stood"
        }
        Likeness::OneUser => "looks like one user: it answers, and has few connections",
        Likeness::ManyUsers => {
            "looks like many users behind one address, or one that connects often: it answers"
        }
    }
}

/// "--burst 324 --rate 20/s (all its SYNs at once: when they came is not kept)"
pub fn harmless(burst: u64, limit: Limit, source: &Source) -> String {
    let rate = limit.rate;
    let options = match &source.service {
        Some(name) => format!("--service {name}=…,burst={burst},rate={rate}"),
        None => format!("--burst {burst} --rate {rate}"),
    };
    format!("{options}, or less: room for all its SYNs at once, as when they came is not kept")
}

/// What to do about the answers that a source gets.
pub fn remedy(
    source: &str,
    interfaces: &[String],
    listed: Option<&Network>,
    known: &[Known],
    answers: &[Answer],
) -> Option<Remedy> {
    let on = interfaces.iter().map(|name| format!(" --iface {name}")).collect::<String>();
    let remedy = |command: String, does: &str| {
        Some(Remedy { command: format!("synflood-xdp {command}{on}"), does: does.into() })
    };
    match listed {
        Some(network) if network.verdict == Listed::Denied => match network.origin {
            ListedBy::Live if network.network == source => {
                remedy(format!("deny {source} --remove"), "to take that back")
            }
            _ => remedy(format!("allow {source}"), "to let it in in spite of that"),
        },
        Some(_) => None,
        None if answers.iter().all(|answer| is_beyond_help(answer.reason)) => None,
        None if never_answers(known) => remedy(
            format!("deny {source}"),
            "nothing needs to be done; to drop all its SYNs, which locks out the owner if it is forged",
        ),
        None if answers.iter().all(|answer| answer.verdict == Action::Pass) && !was_refused(known) => {
            None
        }
        None => remedy(format!("allow {source}"), "to exempt it from limits of its own"),
    }
}

/// An allowed source would end the same way.
fn is_beyond_help(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::PassUnprotectedPort
            | Reason::DropUnanswerable
            | Reason::DropOtherInterface
            | Reason::DropNoListener
    )
}

fn never_answers(known: &[Known]) -> bool {
    !known.is_empty() && known.iter().all(|known| known.looks_like == Likeness::NeverAnswers)
}

fn was_refused(known: &[Known]) -> bool {
    known.iter().any(|known| known.source.dropped > 0)
}
