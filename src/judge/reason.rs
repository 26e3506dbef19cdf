// SPDX-License-Identifier: GPL-2.0-only
//! The outcomes of a SYN: those of `enum reason` that a new connection can have.

use std::fmt;

use serde::{Serialize, Serializer};

/// Named as the program names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    PassUnprotectedPort,
    PassAllowed,
    PassWithinLimit,
    PassUnchallenged,
    ChallengeSent,
    DropDenied,
    DropLearnedRule,
    DropOverLimit,
    DropNetworkLimit,
    DropSynLimit,
    DropPassRate,
    DropChallengeRation,
    DropChallengeRate,
    DropUnchallengedRate,
    DropNoListener,
    DropUnanswerable,
    DropOtherInterface,
    DropExtraHeaders,
    DropSigned,
}

/// What becomes of a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Pass,
    Challenge,
    Drop,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::PassUnprotectedPort => "pass_unprotected_port",
            Self::PassAllowed => "pass_allowed",
            Self::PassWithinLimit => "pass_within_limit",
            Self::PassUnchallenged => "pass_unchallenged",
            Self::ChallengeSent => "challenge_sent",
            Self::DropDenied => "drop_denied",
            Self::DropLearnedRule => "drop_learned_rule",
            Self::DropOverLimit => "drop_over_limit",
            Self::DropNetworkLimit => "drop_network_limit",
            Self::DropSynLimit => "drop_syn_limit",
            Self::DropPassRate => "drop_pass_rate",
            Self::DropChallengeRation => "drop_challenge_ration",
            Self::DropChallengeRate => "drop_challenge_rate",
            Self::DropUnchallengedRate => "drop_unchallenged_rate",
            Self::DropNoListener => "drop_no_listener",
            Self::DropUnanswerable => "drop_unanswerable",
            Self::DropOtherInterface => "drop_other_interface",
            Self::DropExtraHeaders => "drop_extra_headers",
            Self::DropSigned => "drop_signed",
        }
    }

    /// In a dry run nothing but this is said of it.
    pub fn action(self) -> Action {
        match self {
            Self::PassUnprotectedPort
            | Self::PassAllowed
            | Self::PassWithinLimit
            | Self::PassUnchallenged => Action::Pass,
            Self::ChallengeSent => Action::Challenge,
            _ => Action::Drop,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
