// SPDX-License-Identifier: GPL-2.0-only
//! The results of a run in words, for the terminal and the README.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use lab::machine::Machine;
use lab::netns::Netns;

use crate::act::Act;
use crate::clients::{CLIENT_COUNT, INTERVAL, PATIENCE};
use crate::measure::Felt;
use crate::network::{INTERNET_CPU, SERVER_CPU};
use crate::{bars, picture};

const DOCUMENT: &str = "README.md";
const BEGIN: &str = "<!-- demo: written by `make demo-publish` -->\n";
const END: &str = "<!-- end of demo -->\n";
const PICTURE: &str = "docs/plots/demo.svg";

/// What was felt in all acts.
#[derive(Debug)]
pub struct Results {
    pub calm: Felt,
    pub acts: Vec<Played>,
}

/// What was felt in an act.
#[derive(Debug)]
pub struct Played {
    pub act: &'static Act,
    pub without: Felt,
    pub with: Felt,
}

impl Played {
    /// The flood, and what was sent of it.
    pub fn title(&self) -> String {
        let [without, with] = [self.without, self.with].map(|felt| thousands(felt.sent));
        format!("{}: {without} SYN/s without, {with} with", self.act.name)
    }

    /// How much of what was sent the protection kept from TCP.
    pub fn reached_tcp(&self) -> String {
        let [without, with] = [self.without, self.with].map(|felt| thousands(felt.to_tcp));
        format!("Segments that reached the server's TCP: {without}/s without, {with}/s with.")
    }
}

/// What is done and measured.
pub fn method(server: &Netns) -> Result<String> {
    let machine = Machine::of_this_run()?;
    let cookies = server.run("sysctl", &["-n", "net.ipv4.tcp_syncookies"]);
    let (cookies, patience) = (cookies.trim(), PATIENCE.as_secs());
    let each = (1.0 / INTERVAL.as_secs_f64()).round();
    Ok(format!(
        "\
{machine}. All in network namespaces: its own network is not touched.
CPU {INTERNET_CPU} is the internet. An XDP program floods, as fast as this one CPU goes. {CLIENT_COUNT} clients request {each}
pages a second each, every page over a new connection, and give up after {patience} s.
CPU {SERVER_CPU} is the server: nginx, and the work on all packets that arrive there (by RPS). CPU LEFT is the
share of it that packets leave. Its sysctls are the defaults: net.ipv4.tcp_syncookies is {cookies}.
`with` is `synflood-xdp --iface eth0`: default options. As eth0 is a veth, it attaches behind the
driver (skb), which is its slower mode."
    ))
}

/// Writes the table into the README, and draws the picture.
pub fn publish(results: &Results) -> Result<()> {
    let table: String = table(results).lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("\n{}:\n\n{table}", Machine::of_this_run()?);
    bench::replace_between(Path::new(DOCUMENT), BEGIN, END, &text)?;
    picture::draw(results, Path::new(PICTURE))?;
    println!("written: {DOCUMENT}, {PICTURE}");
    Ok(())
}

fn table(results: &Results) -> String {
    let most = results.calm.pages;
    let mut text = format!("{}\n{}\n", bars::heading(), bars::line("calm", &results.calm, most));
    for played in &results.acts {
        let _ = writeln!(text, "{}", played.title());
        let _ = writeln!(text, "{}", bars::line("without", &played.without, most));
        let _ = writeln!(text, "{}", bars::line("with", &played.with, most));
    }
    text
}

/// "1,234,000": to three digits, as more would be noise.
fn thousands(number: f64) -> String {
    let scale = 10_f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = ((number / scale).round() * scale).to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[test]
fn numbers_have_three_digits_and_commas() {
    let words = [0.0, 7.0, 999.4, 1234.0, 412_345.0, 1_239_999.0].map(thousands);
    assert_eq!(words, ["0", "7", "999", "1,230", "412,000", "1,240,000"]);
}
