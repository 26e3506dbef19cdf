// SPDX-License-Identifier: GPL-2.0-only
//! Protects interfaces until told to stop.

mod advise;
mod figures;
mod metrics;
mod past;
pub(super) mod place;
mod reload;
mod session;
mod takeover;
mod telling;

use std::convert::identity;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};

use super::wake::{Wake, Waker};
use crate::advice::{self, preflight};
use crate::hook::Hook;
use crate::kernel::attach::Attachment;
use crate::kernel::hooks::Hooks;
use crate::kernel::interface::Interface;
use crate::kernel::maps::lists::{Lock, files};
use crate::kernel::maps::run_info::RunInfo;
use crate::kernel::program::{self, Program};
use crate::kernel::{handover, netlink, privileges};
use crate::note::Note;
use crate::policy::{self, Listed};
use crate::service::Manager;
use crate::settings::Settings;
use crate::show::model::{InterfaceMode, Start};
use crate::show::report::Report;
use crate::upkeep::{DryRun, Filter, Knowledge, Lists, Upkeep, Watched, lists};
use metrics::{Metrics, Place};
use past::Changes;
use reload::Reload;
use session::{End, Session, TICK};
use takeover::Predecessors;

/// Reads the settings again, for a reload.
pub type Again = fn() -> Result<Settings>;

/// Ends by a signal, by `--for`, when another process has taken over, or with an error when the last interface
/// is gone.
pub fn run(settings: Settings, again: Again) -> Result<()> {
    preflight::check_can_protect()?;
    // Before the first link and the first thread: a signal that comes early must not be lost.
    let waker = Waker::install()?;
    // What is done with the privileges of the start is done in this thread; no other ever has them.
    let mut manager = privileges::with_only(&privileges::OF_A_RUN, Manager::find)??;
    let mut report = privileges::with_only(&privileges::OF_A_RUN, || Report::new(settings.json))?;
    let interfaces = place::find(&settings.place.interfaces, &manager)?;
    let place = settings.metrics.as_ref();
    let place = place.map(|address| Place::take(address, settings.replace)).transpose()?;
    let hook = settings.on_event.as_ref();
    let hook = hook.map(|command| privileges::with_only(&privileges::OF_A_RUN, || Hook::new(command)));
    let hook = hook.transpose()?.transpose()?;
    let (upkeep, info, early) = start(&settings, &interfaces, &waker, &mut manager, &mut report)?;

    // What the programs need has been asked for: from now on this process has no more than a reload takes.
    let limited = privileges::keep_only(&privileges::OF_A_RUN);
    announce(&settings, &upkeep, &mut report);
    if let Err(error) = limited {
        report.note(&Note::info(format!(
            "this process keeps capabilities that it does not need: {error:#}"
        )));
    }
    early.iter().for_each(|note| report.note(note));
    let places = upkeep.hooks.attachments.iter().map(|each| (&each.interface, each.mode));
    for note in advice::on(&upkeep.program.policy, &settings.lists, &places.collect::<Vec<_>>()) {
        report.note(&note);
    }
    place.iter().filter_map(Place::note).for_each(|note| report.note(&note));
    let mut metrics = Metrics::new(&upkeep);
    metrics.give_at(place)?;
    let session = Session {
        settings,
        again,
        upkeep,
        info,
        manager,
        report,
        started: Instant::now(),
        keeping: Watched::new("handing over to the service manager"),
        kept: None,
        reload: Reload::default(),
        metrics,
        changes: Changes::default(),
        hook,
        running_hook: Watched::new("the command of --on-event"),
        dry_run: DryRun::default(),
    };
    match session.run(&waker) {
        End::AsTold | End::Succeeded => Ok(()),
        End::NothingLeft => bail!("no interface is left to protect: start again when it is back"),
    }
}

/// Puts the program in its place: what it must know of this host it knows before the first frame. A program that
/// runs there already judges until then. If anything fails, all is as before.
fn start(
    settings: &Settings,
    interfaces: &[Interface],
    waker: &Waker,
    manager: &mut Manager,
    report: &mut Report,
) -> Result<(Upkeep, RunInfo, Vec<Note>)> {
    let policy = program::resolve(&settings.policy)?;
    let mut knowledge = Knowledge::default();
    knowledge.protect(&policy, interfaces)?;
    // Two that would take over wait for each other, and the commands that change lists for both.
    let lock = settings.replace.then(Lock::wait).transpose()?;
    let before = Predecessors::find(settings, interfaces, manager, report)?;
    let program = program::load(policy, settings.sizes, before.legacy())?;
    // In the tables of a program that runs they wait until nothing more can fail.
    let lists_wait = before.has_tables();
    if !lists_wait {
        files::fill(program.maps.lists(), &settings.lists)?;
    }
    let mut lists = Lists::default();
    let mut early = before.what_is_lost(&program);
    early.extend(before.what_ends(settings));
    early.extend(lists::contradictions(&settings.lists));
    if !before.has_tables() {
        early.extend(lists.restore(&program));
    }
    if before.has_tables() {
        knowledge.take_over(&program.maps)?;
    }
    knowledge.wait_for_firewall();
    watch_addresses(waker, report);
    early.extend(knowledge.tell(&program, true));
    let mut filter = Filter::new(&program)?;

    let mut new = Hooks::new(&program)?;
    let (added, answering) = (before.not_on(interfaces), before.not_answered_on(knowledge.devices()));
    place::attach_all(&program, &added, &answering, settings, &mut new, report)?;
    let kept = manager.kept();
    manager.keep(&handover::of_program(&program)?)?;
    manager.keep(&handover::of_hooks(&new)?)?;
    let sysctls = (!settings.keep_sysctls).then(|| before.sysctls());
    let (hooks, note) = before.give_way_to(&program, interfaces, new).or_else(|error| {
        // Or a service that tries again each second would fill the store.
        manager.let_go_of_all_but(&kept)?;
        Err(error)
    })?;
    early.extend(note);
    let info = info_of(&program)?;
    drop(lock);
    if lists_wait {
        early.extend(enter_lists(&program, &settings.lists, &mut knowledge, manager));
    }
    early.extend(filter.start(&program));
    let mut upkeep = Upkeep::new(program, hooks, knowledge, filter, lists, sysctls);
    early.extend(upkeep.take_answers());
    Ok((upkeep, info, early))
}

/// Enters the lists in the tables of a program that judges already. What it knows of this host must not get old
/// meanwhile.
fn enter_lists(
    program: &Program,
    lists: &policy::Lists,
    knowledge: &mut Knowledge,
    manager: &Manager,
) -> Vec<Note> {
    thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        let entering = scope.spawn(move || {
            let _when_done = done;
            files::set(&program.maps, lists)
        });
        let mut notes = Vec::new();
        while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            notes.extend(knowledge.tell(program, false));
            // Somebody else may have the lock for long.
            manager.wait_longer(10 * TICK);
        }
        let failed = entering.join().map(Result::err);
        let failed = failed.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        notes.extend(failed.map(|error| Note::warning(reload::lists_are_of_before(&error))));
        notes
    })
}

/// The start of the counters is that of the first process, if this one goes on with them.
fn info_of(program: &Program) -> Result<RunInfo> {
    let mut info = RunInfo::of_this_process()?;
    if let Some(before) = RunInfo::read(&program.maps.run_info)? {
        info.since = before.since;
    }
    info.write(&program.maps.run_info)?;
    Ok(info)
}

/// Without it addresses are looked at once a second only.
fn watch_addresses(waker: &Waker, report: &mut Report) {
    let changed = waker.sender();
    let notify = move || {
        // Fails only when the run has ended.
        let _ = changed.send(Wake::HostChanged);
    };
    let watching =
        privileges::with_only(&privileges::OF_A_RUN, || netlink::watch(notify)).and_then(identity);
    if let Err(error) = watching {
        report.note(&Note::info(format!("{error:#}: they are looked at once a second instead")));
    }
}

fn announce(settings: &Settings, upkeep: &Upkeep, report: &mut Report) {
    let mode = |attachment: &Attachment| InterfaceMode {
        name: attachment.interface.name.clone(),
        mode: attachment.mode,
    };
    let interfaces: Vec<_> = upkeep.hooks.attachments.iter().map(mode).collect();
    let denied = settings.lists.entries().filter(|(_, listed)| *listed == Listed::Denied).count();
    report.start(Start {
        allowed_networks: settings.lists.len() - denied,
        denied_networks: denied,
        interfaces: &interfaces,
        policy: &upkeep.program.policy,
        unchallenged: upkeep.knowledge.ports.unchallenged(),
        stop_after: settings.stop_after,
    });
}
