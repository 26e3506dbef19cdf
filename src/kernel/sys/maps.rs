// SPDX-License-Identifier: GPL-2.0-only
//! Maps by their descriptors.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use libbpf_rs::{MapCore, MapType};
use nix::errno::Errno;

use super::owned;

/// Reads a map in batches, and gives the key and value of each entry to `visit`.
///
/// libbpf-rs's own batches take a short one for the last. Entries that come or go meanwhile may be seen
/// or not; all others are seen once.
///
/// Fails for other types than hash, array and trie: their keys or values may take more room than their
/// sizes say.
pub fn map_for_each(map: &impl MapCore, mut visit: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    if !matches!(map.map_type(), MapType::Hash | MapType::LruHash | MapType::Array | MapType::LpmTrie) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no map of this type is read in batches",
        ));
    }
    let (key_size, value_size) = (map.key_size() as usize, map.value_size() as usize);
    // The kernel's cursor is a number for a hash map, and a key for a trie.
    let cursor_size = key_size.max(size_of::<u32>());
    let mut capacity: u32 = 4096;
    let mut cursor: Option<Vec<u8>> = None;
    loop {
        let mut keys = vec![0; key_size * capacity as usize];
        let mut values = vec![0; value_size * capacity as usize];
        loop {
            let mut next = vec![0; cursor_size];
            let mut count = capacity;
            let from = cursor.as_mut().map_or(std::ptr::null_mut(), |cursor| cursor.as_mut_ptr());
            // SAFETY: keys and values have room for `capacity` elements of the map's own sizes, and
            // both cursors for a key and for a u32. All outlive the call.
            let error = unsafe {
                libbpf_sys::bpf_map_lookup_batch(
                    map.as_fd().as_raw_fd(),
                    from.cast(),
                    next.as_mut_ptr().cast(),
                    keys.as_mut_ptr().cast(),
                    values.as_mut_ptr().cast(),
                    &mut count,
                    std::ptr::null(),
                )
            };
            match Errno::from_raw(-error) {
                // A bucket of the hash table with more entries than fit in the batch.
                Errno::ENOSPC => break,
                Errno::ENOENT | Errno::UnknownErrno => {}
                other => return Err(other.into()),
            }
            let keys = keys.chunks_exact(key_size);
            for (key, value) in keys.zip(values.chunks_exact(value_size)).take(count as usize) {
                visit(key, value);
            }
            if error != 0 {
                return Ok(());
            }
            cursor = Some(next);
        }
        capacity *= 2;
    }
}

/// The value of a map's first entry, of an array for example.
pub fn first_value(map: BorrowedFd<'_>, size: usize) -> io::Result<Vec<u8>> {
    let mut value = vec![0; size];
    let first = 0_u32;
    // SAFETY: the key is that of an array, and value has room for `size` bytes; the caller took the size
    // from the kernel.
    let error = unsafe {
        libbpf_sys::bpf_map_lookup_elem(
            map.as_raw_fd(),
            std::ptr::from_ref(&first).cast(),
            value.as_mut_ptr().cast(),
        )
    };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(value) }
}

/// What the kernel says of a map.
pub fn map_info(map: BorrowedFd<'_>) -> io::Result<libbpf_sys::bpf_map_info> {
    let mut info = libbpf_sys::bpf_map_info::default();
    let mut len = size_of::<libbpf_sys::bpf_map_info>() as u32;
    // SAFETY: info has the length given and outlives the call.
    let error = unsafe { libbpf_sys::bpf_map_get_info_by_fd(map.as_raw_fd(), &mut info, &mut len) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(info) }
}

/// The same for a map.
pub fn map_by_id(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: a call without pointers.
    owned(unsafe { libbpf_sys::bpf_map_get_fd_by_id(id) })
}

/// Enters keys and values, which lie one behind the other. Those that are there already are replaced. After an error
/// some may be entered.
pub fn map_update_batch(map: &impl MapCore, keys: &[u8], values: &[u8]) -> io::Result<()> {
    let mut count = count_of(map, keys)?;
    if values.len() != map.value_size() as usize * count as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a value for each key"));
    }
    // SAFETY: the buffers have `count` elements of the map's own sizes, and outlive the call.
    let error = unsafe {
        libbpf_sys::bpf_map_update_batch(
            map.as_fd().as_raw_fd(),
            keys.as_ptr().cast(),
            values.as_ptr().cast(),
            &mut count,
            std::ptr::null(),
        )
    };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}

/// Deletes keys, which lie one behind the other and must be there. After an error some may be deleted.
pub fn map_delete_batch(map: &impl MapCore, keys: &[u8]) -> io::Result<()> {
    let mut count = count_of(map, keys)?;
    // SAFETY: the buffer has `count` elements of the map's own size, and outlives the call.
    let error = unsafe {
        libbpf_sys::bpf_map_delete_batch(
            map.as_fd().as_raw_fd(),
            keys.as_ptr().cast(),
            &mut count,
            std::ptr::null(),
        )
    };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(()) }
}

fn count_of(map: &impl MapCore, keys: &[u8]) -> io::Result<u32> {
    let size = map.key_size() as usize;
    if map.map_type().is_percpu() || !keys.len().is_multiple_of(size) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not keys of this map"));
    }
    u32::try_from(keys.len() / size).map_err(|_| io::ErrorKind::InvalidInput.into())
}
