// SPDX-License-Identifier: GPL-2.0-only
//! How much work the program is for the kernel's verifier. It gives up at a million instructions.

use std::mem::MaybeUninit;

use caps::CapSet;
use lab::program::Program;

/// Kernels differ in how many paths they recognise as equal: from 180,455 instructions on 6.12 to 313,812
/// on 7.3.
const CEILING: u32 = 450_000;

#[test]
fn every_configuration_stays_far_from_the_verifiers_limit() {
    // Constants set at load decide which branches the verifier sees.
    let most_options = ["--dry-run", "--port", "80", "--deny", "192.0.2.0/24", "--pass-rate", "9"];
    let configurations: [&[&str]; 2] = [&[], &most_options];
    let counts = configurations
        .map(|options| Program::load(options, &mut MaybeUninit::uninit()).verified_instructions());
    let most = counts.into_iter().max().unwrap();
    println!("verified instructions: {most}");
    assert_ne!(most, 0, "this kernel does not tell");
    assert!(most <= CEILING, "{most}, and the ceiling is {CEILING}");
}

/// The report of a refused program contains its own log and no other program's.
#[test]
fn a_refused_program_has_a_log_of_its_own() {
    let refusal =
        |options: &[&str]| Program::try_load(options, &mut MaybeUninit::uninit()).err().unwrap();
    let too_large = refusal(&["--max-sources", "4294967295"]);
    assert!(too_large.contains("no table of 4294967295 sources"), "{too_large}");
    // This thread's own capabilities only.
    caps::clear(None, CapSet::Effective).unwrap();
    let not_allowed = refusal(&[]);
    assert!(not_allowed.contains("does not let this user load the program"), "{not_allowed}");
    assert!(!not_allowed.contains("4294967295") && !not_allowed.contains("'sources'"), "{not_allowed}");
}
