// SPDX-License-Identifier: GPL-2.0-only
//! docs/options.md: the meaning of every option, by heading, and of every command.

use std::fmt::Write as _;

use clap::{Arg, Command};

pub fn page(command: &Command) -> String {
    let mut text = format!(
        "<!-- written by `make docs` from src/cli.rs -->\n\n# Options of {}\n",
        command.get_name()
    );
    text += &tables(command);
    for command in crate::commands(command) {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        let about = command.get_long_about().or(command.get_about());
        let about = prose(&about.map(ToString::to_string).unwrap_or_default());
        let _ = write!(text, "\n## `{name}`\n\n{about}\n{}", tables(command));
    }
    text
}

fn tables(command: &Command) -> String {
    let mut text = String::new();
    let mut args: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    // Those without a heading come first, as in --help.
    args.sort_by_key(|arg| arg.get_help_heading().is_some());
    while let Some(heading) = args.first().map(|arg| arg.get_help_heading()) {
        let (section, rest) = args.into_iter().partition(|arg| arg.get_help_heading() == heading);
        if let Some(heading) = heading {
            let _ = write!(text, "\n## {heading}\n");
        }
        text += &table(section);
        args = rest;
    }
    text
}

fn table(args: Vec<&Arg>) -> String {
    let mut text = "\n| option | default | meaning | values |\n| --- | --- | --- | --- |\n".to_owned();
    for arg in args {
        let cells = [option(arg), default(arg), meaning(arg), values(arg)];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn option(arg: &Arg) -> String {
    match arg.get_short() {
        Some(short) if arg.get_long().is_some() => format!("`-{short}`, {}", code(&arg.to_string())),
        _ => code(&arg.to_string()),
    }
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() || arg.is_hide_default_value_set() {
        return String::new();
    }
    let values = arg.get_default_values().iter().map(|value| code(&value.to_string_lossy()));
    values.collect::<Vec<_>>().join(" ")
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    prose(&help.map(ToString::to_string).unwrap_or_default())
}

fn values(arg: &Arg) -> String {
    let shown = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
    let described = shown.map(|value| match value.get_help() {
        Some(help) => format!("{}: {}", code(value.get_name()), prose(&help.to_string())),
        None => code(value.get_name()),
    });
    described.collect::<Vec<_>>().join("<br>")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Plain text as a table cell. As in help texts, text between backticks is code.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(number, part)| match number % 2 {
        0 => part.replace('<', "\\<").replace('*', "\\*"),
        _ => part.to_owned(),
    });
    let text = parts.collect::<Vec<_>>().join("`");
    text.trim().replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValue;
    use clap::{Arg, ArgAction, Command};

    #[test]
    fn options_are_in_tables_by_heading() {
        let values = [PossibleValue::new("fast").help("at once"), PossibleValue::new("slow")];
        let mut command = Command::new("tool")
            .disable_help_flag(true)
            .arg(Arg::new("mode").long("mode").default_value("fast").value_parser(values))
            .arg(Arg::new("hidden").long("hidden").hide(true))
            .next_help_heading("Output")
            .arg(Arg::new("rate").long("rate").value_name("A|B").help("a < b, or `a < b`\n\nmore"))
            .next_help_heading(None::<&str>)
            .arg(Arg::new("quiet").short('q').long("quiet").action(ArgAction::SetTrue))
            .subcommand(Command::new("go").about("Move").subcommand(
                Command::new("on").about("Begin").arg(Arg::new("place").value_name("PLACE")),
            ))
            .disable_help_subcommand(true);
        command.build();
        let page = super::page(&command);
        let (_, tables) = page.split_once('#').unwrap();
        let head = "| option | default | meaning | values |\n| --- | --- | --- | --- |\n";
        assert_eq!(
            tables,
            format!(
                " Options of tool\n\n{head}\
                 | `--mode <mode>` | `fast` |  | `fast`: at once<br>`slow` |\n\
                 | `-q`, `--quiet` |  |  |  |\n\n\
                 ## Output\n\n{head}\
                 | `--rate <A\\|B>` |  | a \\< b, or `a < b`<br>more |  |\n\n\
                 ## `tool go on`\n\nBegin\n\n{head}\
                 | `[PLACE]` |  |  |  |\n"
            )
        );
    }
}
