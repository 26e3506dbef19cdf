// SPDX-License-Identifier: GPL-2.0-only

use std::io;
use std::process::ExitCode;

use synflood_xdp::cli::{self, Cli};
use synflood_xdp::commands::{dump, keep, run};
use synflood_xdp::settings::Settings;
use synflood_xdp::show::out;

fn main() -> ExitCode {
    let cli = Cli::from_words();
    let done = if cli.dump {
        dump::dump(&dump::Request { interfaces: cli.iface, all: cli.all, json: cli.json })
    } else if !cli.restore_sysctls.is_empty() {
        keep::keep(&cli.restore_sysctls)
    } else {
        match Settings::try_from(&cli) {
            Ok(settings) => run::run(&settings),
            Err(error) => cli::usage_error(format!("{error:#}")),
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out::last_words(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
