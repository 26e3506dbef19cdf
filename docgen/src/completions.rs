// SPDX-License-Identifier: GPL-2.0-only
//! Completions for shells.

use anyhow::Result;
use clap::builder::Resettable;
use clap::{Arg, Command};
use clap_complete::{Generator, Shell, generate};

/// For bash, zsh and fish: the name of each file, and what is in it.
pub fn scripts(command: &Command) -> Result<Vec<(String, String)>> {
    let name = command.get_name();
    let script = |shell: Shell| {
        let mut text = Vec::new();
        generate(shell, &mut visible(command), name, &mut text);
        let text = String::from_utf8(text)?;
        let text = if shell == Shell::Bash { with_right_labels(&text, name) } else { text };
        Ok((shell.file_name(name), text))
    };
    [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().map(script).collect()
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
    use clap::{Arg, Command};

    #[test]
    fn completions_offer_what_the_help_shows() {
        let secret = Arg::new("secret").long("secret").hide(true);
        let open = Arg::new("open").long("open").conflicts_with("secret");
        let command = Command::new("my-tool")
            .args([open, secret])
            .subcommand(Command::new("add").arg(Arg::new("for").long("for")))
            .subcommand(Command::new("keep").hide(true));
        let scripts = super::scripts(&command).unwrap();
        let names: Vec<_> = scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["my-tool.bash", "_my-tool", "my-tool.fish"]);
        for (file, text) in &scripts {
            let has = |word: &str| text.contains(word);
            assert!(has("open") && has("add") && has("for"), "{file}: {text}");
            assert!(!has("secret") && !has("keep"), "{file}: {text}");
        }
        let bash = &scripts[0].1;
        let chosen = bash.split("cmd=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for label in chosen.filter(|label| !label.is_empty()) {
            assert!(bash.contains(&format!("        {label})\n")), "{label}: {bash}");
        }
    }
}
