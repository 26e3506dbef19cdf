// SPDX-License-Identifier: GPL-2.0-only
//! Tables, for the terminal and for docs/bench.md.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::plots;
use crate::results::Results;
use crate::scenes::SCENES;

const DOCUMENT: &str = "docs/bench.md";
const BEGIN: &str = "<!-- results: written by `make bench-publish` -->\n";
const END: &str = "<!-- end of results -->\n";
const PLOTS: &str = "docs/plots";
const RAW: &str = "target/bench-results.json";

/// The machine, and which CPUs worked.
pub fn machine(results: &Results) -> String {
    format!("{}; generator and defence share one CPU", results.machine)
}

pub fn defences(results: &Results) -> String {
    let mut text = format!(
        "{:<28} {:>7} {:>18} {:>8} {:>9} {:>10}\n",
        "DEFENCE", "FLOOD", "MPPS (SPREAD)", "OF DROP", "CPU-S/M", "TO TCP/S"
    );
    for row in &results.defences {
        let (least, most) = row.spread();
        let mpps = format!("{:.2} ({:.2}-{:.2})", row.absorbed() / 1e6, least / 1e6, most / 1e6);
        let shape = format!("{:?}", row.shape).to_lowercase();
        let (name, ratio, cpu_s) = (row.defence, row.of_limit, 1e6 / row.absorbed());
        let to_tcp = row.to_tcp();
        let _ =
            writeln!(text, "{name:<28} {shape:>7} {mpps:>18} {ratio:>8.2} {cpu_s:>9.2} {to_tcp:>10.0}");
    }
    text
}

pub fn packets(results: &Results) -> String {
    let mut text = format!("{:<24} {:>8} {:>10} {:>8}\n", "PACKET", "NS", "BARE, NS", "COST, NS");
    for class in &results.packets {
        let (name, ns, bare, cost) = (&class.name, class.ns, class.bare_ns, class.cost());
        let _ = writeln!(text, "{name:<24} {ns:>8.0} {bare:>10.0} {cost:>8.0}");
    }
    text
}

pub fn clients(results: &Results) -> String {
    let mut text = format!(
        "{:<14} {:>7} {:>11} {:>9} {:>14} {:>8} {:>8}\n",
        "DEFENCE", "FLOOD", "FLOOD, MPPS", "CPU-S/M", "SERVED", "P50, MS", "P99, MS"
    );
    for service in &results.clients {
        let shape = format!("{:?}", service.shape).to_lowercase();
        let served = format!("{} of {}", service.served, service.requests);
        let (name, mpps, p50, p99) =
            (service.defence, service.flood / 1e6, service.p50_ms, service.p99_ms);
        let cpu_s = service.cpu_s;
        let _ = writeln!(
            text,
            "{name:<14} {shape:>7} {mpps:>11.2} {cpu_s:>9.2} {served:>14} {p50:>8.2} {p99:>8.2}"
        );
    }
    text
}

/// With a line on each scene above.
pub fn defaults(results: &Results) -> String {
    let mut text = String::new();
    for scene in SCENES {
        let _ = writeln!(text, "{:<8} {}", scene.name, scene.meaning);
    }
    let _ = writeln!(
        text,
        "\n{:<8} {:<14} {:>11} {:>11} {:>11} {:>8} {:>8} {:>8} {:>8}",
        "CLIENT",
        "DEFENCE",
        "FLOOD",
        "FLOOD, MPPS",
        "FAILED OF",
        "P50, MS",
        "P99, MS",
        "OF CALM",
        "MOST, MS"
    );
    for row in &results.defaults {
        let failed = format!("{} of {}", row.failed, row.requests);
        let (scene, name, shape, mpps) = (row.scene, row.defence, &row.shape, row.flood / 1e6);
        let (p50, p99, calm, most) = (row.p50_ms, row.p99_ms, row.of_calm, row.longest_ms);
        let _ = writeln!(
            text,
            "{scene:<8} {name:<14} {shape:>11} {mpps:>11.2} {failed:>11} {p50:>8.2} {p99:>8.2} {calm:>8.2} {most:>8.2}"
        );
    }
    text
}

pub fn growth(results: &Results) -> String {
    let mut text = format!("{:<14} {:>10} {:>8} {:>8}\n", "GROWS", "TO", "MPPS", "OF DROP");
    for point in &results.growth {
        let (series, x, mpps) = (point.series, point.x, point.absorbed / 1e6);
        let _ =
            writeln!(text, "{series:<14} {x:>10} {mpps:>8.2} {:>8.2}", point.absorbed / point.limit);
    }
    text
}

pub fn lists(results: &Results) -> String {
    let mut text = format!(
        "{:<26} {:>6} {:>10} {:>8} {:>12} {:>8}\n",
        "LISTED", "FAMILY", "LOADED, S", "NS", "WITHOUT, NS", "COST, NS"
    );
    for row in &results.lists {
        let (networks, family, ns, without) = (&row.networks, row.family, row.ns, row.without_ns);
        let (load, cost) = (row.load_s, row.cost());
        let _ = writeln!(
            text,
            "{networks:<26} {family:>6} {load:>10.2} {ns:>8.0} {without:>12.0} {cost:>8.0}"
        );
    }
    text
}

/// Writes tables and plots into the documentation.
pub fn publish(results: &Results) -> Result<()> {
    let mut text = format!("\n{}\n", machine(results));
    for (title, table) in [
        ("Defences", defences(results)),
        ("What a packet costs", packets(results)),
        ("Honest clients", clients(results)),
        ("Defaults", defaults(results)),
        ("Growth", growth(results)),
        ("Lists", lists(results)),
    ] {
        let indented: String = table.lines().map(|line| format!("    {line}\n")).collect();
        let _ = write!(text, "\n### {title}\n\n{indented}");
    }
    bench::replace_between(Path::new(DOCUMENT), BEGIN, END, &text)?;
    fs::create_dir_all(PLOTS)?;
    plots::draw(results, Path::new(PLOTS))?;
    fs::write(RAW, serde_json::to_string_pretty(results)?)?;
    println!("written: {DOCUMENT}, {PLOTS}, {RAW}");
    Ok(())
}
