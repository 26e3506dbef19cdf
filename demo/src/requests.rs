// SPDX-License-Identifier: GPL-2.0-only
//! Honest clients.

use std::process::Stdio;
use std::time::Duration;

use crate::network::{Network, SERVER};

/// How many pages are requested at a time.
pub const REQUESTS: usize = 20;

/// Longer than the one second after which a client repeats a lost SYN.
const PATIENCE_S: &str = "3";

/// The results of [`REQUESTS`] requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pages {
    pub served: usize,
    /// The slowest of all, served or not.
    pub slowest: Duration,
}

/// Requests a page from each of these addresses 10.0.0.x, all at once, each over its own connection. So
/// it ends soon even if none is served.
pub fn request(network: &Network, hosts: [u8; REQUESTS]) -> Pages {
    let url = format!("http://{SERVER}/");
    let addresses = hosts.map(|host| format!("10.0.0.{host}"));
    let mut args = vec!["--parallel", "--parallel-immediate"];
    for (index, address) in addresses.iter().enumerate() {
        if index > 0 {
            args.push("--next");
        }
        args.extend(["--http1.0", "--max-time", PATIENCE_S, "--interface", address]);
        args.extend(["-o", "/dev/null", "-w", "%{http_code} %{time_total}\n", &url]);
    }
    let mut curl = network.client.command("curl", &args);
    // --parallel draws a progress meter even with --silent. curl fails if one request fails.
    let output = curl.stderr(Stdio::null()).output().expect("curl starts");
    summarize(&String::from_utf8_lossy(&output.stdout))
}

/// Sums up lines with a status and the seconds that the request took.
fn summarize(lines: &str) -> Pages {
    let results = lines.lines().filter_map(|line| {
        let (status, seconds) = line.split_once(' ')?;
        Some((status, Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?))
    });
    let mut pages = Pages { served: 0, slowest: Duration::ZERO };
    for (status, time) in results {
        pages.served += usize::from(status == "200");
        pages.slowest = pages.slowest.max(time);
    }
    pages
}

#[test]
fn pages_are_summed_up() {
    let pages = summarize("200 0.001500\n000 3.000125\n200 0.000800\n");
    assert_eq!(pages, Pages { served: 2, slowest: Duration::from_micros(3_000_125) });
    assert_eq!(summarize(""), Pages { served: 0, slowest: Duration::ZERO });
}
