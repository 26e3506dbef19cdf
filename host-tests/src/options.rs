// SPDX-License-Identifier: GPL-2.0-only
//! The options of a SYN, as `syncookie.h` reads them.

/// The longest TCP header.
pub const MAX_HEADER: usize = 60;

/// `struct syn_options`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SynOptions {
    /// In network byte order.
    pub tsval: u32,
    pub mss: u16,
    pub has_timestamp: u8,
    pub has_sack: u8,
    pub has_wscale: u8,
    pub wscale: u8,
    pub is_signed: u8,
    pub is_malformed: u8,
    pub wants_ecn: u8,
    padding: [u8; 3],
}

unsafe extern "C" {
    fn host_read_options(header: *const u8, len: u32, options: *mut SynOptions);
}

/// Reads a header of `len` bytes.
pub fn read(header: &[u8; MAX_HEADER], len: usize) -> SynOptions {
    let mut options = SynOptions::default();
    // SAFETY: C reads within the array, and the struct has its layout.
    unsafe { host_read_options(header.as_ptr(), len as u32, &mut options) };
    options
}
