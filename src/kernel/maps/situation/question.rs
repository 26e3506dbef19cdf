// SPDX-License-Identifier: GPL-2.0-only
//! A SYN to one port, for the judge.

use std::net::IpAddr;

use super::Situation;
use crate::judge::{Doubt, Facts, Form, Link, NextHop, Rules, State, Syn, way};
use crate::policy::Policy;

/// What is asked of a [`Situation`].
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub policy: &'a Policy,
    pub source: IpAddr,
    pub port: u16,
    /// To which address. None: to one of this host, at which somebody listens if anybody does.
    pub to: Option<IpAddr>,
    pub is_for_this_host: bool,
    /// By which the SYN comes.
    pub link: Link,
}

impl Question<'_> {
    pub fn syn(&self) -> Syn {
        let Self { source, port, is_for_this_host, .. } = *self;
        Syn { source, port, is_for_this_host, form: Form::Plain }
    }

    fn service(&self) -> usize {
        self.policy.services.number_at(self.port)
    }
}

impl Situation {
    /// As far as user space can know, and else as it is in peace: the listener's queue has room, and the source its
    /// ration of answers.
    pub fn facts<'a>(&self, question: &Question<'a>) -> Facts<'a> {
        let Question { policy, source, port, to, link, .. } = *question;
        Facts {
            policy,
            now: self.now,
            listed: self.listed.as_ref().map(|entry| entry.listed),
            remembered: None,
            rules: Rules { in_force: self.rules_in_force, is_matched: false },
            networks: self.networks.get(&question.service()).copied().unwrap_or_default(),
            host: self.host,
            port: self.ports.get(&port).map(|of| of.at(to)).unwrap_or_default(),
            is_own_source: self.is_own_address,
            way: way(link, self.route, source.is_ipv4(), true),
            has_queue_room: true,
            has_ration: true,
            has_kernel_cookie: true,
        }
    }

    pub fn state(&self, question: &Question<'_>) -> State {
        State { rates: self.rates, entry: self.entries.get(&question.service()).copied() }
    }

    /// What may be otherwise than [`Self::facts`] have it.
    pub fn doubts(&self, question: &Question<'_>) -> Vec<Doubt> {
        let Question { source, port, to, link, .. } = *question;
        let remembered = self.remembered.get(&question.service()).into_iter().flatten();
        let mut doubts: Vec<_> = remembered.map(|&why| Doubt::Remembered(why)).collect();
        doubts.extend([
            Doubt::LooksLikeRule,
            Doubt::QueueHalfFull,
            Doubt::RationSpent,
            Doubt::NoKernelCookie,
        ]);
        if link.next_hop == NextHop::Gateway {
            doubts.push(Doubt::NotByGateway(way(link, self.route, source.is_ipv4(), false)));
        }
        let is_everywhere = self.ports.get(&port).is_none_or(|of| of.listens);
        if to.is_none() && !is_everywhere {
            doubts.push(Doubt::OtherAddress);
        }
        doubts
    }
}
