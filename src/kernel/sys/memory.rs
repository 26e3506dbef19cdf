// SPDX-License-Identifier: GPL-2.0-only
//! The memory of maps.

use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::{io, slice};

use libbpf_rs::{MapCore, MapType};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// The memory of an array map of 64-bit words that was made with BPF_F_MMAPABLE.
pub struct MappedWords {
    start: NonNull<AtomicU64>,
    len: usize,
}

impl MappedWords {
    pub fn new(map: &impl MapCore) -> io::Result<Self> {
        let words = map.value_size() as usize / size_of::<AtomicU64>();
        if map.map_type() != MapType::Array || !map.value_size().is_multiple_of(8) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no array of 64-bit words"));
        }
        let len = map.max_entries() as usize * words;
        let bytes = NonZero::new(len * size_of::<AtomicU64>()).ok_or(io::ErrorKind::InvalidInput)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, which the kernel refuses if the map has less memory.
        let start = unsafe { mmap(None, bytes, protection, MapFlags::MAP_SHARED, map.as_fd(), 0) }?;
        Ok(Self { start: start.cast(), len })
    }

    /// The words, which the BPF program may change at any time.
    pub fn as_slice(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has this length, lives as long as self, is page-aligned, and every bit
        // pattern is a value; the program uses atomic operations on it too.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping of new(), to which no reference outlives self. It cannot fail.
        let _ = unsafe { munmap(self.start.cast(), self.len * size_of::<AtomicU64>()) };
    }
}
