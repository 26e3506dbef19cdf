// SPDX-License-Identifier: GPL-2.0-only
//! The running instances that a command is for, found through the kernel.

use std::io::{self, Write};

use anyhow::{Result, bail};

use crate::kernel::instance::{self, Instance, Process, Running, State};
use crate::kernel::interface::Interface;
use crate::policy::AttachMode;
use crate::show::model::InterfaceMode;
use crate::show::text;

/// An instance that can be read.
pub struct Found {
    pub program_id: u32,
    pub interfaces: Vec<InterfaceMode>,
    pub running: Box<Running>,
}

/// Each instance on these interfaces, or on any if none is given, once: it may be on several of them. Names those that
/// cannot be read. Fails if there is none: the hint then has the command that looks for one.
pub fn find(names: &[String], command: &str) -> Result<Vec<Found>> {
    let interfaces = match names {
        [] => Interface::all()?,
        names => names.iter().map(|name| Interface::by_name(name)).collect::<Result<_>>()?,
    };
    let mut found = Vec::new();
    for instance in instance::find(&interfaces)? {
        match readable(instance) {
            Ok(readable) => found.push(readable),
            Err(another) => drop(writeln!(io::stderr(), "{another}")),
        }
    }
    if found.is_empty() {
        bail!(nothing_found(names, command));
    }
    Ok(found)
}

/// The instance on this interface. None: there is none. Fails if it cannot be read.
pub fn on(interface: &Interface) -> Result<Option<Found>> {
    instance::find(std::slice::from_ref(interface))?.pop().map(readable).transpose()
}

fn readable(instance: Instance) -> Result<Found> {
    let mode = |(name, mode): (String, AttachMode)| InterfaceMode { name, mode };
    let interfaces: Vec<_> = instance.interfaces.into_iter().map(mode).collect();
    match instance.state {
        State::Readable(running) => Ok(Found { program_id: instance.program_id, interfaces, running }),
        State::OtherVersion { dump_version } => bail!(
            "{}: another version of synflood-xdp runs there (its tables are of version {dump_version}); ask it with \
             the binary that started it",
            text::interfaces(&interfaces)
        ),
    }
}

fn nothing_found(names: &[String], command: &str) -> String {
    let place = match names {
        [] => "in this network namespace".into(),
        names => format!("on {}", names.join(", ")),
    };
    let remedy = match instance::processes()[..] {
        [] => "start one with --iface, as root".into(),
        [Process { pid, is_here: true }, ..] => {
            format!("process {pid} protects another interface here: leave out --iface to see it")
        }
        [Process { pid, .. }, ..] => format!(
            "one runs elsewhere, as process {pid}: `nsenter -t {pid} -n synflood-xdp {command}` reaches it; or \
             start one with --iface, as root"
        ),
    };
    format!("no synflood-xdp of this version runs {place}: {remedy}")
}
