// SPDX-License-Identifier: GPL-2.0-only
//! Judges by the rules of the host's firewall on which ports clients may be challenged.
//!
//! A challenged SYN is answered by XDP, so that netfilter meets a bare ACK as the first packet of the
//! connection. If it treats such a connection otherwise than one that begins with a SYN, challenged
//! clients are refused, or get in where they should not.
//!
//! The rules of all tools are read into one form (`nft`, `iptables` → `rules`). Then, for a port,
//! two connections are followed through them packet by packet (`walk`), one that begins with a SYN
//! and one with an ACK, and compared (`connection`). What nobody knows beforehand, like the client's
//! address, is assumed both ways (`worlds`). In doubt, a port is not challengeable.
//!
//! Everything here is a function of texts: reading them is left to others.

mod connection;
mod ipset;
mod iptables;
mod names;
mod narrow;
mod nft;
mod packet;
mod rules;
mod simplify;
mod tc;
mod track;
mod verdicts;
mod walk;
mod worlds;

use std::fmt;
use std::net::IpAddr;

use connection::Memories;
use ipset::Sets;
use rules::Ruleset;

pub use iptables::Saved;
pub use nft::{Listing, NamedSet};
pub use verdicts::Verdicts;

/// Of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    /// Length of an address.
    fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// What is known beside the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// As netfilter calls the interfaces by which clients come: those with the XDP program, and
    /// bridges, bonds and VLANs on top of them.
    pub interfaces: Vec<String>,
    /// Of this host, where clients connect to. If there are none of a family, a rule for an address
    /// may be for this host.
    pub addresses: Vec<IpAddr>,
    /// nf_conntrack_tcp_loose: a connection may begin with an ACK.
    pub picks_up: bool,
    /// There are IPsec policies.
    pub has_ipsec: bool,
    /// There are routing rules that look at marks.
    pub routes_by_mark: bool,
}

/// What the tools have printed. A text is empty if its tool has nothing to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// `nft -j -t list ruleset`, or without `-t`.
    pub nft: String,
    /// `nft -t list ruleset`, which is needed only if [`Listing::has_garbled_flags`].
    pub nft_text: String,
    /// `nft -j list set …` and `nft -j list map …`, for [`Listing::missing_sets`].
    pub nft_sets: Vec<String>,
    /// `iptables-save` and `ip6tables-save`, of both backends.
    pub iptables: Vec<Saved>,
    /// `ipset save`.
    pub ipsets: String,
    /// `tc filter show dev X ingress`, each with the name of the interface.
    pub tc: Vec<(String, String)>,
    pub facts: Facts,
    /// What could not be read though it is there. All ports are in doubt then.
    pub unread: Option<String>,
}

/// Why a port is not challengeable: a sentence without its beginning and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The evidence, read once and asked port by port.
#[derive(Debug)]
pub struct Judge {
    rules: Ruleset,
    memories: Memories,
    facts: Facts,
    /// Of all ports alike.
    doubt: Option<Reason>,
}

impl Judge {
    /// Text that makes no sense leaves all ports in doubt.
    pub fn new(evidence: &Evidence) -> Self {
        let mut doubt = evidence.unread.clone().map(Reason);
        for (interface, text) in &evidence.tc {
            if let Some(filter) = tc::obstacle(text) {
                doubt.get_or_insert_with(|| {
                    Reason(format!("a tc filter sees packets from {interface} first: `{filter}`"))
                });
            }
        }
        let listing = Listing::read(&evidence.nft, &evidence.nft_sets).unwrap_or_else(|error| {
            doubt
                .get_or_insert_with(|| Reason(format!("the rules of nft are not understood: {error}")));
            Listing::default()
        });
        let is_saved = |family: &str, table: &str, chain: &str| {
            evidence.iptables.iter().any(|saved| saved.has_base_chain(family, table, chain))
        };
        let mut rules = Ruleset::default();
        listing.add_to(&mut rules, &evidence.nft_text, &is_saved);
        let sets = Sets::read(&evidence.ipsets);
        for saved in &evidence.iptables {
            saved.add_to(&mut rules, &sets);
        }
        let memories = simplify::memories(&rules);
        simplify::simplify(&mut rules, &memories, evidence.facts.routes_by_mark);
        Self { rules, memories, facts: evidence.facts.clone(), doubt }
    }

    /// Whether clients of the port fare the same if they are challenged. Fails with the rule that is in
    /// the way.
    pub fn challengeable(&self, port: u16, family: Family) -> Result<(), Reason> {
        self.ask(port, family, &mut 0)
    }

    /// The same. `spent` grows by the rules looked at.
    fn ask(&self, port: u16, family: Family, spent: &mut usize) -> Result<(), Reason> {
        if let Some(doubt) = &self.doubt {
            return Err(doubt.clone());
        }
        connection::fares_the_same(&self.rules, &self.facts, &self.memories, (family, port), spent)
    }
}
