// SPDX-License-Identifier: GPL-2.0-only
//! How the interfaces of this host are stacked on each other.

use std::collections::{BTreeMap, BTreeSet};

use super::netlink::Link;

/// Controllers that take the frames of their parts before IP sees them.
const FRAME_CONTROLLERS: [&str; 4] = ["bridge", "bond", "team", "openvswitch"];

/// Packets reach IP on the parts of such a one, and belong to it from there on.
const VRF: &str = "vrf";

/// The index of the interface that takes this one's frames away from it.
fn controller(link: &Link) -> Option<u32> {
    let kind = link.controller_kind.as_deref()?;
    link.controller.filter(|_| FRAME_CONTROLLERS.contains(&kind))
}

fn vrf(link: &Link) -> Option<u32> {
    link.controller.filter(|_| link.controller_kind.as_deref() == Some(VRF))
}

/// The interfaces, by index, on which packets that came in by one of these reach IP: themselves, or what is
/// stacked on them.
pub fn ip_devices(links: &[Link], protected: &[u32]) -> BTreeSet<u32> {
    let by_index: BTreeMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
    let mut seen = BTreeSet::new();
    let mut left: Vec<u32> = protected.to_vec();
    while let Some(index) = left.pop() {
        if seen.insert(index) {
            let link = by_index.get(&index).copied();
            left.extend(link.and_then(controller).into_iter().chain(link.and_then(vrf)));
            left.extend(links.iter().filter(|link| link.lower == Some(index)).map(|link| link.index));
        }
    }
    seen.retain(|index| by_index.get(index).is_some_and(|link| controller(link).is_none()));
    seen
}

/// For each interface, by index, the group of those that are stacked on each other: the least index in it.
pub fn groups(links: &[Link]) -> BTreeMap<u32, u32> {
    let mut groups: BTreeMap<u32, u32> = links.iter().map(|link| (link.index, link.index)).collect();
    let pairs = links.iter().flat_map(|link| {
        let others = [controller(link), link.lower];
        others.into_iter().flatten().map(|other| (link.index, other))
    });
    for (a, b) in pairs {
        let (Some(&a), Some(&b)) = (groups.get(&a), groups.get(&b)) else { continue };
        let (least, other) = (a.min(b), a.max(b));
        groups.values_mut().filter(|group| **group == other).for_each(|group| *group = least);
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{groups, ip_devices};
    use crate::kernel::netlink::Link;

    fn link(index: u32, controller: Option<(u32, &str)>, lower: Option<u32>) -> Link {
        Link {
            index,
            name: format!("if{index}"),
            mac: Some([2, 0, 0, 0, 0, index as u8]),
            mtu: 1500,
            controller: controller.map(|(index, _)| index),
            controller_kind: controller.map(|(_, kind)| kind.into()),
            lower,
            kind: None,
            is_loopback: false,
        }
    }

    /// eth0 and eth1 in a bond with a VLAN, which is in a bridge; eth2 in a VRF; eth3 alone.
    fn host() -> Vec<Link> {
        vec![
            link(1, Some((3, "bond")), None),
            link(2, Some((3, "bond")), None),
            link(3, None, None),
            link(4, Some((5, "bridge")), Some(3)),
            link(5, None, None),
            link(6, Some((7, "vrf")), None),
            link(7, None, None),
            link(8, None, None),
        ]
    }

    #[test]
    fn packets_reach_ip_on_what_is_stacked_on_an_interface() {
        let devices = |protected: &[u32]| ip_devices(&host(), protected);
        assert_eq!(devices(&[1]), BTreeSet::from([3, 5]), "untagged on the bond, tagged on the bridge");
        assert_eq!(devices(&[6]), BTreeSet::from([6, 7]), "on the part of a VRF, and on itself");
        assert_eq!(devices(&[8, 1]), BTreeSet::from([3, 5, 8]));
    }

    #[test]
    fn what_is_stacked_is_one_group() {
        let groups = groups(&host());
        for stacked in 1..=5 {
            assert_eq!(groups[&stacked], 1);
        }
        assert_eq!([groups[&6], groups[&7], groups[&8]], [6, 7, 8]);
    }
}
