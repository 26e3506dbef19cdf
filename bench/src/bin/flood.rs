// SPDX-License-Identifier: GPL-2.0-only
//! Sends a SYN flood into a veth, to try a defence in network namespaces. See docs/bench.md.

use std::fs;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench::generator::{Generator, Shape, Target};
use clap::{CommandFactory, Parser, error::ErrorKind};
use lab::xdp::Interface;

/// Send a SYN flood into a veth, to try a defence in network namespaces.
#[derive(Debug, Parser)]
#[command(name = "flood")]
struct Cli {
    /// The veth to send from
    #[arg(long)]
    iface: String,

    /// The server's IPv4 address
    #[arg(long, required_unless_present = "to_ipv6")]
    to: Option<Ipv4Addr>,

    /// The server's IPv6 address, for --shape ipv6
    #[arg(long)]
    to_ipv6: Option<Ipv6Addr>,

    /// The server's MAC address [default: resolved from its IPv4 address]
    #[arg(long, value_parser = mac)]
    mac: Option<Mac>,

    #[arg(long, default_value_t = 80)]
    port: u16,

    /// The sources of the SYNs
    #[arg(long, value_enum, default_value = "random")]
    shape: Shape,

    /// The first source, if not every address is one
    #[arg(long, default_value = "10.9.0.1")]
    source: Ipv4Addr,

    /// Millions of SYNs per second [default: as fast as possible]
    #[arg(long)]
    mpps: Option<f64>,

    /// SYNs to send
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,

    /// End after this many seconds at the latest
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
}

#[derive(Debug, Clone, Copy)]
struct Mac([u8; 6]);

fn mac(text: &str) -> Result<Mac, String> {
    let octets: Result<Vec<u8>, _> = text.split(':').map(|part| u8::from_str_radix(part, 16)).collect();
    let octets = octets.ok().and_then(|octets| octets.try_into().ok());
    octets.map(Mac).ok_or("give six bytes, like 02:00:00:00:00:01".into())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = check(&cli) {
        Cli::command().error(ErrorKind::ValueValidation, error).exit();
    }
    bench::status(flood(&cli))
}

fn check(cli: &Cli) -> Result<()> {
    ensure!(cli.mpps.is_none_or(|mpps| mpps > 0.0), "--mpps must be more than 0");
    ensure!(
        cli.seconds > 0.0 && cli.seconds <= 86_400.0,
        "--seconds must be more than 0 and at most 86400, a day"
    );
    ensure!(
        cli.shape != Shape::Ipv6 || cli.to_ipv6.is_some() && cli.mac.is_some(),
        "--shape ipv6 needs --to-ipv6 and --mac: `ip link show` in the server's namespace shows it"
    );
    ensure!(cli.shape == Shape::Ipv6 || cli.to.is_some(), "this --shape needs --to");
    Ok(())
}

fn flood(cli: &Cli) -> Result<()> {
    let interface = Interface::by_name(&cli.iface)?;
    let driver = interface.driver().unwrap_or_default();
    ensure!(
        driver == "veth",
        "{} is not a veth but {}: floods go into network namespaces only; make a pair with \
         `ip link add flood0 type veth peer name eth0 netns SERVER`",
        cli.iface,
        if driver.is_empty() { "something without a driver" } else { &driver }
    );
    let ipv4 = cli.to.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let mac = match cli.mac {
        Some(Mac(octets)) => octets,
        None => neighbour(ipv4)?,
    };
    let target = Target {
        ifindex: interface.index,
        mac,
        ipv4,
        ipv6: cli.to_ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED),
        port: cli.port,
        source: cli.source,
    };
    let mut flood = cli.shape.flood();
    flood.rate = cli.mpps.map(|mpps| mpps * 1e6);
    flood.count = Some(cli.count);

    let mut object = MaybeUninit::uninit();
    let mut generator = Generator::load(flood, &target, &mut object)?;
    let start = Instant::now();
    generator.run(Duration::from_secs_f64(cli.seconds))?;
    let elapsed = start.elapsed().as_secs_f64();
    let sent = generator.sent();
    println!("{sent} SYNs in {elapsed:.2} s: {:.3} Mpps", sent as f64 / elapsed / 1e6);
    Ok(())
}

/// Makes the kernel resolve this address, and waits for the answer.
fn neighbour(address: Ipv4Addr) -> Result<[u8; 6]> {
    /// The discard service, which ignores everything.
    const DISCARD: u16 = 9;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket
        .send_to(&[0], (address, DISCARD))
        .with_context(|| format!("there is no route to {address} from here; give --mac"))?;
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        let table = fs::read_to_string("/proc/net/arp")?;
        // Address, hardware type, flags, MAC: see arp(7).
        let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut ours = fields.filter(|fields| fields.first() == Some(&&*address.to_string()));
        if let Some(Ok(Mac(octets))) =
            ours.find(|fields| fields[2] != "0x0").map(|fields| mac(fields[3]))
        {
            return Ok(octets);
        }
        thread::sleep(Duration::from_millis(10));
    }
    bail!("{address} is not a neighbour: no host answers for it; give --mac of the next hop")
}
