// SPDX-License-Identifier: GPL-2.0-only
//! Which SYNs are answered with a cookie, as in `bpf/challenge.bpf.h`.

use std::net::IpAddr;

use super::case::{Case, holds_token};
use super::{Form, Rate, Reason, Step, Unchallengeable, Way};
use crate::policy::Cookies;

impl Case<'_> {
    pub(super) fn challenge(&mut self) -> Reason {
        self.try_challenge().unwrap_or_else(|| self.admit_unchallenged())
    }

    /// None: it cannot be challenged because of where it goes.
    fn try_challenge(&mut self) -> Option<Reason> {
        if self.facts.host.is_stale {
            self.note(Step::HostStale);
            return None;
        }
        if !self.syn.is_for_this_host {
            self.note(Step::ForAnotherHost);
            return None;
        }
        if self.facts.is_own_source || !is_answerable(self.syn.source) {
            self.note(Step::Unanswerable);
            return Some(Reason::DropUnanswerable);
        }
        if self.syn.form != Form::Plain {
            self.note(Step::Odd(self.syn.form));
        }
        match self.syn.form {
            Form::Plain => {}
            Form::ExtraHeaders => return Some(Reason::DropExtraHeaders),
            Form::Malformed => return Some(Reason::DropSigned),
        }
        self.note(Step::Way(self.facts.way));
        match self.facts.way {
            Way::Open => {}
            Way::NoRoute => return Some(Reason::DropUnanswerable),
            Way::OtherInterfaceRefused => return Some(Reason::DropOtherInterface),
            Way::OtherInterface => return None,
        }
        if let Some(why) = self.unchallengeable() {
            self.note(Step::Unchallengeable(why));
            return None;
        }
        self.answer()
    }

    /// What a port forbids.
    fn unchallengeable(&self) -> Option<Unchallengeable> {
        let service = self.facts.policy.services.at(self.syn.port);
        if self.facts.port.is_unchallenged {
            Some(Unchallengeable::Port)
        } else if self.facts.host.syncookies == 0 {
            Some(Unchallengeable::NoCookies)
        } else {
            service.filter(|service| !service.challenge).map(|_| Unchallengeable::Service)
        }
    }

    fn answer(&mut self) -> Option<Reason> {
        let policy = self.facts.policy;
        let listens = self.facts.port.listens;
        self.note(Step::Listener { listens });
        if !listens {
            return Some(Reason::DropNoListener);
        }
        let rate = self.look(Rate::Challenges);
        self.note(Step::ChallengeRate(rate));
        if !holds_token(rate) {
            return Some(Reason::DropChallengeRate);
        }
        self.take(Rate::Challenges);
        let is_own = policy.cookies == Cookies::Own && !self.facts.port.takes_kernel_cookies;
        if !is_own && !policy.dry_run && !self.facts.has_kernel_cookie {
            self.note(Step::NoKernelCookie);
            return None;
        }
        Some(Reason::ChallengeSent)
    }
}

/// No group, nobody, nor this host itself.
fn is_answerable(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(source) => !matches!(source.octets()[0], 0 | 127 | 224..),
        IpAddr::V6(source) => {
            !(source.is_multicast() || source.is_unspecified() || source.is_loopback())
        }
    }
}
