// SPDX-License-Identifier: GPL-2.0-only
//! Rulesets as the tools print them, with the truth as real clients have met it: each port was tried
//! with every SYN challenged and without. The address of the host was 10.77.0.1 and fd77::1, its
//! interface eth0.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use synflood_xdp::firewall::{Evidence, Facts, Family, Judge, Saved, Verdicts};

/// A file of the folder `measured`. Texts are split into lines.
#[derive(Deserialize)]
struct Ruleset {
    title: String,
    backend: String,
    tcp_loose: bool,
    families: Vec<String>,
    /// Whether the port is challengeable, in all families that were tried.
    ports: BTreeMap<u16, bool>,
    #[serde(default)]
    nft: Option<Value>,
    #[serde(default)]
    nft_sets: Vec<Value>,
    #[serde(default)]
    nft_text: Vec<String>,
    #[serde(default)]
    iptables: Vec<String>,
    #[serde(default)]
    ip6tables: Vec<String>,
    #[serde(default)]
    ipset: Vec<String>,
}

impl Ruleset {
    fn judge(&self) -> Judge {
        let is_legacy = self.backend == "iptables-legacy";
        let saved = |family, lines: &[String]| Saved { family, is_legacy, text: lines.join("\n") };
        let facts = Facts {
            interfaces: vec!["eth0".into()],
            addresses: ["10.77.0.1", "fd77::1"].map(|text| text.parse().unwrap()).into(),
            picks_up: self.tcp_loose,
            ..Facts::default()
        };
        Judge::new(&Evidence {
            nft: self.nft.as_ref().map(Value::to_string).unwrap_or_default(),
            nft_text: self.nft_text.join("\n"),
            nft_sets: self.nft_sets.iter().map(Value::to_string).collect(),
            iptables: vec![saved(Family::V4, &self.iptables), saved(Family::V6, &self.ip6tables)],
            ipsets: self.ipset.join("\n"),
            facts,
            ..Evidence::default()
        })
    }
}

/// Those of the project, or of another folder that is named.
fn files() -> Vec<PathBuf> {
    let folder = std::env::var("RULESETS").unwrap_or_else(|_| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rulesets/measured").display().to_string()
    });
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(file: &Path) -> Ruleset {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[derive(Default)]
struct Tally {
    challengeable: usize,
    /// Called challengeable, and clients hang or get in where they should not.
    missed: usize,
    /// Called not challengeable though clients fare the same.
    false_alarms: usize,
    ports: usize,
}

#[test]
fn no_port_is_challenged_wrongly_and_few_are_spared_needlessly() {
    let mut tally = Tally::default();
    for file in files() {
        let ruleset = read(&file);
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        try_ports(&name, &ruleset, &mut tally);
    }
    let Tally { challengeable, missed, false_alarms, ports } = tally;
    println!("{ports} ports: {missed} missed, {false_alarms} false alarms of {challengeable}");
    assert!(ports > 100);
    assert_eq!(missed, 0);
    assert!(false_alarms * 10 <= challengeable);
}

fn try_ports(name: &str, ruleset: &Ruleset, tally: &mut Tally) {
    let judge = ruleset.judge();
    let verdicts = Verdicts::of(&judge);
    for port in std::iter::repeat_with(|| fastrand::u16(..)).take(30) {
        let answer = judge.challengeable(port, Family::V4);
        assert_eq!(verdicts.challengeable(port, Family::V4), answer.as_ref().copied(), "{name} {port}");
    }
    for (&port, &truth) in &ruleset.ports {
        let families = [("4", Family::V4), ("6", Family::V6)];
        let tried =
            families.iter().filter(|(name, _)| ruleset.families.iter().any(|tried| tried == name));
        let reasons: Vec<String> = tried
            .filter_map(|&(_, family)| {
                let answer = judge.challengeable(port, family);
                assert_eq!(
                    verdicts.challengeable(port, family),
                    answer.as_ref().copied(),
                    "{name} {port}"
                );
                answer.err()
            })
            .map(|reason| reason.to_string())
            .collect();
        tally.ports += 1;
        tally.challengeable += usize::from(truth);
        match (truth, reasons.first()) {
            (true, Some(reason)) => {
                tally.false_alarms += 1;
                println!("false alarm: {name} ({}), port {port}: {reason}", ruleset.title);
            }
            (false, None) => {
                tally.missed += 1;
                println!("missed: {name} ({}), port {port}", ruleset.title);
            }
            (false, Some(reason)) if std::env::var("RULESETS_REASONS").is_ok() => {
                println!("right: {name}, port {port}: {reason}");
            }
            _ => {}
        }
    }
}

/// Replaces a few values by others that make no sense.
fn garble(value: &mut Value) {
    if fastrand::u32(..200) == 0 {
        let others =
            [json!(null), json!("x"), json!(-5), json!([]), json!({}), json!("@x"), json!(u64::MAX)];
        *value = others[fastrand::usize(..others.len())].clone();
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(garble),
        Value::Object(object) => object.values_mut().for_each(garble),
        Value::String(word) if fastrand::u32(..50) == 0 => word.push_str("\u{e9}\" -"),
        _ => {}
    }
}

#[test]
fn text_that_makes_no_sense_is_survived() {
    for file in files() {
        let seed = fastrand::u64(..);
        fastrand::seed(seed);
        println!("{} with seed {seed}", file.display());
        let mut ruleset = read(&file);
        ruleset.nft.iter_mut().chain(&mut ruleset.nft_sets).for_each(garble);
        for lines in [&mut ruleset.iptables, &mut ruleset.ip6tables, &mut ruleset.ipset] {
            lines.retain(|_| fastrand::u32(..20) > 0);
            for line in lines.iter_mut().filter(|_| fastrand::u32(..5) == 0) {
                let mut words: Vec<&str> = line.split(' ').collect();
                words.remove(fastrand::usize(..words.len()));
                *line = words.join(" ");
            }
        }
        let judge = ruleset.judge();
        for port in ruleset.ports.keys() {
            // Any answer will do.
            let _ = judge.challengeable(*port, Family::V4);
            let _ = judge.challengeable(*port, Family::V6);
        }
    }
}
