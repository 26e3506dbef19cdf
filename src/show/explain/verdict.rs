// SPDX-License-Identifier: GPL-2.0-only
//! The first line: does the client get in, and is there anything to do?

use super::super::units::age;
use super::{Answer, OfInstance, advice, place};
use crate::judge::{Action, Reason, Step};
use crate::policy::Listed;

/// "is REFUSED now at port 22: over its limit of connections, next in 3s; gets in at other ports"
pub fn sentence(of: &OfInstance) -> String {
    let refused: Vec<_> = of.answers.iter().filter(|answer| answer.verdict == Action::Drop).collect();
    let Some(worst) = refused.first() else { return gets_in(of) };
    let is_alike = refused.iter().all(|other| other.reason == worst.reason);
    let why = why(of, worst) + if is_alike { "" } else { ", and other reasons" };
    let (mut at, mut others) = (String::new(), "");
    if refused.len() < of.answers.len() {
        let places: Vec<_> = refused.iter().map(|answer| place(answer)).collect();
        at = format!(" at {}", places.join(", "));
        others = "; gets in at other ports";
    }
    match of.dry_run {
        true => format!("gets in, as a dry run drops nothing; a real run would REFUSE it{at}: {why}"),
        false => format!("is REFUSED now{at}: {why}{others}"),
    }
}

fn gets_in(of: &OfInstance) -> String {
    let is_challenged = of.answers.iter().any(|answer| answer.verdict == Action::Challenge);
    let how = match (is_challenged, of.dry_run) {
        (false, _) => "gets in now",
        (true, false) => "gets in by cookie, which an honest client does not notice",
        (true, true) => "gets in now; in a real run by cookie, which an honest client does not notice",
    };
    let is_to_be_allowed = of.remedy.is_some() && !advice::never_answers(&of.known);
    let to_do =
        if is_to_be_allowed { "was refused before: see the last line" } else { "nothing to do" };
    format!("{how}; {to_do}")
}

/// "over its limit of connections, next in 3s"
fn why(of: &OfInstance, answer: &Answer) -> String {
    let next = || {
        let wait = answer.steps.iter().find_map(|step| match step {
            Step::Connections(bucket) | Step::Syns(bucket) | Step::Network { bucket, .. }
                if bucket.tokens == 0 =>
            {
                Some(bucket.next_token)
            }
            _ => None,
        });
        wait.map_or(String::new(), |wait| format!(", next in {}", age(wait)))
    };
    match answer.reason {
        Reason::DropDenied => {
            let listed = of.listed.as_ref().filter(|listed| listed.verdict == Listed::Denied);
            listed.map_or("denied".into(), |listed| format!("denied by {}", listed.network))
        }
        Reason::DropLearnedRule => "it looks like a rule in force".into(),
        Reason::DropOverLimit => format!("over its limit of connections{}", next()),
        Reason::DropNetworkLimit => {
            format!("all of its network is over a limit of connections{}", next())
        }
        Reason::DropSynLimit => format!("over its limit of SYNs{}", next()),
        Reason::DropPassRate => "the pass rate is used up, and nobody is challenged".into(),
        Reason::DropChallengeRation => "it just had its share of cookies".into(),
        Reason::DropChallengeRate => "the challenge rate is used up".into(),
        Reason::DropUnchallengedRate => "the unchallenged rate is used up".into(),
        Reason::DropNoListener => "nobody listens there".into(),
        Reason::DropUnanswerable => "nobody may answer its address".into(),
        Reason::DropOtherInterface => "an answer would leave by another interface".into(),
        Reason::DropExtraHeaders => "its SYN has IP options or extension headers".into(),
        Reason::DropSigned => "its SYN has options that no honest stack sends".into(),
        reason => reason.to_string(),
    }
}
