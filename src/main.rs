// SPDX-License-Identifier: GPL-2.0-only

use std::io::{self, Write};
use std::process::ExitCode;

use nix::sys::signal::Signal;
use synflood_xdp::cli::{Cli, Refusal};
use synflood_xdp::commands::{self, dump, keep, run};
use synflood_xdp::kernel::sys;
use synflood_xdp::settings::Settings;
use synflood_xdp::show::out;

/// The exit status for wrong words or a wrong configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::from_words() {
        Ok(cli) => cli,
        Err(refusal) => return refused(&refusal.into()),
    };
    let is_run = !cli.dump && cli.verb.is_none();
    // A file that may grow no further is an error like a full disk, and no end of the process.
    let _ = sys::ignore(&[Signal::SIGXFSZ]);
    let done = if let Some(verb) = cli.verb {
        commands::verb(verb)
    } else if cli.dump {
        let networks = cli.protect.networks.is_some();
        let request = dump::Request { interfaces: cli.iface, all: cli.all, networks, json: cli.json };
        dump::dump(&request).map(|()| ExitCode::SUCCESS)
    } else if !cli.restore_sysctls.is_empty() {
        keep::keep(&cli.restore_sysctls).map(|()| ExitCode::SUCCESS)
    } else {
        match Settings::try_from(&cli) {
            Ok(settings) => run::run(settings, again).map(|()| ExitCode::SUCCESS),
            Err(error) => return refused(&error),
        }
    };
    match done {
        Ok(status) => status,
        // The reader of the output has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        // The end of a run waits for no reader.
        Err(error) if is_run => {
            out::last_words(&error);
            ExitCode::FAILURE
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// With the usage where that may help. The journal is read by nobody who types.
fn refused(error: &anyhow::Error) -> ExitCode {
    if let Some(Refusal::Words(words)) = error.downcast_ref()
        && !(words.use_stderr() && out::is_journal())
    {
        words.exit();
    }
    out::last_words(error);
    ExitCode::from(USAGE)
}

/// The settings as the command line and the configuration say now.
fn again() -> anyhow::Result<Settings> {
    Settings::try_from(&Cli::from_words()?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
