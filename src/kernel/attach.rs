// SPDX-License-Identifier: GPL-2.0-only
//! Attaches the program to an interface by a link, and turns an errno into advice.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, anyhow};
use libbpf_rs::query::{LinkInfo, LinkTypeInfo};
use nix::errno::Errno;

use super::interface::Interface;
use super::{instance, sys};
use crate::note::Note;
use crate::policy::{AttachMode, Mode};

/// The program on an interface; dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    pub interface: Interface,
    pub mode: AttachMode,
    link: OwnedFd,
}

/// What an attachment has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Attached,
    /// Its link has a program of somebody else's by now: the number of that.
    Succeeded(u32),
    /// The interface is gone, or somebody detached the link.
    Gone,
}

impl Attachment {
    /// Takes over a link to an interface, which has a program in this mode.
    pub fn take_over(interface: Interface, mode: AttachMode, link: OwnedFd) -> Self {
        Self { interface, mode, link }
    }

    pub fn link(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// `program`: the number of ours.
    pub fn state(&self, program: u32) -> Result<State> {
        let info = LinkInfo::from_fd(self.link.as_fd())
            .with_context(|| format!("cannot ask for the link to {}", self.interface.name))?;
        Ok(match info.info {
            LinkTypeInfo::Xdp(xdp) if xdp.ifindex == 0 => State::Gone,
            LinkTypeInfo::Xdp(_) if info.prog_id == program => State::Attached,
            LinkTypeInfo::Xdp(_) => State::Succeeded(info.prog_id),
            _ => State::Gone,
        })
    }
}

/// Attaches to one interface. In `auto`, if the driver refuses, attaches behind it and returns a note.
pub fn attach(
    program: BorrowedFd<'_>,
    interface: &Interface,
    mode: Mode,
) -> Result<(Attachment, Option<Note>)> {
    let attach = |mode| {
        let flags = match mode {
            AttachMode::Skb => libbpf_sys::XDP_FLAGS_SKB_MODE,
            _ => libbpf_sys::XDP_FLAGS_DRV_MODE,
        };
        let link = sys::xdp_link_create(program, interface.index, flags)?;
        Ok(Attachment { interface: interface.clone(), mode, link })
    };
    let refused = |error: io::Error, mode| attach_error(&error, interface, mode);

    let native = match mode {
        Mode::Skb => {
            let attachment =
                attach(AttachMode::Skb).map_err(|error| refused(error, AttachMode::Skb))?;
            return Ok((attachment, None));
        }
        Mode::Native | Mode::Auto => attach(AttachMode::Native),
    };
    match native {
        Ok(attachment) => Ok((attachment, None)),
        Err(error) if mode == Mode::Auto && is_drivers_refusal(&error) => {
            let attachment =
                attach(AttachMode::Skb).map_err(|error| refused(error, AttachMode::Skb))?;
            let note = Note::warning(format!(
                "{}: {}; attached behind the driver instead (--mode skb): each dropped SYN costs more CPU \
                 time",
                interface.name,
                drivers_reason(&error, interface)
            ));
            Ok((attachment, Some(note)))
        }
        Err(error) => Err(refused(error, AttachMode::Native)),
    }
}

/// The driver itself refuses, for its code, an MTU or missing queues, unless the errno says that the
/// place is taken or that the user may not.
fn is_drivers_refusal(error: &io::Error) -> bool {
    !matches!(errno(error), Errno::EEXIST | Errno::EBUSY | Errno::EPERM | Errno::EACCES | Errno::ENODEV)
}

fn attach_error(error: &io::Error, interface: &Interface, mode: AttachMode) -> anyhow::Error {
    let name = &interface.name;
    match errno(error) {
        Errno::EEXIST | Errno::EBUSY => {
            let unseen =
                || "another XDP program is, or was just now, attached; `ip link` shows it".into();
            let occupant = occupant(interface).map_or_else(unseen, |occupant| occupant.text);
            anyhow!("cannot attach to {name}: {occupant}")
        }
        Errno::EPERM | Errno::EACCES => anyhow!(
            "cannot attach to {name}: the kernel does not let this user; run it as root (with sudo)"
        ),
        Errno::ENODEV => anyhow!("cannot attach to {name}: the interface has just gone"),
        _ if mode == AttachMode::Native => anyhow!(
            "cannot attach to {name}: {}; use --mode skb, or --mode auto to fall back to it",
            drivers_reason(error, interface)
        ),
        _ => anyhow!("cannot attach to {name}, not even behind the driver: {error}"),
    }
}

/// The likely reason for a refusal of native XDP. The kernel's own words go only to its trace.
fn drivers_reason(error: &io::Error, interface: &Interface) -> String {
    let driver = interface.driver().map_or(String::new(), |name| format!(", driver {name}"));
    let why = match errno(error) {
        Errno::EOPNOTSUPP => {
            return format!("its driver has no native XDP, or not as it is set now{driver}");
        }
        Errno::EINVAL | Errno::ERANGE => "often the MTU is too large for it, or LRO is on",
        Errno::ENOMEM | Errno::ENOSPC => "often too few queues, see `ethtool -l`",
        _ => "for a reason that only its trace tells",
    };
    format!("its driver refuses native XDP: {why} ({error}{driver})")
}

/// The program that an interface has already, so that there is no place for another.
#[derive(Debug)]
pub struct Occupant {
    /// Of synflood-xdp: it may be replaced.
    pub is_ours: bool,
    /// Names it, and how to detach it.
    pub text: String,
}

/// None: there is none, or none that can be seen.
pub fn occupant(interface: &Interface) -> Option<Occupant> {
    let attached = sys::xdp_query(interface.index).ok()??;
    let id = attached.id;
    let program = instance::program(id);
    let is_ours = program.as_ref().is_some_and(instance::is_ours);
    let text = if is_ours {
        let process = program.as_ref().and_then(instance::process_of);
        let process = process.map_or(String::new(), |pid| format!(", process {pid}"));
        format!(
            "synflood-xdp already protects it (program id {id}{process}); give --replace to take over from it, or \
             stop it first"
        )
    } else {
        let name = program.map_or(String::new(), |program| format!(", '{}'", program.name.display()));
        let place = if attached.mode == AttachMode::Skb { "xdpgeneric" } else { "xdp" };
        format!(
            "another XDP program is attached (id {id}{name}); end the process that attached it, or, if there is \
             none, `ip link set dev {} {place} off`",
            interface.name
        )
    };
    Some(Occupant { is_ours, text })
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
