// SPDX-License-Identifier: GPL-2.0-only
//! Rules as iptables-save prints them.

use super::{challengeable, filter, iptables, is_challengeable};

const OPEN: [&str; 2] = ["ACCEPT", "ACCEPT"];
const CLOSED: [&str; 2] = ["DROP", "ACCEPT"];
const ESTABLISHED: &str = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";

#[test]
fn quotas_and_chances_count_packets() {
    let chance = "-A INPUT -p tcp -m tcp --dport 80 -m state --state NEW \
                  -m statistic --mode random --probability 0.1 -j DROP";
    assert_eq!(challengeable(&filter(OPEN, &[ESTABLISHED, chance]), [22, 80]), [22]);
    // Each packet takes its chance, whatever the connection began with.
    let of_all =
        "-A INPUT -p tcp -m tcp --dport 80 -m statistic --mode random --probability 0.1 -j DROP";
    assert!(is_challengeable(&filter(OPEN, &[of_all, ESTABLISHED]), 80));
}

#[test]
fn a_limit_of_all_packets_sees_no_difference() {
    let limit = "-A INPUT -p tcp -m tcp --dport 80 -m limit --limit 100/sec -j ACCEPT";
    assert!(is_challengeable(&filter(CLOSED, &[limit, "-A INPUT -p tcp --dport 80 -j DROP"]), 80));
    assert!(!is_challengeable(&filter(CLOSED, &[ESTABLISHED, limit]), 80));
}

#[test]
fn the_limit_of_ufw_counts_what_is_new() {
    let rules = [
        ESTABLISHED,
        "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT \
         --mask 255.255.255.255 --rsource",
        "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 \
         --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j chain",
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
        "-A chain -j REJECT",
    ];
    assert_eq!(challengeable(&filter(CLOSED, &rules), [22, 80, 443]), [80, 443]);
}

#[test]
fn a_list_of_banned_clients_holds_for_all_packets() {
    let rules = [
        "-A INPUT -m conntrack --ctstate NEW -m recent --rcheck --name banned --rsource -j DROP",
        ESTABLISHED,
        "-A INPUT -p tcp -m tcp --dport 23 -j chain",
        "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
        "-A chain -m recent --set --name banned --rsource -j DROP",
    ];
    assert_eq!(challengeable(&filter(CLOSED, &rules), [23, 80]), [23, 80]);
    let trap =
        "-A INPUT -p tcp -m tcp --dport 23 --syn -m recent --set --name banned --rsource -j DROP";
    let rules = [rules[0], trap, rules[1], rules[3]];
    assert_eq!(challengeable(&filter(CLOSED, &rules), [23, 80]), [80], "the trap sees no SYN");
    assert_eq!(challengeable(&filter(CLOSED, &rules[1..]), [23]), [23], "nobody looks into the list");
}

#[test]
fn sets_with_ports_are_known_by_what_is_in_them() {
    let not_syn =
        "-A INPUT -p tcp -m set --match-set web dst -m tcp ! --syn -m state --state NEW -j DROP";
    let mut evidence = filter(OPEN, &[not_syn]);
    assert!(!is_challengeable(&evidence, 22), "nobody knows what is in it");
    evidence.ipsets = "create web bitmap:port range 0-65535\nadd web 80-81\n".into();
    assert_eq!(challengeable(&evidence, [22, 80, 81]), [22]);
    let add = "-A INPUT -p tcp -m state --state NEW -j SET --add-set web dst";
    let evidence =
        synflood_xdp::firewall::Evidence { ipsets: evidence.ipsets, ..filter(OPEN, &[not_syn, add]) };
    assert!(challengeable(&evidence, [22, 80]).is_empty());
}

#[test]
fn connections_are_known_by_their_first_port() {
    let rules = [
        "-A INPUT -m conntrack --ctstate NEW,ESTABLISHED --ctorigdstport 80 --ctdir ORIGINAL -j ACCEPT",
        "-A INPUT -m recent ! --rcheck --name good --rsource -j DROP",
        "-A INPUT -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -m conntrack --ctstate NEW -j DROP",
    ];
    assert_eq!(challengeable(&filter(OPEN, &rules), [22, 80]), [80]);
    assert_eq!(challengeable(&filter(OPEN, &rules[..2]), [22, 80]), [22, 80]);
}

#[test]
fn an_accept_in_one_table_does_not_end_another() {
    let evidence = iptables(&[
        "*raw",
        ":PREROUTING ACCEPT [0:0]",
        "-A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT",
        "COMMIT",
        "*mangle",
        ":PREROUTING ACCEPT [0:0]",
        "-A PREROUTING -p tcp ! --syn -m conntrack --ctstate NEW -j DROP",
        "COMMIT",
    ]);
    assert!(!is_challengeable(&evidence, 80));
}

#[test]
fn a_goto_comes_back_to_the_caller_of_its_chain() {
    let rules = [
        "-A INPUT -p tcp -j chain",
        "-A INPUT -p tcp -j ACCEPT",
        "-A chain -p tcp -m tcp --dport 80 -g other",
        "-A chain -p tcp ! --syn -m state --state NEW -j DROP",
        "-A other -j RETURN",
    ];
    let lines = ["*filter", ":INPUT DROP [0:0]", ":chain - [0:0]", ":other - [0:0]"];
    let evidence = iptables(&[&lines[..], &rules].concat());
    assert_eq!(challengeable(&evidence, [22, 80]), [80]);
}

#[test]
fn rules_for_others_do_not_count() {
    let not_syn = "-p tcp ! --syn -m conntrack --ctstate NEW -j DROP";
    for other in
        ["-i eth1", "-d 192.0.2.9/32", "-i veth+", "! -i eth0", "-s 127.0.0.1/32 -d 127.0.0.1/32"]
    {
        assert!(
            is_challengeable(&filter(OPEN, &[&format!("-A INPUT {other} {not_syn}")]), 80),
            "{other}"
        );
    }
    for ours in [
        "-i eth0",
        "-d 192.0.2.0/24",
        "-i eth+",
        "-s 10.0.0.0/8",
        "! -i eth1",
        "-m addrtype --dst-type LOCAL",
    ] {
        assert!(
            !is_challengeable(&filter(OPEN, &[&format!("-A INPUT {ours} {not_syn}")]), 80),
            "{ours}"
        );
    }
}

#[test]
fn a_syn_is_known_by_more_than_its_flags() {
    let ways = [
        "-m u32 --u32 \"0x20&0x20000=0x20000\"",
        "-m tcp --tcp-option 2",
        "-m tcpmss --mss 1:500",
        "-m length --length 44:60",
        "-m osf --genre Linux --ttl 0",
        "-m bpf --bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"",
        "-m tcp --tcp-flags ALL SYN",
        "-m string --hex-string \"|0204|\" --algo bm --to 64",
    ];
    for way in ways {
        let rule = format!("-A INPUT -p tcp {way} -j DROP");
        assert!(!is_challengeable(&filter(OPEN, &[&rule]), 80), "{way}");
        let rule = format!("-A INPUT -p tcp {way} -j LOG --log-prefix \"-j DROP \"");
        assert!(is_challengeable(&filter(OPEN, &[&rule]), 80), "{way} that only logs");
    }
    let long = "-A INPUT -p tcp -m length --length 9000:65535 -j DROP";
    assert!(is_challengeable(&filter(OPEN, &[long, ESTABLISHED]), 80), "no SYN is that long");
}

#[test]
fn requests_are_refused_by_their_text_either_way() {
    let worm =
        "-A INPUT -p tcp -m tcp --dport 80 -m string --string \"GET /w00t\" --algo bm --to 200 -j DROP";
    assert!(is_challengeable(&filter(OPEN, &[worm, ESTABLISHED]), 80));
    assert!(is_challengeable(&filter(CLOSED, &[worm, ESTABLISHED]), 80));
    let after = "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT";
    let of_new = worm.replace("-m string", "-m state --state NEW -m string");
    assert!(!is_challengeable(&filter(CLOSED, &[&of_new, ESTABLISHED, after]), 80), "a request is new");
}

#[test]
fn rules_for_packets_that_no_client_sends_do_not_count() {
    let sane = [
        "-A INPUT -p tcp -m tcp --tcp-flags ALL NONE -j DROP",
        "-A INPUT -p tcp -m tcp --tcp-flags ALL FIN,PSH,URG -j DROP",
        "-A INPUT -p tcp -m tcp --tcp-flags SYN,RST SYN,RST -j DROP",
        "-A INPUT -p tcp -m tcp --sport 0 -j DROP",
        "-A INPUT -f -j DROP",
        "-A INPUT -p udp -j DROP",
        "-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 1/sec -j DROP",
    ];
    assert!(is_challengeable(&filter(OPEN, &sane), 80));
}

#[test]
fn marks_are_followed_into_the_connection_and_back() {
    let tables = |condition: &str| {
        let mark =
            format!("-A PREROUTING -p tcp -m tcp --dport 80 {condition} -j MARK --set-xmark 0x4/0xc");
        iptables(&[
            "*mangle",
            ":PREROUTING ACCEPT [0:0]",
            ":OUTPUT ACCEPT [0:0]",
            "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
            &mark,
            "-A PREROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff",
            "-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
            "COMMIT",
            "*filter",
            ":INPUT DROP [0:0]",
            ":OUTPUT DROP [0:0]",
            "-A INPUT -m mark --mark 0x4/0x4 -j ACCEPT",
            "-A OUTPUT -m mark --mark 0x4/0xf -j ACCEPT",
            "COMMIT",
        ])
    };
    assert!(is_challengeable(&tables("-m conntrack --ctstate NEW"), 80));
    assert!(is_challengeable(&tables(""), 80));
    assert!(!is_challengeable(&tables("--syn"), 80));
}

#[test]
fn a_mark_set_by_a_syn_may_choose_the_route() {
    let mut evidence = iptables(&[
        "*mangle",
        ":PREROUTING ACCEPT [0:0]",
        "-A PREROUTING -p tcp -m tcp --dport 80 --syn -j MARK --set-xmark 0x1/0xffffffff",
        "COMMIT",
    ]);
    assert!(is_challengeable(&evidence, 80), "a mark for shaping");
    evidence.facts.routes_by_mark = true;
    assert_eq!(challengeable(&evidence, [22, 80]), [22]);
}

#[test]
fn what_is_not_understood_is_in_doubt() {
    assert!(!is_challengeable(&filter(OPEN, &["-A INPUT -p tcp -j NFQUEUE --queue-num 0"]), 80));
    assert!(!is_challengeable(&filter(OPEN, &["-A INPUT -p tcp -m newmatch --x -j DROP"]), 80));
    assert!(!is_challengeable(&filter(OPEN, &["-A INPUT -j NEWTARGET"]), 80));
    assert!(is_challengeable(&filter(OPEN, &["-A INPUT -p tcp --dport 9 -j NEWTARGET"]), 80));
    assert!(
        is_challengeable(&filter(OPEN, &["-A INPUT -m newmatch -j ACCEPT"]), 80),
        "accepted anyway"
    );
}

#[test]
fn answers_are_followed_too() {
    let out = |rule| filter(["ACCEPT", "ACCEPT"], &[rule]);
    let limited = "-A OUTPUT -p tcp --tcp-flags SYN,ACK SYN,ACK -m limit --limit 9/sec -j ACCEPT";
    let rules = [limited, "-A OUTPUT -p tcp --tcp-flags SYN,ACK SYN,ACK -j DROP"];
    assert!(!is_challengeable(&filter(OPEN, &rules), 80), "SYN-ACKs are limited");
    assert!(
        is_challengeable(&out("-A OUTPUT -p tcp -m tcp --sport 25 -j DROP"), 25),
        "no answer either way"
    );
    let invalid = out("-A OUTPUT -m conntrack --ctstate INVALID -j DROP");
    assert!(is_challengeable(&invalid, 80));
    let mut strict = invalid;
    strict.facts.picks_up = false;
    assert!(!is_challengeable(&strict, 80), "the answer belongs to no connection");
}

#[test]
fn the_policy_of_ipsec_is_known_if_there_is_none() {
    let rule = "-A INPUT -p tcp -m policy --dir in --pol ipsec -m tcp ! --syn -m conntrack --ctstate NEW -j DROP";
    let mut evidence = filter(OPEN, &[]);
    evidence.iptables[0].text = evidence.iptables[0].text.replace("COMMIT", rule);
    assert!(is_challengeable(&evidence, 80));
    evidence.facts.has_ipsec = true;
    assert!(!is_challengeable(&evidence, 80));
}

#[test]
fn many_rules_are_followed_in_time_and_too_many_are_in_doubt() {
    let bans: Vec<String> =
        (0..20_000).map(|n| format!("-A INPUT -s 10.0.{}.{}/32 -j DROP", n / 256, n % 256)).collect();
    let mut rules: Vec<&str> = bans.iter().map(String::as_str).collect();
    assert!(is_challengeable(&filter(OPEN, &rules), 80));
    rules.push("-A INPUT -p tcp ! --syn -m state --state NEW -j DROP");
    assert!(!is_challengeable(&filter(OPEN, &rules), 80));
    let friends: Vec<String> = (0..5_000)
        .map(|n| {
            format!("-A INPUT -s 10.0.{}.{}/32 -p tcp -m tcp --dport 22 -j ACCEPT", n / 256, n % 256)
        })
        .collect();
    let mut rules: Vec<&str> = friends.iter().map(String::as_str).collect();
    rules.push("-A INPUT -p tcp -m tcp ! --dport 22 -m tcp ! --syn -m state --state NEW -j DROP");
    assert_eq!(challengeable(&filter(CLOSED, &rules), [22]), [22]);
    let unknown: Vec<String> = (0..60)
        .map(|n| format!("-A INPUT -m set --match-set s{n} src -j MARK --set-xmark 0x{n:x}/0xff"))
        .collect();
    let mut rules: Vec<&str> = unknown.iter().map(String::as_str).collect();
    rules.push("-A INPUT -m mark --mark 0x1 -j DROP");
    assert!(!is_challengeable(&filter(OPEN, &rules), 80));
}
