// SPDX-License-Identifier: GPL-2.0-only
//! The right side of a comparison: numbers, names, ranges and sets of them.

use std::net::IpAddr;

use serde_json::Value;

use crate::firewall::names;
use crate::firewall::packet::number_of;
use crate::firewall::rules::{Item, Key, Operand};

/// Each element of a set, or the one value, split by operand.
pub fn elements(value: &Value, operands: &[Operand]) -> Vec<Vec<Item>> {
    match value["set"].as_array() {
        Some(values) => values.iter().map(|value| element(value, operands)).collect(),
        None => vec![element(value, operands)],
    }
}

pub fn element(value: &Value, operands: &[Operand]) -> Vec<Item> {
    let value = value.get("elem").and_then(|element| element.get("val")).unwrap_or(value);
    match value["concat"].as_array() {
        Some(values) if values.len() == operands.len() => {
            values.iter().zip(operands).map(|(value, operand)| item(value, &operand.key)).collect()
        }
        _ if value == "*" => operands.iter().map(|_| Item::Any).collect(),
        _ if operands.len() == 1 => vec![item(value, &operands[0].key)],
        _ => operands.iter().map(|_| Item::Unknown(value.to_string())).collect(),
    }
}

fn item(value: &Value, key: &Key) -> Item {
    let range = range(value, key);
    match (range, key, value) {
        (Some((low, high)), ..) => Item::Range(low, high),
        (None, Key::InInterface | Key::OutInterface, Value::String(name)) => Item::Name(name.clone()),
        _ => Item::Unknown(value.to_string()),
    }
}

fn range(value: &Value, key: &Key) -> Option<(u128, u128)> {
    if let Some([low, high]) = value["range"].as_array().map(Vec::as_slice) {
        return Some((number(low, key)?, number(high, key)?));
    }
    if let Some(prefix) = value.get("prefix") {
        let low = number(&prefix["addr"], key)?;
        let width = match key {
            Key::Source(family) | Key::Destination(family) => family.bits(),
            Key::SourcePort | Key::DestinationPort => 16,
            _ => 32,
        };
        let fixed = u32::try_from(prefix["len"].as_u64()?).ok()?;
        let free = width.checked_sub(fixed)?;
        let rest = if free == 128 { u128::MAX } else { (1 << free) - 1 };
        return Some((low & !rest, low | rest));
    }
    number(value, key).map(|number| (number, number))
}

/// A single value of the field `key`. A list stands for all its bits.
pub fn number(value: &Value, key: &Key) -> Option<u128> {
    match value {
        Value::Bool(is) => Some((*is).into()),
        Value::Number(number) => number.as_u64().map(u128::from),
        Value::Array(bits) => {
            bits.iter().map(|bit| number(bit, key)).try_fold(0, |all, bit| Some(all | bit?))
        }
        Value::Object(_) => {
            let bits = value["|"].as_array()?;
            bits.iter().map(|bit| number(bit, key)).try_fold(0, |all, bit| Some(all | bit?))
        }
        Value::String(word) => word_number(word, key),
        Value::Null => None,
    }
}

fn word_number(word: &str, key: &Key) -> Option<u128> {
    if let Some(digits) = word.strip_prefix("0x") {
        return u128::from_str_radix(digits, 16).ok();
    }
    if let Key::Source(_) | Key::Destination(_) = key {
        return word.parse::<IpAddr>().ok().map(number_of);
    }
    word.parse().ok().or_else(|| names::number(word, key))
}
