// SPDX-License-Identifier: GPL-2.0-only
//! The maps of a program, apart from its constants.

use anyhow::{Context, Result};
use libbpf_rs::MapHandle;

use crate::kernel::skel::SynfloodSkel;

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
                    $($field: MapHandle::try_from(&skel.maps.$field).context("cannot keep the program's maps")?,)*
                })
            }
        }
    };
}

maps! {
    bss_connected, bss_ports, counters, data_answered, data_challenge, data_host, data_known, data_rates,
    ip_devices, known, links, list_hits, listeners, lists, own_addresses, own_macs, query, rations, redeemed,
    refusals, routes, sources,
}
