// SPDX-License-Identifier: GPL-2.0-only
//! The BPF program's skeleton: from settings to a loaded, not yet attached program.

#![allow(unsafe_code)] // with `sys`, one of the two modules that may

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use ipnet::IpNet;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{
    ErrorKind, MapCore, MapFlags, OpenObject, PrintLevel, ProgramType, btf::types::Enum, set_print,
};
use plain::Plain;

use crate::config::{self, MAPPED_PREFIX, Settings};
use crate::host;

#[allow(clippy::all, clippy::undocumented_unsafe_blocks, missing_docs)]
mod skel {
    include!(concat!(env!("OUT_DIR"), "/synflood.skel.rs"));
}
pub use skel::{SynfloodSkel, SynfloodSkelBuilder, types};

// SAFETY: all are `repr(C)` structs of integers, for which every bit pattern is a value, and the
// headers' assertions on their sizes leave no room for padding that a compiler adds.
unsafe impl Plain for types::addr {}
// SAFETY: as above.
unsafe impl Plain for types::budgets {}
// SAFETY: as above.
unsafe impl Plain for types::config {}
// SAFETY: as above.
unsafe impl Plain for types::host {}
// SAFETY: as above.
unsafe impl Plain for types::list_key {}
// SAFETY: as above.
unsafe impl Plain for types::mac {}
// SAFETY: as above.
unsafe impl Plain for types::refusal {}
// SAFETY: as above.
unsafe impl Plain for types::source {}

const _: () = assert!(size_of::<types::addr>() == 16);
const _: () = assert!(size_of::<types::budgets>() == 192);
const _: () = assert!(size_of::<types::config>() == 120 + 2 * 8192);
const _: () = assert!(size_of::<types::host>() == 24);
const _: () = assert!(size_of::<types::list_key>() == 24);
const _: () = assert!(size_of::<types::mac>() == 8);
const _: () = assert!(size_of::<types::refusal>() == 32);
const _: () = assert!(size_of::<types::source>() == 32);

const NO_CONFIG: &str = "the BPF program in this binary has no configuration";

/// What libbpf said, for the one case in which it is wanted: a program that the kernel refuses.
static LIBBPF_LOG: Mutex<String> = Mutex::new(String::new());

fn keep_log(_: PrintLevel, message: String) {
    if let Ok(mut log) = LIBBPF_LOG.lock() {
        log.push_str(&message);
    }
}

/// Loads the program with these settings and fills its lists. `object` gives it a place to live.
pub fn load<'obj>(
    settings: &Settings,
    object: &'obj mut MaybeUninit<OpenObject>,
) -> Result<SynfloodSkel<'obj>> {
    set_print(Some((PrintLevel::Warn, keep_log)));
    let mut open = SynfloodSkelBuilder::default()
        .open(object)
        .context("cannot read the BPF program in this binary")?;
    let config = &mut open.maps.rodata_config_data.as_mut().context(NO_CONFIG)?.config;
    settings.write_to(config);
    config.raw_cookies = supports(libbpf_sys::BPF_FUNC_tcp_raw_gen_syncookie_ipv4)?.into();
    // A kernel that can read beyond a frame's first buffer lets programs do so (both came in 5.18).
    if supports(libbpf_sys::BPF_FUNC_xdp_load_bytes)? {
        config.multi_buffer = 1;
        open.progs.synflood.set_flags(libbpf_sys::BPF_F_XDP_HAS_FRAGS);
    }
    let listed = (settings.allow.len() + settings.deny.len()).max(1) as u32;
    open.maps.lists.set_max_entries(listed).context("cannot size the lists")?;
    let (macs, ips) = host::room_for_addresses()?;
    open.maps.own_macs.set_max_entries(macs).context("cannot size the table of own MACs")?;
    open.maps.own_addresses.set_max_entries(ips).context("cannot size the table of own addresses")?;
    let refusals = &mut open.maps.refusals;
    refusals.set_max_entries(settings.refusal_slots()).context("cannot size the memory of refusals")?;
    let known = &mut open.maps.known;
    known.set_max_entries(settings.known_words()).context("cannot size the filter of known sources")?;
    open.maps.sources.set_max_entries(settings.max_sources).context("cannot size the source table")?;

    let skel = open.load().map_err(|error| load_error(error, settings))?;
    for (networks, verdict) in [
        (&settings.allow, types::list_verdict::LIST_ALLOW),
        (&settings.deny, types::list_verdict::LIST_DENY),
    ] {
        for network in networks {
            skel.maps
                .lists
                .update(as_bytes(&list_key(network)), &verdict.0.to_ne_bytes(), MapFlags::ANY)
                .with_context(|| format!("cannot enter {network} in the lists"))?;
        }
    }
    Ok(skel)
}

/// Whether the kernel lets XDP programs call this helper.
fn supports(helper: libbpf_sys::bpf_func_id) -> Result<bool> {
    ProgramType::Xdp
        .is_helper_supported(helper)
        .context("cannot ask the kernel what XDP programs may call")
}

fn load_error(error: libbpf_rs::Error, settings: &Settings) -> anyhow::Error {
    let log = LIBBPF_LOG.lock().map(|log| log.trim().to_owned()).unwrap_or_default();
    if log.contains("'sources': failed to create") {
        return anyhow!(
            "the kernel makes no table of {} sources ({error}): give a smaller --max-sources",
            settings.max_sources
        );
    }
    match error.kind() {
        ErrorKind::PermissionDenied => {
            anyhow!(
                "the kernel does not let this user load the program: run it as root (with sudo)\n{log}"
            )
        }
        _ => anyhow!("the kernel refused the program ({error}); please report it with this:\n{log}"),
    }
}

fn list_key(network: &IpNet) -> types::list_key {
    let (family, mapped) = match network {
        IpNet::V4(_) => (types::family::FAMILY_IPV4, MAPPED_PREFIX),
        IpNet::V6(_) => (types::family::FAMILY_IPV6, 0),
    };
    types::list_key {
        prefix_len: u32::BITS + u32::from(mapped + network.prefix_len()),
        family,
        addr: config::address(network.addr()),
    }
}

/// The bytes of a key or a value, as libbpf-rs wants them.
pub fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain` are here integers and the types above, none of which has padding of the compiler's:
    // all bytes are initialised.
    unsafe { plain::as_bytes(value) }
}

/// The constants as the object file has them: magic and version are set, the rest is zero.
pub fn built_in_config() -> Result<types::config> {
    let mut object = MaybeUninit::uninit();
    let open = SynfloodSkelBuilder::default()
        .open(&mut object)
        .context("cannot read the BPF program in this binary")?;
    Ok(open.maps.rodata_config_data.context(NO_CONFIG)?.config)
}

/// The names of the enum reason, in lower case, at their values' places.
pub fn reason_names(skel: &SynfloodSkel<'_>) -> Result<Vec<String>> {
    use libbpf_rs::skel::Skel;

    let btf = skel.object().btf()?.context("the BPF program in this binary has no type information")?;
    let reasons: Enum<'_> = btf
        .type_by_name("reason")
        .context("the BPF program in this binary does not name its reasons")?;
    let names = reasons.iter().filter_map(|member| member.name.and_then(OsStr::to_str));
    Ok(names.take(skel.maps.counters.max_entries() as usize).map(str::to_lowercase).collect())
}
