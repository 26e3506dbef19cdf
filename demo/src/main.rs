// SPDX-License-Identifier: GPL-2.0-only
//! SYN floods on a real web server, without and with synflood-xdp, in network namespaces.

mod act;
mod bars;
mod clients;
mod flood;
mod measure;
mod network;
mod picture;
mod results;
mod show;
mod stage;
mod supervise;
mod try_out;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::{fs, io, panic, thread};

use anyhow::{Result, anyhow, ensure};
use clap::{Parser, Subcommand};

use network::Network;
use supervise::Ended;

/// The network that `up` makes and `down` removes.
const LAB: &str = "synflood-lab";

/// SYN floods on a real web server, in network namespaces.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    action: Action,

    /// Work in a network of this name, and do not remove it: the parent process does.
    #[arg(long, global = true, hide = true)]
    network: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Show floods without and with protection; fails if the protection does not work
    Show {
        /// synflood-xdp
        binary: PathBuf,

        /// Write the results into README.md and docs/plots
        #[arg(long)]
        publish: bool,
    },
    /// Set up the network, keep it, and print commands to try
    Up {
        /// synflood-xdp, for the commands
        binary: PathBuf,
    },
    /// End all processes in the network, and remove it
    Down,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match (&cli.action, &cli.network) {
        (action, Some(network)) => work_in(network, action),
        (action, None) => supervise(action),
    };
    done.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            // The reader has closed the pipe (`| head`).
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// However it ends, only a successful `up` leaves a network.
fn supervise(action: &Action) -> Result<ExitCode> {
    // The effective user owns this process's files in /proc.
    ensure!(fs::metadata("/proc/self")?.uid() == 0, "network namespaces need root");
    match action {
        Action::Show { binary, publish } => {
            ensure!(
                thread::available_parallelism()?.get() > 1,
                "the demo needs two CPUs: one floods, the other serves. `make lab` works on one"
            );
            let name = format!("synflood-demo-{}", process::id());
            let show: &[&str] = if *publish { &["show", "--publish"] } else { &["show"] };
            let ended = supervise::run_again(show, &name, binary);
            network::remove(&name)?;
            Ok(ended?.exit_code())
        }
        Action::Up { binary } if network::stands(LAB) => {
            stage::say("The lab is already up; here is how to use it. To start over: make lab-down")?;
            try_out::print(LAB, &absolute(binary)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Up { binary } => {
            network::remove(LAB)?; // the leftovers of a killed `up`
            let ended = supervise::run_again(&["up"], LAB, binary);
            if !matches!(ended, Ok(Ended::ByItself(status)) if status.success()) {
                network::remove(LAB)?;
            }
            Ok(ended?.exit_code())
        }
        Action::Down => {
            network::remove(LAB)?;
            stage::say("The lab is removed.")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn work_in(name: &str, action: &Action) -> Result<ExitCode> {
    // A panic of the lab is a message for the user here, without a developer's details.
    panic::set_hook(Box::new(|info| {
        eprintln!("error: {}", info.payload_as_str().unwrap_or("a panic without a message"));
    }));
    match action {
        Action::Show { binary, publish } => {
            let binary = absolute(binary)?;
            let Some(results) = show::perform(&Network::new(name), &binary)? else {
                return Ok(ExitCode::FAILURE);
            };
            if *publish {
                results::publish(&results)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Up { binary } => {
            let binary = absolute(binary)?;
            Network::new(name).leave();
            try_out::print(name, &binary)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Down => Ok(ExitCode::SUCCESS),
    }
}

/// The absolute path, so that the commands work in any directory.
fn absolute(binary: &Path) -> Result<String> {
    ensure!(binary.exists(), "there is no {}", binary.display());
    let path = std::path::absolute(binary)?.into_os_string();
    path.into_string().map_err(|path| anyhow!("{} is not UTF-8", path.display()))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
