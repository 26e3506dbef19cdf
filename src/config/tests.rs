// SPDX-License-Identifier: GPL-2.0-only

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use proptest::prelude::*;

use super::{Config, parse};
use crate::policy::Service;

fn command() -> Command {
    let option = |name: &'static str| Arg::new(name).long(name);
    Command::new("tool")
        .arg(option("burst").value_parser(value_parser!(u64)))
        .arg(option("port").action(ArgAction::Append).value_delimiter(','))
        .arg(option("list").action(ArgAction::Append).value_hint(ValueHint::FilePath))
        .arg(option("quiet").action(ArgAction::SetTrue))
        .arg(option("service").action(ArgAction::Append).value_parser(value_parser!(Service)))
        .arg(option("dump").action(ArgAction::SetTrue))
}

fn read(text: &[u8]) -> Result<Config, String> {
    let may_give = |option: &Arg| option.get_id() != "dump";
    parse(Path::new("/etc/tool.toml"), text, &command(), may_give).map_err(|faults| faults.to_string())
}

/// Each item as "LINE WORD WORD".
fn items(text: &[u8]) -> Vec<String> {
    let config = read(text).unwrap();
    let words = |words: &[std::ffi::OsString]| {
        words.iter().map(|word| format!(" {}", word.display())).collect::<String>()
    };
    config.items.iter().map(|item| format!("{}{}", item.line, words(&item.words))).collect()
}

#[test]
fn keys_become_words_in_the_order_of_their_lines() {
    let text = b"quiet = true\nport = [443, \"8000-8010\",\n  \"80,81\"]\n\nburst = 1_000 # many\n";
    assert_eq!(
        items(text),
        ["1 --quiet", "2 --port=443 --port=8000-8010 --port=80,81", "5 --burst=1000"]
    );
    assert_eq!(items(b"quiet = false\nport = []\nburst = 0x10"), ["1", "2", "3 --burst=16"]);
    assert_eq!(items(b"burst = \"7\"\n"), ["1 --burst=7"]);
    assert_eq!(items(b"port = \"http\"\n"), ["1 --port=http"], "one value of several");
}

#[test]
fn files_of_any_editor_are_read() {
    assert_eq!(items(b"\xef\xbb\xbfquiet = true\r\n\r\nburst = 5\r\n"), ["1 --quiet", "3 --burst=5"]);
    for empty in [&b""[..], b"\xef\xbb\xbf", b"\n\n", b"\r\n", b"# nothing\n"] {
        assert!(items(empty).is_empty());
    }
}

#[test]
fn paths_begin_in_the_folder_of_the_file() {
    let text = b"list = [\"drop.txt\", \"../lists/a b\", \"/srv/c\"]";
    assert_eq!(items(text), ["1 --list=/etc/drop.txt --list=/etc/../lists/a b --list=/srv/c"]);
    let parsed = parse(Path::new("tool.toml"), b"list = \"drop.txt\"", &command(), |_| true).unwrap();
    assert_eq!(parsed.items[0].words, ["--list=drop.txt"], "where the process stands");
}

#[test]
fn services_become_words() {
    let text = b"burst = 5\n\n[[service]]\nname = \"ssh\"\nports = 22\nchallenge = false\n\
        [[service]]\nname = \"web\"\nports = [80, \"443, 8000-8010\"]\nrate = \"30/m\"\nburst = 20\n\
        [[service]]\nchallenge = \"all\"\nname = \"mail\"\nports = \"25\"\n";
    assert_eq!(
        items(text),
        [
            "1 --burst=5",
            "3 --service=ssh=22,challenge=off",
            "7 --service=web=80,443,8000-8010,rate=30/m,burst=20",
            "12 --service=mail=25,challenge=all",
        ]
    );
    assert_eq!(items(b"service = [\"ssh=22\", { name = \"web\", ports = 80 }]").len(), 2);
    assert_eq!(items(b"service = \"ssh=22\""), ["1 --service=ssh=22"]);
}

/// A service's lines, and what is said, behind "/etc/tool.toml:".
const WRONG_SERVICES: &[(&str, &str)] = &[
    ("ports = 22", "1: a service needs a name, like name = \"ssh\""),
    ("name = \"ssh\"", "1: the service ssh needs ports, like ports = [80, 443]"),
    ("name = \"ssh\"\nports = []", "1: the service ssh needs ports, like ports = [80, 443]"),
    ("name = 22\nports = true", "3: ports = true: give ports, like 80 or \"8000-8010\" or [80, 443]"),
    (
        "name = \"a b\"\nports = 22",
        "1: service a b: 'a b' is no name for a service: give up to 15 of the characters a-z, A-Z, 0-9, - and _, like ssh=22",
    ),
    (
        "name = \"ssh\"\nports = [22,\n  \"x\"]",
        "4: ports = \"x\": 'x' is no port: give ports from 1 to 65535, like 80 or 80,443 or 8000-8010",
    ),
    (
        "name = \"ssh\"\nports = \"22,burst=3\"",
        "3: ports = \"22,burst=3\": 'burst=3' is no port: give ports from 1 to 65535, like 80 or 80,443 or 8000-8010",
    ),
    (
        "name = \"ssh\"\nports = 22\nrate = 1\nburst = 0",
        "5: service ssh: burst: with 0 nobody could connect; give 1 or more",
    ),
    (
        "name = \"ssh\"\nports = 22\nburst = \"5,rate=1\"",
        "4: burst = \"5,rate=1\": give a number or a text in quotes, without commas and =",
    ),
    (
        "name = \"ssh\"\nports = 22\nburst = true",
        "4: burst = true: give a number or a text in quotes, without commas and =",
    ),
    (
        "name = \"ssh\"\nports = 22\nburst = 5",
        "4: service ssh: burst needs a rate: give rate too, like rate=6/m",
    ),
    (
        "name = \"ssh\"\nports = 22\nbrust = 5",
        "4: 'brust' is nothing that a service has: do you mean burst?",
    ),
    (
        "name = \"ssh\"\nports = 22\nxyz = 5",
        "4: 'xyz' is nothing that a service has: it has name, ports, burst, rate, challenge",
    ),
    (
        "name = \"ssh\"\nport = 22",
        "3: a service has `ports`: do you mean ports = 22? port is an option of the run, and would stand above the \
         first [[service]]",
    ),
    (
        "name = \"ssh\"\nports = 22\nburst = 3\n\nburst = 100",
        "6: a second burst in this [[service]]: what is for the run belongs above the first [[service]]",
    ),
    ("name = \"ssh\"\nports = 22\nports = 23", "4: a second ports in this [[service]]: keep one"),
    (
        "name = \"ssh\"\nports = 22\nquiet = true",
        "4: quiet is an option of the run: put it above the first [[service]]",
    ),
    (
        "name = \"ssh\"\nports = 22\nchallenge = \"no\"",
        "4: service ssh: challenge is off or all, not 'no'",
    ),
];

#[test]
fn wrong_services_are_named_with_their_lines() {
    for (lines, said) in WRONG_SERVICES {
        let error = read(format!("[[service]]\n{lines}\n").as_bytes()).unwrap_err();
        assert_eq!(error, format!("/etc/tool.toml:{said}"), "{lines}");
    }
}

#[test]
fn the_culprit_is_the_last_item_without_which_all_is_well() {
    let config = read(b"burst = 5\nport = 80\nquiet = true\n").unwrap();
    let has = |config: &Config, word: &str| config.words().any(|given| given == word);
    let found = config.culprit("", |less| !(has(less, "--burst=5") && has(less, "--port=80")));
    assert_eq!(found.map(|item| item.line), Some(2));
    let named = config.culprit("--burst 5 is no good", |_| false);
    assert_eq!(named.map(|item| item.line), Some(1));
    assert!(config.culprit("--bur is no good", |_| false).is_none());
    assert!(Config { file: PathBuf::new(), items: vec![] }.culprit("--burst ", |_| true).is_none());
}

proptest! {
    /// Nothing panics, every line named exists, and nothing can move the cursor of a terminal.
    #[test]
    fn any_text_is_read_or_refused(text in "([a-z]{1,6} ?= ?[\\[\\]\"0-9a-z,\u{1b}\u{e9}]{0,9}\r?\n|\\PC{0,9}|\\[\\[service\\]\\]\n){0,9}") {
        if let Err(error) = read(text.as_bytes()) {
            let lines: Vec<usize> = error
                .lines()
                .filter(|line| line.starts_with("/etc/tool.toml:"))
                .map(|line| line.split(':').nth(1).unwrap().parse().unwrap())
                .collect();
            prop_assert!(!lines.is_empty(), "{error}");
            prop_assert!(lines.iter().all(|&line| line <= text.split('\n').count()), "{error}");
            prop_assert!(lines.is_sorted(), "{error}");
            prop_assert!(error.chars().all(|c| c == '\n' || !c.is_control()), "{error:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn garbage_is_refused(text in proptest::collection::vec(1..=u8::MAX, 64 << 10)) {
        prop_assert!(read(&text).unwrap_err().starts_with("/etc/tool.toml:"));
    }
}
