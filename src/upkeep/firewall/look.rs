// SPDX-License-Identifier: GPL-2.0-only
//! One look at the firewall: asks the tools, and those only that have something to tell.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;

use crate::firewall::{Evidence, Facts, Family, Listing, Saved};
use crate::kernel::interface::uppers;
use crate::kernel::netlink;
use crate::kernel::nftables::Tables;
use crate::kernel::sysctl;
use crate::note::Note;

use super::tools::{ALL, Failure, run};

/// Octets of a set's listing, which is about 4096 elements. A larger set is taken for unknown.
const SET: u64 = 256 << 10;
/// `NFPROTO_IPV4` and `NFPROTO_IPV6`.
const FAMILIES: [(Family, u8); 2] = [(Family::V4, 2), (Family::V6, 10)];

/// Remembers what need not be read again.
#[derive(Debug, Default)]
pub struct Looker {
    tables: Option<Tables>,
    /// Of the tables above.
    nft: Nft,
}

/// What is known of nf_tables.
#[derive(Debug, Default, Clone)]
struct Nft {
    listing: String,
    text: String,
    sets: Vec<String>,
    /// Of iptables-nft.
    saved: Vec<Saved>,
    unread: Option<String>,
}

impl Looker {
    /// Whether nf_tables has other rules than at the last look. (Those of iptables-legacy are not known to it.)
    pub fn has_news(&self) -> bool {
        Tables::read().is_ok_and(|tables| self.tables.as_ref() != Some(&tables))
    }

    /// What the tools print now, and what cannot be read.
    pub fn look(&mut self, interfaces: &[String]) -> (Evidence, Vec<Note>) {
        let mut notes = Vec::new();
        let tables = Tables::read();
        let is_known = tables.as_ref().is_ok_and(|tables| self.tables.as_ref() == Some(tables));
        if !is_known || self.nft.unread.is_some() {
            self.nft = match &tables {
                Ok(tables) if tables.names.is_empty() => Nft::default(),
                tables => Nft::read(tables.as_ref().ok()),
            };
            self.tables = tables.ok();
        }
        let nft = self.nft.clone();
        let mut evidence = Evidence {
            nft: nft.listing,
            nft_text: nft.text,
            nft_sets: nft.sets,
            iptables: nft.saved,
            unread: nft.unread,
            ..Evidence::default()
        };
        for (family, _) in FAMILIES {
            match legacy(family) {
                Ok(saved) => evidence.iptables.extend(saved),
                Err(reason) => {
                    evidence.unread.get_or_insert(reason);
                }
            }
        }
        if evidence.iptables.iter().any(|saved| saved.text.contains("-set ")) {
            evidence.ipsets = ipsets();
        }
        evidence.facts = facts(interfaces);
        for interface in &evidence.facts.interfaces {
            match run(&["tc", "filter", "show", "dev", interface, "ingress"], ALL) {
                Ok(text) => evidence.tc.push((interface.clone(), text)),
                Err(failure) => notes.push(Note::info(format!(
                    "whether a filter of tc sees the packets from {interface} first is unknown, as tc {failure}: \
                     challenged clients may be refused by it"
                ))),
            }
        }
        if let Some(unread) = &evidence.unread {
            notes.push(Note::warning(format!(
                "no client is challenged, as the firewall's rules may refuse challenged ones and cannot be \
                 read: {unread}"
            )));
        }
        (evidence, notes)
    }
}

impl Nft {
    /// `tables` are None if the kernel does not tell.
    fn read(tables: Option<&Tables>) -> Self {
        let mut nft = Self::default();
        // Before version 0.9.4 there is no "-t".
        let listing =
            run(&["nft", "-j", "-t", "list", "ruleset"], ALL).or_else(|failure| match failure {
                Failure::Failed(_) => run(&["nft", "-j", "list", "ruleset"], ALL),
                other => Err(other),
            });
        match listing {
            Ok(listing) => nft.listing = listing,
            Err(failure) => {
                nft.unread = Some(format!("nft, which shows the rules of nf_tables, {failure}"));
            }
        }
        // Extensions of iptables are opaque to nft.
        if nft.listing.contains("\"xt\"") || nft.unread.is_some() {
            nft.saved = FAMILIES.into_iter().filter_map(|(family, _)| saved_in_nft(family)).collect();
        }
        if nft.unread.is_some() && tables.is_some_and(|tables| nft.has_saved_all(tables)) {
            nft.unread = None;
        }
        if let Ok(listing) = Listing::read(&nft.listing, &[]) {
            if listing.has_garbled_flags() {
                nft.text = run(&["nft", "-t", "list", "ruleset"], ALL).unwrap_or_default();
            }
            for set in listing.missing_sets() {
                let kind = if set.is_map { "map" } else { "set" };
                let command = ["nft", "-j", "list", kind, &set.family, &set.table, &set.name];
                nft.sets.extend(run(&command, SET));
            }
        }
        nft
    }

    /// Whether iptables-nft has shown each table that there is.
    fn has_saved_all(&self, tables: &Tables) -> bool {
        tables.names.iter().all(|(number, name)| {
            let heading = format!("*{name}");
            FAMILIES.iter().filter(|(_, family)| family == number).any(|(family, _)| {
                let mut saved = self.saved.iter().filter(|saved| saved.family == *family);
                saved.any(|saved| saved.text.lines().any(|line| line == heading))
            })
        })
    }
}

/// Tools that print the rules of iptables: of one backend, and of whichever the host prefers.
fn savers(family: Family, backend: &str) -> [String; 2] {
    let name = if family == Family::V4 { "iptables" } else { "ip6tables" };
    [format!("{name}-{backend}-save"), format!("{name}-save")]
}

/// What a saver of iptables says of itself if it speaks to nf_tables.
fn is_of_nft(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains("(nf_tables)") || line.contains("-nft-save"))
}

/// The saver that speaks to nf_tables prints nothing if that has no tables.
fn is_of_legacy(text: &str) -> bool {
    text.lines().any(|line| line.starts_with('*')) && !is_of_nft(text)
}

fn saved_in_nft(family: Family) -> Option<Saved> {
    let texts = savers(family, "nft").into_iter().filter_map(|tool| run(&[&tool], ALL).ok());
    let text = texts.into_iter().find(|text| is_of_nft(text))?;
    Some(Saved { family, is_legacy: false, text: without_counters(&text) })
}

/// The older iptables, whose tables nft does not show. Fails with what is there and cannot be read.
fn legacy(family: Family) -> Result<Option<Saved>, String> {
    let version = if family == Family::V4 { "ip" } else { "ip6" };
    let path = format!("/proc/net/{version}_tables_names");
    match fs::read_to_string(&path) {
        Ok(tables) if tables.trim().is_empty() => return Ok(None),
        Ok(_) => {}
        // A kernel without iptables.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Only root and its group may read it.
        Err(error) => {
            return Err(format!("{path}, which names the tables of the older iptables: {error}"));
        }
    }
    let [legacy, preferred] = savers(family, "legacy");
    let text = run(&[&legacy], ALL).or_else(|failure| match run(&[&preferred], ALL) {
        Ok(text) if is_of_legacy(&text) => Ok(text),
        _ => Err(failure),
    });
    match text {
        Ok(text) => Ok(Some(Saved { family, is_legacy: true, text: without_counters(&text) })),
        Err(failure) => Err(format!("{legacy}, which shows the older rules of iptables, {failure}")),
    }
}

/// Without what changes while the rules do not: the time in comments, and counters.
fn without_counters(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| match line.split_once(" [") {
            Some((chain, _)) if line.starts_with(':') => [chain, "\n"],
            _ => [line, "\n"],
        })
        .collect()
}

/// `ipset save`, but only of sets that know ports, and of their types: lists of addresses may be long.
/// A set that is not listed is taken for unknown.
fn ipsets() -> String {
    let headers = run(&["ipset", "list", "-terse"], ALL).unwrap_or_default();
    let mut saved = String::new();
    let mut name = "";
    for line in headers.lines() {
        if let Some(found) = line.strip_prefix("Name: ") {
            name = found;
        } else if let Some(kind) = line.strip_prefix("Type: ") {
            let listed =
                if kind.contains("port") { run(&["ipset", "save", name], SET).ok() } else { None };
            match listed {
                Some(text) => saved += &text,
                None if kind.contains("port") => {}
                None => saved += &format!("create {name} {kind}\n"),
            }
        }
    }
    saved
}

fn facts(interfaces: &[String]) -> Facts {
    // Without the tool, what it would tell is taken to be there: it matters to few rules.
    let ip = |arguments: [&str; 3]| run(&[&["ip"], &arguments[..]].concat(), ALL);
    let reads_mark = |arguments| ip(arguments).map_or(true, |rules| rules.contains("fwmark"));
    // Before conntrack is in use, there is no such setting.
    let loose = sysctl::number_if_there("net.netfilter.nf_conntrack_tcp_loose");
    let mut all = BTreeSet::new();
    interfaces.iter().for_each(|interface| add_uppers(&mut all, interface));
    let addresses = own_addresses();
    Facts {
        interfaces: all.into_iter().collect(),
        addresses,
        picks_up: !matches!(loose, Ok(Some(0))),
        has_ipsec: ip(["xfrm", "policy", "list"]).map_or(true, |policies| !policies.trim().is_empty()),
        routes_by_mark: reads_mark(["-4", "rule", "show"]) || reads_mark(["-6", "rule", "show"]),
    }
}

/// None if they are unknown, or whole networks: then more rules count.
fn own_addresses() -> Vec<IpAddr> {
    let routes = netlink::local_routes().unwrap_or_default();
    let address = |route: &netlink::LocalRoute| {
        let is_single = route.network.prefix_len() == route.network.max_prefix_len();
        is_single.then(|| route.network.addr())
    };
    routes.iter().map(address).collect::<Option<_>>().unwrap_or_default()
}

/// The interface and those on top of it: netfilter knows a packet by any of them.
fn add_uppers(all: &mut BTreeSet<String>, interface: &str) {
    if all.insert(interface.into()) {
        uppers(interface).iter().for_each(|upper| add_uppers(all, upper));
    }
}

#[cfg(test)]
mod tests {
    use super::{is_of_legacy, is_of_nft, without_counters};

    #[test]
    fn the_same_rules_look_the_same() {
        let text = "# Generated by iptables-save v1.8.9 (nf_tables) on Mon\n*filter\n\
                    :INPUT DROP [5:300]\n-A INPUT -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n";
        let rules = "*filter\n:INPUT DROP\n-A INPUT -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n";
        assert_eq!(without_counters(text), rules);
        assert!(is_of_nft(text) && !is_of_legacy(text));
    }

    #[test]
    fn only_rules_of_the_older_iptables_are_taken_for_them() {
        let text = "# Generated by iptables-save v1.8.9 on Mon\n*filter\n";
        assert!(is_of_legacy(text) && !is_of_nft(text));
        // What iptables-nft-save prints where nf_tables is empty.
        assert!(!is_of_legacy(""));
    }
}
