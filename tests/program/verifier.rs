// SPDX-License-Identifier: GPL-2.0-only
//! How much work the program is for the kernel's verifier. It gives up at a million instructions.

use caps::CapSet;
use lab::program::Program;

/// The most so far: 66,995 on 6.18, of the program that judges. Kernels differ by a third in how many paths they
/// recognise as equal. More also costs whoever starts a run: 100,000 take 0.15 s.
const CEILING: u32 = 150_000;

#[test]
fn every_configuration_stays_far_from_the_verifiers_limit() {
    // Constants set at load decide which branches the verifier sees.
    let most_options = ["--dry-run", "--port", "22,80", "--deny", "192.0.2.0/24", "--pass-rate", "9"];
    let services = ["--service", "ssh=22,challenge=off", "--service", "web=80,burst=9,rate=1"];
    let both = [&most_options[..], &services].concat();
    let configurations: [&[&str]; 6] =
        [&[], &most_options, &services, &both, &["--cookies", "kernel"], &["--challenge", "off"]];
    let mut most = 0;
    for options in configurations {
        let counts = Program::load(options).verified_instructions();
        println!("{options:?}: {counts:?}");
        assert!(counts.values().all(|&count| count != 0), "this kernel does not tell");
        most = most.max(counts.into_values().max().unwrap());
    }
    println!("verified instructions: {most}");
    assert!(most <= CEILING, "{most}, and the ceiling is {CEILING}");
}

/// The report of a refused program contains its own log and no other program's.
#[test]
fn a_refused_program_has_a_log_of_its_own() {
    let refusal = |options: &[&str]| Program::try_load(options).err().unwrap();
    let too_large = refusal(&["--max-sources", "4294967295"]);
    assert!(too_large.contains("no table of 4294967295 sources"), "{too_large}");
    // This thread's own capabilities only.
    caps::clear(None, CapSet::Effective).unwrap();
    let not_allowed = refusal(&[]);
    assert!(not_allowed.contains("does not let this user load the program"), "{not_allowed}");
    assert!(!not_allowed.contains("4294967295") && !not_allowed.contains("'sources'"), "{not_allowed}");
}
