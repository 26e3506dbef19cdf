// SPDX-License-Identifier: GPL-2.0-only
//! Drivers that lose or damage the answers to challenged clients.

use crate::kernel::interface::Interface;
use crate::note::Note;
use crate::policy::AttachMode;

/// `mode`: where on the interface the program is, or will be.
pub fn advice(interface: &Interface, mode: AttachMode) -> Vec<Note> {
    let name = &interface.name;
    let mut advice = Vec::new();
    if mode != AttachMode::Native {
        return advice;
    }
    if interface.can_transmit() == Some(false) {
        advice.push(Note::warning(format!(
            "the driver of {name} cannot send from XDP, so that challenged clients get no answer: use \
             --mode skb, or --challenge off"
        )));
    } else if interface.driver().as_deref() == Some("veth") {
        advice.push(Note::warning(format!(
            "{name} is a veth: challenged clients get no answer unless its other end runs an XDP program: use \
             --mode skb if it does not"
        )));
    }
    if let Some(vlan) = interface.vlan_device()
        && interface.strips_vlan_tags()
    {
        advice.push(Note::warning(format!(
            "{name} takes the VLAN tags off before XDP sees them, so that challenged clients of {vlan} get \
             answers without: `ethtool -K {name} rxvlan off`, or use --mode skb"
        )));
    }
    advice
}
