// SPDX-License-Identifier: GPL-2.0-only
//! Completions for shells.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::Resettable;
use clap::{Arg, Command};
use clap_complete::{Shell, generate_to};

pub fn write(command: &Command, directory: &Path) -> Result<()> {
    let cannot = || format!("cannot write to {}", directory.display());
    fs::create_dir_all(directory).with_context(cannot)?;
    let name = command.get_name();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let file = generate_to(shell, &mut visible(command), name, directory).with_context(cannot)?;
        if shell == Shell::Bash {
            let text = fs::read_to_string(&file).with_context(cannot)?;
            fs::write(&file, with_right_labels(&text, name)).with_context(cannot)?;
        }
    }
    Ok(())
}

/// clap_complete 4.6 writes a command's name with a dash in one way where it chooses a label, and in another in the
/// label.
fn with_right_labels(text: &str, name: &str) -> String {
    text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// Without what `--help` does not show: the shells would offer it.
fn visible(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let shown = Command::new(command.get_name().to_owned())
        .about(about)
        .disable_help_subcommand(true)
        .args(args.cloned().map(alone))
        .subcommands(crate::subcommands(command).map(visible));
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

/// Without its relations to others, which may be hidden.
fn alone(arg: Arg) -> Arg {
    arg.conflicts_with(Resettable::Reset)
        .group(Resettable::Reset)
        .overrides_with(Resettable::Reset)
        .required_unless_present(Resettable::Reset)
        .requires(Resettable::Reset)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Arg, Command};

    #[test]
    fn completions_offer_what_the_help_shows() {
        let secret = Arg::new("secret").long("secret").hide(true);
        let open = Arg::new("open").long("open").conflicts_with("secret");
        let command = Command::new("my-tool")
            .args([open, secret])
            .subcommand(Command::new("add").arg(Arg::new("for").long("for")))
            .subcommand(Command::new("keep").hide(true));
        let directory = tempfile::tempdir().unwrap();
        super::write(&command, directory.path()).unwrap();
        for file in ["my-tool.bash", "_my-tool", "my-tool.fish"] {
            let text = fs::read_to_string(directory.path().join(file)).unwrap();
            let has = |word: &str| text.contains(word);
            assert!(has("open") && has("add") && has("for"), "{file}: {text}");
            assert!(!has("secret") && !has("keep"), "{file}: {text}");
        }
        let bash = fs::read_to_string(directory.path().join("my-tool.bash")).unwrap();
        let chosen = bash.split("cmd=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for label in chosen.filter(|label| !label.is_empty()) {
            assert!(bash.contains(&format!("        {label})\n")), "{label}: {bash}");
        }
    }
}
