// SPDX-License-Identifier: GPL-2.0-only
//! SipHash-2-4 against the vectors of its authors, and against a crate.

use std::hash::Hasher;

use host_tests::siphash::siphash;
use proptest::collection::vec;
use proptest::prelude::*;
use siphasher::sip::SipHasher24;

/// The key of the vectors: the bytes 0 to 15.
const KEYS: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];

/// Hashes of the first so many of the bytes 0, 1, 2, …: those of the reference implementation
/// (vectors_sip64), of which the last one here is the example in the paper's appendix A.
const VECTORS: [(u8, u64); 9] = [
    (0, 0x726f_db47_dd0e_0e31),
    (1, 0x74f8_39c5_93dc_67fd),
    (2, 0x0d6c_8009_d9a9_4f5a),
    (3, 0x8567_6696_d7fb_7e2d),
    (4, 0xcf27_94e0_2771_87b7),
    (5, 0x1876_5564_cd99_a68d),
    (6, 0xcbc9_466e_58fe_e3ce),
    (7, 0xab02_00f5_8b01_d137),
    (15, 0xa129_ca61_49be_45e5),
];

#[test]
fn the_authors_vectors_come_out() {
    for (len, hash) in VECTORS {
        let message: Vec<u8> = (0..len).collect();
        assert_eq!(siphash(KEYS, &message), hash, "{len} bytes");
    }
}

proptest! {
    #[test]
    fn agrees_with_another_implementation(keys: [u64; 2], message in vec(any::<u8>(), 0..100)) {
        let mut hasher = SipHasher24::new_with_keys(keys[0], keys[1]);
        hasher.write(&message);
        prop_assert_eq!(siphash(keys, &message), hasher.finish());
    }
}
