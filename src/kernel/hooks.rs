// SPDX-License-Identifier: GPL-2.0-only
//! Where the kernel runs the programs, and how one program takes another's place there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, anyhow};
use libbpf_rs::query::LinkInfo;
use nix::errno::Errno;

use super::attach::{self, Attachment, State};
use super::interface::Interface;
use super::maps::connections;
use super::maps::rescale::{self, Moment};
use super::program::{Program, Programs};
use super::sys::{self, Direction};
use crate::note::Note;
use crate::policy::{Mode, Policy};

/// The links of a program. Dropping them detaches it.
#[derive(Debug, Default)]
pub struct Hooks {
    /// Where SYNs are judged.
    pub attachments: Vec<Attachment>,
    /// Where answers are taken, by the index of the device.
    pub redeemers: BTreeMap<u32, OwnedFd>,
    /// By which connections are charged. None: the next program's is to come.
    pub charger: Option<OwnedFd>,
    /// Counts the changes of all these: they are as they were if it is.
    pub changes: u64,
}

/// What another program is to take the place of.
#[derive(Debug)]
pub struct Before<'a> {
    /// The programs that the links have, by number: more than one of a kind, where a process was killed while it put
    /// another in their place.
    pub programs: BTreeMap<u32, BorrowedFd<'a>>,
    /// Whose limits the buckets have which the next program goes on with. None: it has tables of its own.
    pub policy: Option<&'a Policy>,
}

/// A link, the program that it has, and the one that it gets.
struct Change<'a> {
    link: BorrowedFd<'a>,
    before: BorrowedFd<'a>,
    after: BorrowedFd<'a>,
}

/// How far another process has come in putting its program in a running one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    None,
    /// Some links have its program.
    Begun,
    /// All have, which is the one with this number.
    Done(u32),
}

impl Change<'_> {
    /// A device that has gone takes its links along; that is no failure.
    fn make(&self) -> io::Result<()> {
        match sys::link_update(self.link, self.after, self.before) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOLINK as i32) => Ok(()),
            done => done,
        }
    }

    fn undo(&self) {
        // The link goes on with a program that judges as before, if this fails too.
        let _ = sys::link_update(self.link, self.before, self.after);
    }
}

impl Hooks {
    /// Begins to charge connections, and attaches nowhere else. Fails if the kernel refuses.
    pub fn new(program: &Program) -> Result<Self> {
        let charger = sys::attach_tracing(program.programs.charge.as_fd())
            .context("cannot see the kernel's connections")?;
        Ok(Self { charger: Some(charger), ..Self::default() })
    }

    /// Has the program judge what arrives at an interface.
    pub fn attach(
        &mut self,
        program: &Program,
        interface: &Interface,
        mode: Mode,
    ) -> Result<Option<Note>> {
        let (attachment, note) = attach::attach(program.programs.synflood.as_fd(), interface, mode)?;
        self.attachments.push(attachment);
        self.changes += 1;
        Ok(note)
    }

    /// Has the program take the answers on these devices, given by index, and on no others.
    pub fn take_answers(&mut self, redeem: BorrowedFd<'_>, devices: &BTreeSet<u32>) -> Result<()> {
        let before = self.redeemers.len();
        self.redeemers.retain(|device, _| devices.contains(device));
        self.changes += (before - self.redeemers.len()) as u64;
        for &device in devices {
            if let Entry::Vacant(vacant) = self.redeemers.entry(device) {
                let link = sys::tcx_link_create(redeem, device, Direction::In)
                    .with_context(|| format!("cannot attach to interface {device}"))?;
                vacant.insert(link);
                self.changes += 1;
            }
        }
        Ok(())
    }

    /// Puts another program in the place of the one that judges, and of the one that takes answers, without a
    /// moment in between: on all links, or on none. Both work on the same tables, or the next one's have been
    /// filled.
    ///
    /// `new` are links that the next program has already; they become part of these.
    pub fn succeed(&mut self, before: &Before<'_>, next: &Program, new: Self) -> Result<Option<Note>> {
        if let Some(old) = before.policy {
            rescale::from(next, old, Moment::BeforeSwap)?;
        }
        let changes = self.changes(before, &next.programs)?;
        for (done, change) in changes.iter().enumerate() {
            if let Err(error) = change.make() {
                changes[..done].iter().rev().for_each(Change::undo);
                return Err(anyhow!(error).context("cannot put the new program in the old one's place"));
            }
        }
        // Whoever stands from now on is charged by the next one alone.
        if let Err(error) = connections::charge_by(&next.maps, next.shape.generation) {
            changes.iter().rev().for_each(Change::undo);
            return Err(error);
        }
        self.changes += 1;
        self.charger = new.charger;
        self.attachments.extend(new.attachments);
        if next.programs.redeem.is_none() {
            self.redeemers.clear();
        }
        self.redeemers.extend(new.redeemers);
        // The next one judges by now: this is no reason to say that it does not.
        let rescaled = before.policy.map(|old| rescale::from(next, old, Moment::AfterSwap));
        Ok(rescaled.and_then(Result::err).map(|error| Note::warning(format!("{error:#}"))))
    }

    /// Detaches the program from all interfaces but these.
    pub fn keep_only(&mut self, interfaces: &[Interface]) {
        let is_kept = |index: u32| interfaces.iter().any(|each| each.index == index);
        self.retain(|attachment| is_kept(attachment.interface.index));
    }

    /// Keeps the links to these interfaces only.
    pub fn retain(&mut self, is_kept: impl FnMut(&Attachment) -> bool) {
        let before = self.attachments.len();
        self.attachments.retain(is_kept);
        self.changes += (before - self.attachments.len()) as u64;
    }

    /// Detaches the program from all interfaces. Answers are taken, and connections charged, on.
    pub fn stop_judging(&mut self) {
        self.attachments.clear();
        self.changes += 1;
    }

    /// Each link, and which of these programs belongs there.
    fn places<'a>(
        &'a self,
        programs: &'a Programs,
    ) -> impl Iterator<Item = (BorrowedFd<'a>, BorrowedFd<'a>)> {
        let Programs { synflood, redeem, .. } = programs;
        let judging = self.attachments.iter().map(|attachment| (attachment.link(), synflood.as_fd()));
        let taking = redeem
            .iter()
            .flat_map(|redeem| self.redeemers.values().map(|link| (link.as_fd(), redeem.as_fd())));
        // Answers are taken by the next one before it sends any challenge that the one before would not know.
        taking.chain(judging)
    }

    fn changes<'a>(&'a self, before: &Before<'a>, after: &'a Programs) -> Result<Vec<Change<'a>>> {
        let change = |(link, after)| {
            let number = LinkInfo::from_fd(link).context("cannot ask for a link's program")?.prog_id;
            let before = *before.programs.get(&number).context(
                "another process has just put a program of its own in the old one's place: try again",
            )?;
            Ok(Change { link, before, after })
        };
        self.places(after).map(change).collect()
    }

    /// How far another process has come in putting its program in this one's place.
    pub fn succession(&self, program: &Program) -> Result<Succession> {
        let number = |link: BorrowedFd<'_>| LinkInfo::from_fd(link).map(|info| info.prog_id);
        let redeem = program.programs.redeem.as_ref().map(|redeem| sys::program_id(redeem.as_fd()));
        let redeem = redeem.transpose()?;
        let (mut ours, mut successor) = (0, None);
        for attachment in &self.attachments {
            match attachment.state(program.id)? {
                State::Attached => ours += 1,
                State::Succeeded(by) => successor = Some(by),
                State::Gone => {}
            }
        }
        let is_taken = self.redeemers.values().any(|link| number(link.as_fd()).ok() != redeem);
        Ok(match successor {
            Some(by) if ours == 0 => Succession::Done(by),
            None if !is_taken => Succession::None,
            _ => Succession::Begun,
        })
    }

    /// Puts the program back on all links, wherever another one is.
    pub fn take_back(&self, program: &Program) -> Result<()> {
        for (link, program) in self.places(&program.programs) {
            sys::link_set(link, program).context("cannot put the program back in its place")?;
        }
        Ok(())
    }
}

impl Program {
    /// Those of its programs that links have, by number.
    pub fn programs_on_links(&self) -> Result<BTreeMap<u32, BorrowedFd<'_>>> {
        let on_links = [Some(&self.programs.synflood), self.programs.redeem.as_ref()];
        let numbered = |program: &'_ OwnedFd| sys::program_id(program.as_fd());
        let on_links = on_links.into_iter().flatten();
        Ok(on_links
            .map(|program| Ok((numbered(program)?, program.as_fd())))
            .collect::<io::Result<_>>()?)
    }
}
