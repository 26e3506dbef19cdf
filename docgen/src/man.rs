// SPDX-License-Identifier: GPL-2.0-only
//! The man page.

use anyhow::Result;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What comes before each text that is rendered alone. The page needs it once.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

pub fn page(command: Command) -> Result<String> {
    let after_help = sections(&after_help(&command));
    let commands = crate::subcommands(&command).map(subsection).collect::<Result<String>>()?;
    let says_more = command.get_long_about().is_some();
    let man = Man::new(command).section("8");
    let mut page = b".\\\" written by `make docs` from src/cli.rs\n".to_vec();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    if says_more {
        man.render_description_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if !commands.is_empty() {
        page.extend(b".SH COMMANDS\n");
        page.extend(commands.bytes());
    }
    after_help.to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

fn after_help(command: &Command) -> String {
    let text = command.get_after_long_help().or(command.get_after_help());
    text.map(ToString::to_string).unwrap_or_default()
}

/// A command on the page of the whole: its usage, meaning, options, and what follows them.
fn subsection(command: &Command) -> Result<String> {
    let is_said_above =
        |arg: &Arg| arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
    let after_help = sections(&after_help(command));
    let command =
        command.clone().mut_args(|arg| if is_said_above(&arg) { arg.hide(true) } else { arg });
    let name = command.get_name().to_owned();
    let has_options = command.get_arguments().any(|arg| !arg.is_hide_set());
    let man = Man::new(command);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if has_options {
        man.render_options_section(&mut text)?;
    }
    after_help.to_writer(&mut text)?;
    let text = String::from_utf8(text)?
        .replace(PREAMBLE, "")
        .replace(".SH SYNOPSIS\n", "")
        .replace(".SH DESCRIPTION\n", ".PP\n")
        .replace(".SH OPTIONS\n", "")
        .replace(".SH ", ".PP\n.B ");
    Ok(format!(".SS {name}\n{text}"))
}

/// The text after the options in `--help`. Each paragraph begins with its title and a colon.
fn sections(after_help: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in after_help.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
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
    use clap::{Arg, Command};

    #[test]
    fn paragraphs_after_the_options_are_sections() {
        let help = "Examples:\n  tool --go      go on\n  tool\n\nExit status: 0 fine\n";
        let page = super::page(Command::new("tool").after_help(help)).unwrap();
        let (_, sections) = page.split_once(".SH EXAMPLES\n").unwrap();
        assert_eq!(sections, ".TP\n\\fBtool \\-\\-go\\fR\ngo on\ntool\n.SH \"EXIT STATUS\"\n0 fine\n");
    }

    #[test]
    fn commands_are_sections_of_the_one_page() {
        let add = Command::new("add")
            .about("Add a network")
            .arg(Arg::new("net").value_name("NET").required(true).help("What to add"))
            .arg(Arg::new("for").long("for").value_name("TIME").help("For how long"))
            .after_help("Examples:\n  tool add 192.0.2.7  one address");
        let hidden = Command::new("secret").hide(true);
        let mut tool = Command::new("tool").subcommands([add, hidden]).after_help("See also: ip(8)");
        tool.build();
        let page = super::page(tool).unwrap();
        let (_, commands) = page.split_once(".SH COMMANDS\n").unwrap();
        let expected = ".SS add
\\fBtool add\\fR [\\fB\\-\\-for\\fR] <\\fINET\\fR> 
.PP
Add a network
.TP
\\fB\\-\\-for\\fR \\fI<TIME>\\fR
For how long
.TP
<\\fINET\\fR>
What to add
.PP
.B EXAMPLES
.TP
\\fBtool add 192.0.2.7\\fR
one address
";
        let (commands, _) = commands.split_once(super::PREAMBLE).unwrap();
        assert_eq!(commands, expected);
    }
}
