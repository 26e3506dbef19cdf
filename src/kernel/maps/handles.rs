// SPDX-License-Identifier: GPL-2.0-only
//! The maps of a program, apart from its constants.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapHandle};

use crate::kernel::skel::{OpenSynfloodSkel, SynfloodSkel};

/// The kernel keeps this much of a map's name (BPF_OBJ_NAME_LEN - 1).
const NAME_LEN: usize = 15;

const UNKEPT: &str = "cannot keep the program's maps";

/// Each map by the name of its field in the skeleton.
macro_rules! maps {
    ($($field:ident),* $(,)?) => {
        /// The maps that a program works on. They outlive it: its successor goes on with them.
        #[derive(Debug)]
        pub struct Maps {
            $(pub $field: MapHandle,)*
        }

        impl Maps {
            /// Those of a program that was just loaded.
            pub fn of(skel: &SynfloodSkel<'_>) -> Result<Self> {
                Ok(Self {
                    $($field: MapHandle::try_from(&skel.maps.$field).context(UNKEPT)?,)*
                })
            }

            /// Makes a program that is not loaded yet go on with these, by the kernel's names; all but those
            /// whose name is in `except`.
            pub fn reuse(
                open: &mut OpenSynfloodSkel<'_>,
                before: &BTreeMap<String, OwnedFd>,
                except: &[&str],
            ) -> Result<()> {
                $(
                    let field = stringify!($field);
                    if let Some(map) = before.get(&kernel_name(field)).filter(|_| !except.contains(&field)) {
                        open.maps.$field.reuse_fd(map.as_fd()).context("cannot go on with the program's maps")?;
                    }
                )*
                Ok(())
            }

            /// All of them.
            pub fn each(&self) -> Vec<&MapHandle> {
                vec![$(&self.$field,)*]
            }
        }
    };
}

maps! {
    answered_syns, bss_connected, bss_ports, counters, data_advice, data_answered, data_answers, data_challenge, data_charging, data_flows,
    data_host, data_known, data_lessons, data_limits, data_lists, data_networks, data_observe, data_rates, data_rules,
    data_sampling, data_untold, dropped_flows, events, files, ip_devices, kept_syns, known, lessons, links,
    list_filter, list_origins, listeners, live, looked_for, matched_flows, needs, networks, observed_frames,
    own_addresses, own_macs, query, rations, redeemed, refusals, routes, rule_counts, rules, run_info, samplers,
    sources, tutors,
}

/// The maps that each program has for itself: one process asks it through them, or reads what it tells.
pub const OF_ONE: [&str; 7] =
    ["data_lessons", "data_untold", "events", "lessons", "query", "samplers", "tutors"];

/// Those whose keys or sizes follow from the prefix lengths that make a source, and from --max-sources.
pub const OF_SOURCES: [&str; 5] = ["data_limits", "data_known", "known", "refusals", "sources"];

/// Those that only a dry run fills. Without one they have no room.
pub const OF_DRY_RUN: [&str; 2] = ["data_advice", "needs"];

/// The kernel's name of a map, by the skeleton's: that of a section has dots in it.
fn kernel_name(field: &str) -> String {
    let is_section = ["bss_", "data_"].iter().any(|section| field.starts_with(section));
    let name = if is_section { format!(".{}", field.replace('_', ".")) } else { field.into() };
    name.chars().take(NAME_LEN).collect()
}

/// A map's name as the kernel has it.
pub fn name_in_kernel(map: &MapHandle) -> String {
    map.name().to_string_lossy().chars().take(NAME_LEN).collect()
}
