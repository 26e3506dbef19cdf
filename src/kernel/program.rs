// SPDX-License-Identifier: GPL-2.0-only
//! Loads the program for a policy. Attaches nothing.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::Func;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{ErrorKind, Map, MapHandle, PrintLevel, ProgramMut, ProgramType, set_print};

use super::legacy::{Legacy, Shape, Tables};
use super::maps::{Maps, connections, events, handles, host, needs, rescale};
use super::secret::Secret;
use super::skel::{
    OpenSynfloodSkel, SynfloodSkel, SynfloodSkelBuilder, UNREADABLE, advised_rates_of, config_of,
    reason_names, secret_of,
};
use super::{encode, sys};
use crate::policy::{ADVISED_RATES, Challenge, Cookies, Policy, Sizes};

/// Least number of bits in the filter of known sources for each source of the table. With a full table
/// the filter takes one unknown source in eight for known. By default it fits in a CPU's own cache.
const FILTER_BITS_PER_SOURCE: u64 = 8;

/// More bits of a hash are not good ones.
const MAX_FILTER_BITS: u32 = 32;

/// Refusals that each CPU remembers: 2 MiB, as much as a CPU's own cache may hold.
const MAX_REFUSAL_BITS: u32 = 16;

/// A service's number chooses among so many.
const MIN_REFUSALS_PER_CPU: u32 = 32;

/// Refusals that all CPUs together remember: 32 MiB. A kernel may count far more CPUs than there are.
const MAX_REFUSALS: u32 = 1 << 20;

thread_local! {
    /// libbpf's messages while this thread loads a program. Shown only if the kernel refuses the
    /// program.
    static LIBBPF_LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

fn keep_log(_: PrintLevel, message: String) {
    LIBBPF_LOG.with_borrow_mut(|log| log.push_str(&message));
}

/// The kernel function that makes connections of our own cookies (Linux 6.9).
const REDEEMER: &str = "bpf_sk_assign_tcp_reqsk";

/// The program with its maps, attached to nothing.
#[derive(Debug)]
pub struct Program {
    /// The kernel's number of [`Programs::synflood`].
    pub id: u32,
    pub programs: Programs,
    /// Others write the lists, while the run goes on.
    pub maps: Arc<Maps>,
    /// The program's constants.
    pub constants: [MapHandle; 2],
    pub shape: Shape,
    pub secret: Secret,
    /// With the cookies that it sends.
    pub policy: Policy,
    /// The names of its reasons, in the order of their counters.
    pub reasons: Vec<String>,
}

/// The entry points of `bpf/synflood.bpf.c`.
#[derive(Debug)]
pub struct Programs {
    pub synflood: OwnedFd,
    pub charge: OwnedFd,
    pub inspect: OwnedFd,
    pub rescale: OwnedFd,
    /// None: there are no cookies of our own to take back.
    pub redeem: Option<OwnedFd>,
}

impl Programs {
    fn of(skel: &SynfloodSkel<'_>, has_redeemer: bool) -> Result<Self> {
        let keep = |program: &ProgramMut<'_>| {
            program.as_fd().try_clone_to_owned().context("cannot keep the program")
        };
        Ok(Self {
            synflood: keep(&skel.progs.synflood)?,
            charge: keep(&skel.progs.charge)?,
            inspect: keep(&skel.progs.inspect)?,
            rescale: keep(&skel.progs.rescale)?,
            redeem: has_redeemer.then(|| keep(&skel.progs.redeem)).transpose()?,
        })
    }
}

/// The policy with the cookies that this kernel takes instead of [`Cookies::Auto`]. Fails if it does not take
/// those that the policy wants.
pub fn resolve(policy: &Policy) -> Result<Policy> {
    let cookies = match policy.cookies {
        _ if policy.challenge == Challenge::Off => Cookies::Kernel,
        Cookies::Kernel => Cookies::Kernel,
        wanted => match (takes_own_cookies()?, wanted) {
            (true, _) => Cookies::Own,
            (false, Cookies::Own) => bail!(
                "this kernel takes no SYN cookies but its own, as it is older than Linux 6.9: give --cookies \
                 kernel"
            ),
            (false, _) => Cookies::Kernel,
        },
    };
    Ok(Policy { cookies, ..policy.clone() })
}

/// Whether this kernel makes connections of cookies of our own.
fn takes_own_cookies() -> Result<bool> {
    let types = Btf::from_vmlinux().context("cannot read the kernel's types")?;
    Ok(types.type_by_name::<Func<'_>>(REDEEMER).is_some())
}

/// Loads the program with this policy, whose cookies are not [`Cookies::Auto`]. Its lists are empty. It goes on
/// with the legacy of the program before it, as far as it can.
pub fn load(mut policy: Policy, sizes: Sizes, before: Option<&Legacy>) -> Result<Program> {
    let tables = before.and_then(|before| before.tables.as_ref());
    if let Some(tables) = tables {
        policy.services = policy.services.numbered_like(&tables.policy.services);
    }
    set_print(Some((PrintLevel::Warn, keep_log)));
    LIBBPF_LOG.take();
    let secret = before.map_or_else(Secret::draw, |before| Ok(before.secret))?;
    let mut object = MaybeUninit::uninit();
    let mut open = SynfloodSkelBuilder::default().open(&mut object).context(UNREADABLE)?;
    *secret_of(&mut open)? = secret.constants();
    advised_rates_of(&mut open)?.interval_ns = ADVISED_RATES.map(|rate| rate.interval_ns);
    let config = config_of(&mut open)?;
    encode::write_policy(&policy, config);
    // Of two that are to succeed the same program only one may charge.
    config.generation =
        getrandom::u32().map_err(|error| anyhow!("the kernel gives no random numbers: {error}"))?;
    config.netns_cookie = sys::netns_cookie().context("cannot tell this network namespace's cookie")?;
    size_tables(&mut open, sizes)?;
    size_maps_of_user_space(&mut open)?;
    use_what_the_kernel_has(&mut open)?;
    if let Some(tables) = tables {
        go_on_with(&mut open, tables, sizes)?;
    }
    let has_redeemer =
        policy.cookies == Cookies::Own || tables.is_some_and(|tables| tables.shape.has_own_cookies);
    open.progs.redeem.set_autoload(has_redeemer);
    let shape = Shape::of(config_of(&mut open)?);
    let skel = open.load().map_err(|error| load_error(&error, sizes))?;
    let maps = Maps::of(&skel)?;
    if policy.dry_run {
        needs::begin(&maps)?;
    }
    if tables.is_none() {
        connections::charge_by(&maps, shape.generation)?;
    }
    let constant = |map: &Map<'_>| MapHandle::try_from(map).context("cannot keep the constants");
    let programs = Programs::of(&skel, has_redeemer)?;
    for map in maps.each() {
        sys::bind_map(programs.synflood.as_fd(), map.as_fd())
            .context("cannot keep the program's maps")?;
    }
    let program = Program {
        id: libbpf_rs::Program::id_from_fd(programs.synflood.as_fd())
            .context("cannot ask the kernel for the program's number")?,
        programs,
        maps: maps.into(),
        constants: [constant(&skel.maps.rodata_config)?, constant(&skel.maps.rodata_secret)?],
        shape,
        secret,
        reasons: reason_names(&skel)?,
        policy,
    };
    if tables.is_none() {
        rescale::settle(&program)?;
    }
    Ok(program)
}

/// Makes the program use these tables. Those of sources only where it would make them alike.
fn go_on_with(open: &mut OpenSynfloodSkel<'_>, tables: &Tables, sizes: Sizes) -> Result<()> {
    let config = config_of(open)?;
    let are_dry_runs = tables.policy.dry_run && config.dry_run != 0;
    let is_alike = tables.max_sources == sizes.max_sources
        && tables.shape.has_sources_of(&Shape::of(config))
        && tables.shape.known_bits == config.known_bits
        && tables.shape.refusal_bits == config.refusal_bits;
    let mut except = handles::OF_ONE.to_vec();
    if !is_alike {
        except.extend(handles::OF_SOURCES);
    }
    if !is_alike || !are_dry_runs {
        except.extend(handles::OF_DRY_RUN);
    }
    Maps::reuse(open, &tables.maps, &except)
}

/// Sizes the maps that the program fills, and sets the constants that tell it these sizes.
fn size_tables(open: &mut OpenSynfloodSkel<'_>, sizes: Sizes) -> Result<()> {
    let filter_bits = (u64::from(sizes.max_sources) * FILTER_BITS_PER_SOURCE).next_power_of_two();
    let filter_bits = filter_bits.ilog2().min(MAX_FILTER_BITS);
    // No CPU remembers more than there are sources.
    let refusals = (MAX_REFUSALS / sizes.possible_cpus).min(sizes.max_sources);
    let refusal_bits = refusals.max(MIN_REFUSALS_PER_CPU).ilog2().min(MAX_REFUSAL_BITS);
    let config = config_of(open)?;
    config.known_bits = filter_bits as u8;
    config.refusal_bits = refusal_bits as u8;
    config.sample_spacing_ns = events::sample_spacing_ns(sizes.possible_cpus);
    let is_dry_run = config.dry_run != 0;
    let maps = &mut open.maps;
    maps.sources.set_max_entries(sizes.max_sources).context("cannot size the table of sources")?;
    if is_dry_run {
        maps.needs.set_max_entries(sizes.max_sources).context("cannot size the table of needs")?;
    }
    // Two filters, in words of 64 bits.
    maps.known
        .set_max_entries(2 << (filter_bits - u64::BITS.ilog2()))
        .context("cannot size the filter of known sources")?;
    maps.refusals
        .set_max_entries(sizes.possible_cpus << refusal_bits)
        .context("cannot size the memory of refusals")
}

/// Sizes the maps that user space fills.
fn size_maps_of_user_space(open: &mut OpenSynfloodSkel<'_>) -> Result<()> {
    let maps = &mut open.maps;
    maps.own_macs.set_max_entries(host::ROOM_FOR_MACS).context("cannot size the table of own MACs")?;
    for (map, what) in [
        (&mut maps.own_addresses, "own addresses"),
        (&mut maps.links, "protected interfaces"),
        (&mut maps.ip_devices, "interfaces"),
        (&mut maps.routes, "routes"),
        (&mut maps.listeners, "listeners"),
    ] {
        map.set_max_entries(host::ROOM).with_context(|| format!("cannot size the table of {what}"))?;
    }
    Ok(())
}

fn use_what_the_kernel_has(open: &mut OpenSynfloodSkel<'_>) -> Result<()> {
    let config = config_of(open)?;
    config.raw_cookies = supports(libbpf_sys::BPF_FUNC_tcp_raw_gen_syncookie_ipv4)?.into();
    // This helper, and programs for frames of several buffers, came together in 5.18.
    if supports(libbpf_sys::BPF_FUNC_xdp_load_bytes)? {
        config.multi_buffer = 1;
        open.progs.synflood.set_flags(libbpf_sys::BPF_F_XDP_HAS_FRAGS);
    }
    Ok(())
}

/// Whether the kernel lets XDP programs call this helper.
pub fn supports(helper: libbpf_sys::bpf_func_id) -> Result<bool> {
    ProgramType::Xdp
        .is_helper_supported(helper)
        .context("cannot ask the kernel what XDP programs may call")
}

fn load_error(error: &libbpf_rs::Error, sizes: Sizes) -> anyhow::Error {
    let log = LIBBPF_LOG.take();
    let log = log.trim();
    if ["sources", "needs"].iter().any(|map| log.contains(&format!("'{map}': failed to create"))) {
        let cause = match error.kind() {
            ErrorKind::TooBig => "it allows none so large".into(),
            ErrorKind::OutOfMemory => "it has not so much memory".into(),
            _ => error.to_string(),
        };
        return anyhow!(
            "the kernel makes no table of {} sources: {cause}; give a smaller --max-sources",
            sizes.max_sources
        );
    }
    // The verifier's refusal has the same errno as a missing capability, but it has a log.
    if error.kind() == ErrorKind::PermissionDenied && !log.contains("PROG LOAD LOG") {
        return anyhow!(
            "the kernel does not let this user load the program: run it as root (with sudo)\n{log}"
        );
    }
    anyhow!("the kernel refused the program ({error}); please report it with this:\n{log}")
}
