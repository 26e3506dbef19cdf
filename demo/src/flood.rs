// SPDX-License-Identifier: GPL-2.0-only

use std::mem::MaybeUninit;
use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::generator::{Generator, Meter, Target};
use lab::cpu;
use nix::net::if_::if_nametoindex;

use crate::act::Act;
use crate::network::{CABLE, INTERNET_CPU, Network, SERVER, SERVER4};

/// Runs `work` while an act's flood goes on.
pub fn during<T>(network: &Network, act: &Act, work: impl FnOnce(&Meter) -> Result<T>) -> Result<T> {
    let is_over = &AtomicBool::new(false);
    let (send, receive) = channel();
    thread::scope(|scope| {
        let flood = scope.spawn(|| network.internet.enter(|| flood(network, act, is_over, send)));
        // No meter comes if the flood cannot begin. Its error is returned below.
        let done = receive.recv().ok().map(|meter| work(&meter));
        is_over.store(true, Ordering::Relaxed);
        flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        done.context("the flood ended at once")?
    })
}

fn flood(network: &Network, act: &Act, is_over: &AtomicBool, begun: Sender<Meter>) -> Result<()> {
    cpu::stay_on(INTERNET_CPU).with_context(|| format!("the flood needs CPU {INTERNET_CPU}"))?;
    let target = Target {
        ifindex: if_nametoindex(CABLE)?,
        mac: network.server.mac("eth0"),
        ipv4: SERVER4,
        ipv6: Ipv6Addr::UNSPECIFIED,
        port: SERVER.port(),
        source: act.first,
    };
    let mut object = MaybeUninit::uninit();
    let mut generator = Generator::load(act.flood(), &target, &mut object)?;
    // Fails only if the show has ended.
    let _ = begun.send(generator.meter()?);
    while !is_over.load(Ordering::Relaxed) {
        generator.run(Duration::from_millis(100))?;
    }
    Ok(())
}
