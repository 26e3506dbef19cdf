// SPDX-License-Identifier: GPL-2.0-only
//! The shipped program, loaded as the command loads it. The kernel runs it on single frames. Needs
//! root. Panics if the kernel refuses something.

mod host;
mod redeemer;

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{ErrorKind, MapCore, MapFlags, OpenObject, ProgramInput, ProgramMut};
use synflood_xdp::cli::Cli;
use synflood_xdp::kernel::maps::sources;
use synflood_xdp::kernel::skel::{SynfloodSkelBuilder, config_of, from_bytes, reason_names};
use synflood_xdp::kernel::{encode, program};
use synflood_xdp::policy::{Cookies, Policy};
use synflood_xdp::settings::Settings;

pub use host::HOST;
pub use redeemer::{LOOPBACK_MAC, TCX_DROP, TCX_NEXT};
pub use synflood_xdp::kernel::clock::now_ns;
pub use synflood_xdp::kernel::maps::counters::Counters;
pub use synflood_xdp::kernel::maps::host::{Link, NextHop, Route};
pub use synflood_xdp::kernel::maps::ports::Port;
pub use synflood_xdp::kernel::maps::sources::Source;
pub use synflood_xdp::kernel::skel::{SynfloodSkel, types};
pub use synflood_xdp::upkeep::Filter;

/// The action that drops a frame (linux/bpf.h).
pub const XDP_DROP: u32 = 1;
/// The action that passes a frame to the stack.
pub const XDP_PASS: u32 = 2;
/// The action that sends a frame back out of its interface.
pub const XDP_TX: u32 = 3;

/// The program with its maps, attached to nothing.
pub struct Program<'obj> {
    program: program::Program<'obj>,
    names: Vec<String>,
    policy: Policy,
    told: Mutex<host::Told>,
}

/// For direct access to its maps and its secret.
impl<'obj> Deref for Program<'obj> {
    type Target = program::Program<'obj>;

    fn deref(&self) -> &Self::Target {
        &self.program
    }
}

impl<'obj> Program<'obj> {
    /// Loads it with these command-line options. `object` is its storage.
    pub fn load(options: &[&str], object: &'obj mut MaybeUninit<OpenObject>) -> Self {
        Self::try_load(options, object).expect("the kernel takes the program")
    }

    /// The same. The error is the command's message for the kernel's refusal.
    pub fn try_load(
        options: &[&str],
        object: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Self, String> {
        let command = ["synflood-xdp", "--iface", "none"].iter().chain(options);
        let settings = Settings::try_from(&Cli::try_parse_from(command).unwrap()).unwrap();
        let Settings { policy, lists, sizes, .. } = settings;
        let policy = program::resolve(&policy).unwrap();
        let program =
            program::load(&policy, &lists, sizes, object).map_err(|error| format!("{error:#}"))?;
        let names = reason_names(&program.skel).unwrap();
        Ok(Self { program, names, policy, told: Mutex::default() })
    }

    /// The names of all reasons. The first one is not an outcome.
    pub fn reason_names(&self) -> &[String] {
        &self.names
    }

    /// How many frames it has counted for each reason.
    pub fn counters(&self) -> Counters {
        Counters::read(&self.skel.maps.counters, &self.names).unwrap()
    }

    /// Runs it on one frame. Returns the one reason that was counted, and the action.
    pub fn judge(&self, frame: &[u8]) -> (String, u32) {
        self.judge_with(ProgramInput { data_in: Some(frame), ..Default::default() })
    }

    /// The same, plus the frame as the program leaves it.
    pub fn answer(&self, frame: &[u8]) -> (String, u32, Vec<u8>) {
        let mut left = vec![0; frame.len() + 256];
        let mut len = 0;
        let (reason, action) = self.counted(|| {
            let input =
                ProgramInput { data_in: Some(frame), data_out: Some(&mut left), ..Default::default() };
            let output = self.skel.progs.synflood.test_run(input).unwrap();
            len = output.data.unwrap().len();
            output.return_value
        });
        left.truncate(len);
        (reason, action, left)
    }

    /// [`Self::judge`] for a frame whose first buffer holds only the first `linear` bytes.
    pub fn judge_split(&self, frame: &[u8], linear: usize) -> (String, u32) {
        let mut context = split_after(linear);
        self.judge_with(ProgramInput {
            context_in: Some(&mut context),
            data_in: Some(frame),
            ..Default::default()
        })
    }

    /// Only the action for a frame whose first buffer holds `linear` bytes. It reads no counters, so it
    /// is fast.
    pub fn action(&self, frame: &[u8], linear: usize) -> u32 {
        let mut context = split_after(linear);
        let input = ProgramInput {
            context_in: (linear < frame.len()).then_some(&mut context[..]),
            data_in: Some(frame),
            ..Default::default()
        };
        self.skel.progs.synflood.test_run(input).unwrap().return_value
    }

    /// Whether the kernel's test run can split frames: some kernels refuse. The returned context tells.
    pub fn can_split(&self) -> bool {
        const LINEAR: usize = 64;
        let mut context_in = split_after(LINEAR);
        let mut context_out = [0; size_of::<types::xdp_md>()];
        let run = self.skel.progs.synflood.test_run(ProgramInput {
            context_in: Some(&mut context_in),
            context_out: Some(&mut context_out),
            data_in: Some(&[0; 2 * LINEAR]),
            ..Default::default()
        });
        match run {
            Ok(_) => context_out == split_after(LINEAR),
            Err(error) if error.kind() == ErrorKind::InvalidInput => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// How many instructions the kernel's verifier processed to accept each program, by its name.
    pub fn verified_instructions(&self) -> BTreeMap<&'static str, u32> {
        let verified = |program: &ProgramMut<'_>| {
            let id = libbpf_rs::Program::id_from_fd(program.as_fd()).unwrap();
            ProgInfoIter::default().find(|program| program.id == id).unwrap().verified_insns
        };
        let progs = &self.skel.progs;
        let mut all = BTreeMap::from([
            ("synflood", verified(&progs.synflood)),
            ("charge", verified(&progs.charge)),
            ("inspect", verified(&progs.inspect)),
        ]);
        if self.policy.cookies == Cookies::Own {
            all.insert("redeem", verified(&progs.redeem));
        }
        all
    }

    fn judge_with(&self, input: ProgramInput<'_>) -> (String, u32) {
        self.counted(|| self.skel.progs.synflood.test_run(input).unwrap().return_value)
    }

    /// Runs `run`. Returns the one reason that was counted meanwhile, and its action.
    fn counted(&self, run: impl FnOnce() -> u32) -> (String, u32) {
        let before = self.counters();
        let action = run();
        let after = self.counters();
        let mut counted = after.reasons.iter().filter(|(name, count)| **count != before.reasons[*name]);
        let (name, count) = counted.next().expect("every frame is counted");
        assert_eq!(*count, before.reasons[name] + 1, "once");
        assert_eq!(counted.next(), None, "under one reason");
        (name.clone(), action)
    }

    /// Runs the program on one frame this many times. Any thread may call it.
    pub fn repeat(&self, frame: &[u8], times: u32) {
        self.time(frame, times);
    }

    /// The same. Returns the mean time of one run, measured by the kernel.
    pub fn time(&self, frame: &[u8], times: u32) -> Duration {
        time(&self.skel.progs.synflood, frame, times)
    }

    /// Every source in its table, in any order.
    pub fn sources(&self) -> Vec<Source> {
        let mut all = Vec::new();
        let maps = &self.skel.maps;
        sources::for_each(&maps.sources, &maps.refusals, &self.policy, |source| all.push(source))
            .unwrap();
        all
    }

    /// The program's hash of every source in its table, in any order.
    pub fn hashes(&self) -> Vec<u64> {
        let mut all = Vec::new();
        let visit = |address: &types::addr| all.push(encode::hash(address, self.secret.hash_key));
        sources::for_each_key(&self.skel.maps.sources, visit).unwrap();
        all
    }

    /// Renews its filter of known sources, see `bpf/known.bpf.h`.
    pub fn filter(&self) -> Filter<'_> {
        Filter::new(&self.program, &self.policy).unwrap()
    }

    /// How many dropped SYNs the table of sources counts, without the memory of refusals.
    pub fn drops_in_table(&self) -> u64 {
        let map = &self.skel.maps.sources;
        let entries = map.keys().filter_map(|key| map.lookup(&key, MapFlags::ANY).unwrap());
        entries.map(|entry| from_bytes::<types::source>(&entry).unwrap().dropped).sum()
    }
}

/// Runs any program on one frame this many times. Returns the mean time of one run, measured by the
/// kernel.
///
/// # Panics
///
/// If the kernel does not run it.
pub fn time(program: &ProgramMut<'_>, frame: &[u8], times: u32) -> Duration {
    let input = ProgramInput { data_in: Some(frame), repeat: times, ..Default::default() };
    program.test_run(input).unwrap().duration
}

/// The shipped program as another version of the binary would load it.
pub fn load_as_version(dump_version: u32, object: &mut MaybeUninit<OpenObject>) -> SynfloodSkel<'_> {
    let mut open = SynfloodSkelBuilder::default().open(object).unwrap();
    config_of(&mut open).unwrap().dump_version = dump_version;
    open.maps.sources.set_max_entries(4096).unwrap();
    open.load().unwrap()
}

/// A context for the test run, which reads only data and data_end of struct xdp_md.
fn split_after(linear: usize) -> [u8; size_of::<types::xdp_md>()] {
    let mut context = [0; _];
    context[4..8].copy_from_slice(&(linear as u32).to_ne_bytes());
    context
}
