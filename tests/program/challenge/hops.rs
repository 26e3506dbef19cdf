// SPDX-License-Identifier: GPL-2.0-only
//! Where an answer goes, and how large its segments may be: as the host's routes say.

use std::collections::BTreeMap;

use lab::frames::{CLIENT_MAC, SERVER_MAC};
use lab::program::{Link, NextHop, Program, Route, types};

use super::server::{OWN_COOKIES, on_a_server, refusing, syn4, syn6};

const MSS_OPTION: &[u8] = &[2, 4, 5, 180];

const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const GROUP: u32 = 7;

const LINK: Link = Link { group: GROUP, next_hop: NextHop::Route, max_mss: [0; 2], rp_filter: false };
const ROUTE: Route = Route { next_hop: None, group: Some(GROUP), max_mss: 0, is_default: false };

/// Tells about the interface by which SYNs come, and the route to the client.
fn tell(program: &Program, generation: u32, link: Link, route: Option<Route>) {
    let to_both = |route| ["192.0.2.0/24", "2001:db8::/32"].map(|net| (net.parse().unwrap(), route));
    program.tell_routes(&route.map(to_both).into_iter().flatten().collect::<BTreeMap<_, _>>());
    program.tell_link(link);
    program.tell(types::host { generation, ..OWN_COOKIES });
}

/// The reason, and where the answer goes.
fn sent_to(program: &Program, frame: &[u8]) -> (String, [u8; 6]) {
    let (reason, _, left) = program.answer(frame);
    if reason == "challenge_sent" {
        assert_eq!(left[6..12], SERVER_MAC);
    }
    (reason, left[..6].try_into().unwrap())
}

#[test]
fn an_answer_goes_to_the_next_hop() {
    let gateway = |mac| Link { next_hop: NextHop::Gateway(mac), ..LINK };
    let by_gateway = Some(Route { next_hop: Some(GATEWAY), ..ROUTE });
    let cases = [
        ("routes are unknown", Link { next_hop: NextHop::Sender, ..LINK }, None, CLIENT_MAC),
        ("the sender is the only gateway", gateway(CLIENT_MAC), None, CLIENT_MAC),
        ("the sender is on the link", gateway(GATEWAY), Some(ROUTE), CLIENT_MAC),
        ("the sender is not the way back", gateway([2; 6]), by_gateway, GATEWAY),
        ("there are several gateways", LINK, by_gateway, GATEWAY),
        ("the route is the same by several", LINK, Some(Route { group: None, ..ROUTE }), CLIENT_MAC),
    ];
    on_a_server(|| {
        let program = refusing(&[]);
        for (generation, (name, link, route, mac)) in (1..).zip(cases) {
            tell(&program, generation, link, route);
            for frame in [syn4(&[]), syn6(&[])] {
                assert_eq!(sent_to(&program, &frame), ("challenge_sent".to_owned(), mac), "{name}");
            }
        }
    });
}

#[test]
fn a_source_that_is_routed_by_another_interface_is_not_challenged() {
    let elsewhere = Route { group: Some(GROUP + 1), ..ROUTE };
    let strict = Link { rp_filter: true, ..LINK };
    // The reasons over IPv4 and IPv6, for which there is no rp_filter.
    let cases = [
        (LINK, None, ["drop_unanswerable"; 2]),
        (LINK, Some(elsewhere), ["pass_unchallenged"; 2]),
        (strict, Some(elsewhere), ["drop_other_interface", "pass_unchallenged"]),
        (strict, Some(Route { is_default: true, ..elsewhere }), ["pass_unchallenged"; 2]),
        (strict, Some(ROUTE), ["challenge_sent"; 2]),
    ];
    on_a_server(|| {
        let program = refusing(&[]);
        for (generation, (link, route, reasons)) in (1..).zip(cases) {
            tell(&program, generation, link, route);
            let found = [syn4(&[]), syn6(&[])].map(|frame| sent_to(&program, &frame).0);
            assert_eq!(found, reasons, "{link:?} {route:?}");
        }
    });
}

#[test]
fn a_route_s_segment_size_counts_before_its_interface_s() {
    on_a_server(|| {
        let program = refusing(&[]);
        let sizes = || {
            let size = |left: &[u8], at: usize| u16::from_be_bytes([left[at], left[at + 1]]);
            let [left4, left6] =
                [syn4(MSS_OPTION), syn6(MSS_OPTION)].map(|frame| program.answer(&frame).2);
            [size(&left4, 56), size(&left6, 76)]
        };
        let limited = Link { max_mss: [1400, 1300], ..LINK };
        tell(&program, 1, LINK, Some(ROUTE));
        assert_eq!(sizes(), [1460, 1440], "the MTU alone");
        tell(&program, 2, limited, Some(ROUTE));
        assert_eq!(sizes(), [1460, 1440], "the default route's is for those that it leads to");
        tell(&program, 3, limited, Some(Route { max_mss: 1350, ..ROUTE }));
        assert_eq!(sizes(), [1350, 1350], "the route's own");
        tell(&program, 4, LINK, Some(Route { max_mss: 9000, ..ROUTE }));
        assert_eq!(sizes(), [1460, 1440], "never more than the MTU has room for");
    });
}
