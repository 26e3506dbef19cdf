// SPDX-License-Identifier: GPL-2.0-only

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};
use synflood_xdp::cli::Cli;
use synflood_xdp::config::Settings;
use synflood_xdp::{dump, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.dump {
        true => dump::dump(&cli.dump_request()),
        false => match Settings::try_from(&cli) {
            Ok(settings) => run::run(&settings),
            Err(error) => Cli::command().error(ErrorKind::ValueValidation, format!("{error:#}")).exit(),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads our output has seen enough (`| head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
