// SPDX-License-Identifier: GPL-2.0-only
//! Why a client is refused, as values and as text.

mod advice;
mod steps;
mod verdict;

use std::io::{self, Write};
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::lists::{self, Network};
use super::model::{InterfaceMode, Source};
use super::rules::{self, Rule};
use super::units::age;
use crate::judge::{Action, Likeness, Otherwise, Reason, Step};
use crate::policy::{Limit, Listed, Ports, Service, SourceLimits};

/// The whole of `explain --json`.
#[derive(Debug, Serialize)]
pub struct Explained {
    pub address: IpAddr,
    /// The address to which the SYNs would go. null: one of this host.
    pub to: Option<IpAddr>,
    pub instances: Vec<OfInstance>,
}

/// By one instance, for SYNs by some of its interfaces.
#[derive(Debug, Serialize)]
pub struct OfInstance {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    pub dry_run: bool,
    /// The source that the address belongs to.
    pub source: String,
    /// The entry of the lists that decides. null: none.
    pub listed: Option<Network>,
    /// What is known of the source, at each service that it used.
    pub known: Vec<Known>,
    /// Those in force for SYNs of its family.
    pub rules: Vec<Rule>,
    /// What a SYN would meet, for ports with the same answer together.
    pub answers: Vec<Answer>,
    /// What to do. null: nothing helps.
    pub remedy: Option<Remedy>,
}

/// What is known of a source at one service.
#[derive(Debug, Serialize)]
pub struct Known {
    #[serde(flatten)]
    pub source: Source,
    /// As the run has it. None: ports of no service.
    #[serde(skip)]
    pub service: Option<Service>,
    #[serde(rename = "limits", serialize_with = "limits")]
    pub limits: SourceLimits,
    pub looks_like: Likeness,
    /// A burst that would never have refused it. null: it cannot be said.
    pub harmless_burst: Option<u64>,
}

/// What a SYN would meet.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// null: the ports of no service, where nobody listens.
    pub ports: Option<Ports>,
    pub service: Option<String>,
    pub verdict: Action,
    pub reason: Reason,
    #[serde(serialize_with = "steps::as_fields")]
    pub steps: Vec<Step>,
    /// What would change the reason.
    #[serde(serialize_with = "steps::otherwise_as_fields")]
    pub unless: Vec<Otherwise>,
}

/// A command, and what it does.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    pub command: String,
    pub does: String,
}

fn limits<S: Serializer>(limits: &SourceLimits, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields {
        syns: Limit,
        connections: Option<Limit>,
    }
    Fields { syns: limits.syns, connections: limits.connections }.serialize(serializer)
}

pub use advice::remedy;

pub fn write(out: &mut impl Write, explained: &Explained) -> io::Result<()> {
    for instance in &explained.instances {
        write_instance(out, explained, instance)?;
    }
    Ok(())
}

fn write_instance(out: &mut impl Write, explained: &Explained, of: &OfInstance) -> io::Result<()> {
    let Explained { address, to, .. } = *explained;
    writeln!(out, "{address} on {}: {}", lists::place(&of.interfaces), verdict::sentence(of))?;
    if of.source != address.to_string() {
        writeln!(out, "it shares its limits with all of {}", of.source)?;
    }
    match &of.listed {
        Some(listed) => write_listed(out, listed)?,
        None => writeln!(out, "neither allowed nor denied")?,
    }
    if of.known.is_empty() {
        writeln!(out, "never seen, or forgotten: its first SYN would find full buckets")?;
    }
    for known in &of.known {
        write_known(out, known)?;
    }
    for rule in &of.rules {
        writeln!(out, "{}", rules::line(rule))?;
    }
    for answer in &of.answers {
        write_answer(out, answer, to, of.dry_run)?;
    }
    match &of.remedy {
        Some(Remedy { command, does }) => writeln!(out, "{does}: {command}"),
        None => Ok(()),
    }
}

fn write_listed(out: &mut impl Write, network: &Network) -> io::Result<()> {
    let verdict = network.verdict.to_string();
    let left = network.left.map_or(String::new(), |left| format!(", for {} more", age(left)));
    let note =
        network.note.as_deref().map_or(String::new(), |note| format!(": {}", lists::on_one_line(note)));
    let does = match network.verdict {
        Listed::Allowed => "; no limits of its own, but challenged like others",
        Listed::Denied => "",
    };
    let (origin, syns) = (lists::origin(&network.origin), network.syns);
    writeln!(out, "{verdict} as {} ({origin}{left}{note}); decided {syns} SYNs{does}", network.network)
}

/// "ports of no service"
fn service(name: Option<&str>) -> String {
    name.map_or("ports of no service".into(), |name| format!("service {name}"))
}

fn write_known(out: &mut impl Write, known: &Known) -> io::Result<()> {
    let Known { source, limits, .. } = known;
    writeln!(out, "{}:", service(source.service.as_deref()))?;
    let of_connections = match (limits.connections, source.connections) {
        (Some(limit), Some(bucket)) => format!("connections {}", advice::bucket(limit, bucket)),
        _ => "connections not limited".into(),
    };
    let unasked = advice::bucket(limits.syns, source.syns);
    writeln!(out, "  {of_connections}; SYNs unasked {unasked}")?;
    let last = source.last_drop.map_or(String::new(), |last| format!(", last {} ago", age(last)));
    writeln!(
        out,
        "  SYNs: {} passed, {} challenged, {} dropped{last}; {} connected",
        source.passed, source.challenged, source.dropped, source.connected
    )?;
    writeln!(out, "  {}", advice::looks_like(known.looks_like))?;
    match (known.harmless_burst, limits.connections) {
        (Some(burst), Some(limit)) => {
            writeln!(
                out,
                "  never refused at: {}",
                advice::harmless(burst, limit, known.service.as_ref())
            )
        }
        _ => Ok(()),
    }
}

fn place(answer: &Answer) -> String {
    match &answer.ports {
        None => "a port where nobody listens".into(),
        Some(ports) if ports.iter().nth(1).is_none() => format!("port {ports}"),
        Some(ports) => format!("ports {ports}"),
    }
}

fn write_answer(
    out: &mut impl Write,
    answer: &Answer,
    to: Option<IpAddr>,
    is_dry_run: bool,
) -> io::Result<()> {
    let (place, of) = (place(answer), to.map_or(String::new(), |to| format!(" of {to}")));
    let becomes = match (answer.verdict, is_dry_run) {
        (Action::Pass, _) => "passes",
        (Action::Challenge, false) => "is challenged",
        (Action::Challenge, true) => "would be challenged, and passes",
        (Action::Drop, false) => "is dropped",
        (Action::Drop, true) => "would be dropped, and passes",
    };
    writeln!(out, "a SYN to {place}{of} now {becomes} ({}):", answer.reason)?;
    for step in &answer.steps {
        writeln!(out, "  {}", steps::sentence(step))?;
    }
    for otherwise in &answer.unless {
        writeln!(out, "  but {}: {}", steps::doubt(otherwise.doubt), otherwise.reason)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::ListedBy;

    /// Who may write a list may not write on the terminal of who asks.
    #[test]
    fn notes_and_paths_are_harmless_on_a_terminal() {
        let network = |origin, note: Option<&str>| Network {
            network: "192.0.2.0/24".into(),
            verdict: Listed::Denied,
            origin,
            note: note.map(Into::into),
            left: None,
            syns: 7,
            is_covered: false,
        };
        let path = Path::new("/tmp/\u{1b}[2J").into();
        for (network, expected) in [
            (
                network(ListedBy::Live, Some("a\u{1b}[31m\nscanner")),
                "denied as 192.0.2.0/24 (live: a?[31m?scanner); decided 7 SYNs\n",
            ),
            (
                network(ListedBy::File { path, line: 3 }, None),
                "denied as 192.0.2.0/24 (/tmp/?[2J:3); decided 7 SYNs\n",
            ),
        ] {
            let mut out = Vec::new();
            write_listed(&mut out, &network).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
