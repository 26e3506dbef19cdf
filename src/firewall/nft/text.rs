// SPDX-License-Identifier: GPL-2.0-only
//! A rule in nft's own words, or nearly so, for people to find it by.

use serde_json::Value;

/// Characters of a rule that a message shows.
const SHOWN: usize = 160;

pub fn rule(expressions: &[Value]) -> String {
    let words: Vec<String> =
        expressions.iter().map(statement).filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn statement(statement: &Value) -> String {
    let Some((kind, detail)) = statement.as_object().and_then(|object| object.iter().next()) else {
        return value(statement);
    };
    match kind.as_str() {
        "match" => comparison(detail),
        "counter" => String::new(),
        "jump" | "goto" => format!("{kind} {}", value(&detail["target"])),
        "vmap" => format!("{} vmap {}", value(&detail["key"]), value(&detail["data"])),
        "mangle" => format!("{} set {}", value(&detail["key"]), value(&detail["value"])),
        "limit" if detail.is_object() => {
            let over = if detail["inv"] == true { "over " } else { "" };
            format!("limit rate {over}{}/{}", value(&detail["rate"]), value(&detail["per"]))
        }
        "set" => format!(
            "{} {} {{ {} }}",
            value(&detail["op"]),
            value(&detail["set"]),
            value(&detail["elem"])
        ),
        "dnat" | "redirect" | "tproxy" => {
            let address = detail.get("addr").map(value).unwrap_or_default();
            let port = detail.get("port").map(|port| format!(":{}", value(port))).unwrap_or_default();
            format!("{kind} to {address}{port}")
        }
        "ct count" => format!("ct count over {}", value(&detail["val"])),
        "log" => "log".into(),
        _ => match detail {
            Value::String(name) => format!("{kind} {name}"),
            _ => kind.clone(),
        },
    }
}

fn comparison(detail: &Value) -> String {
    let (left, right) = (value(&detail["left"]), value(&detail["right"]));
    match detail["op"].as_str() {
        Some("==" | "in") | None => format!("{left} {right}"),
        Some(operator) => format!("{left} {operator} {right}"),
    }
}

fn list(values: &Value, separator: &str) -> String {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().map(value).collect::<Vec<_>>().join(separator)
}

fn value(of: &Value) -> String {
    let (kind, detail) = match of {
        Value::String(word) => return word.clone(),
        Value::Array(_) => return list(of, ","),
        Value::Object(object) => match object.iter().next() {
            Some(entry) => entry,
            None => return String::new(),
        },
        other => return other.to_string(),
    };
    match kind.as_str() {
        "payload" if detail.get("base").is_some() => {
            format!("@{},{},{}", value(&detail["base"]), detail["offset"], detail["len"])
        }
        "payload" => format!("{} {}", value(&detail["protocol"]), value(&detail["field"])),
        "meta" => value(&detail["key"]),
        "ct" => format!("ct {}", value(&detail["key"])),
        "tcp option" => format!("tcp option {}", value(&detail["name"])),
        "set" => format!("{{ {} }}", entries(detail)),
        "concat" => list(detail, " . "),
        "range" => list(detail, "-"),
        "prefix" => format!("{}/{}", value(&detail["addr"]), detail["len"]),
        "&" | "|" | "^" => list(detail, &format!(" {kind} ")),
        "elem" => value(&detail["val"]),
        _ if detail.is_null() => kind.clone(),
        _ => statement(of),
    }
}

/// Elements of a set, or pairs of a map.
fn entries(set: &Value) -> String {
    let entries = set.as_array().map(Vec::as_slice).unwrap_or_default();
    let show = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
        Some([key, data @ Value::Object(_)]) => format!("{} : {}", value(key), value(data)),
        _ => value(entry),
    };
    entries.iter().map(show).collect::<Vec<_>>().join(", ")
}
