// SPDX-License-Identifier: GPL-2.0-only
//! `--dump`: who is blocked now, by whichever instance runs.

use std::cmp::Reverse;
use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use libbpf_rs::{MapCore, MapHandle};

use crate::bpf::types;
use crate::instance::{self, Instance, State};
use crate::output::{self, Dump, InstanceDump, Policy};
use crate::preflight;
use crate::sources::{self, Source};
use crate::sys::XdpMode;

/// What to show.
#[derive(Debug, Clone)]
pub struct DumpRequest {
    /// Empty: every interface.
    pub interfaces: Vec<String>,
    /// Also sources that are not blocked.
    pub all: bool,
    pub json: bool,
}

pub fn dump(request: &DumpRequest) -> Result<()> {
    preflight::check_can_dump()?;
    let mut tables = Vec::new();
    for (instance, state) in found(request)? {
        match state {
            State::Readable { config, sources, refusals } => {
                tables.push(Table::read(instance, &config, &sources, &refusals, request.all)?);
            }
            State::OtherVersion { abi_version } => eprintln!(
                "{}: another version of synflood-xdp runs there (its tables are of version \
                 {abi_version}); ask it with the binary that started it",
                output::describe_interfaces(&output::interface_modes(&instance.interfaces))
            ),
        }
    }
    if tables.is_empty() {
        let place = match &request.interfaces[..] {
            [] => "in this network namespace".into(),
            names => format!("on {}", names.join(", ")),
        };
        bail!("no synflood-xdp of this version runs {place}: start one with --iface, as root");
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if request.json {
        output::write_json(&mut out, &Dump { instances: tables.iter().map(Table::to_json).collect() })?;
    } else {
        for table in &tables {
            table.write(&mut out)?;
        }
    }
    Ok(out.flush()?)
}

/// Each instance once, though it may hold several of the interfaces asked for.
fn found(request: &DumpRequest) -> Result<Vec<(Instance, State)>> {
    let indices = match &request.interfaces[..] {
        [] => preflight::all_interfaces()?,
        names => names.iter().map(|name| preflight::any_interface(name)).collect::<Result<_>>()?,
    };
    instance::find(&indices)
}

/// An instance's table at one moment.
struct Table {
    program_id: u32,
    interfaces: Vec<(String, XdpMode)>,
    policy: Policy,
    max_sources: u32,
    known: u64,
    blocked: u64,
    /// Those to show, worst first.
    sources: Vec<Source>,
}

impl Table {
    fn read(
        instance: Instance,
        config: &types::config,
        sources: &MapHandle,
        refusals: &MapHandle,
        all: bool,
    ) -> Result<Self> {
        let (mut known, mut blocked, mut shown) = (0, 0, Vec::new());
        sources::for_each(sources, refusals, config, |source| {
            known += 1;
            blocked += u64::from(source.is_blocked());
            if all || source.is_blocked() {
                shown.push(source);
            }
        })?;
        shown.sort_unstable_by_key(|source| {
            (Reverse(source.dropped), Reverse(source.passed), source.address)
        });
        Ok(Self {
            program_id: instance.program_id,
            interfaces: instance.interfaces,
            policy: Policy::new(config),
            max_sources: sources.max_entries(),
            known,
            blocked,
            sources: shown,
        })
    }

    fn to_json(&self) -> InstanceDump<'_> {
        InstanceDump {
            program_id: self.program_id,
            interfaces: output::interface_modes(&self.interfaces),
            policy: &self.policy,
            max_sources: self.max_sources,
            known_sources: self.known,
            blocked_sources: self.blocked,
            sources: self.sources.iter().map(Into::into).collect(),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let interfaces = output::interface_modes(&self.interfaces);
        writeln!(
            out,
            "{}: {}\n{} of {} known sources blocked, room for {}",
            output::describe_interfaces(&interfaces),
            self.policy.describe(),
            self.blocked,
            self.known,
            self.max_sources
        )?;
        if !self.sources.is_empty() {
            output::write_sources(out, &self.sources)?;
        }
        Ok(())
    }
}
