// SPDX-License-Identifier: GPL-2.0-only
//! Networks that the limits advised may meet as a whole.
//!
//! How much of its limit a network would have used nobody has measured. But it has what so many of its sources have,
//! so one of no more sources than that can never lack a token.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;

use crate::policy::networks::STEPS;
use crate::policy::{Need, Networks, Policy, network_name};

/// A network of more sources than it has limits of.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Crowd {
    pub network: String,
    /// Of them that connected.
    pub sources: u64,
}

/// Those of a service, with most sources first. None: networks have no limits.
pub fn of(needs: &[&Need], policy: &Policy) -> Option<Vec<Crowd>> {
    if policy.networks == Networks::Off {
        return None;
    }
    let mut sources = BTreeMap::<(u16, IpNet), u64>::new();
    for need in needs {
        let address = need.network.addr();
        for step in STEPS.iter().filter(|step| step.prefix_of(address) < need.network.prefix_len()) {
            let network = IpNet::new_assert(address, step.prefix_of(address)).trunc();
            *sources.entry((step.multiple, network)).or_default() += 1;
        }
    }
    let mut crowds: Vec<_> =
        sources.into_iter().filter(|&((has, _), sources)| sources > has.into()).collect();
    crowds.sort_by_key(|&((_, network), sources)| (Reverse(sources), network));
    let crowd = |((_, network), sources)| Crowd { network: network_name(&network), sources };
    Some(crowds.into_iter().map(crowd).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::policy;
    use super::*;

    fn crowds(sources: &[String], policy: &Policy) -> Option<Vec<(String, u64)>> {
        let need =
            |source: &String| Need { network: source.parse().unwrap(), service: 0, bursts: [1; 5] };
        let needs: Vec<_> = sources.iter().map(need).collect();
        let found = of(&needs.iter().collect::<Vec<_>>(), policy)?;
        Some(found.into_iter().map(|crowd| (crowd.network, crowd.sources)).collect())
    }

    fn of_24(third: u8, count: u8) -> impl Iterator<Item = String> {
        (0..count).map(move |last| format!("192.0.{third}.{last}/32"))
    }

    fn of_48(third: u16, count: u16) -> impl Iterator<Item = String> {
        (0..count).map(move |fourth| format!("2001:db8:{third:x}:{fourth:x}::/64"))
    }

    #[test]
    fn a_network_is_crowded_by_more_sources_than_it_has_limits_of() {
        let sources: Vec<_> =
            of_24(2, 32).chain(of_24(3, 33)).chain(of_48(7, 32)).chain(of_48(8, 40)).collect();
        let expected = [("2001:db8:8::/48".into(), 40), ("192.0.3.0/24".into(), 33)];
        assert_eq!(crowds(&sources, &policy(&[])).unwrap(), expected);
        let wide: Vec<_> = (0..5).flat_map(|third| of_24(third, 26)).collect();
        assert_eq!(crowds(&wide, &policy(&[])).unwrap(), [("192.0.0.0/20".into(), 130)]);
        assert_eq!(crowds(&wide[..128], &policy(&[])).unwrap(), []);
    }

    #[test]
    fn where_networks_have_no_limit_none_is_crowded() {
        let sources: Vec<_> = of_24(2, 99).collect();
        let off = Policy { networks: Networks::Off, ..policy(&[]) };
        assert_eq!(crowds(&sources, &off), None);
        let sources: Vec<_> = (0..99).map(|third| format!("10.0.{third}.0/24")).collect();
        let as_sources = Policy { ipv4_prefix: 24, ..policy(&[]) };
        assert_eq!(crowds(&sources, &as_sources).unwrap(), [], "a /24 is a source");
    }
}
