// SPDX-License-Identifier: GPL-2.0-only
//! Finds what the SYNs of a flood have in common and those of honest clients have not, and says how long that may
//! be acted upon. It reads no map and no clock, and does nothing itself: samples and the time go in, rules come out.
//!
//! - [`syn`]: a SYN as the BPF program reads it. [`rule`]: mask and value over it. [`words`], [`expression`]: a rule
//!   for people, tcpdump and nft.
//! - [`search`]: from two samples, SYNs that were refused and SYNs that led to a connection, to rules, with the
//!   confidence [`bound`] of what they would do to honest clients. [`evidence`]: what a rule may be made of.
//! - [`answered`]: keeps the second sample so that an attacker cannot fill it.
//! - [`life`]: a rule is watched, enforced, withdrawn.

pub mod answered;
pub mod bound;
pub mod evidence;
mod expression;
mod field;
pub mod life;
pub mod rule;
pub mod search;
mod spec;
pub mod syn;
#[cfg(test)]
mod tools;
mod words;

pub use answered::Answered;
pub use expression::{nft, tcpdump};
pub use life::Learner;
pub use rule::Rule;
pub use search::{Found, search};
pub use spec::NoRule;
pub use syn::{Family, SYN_LEN, Syn};
pub use words::words;
