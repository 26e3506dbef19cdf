// SPDX-License-Identifier: GPL-2.0-only
//! `--metrics`: what a scraper gets, and that none can hold up a run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::defence::{Defence, dump};
use lab::forger::Forger;
use lab::frames::{ipv4, syn_from};
use lab::pair::Pair;
use lab::{wait_for, wire};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

const ADDRESS: &str = "127.0.0.1:9911";

/// A page in OpenMetrics' text format.
struct Page {
    /// By name and labels, as they are written.
    samples: BTreeMap<String, f64>,
}

impl Page {
    /// Panics unless it keeps to the format's rules.
    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("an end");
        let (mut types, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut family = "";
        for line in text.lines() {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(help.ends_with('.') && !types.contains_key(name), "{line}");
                    family = name;
                }
                ["#", "TYPE", name, kind] => {
                    assert!(name == family && types.insert(name, kind).is_none(), "{line}");
                }
                ["#", "UNIT", name, unit] => {
                    assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
                }
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    let name = series.split('{').next().unwrap();
                    let suffix = match types[family] {
                        "counter" => "_total",
                        "info" => "_info",
                        "gauge" => "",
                        other => panic!("{other}: {line}"),
                    };
                    assert_eq!(name, format!("{family}{suffix}"), "{line}");
                    assert!(name.starts_with("synflood_") && !series.contains("10.0.0."), "{line}");
                    assert!(samples.insert(series.into(), value.parse().unwrap()).is_none(), "{line}");
                }
            }
        }
        Self { samples }
    }

    #[track_caller]
    fn get(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("{series} is not in {:?}", self.samples))
    }

    /// Of all series of this name.
    fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series == name || series.starts_with(&format!("{name}{{"));
        self.samples.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
    }
}

fn open(pair: &Pair) -> TcpStream {
    let stream = pair.server.enter(|| TcpStream::connect(ADDRESS)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The answer to a request, until the other end closes.
fn ask(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

fn page(stream: impl Read + Write) -> Page {
    let answer = ask(stream, GET);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    Page::parse(body)
}

fn scrape(pair: &Pair) -> Page {
    page(open(pair))
}

fn run(pair: &Pair, more: &[&str]) -> Defence {
    Defence::start(pair, &[&["--iface", "eth0", "--quiet", "--metrics", ADDRESS], more].concat())
}

fn status(pair: &Pair) -> Value {
    let output = pair.synflood(&["status", "--json"]).output().unwrap();
    assert!(output.status.success());
    let mut statuses: Value = serde_json::from_slice(&output.stdout).unwrap();
    statuses["instances"][0].take()
}

#[track_caller]
fn refused(pair: &Pair, args: &[&str], status: i32) -> String {
    let output = pair.synflood(&[&["--iface", "eth0"], args].concat()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert_eq!(pair.server.xdp("eth0"), None);
    error
}

const RELOADED: &str = "note: reloaded";

/// Has the configuration read again, and waits until this has been said so often.
fn reload(defence: &Defence, said: &str, times: usize) {
    kill(defence.pid(), Signal::SIGHUP).unwrap();
    wait_for(said, || (defence.stderr().matches(said).count() == times).then_some(()));
}

#[test]
fn metrics_are_what_the_dump_and_the_status_say() {
    let pair = lab::pair!();
    let _listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
    let lists = ["--deny", "10.0.0.3", "--allow", "10.0.9.0/24,10.0.8.0/24", "--pass-rate", "10/s"];
    let _defence = run(&pair, &lists);
    let frames = [3, 77].map(|host| syn_from([10, 0, 0, host].into()));
    wire::send(&pair.client, "eth0", &[&frames[..]; 100].concat());
    let denied = |dump: &Value| dump["reasons"]["drop_denied"].as_u64() >= Some(100);
    let dump = wait_for("the SYNs", || Some(dump(&pair, &["--all"])).filter(denied));
    let (page, status) = (scrape(&pair), status(&pair));
    for (reason, count) in dump["reasons"].as_object().unwrap() {
        if reason.starts_with("drop") || reason.starts_with("pass") || reason.starts_with("challenge") {
            let series = format!("synflood_frames_total{{reason=\"{reason}\"}}");
            assert_eq!(Some(page.get(&series)), count.as_f64(), "{reason}");
        }
    }
    let of = |verdict: &str| {
        let verdict = format!("{{verdict=\"{verdict}\"");
        let syns = page.samples.iter().filter(|(name, _)| name.starts_with("synflood_syns_total"));
        syns.filter(|(series, _)| series.contains(&verdict)).map(|(_, value)| value).sum::<f64>()
    };
    for verdict in ["passed", "challenged", "dropped"] {
        assert_eq!(Some(of(verdict)), dump[verdict].as_f64(), "{verdict}");
    }
    for (name, fill) in status["tables"].as_object().unwrap() {
        let of = |what: &str| page.get(&format!("synflood_table_{what}_entries{{table=\"{name}\"}}"));
        assert_eq!(
            (Some(of("used")), Some(of("size"))),
            (fill["used"].as_f64(), fill["room"].as_f64())
        );
    }
    for (verdict, count, hits) in [("allowed", 2.0, 0.0), ("denied", 1.0, 100.0)] {
        let labels = format!("{{verdict=\"{verdict}\",origin=\"run\"}}");
        assert_eq!(page.get(&format!("synflood_list_networks{labels}")), count);
        assert_eq!(page.get(&format!("synflood_list_hits{labels}")), hits);
        assert_eq!(status["networks"][verdict].as_f64(), Some(count));
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(page.get(&format!("synflood_build_info{{version=\"{version}\"}}")), 1.0);
    assert_eq!(page.get("synflood_interface_info{interface=\"eth0\",mode=\"skb\"}"), 1.0);
    assert_eq!(page.get("synflood_rate_limit_per_second{rate=\"pass_rate\"}"), 10.0);
    assert_eq!(page.get("synflood_config_last_reload_successful"), 1.0);
    assert_eq!(page.get("synflood_failing_tasks"), 0.0);
    assert!(page.get("synflood_listener_queue_limit{port=\"80\"}") > 0.0);
    assert_eq!(page.get("synflood_listener_queue_length{port=\"80\"}"), 0.0);
}

#[test]
fn syns_are_told_apart_by_service() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let write = |services: &str| {
        let text = format!("iface = 'eth0'\nmetrics = '{ADDRESS}'\ndeny = '10.0.0.3'\n{services}\n");
        fs::write(&config, text).unwrap();
    };
    let send = |from: u8, port: u16, times: usize| {
        let frame = ipv4(|ip, tcp| {
            (ip.source, tcp.destination_port) = ([10, 0, 0, from], port);
        });
        wire::send(&pair.client, "eth0", &vec![frame; times]);
    };
    let assert_counts = |counts: &[(&str, &str, f64)]| {
        wait_for(&format!("{counts:?}"), || {
            let page = scrape(&pair);
            let is_so = |&(verdict, service, count): &(&str, &str, f64)| {
                let series = format!("synflood_syns_total{{verdict={verdict},service=\"{service}\"}}");
                // A service that is new is there a moment after the reload.
                page.samples.get(&series).is_some_and(|shown| (shown - count).abs() < 0.1)
            };
            counts.iter().all(is_so).then_some(())
        });
    };
    const PASSED: &str = "\"passed\",reason=\"pass_within_limit\"";
    const DENIED: &str = "\"dropped\",reason=\"drop_denied\"";
    write("service = ['ssh=22']");
    let defence = Defence::start(&pair, &["--config", config.to_str().unwrap()]);
    for (from, port, times) in [(4, 22, 3), (4, 80, 5), (3, 22, 7), (3, 80, 11)] {
        send(from, port, times);
    }
    assert_counts(&[(PASSED, "ssh", 3.0), (PASSED, "", 5.0), (DENIED, "ssh", 7.0), (DENIED, "", 11.0)]);

    write("service = ['ssh=22', 'web=80']");
    reload(&defence, RELOADED, 1);
    send(3, 80, 13);
    assert_counts(&[(DENIED, "ssh", 7.0), (DENIED, "", 11.0), (DENIED, "web", 13.0)]);
    let all = scrape(&pair).get("synflood_frames_total{reason=\"drop_denied\"}");
    assert!((all - 31.0).abs() < 0.1, "{all}");
}

#[test]
fn counters_go_up_and_a_flood_is_seen() {
    let pair = lab::pair!();
    let _defence = run(&pair, &["--pass-rate", "1/s"]);
    let before = scrape(&pair);
    assert_eq!((before.get("synflood_flood_active"), before.get("synflood_floods_total")), (0.0, 0.0));
    let flood = Forger::start(&pair, "eth0", vec![syn_from([10, 0, 0, 77].into())], Some(500));
    let during = wait_for("the flood", || {
        Some(scrape(&pair)).filter(|page| page.get("synflood_flood_active") == 1.0)
    });
    assert_eq!(during.get("synflood_floods_total"), 1.0);
    assert_eq!(during.get("synflood_rate_refusing{rate=\"pass_rate\"}"), 1.0);
    let since = during.get("synflood_rate_refusing_since_timestamp_seconds{rate=\"pass_rate\"}");
    assert!(since > during.get("synflood_start_time_seconds"), "{since}");
    let sent = flood.stop() as f64;
    let syns = wait_for("all SYNs", || {
        let syns = scrape(&pair).sum("synflood_syns_total");
        (syns >= sent).then_some(syns)
    });
    assert_eq!(syns - before.sum("synflood_syns_total"), sent);
}

#[test]
fn connections_that_wait_to_be_accepted_are_shown() {
    let pair = lab::pair!();
    let listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
    let _defence = run(&pair, &[]);
    let _waiting: Vec<_> =
        pair.client.enter(|| (0..3).map(|_| TcpStream::connect((Pair::SERVER, 80)).unwrap()).collect());
    let page = wait_for("three connections", || {
        Some(scrape(&pair)).filter(|page| page.get("synflood_connections_total") == 3.0)
    });
    assert_eq!(page.get("synflood_listener_queue_length{port=\"80\"}"), 3.0);
    drop(listener);
}

#[test]
fn a_walk_is_not_made_for_each_scrape() {
    let pair = lab::pair!();
    let _defence = run(&pair, &[]);
    let first = scrape(&pair);
    let begun = Instant::now();
    let walks = |page: &Page| page.get("synflood_walk_timestamp_seconds");
    assert_eq!(walks(&first), walks(&scrape(&pair)));
    wait_for("the next walk", || (walks(&scrape(&pair)) > walks(&first)).then_some(()));
    assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// Sends a request that does not end, a byte at a time, until it is cut off.
fn ask_slowly(mut stream: TcpStream) -> JoinHandle<()> {
    thread::spawn(move || {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
        let begun = Instant::now();
        while stream.write_all(b"x").is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is never cut off");
            thread::sleep(Duration::from_millis(20));
        }
    })
}

/// Waits for the other end to close. How many bytes it sent before. Goes on after a signal: with a
/// time limit, as here, a read that a signal of another test interrupts is not begun again by the kernel.
fn end_of(mut stream: TcpStream) -> io::Result<usize> {
    stream.read_to_end(&mut Vec::new())
}

#[test]
fn who_asks_too_slowly_is_cut_off() {
    let pair = lab::pair!();
    let _defence = run(&pair, &[]);
    let slow = ask_slowly(open(&pair));
    assert_eq!(end_of(open(&pair)).unwrap(), 0, "the other end closes");
    slow.join().unwrap();
}

/// Whoever holds connections, or asks a byte at a time, holds up neither those who ask well nor the run.
#[test]
fn nobody_holds_up_a_scrape_or_the_run() {
    let pair = lab::pair!();
    let args = ["--iface", "eth0", "--metrics", ADDRESS, "--json", "--interval", "0.2"];
    let defence = Defence::start(&pair, &args);
    let idle: Vec<_> = (0..50).map(|_| open(&pair)).collect();
    let slow = ask_slowly(open(&pair));
    let mut deaf = open(&pair);
    deaf.write_all(GET.as_bytes()).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        scrape(&pair);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    slow.join().unwrap();
    // The oldest gave way.
    for idle in idle {
        let end = end_of(idle).map_err(|error| error.kind());
        assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
    }
    let mut broken = open(&pair);
    broken.write_all(&[0xff; 100]).unwrap();
    let mut long = open(&pair);
    let sent = (0..1000).try_for_each(|_| long.write_all(&[b'x'; 1000]));
    let answer = io::copy(&mut long.take(1), &mut io::sink());
    assert!(sent.is_err() || answer.is_ok(), "a request without an end");
    scrape(&pair);
    let ended = defence.signal(Signal::SIGTERM);
    assert!(ended.status.success(), "{}", ended.stderr);
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let at: Vec<_> = lines.filter_map(|line| line["elapsed_s"].as_f64()).collect();
    let longest = at.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(at.len() > 8 && longest < 1.5, "{at:?}");
}

#[test]
fn what_is_no_scrape_is_told_so() {
    let pair = lab::pair!();
    let _defence = run(&pair, &[]);
    for (request, answer) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 405 Method Not Allowed\r\n",
        ),
        ("no HTTP\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        assert!(ask(open(&pair), request).starts_with(answer), "{request}");
    }
    let head = ask(open(&pair), "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn an_address_that_cannot_be_had_is_said_before_anything_is_attached() {
    let pair = lab::pair!();
    for word in ["127.0.0.1", "localhost:9911", "127.0.0.1:0", "unix:x.sock"] {
        let error = refused(&pair, &["--metrics", word], 2);
        assert!(error.contains("--metrics"), "{error}");
    }
    let error = refused(&pair, &["--metrics", "192.0.2.1:9911"], 1);
    assert!(error.contains("192.0.2.1:9911") && error.contains("no address of this host"), "{error}");
    let _taken = pair.server.enter(|| TcpListener::bind(ADDRESS).unwrap());
    let error = refused(&pair, &["--metrics", ADDRESS], 1);
    assert!(error.contains("another process listens"), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.sock");
    let socket = format!("unix:{}", path.display());
    fs::write(&path, "a file").unwrap();
    assert!(refused(&pair, &["--metrics", &socket], 1).contains("no socket"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    fs::remove_file(&path).unwrap();
    let _taken = UnixListener::bind(&path).unwrap();
    let error = refused(&pair, &["--metrics", &socket], 1);
    assert!(error.contains("another process listens"), "{error}");
}

#[test]
fn an_address_that_others_reach_is_noted() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0", "--metrics", "0.0.0.0:9911"]);
    wait_for("the note", || defence.stderr().contains("whoever reaches it").then_some(()));
    let address = format!("{}:9911", Pair::SERVER);
    page(pair.client.enter(|| TcpStream::connect(address)).unwrap());
    drop(defence);
    let ended = run(&pair, &[]).signal(Signal::SIGTERM);
    assert!(!ended.stderr.contains("whoever reaches"), "{}", ended.stderr);
}

#[test]
fn a_unix_socket_replaces_a_stale_one_and_is_removed_at_the_end() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a stale socket");
    let socket = format!("unix:{}", path.display());
    let start = || Defence::start(&pair, &["--iface", "eth0", "--metrics", &socket]);
    let defence = start();
    wait_for("the socket", || UnixStream::connect(&path).is_ok().then_some(()));
    page(UnixStream::connect(&path).unwrap());
    let found = fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    let ended = defence.signal(Signal::SIGTERM);
    assert!(ended.status.success() && !path.exists(), "{}", ended.stderr);

    let killed = start();
    killed.signal(Signal::SIGKILL);
    assert!(path.exists());
    let _defence = start();
    wait_for("the socket", || UnixStream::connect(&path).is_ok().then_some(()));
    page(UnixStream::connect(&path).unwrap());
}

#[test]
fn a_reload_gives_them_elsewhere_or_changes_nothing() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let write = |metrics: &str| fs::write(&config, format!("iface = 'eth0'\n{metrics}\n")).unwrap();
    write("");
    let defence = Defence::start(&pair, &["--config", config.to_str().unwrap()]);
    let is_given = || match pair.server.enter(|| TcpStream::connect(ADDRESS)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            false
        }
    };
    assert!(!is_given());
    write(&format!("metrics = '{ADDRESS}'"));
    reload(&defence, RELOADED, 1);
    assert_eq!(scrape(&pair).get("synflood_config_last_reload_successful"), 1.0);
    // Another program, and the same address.
    write(&format!("metrics = '{ADDRESS}'\npass-rate = 77"));
    reload(&defence, RELOADED, 2);
    wait_for("the other program's limit", || {
        let limit = scrape(&pair).get("synflood_rate_limit_per_second{rate=\"pass_rate\"}");
        ((limit - 77.0).abs() < 0.01).then_some(())
    });
    write("metrics = '192.0.2.1:9911'\npass-rate = 78");
    reload(&defence, "nothing is reloaded", 1);
    assert!(defence.stderr().contains("no address of this host"), "{}", defence.stderr());
    let page = scrape(&pair);
    assert_eq!(page.get("synflood_config_last_reload_successful"), 0.0);
    assert!((page.get("synflood_rate_limit_per_second{rate=\"pass_rate\"}") - 77.0).abs() < 0.01);
    write("");
    reload(&defence, RELOADED, 3);
    // A reload waits half a second for it, and no longer.
    wait_for("the end of the metrics", || (!is_given()).then_some(()));
}

/// The old address holds the port of the new one until it is left.
#[test]
fn a_reload_widens_their_address_at_the_same_port_or_leaves_it() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let write = |address: &str| {
        fs::write(&config, format!("iface = 'eth0'\nmetrics = '{address}:9911'\n")).unwrap();
    };
    write("127.0.0.1");
    let defence = Defence::start(&pair, &["--config", config.to_str().unwrap()]);
    let answers = |address: &str| pair.server.enter(|| TcpStream::connect((address, 9911)).is_ok());
    assert!(answers("127.0.0.1") && !answers(Pair::SERVER));
    write("0.0.0.0");
    reload(&defence, RELOADED, 1);
    assert!(answers(Pair::SERVER), "{}", defence.stderr());
    write("127.0.0.1");
    reload(&defence, RELOADED, 2);
    assert!(answers("127.0.0.1") && !answers(Pair::SERVER));

    let _other = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 9911)).unwrap());
    write("0.0.0.0");
    reload(&defence, RELOADED, 3);
    let said = "warning: the metrics stay at 127.0.0.1:9911: the metrics cannot be given at 0.0.0.0:9911, where another";
    wait_for(said, || defence.stderr().contains(said).then_some(()));
    scrape(&pair);
}

#[test]
fn a_run_that_replaces_another_waits_for_its_address() {
    let pair = lab::pair!();
    let first = run(&pair, &[]);
    let before = scrape(&pair).get("synflood_start_time_seconds");
    let second = run(&pair, &["--replace"]);
    assert!(first.wait().status.success());
    wait_for("the second run's metrics", || {
        let stream = pair.server.enter(|| TcpStream::connect(ADDRESS)).ok()?;
        let mut answer = String::new();
        let mut stream = stream;
        stream.write_all(GET.as_bytes()).ok()?;
        stream.read_to_string(&mut answer).ok()?;
        let started = Page::parse(answer.split_once("\r\n\r\n")?.1).get("synflood_start_time_seconds");
        (started >= before).then_some(())
    });
    assert!(!second.stderr().contains("giving the metrics fails"), "{}", second.stderr());
}

#[test]
fn an_address_that_stays_taken_is_said_after_a_takeover() {
    let pair = lab::pair!();
    let taken = pair.server.enter(|| TcpListener::bind(ADDRESS).unwrap());
    let second = run(&pair, &["--replace"]);
    const SAID: &str = "giving the metrics fails and is tried again";
    wait_for("the warning", || second.stderr().contains(SAID).then_some(()));
    drop(taken);
    wait_for("its end", || second.stderr().contains("giving the metrics works again").then_some(()));
    assert_eq!(scrape(&pair).get("synflood_failing_tasks"), 0.0);
    assert_eq!(scrape(&pair).get("synflood_task_failures_total"), 1.0);
}

/// The thread that answers strangers may do nothing that another process may not.
#[test]
fn the_thread_has_none_of_the_privileges_of_the_run() {
    let pair = lab::pair!();
    let defence = run(&pair, &[]);
    scrape(&pair);
    let tasks = fs::read_dir(format!("/proc/{}/task", defence.pid())).unwrap();
    let of_metrics = tasks
        .map(|task| task.unwrap().path())
        .find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "metrics"));
    let status = fs::read_to_string(of_metrics.unwrap().join("status")).unwrap();
    const CAP_BPF: u64 = 1 << 39;
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let line = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
        let set = u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap();
        assert_eq!(set & !CAP_BPF, 0, "{line}");
    }
}

#[test]
fn rules_are_counted_by_number() {
    let pair = lab::pair!();
    let _defence = run(&pair, &[]);
    let page = scrape(&pair);
    assert_eq!(page.get("synflood_rules{stage=\"in_force\"}"), 0.0);
    assert_eq!(page.get("synflood_honest_syns"), 0.0);
    assert_eq!(page.sum("synflood_rule_matched_syns_total"), 0.0);
    let add = ["rule", "add", "ipv4,window=512,options=none", "--watch"];
    assert!(pair.synflood(&add).output().unwrap().status.success());
    let frame = lab::frames::ipv4(|_, tcp| tcp.window_size = 512);
    wire::Wire::open(&pair.client, "eth0").unwrap().send(&frame).unwrap();
    let matched = "synflood_rule_matched_syns_total{rule=\"9\"}";
    let page = wait_for("a match", || Some(scrape(&pair)).filter(|page| page.get(matched) == 1.0));
    assert_eq!(page.get("synflood_rules{stage=\"watched\"}"), 1.0);
    assert_eq!(page.get("synflood_rule_dropped_syns_total{rule=\"9\"}"), 0.0);
    let info = "synflood_rule_info{rule=\"9\",words=\"win 512, no options\",origin=\"added\"}";
    assert_eq!(page.get(info), 1.0);
}
