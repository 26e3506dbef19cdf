// SPDX-License-Identifier: GPL-2.0-only
//! Reads what `nft -j -t list ruleset` prints.

mod fields;
mod statements;
mod text;
mod values;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::Family;
use super::rules::{Base, Chain, Hook, Rule, Ruleset, Step};
use statements::Context;

/// A thing of a table: family, table, name.
type Id = (String, String, String);

/// What `nft` has printed, object by object.
#[derive(Debug, Default)]
pub struct Listing {
    objects: Vec<(String, Value)>,
    /// Elements of named sets and maps, where they were printed.
    elements: HashMap<Id, Vec<Value>>,
    /// Sets that rules write into: they have other elements whenever a packet comes.
    written: HashSet<Id>,
}

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedSet {
    pub family: String,
    pub table: String,
    pub name: String,
    pub is_map: bool,
}

impl Listing {
    /// `ruleset` may lack the elements of sets, which `sets` has. Fails if it is no such JSON.
    pub fn read(ruleset: &str, sets: &[String]) -> Result<Self, serde_json::Error> {
        let mut listing = Self::default();
        if ruleset.trim().is_empty() {
            return Ok(listing);
        }
        listing.objects = objects(ruleset)?;
        let mut full = Vec::new();
        for set in sets {
            full.extend(objects(set)?);
        }
        for (kind, set) in listing.objects.iter().chain(&full) {
            if matches!(kind.as_str(), "set" | "map")
                && let Some(elements) = set["elem"].as_array()
            {
                listing.elements.insert(id(set), elements.clone());
            }
        }
        // A set that was asked for by name and printed without elements is empty.
        for (kind, set) in &full {
            if matches!(kind.as_str(), "set" | "map") {
                listing.elements.entry(id(set)).or_default();
            }
        }
        listing.find_written();
        Ok(listing)
    }

    fn find_written(&mut self) {
        for (_, rule) in self.objects.iter().filter(|(kind, _)| kind == "rule") {
            for expression in rule["expr"].as_array().into_iter().flatten() {
                let names = [&expression["set"]["set"], &expression["map"]["map"]];
                for name in names.into_iter().filter_map(Value::as_str) {
                    let name = name.trim_start_matches('@').into();
                    self.written.insert((word(rule, "family"), word(rule, "table"), name));
                }
            }
        }
        self.elements.retain(|id, _| !self.written.contains(id));
    }

    /// Sets that rules use, and whose elements are missing. Sets of addresses alone are not among
    /// them: they tell clients from each other, not a SYN from an ACK.
    pub fn missing_sets(&self) -> Vec<NamedSet> {
        let used: String = (self.objects.iter())
            .filter(|(kind, _)| kind == "rule")
            .map(|(_, rule)| rule["expr"].to_string())
            .collect();
        let mut missing = Vec::new();
        for (kind, set) in &self.objects {
            let is_map = kind == "map";
            let wanted = is_map || kind == "set" && !is_of_addresses(&set["type"]);
            let (family, table, name) = id(set);
            let is_used = used.contains(&format!("\"@{name}\""));
            let is_known = self.elements.contains_key(&id(set)) || self.written.contains(&id(set));
            if wanted && is_used && !is_known {
                missing.push(NamedSet { family, table, name, is_map });
            }
        }
        missing
    }

    /// Whether a table says something of itself that this version of nft prints wrongly.
    pub fn has_garbled_flags(&self) -> bool {
        let mut tables = self.objects.iter().filter(|(kind, _)| kind == "table");
        tables.any(|(_, table)| is_dormant(&table["flags"]).is_none())
    }

    /// Adds the chains to the others. `text` is what `nft -t list ruleset` prints, if it is known.
    /// `is_elsewhere` tells chains that another tool has printed better, by family, table and chain.
    pub fn add_to(
        &self,
        rules: &mut Ruleset,
        text: &str,
        is_elsewhere: &dyn Fn(&str, &str, &str) -> bool,
    ) {
        let mut dormant = BTreeMap::new();
        let mut chains = HashMap::new();
        for (kind, object) in &self.objects {
            match kind.as_str() {
                "table" => {
                    let table = (word(object, "family"), word(object, "name"));
                    let is = is_dormant(&object["flags"]).or_else(|| dormant_by_text(text, &table));
                    dormant.insert(table, is);
                }
                "chain" => {
                    let (family, table, name) = id(object);
                    let mut base = base(object).filter(|_| !is_elsewhere(&family, &table, &name));
                    match dormant.get(&(family.clone(), table.clone())).unwrap_or(&Some(false)) {
                        Some(true) => base = None,
                        Some(false) => {}
                        None => base.iter_mut().for_each(|base| base.is_doubtful = true),
                    }
                    chains.insert((family.clone(), table.clone(), name.clone()), rules.chains.len());
                    let name = format!("chain {name} of table {family} {table}");
                    rules.chains.push(Chain { name, rules: Vec::new(), base });
                }
                _ => {}
            }
        }
        for (number, (kind, object)) in self.objects.iter().enumerate() {
            let chain = (word(object, "family"), word(object, "table"), word(object, "chain"));
            if kind == "rule"
                && let Some(&at) = chains.get(&chain)
            {
                let rule = self.rule(object, number, &chains);
                rules.chains[at].rules.push(rule);
            }
        }
    }

    fn rule(&self, object: &Value, number: usize, chains: &HashMap<Id, usize>) -> Rule {
        let context = Context {
            family: word(object, "family"),
            table: word(object, "table"),
            place: format!("rule {number}"),
            elements: &self.elements,
            chains,
        };
        let expressions = object["expr"].as_array().map(Vec::as_slice).unwrap_or_default();
        let steps: Vec<Step> = (expressions.iter().enumerate())
            .flat_map(|(at, expression)| context.steps(expression, at))
            .collect();
        Rule { text: text::rule(expressions), steps }
    }
}

/// The objects of a listing, with their kinds.
fn objects(json: &str) -> Result<Vec<(String, Value)>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Top {
        nftables: Vec<serde_json::Map<String, Value>>,
    }
    let top: Top = serde_json::from_str(json)?;
    Ok(top.nftables.into_iter().flatten().collect())
}

fn word(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().into()
}

/// One string, or a list of them.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

fn id(object: &Value) -> Id {
    (word(object, "family"), word(object, "table"), word(object, "name"))
}

fn is_of_addresses(kind: &Value) -> bool {
    let is_address =
        |kind: &Value| matches!(kind.as_str(), Some("ipv4_addr" | "ipv6_addr" | "ether_addr"));
    match kind.as_array() {
        Some(kinds) => kinds.iter().all(is_address),
        None => is_address(kind),
    }
}

/// Whether a table's chains are out of use. None if the flags make no sense: before version 1.0.8,
/// nft prints any word in place of "dormant" and "owner".
fn is_dormant(flags: &Value) -> Option<bool> {
    if flags.is_null() {
        return Some(false);
    }
    let flags = strings(flags);
    if flags.contains(&"dormant") {
        Some(true)
    } else if flags.iter().all(|flag| matches!(*flag, "owner" | "persist")) {
        Some(false)
    } else {
        None
    }
}

fn dormant_by_text(text: &str, (family, name): &(String, String)) -> Option<bool> {
    let heading = format!("table {family} {name} {{");
    let mut lines = text.lines().skip_while(|line| line.trim_end() != heading).skip(1);
    let flags = lines.find(|line| !line.trim_start().starts_with("comment"))?.trim();
    Some(
        flags
            .strip_prefix("flags ")
            .is_some_and(|flags| flags.split([',', ' ', ';']).any(|flag| flag == "dormant")),
    )
}

/// None for a chain that is reached by jumps only, or not on the way.
fn base(chain: &Value) -> Option<Base> {
    let hook = match chain["hook"].as_str()? {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "output" => Hook::Output,
        "postrouting" | "egress" => Hook::Postrouting,
        _ => return None,
    };
    let family = match chain["family"].as_str()? {
        "ip" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        "inet" | "netdev" | "bridge" => None,
        _ => return None,
    };
    let devices = strings(&chain["dev"]).into_iter().map(String::from).collect();
    Some(Base {
        hook,
        priority: chain["prio"].as_i64().unwrap_or_default(),
        is_nat: chain["type"] == "nat",
        accepts: chain["policy"] != "drop",
        family,
        is_bridge: chain["family"] == "bridge",
        devices,
        is_doubtful: false,
    })
}
