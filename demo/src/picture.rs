// SPDX-License-Identifier: GPL-2.0-only
//! The results as a picture.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measure::{Felt, wait};
use crate::results::Results;

const WIDTH: u32 = 820;
/// Of a bar with the space around it.
const ROW: i32 = 26;
const TOP: i32 = 48;
/// Where bars begin, and their greatest length.
const LEFT: i32 = 90;
const LONGEST: f64 = 400.0;

const CALM: RGBColor = RGBColor(127, 127, 127);
const WITHOUT: RGBColor = RGBColor(214, 39, 40);
const WITH: RGBColor = RGBColor(44, 160, 44);

/// Pages per second in each phase, one bar below the other.
pub fn draw(results: &Results, path: &Path) -> Result<()> {
    let rows = 1 + 3 * results.acts.len() as i32;
    let height = (TOP + rows * ROW + 12) as u32;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    // A background of its own keeps a picture readable on white and on black pages.
    area.fill(&WHITE)?;
    let write = |text: &str, (x, y), size: u32, side: HPos| {
        let style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(side, VPos::Center));
        area.draw(&Text::new(text.to_string(), (x, y), style))
    };
    let bar = |row: i32, label: &str, felt: &Felt, colour: RGBColor| -> Result<()> {
        let y = TOP + row * ROW + ROW / 2;
        let right = LEFT + (felt.pages / results.calm.pages.max(1.0) * LONGEST).round() as i32;
        area.draw(&Rectangle::new([(LEFT, y - 9), (right.max(LEFT + 1), y + 9)], colour.filled()))?;
        write(label, (LEFT - 8, y), 14, HPos::Right)?;
        let failed = match felt.failed {
            0 => "none failed".into(),
            failed => format!("{failed} of {} failed", felt.asked),
        };
        let figures = format!("{:.0}: {failed}, p99 {}", felt.pages, wait(felt.p99_ms));
        write(&figures, (right + 8, y), 13, HPos::Left)?;
        Ok(())
    };

    write("Pages a second that clients get from a web server", (12, 24), 18, HPos::Left)?;
    bar(0, "calm", &results.calm, CALM)?;
    for (number, played) in results.acts.iter().enumerate() {
        let row = 1 + 3 * number as i32;
        write(&played.title(), (LEFT, TOP + row * ROW + ROW / 2 + 3), 14, HPos::Left)?;
        bar(row + 1, "without", &played.without, WITHOUT)?;
        bar(row + 2, "with", &played.with, WITH)?;
    }
    Ok(area.present()?)
}

#[test]
fn every_flood_has_its_figures_and_bars() {
    use crate::act::ACTS;
    use crate::results::Played;

    let felt = |pages, failed| Felt {
        pages,
        asked: 1200,
        failed,
        p50_ms: 0.3,
        p99_ms: 2000.0,
        cpu_left: 0.5,
        sent: 412_345.0,
        to_tcp: 0.0,
    };
    let acts = ACTS.iter().map(|act| Played { act, without: felt(94.0, 21), with: felt(398.0, 0) });
    let results = Results { calm: felt(400.0, 0), acts: acts.collect() };
    let file = tempfile::NamedTempFile::new().unwrap();
    draw(&results, file.path()).unwrap();
    let picture = std::fs::read_to_string(file.path()).unwrap();
    for played in &results.acts {
        assert!(picture.contains(&played.title()), "{picture}");
    }
    assert_eq!(picture.matches("94: 21 of 1200 failed, p99 gave up").count(), ACTS.len());
    // Without and with for each flood, the calm, and the background.
    assert_eq!(picture.matches("<rect").count(), 2 * ACTS.len() + 2);
}
