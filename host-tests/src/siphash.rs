// SPDX-License-Identifier: GPL-2.0-only
//! `siphash.h`.

unsafe extern "C" {
    fn host_siphash(key0: u64, key1: u64, message: *const u8, len: u64) -> u64;
}

pub fn siphash(keys: [u64; 2], message: &[u8]) -> u64 {
    // SAFETY: C reads the message's bytes, and no more.
    unsafe { host_siphash(keys[0], keys[1], message.as_ptr(), message.len() as u64) }
}
