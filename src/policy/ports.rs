// SPDX-License-Identifier: GPL-2.0-only
//! Sets of TCP ports.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Serialize;

/// A set of TCP ports; all by default, which is null in the JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Ports(Option<BTreeSet<u16>>);

impl Ports {
    /// Just these.
    pub fn only(ports: impl IntoIterator<Item = u16>) -> Self {
        Self(Some(ports.into_iter().collect()))
    }

    /// These ranges together; all ports if there is none.
    pub fn of(ranges: &[PortRange]) -> Self {
        match ranges {
            [] => Self(None),
            ranges => Self::only(merged(ranges).into_iter().flatten()),
        }
    }

    pub fn are_all(&self) -> bool {
        self.0.is_none()
    }

    pub fn contains(&self, port: u16) -> bool {
        self.0.as_ref().is_none_or(|ports| ports.contains(&port))
    }

    /// Every port, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let all = self.are_all().then_some(0..=u16::MAX);
        self.0.iter().flatten().copied().chain(all.into_iter().flatten())
    }

    /// The first port that is in both, or None; also None where both are all.
    pub fn first_common(&self, other: &Self) -> Option<u16> {
        let named = self.0.as_ref().or(other.0.as_ref())?;
        named.iter().copied().find(|&port| self.contains(port) && other.contains(port))
    }

    /// The first of these ports that is not in the other set.
    pub fn first_outside(&self, other: &Self) -> Option<u16> {
        match &self.0 {
            _ if other.are_all() => None,
            Some(named) => named.iter().copied().find(|&port| !other.contains(port)),
            None => (1..=u16::MAX).find(|&port| !other.contains(port)),
        }
    }

    /// The ports as ranges, neighbours together.
    fn ranges(&self) -> Vec<RangeInclusive<u16>> {
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for &port in self.0.iter().flatten() {
            match ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(port) => *last = *last.start()..=port,
                _ => ranges.push(port..=port),
            }
        }
        ranges
    }
}

/// The same ports, each in one range only: a text may name all of them a thousand times.
fn merged(ranges: &[PortRange]) -> Vec<RangeInclusive<u16>> {
    let mut ranges: Vec<_> = ranges.iter().map(|PortRange(range)| range.clone()).collect();
    ranges.sort_unstable_by_key(|range| *range.start());
    ranges.dedup_by(|next, last| {
        let is_beside = next.start() <= last.end();
        if is_beside {
            *last = *last.start()..=*last.end().max(next.end());
        }
        is_beside
    });
    ranges
}

/// "22 80 8000-8010", or "all".
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_all() {
            return f.write_str("all");
        }
        let ranges = self.ranges();
        let texts = ranges.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        f.write_str(&texts.collect::<Vec<_>>().join(" "))
    }
}

/// One port, or several in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange(pub RangeInclusive<u16>);

/// "80" or "8000-8010".
impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| match text.trim().parse::<u16>() {
            Ok(0) | Err(_) => Err(format!(
                "'{text}' is no port: give ports from 1 to 65535, like 80 or 80,443 or 8000-8010"
            )),
            Ok(port) => Ok(port),
        };
        // The first character may be a minus.
        let dash = text.char_indices().skip(1).find(|&(_, c)| c == '-');
        let (first, last) = match dash {
            Some((at, _)) => (port(&text[..at])?, port(&text[at + 1..])?),
            None => (port(text)?, port(text)?),
        };
        if first > last {
            return Err(format!("the range {text} is empty: give {last}-{first}"));
        }
        Ok(Self(first..=last))
    }
}

#[cfg(test)]
mod tests {
    use super::{PortRange, Ports};

    fn ports(texts: &[&str]) -> Ports {
        let ranges: Vec<PortRange> = texts.iter().map(|text| text.parse().unwrap()).collect();
        Ports::of(&ranges)
    }

    #[test]
    fn ranges_are_read_and_shown() {
        assert_eq!(ports(&["8000-8010", "80", "22"]).to_string(), "22 80 8000-8010");
        assert_eq!(ports(&["80", "81"]).to_string(), "80-81");
        assert_eq!(ports(&["20-30", "1-9", "25-40", "26", "40-41", "43"]).to_string(), "1-9 20-41 43");
        assert_eq!(ports(&["1-65535"; 100_000]), ports(&["1-65535"]), "soon, and in little memory");
        assert_eq!(ports(&["65534-65535"]).to_string(), "65534-65535");
        assert_eq!(ports(&[]).to_string(), "all");
    }

    #[test]
    fn only_the_ports_named_are_in_the_set() {
        let named = ports(&["79-80", "443"]);
        let found: Vec<u16> = (0..=u16::MAX).filter(|&port| named.contains(port)).collect();
        assert_eq!(found, [79, 80, 443]);
        assert!(ports(&[]).contains(1));
    }

    #[test]
    fn the_first_common_port_is_found() {
        let (web, ssh) = (ports(&["80", "443"]), ports(&["22"]));
        assert_eq!(web.first_common(&ssh), None);
        assert_eq!(web.first_common(&ports(&["100-1000"])), Some(443));
        assert_eq!(
            (web.first_common(&ports(&[])), ports(&[]).first_common(&ssh)),
            (Some(80), Some(22))
        );
    }

    #[test]
    fn the_first_port_outside_is_found() {
        assert_eq!(ports(&["80", "443"]).first_outside(&ports(&["22", "80"])), Some(443));
        assert_eq!(ports(&["80"]).first_outside(&ports(&["79-81"])), None);
        assert_eq!(ports(&["80"]).first_outside(&ports(&[])), None);
        assert_eq!(ports(&[]).first_outside(&ports(&["2-65535"])), Some(1));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["0", "-1", "65536", "80-", "-", "", "http", "80-79", "1-2-3"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
