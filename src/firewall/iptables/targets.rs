// SPDX-License-Identifier: GPL-2.0-only
//! What the targets of iptables do.

use crate::firewall::rules::{ANSWERS, Action, MarkValue, REDIRECTS, Step, UNCLEAR, Verdict};

use super::Context;
use super::words::{Opt, find};

const ALL: u128 = 0xffff_ffff;

impl Context<'_> {
    pub fn target(&self, name: &str, is_goto: bool, options: &[Opt]) -> Vec<Step> {
        if let Some(&chain) = self.chains.get(name) {
            return vec![Step::End(if is_goto { Verdict::Goto(chain) } else { Verdict::Jump(chain) })];
        }
        let end = match name {
            "ACCEPT" => Verdict::Accept,
            "DROP" | "REJECT" => Verdict::Drop,
            "RETURN" => Verdict::Return,
            "DNAT" | "REDIRECT" | "SNAT" | "MASQUERADE" | "NETMAP" | "TPROXY" => REDIRECTS,
            "SYNPROXY" => ANSWERS,
            "NOTRACK" => return vec![Step::Do(Action::Notrack)],
            "CT" if find(options, "notrack").is_some() => return vec![Step::Do(Action::Notrack)],
            "MARK" => return vec![Step::Do(Action::SetMark(set_mark(options, MarkValue::Mark)))],
            "CONNMARK" => return vec![Step::Do(connmark(options))],
            "SET" => return remember(options),
            "CT" | "LOG" | "NFLOG" | "ULOG" | "TCPMSS" | "TCPOPTSTRIP" | "DSCP" | "TOS" | "TTL"
            | "HL" | "CLASSIFY" | "CHECKSUM" | "ECN" | "TRACE" | "AUDIT" | "TEE" | "LED"
            | "IDLETIMER" | "RATEEST" | "SECMARK" | "CONNSECMARK" | "ACCOUNT" => return Vec::new(),
            _ => UNCLEAR,
        };
        vec![Step::End(end)]
    }
}

/// "0x1" or "0x1/0xff".
pub fn value_and_mask(text: &str) -> Option<(u128, u128)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, ALL)),
    }
}

/// Replaces the bits of `mask` in `old` by those of `new`, as the kernel does: with an XOR.
fn replaced(old: MarkValue, mask: u128, new: MarkValue) -> MarkValue {
    let kept = MarkValue::And(Box::new(old), Box::new(MarkValue::Number(ALL & !mask)));
    MarkValue::Xor(Box::new(kept), Box::new(new))
}

fn set_mark(options: &[Opt], old: MarkValue) -> MarkValue {
    let option = options.iter().find_map(|option| Some((option, value_and_mask(option.value())?)));
    match option {
        Some((option, (value, mask))) => match option.name.as_str() {
            "set-xmark" => replaced(old, mask, MarkValue::Number(value)),
            // Also clears the bits of the value that are not in the mask.
            "set-mark" => replaced(old, mask | value, MarkValue::Number(value)),
            "or-mark" => replaced(old, value, MarkValue::Number(value)),
            "and-mark" => MarkValue::And(Box::new(old), Box::new(MarkValue::Number(value))),
            "xor-mark" => MarkValue::Xor(Box::new(old), Box::new(MarkValue::Number(value))),
            _ => MarkValue::Unknown,
        },
        None => MarkValue::Unknown,
    }
}

fn connmark(options: &[Opt]) -> Action {
    let mask = |name: &str| {
        let option = find(options, name).or(find(options, "mask"));
        option.and_then(|option| value_and_mask(option.value())).map_or(ALL, |(mask, _)| mask)
    };
    let (nfmask, ctmask) = (mask("nfmask"), mask("ctmask"));
    let taken =
        |from: MarkValue, mask| MarkValue::And(Box::new(from), Box::new(MarkValue::Number(mask)));
    if find(options, "save-mark").is_some() {
        Action::SetCtMark(replaced(MarkValue::CtMark, ctmask, taken(MarkValue::Mark, nfmask)))
    } else if find(options, "restore-mark").is_some() {
        Action::SetMark(replaced(MarkValue::Mark, nfmask, taken(MarkValue::CtMark, ctmask)))
    } else {
        Action::SetCtMark(set_mark(options, MarkValue::CtMark))
    }
}

fn remember(options: &[Opt]) -> Vec<Step> {
    let written = options.iter().filter(|option| option.name.ends_with("-set"));
    written.map(|option| Step::Do(Action::Remember(format!("ipset {}", option.value())))).collect()
}
