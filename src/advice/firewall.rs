// SPDX-License-Identifier: GPL-2.0-only
//! Rules of the host's firewall that stop a challenged connection. To connection tracking it begins
//! with an ACK, as the SYN never came that far.

use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::kernel::sysctl;
use crate::note::Note;
use crate::policy::Policy;

/// For each command. A table of many thousand rules takes that long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Commands that show the rules of every backend. A missing command has none to show.
const LISTINGS: [&[&str]; 5] = [
    &["nft", "list", "ruleset"],
    &["iptables-save"],
    &["ip6tables-save"],
    &["iptables-legacy-save"],
    &["ip6tables-legacy-save"],
];

/// Rules in the way, as the firewall's own tools print them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Obstacles {
    /// Drops or rejects a new connection that does not begin with a SYN.
    only_with_syn: Option<String>,
    /// Sends a port elsewhere: REDIRECT, DNAT, a container's port mapping.
    redirected: Option<String>,
}

pub fn advice(policy: &Policy) -> Vec<Note> {
    let mut advice = Vec::new();
    if sysctl::number("net.netfilter.nf_conntrack_tcp_loose").ok() == Some(0) {
        advice.push(Note::warning(
            "the firewall will refuse challenged clients, whose connections begin with an ACK to it: \
             net.netfilter.nf_conntrack_tcp_loose is 0; set it to 1, or use --challenge off",
        ));
    }
    let obstacles = obstacles(|port| policy.challenges(port));
    if let Some(rule) = obstacles.only_with_syn {
        advice.push(Note::warning(format!(
            "the firewall will refuse challenged clients, whose connections begin with an ACK to it, by the \
             rule `{rule}`: remove it, or use --challenge off"
        )));
    }
    if let Some(rule) = obstacles.redirected {
        advice.push(Note::warning(format!(
            "challenged clients will not reach what the rule `{rule}` redirects to, as their connections \
             begin with an ACK to it: let a listener have the port itself, or leave the port out by \
             --challenge-port"
        )));
    }
    advice
}

/// The first rule of each kind that concerns a port for which `is_challenged`.
fn obstacles(is_challenged: impl Fn(u16) -> bool) -> Obstacles {
    let mut obstacles = Obstacles::default();
    for listing in LISTINGS {
        let Ok(rules) = rules(listing) else { continue };
        for line in rules.lines().map(str::trim) {
            if !concerns(line, &is_challenged) {
                continue;
            }
            if wants_syn(line) {
                obstacles.only_with_syn.get_or_insert_with(|| line.into());
            }
            if redirects(line) {
                obstacles.redirected.get_or_insert_with(|| line.into());
            }
        }
    }
    obstacles
}

/// What a command prints. One that hangs is ended: the run waits for it.
fn rules(listing: &[&str]) -> io::Result<String> {
    let mut command = Command::new(listing[0]);
    command.args(&listing[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn()?;
    let mut stdout = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (send, read) = channel();
    thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        let outcome = stdout.read_to_end(&mut text);
        // Fails only if it took too long.
        let _ = send.send(outcome.map(|_| String::from_utf8_lossy(&text).into_owned()));
    })?;
    let outcome = read.recv_timeout(PATIENCE);
    process.kill()?;
    process.wait()?;
    outcome.map_err(|_| io::ErrorKind::TimedOut)?
}

fn wants_syn(rule: &str) -> bool {
    let is_new = rule.contains("ct state") && rule.contains("new") || rule.contains("state NEW");
    let is_no_syn =
        rule.contains("!= syn") || rule.contains("! --tcp-flags") || rule.contains("! --syn");
    let refuses =
        ["drop", "reject", "-j DROP", "-j REJECT"].iter().any(|verdict| rule.contains(verdict));
    is_new && is_no_syn && refuses
}

fn redirects(rule: &str) -> bool {
    let words = ["redirect", "dnat", "REDIRECT", "DNAT"];
    rule.split_whitespace().any(|word| words.contains(&word))
}

/// Whether a rule is for TCP to such a port. A rule without a port is for all ports.
fn concerns(rule: &str, is_challenged: impl Fn(u16) -> bool) -> bool {
    if rule.contains("udp") && !rule.contains("tcp") {
        return false;
    }
    let mut words =
        rule.split_whitespace().skip_while(|word| !word.trim_start_matches('-').starts_with("dport"));
    words.next();
    let mut named =
        words.map_while(|word| ports(word.trim_matches(['{', '}', ',']))).flatten().peekable();
    named.peek().is_none() || named.any(|mut range| range.any(&is_challenged))
}

/// "80", "80,443", "8000-9000", "8000:9000"; empty for a brace alone, None for any other word.
fn ports(word: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let range = |text: &str| {
        let (first, last) = text.split_once(['-', ':']).unwrap_or((text, text));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    word.split(',').filter(|part| !part.is_empty()).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::{concerns, redirects, wants_syn};

    #[test]
    fn rules_that_want_a_syn_first_are_known() {
        for rule in [
            "tcp flags != syn / fin,syn,rst,ack ct state new drop",
            "tcp flags & (fin | syn | rst | ack) != syn ct state new counter packets 0 bytes 0 reject",
            "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",
            "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m state --state NEW -j REJECT",
        ] {
            assert!(wants_syn(rule), "{rule}");
        }
        for rule in ["ct state new accept", "tcp flags syn ct state new drop", "ct state invalid drop"]
        {
            assert!(!wants_syn(rule), "{rule}");
        }
    }

    #[test]
    fn redirections_are_known_by_their_ports() {
        let web = |port| port == 80 || port == 443;
        for (rule, ours) in [
            ("tcp dport 80 redirect to :8080", true),
            ("tcp dport { 22, 443 } dnat to 10.1.0.2", true),
            ("tcp dport 8000-9000 redirect to :1", false),
            ("tcp dport 79-81 counter packets 0 bytes 0 redirect to :1", true),
            ("iifname \"eth0\" dnat to 10.1.0.2", true),
            ("udp dport 80 redirect to :8080", false),
            ("-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080", true),
            (
                "-A PREROUTING -p tcp -m multiport --dports 22,443 -j DNAT --to-destination 10.1.0.2",
                true,
            ),
            (
                "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
                false,
            ),
        ] {
            assert_eq!(redirects(rule) && concerns(rule, web), ours, "{rule}");
        }
        assert!(!redirects("tcp dport 80 accept"));
    }
}
