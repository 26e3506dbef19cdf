// SPDX-License-Identifier: GPL-2.0-only
//! What can be known to fail before anything is attached, said in sentences.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{if_nameindex, if_nametoindex};
use nix::sys::utsname::uname;

/// 64-bit compare-and-swap in BPF came in 5.12; this is the first long-term kernel with it.
const OLDEST_KERNEL: (u32, u32) = (5, 15);

/// What the kernel exports its own types in, so that one binary runs on all.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// An interface that can be protected.
#[derive(Debug, Clone)]
pub struct Interface {
    pub name: String,
    pub index: u32,
}

/// Whether this process may protect interfaces, on a kernel that can.
pub fn check_can_protect() -> Result<()> {
    let release = uname().context("cannot read the kernel's release")?;
    check_kernel(&release.release().to_string_lossy())?;
    ensure!(
        Path::new(KERNEL_BTF).exists(),
        "this kernel has no {KERNEL_BTF}, which the program needs to fit itself to the kernel: \
         use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' own are"
    );
    check_capabilities(
        "protecting an interface",
        &[Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON],
    )
}

/// Whether this process may look for running instances.
pub fn check_can_dump() -> Result<()> {
    check_capabilities("--dump", &[Capability::CAP_SYS_ADMIN])
}

/// CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON.
fn check_capabilities(what: &str, needed: &[Capability]) -> Result<()> {
    let held =
        caps::read(None, CapSet::Effective).context("cannot read this process's capabilities")?;
    let admin = held.contains(&Capability::CAP_SYS_ADMIN);
    let missing: Vec<String> = needed
        .iter()
        .filter(|&&capability| {
            let implied = admin && capability != Capability::CAP_NET_ADMIN;
            !held.contains(&capability) && !implied
        })
        .map(Capability::to_string)
        .collect();
    ensure!(
        missing.is_empty(),
        "{what} needs {}, which this process does not have: run it as root (with sudo)",
        missing.join(" and ")
    );
    Ok(())
}

/// `release` as `uname -r` prints it.
fn check_kernel(release: &str) -> Result<()> {
    let mut numbers = release.split(['.', '-', '+']).map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return Ok(()); // an unknown scheme: the kernel itself will say what it lacks
    };
    let (oldest_major, oldest_minor) = OLDEST_KERNEL;
    ensure!(
        (major, minor) >= OLDEST_KERNEL,
        "Linux {release} is too old: its BPF cannot update a token bucket atomically; \
         {oldest_major}.{oldest_minor} or later is needed"
    );
    Ok(())
}

/// Finds an interface and refuses what XDP would attach to without protecting it.
pub fn ethernet_interface(name: &str) -> Result<Interface> {
    let interface = any_interface(name)?;
    let mut addresses = getifaddrs().context("cannot list the interfaces")?;
    let ethernet = addresses.any(|each| {
        let link = each.address.as_ref().and_then(|address| address.as_link_addr());
        each.interface_name == name && link.is_some_and(|link| link.hatype() == libc::ARPHRD_ETHER)
    });
    ensure!(
        ethernet,
        "{name} is not an Ethernet interface: its frames have no Ethernet header, and all of them would \
         pass; protect the interface that carries it"
    );
    Ok(interface)
}

/// An interface of any kind.
pub fn any_interface(name: &str) -> Result<Interface> {
    match if_nametoindex(name) {
        Ok(index) => Ok(Interface { name: name.into(), index }),
        Err(Errno::ENODEV | Errno::ENXIO) => Err(no_such_interface(name)),
        Err(error) => bail!("cannot look up the interface {name}: {error}"),
    }
}

/// All interfaces of this network namespace.
pub fn all_interfaces() -> Result<Vec<Interface>> {
    let all = if_nameindex().context("cannot list the interfaces")?;
    let interface = |each: &nix::net::if_::Interface| Interface {
        name: each.name().to_string_lossy().into_owned(),
        index: each.index(),
    };
    Ok(all.iter().map(interface).collect())
}

fn no_such_interface(name: &str) -> anyhow::Error {
    anyhow!("there is no interface {name} in this network namespace: `ip link` lists those there are")
}

#[cfg(test)]
mod tests {
    use super::check_kernel;

    #[test]
    fn kernels_from_5_15_are_accepted() {
        for release in ["5.15.0-91-generic", "6.1.0-13-amd64", "6.18.44", "10.0-rc1", "unversioned"] {
            assert!(check_kernel(release).is_ok(), "{release}");
        }
    }

    #[test]
    fn older_kernels_are_refused_by_name() {
        for release in ["5.10.0-28-cloud-amd64", "5.14.21", "4.19.0"] {
            let error = check_kernel(release).unwrap_err().to_string();
            assert!(error.contains(release) && error.contains("5.15"), "{error}");
        }
    }
}
