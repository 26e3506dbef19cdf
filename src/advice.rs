// SPDX-License-Identifier: GPL-2.0-only
//! What on this host will matter to challenged clients, said before they find out.

use std::fs;

use crate::attach::Attachment;
use crate::cli::Challenge;
use crate::config::Settings;
use crate::firewall;
use crate::sys::{self, XdpMode};

/// Sentences, the worst first. None where nothing is challenged.
pub fn on(settings: &Settings, attachments: &[Attachment]) -> Vec<String> {
    if settings.challenge == Challenge::Off || settings.dry_run {
        return Vec::new();
    }
    let mut advice = on_the_firewall(settings);
    advice.extend(attachments.iter().flat_map(on_an_interface));
    advice.extend(on_the_kernel(settings));
    advice
}

fn on_the_firewall(settings: &Settings) -> Vec<String> {
    let mut advice = Vec::new();
    if sysctl("netfilter/nf_conntrack_tcp_loose") == Some(0) {
        advice.push(
            "warning: the firewall will refuse challenged clients, whose connections begin with an ACK to it: \
             net.netfilter.nf_conntrack_tcp_loose is 0; set it to 1, or use --challenge off"
                .into(),
        );
    }
    let obstacles = firewall::obstacles(|port| settings.protects(port) && settings.challenges(port));
    if let Some(rule) = obstacles.only_with_syn {
        advice.push(format!(
            "warning: the firewall will refuse challenged clients, whose connections begin with an ACK to \
             it, by the rule `{rule}`: remove it, or use --challenge off"
        ));
    }
    if let Some(rule) = obstacles.redirected {
        advice.push(format!(
            "warning: challenged clients will not reach what the rule `{rule}` redirects to, as their \
             connections begin with an ACK to it: let a listener have the port itself, or leave the port \
             out by --challenge-port"
        ));
    }
    advice
}

fn on_an_interface(attachment: &Attachment) -> Vec<String> {
    let name = &attachment.interface.name;
    let mut advice = Vec::new();
    if attachment.mode != XdpMode::Native {
        return advice;
    }
    if matches!(sys::xdp_can_transmit(attachment.interface.index), Ok(Some(false))) {
        advice.push(format!(
            "warning: the driver of {name} cannot send from XDP, so that challenged clients get no answer: use \
             --mode skb, or --challenge off"
        ));
    } else if sys::interface_driver(name).is_ok_and(|driver| driver == "veth") {
        advice.push(format!(
            "note: {name} is a veth: its other end takes answers at once only if it runs an XDP program; use \
             --mode skb if it does not"
        ));
    }
    if let Some(vlan) = vlan_device(name)
        && sys::interface_strips_vlan_tags(name).unwrap_or(false)
    {
        advice.push(format!(
            "warning: {name} takes the VLAN tags off before XDP sees them, so that challenged clients of \
             {vlan} get answers without: `ethtool -K {name} rxvlan off`, or use --mode skb"
        ));
    }
    advice
}

/// The first VLAN device on top of an interface.
fn vlan_device(interface: &str) -> Option<String> {
    let entries = fs::read_dir(format!("/sys/class/net/{interface}")).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut upper = names.filter_map(|name| name.strip_prefix("upper_").map(String::from));
    upper.find(|name| {
        let about = fs::read_to_string(format!("/sys/class/net/{name}/uevent"));
        about.is_ok_and(|about| about.lines().any(|line| line == "DEVTYPE=vlan"))
    })
}

fn on_the_kernel(settings: &Settings) -> Vec<String> {
    let mut advice = Vec::new();
    if settings.challenge == Challenge::All && sysctl("ipv4/tcp_syncookies") == Some(1) {
        advice.push(
            "note: net.ipv4.tcp_syncookies is 1: until a listener's queue is full the kernel makes no cookies, \
             and what a source's own limit refuses is dropped; with 2 (--set-sysctls) it is challenged"
                .into(),
        );
    }
    if sysctl("ipv4/tcp_timestamps").is_some_and(|timestamps| timestamps != 2) {
        advice.push(
            "note: challenged connections do without window scaling and SACK; with net.ipv4.tcp_timestamps=2 \
             (--set-sysctls) they have them"
                .into(),
        );
    }
    if sysctl("ipv4/ip_forward") == Some(1) || sysctl("ipv6/conf/all/forwarding") == Some(1) {
        advice.push(
            "note: this host forwards: SYNs to other hosts that a budget refuses cannot be challenged, and are \
             dropped; protect only this host's own ports (--port), or raise --new-sources"
                .into(),
        );
    }
    advice
}

fn sysctl(name: &str) -> Option<u32> {
    fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?.trim().parse().ok()
}
