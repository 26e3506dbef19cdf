// SPDX-License-Identifier: GPL-2.0-only
//! What a driver tells of its interface.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

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
