// SPDX-License-Identifier: GPL-2.0-only

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait_at_most;

/// The time for processes to end after a signal.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends all processes in the namespaces whose names begin with `prefix`, and removes these namespaces.
/// For namespaces that outlived the process that made them.
pub fn remove_all(prefix: &str) -> Result<()> {
    let list = ip(&["list"])?;
    // A number follows the name if the kernel has assigned one.
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| name.starts_with(prefix)) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            for pid in pids(name)? {
                // Fails only if the process has just ended.
                let _ = kill(pid, signal);
            }
            // A process that survives both signals keeps the namespace, without a name, until it ends.
            wait_at_most(PATIENCE, || pids(name).is_ok_and(|pids| pids.is_empty()).then_some(()));
        }
        ip(&["delete", name])?;
    }
    Ok(())
}

fn pids(name: &str) -> Result<Vec<Pid>> {
    let pids = ip(&["pids", name])?;
    pids.split_whitespace().map(|pid| Ok(Pid::from_raw(pid.parse()?))).collect()
}

fn ip(args: &[&str]) -> Result<String> {
    let output = Command::new("ip").arg("netns").args(args).output().context("cannot run ip")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip netns {}: {}", args.join(" "), error.trim());
    Ok(String::from_utf8(output.stdout)?)
}
