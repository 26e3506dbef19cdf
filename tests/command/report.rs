// SPDX-License-Identifier: GPL-2.0-only
//! `report`: the page of a real flood, and where it is written.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::syn_from;
use lab::wait_for;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Two lines of a run.
const LOG: &str = "{\"type\":\"start\",\"interfaces\":[{\"name\":\"eth0\",\"mode\":\"skb\"}]}\n\
                   {\"type\":\"status\",\"elapsed_s\":1.0,\"syn_per_s\":7}\n";

/// Needs no namespace, and no root.
fn report(folder: &Path, args: &[&str]) -> Output {
    Command::new(lab::binary!()).arg("report").args(args).current_dir(folder).output().unwrap()
}

fn folder_with_log() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), LOG).unwrap();
    folder
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(why), "{error}");
}

/// "1,234,567"
fn with_commas(count: u64) -> String {
    let digits = count.to_string();
    let (head, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(|group| std::str::from_utf8(group).unwrap());
    [head].into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[test]
fn the_page_of_a_flood_has_the_figures_of_its_log() {
    let pair = lab::pair!();
    let _pass = lab::pass::attach(&pair.client, "eth0");
    let folder = tempfile::tempdir().unwrap();
    let _nginx = pair.serve(folder.path());
    let defence = Defence::start(
        &pair,
        &["--iface", "eth0", "--json", "--pass-rate", "20", "--deny", "10.0.7.0/25"],
    );
    let frames = (0..=250).map(|host| syn_from(Ipv4Addr::new(10, 0, 7, host))).collect();
    let flood = Forger::start(&pair, "eth0", frames, Some(3000));
    wait_for("five status lines of a flood", || {
        let stdout = defence.stdout();
        let in_flood =
            stdout.matches("\"flood_s\":").count() - stdout.matches("\"flood_s\":null").count();
        (in_flood >= 5).then_some(())
    });
    (0..10).for_each(|_| assert!(pair.is_served("10.0.0.1")));
    flood.stop();
    let ended = defence.signal(Signal::SIGTERM);
    fs::write(folder.path().join("log"), &ended.stdout).unwrap();

    let output = report(folder.path(), &["log", "-o", "page.html"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(page.contains("<h1>eth0: attack of "), "{page}");
    assert!(page.contains(&format!(" {} lines, from ", lines.len())), "{page}");

    let summary = lines.iter().find(|line| line["type"] == "summary").unwrap();
    for (reason, count) in summary["reasons"].as_object().unwrap() {
        let meaning = synflood_xdp::report::meaning(reason);
        assert!(meaning.is_some(), "docs/output.md does not say what {reason} means");
        let row = format!(
            "<code>{reason}</code></td><td class=\"n\">{}</td>",
            with_commas(count.as_u64().unwrap())
        );
        assert_eq!(page.contains(&row), count != 0, "{row}: {page}");
    }
    assert!(summary["connected"].as_u64() >= Some(10), "{summary}");
    // The denied ones of them: 128 of 251.
    assert!(page.contains(" at most, 51.") || page.contains(" at most, 50."), "{page}");
    let rates = |field: &'static str| lines.iter().filter_map(move |line| line[field].as_f64());
    // The run's end is in no status line, but may be the peak.
    let last = summary["last_flood"]["peak_syn_per_s"].as_f64();
    let peak = rates("syn_per_s").chain(rates("peak_syn_per_s")).chain(last).fold(0.0, f64::max);
    let most = format!("{:.2}k SYN/s at most", peak / 1000.0);
    assert!(page.contains(&most), "{most}: {page}");
    // Each of three curves, and of those of visitors, has a point for each status line.
    let statuses = lines.iter().filter(|line| line["type"] == "status").count();
    let curves = page
        .lines()
        .filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\""));
    let points: Vec<usize> = curves.map(|line| line.matches(',').count()).collect();
    assert!(
        points.len() >= 4 && points.iter().all(|&count| count + 1 >= statuses.min(10)),
        "{points:?}, {statuses}"
    );
}

#[test]
fn only_a_page_is_replaced() {
    let folder = folder_with_log();
    let path = |name: &str| folder.path().join(name);
    for _ in 0..2 {
        assert!(report(folder.path(), &["log", "-o", "page.html"]).status.success());
    }
    assert_eq!(fs::metadata(path("page.html")).unwrap().permissions().mode() & 0o777, 0o666 & !umask());
    fs::write(path("letter"), "not to be lost").unwrap();
    for name in ["letter", "log"] {
        assert_refused(&report(folder.path(), &["log", "-o", name]), 1, "and is no page of a report");
    }
    assert_refused(&report(folder.path(), &["log", "-o", "."]), 1, "is a directory");
    assert_refused(
        &report(folder.path(), &["log", "-o", "none/page.html"]),
        1,
        "cannot write none/page.html",
    );
    assert_eq!(fs::read_to_string(path("letter")).unwrap(), "not to be lost");
    assert_eq!(fs::read_to_string(path("log")).unwrap(), LOG);
    // A page is known by its beginning alone.
    let page = fs::read_to_string(path("page.html")).unwrap();
    fs::write(path("letter"), format!(" {page}")).unwrap();
    assert_refused(&report(folder.path(), &["log", "-o", "letter"]), 1, "and is no page of a report");
    // Who may read it is who could.
    fs::set_permissions(path("page.html"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(report(folder.path(), &["log", "-o", "page.html"]).status.success());
    assert_eq!(fs::metadata(path("page.html")).unwrap().permissions().mode() & 0o777, 0o600);
    // A link stays one.
    symlink("page.html", path("newest.html")).unwrap();
    assert!(report(folder.path(), &["log", "-o", "newest.html"]).status.success());
    assert!(fs::symlink_metadata(path("newest.html")).unwrap().is_symlink());
    // Nothing half-written is left, whatever failed.
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["letter", "log", "newest.html", "page.html"]);
}

#[test]
fn a_link_leads_to_a_page_or_nowhere() {
    let folder = folder_with_log();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    symlink("empty", path("to-empty")).unwrap();
    symlink("new", path("to-new")).unwrap();
    for name in ["to-empty", "to-new"] {
        let output = report(folder.path(), &["log", "-o", name]);
        assert_refused(
            &output,
            1,
            "is a symbolic link that leads to no page: give the name of the file itself",
        );
        assert!(fs::symlink_metadata(path(name)).unwrap().is_symlink());
    }
    assert_eq!(fs::read(path("empty")).unwrap(), b"");
    assert!(!path("new").exists());
    assert!(report(folder.path(), &["log", "-o", "empty"]).status.success());
}

fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(umask.trim(), 8).unwrap()
}

#[test]
fn a_log_that_is_none_leaves_the_page_as_it_was() {
    let folder = folder_with_log();
    assert!(report(folder.path(), &["log", "-o", "page.html"]).status.success());
    let page = fs::read(folder.path().join("page.html")).unwrap();
    for (name, content) in [("empty", ""), ("essay", "Of floods\n"), ("binary", "\u{0}\u{1}")] {
        fs::write(folder.path().join(name), content).unwrap();
        assert_refused(
            &report(folder.path(), &[name, "-o", "page.html"]),
            1,
            "no line of a run is in the log",
        );
    }
    assert_refused(&report(folder.path(), &["missing", "-o", "page.html"]), 1, "cannot read missing");
    assert_refused(&report(folder.path(), &[".", "-o", "page.html"]), 1, "cannot read");
    assert_refused(&report(folder.path(), &[]), 2, "<LOG>");
    assert_eq!(fs::read(folder.path().join("page.html")).unwrap(), page);
}

/// Lines made to need much memory, one of each kind that has lists, and one that is far too long.
fn costly_log() -> Vec<u8> {
    const ROOM: usize = (1 << 20) - 100;
    let repeated = |text: &str| [text].repeat(ROOM / (text.len() + 1)).join(",");
    let names = (0..).map(|number: u32| format!("\"{number:x}\":1")).scan(0, |length, name| {
        *length += name.len() + 1;
        (*length < ROOM).then_some(name)
    });
    let names = names.collect::<Vec<_>>().join(",");
    let mut lines: Vec<String> = ["start", "status", "flood_over", "summary", "note", "later"]
        .map(|kind| format!("{{\"type\":\"{kind}\",\"x\":[{}]}}", repeated("[]")))
        .into();
    lines.push(format!("{{\"type\":\"start\",{names}}}"));
    for kind in ["status", "summary"] {
        lines.push(format!("{{\"type\":\"{kind}\",\"reasons\":{{{names}}}}}"));
    }
    let sources = repeated("{\"source\":\"\",\"share\":0}");
    lines.push(format!("{{\"type\":\"flood_over\",\"top_sources\":[{sources}]}}"));
    lines
        .push(format!("{{\"type\":\"flood_kind\",\"kind\":\"few\",\"heavy\":[{}]}}", repeated("\"\"")));
    lines.push(format!("{{\"type\":\"status\",\"queues\":[{}]}}", repeated("{}")));
    assert!(lines.iter().all(|line| line.len() < 1 << 20));
    lines.push(format!("{{\"type\":\"start\",\"x\":[{}[]]}}", "[],".repeat(32 << 20 >> 2)));
    (lines.join("\n") + "\n" + LOG).into_bytes()
}

#[test]
fn no_log_takes_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), costly_log()).unwrap();
    // KiB that it may have of its own.
    let line = format!("ulimit -d 65536; exec {} report log", lab::binary!().display());
    let output = Command::new("bash").args(["-c", &line]).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("which are not in the figures: 1<"), "{page}");
    assert!(page.contains(": 13 lines, from "), "{page}");
}

#[test]
fn it_reads_and_writes_pipes() {
    let folder = folder_with_log();
    for args in
        [&["report", "-"][..], &["report", "-", "-o", "-"], &["report", "-", "-o", "/dev/stdout"]]
    {
        let mut command = Command::new(lab::binary!());
        command.args(args).current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(LOG.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}");
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(
            page.contains("from standard input: 2 lines") && page.ends_with("</html>"),
            "{args:?}: {page}"
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

/// `| head` has seen enough.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder_with_log();
    let line = format!("{} report log | head -c 1; exit ${{PIPESTATUS[0]}}", lab::binary!().display());
    let output = Command::new("bash").args(["-c", &line]).current_dir(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
