// SPDX-License-Identifier: GPL-2.0-only
//! The skeletons of the BPF programs in bench/bpf.

macro_rules! skeleton {
    ($name:ident) => {
        #[allow(clippy::all, clippy::undocumented_unsafe_blocks, dead_code)]
        pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".skel.rs"));
        }
    };
}

skeleton!(generator);
skeleton!(drop);
skeleton!(pass);
skeleton!(sink);
skeleton!(tutorial);
skeleton!(wander);
