// SPDX-License-Identifier: GPL-2.0-only
//! `observe`: each segment with its verdict, on a running instance and on an interface without one.

use std::io::{BufRead, BufReader, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::program::{load_as_version, types};
use lab::{pass, wait_for, wire, xdp};
use libbpf_rs::{MapCore, MapFlags};
use nix::sys::signal::{Signal, kill};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use synflood_xdp::kernel::instance::{self, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::skel::from_bytes;

/// What keeps a port busy, and answers each client with as many bytes as it sent.
fn serve(pair: &Pair, port: u16) {
    let listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, port)).unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut data = [0; 16];
            while let Ok(len @ 1..) = client.read(&mut data) {
                client.write_all(&data[..len]).unwrap();
            }
        }
    });
}

/// Connects, says "hello", has it said back, and closes.
fn talk(pair: &Pair, port: u16) {
    let mut stream = pair.client.enter(|| TcpStream::connect((Pair::SERVER, port)).unwrap());
    stream.write_all(b"hello").unwrap();
    let mut data = [0; 5];
    stream.read_exact(&mut data).unwrap();
}

fn observe(pair: &Pair, args: &[&str]) -> Defence {
    let command = pair.synflood(&[&["observe", "--iface", "eth0"], args].concat());
    Defence::start_until("observing ", command).unwrap()
}

/// Its output, once it has this in a line.
#[track_caller]
fn lines_with(observer: &Defence, what: &str) -> Vec<String> {
    wait_for(what, || {
        let text = observer.stdout();
        text.contains(what).then(|| text.lines().map(String::from).collect())
    })
}

fn syn_from(source: Ipv4Addr) -> Vec<u8> {
    ipv4(|ip, tcp| {
        (ip.source, ip.destination) = (source.octets(), [10, 0, 0, 10]);
        tcp.destination_port = 80;
    })
}

/// Direction, flags and verdict of each line; what goes out has none.
fn shape(lines: &[String]) -> Vec<String> {
    let shape = |line: &String| {
        let direction = line.split_whitespace().nth(1).unwrap();
        let (_, rest) = line.split_once('[').unwrap();
        let (flags, rest) = rest.split_once(']').unwrap();
        let verdict = rest.split_once("  ").map_or("", |(_, verdict)| verdict);
        format!("{direction} {flags} {verdict}").trim_end().to_owned()
    };
    lines.iter().map(shape).collect()
}

#[test]
fn a_handshake_reads_as_a_handshake() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        serve(&pair, 80);
        let _defence = Defence::start(&pair, &["--iface", "eth0", "--mode", mode]);
        let observer = observe(&pair, &["--port", "80"]);
        talk(&pair, 80);
        let lines = lines_with(&observer, "[F.]");
        let shape = shape(&lines);
        assert_eq!(
            shape[..4],
            ["in S pass_within_limit", "out S.", "in . skip_not_syn", "in P. skip_not_syn"],
            "{lines:?}"
        );
        assert!(lines[0].contains(" > 10.0.0.10:80 [S] seq "), "{}", lines[0]);
        assert!(lines[0].contains(", mss 1460, sackOK, ts "), "{}", lines[0]);
        assert!(lines[3].contains(", length 5"), "{}", lines[3]);
        let ended = observer.signal(Signal::SIGINT);
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.stderr.contains(" segments shown, 0 not shown"), "{}", ended.stderr);
    }
}

/// The answer that the program writes over the SYN must not be taken for the SYN, and is shown itself.
#[test]
fn a_challenged_syn_is_shown_with_its_answer() {
    for mode in ["native", "skb"] {
        let pair = lab::pair!();
        serve(&pair, 80);
        let _pass = pass::attach(&pair.client, "eth0");
        let options = ["--iface", "eth0", "--mode", mode, "--pass-rate", "1/h", "--cookies", "own"];
        let _defence = Defence::start(&pair, &options);
        talk(&pair, 80);
        let observer = observe(&pair, &["--port", "80"]);
        talk(&pair, 80);
        let lines = lines_with(&observer, "length 5");
        let syn = lines.iter().position(|line| line.contains("challenge_sent")).unwrap();
        let shape = shape(&lines);
        assert_eq!(
            shape[syn..syn + 4],
            ["in S challenge_sent", "out S.", "in . skip_not_syn", "in P. skip_not_syn"],
            "{mode}: {lines:#?}"
        );
        assert!(lines[syn].contains(", mss 1460, sackOK, ts "), "{mode}: {}", lines[syn]);
        assert!(lines[syn + 1].contains("10.0.0.10:80 > 10.0.0."), "{mode}: {}", lines[syn + 1]);
    }
}

#[test]
fn filters_choose_what_is_shown() {
    let pair = lab::pair!();
    serve(&pair, 80);
    serve(&pair, 81);
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--deny", "10.0.7.0/24"]);
    // The last one ends what each observer waits for.
    let send = || {
        wire::send(&pair.client, "eth0", &[syn_from(Ipv4Addr::new(10, 0, 7, 1))]);
        talk(&pair, 80);
        talk(&pair, 81);
    };
    for (args, last, all) in [
        (&["--port", "81"][..], "[F.]", ":81 "),
        (&["--from", "10.0.7.0/24"], "drop_denied", "10.0.7.1:"),
        (&["--syn"], ":81 [S]", " [S"),
        (&["--verdict", "drop"], "drop_denied", "drop_denied"),
        (&["--verdict", "pass"], ":81 [S]", "pass_within_limit"),
    ] {
        let observer = observe(&pair, args);
        send();
        let lines = lines_with(&observer, last);
        assert!(lines.iter().all(|line| line.contains(all)), "{args:?}: {lines:#?}");
    }
}

#[test]
fn count_and_time_end_it() {
    let pair = lab::pair!();
    serve(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let counted = observe(&pair, &["--count", "3"]);
    talk(&pair, 80);
    let ended = counted.wait();
    assert_eq!((ended.status.code(), ended.stdout.lines().count()), (Some(0), 3));
    let timed = observe(&pair, &["--for", "1s"]).wait();
    assert_eq!(timed.status.code(), Some(0));
    assert!(timed.stderr.contains("0 segments shown, 0 not shown"), "{}", timed.stderr);
}

/// What a capture says of each frame: outgoing or not, comment, bytes there and on the wire.
fn read_capture(bytes: &[u8]) -> Vec<(bool, String, usize, usize)> {
    let mut reader = PcapNgReader::new(bytes).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else { continue };
        let mut found = (false, String::new(), packet.data.len(), packet.original_len as usize);
        for option in &packet.options {
            match option {
                EnhancedPacketOption::Flags(flags) => found.0 = flags & 3 == 2,
                EnhancedPacketOption::Comment(text) => found.1 = text.to_string(),
                _ => {}
            }
        }
        packets.push(found);
    }
    packets
}

#[test]
fn a_capture_has_headers_verdicts_and_directions() {
    let pair = lab::pair!();
    serve(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let folder = tempfile::tempdir().unwrap();
    for (snaplen, with_data) in [(&[][..], false), (&["--snaplen", "2000"], true)] {
        let path = folder.path().join("a.pcapng");
        let args = [&["-w", path.to_str().unwrap(), "--port", "80", "--count", "4"], snaplen].concat();
        let observer = observe(&pair, &args);
        talk(&pair, 80);
        assert_eq!(observer.wait().status.code(), Some(0));
        let packets = read_capture(&std::fs::read(&path).unwrap());
        let told: Vec<_> = packets.iter().map(|(out, text, ..)| (*out, text.as_str())).collect();
        let passes = (false, "skip_not_syn");
        assert_eq!(told, [(false, "pass_within_limit"), (true, ""), passes, passes]);
        // "hello" is on the wire, and in the capture only if that is asked for.
        let (.., len, on_wire) = packets[3];
        assert_eq!(on_wire - len, if with_data { 0 } else { 5 }, "{packets:?}");
    }
}

#[test]
fn tcpdump_reads_a_capture_from_a_pipe() {
    let pair = lab::pair!();
    serve(&pair, 80);
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let mut command = pair.synflood(&["observe", "--iface", "eth0", "--count", "4", "-w", "-"]);
    let mut observer = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let capture = observer.stdout.take().unwrap();
    let reader = Command::new("tcpdump")
        .args(["-nn", "-r", "-", "--nano"])
        .stdin(capture)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(observer.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("observing "), "{said}");
    talk(&pair, 80);
    assert!(observer.wait().unwrap().success());
    let read = reader.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("> 10.0.0.10.80: Flags [S], seq "), "{text}");
    assert!(text.contains("Flags [S.], seq "), "{text}");
}

/// What the program is asked to show.
fn observation(pair: &Pair) -> types::observation {
    pair.server.enter(|| {
        let found = instance::find(&[Interface::by_name("eth0").unwrap()]).unwrap().remove(0);
        let State::Readable(running) = found.state else { panic!("{found:?}") };
        let bytes = running.observed.wanted.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
        from_bytes(&bytes.unwrap().unwrap()).unwrap()
    })
}

#[test]
fn an_observer_is_alone_and_its_lease_ends_without_it() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let first = observe(&pair, &[]);
    let pid = first.pid();
    assert_eq!(observation(&pair).pid, pid.as_raw() as u32);
    let second = pair.synflood(&["observe", "--iface", "eth0"]).output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("process {pid} observes there already")), "{error}");

    // Nor does the one that is refused touch what it would have written over.
    let capture = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(capture.path(), "of the first").unwrap();
    let path = capture.path().to_str().unwrap();
    let refused = pair.synflood(&["observe", "--iface", "eth0", "-w", path]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(std::fs::read(path).unwrap(), b"of the first");

    // Nobody renews the lease, so a later frame ends it.
    drop(first.signal(Signal::SIGKILL));
    assert_ne!(observation(&pair).reasons, 0, "it could not say goodbye");
    let frame = syn_from(Ipv4Addr::new(10, 0, 7, 1));
    wait_for("the lease to end", || {
        wire::send(&pair.client, "eth0", std::slice::from_ref(&frame));
        (observation(&pair).reasons == 0).then_some(())
    });

    // One that ends by a signal takes it along.
    let third = observe(&pair, &[]);
    assert_ne!(observation(&pair).reasons, 0);
    assert_eq!(third.signal(Signal::SIGTERM).status.code(), Some(0));
    assert_eq!(observation(&pair).reasons, 0);
}

#[test]
fn without_an_instance_there_are_segments_and_no_verdicts() {
    let pair = lab::pair!();
    serve(&pair, 80);
    let observer = observe(&pair, &["--port", "80"]);
    assert!(observer.said.contains("no instance judges what arrives"), "{}", observer.said);
    assert_eq!(pair.server.xdp("eth0"), None);
    talk(&pair, 80);
    let lines = lines_with(&observer, "length 5");
    assert_eq!(shape(&lines)[..4], ["in S –", "out S.", "in . –", "in P. –"], "{lines:#?}");
    let refused = pair.synflood(&["observe", "--iface", "eth0", "--verdict", "drop"]).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("so there are no verdicts"), "{error}");
}

/// Microseconds of the day.
fn time_of(line: &str) -> u64 {
    let parts: Vec<u64> =
        line.split(' ').next().unwrap().split([':', '.']).map(|part| part.parse().unwrap()).collect();
    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000 + parts[3]
}

/// "7 segments shown, 8 not shown", at the end.
fn totals(stderr: &str) -> (u64, u64) {
    let line = stderr.lines().last().unwrap();
    let numbers: Vec<u64> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

#[test]
fn a_flood_is_sampled_evenly_and_the_rest_is_counted() {
    const RATE: usize = 100;
    const DAY: u64 = 86_400_000_000;
    // With a filter the program counts; without one, its counters tell.
    for filter in [&["--from", "10.0.7.0/24"][..], &[]] {
        let pair = lab::pair!();
        let _defence = Defence::start(&pair, &["--iface", "eth0", "--deny", "10.0.7.0/24"]);
        let observer = observe(&pair, &[&["--rate", "100"], filter].concat());
        let frames = vec![syn_from(Ipv4Addr::new(10, 0, 7, 1))];
        let flood = Forger::start(&pair, "eth0", frames, Some(20_000));
        wait_for("three seconds of it", || {
            (observer.stdout().lines().count() > 3 * RATE).then_some(())
        });
        let sent = flood.stop();
        let judged = || lab::defence::dump(&pair, &[])["dropped"].as_u64().unwrap();
        wait_for("all to be judged", || (judged() >= sent).then_some(()));
        let ended = observer.signal(Signal::SIGINT);
        let (shown, not_shown) = totals(&ended.stderr);
        assert_eq!(shown + not_shown, sent, "{filter:?}");
        assert_eq!(shown, ended.stdout.lines().count() as u64);
        assert!(ended.stderr.matches(" segments not shown").count() >= 2, "{}", ended.stderr);

        let times: Vec<u64> = ended.stdout.lines().map(time_of).collect();
        let since = |from: u64, to: u64| (to + DAY - from) % DAY;
        for window in times.windows(RATE + 1) {
            assert!(since(window[0], window[RATE]) >= 999_000, "{filter:?}: {RATE} within a second");
        }
        let longest = times[RATE..].windows(2).map(|two| since(two[0], two[1])).max().unwrap();
        assert!(longest < 500_000, "a gap of {longest} µs: not the first ones of each second");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0", "--deny", "10.0.7.0/24"]);
    let _flood = Forger::start(&pair, "eth0", vec![syn_from(Ipv4Addr::new(10, 0, 7, 1))], Some(1000));
    let binary = lab::binary!();
    let line =
        format!("{} observe --iface eth0 | head -n 2; exit ${{PIPESTATUS[0]}}", binary.display());
    let output = pair.server.command("bash", &["-c", &line]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert!(!error.contains("error") && !error.contains("panicked"), "{error}");
}

#[test]
fn an_instance_of_another_version_is_not_misread() {
    let pair = lab::pair!();
    let mut object = MaybeUninit::uninit();
    let skel = load_as_version(99, 99, &mut object);
    let _link = xdp::attach(&pair.server, "eth0", skel.progs.synflood.as_fd()).unwrap();
    let output = pair.synflood(&["observe", "--iface", "eth0"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("eth0 (native): another version of synflood-xdp"), "{error}");
}

/// The program of a reload goes on with the same maps.
#[test]
fn an_observer_outlives_a_reload_but_not_the_instance() {
    let pair = lab::pair!();
    serve(&pair, 80);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, "iface = [\"eth0\"]\n").unwrap();
    let defence = Defence::start(&pair, &["--config", path.to_str().unwrap()]);
    let observer = observe(&pair, &[]);
    std::fs::write(&path, "iface = [\"eth0\"]\ndeny = [\"10.0.7.0/24\"]\npass-rate = \"900\"\n")
        .unwrap();
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    wait_for("the reload", || defence.stderr().contains("note: reloaded").then_some(()));
    let frame = syn_from(Ipv4Addr::new(10, 0, 7, 1));
    wait_for("a verdict of the new program", || {
        wire::send(&pair.client, "eth0", std::slice::from_ref(&frame));
        observer.stdout().contains("drop_denied").then_some(())
    });
    assert!(!observer.stderr().contains("error"), "{}", observer.stderr());

    drop(defence.signal(Signal::SIGTERM));
    let ended = observer.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("the instance on eth0 has ended"), "{}", ended.stderr);
}
