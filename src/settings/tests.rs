// SPDX-License-Identifier: GPL-2.0-only
//! What stands in a file means the same as on the command line.

use std::fs;
use std::path::Path;

use clap::{Arg, CommandFactory};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use super::Settings;
use crate::cli::Cli;
use crate::policy::{Listed, Origin};

/// Values of which every option takes at least one; some take several.
const VALUES: [&str; 22] = [
    "/bin/tell me",
    "eth0",
    "5",
    "0.5",
    "30/m",
    "443",
    "8000-8010",
    "192.0.2.0/24",
    "2001:db8::7",
    "64",
    "4096",
    "100000",
    "10m",
    "127.0.0.1:9911",
    "auto",
    "off",
    "on",
    "suggest",
    "all",
    "skb",
    "kernel",
    "LIST",
];
const SERVICES: [&str; 2] = ["ssh=22,burst=3,rate=6/m", "web=443,8000-8010,challenge=off"];

fn read(words: &[String]) -> Result<Settings, String> {
    let words = ["synflood-xdp"].into_iter().map(Into::into).chain(words.iter().map(Into::into));
    let cli = Cli::read(words.collect()).map_err(|error| error.to_string())?;
    Settings::try_from(&cli).map_err(|error| format!("{error:#}"))
}

/// A folder with the lists and the configuration of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("LIST"), "192.0.2.0/24\n198.51.100.0/24 ; SBL1\n").unwrap();
        Self(folder)
    }

    fn read(&self, config: &str) -> Result<Settings, String> {
        let path = self.0.path().join("config.toml");
        fs::write(&path, config).unwrap();
        read(&["--config".into(), path.display().to_string()])
    }
}

/// An option with a value, or none for a flag.
type Given = (String, Option<String>);

/// Settings, and the networks on their lists, wherever these were named.
fn meaning(read: Result<Settings, String>) -> Result<(Settings, Vec<(IpNet, Listed)>), String> {
    read.map(|mut settings| {
        let lists = std::mem::take(&mut settings.lists);
        (settings, lists.entries().map(|(&network, listed)| (network, listed)).collect())
    })
}

/// Every option that a file may give, with each of the values that it takes.
fn all_given(folder: &Path) -> Vec<Vec<Given>> {
    let command = Cli::command();
    let not_in_files = ["dump", "all", "config"];
    let may_give = |option: &&Arg| {
        option.get_long().is_some_and(|long| !not_in_files.contains(&long)) && !option.is_hide_set()
    };
    let options = command.get_arguments().filter(may_give);
    let of = |option: &Arg| -> Vec<Given> {
        let long = option.get_long().unwrap().to_owned();
        if !option.get_action().takes_values() {
            return vec![(long, None)];
        }
        let is_path = option.get_value_hint() == clap::ValueHint::FilePath;
        let list = folder.join("LIST").display().to_string();
        let values = VALUES.into_iter().chain(SERVICES).map(str::to_owned);
        let values = values.map(|value| if value == "LIST" { list.clone() } else { value });
        let fits = |value: &String| {
            // Alone: --burst needs --rate, and whether it is there is not asked here.
            let needs = ["--iface=eth0", "--burst=1", "--rate=1"].map(str::to_owned);
            let needs = needs.into_iter().filter(|word| !word.starts_with(&format!("--{long}=")));
            let word = format!("--{long}={value}");
            is_path == value.ends_with("LIST") && read(&needs.chain([word]).collect::<Vec<_>>()).is_ok()
        };
        values.filter(fits).map(|value| (long.clone(), Some(value))).collect()
    };
    options.map(of).collect()
}

fn words(given: &[Given]) -> Vec<String> {
    let word = |(option, value): &Given| match value {
        Some(value) => format!("--{option}={value}"),
        None => format!("--{option}"),
    };
    given.iter().map(word).collect()
}

/// Numbers as numbers, and where there are several values, all in an array.
fn config(given: &[Given]) -> String {
    let value = |text: &String| match text.parse::<f64>() {
        Ok(_) => text.clone(),
        Err(_) => format!("'{text}'"),
    };
    let mut lines = String::new();
    for same in given.chunk_by(|one, other| one.0 == other.0) {
        let values: Vec<_> = same.iter().filter_map(|(_, given)| given.as_ref().map(value)).collect();
        let value = match &values[..] {
            [] => "true".to_owned(),
            [value] => value.clone(),
            values => format!("[{}]", values.join(", ")),
        };
        lines += &format!("{} = {value}\n", same[0].0);
    }
    lines
}

#[test]
fn every_option_of_a_run_can_be_given_in_a_file() {
    let folder = Folder::new();
    for values in all_given(folder.0.path()) {
        let is_in_force = |given: &Given| {
            let needed = ["iface", "burst", "rate"].map(|option| match option {
                "iface" => (option.to_owned(), Some("eth1".to_owned())),
                _ => (option.to_owned(), Some("2".to_owned())),
            });
            let without: Vec<Given> =
                needed.into_iter().filter(|(option, _)| *option != given.0).collect();
            let with = [&without[..], std::slice::from_ref(given)].concat();
            let of_words = read(&words(&with));
            assert!(of_words.is_ok(), "{given:?}: {of_words:?}");
            assert_eq!(meaning(folder.read(&config(&with))), meaning(of_words.clone()), "{given:?}");
            of_words != read(&words(&without))
        };
        let in_force = values.iter().filter(|given| is_in_force(given)).count();
        assert!(in_force > 0, "no value of {values:?} changes anything");
    }
}

#[test]
fn contradictions_in_a_file_are_named_with_its_line() {
    let folder = Folder::new();
    let services = "[[service]]\nname = 'ssh'\nports = 22\n[[service]]\nname = 'ssh'\nports = 23\n";
    for (config, said) in [
        (
            "allow = '10.0.0.0/8'\nquiet = true\ndeny = '10.0.0.0/8'\n",
            "config.toml:4: 10.0.0.0/8 is both",
        ),
        (
            "burst = 9999999999999\nrate = 1\n",
            "config.toml:3: --burst does not go with --rate: a burst of",
        ),
        ("max-sources = 1\n", "config.toml:2: --max-sources 1 is too small"),
        (services, "config.toml:5: two services have the name ssh: rename one"),
        (
            "port = 80\nservice = 'ssh=22'\n",
            "config.toml:3: port 22 of the service ssh is not protected",
        ),
    ] {
        let error = folder.read(&format!("iface = 'eth0'\n{config}")).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn files_of_networks_are_merged_with_the_options() {
    let folder = Folder::new();
    let settings = "iface = 'eth0'\nallow = '192.0.2.0/24'\nallow-file = []\ndeny-file = 'LIST'\n";
    let lists = folder.read(settings).unwrap().lists;
    let listed: Vec<_> = lists.entries().map(|(network, of)| (network.to_string(), of)).collect();
    let expected = [("192.0.2.0/24", Listed::Allowed), ("198.51.100.0/24", Listed::Denied)];
    assert_eq!(listed, expected.map(|(network, of)| (network.to_owned(), of)));
    assert_eq!(lists.contradictions, 1);
    let origin = |network: &str| match lists.get(&network.parse().unwrap()).unwrap().origin {
        Origin::File { file, line } => (lists.files[file as usize].clone(), line),
        Origin::Option => panic!("{network} is of the command line"),
    };
    assert_eq!(origin("192.0.2.0/24"), (folder.0.path().join("config.toml"), 2));
    assert_eq!(origin("198.51.100.0/24").0, folder.0.path().join("LIST"));
    let error = folder.read("iface = 'eth0'\ndeny-file = 'NONE'\n").unwrap_err();
    let said = "config.toml:2: a list cannot be read: there is no file ";
    assert!(error.contains(said) && error.ends_with("NONE"), "{error}");
}

#[test]
fn services_that_are_not_challenged_are_no_others() {
    let settings = read(&["--iface=eth0".into(), "--service=ssh=22,challenge=off".into()]).unwrap();
    let challenged = [21, 22, 23].map(|port| settings.policy.challenges(port));
    assert_eq!(challenged, [true, false, true]);
    let settings = read(&["--iface=eth0".into(), "--service=ssh=22".into()]).unwrap();
    assert!(settings.policy.challenges(22));
}

/// Where the words are refused together, the file is too.
#[test]
fn a_file_means_what_the_words_mean() {
    let folder = Folder::new();
    let all = all_given(folder.0.path());
    // Of some options one value, on the command line or in the file. Without these few hardly any are right.
    let (needed, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|of| ["iface", "burst", "rate"].contains(&of[0].0.as_str()));
    let some = subsequence(others.clone(), 0..=others.len());
    let some = some.prop_map(move |some| [needed.clone(), some].concat());
    let some = some.prop_flat_map(|options| options.into_iter().map(select).collect::<Vec<_>>());
    let some = some.prop_flat_map(|given| {
        let typed = proptest::collection::vec(any::<bool>(), given.len());
        (Just(given), typed)
    });
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..Default::default() });
    let done = runner.run(&some, |(given, is_typed)| {
        let of_words = meaning(read(&words(&given))).ok();
        prop_assert_eq!(&meaning(folder.read(&config(&given))).ok(), &of_words);
        let part = |wanted: bool| -> Vec<Given> {
            let part = given.iter().zip(&is_typed).filter(|(_, is)| **is == wanted);
            part.map(|(given, _)| given.clone()).collect()
        };
        let path = folder.0.path().join("mixed.toml");
        fs::write(&path, config(&part(false)))?;
        let mixed = [words(&part(true)), vec![format!("--config={}", path.display())]].concat();
        prop_assert_eq!(&meaning(read(&mixed)).ok(), &of_words);
        Ok(())
    });
    done.unwrap();
}
