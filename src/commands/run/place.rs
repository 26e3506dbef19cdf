// SPDX-License-Identifier: GPL-2.0-only
//! The interfaces of a run, and where on them to attach.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::kernel::hooks::Hooks;
use crate::kernel::interface::Interface;
use crate::kernel::program::Program;
use crate::note::Note;
use crate::policy::{Challenge, Mode};
use crate::service::Manager;
use crate::settings::Settings;
use crate::show::report::Report;

/// At boot a service may be started before its interfaces are there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The interfaces with these names. A service waits for them a little.
pub fn find(names: &[String], manager: &Manager) -> Result<Vec<Interface>> {
    let until = Instant::now() + PATIENCE;
    let all = || names.iter().map(|name| Interface::ethernet(name)).collect::<Result<Vec<_>>>();
    while manager.is_there() && names.iter().any(|name| Interface::by_name(name).is_err()) {
        if Instant::now() > until {
            break;
        }
        manager.status("waiting for its interfaces");
        manager.wait_longer(PATIENCE);
        thread::sleep(PAUSE);
    }
    all()
}

/// The mode of the settings; but behind the driver of a veth, unless that was asked for: the other end of a veth
/// drops what XDP sends, unless it has an XDP program itself.
pub fn mode_for(interface: &Interface, settings: &Settings) -> (Mode, Option<Note>) {
    let mode = settings.place.mode;
    // A dry run sends nothing, but tries what would be.
    let sends = settings.policy.challenge != Challenge::Off;
    if mode != Mode::Auto || !sends || interface.driver().as_deref() != Some("veth") {
        return (mode, None);
    }
    let name = &interface.name;
    let note = Note::info(format!(
        "{name} is a veth, whose other end gets answers from its driver only if it runs an XDP program: attached \
         behind the driver (--mode skb); give --mode native if it does"
    ));
    (Mode::Skb, Some(note))
}

/// If one fails, those before it are dropped with `hooks`, and so detached. `devices`, by index: those on which answers
/// come in that nobody takes yet.
pub fn attach_all(
    program: &Program,
    interfaces: &[Interface],
    devices: &BTreeSet<u32>,
    settings: &Settings,
    hooks: &mut Hooks,
    report: &mut Report,
) -> Result<()> {
    if let Some(redeem) = &program.programs.redeem {
        // Before the first challenge, or the kernel would reset whoever answers it. If this fails, the run says so and
        // tries again.
        let _ = hooks.take_answers(redeem.as_fd(), devices);
    }
    for interface in interfaces {
        let (mode, chosen) = mode_for(interface, settings);
        chosen.iter().for_each(|note| report.note(note));
        let note = hooks.attach(program, interface, mode)?;
        note.iter().for_each(|note| report.note(note));
    }
    Ok(())
}
