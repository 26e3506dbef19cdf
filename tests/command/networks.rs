// SPDX-License-Identifier: GPL-2.0-only
//! What commands show of a network that is limited. That connections make it so is for tests/trust to see.

use ipnet::IpNet;
use lab::defence::Defence;
use lab::pair::Pair;
use lab::program::{now_ns, types};
use libbpf_rs::{MapCore, MapFlags};
use synflood_xdp::kernel::encode;
use synflood_xdp::kernel::instance::{self, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::skel::as_bytes;

use crate::lists::said;

const LIMITED: [&str; 8] =
    ["--iface", "eth0", "--burst", "5", "--rate", "1/h", "--keep-sysctls", "--quiet"];

/// Enters a network of the only instance that has no token left, and that has refused this much.
fn limit(pair: &Pair, network: &str, refused: u64) {
    let network: IpNet = network.parse().unwrap();
    let instances = pair.server.enter(|| instance::find(&Interface::all().unwrap()).unwrap());
    let State::Readable(running) = &instances[0].state else { panic!("{instances:?}") };
    let now = now_ns().unwrap();
    let entry = types::network {
        // Beyond the largest bucket.
        full_at: now + 6 * 3_600_000_000_000,
        limited_since: now,
        last_refusal: now,
        connected: 160,
        refused,
        ..Default::default()
    };
    let key = encode::network_key(&network, 0);
    running.networks.update(as_bytes(&key), as_bytes(&entry), MapFlags::ANY).unwrap();
    running.limits_networks.update(&[0; 4], as_bytes(&1_u32), MapFlags::ANY).unwrap();
}

#[test]
fn top_names_limited_networks_and_rules() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &LIMITED);
    let calm = said(&pair, &["top"]);
    assert!(!calm.contains("limited") && !calm.contains("\nrule "), "{calm}");
    limit(&pair, "10.0.0.0/24", 7);
    said(&pair, &["rule", "add", "ipv4,window=512,options=none"]);
    let screen = said(&pair, &["top"]);
    let measures =
        "\nrule 9    0/s dropped: win 512, no options\nlimited   10.0.0.0/24 0/s refused\nADDRESS";
    assert!(screen.contains(measures), "{screen}");
    assert_eq!(screen.lines().count(), calm.lines().count(), "the sources have given the lines");
}

#[test]
fn a_source_of_a_limited_network_is_told_the_way_out() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &LIMITED);
    limit(&pair, "10.0.0.0/24", 7);
    let explained = || said(&pair, &["explain", "10.0.0.77", "--port", "80"]);
    let text = explained();
    let first = "10.0.0.77 on eth0: is REFUSED now: all of its network is over a limit of connections, next in ";
    assert!(text.starts_with(first), "{text}");
    let step = "\n  network: its /24 is limited until a minute after its last refusal: \
                0 of 160 left, refilled at 32/h, next in ";
    assert!(text.contains(step), "{text}");
    let remedy = "\nif you know it, to exempt it from the limits of its network and its own \
                  (--networks off: no network has one): synflood-xdp allow 10.0.0.77\n";
    assert!(text.ends_with(remedy), "{text}");
    said(&pair, &["allow", "10.0.0.77"]);
    assert!(
        explained().starts_with("10.0.0.77 on eth0: gets in now; nothing to do\n"),
        "{}",
        explained()
    );
}
