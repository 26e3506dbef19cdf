// SPDX-License-Identifier: GPL-2.0-only
//! The settings of a run, from its `start` line.

use serde_json::{Map, Value};

use super::figures;
use crate::policy::Rate;

/// Names of a list before it says how many more there are.
const MAX_LISTED: usize = 8;

/// Field, what it is called, and how it is shown.
type Field = (&'static str, &'static str, fn(&Value) -> String);

const FIELDS: [Field; 15] = [
    ("interfaces", "interfaces", interfaces),
    ("ports", "ports", ports),
    ("connection_limit", "connections of each source", limit),
    ("syn_limit", "SYNs of each source, unasked", limit),
    ("pass_rate", "pass rate", rate),
    ("unchallenged_rate", "unchallenged rate", rate),
    ("challenge", "challenges", plain),
    ("challenge_rate", "cookies sent", rate),
    ("cookies", "whose cookies", plain),
    ("services", "services", services),
    ("unchallenged", "ports not challenged", unchallenged),
    ("allowed_networks", "networks allowed", plain),
    ("denied_networks", "networks denied", plain),
    ("ipv4_prefix", "bits of an IPv4 source", plain),
    ("ipv6_prefix", "bits of an IPv6 source", plain),
];

#[derive(Debug, Default)]
pub struct Settings {
    /// What it is called, and its value.
    pub rows: Vec<(&'static str, String)>,
    pub interfaces: Vec<String>,
    pub is_dry_run: bool,
}

impl Settings {
    pub fn of(start: &Map<String, Value>) -> Self {
        let field = |(field, name, show): Field| Some((name, figures::text(&show(start.get(field)?))));
        let names = start.get("interfaces").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(|interface| interface["name"].as_str().map(figures::text));
        Self {
            rows: FIELDS.into_iter().filter_map(field).collect(),
            interfaces: names.take(MAX_LISTED).collect(),
            is_dry_run: start.get("dry_run") == Some(&Value::Bool(true)),
        }
    }

    /// "pass rate 900/s (before: 1000/s)" for each that is not as it was.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let is_new = |row: &&(&str, String)| !before.rows.contains(row);
        let was = |name: &str| {
            before.rows.iter().find(|row| row.0 == name).map_or("–", |row| row.1.as_str())
        };
        let rows = self.rows.iter().filter(is_new);
        let changes = rows.map(|(name, value)| format!("{name} {value} (before: {})", was(name)));
        let dry_run = match (before.is_dry_run, self.is_dry_run) {
            (false, true) => Some("a dry run from now on"),
            (true, false) => Some("no dry run any more"),
            _ => None,
        };
        changes.chain(dry_run.map(String::from)).collect()
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn rate(value: &Value) -> String {
    match value.as_f64() {
        // The shortest text that is this rate.
        Some(per_second) => {
            let rate: Result<Rate, _> = per_second.to_string().parse();
            rate.map_or_else(|_| format!("{per_second}/s"), |rate| rate.to_string())
        }
        None => "no limit".into(),
    }
}

fn limit(value: &Value) -> String {
    match value {
        Value::Object(limit) => {
            let of = |field| limit.get(field).unwrap_or(&Value::Null);
            format!("{} at once, {}", of("burst"), rate(of("rate")))
        }
        _ => "no limit".into(),
    }
}

fn list<T>(all: &[T], show: impl Fn(&T) -> String) -> String {
    let shown: Vec<String> = all.iter().take(MAX_LISTED).map(show).collect();
    let shown = shown.join(", ");
    match all.len().saturating_sub(MAX_LISTED) {
        0 if all.is_empty() => "none".into(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn interfaces(value: &Value) -> String {
    let all = value.as_array().map_or(&[][..], Vec::as_slice);
    list(all, |interface| format!("{} ({})", plain(&interface["name"]), plain(&interface["mode"])))
}

fn ports(value: &Value) -> String {
    match value {
        Value::Array(ports) => list(ports, plain),
        Value::Null => "all".into(),
        other => plain(other),
    }
}

fn services(value: &Value) -> String {
    let all = value.as_array().map_or(&[][..], Vec::as_slice);
    list(all, |service| {
        let limit = match &service["limit"] {
            Value::Null => "the same limits".into(),
            own => limit(own),
        };
        let challenge = if service["challenge"] == false { ", not challenged" } else { "" };
        format!("{} (port {}: {limit}{challenge})", plain(&service["name"]), ports(&service["ports"]))
    })
}

fn unchallenged(value: &Value) -> String {
    let ports: Vec<_> = value.as_object().into_iter().flat_map(Map::keys).collect();
    list(&ports, |port| (*port).clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start(pass_rate: f64) -> Map<String, Value> {
        let start = json!({
            "interfaces": [{"name": "eth0", "mode": "skb"}, {"name": "eth1", "mode": "native"}],
            "syn_limit": {"burst": 100, "rate": 20.0},
            "connection_limit": null,
            "pass_rate": pass_rate,
            "challenge_rate": null,
            "ports": null,
            "services": [{"name": "ssh", "ports": [22], "limit": {"burst": 3, "rate": 0.1}, "challenge": false}],
            "unchallenged": (1..12).map(|port| (port.to_string(), Value::from("a reason"))).collect::<Map<_, _>>(),
            "dry_run": pass_rate < 1.0,
        });
        start.as_object().unwrap().clone()
    }

    #[test]
    fn settings_are_words() {
        let settings = Settings::of(&start(1000.0));
        let of = |name| &settings.rows.iter().find(|row| row.0 == name).unwrap().1;
        assert_eq!(of("interfaces"), "eth0 (skb), eth1 (native)");
        assert_eq!(of("connections of each source"), "no limit");
        assert_eq!(of("SYNs of each source, unasked"), "100 at once, 20/s");
        assert_eq!(of("pass rate"), "1000/s");
        assert_eq!(of("services"), "ssh (port 22: 3 at once, 6/m, not challenged)");
        assert!(of("ports not challenged").ends_with(" and 3 more"));
        assert_eq!(settings.interfaces, ["eth0", "eth1"]);
    }

    #[test]
    fn changes_name_what_was_before() {
        let (before, now) = (Settings::of(&start(1000.0)), Settings::of(&start(0.5)));
        assert_eq!(
            now.changes_since(&before),
            ["pass rate 30/m (before: 1000/s)", "a dry run from now on"]
        );
        assert!(now.changes_since(&now).is_empty());
    }

    #[test]
    fn anything_may_be_there_instead() {
        for other in [json!(7), json!("x"), json!([1]), json!({"a": 1}), json!(null), json!(-1e300)] {
            let all = FIELDS.map(|(field, ..)| (field.to_owned(), other.clone()));
            assert_eq!(Settings::of(&all.into_iter().collect()).rows.len(), FIELDS.len());
        }
    }
}
