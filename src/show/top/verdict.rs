// SPDX-License-Identifier: GPL-2.0-only
//! What a source looks like. A SYN proves nothing, so only answers speak for a source; that none came may also be the
//! fault of whoever forges its address.

use std::fmt;

use super::theme::Theme;
use crate::show::top::syns::Syns;
use ratatui::style::Style;

/// SYNs a second that are many for one source.
const MANY: f64 = 10.0;

/// SYNs a second of unknown sources that may be a flood. As many are few for visitors of a busy server.
const FLOOD: f64 = 100.0;

/// With as many SYNs in a reading, what a source did before says nothing of what it does now.
const ENOUGH: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Many SYNs, and not one connection ever.
    Attacker,
    NeverAnswers,
    /// Somebody forges the address of an honest source, or it floods beside its connections.
    RarelyAnswers,
    AnswersInPart,
    /// The limit on connections, which only its own ones can have used up.
    OverLimit,
    HonestBusy,
    Honest,
    /// It has no connection, but was never asked for an answer either.
    NotChallenged,
    /// Of unknown sources.
    RandomFlood,
    Newcomers,
    /// A list decides.
    Listed,
}

impl Verdict {
    /// Of a known source. `now`: in the last `seconds`; `all`: ever.
    pub fn of_source(now: Syns, all: Syns, seconds: f64, has_no_token: bool) -> Self {
        let is_busy = now.sent() as f64 / seconds >= MANY;
        let recent = if now.sent() >= ENOUGH { now } else { all };
        let answered = recent.connected as f64 / (recent.sent() as f64).max(1.0);
        match (all.connected, answered) {
            _ if has_no_token && now.dropped > 0 => Self::OverLimit,
            (0, _) if all.challenged + all.dropped == 0 => Self::NotChallenged,
            (0, _) if is_busy => Self::Attacker,
            (0, _) => Self::NeverAnswers,
            (_, ..0.1) => Self::RarelyAnswers,
            (_, ..0.5) => Self::AnswersInPart,
            _ if is_busy => Self::HonestBusy,
            _ => Self::Honest,
        }
    }

    /// Of all unknown sources together.
    pub fn of_unknown(now: Syns, seconds: f64) -> Self {
        let is_answered = now.connected * 2 >= now.sent();
        let is_flood = now.sent() as f64 / seconds >= FLOOD && !is_answered;
        if is_flood { Self::RandomFlood } else { Self::Newcomers }
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Attacker => "attacker: never answers",
            Self::NeverAnswers => "never answers",
            Self::RarelyAnswers => "rarely answers: forged?",
            Self::AnswersInPart => "answers in part",
            Self::OverLimit => "over its limit",
            Self::HonestBusy => "honest, busy",
            Self::Honest => "honest",
            Self::NotChallenged => "not challenged yet",
            Self::RandomFlood => "random flood",
            Self::Newcomers => "newcomers",
            Self::Listed => "",
        }
    }

    pub fn style(self, theme: Theme) -> Style {
        match self {
            Self::Attacker | Self::RandomFlood => theme.alarm(),
            Self::NeverAnswers | Self::RarelyAnswers | Self::OverLimit => theme.warning(),
            Self::HonestBusy | Self::Honest => theme.fine(),
            _ => Style::new(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, *};
    use crate::show::top::syns::Syns;

    fn syns(passed: u64, challenged: u64, dropped: u64, connected: u64) -> Syns {
        Syns { passed, challenged, dropped, connected }
    }

    #[test]
    fn a_source_is_judged_by_its_answers() {
        let was_honest = syns(1_000, 0, 0, 990);
        for (now, all, verdict) in [
            (syns(0, 0, 90_000, 0), syns(1, 9, 90_000, 0), Attacker),
            (syns(0, 1, 2, 0), syns(1, 9, 90_000, 0), NeverAnswers),
            (syns(5, 36, 0, 41), syns(50, 360, 0, 409), HonestBusy),
            (syns(3, 0, 0, 3), was_honest, Honest),
            (syns(0, 0, 3, 0), was_honest, Honest),
            (syns(0, 100, 9_900, 20), was_honest, RarelyAnswers),
            (syns(0, 100, 0, 40), was_honest, AnswersInPart),
            (syns(60, 0, 0, 0), syns(60, 0, 0, 0), NotChallenged),
        ] {
            assert_eq!(Verdict::of_source(now, all, 3.0, false), verdict, "{now:?} of {all:?}");
        }
    }

    #[test]
    fn only_a_refused_source_is_over_its_limit() {
        let all = syns(100, 0, 10, 100);
        assert_eq!(Verdict::of_source(syns(0, 0, 3, 0), all, 3.0, true), OverLimit);
        assert_eq!(Verdict::of_source(syns(1, 0, 0, 1), all, 3.0, true), Honest);
    }

    #[test]
    fn unknown_sources_that_answer_are_no_flood() {
        assert_eq!(Verdict::of_unknown(syns(210, 6_000, 0, 700), 3.0), RandomFlood);
        assert_eq!(Verdict::of_unknown(syns(210, 6_000, 0, 6_000), 3.0), Newcomers);
        assert_eq!(Verdict::of_unknown(syns(20, 0, 0, 0), 3.0), Newcomers);
    }
}
