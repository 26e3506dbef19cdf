// SPDX-License-Identifier: GPL-2.0-only
//! What a source looks like, and what to do about it.

use super::super::model::Bucket;
use super::super::units::age;
use super::{Answer, Known, Network, Remedy};
use crate::judge::{Action, Likeness, Reason};
use crate::policy::{Limit, Listed, ListedBy, Service};

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
            "looks like a client in whose name others send, or one that floods itself: far more SYNs were answered \
             than connections stood"
        }
        Likeness::OneUser => "looks like one user: it answers, and has few connections",
        Likeness::ManyUsers => {
            "looks like many users behind one address, or one that connects often: it answers"
        }
    }
}

/// "--burst 324 --rate 20/s, or less: room for …"
pub fn harmless(burst: u64, limit: Limit, service: Option<&Service>) -> String {
    let rate = limit.rate;
    let options = match service {
        Some(service) => {
            format!("--service {}", Service { limit: Some(Limit { burst, rate }), ..service.clone() })
        }
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
        None if answers.iter().any(|answer| answer.reason == Reason::DropNetworkLimit) => remedy(
            format!("allow {source}"),
            "if you know it, to exempt it from the limits of its network and its own (--networks off: no network \
             has one)",
        ),
        None if is_worth_allowing(known, answers) => {
            remedy(format!("allow {source}"), "to exempt it from limits of its own")
        }
        None => None,
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

pub fn never_answers(known: &[Known]) -> bool {
    !known.is_empty() && known.iter().all(|known| known.looks_like == Likeness::NeverAnswers)
}

/// It suffers, and it answers: nobody is to allow an attacker, or an address that others forge.
fn is_worth_allowing(known: &[Known], answers: &[Answer]) -> bool {
    let is_refused = answers.iter().any(|answer| answer.verdict == Action::Drop);
    (is_refused || was_refused(known)) && known.iter().any(|known| known.source.connected > 0)
}

pub fn was_refused(known: &[Known]) -> bool {
    known.iter().any(|known| known.source.dropped > 0)
}
