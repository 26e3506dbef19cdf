// SPDX-License-Identifier: GPL-2.0-only
//! Networks that have a limit: what makes one, and the keys of their table.

use ipnet::IpNet;

use super::{MAPPED_PREFIX, address, ip};
use crate::kernel::skel::types;
use crate::policy::Policy;
use crate::policy::networks::{STEPS, Step};

/// For the program's constants.
pub fn steps(policy: &Policy) -> [types::network_step; STEPS.len()] {
    STEPS.map(|step| step_of(policy, step))
}

/// A network that is no wider than a source is none.
fn step_of(policy: &Policy, step: Step) -> types::network_step {
    let wider = |prefix: u8, source: u8, before: u8| if prefix < source { before + prefix } else { 0 };
    types::network_step {
        ipv4_prefix: wider(step.ipv4_prefix, policy.ipv4_prefix, MAPPED_PREFIX),
        ipv6_prefix: wider(step.ipv6_prefix, policy.ipv6_prefix, 0),
        multiple: step.multiple,
    }
}

/// The network of a source at the ports of a service, as a key of the table of networks.
pub fn network_key(network: &IpNet, service: u32) -> types::network_key {
    let mapped = if network.addr().is_ipv4() { MAPPED_PREFIX } else { 0 };
    types::network_key {
        addr: address(network.network()),
        service,
        prefix_len: (mapped + network.prefix_len()).into(),
    }
}

/// The inverse of [`network_key`], for the network. None: not a key of ours.
pub fn network_of(key: &types::network_key) -> Option<IpNet> {
    let address = ip(&key.addr);
    let mapped = if address.is_ipv4() { MAPPED_PREFIX } else { 0 };
    let bits = u8::try_from(key.prefix_len).ok()?.checked_sub(mapped)?;
    IpNet::new(address, bits).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::encode::tests::ips;

    proptest! {
        #[test]
        fn a_network_with_a_limit_survives(source in ips(), service in 0_u32..17) {
            for step in STEPS {
                let network = IpNet::new(source, step.prefix_of(source)).unwrap().trunc();
                prop_assert_eq!(network_of(&network_key(&network, service)), Some(network));
            }
        }
    }
}
