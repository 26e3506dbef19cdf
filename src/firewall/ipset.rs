// SPDX-License-Identifier: GPL-2.0-only
//! Reads what `ipset save` prints, as far as ports are in it.

use std::collections::HashMap;

use super::Family;
use super::rules::{Item, Key, Operand, Test};

/// The sets, by name.
#[derive(Debug, Default)]
pub struct Sets(HashMap<String, Set>);

#[derive(Debug, Default)]
struct Set {
    /// Like "hash:ip,port".
    kind: String,
    /// Of all entries, whatever the rest of an entry says. None if an entry is not understood.
    ports: Option<Vec<(u128, u128)>>,
}

impl Sets {
    pub fn read(text: &str) -> Self {
        let mut sets: HashMap<String, Set> = HashMap::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("create"), Some(name), Some(kind)) => {
                    sets.insert(name.into(), Set { kind: kind.into(), ports: Some(Vec::new()) });
                }
                (Some("add"), Some(name), Some(entry)) => {
                    if let Some(set) = sets.get_mut(name)
                        && let Some(ports) = &mut set.ports
                    {
                        match port_of(&set.kind, entry) {
                            Some(range) => ports.extend(range),
                            None => set.ports = None,
                        }
                    }
                }
                _ => {}
            }
        }
        Self(sets)
    }

    /// Whether a packet is in the set `name`, by the fields that `flags` names, like "src,dst".
    pub fn test(&self, name: &str, flags: &str, family: Family) -> Test {
        let in_set = Item::Unknown(format!("ipset {name}"));
        let by_client = || Test::unknown(Key::OfClient(format!("ipset {name} {flags} {family:?}")));
        let Some(set) = self.0.get(name) else {
            return by_client();
        };
        let dimensions = set.kind.split_once(':').map_or("", |(_, dimensions)| dimensions).split(',');
        let port_at = dimensions.clone().position(|dimension| dimension == "port");
        let is_marked = dimensions.clone().any(|dimension| dimension == "mark");
        if is_marked || set.kind.starts_with("list:") {
            return Test::unknown(Key::OfHistory(format!("ipset {name} {flags}")));
        }
        let (Some(port_at), Some(ports)) = (port_at, &set.ports) else {
            return by_client();
        };
        let key = match flags.split(',').nth(port_at) {
            Some("src") => Key::SourcePort,
            _ => Key::DestinationPort,
        };
        let is_all = dimensions.count() == 1;
        let operands = vec![Operand::of(key), Operand::of(Key::OfClient(format!("{name} {flags}")))];
        let rest = || if is_all { Item::Any } else { in_set.clone() };
        let elements = ports.iter().map(|&(low, high)| vec![Item::Range(low, high), rest()]).collect();
        Test::In { operands, elements, negate: false, if_absent: false }
    }
}

/// The ports of an entry, if they are TCP's; Some(None) if they are not. Without ports: all.
fn port_of(kind: &str, entry: &str) -> Option<Option<(u128, u128)>> {
    let dimensions = kind.split_once(':')?.1.split(',');
    let Some(at) = dimensions.clone().position(|dimension| dimension == "port") else {
        return Some(Some((0, 65535)));
    };
    let text = entry.split(',').nth(at)?;
    let text = match text.split_once(':') {
        Some(("tcp", port)) => port,
        Some(_) => return Some(None),
        None => text,
    };
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some(Some((low.parse().ok()?, high.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::Sets;
    use crate::firewall::Family;
    use crate::firewall::rules::{Item, Test};

    #[test]
    fn ports_of_entries_are_known() {
        let sets = Sets::read(
            "create web bitmap:port range 0-65535\nadd web 80\nadd web 90-99\n\
             create ok hash:ip,port family inet\nadd ok 10.0.0.1,tcp:22\nadd ok 10.0.0.1,udp:53\n",
        );
        let Test::In { elements, .. } = sets.test("web", "dst", Family::V4) else { panic!() };
        assert_eq!(elements[1], [Item::Range(90, 99), Item::Any]);
        let Test::In { elements, .. } = sets.test("ok", "src,dst", Family::V4) else { panic!() };
        assert_eq!(elements.len(), 1, "{elements:?}");
        assert!(matches!(elements[0][1], Item::Unknown(_)));
    }
}
