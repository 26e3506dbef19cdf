// SPDX-License-Identifier: GPL-2.0-only
//! A sender and a server in network namespaces, made anew for every measurement: no contender meets
//! what another has left.

use std::fs;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench::generator::{Flood, Generator, Shape, Target};
use bench::skels::sink::SinkSkelBuilder;
use lab::netns::{Netns, connect};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use nix::ifaddrs::getifaddrs;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;

use crate::contenders::{Contender, Process, Running, attach};
use crate::honest::CLIENTS;

pub const SERVER4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 5, 0, 0, 0, 0, 0, 0x10);
/// For all that is no neighbour.
const GATEWAY: &str = "10.0.0.1";
const GATEWAY6: &str = "fd00:5::1";
const GATEWAY_MAC: &str = "02:00:00:00:00:01";
const PORT: u16 = 80;

/// What one round showed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// Frames that the defence took in, a second.
    pub absorbed: f64,
    /// Of these, segments that reached the server's TCP, a second.
    pub to_tcp: f64,
}

pub struct Arena {
    sender: Netns,
    server: Netns,
    target: Target,
    _sink: OwnedFd,
    _service: Service,
}

/// Who listens on the server's port 80.
enum Service {
    /// Nobody accepts: what matters is that somebody listens.
    Listener {
        _listener: TcpListener,
    },
    Web {
        _nginx: Process,
        _root: tempfile::TempDir,
    },
}

impl Arena {
    pub fn new() -> Result<Self> {
        Self::serving(|server| {
            let listener = server.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)))?;
            Ok(Service::Listener { _listener: listener })
        })
    }

    /// With nginx, and addresses for honest clients beside the sender.
    pub fn with_web_server() -> Result<Self> {
        let arena = Self::serving(start_nginx)?;
        for client in CLIENTS {
            let address = format!("10.0.0.{client}/24");
            arena.sender.run("ip", &["address", "add", &address, "dev", "flood0"]);
        }
        Ok(arena)
    }

    fn serving(serve: impl FnOnce(&Netns) -> Result<Service>) -> Result<Self> {
        let (sender, server) = (Netns::new("sender"), Netns::new("server"));
        connect(&sender, "flood0", &server, "eth0");
        // A receive queue for each CPU, as NICs have them.
        let cpus = thread::available_parallelism()?.to_string();
        for (end, name) in [(&sender, "flood0"), (&server, "eth0")] {
            end.run("ethtool", &["-L", name, "rx", &cpus, "tx", &cpus]);
        }
        // Frames that XDP redirects into a veth arrive only where its peer polls: with XDP, or with GRO.
        server.run("ethtool", &["-K", "eth0", "gro", "on"]);
        server.run("ip", &["address", "add", &format!("{SERVER4}/24"), "dev", "eth0"]);
        server.run("ip", &["address", "add", &format!("{SERVER6}/64"), "dev", "eth0", "nodad"]);
        // Answers to forged sources have to go somewhere.
        for gateway in [GATEWAY, GATEWAY6] {
            let neighbour = ["neighbour", "add", gateway, "lladdr", GATEWAY_MAC, "dev", "eth0"];
            server.run("ip", &neighbour);
            server.run("ip", &["route", "add", "default", "via", gateway]);
        }
        for setting in ["all", "default", "eth0"] {
            server.run("sysctl", &["-qw", &format!("net.ipv4.conf.{setting}.rp_filter=0")]);
        }
        let service = serve(&server)?;
        let mac = server.enter(mac_of_eth0)?;
        let ifindex = sender.enter(|| nix::net::if_::if_nametoindex("flood0"))?;
        let target = Target {
            ifindex,
            mac,
            ipv4: SERVER4,
            ipv6: SERVER6,
            port: PORT,
            source: Ipv4Addr::new(10, 9, 0, 1),
        };
        let mut object = MaybeUninit::uninit();
        let sink = SinkSkelBuilder::default().open(&mut object)?.load()?;
        let sink = attach(&sender, "flood0", sink.progs.sink.as_fd())?;
        Ok(Self { sender, server, target, _sink: sink, _service: service })
    }

    pub fn server(&self) -> &Netns {
        &self.server
    }

    pub fn on_the_clients_side<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.sender.enter(work)
    }

    /// Floods from as many CPUs, the first ones, while `work` is done, from when all have begun. Also how
    /// many SYNs a second were sent meanwhile.
    pub fn during<T>(
        &self,
        flood: Flood,
        cpus: usize,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, f64)> {
        let (is_over, has_begun) = (&AtomicBool::new(false), &AtomicUsize::new(0));
        thread::scope(|scope| {
            let flood = |cpu| self.sender.enter(|| self.flood(flood, cpu, has_begun, is_over));
            let floods: Vec<_> = (0..cpus).map(|cpu| scope.spawn(move || flood(cpu))).collect();
            // One that cannot begin ends, and says so below.
            while has_begun.load(Ordering::Relaxed) < cpus
                && !floods.iter().any(|flood| flood.is_finished())
            {
                thread::sleep(Duration::from_millis(1));
            }
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            let mut rate = 0.0;
            for flood in floods {
                rate += flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            Ok((done?, rate))
        })
    }

    /// SYNs a second.
    fn flood(
        &self,
        flood: Flood,
        cpu: usize,
        has_begun: &AtomicUsize,
        is_over: &AtomicBool,
    ) -> Result<f64> {
        run_on(cpu)?;
        run_last()?;
        let mut object = MaybeUninit::uninit();
        let mut generator = Generator::load(flood, &self.target, &mut object)?;
        has_begun.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            generator.run(Duration::from_millis(100))?;
        }
        Ok(generator.sent() as f64 / start.elapsed().as_secs_f64())
    }

    /// With a defence on the server.
    pub fn defended_by(self, contender: &Contender) -> Result<Defended<'_>> {
        let running = (contender.start)(&self.server).with_context(|| contender.name)?;
        Ok(Defended { _running: running, contender, arena: self })
    }

    /// Frames that came out of the server's veth, dropped by XDP or not.
    fn received(&self) -> u64 {
        let statistics = self.server.run("ethtool", &["-S", "eth0"]);
        let counts = statistics.lines().filter_map(|line| line.trim().split_once(": "));
        let packets =
            counts.filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with("_xdp_packets"));
        packets.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
    }

    /// TcpInSegs of the server, both families.
    fn tcp_segments(&self) -> u64 {
        let snmp = self.server.run("nstat", &["-asz", "TcpInSegs"]);
        let counts = snmp.lines().filter_map(|line| line.strip_prefix("TcpInSegs"));
        counts.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }
}

/// A defence at work.
pub struct Defended<'a> {
    // Dropped before the arena.
    _running: Running,
    contender: &'a Contender,
    arena: Arena,
}

impl Defended<'_> {
    /// Meets a flood and forgets what came of it.
    pub fn endure(&self, flood: Flood, cpus: usize, time: Duration) -> Result<()> {
        let ((), _) = self.arena.during(flood, cpus, || {
            thread::sleep(time);
            Ok(())
        })?;
        Ok(())
    }

    /// `warm_up`: the first look at each source is another thing than the flood.
    pub fn measure(
        &self,
        flood: Flood,
        cpus: usize,
        warm_up: Duration,
        time: Duration,
    ) -> Result<Round> {
        let count = || (self.arena.received(), self.arena.tcp_segments(), Instant::now());
        let (round, _) = self.arena.during(flood, cpus, || {
            thread::sleep(warm_up);
            let before = count();
            thread::sleep(time);
            let after = count();
            let elapsed = (after.2 - before.2).as_secs_f64();
            let per_second = |now: u64, then: u64| (now - then) as f64 / elapsed;
            Ok(Round { absorbed: per_second(after.0, before.0), to_tcp: per_second(after.1, before.1) })
        })?;
        let lets_on = round.to_tcp > round.absorbed / 1000.0;
        ensure!(
            flood != Shape::One.flood() || !self.contender.stops_before_tcp || !lets_on,
            "{} does not stop a flood from one source: {round:?}",
            self.contender.name
        );
        Ok(round)
    }
}

/// Keeps this thread on one CPU.
pub fn run_on(cpu: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
}

/// A flood comes from elsewhere: it may not keep the kernel's own thread for packets off its CPU.
fn run_last() -> Result<()> {
    let lowest = libc::sched_param { sched_priority: 0 };
    // SAFETY: of this thread, and the parameters outlive the call.
    let error = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &lowest) };
    ensure!(error == 0, "cannot let the generator run last: {}", std::io::Error::last_os_error());
    Ok(())
}

fn mac_of_eth0() -> Result<[u8; 6]> {
    getifaddrs()?
        .filter(|each| each.interface_name == "eth0")
        .find_map(|each| each.address?.as_link_addr()?.addr())
        .context("eth0 has no MAC address")
}

fn start_nginx(server: &Netns) -> Result<Service> {
    let directory = tempfile::tempdir()?;
    let root = directory.path();
    fs::write(root.join("index.html"), "served\n")?;
    let configuration = root.join("nginx.conf");
    let text = format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr;
         events {{ }}
         http {{
             access_log off;
             client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
             fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
             server {{ listen {PORT}; root {root}; }}
         }}",
        root = root.display()
    );
    fs::write(&configuration, text)?;
    let mut command = server.command("nginx", &["-c", &configuration.to_string_lossy()]);
    let nginx = Process(command.stderr(Stdio::null()).spawn().context("cannot start nginx")?);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.run("ss", &["-Hltn", "sport", "=", "80"]).contains(":80") {
        if Instant::now() > deadline {
            bail!("nginx does not listen");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(Service::Web { _nginx: nginx, _root: directory })
}
