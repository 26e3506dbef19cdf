// SPDX-License-Identifier: GPL-2.0-only
//! The man page.

use anyhow::Result;
use clap::Command;
use clap::builder::StyledStr;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

pub fn page(command: Command) -> Result<String> {
    let after_help = command.get_after_long_help().or(command.get_after_help());
    let after_help = after_help.map(ToString::to_string).unwrap_or_default();
    let says_more = command.get_long_about().is_some();
    let commands = commands(&command);
    let man = Man::new(command).section("8");
    let mut page = b".\\\" written by `make docs` from src/cli.rs\n".to_vec();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    if says_more {
        man.render_description_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    commands.to_writer(&mut page)?;
    sections(&after_help).to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

/// The commands, each with its arguments. They have no pages of their own.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).collect();
    if !verbs.is_empty() {
        roff.control("SH", ["COMMANDS"]);
    }
    for verb in verbs {
        let name = format!("{} {}", command.get_name(), verb.get_name());
        roff.control("SS", [name.as_str()]).text([roman(text(verb.get_about()))]);
        for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help") {
            roff.control("TP", []).text([bold(arg.to_string())]).text([roman(text(arg.get_help()))]);
        }
    }
    roff
}

fn text(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// The text after the options in `--help`. Each paragraph begins with its title and a colon.
fn sections(after_help: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in after_help.split("\n\n") {
        let Some((title, text)) = paragraph.split_once(':') else {
            roff.control("PP", []).text([roman(paragraph)]);
            continue;
        };
        roff.control("SH", [title.trim().to_uppercase().as_str()]);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            // A command, a gap, and what it does.
            match line.split_once("  ") {
                Some((command, meaning)) => {
                    roff.control("TP", []).text([bold(command)]).text([roman(meaning.trim())])
                }
                None => roff.text([roman(line)]),
            };
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn commands_are_in_a_section() {
        let go = Command::new("go").about("Begin").arg(clap::Arg::new("place").help("where"));
        let page = super::page(Command::new("tool").subcommand(go)).unwrap();
        let (_, commands) = page.split_once(".SH COMMANDS\n").unwrap();
        assert_eq!(commands, ".SS \"tool go\"\nBegin\n.TP\n\\fB[place]\\fR\nwhere\n");
    }

    #[test]
    fn paragraphs_after_the_options_are_sections() {
        let help = "Examples:\n  tool --go      go on\n  tool\n\nExit status: 0 fine\n";
        let page = super::page(Command::new("tool").after_help(help)).unwrap();
        let (_, sections) = page.split_once(".SH EXAMPLES\n").unwrap();
        assert_eq!(sections, ".TP\n\\fBtool \\-\\-go\\fR\ngo on\ntool\n.SH \"EXIT STATUS\"\n0 fine\n");
    }
}
