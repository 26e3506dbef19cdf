// SPDX-License-Identifier: GPL-2.0-only
//! Networks that are exempt from the limits, one way or the other.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::list_file::{Entry, ListFile};

/// Files with networks that the tables can tell apart, and networks of all of them: what there is room for in the maps
/// of `bpf/maps.bpf.h`.
const MAX_FILES: usize = 63;
const MAX_NETWORKS: usize = 1 << 24;

/// A list's verdict on a network.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listed {
    Allowed,
    Denied,
}

/// As an adjective: "denied".
impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        })
    }
}

/// Where a network was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Of the command line.
    Option,
    /// A list, or the configuration. `file` is an index of [`Lists::files`].
    File { file: u32, line: u32 },
}

/// A network that is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    pub network: IpNet,
    pub listed: Listed,
    pub origin: Origin,
}

/// All networks that are allowed or denied, none of them twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// In the order of their networks, which makes a million of them small and quick to compare.
    listings: Vec<Listing>,
    pub files: Vec<PathBuf>,
    /// Networks that were named with both verdicts.
    pub contradictions: usize,
}

/// Where a listed network of a running program comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedBy {
    /// --allow or --deny of the command line.
    Option,
    /// A list, or the configuration.
    File {
        path: Arc<Path>,
        /// From 1.
        line: u32,
    },
    /// The command `allow` or `deny`.
    Live,
}

impl Lists {
    /// Fails if there is more than the tables have room for.
    pub fn check_room(&self) -> Result<()> {
        let (files, networks) = (self.files.len(), self.listings.len());
        ensure!(
            files <= MAX_FILES,
            "there is room for {MAX_FILES} files with networks, the configuration among them, not for {files}: put \
                 several into one"
        );
        ensure!(
            networks <= MAX_NETWORKS,
            "there is room for {MAX_NETWORKS} networks in the lists, not for {networks}"
        );
        Ok(())
    }

    /// Where a network is named several times, an option counts before a file, allowed before denied,
    /// and then the first file and line. `configured` are the options that a configuration file gives.
    pub fn merge(
        allow: &[IpNet],
        deny: &[IpNet],
        configured: Vec<ListFile>,
        files: Vec<ListFile>,
    ) -> Self {
        let of_option =
            |listed| move |&network: &IpNet| Listing { network, listed, origin: Origin::Option };
        let options_end = configured.len() as u32;
        let files: Vec<ListFile> = configured.into_iter().chain(files).collect();
        let named =
            allow.len() + deny.len() + files.iter().map(|file| file.entries.len()).sum::<usize>();
        let mut listings = Vec::with_capacity(named);
        listings.extend(allow.iter().map(of_option(Listed::Allowed)));
        listings.extend(deny.iter().map(of_option(Listed::Denied)));
        let mut paths = Vec::new();
        // One after the other is consumed, so that not all are in memory twice.
        for (file, ListFile { path, listed, entries }) in (0..).zip(files) {
            paths.push(path);
            listings.extend(entries.into_iter().map(|Entry { network, line }| Listing {
                network,
                listed,
                origin: Origin::File { file, line },
            }));
        }
        let is_of_file = |origin| matches!(origin, Origin::File { file, .. } if file >= options_end);
        let rank = |of: &Listing| (of.network, is_of_file(of.origin), of.listed, of.origin);
        listings.sort_unstable_by_key(rank);
        let of_a_network = listings.chunk_by(|one, other| one.network == other.network);
        let is_contradicted = |of: &&[Listing]| of.iter().any(|each| each.listed != of[0].listed);
        let contradictions = of_a_network.filter(is_contradicted).count();
        listings.dedup_by_key(|listing| listing.network);
        listings.shrink_to_fit();
        Self { listings, files: paths, contradictions }
    }

    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    pub fn len(&self) -> usize {
        self.listings.len()
    }

    /// In the order of the networks.
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// What is said of exactly this network.
    pub fn get(&self, network: &IpNet) -> Option<&Listing> {
        let found = self.listings.binary_search_by_key(network, |listing| listing.network);
        found.ok().and_then(|index| self.listings.get(index))
    }

    /// Every network with its verdict.
    pub fn entries(&self) -> impl Iterator<Item = (&IpNet, Listed)> {
        self.listings.iter().map(|listing| (&listing.network, listing.listed))
    }

    /// The lists' verdict on an address. The longest prefix decides, as in the kernel's trie.
    pub fn listed(&self, address: IpAddr) -> Option<Listed> {
        let mut network = Some(IpNet::from(address));
        while let Some(covering) = network {
            if let Some(listing) = self.get(&covering) {
                return Some(listing.listed);
            }
            network = covering.supernet();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::{Listed, Lists, Origin};
    use crate::policy::list_file::{Entry, ListFile};

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn file(name: &str, listed: Listed, networks: &[&str]) -> ListFile {
        let entries = (1..).zip(networks).map(|(line, text)| Entry { network: net(text), line });
        ListFile { path: name.into(), listed, entries: entries.collect() }
    }

    /// The verdict on a network, and the file and line of it.
    fn of(lists: &Lists, text: &str) -> (Listed, Option<(String, u32)>) {
        let listing = lists.get(&net(text)).unwrap();
        let place = match listing.origin {
            Origin::Option => None,
            Origin::File { file, line } => {
                Some((lists.files[file as usize].display().to_string(), line))
            }
        };
        (listing.listed, place)
    }

    #[test]
    fn options_count_before_files_and_allowed_before_denied() {
        let files = vec![
            file("drop", Listed::Denied, &["192.0.2.0/24", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9"]),
            file("more", Listed::Denied, &["10.0.0.0/8", "198.51.100.0/24"]),
            file("office", Listed::Allowed, &["192.0.2.0/24", "203.0.113.0/24", "198.51.100.0/24"]),
        ];
        let lists = Lists::merge(&[net("10.0.0.0/9")], &[net("203.0.113.0/24")], vec![], files);
        let from = |name: &str, line| Some((name.to_owned(), line));
        assert_eq!(of(&lists, "10.0.0.0/8"), (Listed::Denied, from("drop", 2)), "the first line");
        assert_eq!(of(&lists, "10.0.0.0/9"), (Listed::Allowed, None), "an option");
        assert_eq!(of(&lists, "203.0.113.0/24"), (Listed::Denied, None), "an option");
        assert_eq!(of(&lists, "192.0.2.0/24"), (Listed::Allowed, from("office", 1)));
        assert_eq!(of(&lists, "198.51.100.0/24"), (Listed::Allowed, from("office", 3)));
        assert_eq!((lists.len(), lists.contradictions), (5, 4));
    }

    #[test]
    fn what_a_configuration_gives_counts_as_an_option() {
        let configured = vec![file("config", Listed::Allowed, &["192.0.2.0/24"])];
        let files = vec![file("drop", Listed::Denied, &["10.0.0.0/8", "192.0.2.0/24"])];
        let lists = Lists::merge(&[], &[], configured, files);
        let from = |name: &str, line| Some((name.to_owned(), line));
        assert_eq!(of(&lists, "192.0.2.0/24"), (Listed::Allowed, from("config", 1)));
        assert_eq!(of(&lists, "10.0.0.0/8"), (Listed::Denied, from("drop", 1)));
    }

    #[test]
    fn what_is_named_twice_alike_is_no_contradiction() {
        let files = vec![file("one", Listed::Denied, &["10.0.0.0/8"; 3])];
        let lists = Lists::merge(&[], &[net("10.0.0.0/8")], vec![], files);
        assert_eq!((lists.len(), lists.contradictions), (1, 0));
        assert!(Lists::merge(&[], &[], vec![], vec![]).is_empty());
    }

    proptest! {
        /// As the longest of all covering networks says.
        #[test]
        fn the_longest_prefix_decides(
            networks in proptest::collection::vec((0..16_u8, 20..=32_u8, any::<bool>()), 0..40),
            address in 0..16_u8,
        ) {
            let network = |(bits, length, _): &(u8, u8, bool)| {
                IpNet::new(IpAddr::from([10, 0, bits << 4, *bits]), *length).unwrap().trunc()
            };
            let of = |wanted: bool| {
                networks.iter().filter(|(.., is)| *is == wanted).map(network).collect::<Vec<_>>()
            };
            let lists = Lists::merge(&of(true), &of(false), vec![], vec![]);
            let address = IpAddr::from([10, 0, address << 4, address]);
            let covering = lists.entries().filter(|(network, _)| network.contains(&address));
            let expected = covering.max_by_key(|(network, _)| network.prefix_len()).map(|(_, of)| of);
            prop_assert_eq!(lists.listed(address), expected);
        }
    }

    #[test]
    fn there_is_room_for_so_many_files() {
        let files = |count| {
            let files = (0..count).map(|_| file("drop", Listed::Denied, &["192.0.2.0/24"]));
            Lists::merge(&[], &[], vec![], files.collect())
        };
        files(63).check_room().unwrap();
        assert!(files(64).check_room().unwrap_err().to_string().contains("room for 63 files"));
    }
}
