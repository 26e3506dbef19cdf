// SPDX-License-Identifier: GPL-2.0-only
//! The programs that an observer attaches itself, for as long as it looks.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result, bail, ensure};
use libbpf_rs::MapHandle;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use nix::errno::Errno;

use super::interface::Interface;
use super::maps::observe::Tables;
use super::program;
use super::skel::{ObserveSkelBuilder, UNREADABLE};
use super::sys::{self, Direction};

/// What an observer sees by. Dropping it detaches its programs.
#[derive(Debug)]
pub struct Observer {
    pub tables: Tables,
    /// Whether it sees what goes out.
    pub sees_out: bool,
    _links: Vec<OwnedFd>,
}

const NO_TCX: &str = "this kernel cannot show what an interface sends, as it is older than Linux 6.6";

impl Observer {
    /// `tables`: of the program that judges what arrives; None: no program does. Where `out`, with what the interface
    /// sends, if the kernel can.
    pub fn attach(interface: &Interface, tables: Option<Tables>, out: bool) -> Result<Self> {
        ensure!(
            program::supports(libbpf_sys::BPF_FUNC_xdp_load_bytes)?,
            "this kernel cannot show frames, as it is older than Linux 5.18"
        );
        let mut object = MaybeUninit::uninit();
        let mut open = ObserveSkelBuilder::default().open(&mut object).context(UNREADABLE)?;
        let is_judged = tables.is_some();
        if let Some(tables) = &tables {
            let maps = &mut open.maps;
            for (map, shared) in [
                (&mut maps.data_observe, &tables.wanted),
                (&mut maps.data_sampling, &tables.sampling),
                (&mut maps.looked_for, &tables.looked_for),
                (&mut maps.observed_frames, &tables.frames),
            ] {
                map.reuse_fd(shared.as_fd()).context("cannot share the program's maps")?;
            }
        }
        let skel = open.load().context("the kernel refused the programs that observe")?;
        let tables = match tables {
            Some(tables) => tables,
            None => Tables {
                wanted: MapHandle::try_from(&skel.maps.data_observe)?,
                sampling: MapHandle::try_from(&skel.maps.data_sampling)?,
                looked_for: MapHandle::try_from(&skel.maps.looked_for)?,
                frames: MapHandle::try_from(&skel.maps.observed_frames)?,
            },
        };
        let attach = |program: &libbpf_rs::ProgramMut<'_>, direction| match sys::tcx_link_create(
            program.as_fd(),
            interface.index,
            direction,
        ) {
            Ok(link) => Ok(Some(link)),
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("cannot look at what {} sends", interface.name))
            }
        };
        let mut links = Vec::new();
        if out {
            links.extend(attach(&skel.progs.observe_out, Direction::Out)?);
        }
        let sees_out = !links.is_empty();
        if !is_judged {
            match attach(&skel.progs.observe_in, Direction::In)? {
                Some(link) => links.push(link),
                None => bail!("{NO_TCX}: there it takes a running instance to look at what arrives"),
            }
        }
        Ok(Self { tables, sees_out, _links: links })
    }

    /// Whether this interface is still there, and has a program that shows frames here if it had one.
    pub fn is_judging(&self, interface: &Interface) -> bool {
        let shown = || {
            let attached = sys::xdp_query(interface.index).ok()??;
            let program = libbpf_rs::Program::fd_from_id(attached.id).ok()?;
            let ring = sys::map_info(self.tables.frames.as_fd()).ok()?.id;
            Some(sys::program_maps(program.as_fd()).ok()?.contains(&ring))
        };
        shown().unwrap_or(false)
    }
}
