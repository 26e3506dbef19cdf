// SPDX-License-Identifier: GPL-2.0-only
//! The shipped program, loaded as the command loads it. The kernel runs it on single frames. Needs
//! root. Panics if the kernel refuses something.

mod host;
mod redeemer;

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, OpenObject};
use synflood_xdp::cli::Cli;
use synflood_xdp::kernel::legacy::Legacy;
use synflood_xdp::kernel::maps::lists::files;
use synflood_xdp::kernel::maps::sources;
use synflood_xdp::kernel::skel::{SynfloodSkelBuilder, config_of, from_bytes};
use synflood_xdp::kernel::sys::{self, TestResult, TestRun};
use synflood_xdp::kernel::{encode, program};
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
pub struct Program {
    program: program::Program,
    told: Mutex<host::Told>,
}

/// For direct access to its maps and its secret.
impl Deref for Program {
    type Target = program::Program;

    fn deref(&self) -> &Self::Target {
        &self.program
    }
}

impl Program {
    /// Loads it with these command-line options.
    pub fn load(options: &[&str]) -> Self {
        Self::try_load(options).expect("the kernel takes the program")
    }

    /// The same. The error is the command's message for the kernel's refusal.
    pub fn try_load(options: &[&str]) -> Result<Self, String> {
        Self::load_after(options, None)
    }

    /// Loads another one beside it, which goes on with its tables.
    pub fn successor(&self, options: &[&str]) -> Self {
        let legacy = self.legacy().unwrap();
        Self::load_after(options, Some(&legacy)).expect("the kernel takes the program")
    }

    /// Loads it as the successor of a program that left this.
    pub fn load_after(options: &[&str], before: Option<&Legacy>) -> Result<Self, String> {
        let command = ["synflood-xdp", "--iface", "none"].iter().chain(options);
        let settings = Settings::try_from(&Cli::try_parse_from(command).unwrap()).unwrap();
        let Settings { policy, lists, sizes, .. } = settings;
        let policy = program::resolve(&policy).unwrap();
        let program = program::load(policy, sizes, before).map_err(|error| format!("{error:#}"))?;
        files::fill(program.maps.lists(), &lists).unwrap();
        Ok(Self { program, told: Mutex::default() })
    }

    /// The names of all reasons. The first one is not an outcome.
    pub fn reason_names(&self) -> &[String] {
        &self.reasons
    }

    /// How many frames it has counted for each reason.
    pub fn counters(&self) -> Counters {
        Counters::read(&self.maps.counters, &self.reasons).unwrap()
    }

    /// Runs it on one frame. Returns the one reason that was counted, and the action.
    pub fn judge(&self, frame: &[u8]) -> (String, u32) {
        self.judge_with(TestRun { frame, ..Default::default() })
    }

    /// The same, plus the frame as the program leaves it.
    pub fn answer(&self, frame: &[u8]) -> (String, u32, Vec<u8>) {
        let mut left = vec![0; frame.len() + 256];
        let mut len = 0;
        let (reason, action) = self.counted(|| {
            let result =
                self.run(TestRun { frame, frame_out: &mut left, ..Default::default() }).unwrap();
            len = result.frame_len;
            result.value
        });
        left.truncate(len);
        (reason, action, left)
    }

    /// [`Self::judge`] for a frame whose first buffer holds only the first `linear` bytes.
    pub fn judge_split(&self, frame: &[u8], linear: usize) -> (String, u32) {
        self.judge_with(TestRun { frame, context: &split_after(linear), ..Default::default() })
    }

    /// Only the action for a frame whose first buffer holds `linear` bytes. It reads no counters, so it
    /// is fast.
    pub fn action(&self, frame: &[u8], linear: usize) -> u32 {
        let context = split_after(linear);
        let context = if linear < frame.len() { &context[..] } else { &[] };
        self.run(TestRun { frame, context, ..Default::default() }).unwrap().value
    }

    /// Whether the kernel's test run can split frames: some kernels refuse. The returned context tells.
    pub fn can_split(&self) -> bool {
        const LINEAR: usize = 64;
        let context = split_after(LINEAR);
        let mut context_out = [0; size_of::<types::xdp_md>()];
        let run = self.run(TestRun {
            frame: &[0; 2 * LINEAR],
            context: &context,
            context_out: &mut context_out,
            ..Default::default()
        });
        match run {
            Ok(_) => context_out == context,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// How many instructions the kernel's verifier processed to accept each program, by its name.
    pub fn verified_instructions(&self) -> BTreeMap<&'static str, u32> {
        self.infos().into_iter().map(|(name, info)| (name, info.verified_insns)).collect()
    }

    /// What the verifier left of each program (struct bpf_insn), by its name.
    pub fn instructions(&self) -> BTreeMap<&'static str, Vec<u8>> {
        self.infos().into_iter().map(|(name, info)| (name, info.xlated_prog_insns)).collect()
    }

    fn infos(&self) -> BTreeMap<&'static str, ProgramInfo> {
        let options = ProgInfoQueryOptions::default().include_xlated_prog_insns(true);
        let info = |program: &OwnedFd| {
            let id = libbpf_rs::Program::id_from_fd(program.as_fd()).unwrap();
            let mut all = ProgInfoIter::with_query_opts(options.clone());
            all.find(|program| program.id == id).unwrap()
        };
        let progs = &self.programs;
        let mut all = BTreeMap::from([
            ("synflood", info(&progs.synflood)),
            ("charge", info(&progs.charge)),
            ("inspect", info(&progs.inspect)),
            ("rescale", info(&progs.rescale)),
        ]);
        all.extend(progs.redeem.as_ref().map(|redeem| ("redeem", info(redeem))));
        all
    }

    fn run(&self, run: TestRun<'_>) -> io::Result<TestResult> {
        sys::test_run(self.programs.synflood.as_fd(), run)
    }

    fn judge_with(&self, run: TestRun<'_>) -> (String, u32) {
        self.counted(|| self.run(run).unwrap().value)
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
        time(self.programs.synflood.as_fd(), frame, times)
    }

    /// Every source in its table, in any order.
    pub fn sources(&self) -> Vec<Source<'_>> {
        let mut all = Vec::new();
        let maps = &self.maps;
        sources::for_each(&maps.sources, &maps.refusals, &self.policy, |source| all.push(source))
            .unwrap();
        all
    }

    /// The program's hash of every source in its table, in any order; of a source with several services, as
    /// often.
    pub fn hashes(&self) -> Vec<u64> {
        let mut all = Vec::new();
        let visit = |address: &types::addr| all.push(encode::hash(address, self.secret.hash_key));
        sources::for_each_address(&self.maps.sources, visit).unwrap();
        all
    }

    /// Renews its filter of known sources, see `bpf/known.bpf.h`.
    pub fn filter(&self) -> Filter {
        Filter::new(&self.program).unwrap()
    }

    /// How many dropped SYNs the table of sources counts, without the memory of refusals.
    pub fn drops_in_table(&self) -> u64 {
        let map = &self.maps.sources;
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
pub fn time(program: BorrowedFd<'_>, frame: &[u8], repeat: u32) -> Duration {
    sys::test_run(program, TestRun { frame, repeat, ..Default::default() }).unwrap().duration
}

/// The shipped program as a binary of these versions would load it.
pub fn load_as_version(
    dump_version: u32,
    tables_version: u32,
    object: &mut MaybeUninit<OpenObject>,
) -> SynfloodSkel<'_> {
    let mut open = SynfloodSkelBuilder::default().open(object).unwrap();
    let config = config_of(&mut open).unwrap();
    (config.dump_version, config.tables_version) = (dump_version, tables_version);
    open.maps.sources.set_max_entries(4096).unwrap();
    open.load().unwrap()
}

/// A context for the test run, which reads only data and data_end of struct xdp_md.
fn split_after(linear: usize) -> [u8; size_of::<types::xdp_md>()] {
    let mut context = [0; _];
    context[4..8].copy_from_slice(&(linear as u32).to_ne_bytes());
    context
}
