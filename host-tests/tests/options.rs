// SPDX-License-Identifier: GPL-2.0-only
//! What is read from a SYN's options, against a reader that walks over slices.

use host_tests::options::{MAX_HEADER, SynOptions, read};
use proptest::collection::vec;
use proptest::prelude::*;

const FIXED_LEN: usize = 20;

/// More are not looked at, with padding.
const MAX_OPTIONS: usize = 20;

const MSS: u8 = 2;
const WINDOW: u8 = 3;
const SACK: u8 = 4;
const TIMESTAMP: u8 = 8;
const MD5: u8 = 19;
const AO: u8 = 29;

/// What stands in a header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    mss: u16,
    tsval: Option<u32>,
    has_sack: bool,
    wscale: Option<u8>,
    is_signed: bool,
}

/// The options with their kind, and whether they can be read to their end.
fn split(header: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut options = Vec::new();
    let mut rest = &header[FIXED_LEN..];
    for _ in 0..MAX_OPTIONS {
        match rest {
            [] | [0, ..] => break,
            [1, behind @ ..] => rest = behind,
            [_] => return (options, header.len() == MAX_HEADER), // there is nowhere for it to go on
            [_, size, ..] => {
                let size = usize::from(*size);
                if size < 2 || size > rest.len() {
                    return (options, false);
                }
                options.push(&rest[..size]);
                rest = &rest[size..];
            }
        }
    }
    (options, true)
}

/// None: it is malformed. Of each kind the last option counts.
fn expected(header: &[u8]) -> Option<Expected> {
    let (options, is_readable) = split(header);
    let last = |kind: u8| options.iter().rfind(|option| option[0] == kind).copied();
    let signatures = [MD5, AO].map(|kind| last(kind).is_some());
    if !is_readable || signatures == [true, true] {
        return None;
    }
    let mss = match last(MSS) {
        Some([_, 4, high, low]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    Some(Expected {
        mss: if mss == 0 { 536 } else { mss },
        tsval: last(TIMESTAMP)
            .filter(|option| option.len() == 10)
            .map(|option| u32::from_be_bytes(option[2..6].try_into().unwrap())),
        has_sack: last(SACK).is_some(),
        wscale: match last(WINDOW) {
            Some([_, 3, scale]) => Some((*scale).min(14)),
            _ => None,
        },
        is_signed: signatures.contains(&true),
    })
}

fn found(options: SynOptions) -> Option<Expected> {
    (options.is_malformed == 0).then(|| Expected {
        mss: options.mss,
        tsval: (options.has_timestamp != 0).then(|| u32::from_be(options.tsval)),
        has_sack: options.has_sack != 0,
        wscale: (options.has_wscale != 0).then_some(options.wscale),
        is_signed: options.is_signed != 0,
    })
}

/// A header of whole words with these options. What is behind it in the array is `behind`.
fn header(options: &[u8], behind: u8) -> ([u8; MAX_HEADER], usize) {
    let len = FIXED_LEN + options.len().next_multiple_of(4);
    let mut header = [behind; MAX_HEADER];
    header[FIXED_LEN..len].fill(0);
    header[FIXED_LEN..FIXED_LEN + options.len()].copy_from_slice(options);
    (header, len)
}

fn read_options(options: &[u8]) -> Option<Expected> {
    let (header, len) = header(options, 0);
    found(read(&header, len))
}

#[test]
fn a_signature_that_cannot_be_one_is_malformed() {
    let md5 = [&[MD5, 18][..], &[7; 16]].concat();
    let ao = [&[AO, 16][..], &[7; 14]].concat();
    for options in [&md5, &ao] {
        assert!(read_options(options).unwrap().is_signed);
    }
    for options in [[&md5[..], &ao].concat(), [&ao[..], &md5].concat()] {
        assert_eq!(read_options(&options), None, "two of them");
    }
    for broken in [&[MSS, 0][..], &[MSS, 1], &[MSS, 99], &[254, 3]] {
        assert_eq!(read_options(&[&md5[..], broken].concat()), None, "{broken:?} behind it");
    }
    assert_eq!(read_options(&[MD5, 18, 0, 0]), None, "a header too short for it");
}

#[test]
fn the_last_option_of_a_kind_counts() {
    let options = [&[MSS, 4, 5, 180][..], &[WINDOW, 3, 9], &[MSS, 4, 2, 24], &[WINDOW, 3, 99]].concat();
    let found = read_options(&options).unwrap();
    assert_eq!((found.mss, found.wscale), (536, Some(14)));
}

#[test]
fn as_many_options_are_read_as_there_may_be() {
    let behind = |nops| read_options(&[&vec![1; nops][..], &[SACK, 2]].concat()).unwrap().has_sack;
    assert!(behind(MAX_OPTIONS - 1) && !behind(MAX_OPTIONS));
}

/// Options of the kinds that matter, of right and of wrong sizes.
fn any_option() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        4 => prop::sample::select(vec![MSS, WINDOW, SACK, TIMESTAMP, MD5, AO]),
        1 => 2..=255_u8,
    ];
    let right = |kind| match kind {
        MSS => 4,
        WINDOW => 3,
        SACK => 2,
        TIMESTAMP => 10,
        MD5 => 18,
        _ => 6,
    };
    let whole = (kind, prop_oneof![7 => Just(None), 1 => (0..24_u8).prop_map(Some)], any::<[u8; 24]>())
        .prop_map(move |(kind, size, bytes)| {
            let size = size.unwrap_or(right(kind));
            [&[kind, size][..], &bytes[..usize::from(size.max(2)) - 2]].concat()
        });
    prop_oneof![6 => whole, 3 => Just(vec![1]), 1 => Just(vec![0])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn options_are_read_as_they_stand(options in vec(any_option(), 0..12), behind: u8) {
        let mut options = options.concat();
        options.truncate(MAX_HEADER - FIXED_LEN);
        let (header, len) = header(&options, behind);
        prop_assert_eq!(found(read(&header, len)), expected(&header[..len]));
    }

    #[test]
    fn any_bytes_are_read_as_they_stand(bytes in vec(any::<u8>(), 0..=40), behind: u8) {
        let (header, len) = header(&bytes, behind);
        prop_assert_eq!(found(read(&header, len)), expected(&header[..len]));
    }

    /// Short kinds and sizes only, so that most bytes are options.
    #[test]
    fn many_short_options_are_read_as_they_stand(bytes in vec(0..9_u8, 0..=40), behind: u8) {
        let (header, len) = header(&bytes, behind);
        prop_assert_eq!(found(read(&header, len)), expected(&header[..len]));
    }
}
