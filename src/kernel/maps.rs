// SPDX-License-Identifier: GPL-2.0-only
//! The program's maps, a module for each that user space reads or fills.

pub mod answered;
pub mod connections;
pub mod counters;
pub mod dropped_flows;
pub mod events;
pub mod filter;
pub mod handles;
pub mod host;
pub mod lessons;
pub mod lists;
pub mod needs;
pub mod networks;
pub mod observe;
pub mod ports;
pub mod rates;
pub mod refusals;
pub mod rescale;
pub mod ring;
pub mod rules;
pub mod run_info;
pub mod situation;
pub mod sources;
pub mod told;

use anyhow::{Context, Result, ensure};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use plain::Plain;

use super::skel::from_bytes;
use super::sys;

pub use handles::Maps;

/// Hands every entry of a map to `visit`, in no order. `what` names the map in errors.
fn for_each<Key: Plain + Default, Value: Plain + Default>(
    what: &str,
    map: &impl MapCore,
    mut visit: impl FnMut(Key, Value),
) -> Result<()> {
    let sizes = (map.key_size() as usize, map.value_size() as usize);
    ensure!(
        sizes == (size_of::<Key>(), size_of::<Value>()),
        "cannot read {what}: its entries are not those of this version"
    );
    let visit_bytes = |key: &[u8], value: &[u8]| {
        if let (Some(key), Some(value)) = (from_bytes(key), from_bytes(value)) {
            visit(key, value);
        }
    };
    sys::map_for_each(map, visit_bytes).with_context(|| format!("cannot read {what}"))
}

/// How many entries a table holds, and how many it has room for.
pub fn fill(map: &MapHandle) -> Result<(usize, usize)> {
    let mut count = 0;
    sys::map_for_each(map, |_, _| count += 1).context("cannot count a table's entries")?;
    Ok((count, map.max_entries() as usize))
}

/// The sums over the CPUs of the counters of a per-CPU array's entry.
fn sums_of_cpus(map: &impl MapCore, index: u32) -> Result<Vec<u64>> {
    let cpus = map.lookup_percpu(&index.to_ne_bytes(), MapFlags::ANY)?.unwrap_or_default();
    let mut sums = Vec::new();
    for cpu in cpus {
        let (counters, _) = cpu.as_chunks();
        sums.resize(counters.len(), 0);
        for (sum, counter) in sums.iter_mut().zip(counters) {
            *sum += u64::from_ne_bytes(*counter);
        }
    }
    Ok(sums)
}

/// A section of variables, which is an array of one value.
fn section(what: &str, map: &impl MapCore) -> Result<Vec<u8>> {
    let bytes = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
    Ok(bytes.with_context(|| format!("cannot read {what}"))?.unwrap_or_default())
}

/// A section that is one variable.
fn variables<Value: Plain + Default>(what: &str, map: &impl MapCore) -> Result<Value> {
    from_bytes(&section(what, map)?)
        .with_context(|| format!("{what} of the program are not those of this binary"))
}

/// A section that is one array.
fn array<Value: Plain + Default>(what: &str, map: &impl MapCore) -> Result<Vec<Value>> {
    let bytes = section(what, map)?;
    Ok(bytes.chunks_exact(size_of::<Value>()).filter_map(from_bytes).collect())
}
