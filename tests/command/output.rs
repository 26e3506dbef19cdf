// SPDX-License-Identifier: GPL-2.0-only
//! Output problems never end or delay a run. Commands that only print end as other tools do.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::defence::Defence;
use lab::pair::Pair;
use lab::{Process, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Ten status lines a second, so that a failed write shows soon.
const BUSY: &str = "--iface eth0 --interval 0.1";

/// Runs the binary in a shell on the server. `script` follows its path.
fn shell(pair: &Pair, script: &str) -> Command {
    let script = format!("{} {script}", lab::binary!().display());
    pair.server.command("bash", &["-c", &script])
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

/// Asserts that it protects for its whole time and exits with 0, whatever happens to its output.
#[track_caller]
fn assert_lasts(pair: &Pair, script: &str) -> Output {
    const TIME: Duration = Duration::from_secs(2);
    let start = Instant::now();
    let mut command = shell(pair, &format!("{BUSY} --for 2s {script}"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    wait_for("it to protect", || pair.server.xdp("eth0").map(|_| ()));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{script}: {said}");
    assert!(start.elapsed() >= TIME, "{script}: it ended after {:?}: {said}", start.elapsed());
    assert!(!said.contains("panicked"), "{said}");
    output
}

#[test]
fn a_full_disk_does_not_end_a_run() {
    let pair = lab::pair!();
    for script in [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "--json >/dev/full"] {
        assert_lasts(&pair, script);
    }
}

#[test]
fn a_closed_pipe_does_not_end_a_run() {
    let pair = lab::pair!();
    for options in ["", "--json"] {
        let output = assert_lasts(&pair, &format!("{options} | head -n 1; exit ${{PIPESTATUS[0]}}"));
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("lines could not be written to standard output"), "{said}");
    }
    // Also with a closed standard error.
    assert_lasts(&pair, "2> >(head -n 1 >/dev/null); exit $?");
}

/// A file that is larger than the shell allows brings a signal as well.
#[test]
fn a_limit_on_files_does_not_end_a_run() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    assert_lasts(&pair, &format!("--json >{}", log.display()));
    let binary = lab::binary!();
    let limited =
        format!("ulimit -f 1; exec {} {BUSY} --json --for 2s >{}", binary.display(), log.display());
    let output = run(pair.server.command("bash", &["-c", &limited]));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let len = fs::metadata(&log).unwrap().len();
    assert_eq!(len, 1024, "as long as it may be");
}

#[test]
fn closed_descriptors_do_not_end_a_run() {
    let pair = lab::pair!();
    assert_lasts(&pair, ">&- 2>&- <&-");
}

/// The reader reads nothing. A pipe holds 64 KiB, and the JSON of a few seconds does not fill that, so
/// the pipe is made small.
#[test]
fn a_reader_that_stops_reading_neither_ends_nor_delays_a_run() {
    let pair = lab::pair!();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let args = ["--iface", "eth0", "--interval", "0.1", "--json", "--for", "6s"];
    let mut command = pair.synflood(&args);
    command.stdout(writer.try_clone().unwrap()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut defence = Process(command.spawn().unwrap());
    drop((command, writer));
    wait_for("it to protect", || pair.server.xdp("eth0").map(|_| ()));
    let status = defence.0.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(6 + 20), "it waited for its reader: {took:?}");
    assert_eq!(pair.server.xdp("eth0"), None);
    drop(reader);
}

#[test]
fn lost_lines_are_reported_once_when_there_is_room_again() {
    let pair = lab::pair!();
    let directory = tempfile::tempdir().unwrap();
    let small = directory.path().join("small");
    fs::create_dir(&small).unwrap();
    let small_path = small.to_str().unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=8k", "none", small_path];
    assert!(Command::new("mount").args(mount).status().unwrap().success());
    let _unmount = Unmount(small_path.into());
    // The filler takes the first page. The log has the second one, and no more room after that.
    fs::write(small.join("filler"), [0; 4096]).unwrap();
    let log = small.join("log");
    let args = ["--iface", "eth0", "--interval", "0.1", "--json"];
    let mut command = pair.synflood(&args);
    command.stdout(fs::File::create(&log).unwrap()).stderr(Stdio::piped());
    let defence = Process(command.spawn().unwrap());
    let text = || fs::read_to_string(&log).unwrap_or_default();
    wait_for("the disk to be full", || (text().len() == 4096).then_some(()));
    // A few lines later there is room again.
    let lost = || text().contains("lines could not be written");
    std::thread::sleep(Duration::from_millis(500));
    assert!(!lost());
    fs::remove_file(small.join("filler")).unwrap();
    wait_for("it to report them", || lost().then_some(()));
    kill(Pid::from_raw(defence.0.id() as i32), Signal::SIGTERM).unwrap();
    wait_for("the summary", || text().contains("\"summary\"").then_some(()));
    assert_eq!(text().matches("lines could not be written").count(), 1);
    // Every line is whole, except the one that was cut.
    let broken = text().lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    assert!(broken <= 1, "{}", text());
}

struct Unmount(String);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn warnings_are_in_the_json() {
    let pair = lab::pair!();
    pair.set("net.ipv4.tcp_syncookies=0");
    let options = ["--iface", "eth0", "--json", "--quiet", "--for", "300ms"];
    let ended = Defence::start(&pair, &options).wait();
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "start", "{}", ended.stdout);
    let warned = lines.iter().any(|line| {
        line["type"] == "warning" && line["text"].as_str().unwrap().contains("tcp_syncookies is 0")
    });
    assert!(warned, "{}", ended.stdout);
    assert!(lines.iter().any(|line| line["type"] == "note"), "{}", ended.stdout);
    assert_eq!(lines.last().unwrap()["type"], "summary");
}

#[test]
fn a_dump_ends_as_other_tools_do() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let closed = run(shell(&pair, "--dump --json | true; exit ${PIPESTATUS[0]}"));
    assert_eq!(closed.status.code(), Some(0));
    assert!(closed.stderr.is_empty(), "{}", String::from_utf8_lossy(&closed.stderr));
    let full = run(shell(&pair, "--dump >/dev/full"));
    assert_eq!(full.status.code(), Some(1));
    let said = String::from_utf8_lossy(&full.stderr);
    assert!(said.contains("error: cannot write the dump: No space left"), "{said}");
}
