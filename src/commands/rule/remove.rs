// SPDX-License-Identifier: GPL-2.0-only
//! `rule remove`: takes rules back at all instances or at none.

use anyhow::{Result, ensure};

use crate::advice::preflight;
use crate::cli::{RemoveRule, Which};
use crate::commands::running::{self, Found};
use crate::kernel::maps::lists::Lock;
use crate::kernel::maps::rules::{self, Entry};
use crate::learn::words;
use crate::show;

/// What to say of it.
pub fn remove(given: &RemoveRule) -> Result<Vec<String>> {
    preflight::check_can_change("rule remove")?;
    let found = running::find(&given.iface, "rule remove …")?;
    let lock = Lock::wait()?;
    let mut meant = Vec::new();
    for found in &found {
        let slots = rules::read(&*found.running)?.into_iter().enumerate();
        let is_meant = |slot: usize| {
            given.which.iter().any(|which| [Which::All, Which::Number(slot + 1)].contains(which))
        };
        let of = slots.filter_map(|(slot, entry)| Some((slot, entry?)));
        meant.extend(of.filter(|(slot, _)| is_meant(*slot)).map(|(slot, entry)| (found, slot, entry)));
    }
    for which in &given.which {
        if let Which::Number(number) = which {
            ensure!(
                meant.iter().any(|(_, slot, _)| slot + 1 == *number),
                "there is no rule {number}: `synflood-xdp rule list` shows which there are; nothing was changed"
            );
        }
    }
    if meant.is_empty() {
        return Ok(vec!["there is no rule".into()]);
    }
    for (found, slot, _) in &meant {
        rules::remove(&*found.running, *slot, &lock)?;
    }
    meant.iter().map(|(found, slot, entry)| removed(found, *slot, entry)).collect()
}

fn removed(found: &Found, slot: usize, entry: &Entry) -> Result<String> {
    let (place, number) = (show::lists::place(&found.interfaces), slot + 1);
    let dropped = rules::counts(&*found.running, slot)?.dropped;
    let again = match entry.is_learned {
        true => "; none like it is learned for 10 minutes",
        false => "",
    };
    Ok(format!(
        "{place}: rule {number} is removed, which dropped {dropped} SYNs: {}{again}",
        words(&entry.rule)
    ))
}
