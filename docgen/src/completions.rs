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
        let text = match shell {
            Shell::Bash => with_right_labels(&text, name),
            _ => text,
        };
        Ok((shell.file_name(name), with_interfaces(&text, shell)))
    };
    [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().map(script).collect()
}

/// clap_complete 4.6 writes a command's name with a dash in one way where it chooses a label, and in another in the
/// label.
fn with_right_labels(text: &str, name: &str) -> String {
    text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// clap_complete knows no names of interfaces. Options that take one are those with a [`ValueHint::Other`].
///
/// [`ValueHint::Other`]: clap::ValueHint::Other
fn with_interfaces(text: &str, shell: Shell) -> String {
    const NAMES: &str = "command ls /sys/class/net";
    match shell {
        Shell::Bash => text
            .replace(
                "COMPREPLY=(\"${cur}\")",
                &format!("COMPREPLY=($(compgen -W \"$({NAMES})\" -- \"${{cur}}\"))"),
            )
            .replace("compopt -o nospace", "compopt +o nospace"),
        Shell::Zsh => text.replace(":IF:'", ":IF:_net_interfaces'"),
        _ => text
            .split_inclusive('\n')
            .map(|line| match line.strip_suffix(" -r -f\n") {
                Some(option) if line.contains(" -l iface ") => {
                    format!("{option} -r -f -a '({NAMES})'\n")
                }
                _ => line.to_owned(),
            })
            .collect(),
    }
}

/// Without what `--help` does not show: the shells would offer it.
fn visible(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let shown = Command::new(command.get_name().to_owned())
        .about(about)
        .disable_help_subcommand(true)
        .args(args.cloned().map(alone))
        .subcommands(crate::subcommands(command).map(|each| match takes_options_of_a_run(each) {
            true => visible(each).args(options_of_a_run(command).cloned().map(alone)),
            false => visible(each),
        }));
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

/// As words that clap does not look into.
fn takes_options_of_a_run(command: &Command) -> bool {
    command.get_arguments().any(Arg::is_trailing_var_arg_set)
}

/// All but the first have a heading in `--help`.
fn options_of_a_run(command: &Command) -> impl Iterator<Item = &Arg> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.filter(|arg| arg.get_id() == "iface" || arg.get_help_heading().is_some())
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
    use clap::{Arg, Command, ValueHint};

    fn script(command: &Command, file: &str) -> String {
        let scripts = super::scripts(command).unwrap();
        scripts.into_iter().find(|(name, _)| name == file).unwrap().1
    }

    #[test]
    fn interfaces_and_the_options_of_a_run_are_completed() {
        let iface = Arg::new("iface").long("iface").value_name("IF").value_hint(ValueHint::Other);
        let words = Arg::new("words").num_args(0..).trailing_var_arg(true);
        let command = Command::new("tool")
            .args([
                iface,
                Arg::new("all").long("all"),
                Arg::new("port").long("port").help_heading("Limits"),
            ])
            .subcommand(Command::new("check").arg(words));
        let bash = script(&command, "tool.bash");
        let (_, check) = bash.split_once("        tool__subcmd__check)\n").unwrap();
        assert!(check.contains("--port") && !check.contains("--all"), "{check}");
        assert_eq!(bash.matches("$(command ls /sys/class/net)").count(), 2, "{bash}");
        let zsh = script(&command, "_tool");
        assert_eq!(zsh.matches(":IF:_net_interfaces'").count(), 2, "{zsh}");
        let fish = script(&command, "tool.fish");
        assert_eq!(
            fish.matches(" -l iface -r -f -a '(command ls /sys/class/net)'\n").count(),
            2,
            "{fish}"
        );
    }

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
