// SPDX-License-Identifier: GPL-2.0-only
//! `explain`: why a client is refused, and what its next SYN would meet. It only looks.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::running::{self, Found};
use super::{lists, print, rule};
use crate::advice::preflight;
use crate::cli::Explain;
use crate::judge::{self, Bucket, Entry, Link, Otherwise, Step};
use crate::kernel::instance::Running;
use crate::kernel::interface::Interface;
use crate::kernel::maps::rules;
use crate::kernel::maps::situation::{self, Question, Situation, Tables};
use crate::learn::Family;
use crate::policy::{Policy, Ports, Service, SourceLimits, network_name};
use crate::show;
use crate::show::explain::{Answer, Explained, Known, OfInstance, remedy};
use crate::show::model::{self, InterfaceMode};

pub fn explain(words: &Explain) -> Result<()> {
    preflight::check_can_look("explain")?;
    ensure!(
        words.to.is_none_or(|to| to.is_ipv4() == words.address.is_ipv4()),
        "a SYN has two addresses of one family: give --to one like {}",
        words.address
    );
    let mut instances = Vec::new();
    for found in running::find(&words.iface, "explain …")? {
        instances.extend(read(found, words)?);
    }
    let explained = Explained { address: words.address, to: words.to, instances };
    print(&explained, words.json, |out, explained| show::explain::write(out, explained))
        .context("cannot write the explanation")
}

/// Once for all interfaces of the instance with the same answers.
fn read(found: Found, words: &Explain) -> Result<Vec<OfInstance>> {
    let Found { program_id, interfaces, running } = found;
    let tables = Tables::from(&*running);
    let situation = Situation::read(tables, &running.policy, words.address)?;
    let mut alike: Vec<(Link, Vec<InterfaceMode>)> = Vec::new();
    for interface in interfaces {
        let link = situation::link(tables, Interface::by_name(&interface.name)?.index)?;
        match alike.iter_mut().find(|(other, _)| *other == link) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => alike.push((link, vec![interface])),
        }
    }
    let is_for_this_host = match words.to {
        Some(to) => situation::is_own(tables, to)?,
        None => true,
    };
    let of = |(link, interfaces): (Link, Vec<InterfaceMode>)| {
        let question = Question {
            policy: &running.policy,
            source: words.address,
            port: 0,
            to: words.to,
            is_for_this_host,
            link,
        };
        let answers = answers(&situation, &question, words.port);
        of_instance(&running, &situation, answers, words, (program_id, interfaces))
    };
    alike.into_iter().map(of).collect()
}

fn of_instance(
    running: &Running,
    situation: &Situation,
    answers: Vec<Answer>,
    words: &Explain,
    (program_id, interfaces): (u32, Vec<InterfaceMode>),
) -> Result<OfInstance> {
    let source = network_name(&situation.network);
    let listed = situation.listed.clone().map(lists::shown);
    let known = known(situation, &running.policy);
    let remedy = remedy(&source, &words.iface, listed.as_ref(), &known, &answers);
    let dry_run = running.policy.dry_run;
    let is_meant =
        |rule: &rules::Entry| rule.is_in_force && rule.rule.family == Family::of(words.address);
    let rules = rule::those(running, is_meant)?;
    Ok(OfInstance { program_id, interfaces, dry_run, source, listed, known, rules, answers, remedy })
}

/// What is known of the source at each service that there still is.
fn known(situation: &Situation, policy: &Policy) -> Vec<Known> {
    let of = |(&number, entry): (&usize, &Entry)| {
        let service = policy.services.get(number);
        (number == 0 || service.is_some()).then(|| known_at(situation, policy, service, entry))
    };
    situation.entries.iter().filter_map(of).collect()
}

fn known_at(situation: &Situation, policy: &Policy, service: Option<&Service>, entry: &Entry) -> Known {
    let limits: SourceLimits = policy.limits_of(service);
    let bucket = |full_at, limit| {
        let Bucket { tokens, next_token } = Bucket::new(full_at, limit, situation.now);
        model::Bucket { tokens, next_token }
    };
    let last_drop = Duration::from_nanos(situation.now.saturating_sub(entry.last_drop));
    Known {
        source: model::Source {
            source: network_name(&situation.network),
            service: service.map(|service| service.name.clone()),
            connections: limits.connections.map(|limit| bucket(entry.connections_full_at, limit)),
            syns: bucket(entry.syns_full_at, limits.syns),
            passed: entry.passed,
            challenged: entry.challenged,
            dropped: entry.dropped,
            connected: entry.connected,
            last_drop: (entry.last_drop != 0).then_some(last_drop),
        },
        service: service.cloned(),
        limits,
        looks_like: judge::likeness(entry),
        harmless_burst: limits.connections.and_then(|_| judge::harmless_burst(entry)),
    }
}

/// What decides whether two ports have the same answer.
type Same = (Option<String>, judge::Reason, Vec<Step>, Vec<Otherwise>);

/// `port`: the only one that is asked for.
fn answers(situation: &Situation, question: &Question<'_>, port: Option<u16>) -> Vec<Answer> {
    let policy = question.policy;
    let listening = situation.ports.iter().filter(|(_, of)| of.listens || !of.addresses.is_empty());
    let asked: BTreeSet<u16> = match port {
        Some(port) => [port].into(),
        None => listening.map(|(&port, _)| port).filter(|&port| policy.ports.contains(port)).collect(),
    };
    let mut alike: Vec<(Same, BTreeSet<u16>)> = Vec::new();
    for port in asked {
        let same = same(situation, &Question { port, ..*question });
        match alike.iter_mut().find(|(other, _)| *other == same) {
            Some((_, ports)) => drop(ports.insert(port)),
            None => alike.push((same, [port].into())),
        }
    }
    let is_of_none = |port: &u16| policy.ports.contains(*port) && policy.services.at(*port).is_none();
    if alike.is_empty()
        && let Some(port) = (1..=u16::MAX).find(is_of_none)
    {
        return vec![answer(same(situation, &Question { port, ..*question }), None)];
    }
    alike.into_iter().map(|(same, ports)| answer(same, Some(Ports::only(ports)))).collect()
}

fn same(situation: &Situation, question: &Question<'_>) -> Same {
    let (facts, syn) = (situation.facts(question), question.syn());
    let state = situation.state(question);
    let verdict = judge::judge(&facts, &syn, &mut state.clone());
    let unless = judge::doubts(&facts, &syn, state, &situation.doubts(question));
    let service = question.policy.services.at(question.port).map(|service| service.name.clone());
    (service, verdict.reason, verdict.steps, unless)
}

fn answer((service, reason, steps, unless): Same, ports: Option<Ports>) -> Answer {
    Answer { ports, service, verdict: reason.action(), reason, steps, unless }
}
