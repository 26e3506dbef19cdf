// SPDX-License-Identifier: GPL-2.0-only
//! Follows one packet through the chains.

mod passage;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

use super::packet::{Kind, Packet};
use super::rules::{Chain, Hook, Rule, Ruleset, Step, Test, Verdict};
use super::track::Connection;
use super::worlds::Worlds;
use super::{Facts, Reason};
use passage::Passage;

/// Conntrack's own place among the chains of a hook.
const CONNTRACK: i64 = -200;
/// Rules looked at for one port, before it is in doubt.
const PATIENCE: usize = 500_000;
/// The kernel allows 16.
const DEPTH: usize = 32;

/// One port's walks, in one world after the other.
#[derive(Debug)]
pub struct Walker<'a> {
    /// For packets from the client.
    pub inbound: &'a Ruleset,
    /// For those to it, with the same chains.
    pub outbound: &'a Ruleset,
    pub facts: &'a Facts,
    pub worlds: Worlds,
    /// Limiters that see the connections differently: they may let one packet pass and not the next.
    pub fickle: BTreeSet<String>,
    pub spent: usize,
}

/// What happened to one connection so far.
#[derive(Debug, Default)]
pub struct Life {
    pub begins_with_syn: bool,
    pub connection: Option<Connection>,
    /// Packets sent so far.
    pub sent: usize,
    /// How often each limiter was asked, and whether a packet of a connection in use asked it.
    pub asked: BTreeMap<String, (usize, bool)>,
    /// How often the client was written down where.
    pub remembered: BTreeMap<String, usize>,
    /// Marks by which a route may be chosen.
    pub marks: Vec<(Kind, Option<u128>)>,
}

#[derive(Debug)]
pub enum Fate<'a> {
    /// By these rules, where it was not a policy.
    Passed(Vec<(usize, &'a Rule)>),
    Dropped(Place<'a>),
}

impl<'a> Fate<'a> {
    pub fn outcome(&self) -> Result<(), Place<'a>> {
        match self {
            Self::Passed(_) => Ok(()),
            Self::Dropped(by) => Err(*by),
        }
    }

    pub fn accepted(self) -> Vec<(usize, &'a Rule)> {
        match self {
            Self::Passed(accepted) => accepted,
            Self::Dropped(_) => Vec::new(),
        }
    }
}

/// Who decided.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub chain: usize,
    /// None for the policy.
    pub rule: Option<&'a Rule>,
}

enum Flow<'a> {
    Accept(Option<&'a Rule>),
    Drop(&'a Rule, usize),
    Return,
}

impl<'a> Walker<'a> {
    /// What becomes of the connection's next packet.
    pub fn send(&mut self, life: &mut Life, packet: &mut Packet) -> Result<Fate<'a>, Reason> {
        life.sent += 1;
        let hooks: &[(Hook, bool)] = match packet.kind.is_from_client() {
            true => &[
                (Hook::Ingress, false),
                (Hook::Prerouting, true),
                (Hook::Input, true),
                (Hook::Prerouting, false),
                (Hook::Input, false),
            ],
            false => &[
                (Hook::Output, false),
                (Hook::Postrouting, false),
                (Hook::Output, true),
                (Hook::Postrouting, true),
            ],
        };
        let mut passage = Passage::of(life.connection.clone());
        let mut accepted = Vec::new();
        for &(hook, is_bridge) in hooks {
            let fate = self.hook(life, packet, &mut passage, (hook, is_bridge), &mut accepted)?;
            if let Some(place) = fate {
                // What is dropped before it is confirmed leaves no connection behind.
                if !passage.is_first {
                    life.connection = passage.connection;
                }
                return Ok(Fate::Dropped(place));
            }
            if matches!((hook, is_bridge), (Hook::Prerouting | Hook::Output, false)) {
                life.marks.push((packet.kind, packet.mark));
            }
        }
        life.connection = passage.connection;
        Ok(Fate::Passed(accepted))
    }

    /// Where the packet is dropped, if it is.
    fn hook(
        &mut self,
        life: &mut Life,
        packet: &mut Packet,
        passage: &mut Passage,
        (hook, is_bridge): (Hook, bool),
        accepted: &mut Vec<(usize, &'a Rule)>,
    ) -> Result<Option<Place<'a>>, Reason> {
        let has_conntrack = matches!(hook, Hook::Prerouting | Hook::Output) && !is_bridge;
        let rules = self.rules(packet.kind);
        let mut chains: Vec<(i64, usize)> = (rules.chains.iter().enumerate())
            .filter_map(|(at, chain)| {
                let base = chain.base.as_ref()?;
                let is_here = base.hook == hook && base.is_bridge == is_bridge;
                (is_here && base.family.is_none_or(|family| family == packet.family))
                    .then_some((base.priority, at))
            })
            .collect();
        chains.sort_by_key(|&(priority, _)| priority);
        for (priority, at) in chains {
            if has_conntrack && priority > CONNTRACK {
                passage.track(packet, self.facts);
            }
            let chain = &rules.chains[at];
            if !self.is_used(chain, at, passage.is_first) {
                continue;
            }
            match self.chain(life, packet, passage, at, 0)? {
                Flow::Accept(rule) => accepted.extend(rule.map(|rule| (at, rule))),
                Flow::Drop(rule, chain) => return Ok(Some(Place { chain, rule: Some(rule) })),
                Flow::Return if chain.base.as_ref().is_none_or(|base| base.accepts) => {}
                Flow::Return => return Ok(Some(Place { chain: at, rule: None })),
            }
        }
        if has_conntrack {
            passage.track(packet, self.facts);
        }
        Ok(None)
    }

    fn is_used(&mut self, chain: &Chain, at: usize, is_first: bool) -> bool {
        let Some(base) = &chain.base else { return false };
        let is_here = base.devices.is_empty()
            || base.devices.iter().any(|device| self.facts.interfaces.contains(device));
        is_here
            && (!base.is_nat || is_first)
            && (!base.is_bridge || self.worlds.assume("bridge"))
            && (!base.is_doubtful || self.worlds.assume(("chain", at)))
    }

    fn chain(
        &mut self,
        life: &mut Life,
        packet: &mut Packet,
        passage: &mut Passage,
        at: usize,
        depth: usize,
    ) -> Result<Flow<'a>, Reason> {
        let rules = self.rules(packet.kind);
        let chain = &rules.chains[at];
        for rule in &chain.rules {
            self.spent += 1;
            if self.spent > PATIENCE || depth > DEPTH {
                return Err(Reason::new("its rules are too many, or too entangled, to follow them"));
            }
            match self.rule(life, packet, passage, rule) {
                Verdict::Continue => {}
                Verdict::Accept => return Ok(Flow::Accept(Some(rule))),
                Verdict::Drop => return Ok(Flow::Drop(rule, at)),
                Verdict::Return => return Ok(Flow::Return),
                Verdict::Jump(target) => match self.chain(life, packet, passage, target, depth + 1)? {
                    Flow::Return => {}
                    flow => return Ok(flow),
                },
                Verdict::Goto(target) => return self.chain(life, packet, passage, target, depth + 1),
                Verdict::Obstacle(why) => {
                    return Err(Reason::new(format!("{} {why}", self.show(at, Some(rule)))));
                }
            }
        }
        Ok(Flow::Return)
    }

    fn rules(&self, kind: Kind) -> &'a Ruleset {
        if kind.is_from_client() { self.inbound } else { self.outbound }
    }

    /// Whether the rule has a limiter that sees the connections differently.
    pub fn is_fickle(&self, rule: Option<&Rule>) -> bool {
        let mut steps = rule.into_iter().flat_map(|rule| &rule.steps);
        steps.any(|step| matches!(step, Step::Test(Test::Limiter(name)) if self.fickle.contains(name)))
    }

    /// `rule` in its chain, for people.
    pub fn show(&self, chain: usize, rule: Option<&Rule>) -> String {
        let name = &self.inbound.chains[chain].name;
        match rule {
            Some(rule) => format!("`{}` in {name}", rule.text),
            None => format!("the policy of {name}"),
        }
    }
}
