// SPDX-License-Identifier: GPL-2.0-only
//! `top`: what a terminal shows during a flood, and what the keys do. The terminal is tmux's.

use std::fs;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::defence::Defence;
use lab::forger::Forger;
use lab::frames::ipv4;
use lab::pair::Pair;
use lab::program::load_as_version;
use lab::{pass, wait_for, xdp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use synflood_xdp::kernel::instance::{self, State};
use synflood_xdp::kernel::interface::Interface;
use synflood_xdp::kernel::skel::{as_bytes, types};
use synflood_xdp::kernel::{encode, sys};
use tempfile::TempDir;

const ATTACKER: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 1);

/// A terminal with a shell, in which a command runs. It ends when this value is dropped.
struct Terminal {
    directory: TempDir,
}

impl Terminal {
    /// Runs `top` in the server's namespace; `before`: shell commands before it.
    fn top(pair: &Pair, before: &str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let terminal = Self { directory };
        fs::write(
            terminal.path("config"),
            "set -g status off\nset -g default-terminal screen-256color\n",
        )
        .unwrap();
        let command = pair.synflood(&[&["top"], args].concat());
        let words = command.get_args().map(|word| word.to_str().unwrap());
        let words = words.collect::<Vec<_>>().join(" ");
        let script = terminal.path("script");
        // The shell writes its own number, and becomes nothing else: it says how the command ended.
        let lines = ["unset NO_COLOR", before, "echo the line before", &format!("ip {words}")];
        let after =
            "echo the status was $?; stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e echo; exec cat";
        fs::write(&script, [&lines[..], &[after]].concat().join("\n")).unwrap();
        let shell = format!("sh {script}");
        terminal.tmux(&["new-session", "-d", "-x", "80", "-y", "24", &shell]);
        terminal
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, args: &[&str]) -> Output {
        let own = ["-S", &self.path("socket"), "-f", &self.path("config"), "-u"].map(String::from);
        Command::new("tmux").args(own).args(args).env_remove("TMUX").output().unwrap()
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The screen, once all of these are in it.
    #[track_caller]
    fn shows(&self, texts: &[&str]) -> String {
        self.shows_what(&format!("{texts:?}"), |screen| texts.iter().all(|text| screen.contains(text)))
    }

    #[track_caller]
    fn shows_what(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = lab::wait_at_most(Duration::from_secs(20), || {
            last = self.screen();
            is_it(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("gave up waiting for {what}:\n{last}"))
    }

    /// The number of the process whose command has `top` in it.
    fn pid_of_top(&self) -> Pid {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let pid = wait_for("the command to run", || {
            let pid = fs::read_to_string(&children).ok()?;
            let pid = pid.split_whitespace().next()?.to_owned();
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            (command.contains("\0top\0") && !command.starts_with("ip\0")).then_some(pid)
        });
        Pid::from_raw(pid.parse().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// The line of a table that is about this one.
fn line_of<'a>(screen: &'a str, word: &str) -> Option<&'a str> {
    screen.lines().find(|line| line.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', ')'])))
}

/// Somebody listens, somebody floods from one address and from random ones, and a busy client connects.
struct Scene {
    _floods: [Forger; 2],
    stop: Arc<AtomicBool>,
    client: Option<JoinHandle<()>>,
}

impl Scene {
    fn new(pair: &Pair) -> Self {
        // Answers to forged sources need a route.
        let gateway =
            ["neighbour", "add", "10.0.255.254", "lladdr", "02:00:00:00:00:fe", "dev", "eth0"];
        pair.server.run("ip", &gateway);
        pair.server.run("ip", &["route", "add", "default", "via", "10.0.255.254"]);
        let listener = pair.server.enter(|| TcpListener::bind((Pair::SERVER, 80)).unwrap());
        thread::spawn(move || listener.incoming().for_each(drop));
        let mac = pair.server.mac("eth0");
        let random = (0..20_000_u16).map(|number| {
            let [high, low] = number.to_be_bytes();
            syn_from(Ipv4Addr::new(20, 0, high, low), mac)
        });
        let floods = [
            Forger::start(pair, "eth0", vec![syn_from(ATTACKER, mac)], Some(500)),
            Forger::start(pair, "eth0", random.collect(), Some(3_000)),
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = stop.clone();
        let namespace = pair.client.name().to_owned();
        let client = thread::spawn(move || busy_client(&namespace, &is_over));
        Self { _floods: floods, stop, client: Some(client) }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.client.take().unwrap().join().unwrap();
    }
}

/// About thirty connections a second.
fn busy_client(namespace: &str, is_over: &AtomicBool) {
    let file = fs::File::open(format!("/run/netns/{namespace}")).unwrap();
    nix::sched::setns(&file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let to = (Pair::SERVER.parse::<Ipv4Addr>().unwrap(), 80).into();
        drop(TcpStream::connect_timeout(&to, Duration::from_secs(3)));
        thread::sleep(Duration::from_millis(30));
    }
}

fn syn_from(source: Ipv4Addr, to: [u8; 6]) -> Vec<u8> {
    let mut frame = ipv4(|ip, tcp| {
        (ip.source, ip.destination) = (source.octets(), [10, 0, 0, 10]);
        tcp.destination_port = 80;
    });
    frame[..6].copy_from_slice(&to);
    frame
}

#[test]
fn a_flood_is_seen_and_one_who_floods_is_denied() {
    let pair = lab::pair!();
    let _pass = pass::attach(&pair.client, "eth0");
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let scene = Scene::new(&pair);
    let terminal = Terminal::top(&pair, "", &["--iface", "eth0"]);
    let screen = terminal.shows(&[
        "eth0 (skb)  ATTACK for ",
        "from      random sources and 1 address, ",
        "attacker: never answers",
        "honest, busy",
        "random flood",
        "protects  for ",
        "pass rate 1000/s",
        ":80 queue ",
        "challenge_sent ",
    ]);
    assert!(line_of(&screen, "10.0.7.1").unwrap().ends_with("0 % attacker: never answers"), "{screen}");
    assert!(line_of(&screen, "10.0.0.1").unwrap().ends_with("honest, busy"), "{screen}");
    assert!(line_of(&screen, "(unknown").unwrap().ends_with("random flood"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");

    terminal.press(&["/", "honest", "Enter"]);
    terminal.shows_what("only honest ones", |screen| {
        line_of(screen, "10.0.0.1").is_some() && line_of(screen, "10.0.7.1").is_none()
    });
    terminal.press(&["Escape"]);
    terminal.shows_what("all of them", |screen| line_of(screen, "10.0.7.1").is_some());

    terminal.press(&["p"]);
    let paused = terminal.shows(&["PAUSED"]);
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(terminal.screen(), paused, "nothing moves");
    terminal.press(&["p"]);
    terminal
        .shows_what("it to go on", |screen| !screen.contains("PAUSED") && screen[..8] != paused[..8]);

    // The attacker is the only one of whom this is said, whatever its rate is.
    terminal.press(&["/", "10.0.7.", "Enter", "d"]);
    terminal.shows(&["deny 10.0.7.1 for an hour? y: yes"]);
    terminal.press(&["n"]);
    terminal.shows(&["nothing was changed"]);
    assert_eq!(listed(&pair), "", "after a no");
    terminal.press(&["d"]);
    terminal.shows(&["deny 10.0.7.1 for an hour? y: yes"]);
    terminal.press(&["y"]);
    terminal.shows(&["eth0: 10.0.7.1 is denied for 1h"]);
    assert!(listed(&pair).contains("10.0.7.1"), "{}", listed(&pair));
    assert!(listed(&pair).contains("live: top"), "{}", listed(&pair));
    terminal.shows_what("the entry to decide", |screen| {
        line_of(screen, "10.0.7.1").is_some_and(|line| line.contains("denied for 59m by"))
    });
    drop(scene);
}

/// The lines of `lists` that a command made.
fn listed(pair: &Pair) -> String {
    let output = pair.synflood(&["lists"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.contains("live")).collect()
}

#[test]
fn the_terminal_is_as_before_however_it_ends() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let end_by_key = |terminal: &Terminal| terminal.press(&["q"]);
    let end_by_signal = |terminal: &Terminal| kill(terminal.pid_of_top(), Signal::SIGTERM).unwrap();
    let end_by_control = |terminal: &Terminal| terminal.press(&["C-c"]);
    let ends: [&dyn Fn(&Terminal); 3] = [&end_by_key, &end_by_signal, &end_by_control];
    for end in ends {
        let terminal = Terminal::top(&pair, "", &[]);
        terminal.shows(&["calm", "? help"]);
        end(&terminal);
        let after = terminal.shows(&["the line before", "the status was 0", "icanon", "echo"]);
        assert!(!after.contains("? help"), "{after}");
        let cursor = terminal.tmux(&["display-message", "-p", "#{cursor_flag} #{alternate_on}"]);
        assert_eq!(cursor.trim(), "1 0", "the cursor is back, and the screen");
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let terminal = Terminal::top(&pair, "", &[]);
    terminal.shows(&["calm"]);
    let process = format!("/proc/{}", terminal.pid_of_top());
    drop(terminal);
    wait_for("it to end", || fs::metadata(&process).is_err().then_some(()));
}

#[test]
fn colours_are_for_those_who_want_them() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    for (before, has_colours) in [("", true), ("export NO_COLOR=1", false)] {
        let terminal = Terminal::top(&pair, before, &[]);
        terminal.tmux(&["pipe-pane", "-O", &format!("cat >{}", terminal.path("written"))]);
        terminal.shows(&["calm", "nobody floods"]);
        // Has everything drawn anew.
        terminal.tmux(&["resize-window", "-x", "90", "-y", "30"]);
        let written = wait_for("all of it to be written", || {
            let written = fs::read_to_string(terminal.path("written")).ok()?;
            written.contains("? help").then_some(written)
        });
        let codes = written.split("\x1b[").skip(1).filter_map(|code| code.split_once('m'));
        let codes: Vec<&str> = codes
            .map(|(code, _)| code)
            .filter(|code| code.bytes().all(|c| matches!(c, b'0'..=b'9' | b';')))
            .collect();
        let is_colour = |code: &&&str| code.starts_with(['3', '4', '9']) || code.starts_with("10");
        let colours: Vec<_> =
            codes.iter().filter(is_colour).filter(|code| !["39", "49"].contains(code)).collect();
        assert_eq!(!colours.is_empty(), has_colours, "{before}: {codes:?}");
        assert!(has_colours || !codes.contains(&"39"), "not even the default one: {codes:?}");
    }
}

#[test]
fn a_small_terminal_is_told_so_and_a_larger_one_is_used() {
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let terminal = Terminal::top(&pair, "", &[]);
    terminal.shows(&["calm"]);
    terminal.tmux(&["resize-window", "-x", "40", "-y", "10"]);
    terminal.shows(&["40×10 is too small: 80×24", "q quits"]);
    terminal.tmux(&["resize-window", "-x", "132", "-y", "50"]);
    let screen = terminal.shows(&["calm", "? help"]);
    assert!(screen.lines().nth(49).unwrap().contains("? help"), "{screen}");
    terminal.press(&["?"]);
    terminal.shows(&["any key goes back", "honest, busy "]);
    terminal.press(&["x"]);
    terminal.shows_what("the table", |screen| !screen.contains("any key goes back"));
}

#[test]
fn it_waits_for_the_next_instance_and_goes_on_with_it() {
    let pair = lab::pair!();
    let defence = Defence::start(&pair, &["--iface", "eth0"]);
    let terminal = Terminal::top(&pair, "", &["--iface", "eth0"]);
    terminal.shows(&["calm", "pass rate 1000/s"]);
    let next = Defence::start(&pair, &["--iface", "eth0", "--replace", "--pass-rate", "77"]);
    terminal.shows(&["pass rate 77/s"]);
    defence.wait();
    next.signal(Signal::SIGINT);
    terminal.shows(&["eth0 is NOT PROTECTED since ", "waiting for the next instance"]);
    let _next = Defence::start(&pair, &["--iface", "eth0", "--pass-rate", "88"]);
    terminal.shows_what("the next one", |screen| {
        screen.contains("pass rate 88/s") && !screen.contains("nothing protects")
    });
    pair.server.run("ip", &["link", "delete", "eth0"]);
    terminal.shows(&["there is no interface eth0 in this network namespace"]);
    terminal.press(&["q"]);
    terminal.shows(&["the status was 0"]);
}

#[test]
fn several_instances_are_shown_one_after_the_other() {
    let pair = lab::pair!();
    pair.server.run("ip", &["link", "add", "eth1", "type", "veth", "peer", "name", "other"]);
    pair.server.run("ip", &["link", "set", "eth1", "up"]);
    let _one = Defence::start(&pair, &["--iface", "eth0", "--pass-rate", "77"]);
    let _other = Defence::start(&pair, &["--iface", "eth1", "--pass-rate", "88"]);
    let terminal = Terminal::top(&pair, "", &[]);
    let first = terminal.shows(&["Tab: eth"]);
    let (rates, next) = match first.contains("Tab: eth1") {
        true => (["pass rate 77/s", "pass rate 88/s"], "Tab: eth0"),
        false => (["pass rate 88/s", "pass rate 77/s"], "Tab: eth1"),
    };
    assert!(first.contains(rates[0]), "{first}");
    terminal.press(&["Tab"]);
    terminal.shows(&[rates[1], next]);
    drop(terminal);
    let terminal = Terminal::top(&pair, "", &["--iface", "eth1"]);
    let screen = terminal.shows(&["pass rate 88/s"]);
    assert!(!screen.contains("Tab:"), "{screen}");
}

#[test]
fn without_a_terminal_it_prints_one_screen() {
    let pair = lab::pair!();
    let _pass = pass::attach(&pair.client, "eth0");
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let _scene = Scene::new(&pair);
    let screen = wait_for("the attacker", || {
        let output = pair.synflood(&["top"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let screen = String::from_utf8(output.stdout).unwrap();
        screen.contains("attacker: never answers").then_some(screen)
    });
    assert!(screen.contains("SYN/s") && !screen.contains('\x1b'), "{screen}");
    assert!(screen.lines().count() <= 24, "{screen}");
}

/// A measurement, for a release build: docs/sight.md has the command and the figure.
#[test]
#[ignore = "takes a minute, and a machine that does nothing else"]
fn a_full_table_takes_less_than_a_twentieth_of_a_cpu() {
    const SOURCES: u32 = 262_144;
    const TIME: Duration = Duration::from_secs(30);
    let pair = lab::pair!();
    let _defence = Defence::start(&pair, &["--iface", "eth0"]);
    let instances = pair.server.enter(|| instance::find(&Interface::all().unwrap()).unwrap());
    let State::Readable(running) = &instances[0].state else { panic!("{instances:?}") };
    let enter = |round: u64| {
        let key = |number: u32| types::source_key {
            addr: encode::address(Ipv4Addr::from_bits(number << 8).into()),
            ..Default::default()
        };
        let value = |number: u32| types::source {
            passed: 10 + round,
            dropped: round * u64::from(number),
            ..Default::default()
        };
        let keys: Vec<u8> = (0..SOURCES).flat_map(|number| as_bytes(&key(number)).to_vec()).collect();
        let values: Vec<u8> =
            (0..SOURCES).flat_map(|number| as_bytes(&value(number)).to_vec()).collect();
        sys::map_update_batch(&running.sources, &keys, &values).unwrap();
    };
    enter(0);
    let terminal = Terminal::top(&pair, "", &["--iface", "eth0"]);
    let pid = terminal.pid_of_top();
    terminal.shows(&["calm"]);
    let (start, before) = (Instant::now(), ticks_of(pid));
    let rounds = (1..).take_while(|&round| {
        enter(round);
        thread::sleep(Duration::from_millis(500));
        start.elapsed() < TIME
    });
    let rounds = rounds.count();
    let (time, ticks) = (start.elapsed(), ticks_of(pid) - before);
    let share = 100.0 * ticks as f64 / 100.0 / time.as_secs_f64();
    let screen = terminal.shows(&["attacker: never answers"]);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("{screen}\n{share:.1} % of a CPU, while all sources changed {rounds} times; {memory}");
    // A few are evicted beforehand.
    assert!(screen.contains("/262") || screen.contains("/261"), "all of them are ranked: {screen}");
    assert!(share < 5.0, "{share:.1} %");
}

/// The CPU time of a process, in hundredths of a second.
fn ticks_of(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn what_cannot_be_watched_is_said() {
    let pair = lab::pair!();
    let output = pair.synflood(&["top"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("no synflood-xdp of this version runs in this network namespace"),
        "{error}"
    );

    let mut object = MaybeUninit::uninit();
    let skel = load_as_version(99, 99, &mut object);
    let _link = xdp::attach(&pair.server, "eth0", skel.progs.synflood.as_fd()).unwrap();
    let output = pair.synflood(&["top"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("eth0 (native): another version of synflood-xdp runs there"), "{error}");
}
