// SPDX-License-Identifier: GPL-2.0-only
//! The man page.

use anyhow::Result;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// A section of the page that no option tells.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/synflood-xdp/config.toml",
        "The configuration of the service, with the names of the options as its keys.",
    ),
    ("/usr/lib/systemd/system/synflood-xdp.service", "The service of the Debian package."),
    (
        "/var/lib/synflood-xdp/live-entries.json",
        "What allow and deny have entered at the service; after a reboot it is read again.",
    ),
    ("/usr/share/doc/synflood-xdp/", "More about the service, challenges, output and troubleshooting."),
];

const SEE_ALSO: &str =
    "systemctl(1), journalctl(1), ip-link(8), nft(8), ipset(8), ss(8), tcpdump(8), tcp(7)";

/// What comes before each text that is rendered alone. The page needs it once.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

pub fn page(command: Command) -> Result<String> {
    let after_help = sections(&after_help(&command));
    let commands = crate::commands(&command).into_iter().map(subsection).collect::<Result<String>>()?;
    let synopsis = synopsis(&mut command.clone())?;
    let says_more = command.get_long_about().is_some();
    let man = Man::new(command).section("8");
    let mut page = b".\\\" written by `make docs` from src/cli.rs\n".to_vec();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    page.extend(synopsis);
    if says_more {
        man.render_description_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if !commands.is_empty() {
        page.extend(b".SH COMMANDS\n");
        page.extend(commands.bytes());
    }
    after_help.to_writer(&mut page)?;
    ends().to_writer(&mut page)?;
    let page = String::from_utf8(page)?;
    let (head, rest) = page.split_once(PREAMBLE).unwrap_or(("", &page));
    Ok([head, PREAMBLE, &rest.replace(PREAMBLE, "")].concat())
}

/// A line for each way of use: those that `--help` shows, and in place of the one for all commands, one for each.
fn synopsis(command: &mut Command) -> Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let own = usage(command);
    let verbs: Vec<_> = crate::commands(command).into_iter().cloned().collect();
    let own = own.lines().filter(|line| !line.contains("<COMMAND>")).map(str::to_owned);
    let of_verbs = verbs.into_iter().map(|mut verb| usage(&mut verb));
    for (number, line) in own.chain(of_verbs).enumerate() {
        if number > 0 {
            roff.control("br", []);
        }
        let line = line.trim();
        let is_word = |word: &&str| !word.starts_with(['-', '[', '<']);
        let named: usize = line.split_inclusive(' ').take_while(is_word).map(str::len).sum();
        roff.text([bold(line[..named].trim_end()), roman(format!(" {}", line[named..].trim_end()))]);
    }
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(text)
}

fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    usage.trim_start_matches("Usage:").trim().to_owned()
}

fn ends() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["FILES"]);
    for (path, meaning) in FILES {
        roff.control("TP", []).text([bold(path)]).text([roman(meaning)]);
    }
    roff.control("SH", ["SEE ALSO"]).text([roman(SEE_ALSO)]);
    roff
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
    let called = command.get_bin_name().and_then(|words| words.split_once(' '));
    let name = called.map_or(command.get_name(), |(_, name)| name).to_owned();
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
        let (sections, ends) = sections.split_once(".SH FILES\n").unwrap();
        assert!(ends.contains(".SH \"SEE ALSO\"\n"), "{ends}");
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
        let (commands, _) = commands.split_once(".SH \"SEE ALSO\"\nip(8)\n").unwrap();
        assert_eq!(commands, expected);
    }

    #[test]
    fn each_way_of_use_is_a_line_of_the_synopsis() {
        let add = Command::new("add").arg(Arg::new("net").value_name("NET").required(true));
        let list = Command::new("list").subcommand(add);
        let mut tool = Command::new("tool")
            .override_usage("tool --go [OPTIONS]\n       tool <COMMAND> [OPTIONS]")
            .subcommands([list, Command::new("secret").hide(true)]);
        tool.build();
        let page = super::page(tool).unwrap();
        let (_, synopsis) = page.split_once(".SH SYNOPSIS\n").unwrap();
        let (synopsis, _) = synopsis.split_once(".SH ").unwrap();
        assert_eq!(synopsis, "\\fBtool\\fR \\-\\-go [OPTIONS]\n.br\n\\fBtool list add\\fR <NET>\n");
    }
}
