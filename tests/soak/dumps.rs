// SPDX-License-Identifier: GPL-2.0-only
//! Takes dumps all the time, whatever happens to the instances. Each dump shows the running instances
//! or says that there are none, and no instance has refused the honest client.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lab::defence::source;
use lab::pair::Pair;
use serde_json::Value;

use crate::background::{Background, Stop};
use crate::honest;

/// Between two dumps: a full table is much work for the reader and for the command.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Tally {
    /// Instances shown.
    pub shown: u32,
    /// Dumps that found none.
    pub none: u32,
}

pub fn start(pair: Arc<Pair>) -> Background<Tally> {
    Background::spawn("the dump", move |stop: &Stop| {
        let mut tally = Tally::default();
        while !stop.is_set() {
            match dump(&pair) {
                Some(instances) => tally.shown += instances,
                None => tally.none += 1,
            }
            thread::sleep(PAUSE);
        }
        tally
    })
}

/// How many instances the dump shows. None: it says that there are none.
fn dump(pair: &Pair) -> Option<u32> {
    let output = pair.synflood(&["--dump", "--all", "--json"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if !output.status.success() {
        let only = said.lines().count() == 1 && said.contains("no synflood-xdp of this version runs");
        assert!(output.status.code() == Some(1) && only, "{:?}: {said}", output.status);
        return None;
    }
    assert_eq!(said, "");
    let dump: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = dump["instances"].as_array().unwrap();
    for instance in instances {
        for name in honest::SOURCES {
            let dropped = source(instance, name).map_or(0, |line| line["dropped"].as_u64().unwrap());
            assert_eq!(dropped, 0, "SYNs of the honest client {name}");
        }
    }
    Some(instances.len() as u32)
}
