// SPDX-License-Identifier: GPL-2.0-only
//! What was felt, as a bar and figures in one line.

use crate::measure::{Felt, wait};

/// Cells of the longest bar.
const WIDTH: usize = 26;

/// Above the figures of [`line()`].
pub fn heading() -> String {
    let (width, pages) = (WIDTH, "PAGES A SECOND");
    format!(
        "{:<8} {pages:<width$} {:>5} {:>12} {:>8} {:>8} {:>8}",
        "", "", "FAILED", "P50", "P99", "CPU LEFT"
    )
}

/// The beginning of a line: pages per second as a bar, of which `most` fill the whole width.
pub fn bar(label: &str, pages: f64, most: f64) -> String {
    let cells = blocks(pages / most.max(1.0));
    format!("{label:<8} {cells:<WIDTH$} {pages:>5.0}")
}

/// A whole line.
pub fn line(label: &str, felt: &Felt, most: f64) -> String {
    let Felt { failed, asked, cpu_left, .. } = *felt;
    let failed = format!("{failed} of {asked}");
    let (p50, p99, cpu) = (wait(felt.p50_ms), wait(felt.p99_ms), cpu_left * 100.0);
    format!("{} {failed:>12} {p50:>8} {p99:>8} {cpu:>6.0} %", bar(label, felt.pages, most))
}

/// A share of the width, to an eighth of a cell.
fn blocks(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (WIDTH * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[test]
fn bars_are_shares_of_the_width() {
    assert_eq!(blocks(0.0), "");
    assert_eq!(blocks(0.5), "█".repeat(WIDTH / 2));
    assert_eq!(blocks(1.5 / WIDTH as f64), "█▌");
    assert_eq!(blocks(7.0), "█".repeat(WIDTH));
}

#[test]
fn figures_stand_below_their_headings() {
    let felt = Felt {
        pages: 94.4,
        asked: 107,
        failed: 21,
        p50_ms: 24.0,
        p99_ms: 2000.0,
        cpu_left: 0.123,
        sent: 0.0,
        to_tcp: 0.0,
    };
    let line = line("without", &felt, 400.0);
    assert!(line.ends_with("   94    21 of 107    24 ms  gave up     12 %"), "{line}");
    assert_eq!(line.chars().count(), heading().chars().count());
}
