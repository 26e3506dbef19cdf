// SPDX-License-Identifier: GPL-2.0-only
//! Safe wrappers around what libbpf-rs does not wrap.

#![allow(unsafe_code)] // with `skel`, one of the two modules that may

use std::num::NonZero;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::{io, slice};

use libbpf_rs::{MapCore, MapType};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::policy::AttachMode;

/// A program on an interface.
#[derive(Debug, Clone, Copy)]
pub struct AttachedProgram {
    pub mode: AttachMode,
    pub id: u32,
}

/// Attaches an XDP program in exactly this mode: [`libbpf_rs`]'s own call chooses the mode itself. The
/// program stays until the descriptor is closed, at the latest with the process.
///
/// `flags`: XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE.
pub fn xdp_link_create(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags,
        ..Default::default()
    };
    link_create(program, ifindex, libbpf_sys::BPF_XDP, &options)
}

fn link_create(
    program: BorrowedFd<'_>,
    ifindex: u32,
    attach_type: libbpf_sys::bpf_attach_type,
    options: &libbpf_sys::bpf_link_create_opts,
) -> io::Result<OwnedFd> {
    // SAFETY: the program's descriptor is open for the call; options outlives it and contains its size.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(program.as_raw_fd(), ifindex as i32, attach_type, options)
    };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call returned a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a program to the packets that arrive at an interface, before all others of the kind (tcx). It stays
/// until the descriptor is closed.
pub fn tcx_link_create(program: BorrowedFd<'_>, ifindex: u32) -> io::Result<OwnedFd> {
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags: libbpf_sys::BPF_F_BEFORE,
        ..Default::default()
    };
    link_create(program, ifindex, libbpf_sys::BPF_TCX_INGRESS, &options)
}

/// Whether a driver supports all basic actions of XDP programs, sending included. None: it does not say
/// (before Linux 6.3).
pub fn xdp_can_transmit(ifindex: u32) -> io::Result<Option<bool>> {
    /// include/uapi/linux/netdev.h
    const NETDEV_XDP_ACT_BASIC: u64 = 1;
    let features = query(ifindex)?.feature_flags;
    Ok((features != 0).then_some(features & NETDEV_XDP_ACT_BASIC != 0))
}

/// The XDP program of an interface. Of several, the one nearest to the wire.
pub fn xdp_query(ifindex: u32) -> io::Result<Option<AttachedProgram>> {
    let found = query(ifindex)?;
    let programs = [
        (AttachMode::Offloaded, found.hw_prog_id),
        (AttachMode::Native, found.drv_prog_id),
        (AttachMode::Skb, found.skb_prog_id),
    ];
    let attached = programs.into_iter().find(|&(_, id)| id != 0);
    Ok(attached.map(|(mode, id)| AttachedProgram { mode, id }))
}

fn query(ifindex: u32) -> io::Result<libbpf_sys::bpf_xdp_query_opts> {
    let mut found = libbpf_sys::bpf_xdp_query_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_query_opts>() as _,
        ..Default::default()
    };
    // SAFETY: found outlives the call and contains its size.
    let error = unsafe { libbpf_sys::bpf_xdp_query(ifindex as i32, 0, &mut found) };
    if error < 0 { Err(io::Error::from_raw_os_error(-error)) } else { Ok(found) }
}

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

/// The memory of an array map of 64-bit words that was made with BPF_F_MMAPABLE.
pub struct MappedWords {
    start: NonNull<AtomicU64>,
    len: usize,
}

impl MappedWords {
    pub fn new(map: &impl MapCore) -> io::Result<Self> {
        if map.map_type() != MapType::Array || map.value_size() as usize != size_of::<AtomicU64>() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no array of 64-bit words"));
        }
        let len = map.max_entries() as usize;
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

nix::ioctl_read_bad!(get_interface_mtu, libc::SIOCGIFMTU, libc::ifreq);
nix::ioctl_readwrite_bad!(ask_ethtool, libc::SIOCETHTOOL, libc::ifreq);

/// The largest IP packet that an interface takes, in bytes.
pub fn interface_mtu(name: &str) -> io::Result<u32> {
    let (any, mut request) = interface_request(name)?;
    // SAFETY: the descriptor is open and the request outlives the call, which sets the field read here.
    let mtu = unsafe {
        get_interface_mtu(any.as_raw_fd(), &mut request)?;
        request.ifr_ifru.ifru_mtu
    };
    Ok(mtu as u32)
}

/// The name of an interface's driver.
pub fn interface_driver(name: &str) -> io::Result<String> {
    /// struct ethtool_drvinfo in linux/ethtool.h
    #[repr(C)]
    struct DriverInfo {
        command: u32,
        driver: [u8; 32],
        rest: [u8; 160],
    }
    const ETHTOOL_GDRVINFO: u32 = 3;
    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    // SAFETY: the struct of this command.
    unsafe { ethtool(name, &mut info) }?;
    let name = info.driver.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into())
}

/// Whether an interface takes VLAN tags off the frames that arrive, before XDP sees them.
pub fn interface_strips_vlan_tags(name: &str) -> io::Result<bool> {
    /// struct ethtool_value in linux/ethtool.h
    #[repr(C)]
    struct Flags {
        command: u32,
        flags: u32,
    }
    const ETHTOOL_GFLAGS: u32 = 0x25;
    const ETH_FLAG_RXVLAN: u32 = 1 << 8;
    let mut asked = Flags { command: ETHTOOL_GFLAGS, flags: 0 };
    // SAFETY: the struct of this command.
    unsafe { ethtool(name, &mut asked) }?;
    Ok(asked.flags & ETH_FLAG_RXVLAN != 0)
}

/// # Safety
///
/// `command` is the struct of linux/ethtool.h for the command that it begins with.
unsafe fn ethtool<T>(name: &str, command: &mut T) -> io::Result<()> {
    let (any, mut request) = interface_request(name)?;
    request.ifr_ifru.ifru_data = std::ptr::from_mut(command).cast();
    // SAFETY: the descriptor is open. The request and the struct behind its pointer outlive the call;
    // the caller guarantees the size of the struct.
    unsafe { ask_ethtool(any.as_raw_fd(), &mut request) }?;
    Ok(())
}

/// A socket, of no particular kind, and a request about an interface to send through it.
fn interface_request(name: &str) -> io::Result<(OwnedFd, libc::ifreq)> {
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: a struct of integers and of pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero: names are terminated strings.
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok((any, request))
}

/// A number of this network namespace that no other one ever has.
pub fn netns_cookie() -> io::Result<u64> {
    /// include/uapi/asm-generic/socket.h
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut len = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the descriptor is open; cookie and len outlive the call, and len is the size of cookie.
    let error = unsafe {
        libc::getsockopt(
            any.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            std::ptr::from_mut(&mut cookie).cast(),
            &mut len,
        )
    };
    if error == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// From now on these signals do nothing to this process.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    for &each in signals {
        // SAFETY: it installs no handler, so none can do what a signal handler must not do.
        unsafe { signal(each, SigHandler::SigIgn) }?;
    }
    Ok(())
}
