// SPDX-License-Identifier: GPL-2.0-only

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::policy::{Service, Services};

fn rates() -> impl Strategy<Value = Rate> {
    (1_u64..1 << 40).prop_map(|interval_ns| Rate { interval_ns })
}

fn total_rates() -> impl Strategy<Value = TotalRate> {
    option::of(rates()).prop_map(TotalRate)
}

fn limits() -> impl Strategy<Value = Limit> {
    (1_u64..1 << 20, rates()).prop_map(|(burst, rate)| Limit { burst, rate })
}

fn some_ports() -> impl Strategy<Value = Ports> {
    let named = btree_set(any::<u16>(), 1..100).prop_map(Ports::only);
    prop_oneof![Just(Ports::default()), named]
}

/// Of any numbers, and with neither names nor ports in common.
fn services() -> impl Strategy<Value = Services> {
    let service = (btree_set(0..4_000_u16, 1..100), option::of(limits()), any::<bool>());
    btree_map(1..=16_usize, service, 0..=16).prop_map(|numbered| {
        let service = |(number, (ports, limit, challenge)): (usize, (BTreeSet<u16>, _, _))| {
            let ports = Ports::only(ports.iter().map(|port| port * 16 + number as u16 - 1));
            let name = format!("{number}{}", "x".repeat(number.min(13)));
            (number, Service { name, ports, limit, challenge })
        };
        numbered.into_iter().map(service).collect()
    })
}

prop_compose! {
    fn policies()(
        syn_limit in limits(),
        connection_limit in option::of(limits()),
        (pass_rate, unchallenged_rate) in (total_rates(), total_rates()),
        challenge_rate in total_rates(),
        challenge in prop_oneof![Just(Challenge::Off), Just(Challenge::All)],
        cookies in prop_oneof![Just(Cookies::Own), Just(Cookies::Kernel)],
        ports in some_ports(),
        services in services(),
        ipv4_prefix in 1_u8..=32,
        ipv6_prefix in 1_u8..=128,
        learn in prop_oneof![Just(Learn::Off), Just(Learn::Suggest), Just(Learn::On)],
        (networks, dry_run) in (prop_oneof![Just(Networks::Off), Just(Networks::On)], any::<bool>()),
    ) -> Policy {
        Policy {
            syn_limit, connection_limit, pass_rate, unchallenged_rate, challenge, challenge_rate,
            cookies, ipv4_prefix, ipv6_prefix, ports, services, networks, dry_run, learn,
        }
    }
}

pub(super) fn ips() -> impl Strategy<Value = IpAddr> {
    let ipv6 = any::<Ipv6Addr>().prop_filter("mapped", |ip| ip.to_ipv4_mapped().is_none());
    prop_oneof![any::<Ipv4Addr>().prop_map(IpAddr::V4), ipv6.prop_map(IpAddr::V6)]
}

fn networks() -> impl Strategy<Value = IpNet> {
    let any_ip =
        prop_oneof![any::<Ipv4Addr>().prop_map(IpAddr::V4), any::<Ipv6Addr>().prop_map(IpAddr::V6)];
    (any_ip, 0_u8..=128).prop_map(|(ip, bits)| {
        IpNet::new(ip, if ip.is_ipv4() { bits % 33 } else { bits }).unwrap().trunc()
    })
}

proptest! {
    // Each case looks at every port.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_policy_survives_the_way_to_the_program(policy in policies()) {
        let mut config = Box::<types::config>::default();
        write_policy(&policy, &mut config);
        prop_assert_eq!(read_policy(&config), policy);
    }

}

proptest! {
    #[test]
    fn an_address_survives(address_of in ips()) {
        prop_assert_eq!(ip(&address(address_of)), address_of);
    }

    #[test]
    fn a_mask_survives(bits in 0_u8..=128) {
        prop_assert_eq!(prefix_len(&mask(bits)), bits);
    }

    #[test]
    fn a_network_survives(of in networks()) {
        prop_assert_eq!(network(&list_key(&of)), Some(of));
    }

    /// The upper bits choose slots and words, so they must differ if the addresses do.
    #[test]
    fn neighbours_have_other_hashes(ip in any::<u32>(), keys in any::<[u64; 2]>()) {
        let keys = keys.map(|key| key | 1);
        let hash_of = |ip: u32| hash(&address(Ipv4Addr::from_bits(ip).into()), keys);
        prop_assert_ne!(hash_of(ip), hash_of(ip ^ 1 << 24));
        prop_assert_ne!(hash_of(ip), hash_of(ip.wrapping_add(1)));
    }
}
