// SPDX-License-Identifier: GPL-2.0-only
//! Checks before anything is attached, with a sentence for each failure.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use caps::{CapSet, Capability};
use nix::sys::utsname::uname;

/// 64-bit compare-and-swap in BPF came in 5.12; this is the first long-term kernel with it.
const OLDEST_KERNEL: (u32, u32) = (5, 15);

/// The kernel's own types: they let one binary run on all kernels.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

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
pub fn check_can_look(what: &str) -> Result<()> {
    check_capabilities(what, &[Capability::CAP_SYS_ADMIN])
}

/// Whether this process may look for running instances and change their lists.
pub fn check_can_change(what: &str) -> Result<()> {
    check_capabilities(what, &[Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN])
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
