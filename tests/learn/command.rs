// SPDX-License-Identifier: GPL-2.0-only
//! `synflood-xdp learn`, from files to what it says.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lab::captures::path;
use lab::stacks::{Crowd, STACKS};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use serde_json::Value;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(lab::binary!());
    command.arg("learn").args(args);
    command
}

/// A capture of honest clients, from the IP header on.
fn honest(folder: &Path, name: &str, syns: usize, seed: u64) -> String {
    let file = folder.join(name);
    let header = PcapHeader { datalink: DataLink::RAW, ..Default::default() };
    let mut writer = PcapWriter::with_header(File::create(&file).unwrap(), header).unwrap();
    for packet in Crowd::new(STACKS, 1000, seed).take(syns) {
        let length = packet.len() as u32;
        writer.write_packet(&PcapPacket::new(Duration::ZERO, length, &packet)).unwrap();
    }
    file.to_str().unwrap().into()
}

fn capture(name: &str) -> String {
    path(name).to_str().unwrap().into()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn assert_refused(args: &[&str], status: i32, why: &[&str]) {
    let output = command(args).stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{error}");
    for words in why {
        assert!(error.contains(words), "\"{words}\" is not in: {error}");
    }
}

#[test]
fn captures_give_a_rule_with_what_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (peace, attack) = (honest(folder.path(), "peace.pcap", 6000, 1), capture("hping3"));
    let text = said(&command(&["--attack", &attack, "--honest", &peace]).output().unwrap());
    for words in [
        "hping3.pcap: 400 SYNs",
        "peace.pcap: 6000 SYNs",
        "rule     win 512, no options",
        "share 100 %, honest hits 0 of ",
        "spec     ipv4,",
        "tcp[14:2] = 512",
    ] {
        assert!(text.contains(words), "\"{words}\" is not in: {text}");
    }
    let json = said(&command(&["--attack", &attack, "--honest", &peace, "--json"]).output().unwrap());
    let json: Value = serde_json::from_str(&json).unwrap();
    let rule = &json["rules"][0];
    assert_eq!((&rule["share"], &rule["honest_hits"]), (&1.0.into(), &0.into()), "{json}");
    assert!(rule["bound"].as_f64().unwrap() < 0.001, "{json}");
    assert_eq!(json["notes"], Value::Array(vec![]), "{json}");
}

#[test]
fn several_files_and_standard_input_are_one_sample() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (honest(folder.path(), "one", 300, 1), honest(folder.path(), "other", 900, 2));
    let hping3 = fs::File::open(path("hping3")).unwrap();
    let args =
        ["--attack", "-", "--attack", &capture("zmap"), "--honest", &one, "--honest", &other, "--json"];
    let json = said(&command(&args).stdin(hping3).output().unwrap());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["attack"]["syns"], &json["honest"]["syns"]), (&800.into(), &1200.into()));
    assert_eq!(json["attack"]["files"][0]["name"], "standard input");
    assert!(json["share"].as_f64().unwrap() > 0.99, "{json}");
}

#[test]
fn where_no_rule_is_found_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (peace, few) = (honest(folder.path(), "peace", 6000, 1), honest(folder.path(), "few", 100, 2));
    let copy = honest(folder.path(), "copy", 2000, 3);
    let hping3 = capture("hping3");
    let expected: [(&str, &str, &[&str]); 3] = [
        (&hping3, &few, &["no rule for IPv4: too few honest SYNs", " of 500"]),
        (&few, &peace, &["too few SYNs of an attack, 100 of 200"]),
        (&copy, &peace, &["no rule for IPv4: whatever 10 % or more", "no rule for IPv6: whatever"]),
    ];
    for (attack, honest, why) in expected {
        let text = said(&command(&["--attack", attack, "--honest", honest]).output().unwrap());
        for words in why {
            assert!(text.contains(words), "\"{words}\" is not in: {text}");
        }
        // A program tells it by the list, as the exit status is that of a success.
        let json =
            said(&command(&["--attack", attack, "--honest", honest, "--json"]).output().unwrap());
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["rules"], &json["share"]), (&Value::Array(vec![]), &0.0.into()), "{json}");
    }
}

#[test]
fn what_is_no_capture_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let peace = honest(folder.path(), "peace", 600, 1);
    let file = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let whole = fs::read(path("hping3")).unwrap();
    let none = file("none", &whole[..24]);
    let text = file("text", b"port 80 is under attack");
    let cut = file("cut", &whole[..40]);
    let folder = folder.path().to_str().unwrap();
    for (attack, why) in [
        (none.as_str(), &["no SYN is in", "none (packets: 0)", "tcpdump"][..]),
        (&text, &["cannot read", "text: it is no capture", "tcpdump -w"]),
        (&cut, &["no SYN is in", "ends in the middle of a packet"]),
        (folder, &["cannot read", "directory"]),
        ("/nowhere", &["cannot read /nowhere", "No such file"]),
    ] {
        assert_refused(&["--attack", attack, "--honest", &peace], 1, why);
    }
    assert_refused(&["--attack", "-", "--honest", "-"], 1, &["standard input can be read once"]);
}
