// SPDX-License-Identifier: GPL-2.0-only
//! Refusals before anything is attached: each names the cause and the remedy.

use std::process::{Command, Output};

use lab::defence::Defence;
use lab::netns::Netns;
use lab::pair::Pair;

fn synflood(args: &[&str]) -> Output {
    Command::new(lab::binary!()).args(args).output().unwrap()
}

/// Asserts that it failed with this status and said each of these.
#[track_caller]
fn assert_refused(output: &Output, status: i32, said: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert!(output.stdout.is_empty(), "messages belong on stderr");
    for words in said {
        assert!(error.contains(words), "\"{words}\" is not in: {error}");
    }
    assert!(!error.contains("panicked"), "{error}");
}

/// Arguments, and words of the refusal.
const WRONG: &[(&[&str], &[&str])] = &[
    (&["--burst", "0"], &["--burst", "give 1 or more"]),
    (&["--burst", "-1"], &["--burst", "whole number from 1"]),
    (&["--burst", "five"], &["--burst", "whole number from 1"]),
    (&["--burst", "99999999999999999999"], &["--burst", "whole number from 1"]),
    (&["--burst", "9999999999999", "--rate", "1"], &["--burst", "years to refill", "lower the burst"]),
    (&["--burst", "18446744073709551615", "--rate", "1/h"], &["years to refill"]),
    (&["--burst", "5"], &["not provided", "--rate <RATE>"]),
    (&["--rate", "5"], &["not provided", "--burst <COUNT>"]),
    (&["--rate", "0"], &["--rate", "above 0", "30/m"]),
    (&["--rate", "-1"], &["--rate", "above 0"]),
    (&["--rate", "NaN"], &["--rate", "above 0"]),
    (&["--rate", "inf"], &["--rate", "above 0"]),
    (&["--rate", "1e10"], &["--rate", "at most 1000000000/s"]),
    (&["--rate", "1e-300"], &["--rate", "higher rate"]),
    (&["--rate", "5/d"], &["--rate", "s, m or h"]),
    (&["--rate", "fast"], &["--rate", "like 5 or 0.5, or with its time: 1000/s, 30/m, 10/h"]),
    (&["--ipv4-prefix", "33"], &["--ipv4-prefix", "1..=32"]),
    (&["--ipv4-prefix", "0"], &["--ipv4-prefix", "1..=32"]),
    (&["--ipv6-prefix", "129"], &["--ipv6-prefix", "1..=128"]),
    (&["--port", "0"], &["--port", "from 1 to 65535"]),
    (&["--port", "65536"], &["--port", "from 1 to 65535"]),
    (&["--port", "-1"], &["--port", "from 1 to 65535"]),
    (&["--max-sources", "127"], &["--max-sources 127 is too small", "or more"]),
    (&["--max-sources", "-1"], &["--max-sources"]),
    (&["--interval", "0"], &["--interval", "0.1 to 86400"]),
    (&["--interval", "NaN"], &["--interval", "0.1 to 86400"]),
    (&["--for", "ten"], &["--for", "10m"]),
    (&["--for", "0s"], &["--for", "10m"]),
    (&["--allow", "10.0.0.0/33"], &["--allow", "192.0.2.0/24"]),
    (&["--deny", "example.org"], &["--deny", "192.0.2.0/24"]),
    (&["--allow", "10.0.0.1/8"], &["10.0.0.0/8 for the whole network", "10.0.0.1 for the address"]),
    (&["--deny", "192.0.2.7,2001:db8::1/32"], &["2001:db8::/32 for the whole network"]),
    (&["--allow", "::ffff:192.0.2.7"], &["--allow", "IPv4 address in IPv6 form", "give 192.0.2.7"]),
    (&["--port", "80,http"], &["--port", "'http' is no port", "80,443", "8000-8010"]),
    (&["--port", "8010-8000"], &["give 8000-8010"]),
    (&["--service", "ssh"], &["--service", "give a name and ports, like ssh=22"]),
    (&["--service", "ssh=22,burst=5"], &["--service", "burst needs a rate"]),
    (&["--service", "a=22", "--service", "b=20-30"], &["port 22 is in the services a and b"]),
    (&["--service", "a=22", "--port", "80"], &["port 22 of the service a is not protected", "--port"]),
    (&["--deny-file", "/none/drop.txt"], &["there is no file /none/drop.txt"]),
    (&["--allow-file", "/proc"], &["/proc is a directory: give a file in it"]),
    (&["--config", "/none/a.toml"], &["--config: there is no file /none/a.toml"]),
    (&["--challenge-port", "80"], &["unexpected argument"]),
    (&["--max-sources", "99999999999"], &["--max-sources", "at most 4294967295"]),
    (&["eth0"], &["'eth0' belongs to no option", "--iface eth0"]),
    (&["dump"], &["'dump' belongs to no option", "--dump"]),
    (&["--port", "80", "443"], &["'443' belongs to no option", "--port 80,443"]),
    (&["--allow", "10.0.0.0/8", "--deny", "10.0.0.0/8"], &["10.0.0.0/8 is both allowed and denied"]),
    (&["--iface", "none0"], &["--iface none0 is given twice"]),
    (&["--iface", "a-name-too-long-for-linux"], &["at most 15 characters"]),
    (&["--iface", ""], &["name of an interface"]),
    (&["--iface", "a/b"], &["neither spaces nor slashes"]),
    (&["--pass-rate", "-1"], &["--pass-rate", "above 0"]),
    (&["--pass-rate", "many"], &["--pass-rate", "1000/s"]),
    (&["--unchallenged-rate", "5/d"], &["--unchallenged-rate", "s, m or h"]),
    (&["--challenge", "budget"], &["--challenge", "off, all"]),
    (&["--cookies", "none"], &["--cookies", "auto, own, kernel"]),
    (&["--set-sysctls"], &["unexpected argument"]),
    (&["--mode", "fast"], &["--mode", "auto, native, skb"]),
    (&["--dump"], &["--quiet does not go with --dump"]),
    (&["--all"], &["--dump"]),
];

#[test]
fn wrong_values_are_usage_errors_that_say_what_is_right() {
    for (args, said) in WRONG {
        // Each with an option for protecting only, so that --dump is wrong too.
        let args = [&["--iface", "none0", "--quiet"], *args].concat();
        assert_refused(&synflood(&args), 2, said);
    }
    assert_refused(&synflood(&[]), 2, &["give --iface eth0, or --config FILE"]);
    let two = synflood(&["--dump", "--interval", "2", "--burst", "9", "--rate", "1"]);
    assert_refused(&two, 2, &["--burst does not go with --dump"]);
    let two = String::from_utf8_lossy(&two.stderr);
    let (sentence, _) = two.split_once("\n\nUsage: ").unwrap();
    assert_eq!(sentence.matches("--").count(), 2, "one option is named: {sentence}");
    let both = synflood(&["--iface", "none0", "--allow", "10.0.0.7", "--deny", "10.0.0.7"]);
    assert_refused(&both, 2, &["Usage: "]);
}

#[test]
fn a_command_with_a_word_too_many_is_told_what_it_may_mean() {
    for (args, said) in [
        (
            &["observe", "eth0"][..],
            "the word 'eth0' belongs to no option: for an interface of this name, give observe --iface eth0",
        ),
        (&["status", "eth0"], "give status --iface eth0"),
        (&["rule", "list", "eth0"], "give rule list --iface eth0"),
        (&["observe", "--syn", "eth0"], "give observe --iface eth0"),
        (&["observe", "--brust"], "unexpected argument '--brust'"),
        (&["report", "LOG", "eth0"], "unexpected argument 'eth0'"),
        (
            &["--dump", "--networks", "on"],
            "with --dump, --networks has no value: it shows the networks that are limited",
        ),
        (&["--dump", "--networks=off"], "with --dump, --networks has no value"),
    ] {
        assert_refused(&synflood(args), 2, &[said]);
    }
}

#[test]
fn a_run_takes_its_options_from_a_file() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("synflood-xdp.toml");
    std::fs::write(folder.path().join("drop.txt"), "192.0.2.0/24 ; SBL1\n").unwrap();
    let config = "iface = 'eth0'\nfor = '100ms'\nburst = 7\nrate = '30/m'\ndeny-file = 'drop.txt'\n";
    std::fs::write(&path, config).unwrap();
    let run = |more: &[&str]| {
        let words = [&["--config", path.to_str().unwrap()], more].concat();
        pair.synflood(&words).output().unwrap()
    };
    let output = run(&["--burst", "9"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("burst 9") && said.contains("30/m"), "{said}");

    std::fs::write(folder.path().join("drop.txt"), "192.0.2.0/24\n192.0.2.\n").unwrap();
    assert_refused(&run(&[]), 2, &["drop.txt:2: '192.0.2.': give an address or a network"]);
    std::fs::write(&path, "iface = 'eth0'\n\nburst = 7\n").unwrap();
    assert_refused(&run(&[]), 2, &["synflood-xdp.toml:3: ", "not provided: --rate <RATE>"]);
    std::fs::write(&path, "iface = 'eth0'\n\ndeny-file = 'none.txt'\n").unwrap();
    let absent = run(&[]);
    assert_refused(&absent, 2, &["synflood-xdp.toml:3: ", "there is no file ", "none.txt"]);
    assert!(!String::from_utf8_lossy(&absent.stderr).contains("Usage"), "the file is the fault");
    std::fs::write(&path, "iface = 'eth0'\ndeny = ['10.0.0.1/8', 'no']\n").unwrap();
    let two = run(&[]);
    assert_refused(&two, 2, &["\n"]);
    assert_eq!(String::from_utf8_lossy(&two.stderr).lines().count(), 2, "{two:?}");
    assert_eq!(pair.server.xdp("eth0"), None);
}

/// The status of `timeout` is another one.
fn refusal_in_time(args: &[&str]) -> Output {
    let binary = lab::binary!();
    Command::new("timeout").arg("30").arg(binary).args(args).output().unwrap()
}

#[test]
fn what_has_no_end_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let said = "is a device, a socket, a named pipe or the kernel's: give a file";
    for (file, said) in [
        (pipe.as_path(), said),
        ("/dev/zero".as_ref(), said),
        (folder.path(), "is a directory: give a file in it"),
    ] {
        let file = file.to_str().unwrap();
        for option in ["--config", "--allow-file", "--deny-file"] {
            assert_refused(&refusal_in_time(&["--iface", "none0", option, file]), 2, &[file, said]);
        }
    }
}

/// Files of a mebibyte at most, each the worst of its kind: what is wrong is said in no time.
#[test]
fn a_large_configuration_is_refused_soon() {
    let of = |line: &str| line.repeat((1_000_000 / line.len()).min(100_000));
    let many = "up to here are over 10000 values";
    let services = |count: usize, line: &str| {
        (0..count).map(|n| format!("[[service]]\nname = 's{n}'\n{line}\n")).collect::<String>()
    };
    let unknown: String = (0..9000).map(|n| format!("burts{n} = 1\n")).collect();
    for (what, config, said) in [
        ("unknown keys behind many lines", of("#\n") + &unknown, "and 8990 more"),
        ("more of them", (0..80_000).map(|n| format!("k{n} = 1\n")).collect(), "and 9990 more"),
        ("wrong ports", format!("port = [{}]", "'x',".repeat(9000)), "and 8990 more"),
        ("more of them", format!("port = [{}]", of("0,")), many),
        ("all ports in one text", format!("port = '{}1'", of("1-65535,")), many),
        (
            "all ports, often",
            format!("port = ['none'{}]", ",'1-65535'".repeat(9000)),
            "'none' is no port",
        ),
        ("services", services(20_000, "ports = 1"), many),
        ("wrong services", services(3000, "prots = 1"), "there are 3000 services"),
        ("services with all ports", services(16, "ports = '1-65535'"), "port 1 is in the services"),
        ("arrays in arrays", format!("port = {}", of("[")), ":2: "),
        ("a long name", format!("iface = '{}'", of("x")), "…"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, format!("quiet = true\n{config}\n")).unwrap();
        let output = refusal_in_time(&["--iface", "none0", "--config", path.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {error}");
        assert!(error.contains(said) && error.len() < 20_000, "{what}: {error}");
    }
}

/// What a reload of the service is told first.
#[test]
fn a_brief_check_fails_where_a_reload_would() {
    let pair = lab::pair!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let check = |config: &str| {
        std::fs::write(&path, config).unwrap();
        pair.synflood(&["check", "--brief", "--config", path.to_str().unwrap()]).output().unwrap()
    };
    let fine = check("iface = 'eth0'\n");
    assert!(fine.status.success() && fine.stdout.is_empty() && fine.stderr.is_empty(), "{fine:?}");
    assert_refused(
        &check("iface = 'eth0'\nbrust = 5\n"),
        1,
        &["config.toml:2: ", "do you mean burst?"],
    );
    let two = check("iface = 'eth0'\ndeny = ['10.0.0.1/8', 'no']\n");
    assert_eq!(String::from_utf8_lossy(&two.stderr).lines().count(), 2, "{two:?}");
    let bare = pair.synflood(&["check", "--brief"]).output().unwrap();
    assert_refused(&bare, 1, &["give --iface eth0, or --config FILE"]);
    assert_refused(&check("iface = 'none0'\n"), 1, &["no interface none0"]);
    assert_refused(&check("iface = 'eth0'\ndeny-file = 'none'\n"), 1, &["there is no file"]);
}

#[test]
fn the_wrong_interface_is_named() {
    assert_refused(&synflood(&["--iface", "none0"]), 1, &["no interface none0", "ip link"]);
    assert_refused(&synflood(&["--dump", "--iface", "none0"]), 1, &["no interface none0", "ip link"]);

    // In a namespace: if the check fails, it must not attach to the machine's own interfaces.
    let namespace = Netns::new("tun");
    namespace.run("ip", &["tuntap", "add", "mode", "tun", "name", "tun0"]);
    for interface in ["lo", "tun0"] {
        let args = ["--iface", interface, "--for", "100ms"];
        let output = namespace.command(lab::binary!().to_str().unwrap(), &args).output().unwrap();
        assert_refused(&output, 1, &[interface, "is not an Ethernet interface"]);
    }
}

#[test]
fn a_dump_of_nothing_says_how_to_start() {
    let pair = lab::pair!();
    assert_refused(&pair.synflood(&["--dump"]).output().unwrap(), 1, &["no synflood-xdp", "--iface"]);
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let elsewhere = pair.synflood(&["--dump", "--iface", "lo"]).output().unwrap();
    assert_refused(&elsewhere, 1, &["runs on lo"]);
}

#[test]
fn a_table_beyond_the_kernels_limits_is_refused() {
    let pair = lab::pair!();
    let output = pair.synflood(&["--iface", "eth0", "--max-sources", "4294967295"]).output().unwrap();
    assert_refused(&output, 1, &["no table of 4294967295 sources", "smaller --max-sources"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("os error"));
    assert_eq!(pair.server.xdp("eth0"), None);
}

/// The binary without some of root's capabilities.
fn without(pair: &Pair, capabilities: &str, args: &[&str]) -> Output {
    let binary = lab::binary!();
    let program = [binary.to_str().unwrap()];
    let drop = format!("--bounding-set={capabilities}");
    pair.server.command("setpriv", &[&[drop.as_str()], &program[..], args].concat()).output().unwrap()
}

#[test]
fn a_missing_capability_is_named() {
    let pair = lab::pair!();
    let protect = ["--iface", "eth0", "--for", "100ms"];
    for (dropped, named) in [
        ("-all", &["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON", "sudo"][..]),
        ("-net_admin", &["needs CAP_NET_ADMIN,"]),
        ("-bpf,-sys_admin", &["needs CAP_BPF,"]),
        ("-perfmon,-sys_admin", &["needs CAP_PERFMON,"]),
    ] {
        assert_refused(&without(&pair, dropped, &protect), 1, named);
    }
    assert_refused(&without(&pair, "-sys_admin", &["--dump"]), 1, &["--dump needs CAP_SYS_ADMIN"]);
    assert_refused(&without(&pair, "-sys_admin", &["lists"]), 1, &["lists needs CAP_SYS_ADMIN"]);
    let explain = ["explain", "192.0.2.7"];
    assert_refused(&without(&pair, "-sys_admin", &explain), 1, &["explain needs CAP_SYS_ADMIN"]);
    let deny = without(&pair, "-net_admin", &["deny", "192.0.2.7"]);
    assert_refused(&deny, 1, &["deny needs CAP_NET_ADMIN"]);
    let enough = without(&pair, "-all,+bpf,+net_admin,+perfmon", &protect);
    assert_eq!(enough.status.code(), Some(0), "{}", String::from_utf8_lossy(&enough.stderr));
}

/// Fakes an unsuitable kernel: an old release from `uname`, and no BTF file.
#[test]
fn an_unsuitable_kernel_is_refused_with_the_cause() {
    let pair = lab::pair!();
    let binary = lab::binary!();
    let protect = [binary.to_str().unwrap(), "--iface", "eth0", "--for", "100ms"];
    let old =
        pair.server.command("setarch", &[&["--uname-2.6"], &protect[..]].concat()).output().unwrap();
    assert_refused(&old, 1, &["Linux 2.6", "too old", "5.15 or later"]);

    let script = "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" \"$@\"";
    let arguments = [&["--mount", "sh", "-c", script], &protect[..]].concat();
    let without_btf = pair.server.command("unshare", &arguments).output().unwrap();
    assert_refused(&without_btf, 1, &["no /sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF=y"]);
}

#[test]
fn help_and_version_are_fine() {
    for flag in ["--help", "--version"] {
        let output = synflood(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains("synflood-xdp"));
    }
}

#[test]
fn the_binary_needs_nothing_but_itself() {
    let empty = tempfile::tempdir().unwrap();
    // Copied by `cp`: a child that another test forks could hold our descriptor open for writing, and
    // exec would fail (ETXTBSY).
    let copied =
        Command::new("cp").arg(lab::binary!()).arg(empty.path().join("synflood-xdp")).status().unwrap();
    assert!(copied.success());
    let output =
        Command::new("chroot").arg(empty.path()).args(["/synflood-xdp", "--version"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
