// SPDX-License-Identifier: GPL-2.0-only
//! The expressions of a rule: tests, verdicts, and what changes something.

use std::collections::HashMap;

use serde_json::Value;

use crate::firewall::rules::{
    ANSWERS, Action, Item, Key, MarkValue, Operand, REDIRECTS, Step, Test, UNCLEAR, Verdict,
};

use super::Id;
use super::fields::{operand, operands};
use super::values::{element, elements, number};

/// Where a rule stands.
pub struct Context<'a> {
    pub family: String,
    pub table: String,
    pub place: String,
    pub elements: &'a HashMap<Id, Vec<Value>>,
    pub chains: &'a HashMap<Id, usize>,
}

impl Context<'_> {
    /// `at` is the expression's place in the rule.
    pub fn steps(&self, expression: &Value, at: usize) -> Vec<Step> {
        let Some((kind, detail)) = expression.as_object().and_then(|object| object.iter().next())
        else {
            return vec![Step::End(UNCLEAR)];
        };
        if let Some(verdict) = self.verdict(expression) {
            let map = detail
                .as_object()
                .and_then(|detail| detail.values().find_map(|value| value.get("map")));
            let is_in_map = map.map(|map| Step::Test(self.has_entry(map)));
            return is_in_map.into_iter().chain([Step::End(verdict)]).collect();
        }
        match kind.as_str() {
            "match" => {
                let reads = self.reads(&detail["right"]).into_iter();
                reads.chain([self.comparison(detail, at)]).collect()
            }
            "vmap" => {
                let reads = self.reads(&detail["data"]).into_iter();
                reads.chain([self.verdict_map(detail)]).collect()
            }
            "limit" | "quota" | "ct count" | "connlimit" => self.stateful(expression, at),
            "set" | "map" => self.dynamic_set(detail, &detail["set"], at),
            "meter" => self.dynamic_set(detail, &detail["name"], at),
            "mangle" => mangle(detail),
            "notrack" => vec![Step::Do(Action::Notrack)],
            "xt" => opaque(detail),
            "counter" | "log" | "dup" | "flow" | "last" | "ct helper" | "ct timeout"
            | "ct expectation" | "secmark" | "reset" | "tcp option" | "comment" => Vec::new(),
            _ => vec![Step::End(UNCLEAR)],
        }
    }

    fn verdict(&self, expression: &Value) -> Option<Verdict> {
        let (kind, detail) = expression.as_object()?.iter().next()?;
        let target = || {
            let name = detail["target"].as_str().unwrap_or_default();
            self.chains.get(&self.id(name)).copied()
        };
        Some(match kind.as_str() {
            "accept" => Verdict::Accept,
            "drop" | "reject" => Verdict::Drop,
            "return" => Verdict::Return,
            "continue" => Verdict::Continue,
            "jump" => target().map_or(UNCLEAR, Verdict::Jump),
            "goto" => target().map_or(UNCLEAR, Verdict::Goto),
            "redirect" | "dnat" | "snat" | "masquerade" | "tproxy" | "fwd" => REDIRECTS,
            "synproxy" => ANSWERS,
            _ => return None,
        })
    }

    fn id(&self, name: &str) -> Id {
        (self.family.clone(), self.table.clone(), name.into())
    }

    /// What a named set is called where clients are written down.
    fn memory(&self, name: &str) -> String {
        format!("{name} of table {} {}", self.family, self.table)
    }

    fn reads(&self, value: &Value) -> Option<Step> {
        let name = value.as_str()?.strip_prefix('@')?;
        Some(Step::Reads(self.memory(name), false))
    }

    /// The elements of a named set; None if they are unknown, or if the value names no set.
    fn named(&self, value: &Value) -> Option<&Vec<Value>> {
        self.elements.get(&self.id(value.as_str()?.strip_prefix('@')?))
    }

    fn comparison(&self, detail: &Value, at: usize) -> Step {
        let (left, right) = (&detail["left"], &detail["right"]);
        if left.get("numgen").is_some() {
            return Step::Test(Test::Limiter(format!("{}/{}/{at}", self.table, self.place)));
        }
        let mut operands = operands(left);
        let operator = detail["op"].as_str().unwrap_or_default();
        if let ("in" | "!", [operand]) = (operator, &mut operands[..])
            && let Some(bits) = number(right, &operand.key)
        {
            operand.mask = Some(operand.mask.map_or(bits, |mask| mask & bits));
            let elements = vec![vec![Item::Range(0, 0)]];
            return Step::Test(Test::In {
                operands,
                elements,
                negate: operator == "in",
                if_absent: false,
            });
        }
        let elements = match operator {
            "<" | ">" | "<=" | ">=" => {
                let key = operands.first().map_or(&Key::Never, |operand| &operand.key);
                vec![vec![half_line(operator, right, key)]]
            }
            _ => self.elements(right, &operands),
        };
        let negate = matches!(operator, "!=" | "!");
        Step::Test(Test::In { operands, elements, negate, if_absent: false })
    }

    fn elements(&self, value: &Value, operands: &[Operand]) -> Vec<Vec<Item>> {
        let is_name = value.as_str().is_some_and(|name| name.starts_with('@'));
        match self.named(value) {
            Some(values) => values.iter().map(|value| element(value, operands)).collect(),
            None if is_name => {
                let set = format!("{} {} {value}", self.family, self.table);
                vec![operands.iter().map(|_| Item::Unknown(set.clone())).collect()]
            }
            None => elements(value, operands),
        }
    }

    fn verdict_map(&self, detail: &Value) -> Step {
        let operands = operands(&detail["key"]);
        let entries = self.named(&detail["data"]).or(detail["data"]["set"].as_array());
        let unknown = || {
            let any = operands.iter().map(|_| Item::Unknown(detail["data"].to_string())).collect();
            vec![(any, UNCLEAR)]
        };
        let entry = |entry: &Value| {
            let verdict = self.verdict(&entry[1]).unwrap_or(UNCLEAR);
            (element(&entry[0], &operands), verdict)
        };
        let mut entries: Vec<_> =
            entries.map_or_else(unknown, |entries| entries.iter().map(entry).collect());
        // The entry for all others.
        entries.sort_by_key(|(element, _)| element.contains(&Item::Any));
        Step::Map { operands, entries }
    }

    /// Whether a map, like that of `dnat to tcp dport map { 80 : 10.0.0.2 }`, has something for the packet.
    fn has_entry(&self, map: &Value) -> Test {
        let operands = operands(&map["key"]);
        let entries = self.named(&map["data"]).or(map["data"]["set"].as_array());
        let elements = match entries {
            Some(entries) => entries.iter().map(|entry| element(&entry[0], &operands)).collect(),
            None => vec![operands.iter().map(|_| Item::Unknown(map.to_string())).collect()],
        };
        Test::In { operands, elements, negate: false, if_absent: false }
    }

    /// Counts something, and lets the packet pass or not.
    fn stateful(&self, expression: &Value, at: usize) -> Vec<Step> {
        let place = format!("{}/{}/{at}", self.table, self.place);
        // Connections are counted once, however they begin.
        if expression.get("ct count").is_some() {
            return vec![Step::Test(Test::unknown(Key::OfClient(place)))];
        }
        let name = expression["limit"].as_str().map(|name| format!("{}/{name}", self.table));
        vec![Step::Test(Test::Limiter(name.unwrap_or(place)))]
    }

    fn dynamic_set(&self, detail: &Value, name: &Value, at: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let statements = match &detail["stmt"] {
            Value::Array(statements) => statements.as_slice(),
            Value::Null => &[],
            statement => std::slice::from_ref(statement),
        };
        for statement in statements {
            if statement.get("counter").is_none() {
                steps.extend(self.stateful(statement, at));
            }
        }
        // Without the field, there is nothing to write down.
        let key = detail.get("elem").or(detail.get("key")).unwrap_or(&Value::Null);
        let key = key.get("elem").and_then(|element| element.get("val")).unwrap_or(key);
        let operands = operands(key);
        let any = vec![operands.iter().map(|_| Item::Any).collect()];
        let has_key = Test::In { operands, elements: any, negate: false, if_absent: false };
        steps.insert(0, Step::Test(has_key));
        let name = name.as_str().unwrap_or_default().trim_start_matches('@');
        steps.push(Step::Do(Action::Remember(self.memory(name))));
        steps
    }
}

fn half_line(operator: &str, value: &Value, key: &Key) -> Item {
    let range = number(value, key).and_then(|limit| match operator {
        "<" => Some((0, limit.checked_sub(1)?)),
        "<=" => Some((0, limit)),
        ">" => Some((limit.checked_add(1)?, u128::MAX)),
        _ => Some((limit, u128::MAX)),
    });
    range.map_or_else(
        || Item::Unknown(format!("{operator} {value}")),
        |(low, high)| Item::Range(low, high),
    )
}

fn mangle(detail: &Value) -> Vec<Step> {
    let changed = operand(&detail["key"]).key;
    match changed {
        Key::Mark => vec![Step::Do(Action::SetMark(mark_value(&detail["value"])))],
        Key::CtMark => vec![Step::Do(Action::SetCtMark(mark_value(&detail["value"])))],
        Key::Source(_) | Key::Destination(_) | Key::SourcePort | Key::DestinationPort => {
            vec![Step::End(REDIRECTS)]
        }
        Key::TcpFlags | Key::TcpHeader { .. } | Key::Protocol => vec![Step::End(UNCLEAR)],
        _ => Vec::new(),
    }
}

fn mark_value(value: &Value) -> MarkValue {
    if let Some(number) = number(value, &Key::Mark) {
        return MarkValue::Number(number);
    }
    for operator in ["&", "|", "^"] {
        if let Some([one, other]) = value[operator].as_array().map(Vec::as_slice) {
            let [one, other] = [one, other].map(|value| Box::new(mark_value(value)));
            return match operator {
                "&" => MarkValue::And(one, other),
                "|" => MarkValue::Or(one, other),
                _ => MarkValue::Xor(one, other),
            };
        }
    }
    if value["meta"]["key"] == "mark" {
        MarkValue::Mark
    } else if value["ct"]["key"] == "mark" {
        MarkValue::CtMark
    } else {
        MarkValue::Unknown
    }
}

/// An extension of iptables, of which only the name is known.
fn opaque(detail: &Value) -> Vec<Step> {
    let name = detail["name"].as_str().unwrap_or_default();
    let step = match (detail["type"].as_str(), name) {
        (_, "comment" | "LOG" | "NFLOG" | "TCPMSS" | "CHECKSUM") => return Vec::new(),
        (Some("match"), _) => Step::Test(Test::unknown(Key::OfPacket(format!("xt {name}")))),
        (_, "REDIRECT" | "DNAT" | "SNAT" | "MASQUERADE" | "TPROXY" | "NETMAP") => Step::End(REDIRECTS),
        (_, "SYNPROXY") => Step::End(ANSWERS),
        _ => Step::End(UNCLEAR),
    };
    vec![step]
}
