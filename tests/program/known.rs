// SPDX-License-Identifier: GPL-2.0-only
//! The filter of known sources never forgets a source in the table, and is renewed.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lab::frames::syn_from;
use lab::program::Program;
use libbpf_rs::{MapCore, MapFlags};

/// A small filter, worn after a few thousand sources. Every source enters.
const OPTIONS: [&str; 6] = ["--challenge", "off", "--pass-rate", "0", "--max-sources", "4096"];
const BITS: u32 = 15;

fn syn_of(host: u32) -> Vec<u8> {
    syn_from(Ipv4Addr::from_bits(0x0a00_0000 + host))
}

fn enter(program: &Program, hosts: std::ops::Range<u32>) {
    hosts.for_each(|host| program.repeat(&syn_of(host), 1));
}

fn word(map: &impl MapCore, index: u64) -> u64 {
    let bytes = map.lookup(&(index as u32).to_ne_bytes(), MapFlags::ANY).unwrap().unwrap();
    u64::from_ne_bytes(bytes.try_into().unwrap())
}

/// The number of the filter that the program reads.
fn in_use(program: &Program) -> u32 {
    let map = &program.maps.data_known;
    let filter = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY).unwrap().unwrap();
    u32::from_ne_bytes(filter.try_into().unwrap())
}

/// The number of sources in the table, and how many of them the active filter does not know.
fn in_the_table(program: &Program) -> (usize, usize) {
    let maps = &program.maps;
    let filter = u64::from(in_use(program));
    let (mut all, mut unknown) = (0, 0);
    for hash in program.hashes() {
        let bit = hash >> (64 - BITS) | filter << BITS;
        all += 1;
        unknown += usize::from(word(&maps.known, bit / 64) >> (bit % 64) & 1 == 0);
    }
    (all, unknown)
}

#[test]
fn a_worn_filter_is_renewed() {
    let program = Program::load(&OPTIONS);
    assert_eq!(program.maps.known.max_entries() as u64, 2 * (1 << BITS) / 64);
    let mut filter = program.filter();

    enter(&program, 0..1_000);
    let fresh = filter.fill();
    // With an unlucky key neighbours share bits.
    assert!(fresh > 0.002 && fresh < 0.04, "a bit for each source: {fresh}");
    assert_eq!(filter.tick(&program), []);
    assert_eq!(filter.fill(), fresh, "not yet worn");

    enter(&program, 1_000..40_000);
    assert!(filter.fill() > 0.6, "{}", filter.fill());
    assert_eq!(filter.tick(&program), []);
    let (all, unknown) = in_the_table(&program);
    assert!(all > 3_000 && unknown == 0, "{unknown} of {all} unknown");
    assert!(filter.fill() < 0.125, "{}", filter.fill());

    // New sources in the meantime are known to the next active filter too.
    enter(&program, 40_000..40_010);
    assert_eq!(in_the_table(&program).1, 0);
    filter.renew(&program).unwrap();
    assert_eq!(in_the_table(&program).1, 0);
}

/// Or the program would read a filter that is just being filled.
#[test]
fn a_process_that_goes_on_with_a_filter_renews_the_other_one() {
    let program = Program::load(&OPTIONS);
    program.filter().renew(&program).unwrap();
    assert_eq!(in_use(&program), 1);
    program.filter().renew(&program).unwrap();
    assert_eq!(in_use(&program), 0);
}

#[test]
fn no_source_is_missed_while_the_filter_is_renewed() {
    let program = Program::load(&OPTIONS);
    let is_over = AtomicBool::new(false);
    let renewals = thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            let mut filter = program.filter();
            let mut renewals = 0;
            while !is_over.load(Ordering::Relaxed) || renewals == 0 {
                filter.renew(&program).unwrap();
                renewals += 1;
            }
            renewals
        });
        for batch in 0..200 {
            enter(&program, batch * 100..(batch + 1) * 100);
        }
        is_over.store(true, Ordering::Relaxed);
        renewing.join().unwrap()
    });
    let (all, unknown) = in_the_table(&program);
    assert_eq!(unknown, 0, "of {all}, after {renewals} renewals");
}
