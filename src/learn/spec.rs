// SPDX-License-Identifier: GPL-2.0-only
//! A rule as words of the command line: `ipv4,ttl=33-64,window=512,port=443,options=none`. Every rule can be
//! written so, and is read back as it was.
//!
//! A value is decimal (`512`), or hexadecimal with an x for each digit that may be anything (`0x1234xxxx`), or, where
//! single bits count, value and mask (`0x02/0x3f`). TTLs are one (`64`) or a range (`33-64`, with as many as a power of two, behind a
//! multiple of it). `options=none` says that the header ends before any option; `option-bytes=0x020405b4` gives the
//! bytes of options.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::field::{Field, fields, ttl_range};
use super::rule::Rule;
use super::syn::{DATA_OFFSET, Family, OPTIONS, SYN_LEN, TTL};

const NO_OPTIONS: u8 = 0x50;
const OPTION_BYTES: &str = "option-bytes";

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.family)?;
        for field in fields(self.family) {
            let (mask, value) = (field.number(&self.mask), field.number(&self.value));
            if mask == 0 {
                continue;
            }
            if field.at == DATA_OFFSET
                && (self.mask[DATA_OFFSET], self.value[DATA_OFFSET]) == (0xff, NO_OPTIONS)
            {
                f.write_str(",options=none")?;
                continue;
            }
            write!(f, ",{}=", field.name)?;
            match ttl_range(self.mask[TTL], self.value[TTL]) {
                Some((first, last)) if field.at == TTL && first == last => write!(f, "{first}")?,
                Some((first, last)) if field.at == TTL => write!(f, "{first}-{last}")?,
                _ if field.at != TTL && field.is_decimal && mask == field.full() => {
                    write!(f, "{value}")?
                }
                _ => f.write_str(&hex(
                    &self.mask[field.at..field.at + field.length],
                    &self.value[field.at..field.at + field.length],
                ))?,
            }
        }
        let Some(last) = (OPTIONS..SYN_LEN).rev().find(|at| self.mask[*at] != 0) else { return Ok(()) };
        write!(f, ",{OPTION_BYTES}={}", hex(&self.mask[OPTIONS..=last], &self.value[OPTIONS..=last]))
    }
}

/// Digits, with an x where nothing is demanded; value and mask where single bits are.
pub(super) fn hex(mask: &[u8], value: &[u8]) -> String {
    let digits =
        |bytes: &[u8]| bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<u8>>();
    let (masks, values) = (digits(mask), digits(value));
    let by_digit = masks.iter().all(|mask| matches!(mask, 0 | 15));
    let mut text = String::from("0x");
    for (mask, value) in masks.iter().zip(&values) {
        let digit = char::from_digit((*value).into(), 16).unwrap_or_default();
        text.push(if by_digit && *mask == 0 { 'x' } else { digit });
    }
    if !by_digit {
        text.push_str("/0x");
        mask.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
    }
    text
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRule(String);

impl fmt::Display for NoRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRule {}

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let family =
            Family::ALL.into_iter().find(|family| family.to_string() == name).ok_or_else(|| {
                NoRule(format!(
                    "a rule begins with ipv4 or ipv6, not '{name}': ipv4,window=512,options=none"
                ))
            })?;
        let mut rule = Self::any(family);
        for part in parts {
            let (name, value) = part
                .trim()
                .split_once('=')
                .ok_or_else(|| NoRule(format!("'{part}' has no value: write it as window=512")))?;
            let (at, mask, value) = parse(family, name, value)?;
            if rule.mask[at..at + mask.len()].iter().any(|mask| *mask != 0) {
                return Err(NoRule(format!("'{name}' is said twice")));
            }
            for (offset, (mask, value)) in mask.into_iter().zip(value).enumerate() {
                rule = rule.with(at + offset, mask, value);
            }
        }
        if rule == Self::any(family) {
            return Err(NoRule(format!(
                "'{text}' matches everything: add what to match, like window=512"
            )));
        }
        Ok(rule)
    }
}

/// Where it is, mask, value.
type Parsed = (usize, Vec<u8>, Vec<u8>);

fn parse(family: Family, name: &str, value: &str) -> Result<Parsed, NoRule> {
    if (name, value) == ("options", "none") {
        return Ok((DATA_OFFSET, vec![0xff], vec![NO_OPTIONS]));
    }
    if name == OPTION_BYTES {
        return parse_hex(value, None)
            .map(|(mask, value)| (OPTIONS, mask, value))
            .ok_or_else(|| NoRule(format!("'{value}' is not 1 to 24 bytes, like 0x020405b4")));
    }
    let field = fields(family).iter().find(|field| field.name == name).ok_or_else(|| {
        let names: Vec<&str> = fields(family).iter().map(|field| field.name).collect();
        NoRule(format!(
            "{family} has no '{name}'; it has {}, options, {OPTION_BYTES}",
            names.join(", ")
        ))
    })?;
    let parsed = if field.at == TTL && !value.starts_with("0x") {
        parse_ttl(value)
    } else if field.is_decimal && !value.starts_with("0x") {
        parse_decimal(value, field)
    } else {
        parse_hex(value, Some(field.length))
    };
    parsed.map(|(mask, value)| (field.at, mask, value)).ok_or_else(|| no_value(field, value))
}

fn no_value(field: &Field, value: &str) -> NoRule {
    let example = match (field.at == TTL, field.is_decimal) {
        (true, _) => "64, 33-64, 65-128 or 129-256".to_owned(),
        (_, true) => format!("a number up to {}", field.full()),
        _ => format!("{} hexadecimal digits, like 0x{}", 2 * field.length, "1x".repeat(field.length)),
    };
    NoRule(format!("'{value}' is no value of '{}': give {example}", field.name))
}

fn parse_ttl(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    let span = u8::try_from(last.checked_sub(first)?).ok()?;
    let value = u8::try_from(first.checked_sub(1)?).ok()?;
    let is_aligned =
        u16::from(span).wrapping_add(1).is_power_of_two() && value & span == 0 && span != u8::MAX;
    is_aligned.then(|| (vec![!span], vec![value]))
}

fn parse_decimal(text: &str, field: &Field) -> Option<(Vec<u8>, Vec<u8>)> {
    let number: u32 = text.parse().ok().filter(|number| *number <= field.full())?;
    let value = number.to_be_bytes()[4 - field.length..].to_vec();
    Some((vec![0xff; field.length], value))
}

/// Mask and value of this many bytes; none: of as many as there are, but for options that do not fit.
fn parse_hex(text: &str, length: Option<usize>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (value, mask) = text.split_once('/').map_or((text, None), |(value, mask)| (value, Some(mask)));
    let (wild, value) = parse_digits(value)?;
    let mask = match mask {
        Some(mask) => parse_digits(mask).filter(|(exact, _)| exact.iter().all(|byte| *byte == 0xff))?.1,
        None => wild,
    };
    let fits =
        length.map_or((1..=SYN_LEN - OPTIONS).contains(&value.len()), |length| value.len() == length);
    let is_inside =
        mask.len() == value.len() && mask.iter().zip(&value).all(|(mask, value)| value & !mask == 0);
    (fits && is_inside).then_some((mask, value))
}

/// For each byte which bits are given, and these.
fn parse_digits(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let digits =
        text.strip_prefix("0x").filter(|digits| digits.is_ascii() && digits.len().is_multiple_of(2))?;
    let mut parsed = (Vec::new(), Vec::new());
    for pair in digits.as_bytes().chunks_exact(2) {
        let (mut mask, mut value) = (0, 0);
        for digit in pair {
            let (known, number) = match digit {
                b'x' => (0, 0),
                digit => (15, char::from(*digit).to_digit(16)? as u8),
            };
            (mask, value) = (mask << 4 | known, value << 4 | number);
        }
        parsed.0.push(mask);
        parsed.1.push(value);
    }
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::learn::tools::rules;

    #[test]
    fn a_rule_reads_as_people_write_it() {
        let text = "ipv4,ttl=33-64,length=40,window=512,port=443,id=54321,options=none,seq=0x1234xxxx";
        let rule: Rule = text.parse().unwrap();
        assert_eq!((rule.mask[TTL], rule.value[TTL]), (0xe0, 0x20));
        assert_eq!((rule.mask[DATA_OFFSET], rule.value[DATA_OFFSET]), (0xff, 0x50));
        assert_eq!(
            (&rule.mask[16..20], &rule.value[16..20]),
            (&[255, 255, 0, 0][..], &[0x12, 0x34, 0, 0][..])
        );
        assert_eq!(rule.to_string(), text);
        let text = "ipv6,hlim=64,class=0x08/0x18,option-bytes=0x0204xxxx01";
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_no_rule_says_what_to_write() {
        for (text, message) in [
            ("", "a rule begins with ipv4 or ipv6, not '': ipv4,window=512,options=none"),
            ("ipv4", "'ipv4' matches everything: add what to match, like window=512"),
            ("ipv4,window", "'window' has no value: write it as window=512"),
            ("ipv4,window=1,window=2", "'window' is said twice"),
            ("ipv4,window=65536", "'65536' is no value of 'window': give a number up to 65535"),
            ("ipv4,ttl=60-64", "'60-64' is no value of 'ttl': give 64, 33-64, 65-128 or 129-256"),
            ("ipv4,ttl=1-256", "'1-256' is no value of 'ttl': give 64, 33-64, 65-128 or 129-256"),
            (
                "ipv4,seq=0x12",
                "'0x12' is no value of 'seq': give 8 hexadecimal digits, like 0x1x1x1x1x",
            ),
            (
                "ipv4,tos=0xff/0x0f",
                "'0xff/0x0f' is no value of 'tos': give 2 hexadecimal digits, like 0x1x",
            ),
            ("ipv4,option-bytes=0x", "'0x' is not 1 to 24 bytes, like 0x020405b4"),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap_err().to_string(), message);
        }
        let unknown = "ipv6,ttl=9".parse::<Rule>().unwrap_err().to_string();
        assert!(unknown.starts_with("ipv6 has no 'ttl'; it has hlim, class, "), "{unknown}");
    }

    proptest! {
        #[test]
        fn every_rule_is_read_back_as_it_was(rule in rules()) {
            let text = rule.to_string();
            prop_assert_eq!(text.parse(), Ok(rule), "{}", text);
        }

        #[test]
        fn garbage_is_refused_or_reads_back(text in "ipv[46](,(ttl|seq|tos|window|id)=[0-9xa-f/-]{0,6}){1,2}") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            }
        }
    }
}
