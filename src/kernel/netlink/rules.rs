// SPDX-License-Identifier: GPL-2.0-only

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use netlink_packet_core::Parseable;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleHeader, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::dump::dump;

/// The kernel's own rules, as priority and table: local, main and default.
const OWN: [(u32, u32); 3] = [(0, 255), (32_766, 254), (32_767, 253)];

/// Whether `ip rule` of either family shows more than the rules of the kernel's own. Its rule for VRFs is
/// one of these.
///
/// Fails if the kernel refuses, or if they change every time that they are read.
pub fn has_policy_routing() -> Result<bool> {
    let question = RouteNetlinkMessage::GetRule(RuleMessage::default());
    let found = dump(question, |has_more: &mut bool, entry| {
        let family = RuleHeader::parse(entry)?.family;
        // Multicast has rules too.
        if !matches!(family, AddressFamily::Inet | AddressFamily::Inet6) {
            return Ok(ControlFlow::Continue(()));
        }
        // What nobody understands is not the kernel's own.
        *has_more = !RuleMessage::parse(entry).is_ok_and(|rule| is_own(&rule));
        Ok(if *has_more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    found.context("cannot list the routing rules")
}

fn is_own(rule: &RuleMessage) -> bool {
    let mut priority = 0;
    let mut table = rule.header.table.into();
    let mut is_for_vrfs = false;
    for attribute in &rule.attributes {
        match attribute {
            RuleAttribute::Priority(number) => priority = *number,
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::L3MDev(is_set) => is_for_vrfs = *is_set,
            // Who made it; and a limit that is none.
            RuleAttribute::Protocol(_) | RuleAttribute::SuppressPrefixLen(u32::MAX) => {}
            // What it selects, or does.
            _ => return false,
        }
    }
    let header = &rule.header;
    let is_for_all = header.src_len == 0
        && header.dst_len == 0
        && header.tos == 0
        && !header.flags.contains(RuleFlags::Invert);
    let is_plain = is_for_all && header.action == RuleAction::ToTable;
    is_plain && (is_for_vrfs || OWN.contains(&(priority, table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: u32, attributes: &[RuleAttribute]) -> RuleMessage {
        let mut rule = RuleMessage::default();
        rule.header.family = AddressFamily::Inet;
        rule.header.action = RuleAction::ToTable;
        rule.attributes = [
            &[RuleAttribute::SuppressPrefixLen(u32::MAX), RuleAttribute::Priority(priority)],
            attributes,
        ]
        .concat();
        rule
    }

    #[test]
    fn rule_for_vrfs_is_the_kernels_own() {
        assert!(is_own(&rule(1000, &[RuleAttribute::L3MDev(true), RuleAttribute::Table(0)])));
        assert!(!is_own(&rule(1000, &[RuleAttribute::L3MDev(false), RuleAttribute::Table(0)])));
    }

    #[test]
    fn rule_that_does_more_is_not_the_kernels_own() {
        let main = RuleAttribute::Table(254);
        assert!(is_own(&rule(32_766, std::slice::from_ref(&main))));
        assert!(!is_own(&rule(32_765, std::slice::from_ref(&main))));
        assert!(!is_own(&rule(32_766, &[main.clone(), RuleAttribute::FwMark(1)])));
        assert!(!is_own(&rule(32_766, &[main.clone(), RuleAttribute::SuppressPrefixLen(0)])));
        let inverted = {
            let mut rule = rule(32_766, &[main]);
            rule.header.flags = RuleFlags::Invert;
            rule
        };
        assert!(!is_own(&inverted));
    }
}
