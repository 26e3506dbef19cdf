// SPDX-License-Identifier: GPL-2.0-only
//! The BPF program in this binary: generated code, and information from its object file.

#![allow(unsafe_code)] // with `sys`, one of the two modules that may

use std::ffi::OsStr;
use std::mem::MaybeUninit;

use anyhow::{Context, Result};
use libbpf_rs::MapCore;
use libbpf_rs::btf::{Btf, types::Enum};
use libbpf_rs::skel::{Skel, SkelBuilder};
use plain::Plain;

#[allow(clippy::all, clippy::too_many_lines, clippy::undocumented_unsafe_blocks)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/synflood.skel.rs"));
}
pub use generated::{OpenSynfloodSkel, SynfloodSkel, SynfloodSkelBuilder, types};

#[allow(clippy::all, clippy::too_many_lines, clippy::undocumented_unsafe_blocks, dead_code)]
mod generated_for_observers {
    include!(concat!(env!("OUT_DIR"), "/observe.skel.rs"));
}
pub use generated_for_observers::{ObserveSkel, ObserveSkelBuilder, OpenObserveSkel};

/// Structs of `bpf/intf.h` as bytes, each with the size that the header asserts.
macro_rules! plain {
    ($($name:ident: $size:expr),* $(,)?) => {
        $(
            // SAFETY: a `repr(C)` struct of integers, for which every bit pattern is a value. The
            // header's assertion on its size leaves no room for padding that a compiler adds.
            unsafe impl Plain for types::$name {}
            const _: () = assert!(size_of::<types::$name>() == $size);
        )*
    };
}

plain! {
    addr: 16,
    advice: 16,
    answered_syn: 72,
    bucket_limits: 17 * 32,
    config: 136 + 8192 + 17 * 64 + 65_536,
    dropped_flows: 32,
    event: 32,
    host: 32,
    lesson: 72,
    link: 24,
    list_entry: 32,
    list_key: 28,
    list_origin: 256,
    listener_key: 20,
    listener_query: 24,
    lists: 16,
    live_entry: 128,
    mac: 8,
    need: 80,
    network: 48,
    network_key: 24,
    network_step: 4,
    observation: 96,
    observed: 24,
    port: 8,
    port_connections: 8,
    rates: 320,
    refusal: 32,
    rescaling: 8,
    route: 16,
    rule: 128,
    rule_counts: 64,
    rule_head: 16,
    rule_heads: 264,
    run_info: 1024,
    sampler: 56,
    secret: 32,
    source: 64,
    source_key: 24,
    syn_words: 48,
    tutor: 120,
}

const NO_CONFIG: &str = "the BPF program in this binary has no configuration";

/// The bytes of a key or a value, as libbpf-rs wants them.
pub fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain` here are integers and the types above. None has padding by the compiler, so all
    // bytes are initialised.
    unsafe { plain::as_bytes(value) }
}

/// The value in these bytes. None if they are too few.
pub fn from_bytes<T: Plain + Default>(bytes: &[u8]) -> Option<T> {
    let mut value = T::default();
    plain::copy_from_bytes(&mut value, bytes).ok()?;
    Some(value)
}

/// The constants of a program that is not loaded yet.
pub fn config_of<'a>(open: &'a mut OpenSynfloodSkel<'_>) -> Result<&'a mut types::config> {
    Ok(&mut open.maps.rodata_config_data.as_mut().context(NO_CONFIG)?.config)
}

/// The secret of a program that is not loaded yet.
pub fn secret_of<'a>(open: &'a mut OpenSynfloodSkel<'_>) -> Result<&'a mut types::secret> {
    Ok(&mut open.maps.rodata_secret_data.as_mut().context(NO_CONFIG)?.secret)
}

/// The rates that a dry run advises on, of a program that is not loaded yet.
pub fn advised_rates_of<'a>(
    open: &'a mut OpenSynfloodSkel<'_>,
) -> Result<&'a mut types::advised_rates> {
    Ok(&mut open.maps.rodata_advice_data.as_mut().context(NO_CONFIG)?.advised_rates)
}

/// The constants as the object file has them: magic and versions are set, the rest is zero.
pub fn built_in_config() -> Result<types::config> {
    let mut object = MaybeUninit::uninit();
    let mut open = SynfloodSkelBuilder::default().open(&mut object).context(UNREADABLE)?;
    config_of(&mut open).copied()
}

/// For errors.
pub const UNREADABLE: &str = "cannot read the BPF program in this binary";

/// The names of enum reason, in lower case, in the order of their values.
pub fn reason_names(skel: &SynfloodSkel<'_>) -> Result<Vec<String>> {
    let btf = skel.object().btf()?.context("the BPF program in this binary has no type information")?;
    reason_names_in(&btf, skel.maps.counters.max_entries())
}

/// The same for a running program. `count`: the number of its counters.
pub fn reason_names_in(btf: &Btf<'_>, count: u32) -> Result<Vec<String>> {
    let reasons: Enum<'_> =
        btf.type_by_name("reason").context("the BPF program does not name its reasons")?;
    let names = reasons.iter().filter_map(|member| member.name.and_then(OsStr::to_str));
    Ok(names.take(count as usize).map(str::to_lowercase).collect())
}
