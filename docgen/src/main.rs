// SPDX-License-Identifier: GPL-2.0-only
//! Generates documents from the definition of the command line, and wraps all Markdown.

mod completions;
mod man;
mod markdown;
mod options;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory, Parser};

/// Update the generated files in docs/, and wrap Markdown.
#[derive(Debug, Parser)]
struct Cli {
    /// Write nothing, and fail if something is not up to date
    #[arg(long)]
    check: bool,

    /// Markdown files to wrap
    markdown: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = synflood_xdp::cli::Cli::command();
    match renew(command, &cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn renew(mut command: Command, cli: &Cli) -> Result<()> {
    // Before it is built: each shell is told what a user may type, not what clap adds.
    let completions = completions::scripts(&command)?;
    command.build();
    let options = markdown::wrap(&options::page(&command))?;
    let man = man::page(command)?;

    let mut stale = Vec::new();
    let mut renew = |path: &Path, text: String| {
        if fs::read_to_string(path).is_ok_and(|present| present == text) {
            return Ok(());
        }
        stale.push(path.display().to_string());
        if cli.check { Ok(()) } else { fs::write(path, text) }
    };
    renew(Path::new("docs/options.md"), options)?;
    renew(Path::new("docs/synflood-xdp.8"), man)?;
    for (name, text) in completions {
        renew(&Path::new("docs/completions").join(name), text)?;
    }
    for path in &cli.markdown {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        renew(path, markdown::wrap(&text)?)?;
    }
    match stale.join(", ") {
        files if files.is_empty() => {}
        files if cli.check => bail!("out of date, `make docs` updates it: {files}"),
        files => println!("written: {files}"),
    }
    Ok(())
}

/// Those that a user may type, without clap's own.
fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

/// Those that do something: of one that has commands of its own, these.
fn commands(command: &Command) -> Vec<&Command> {
    let of = |command| match commands(command) {
        own if own.is_empty() => vec![command],
        own => own,
    };
    subcommands(command).flat_map(of).collect()
}
