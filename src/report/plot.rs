// SPDX-License-Identifier: GPL-2.0-only
//! The rates over time as pictures (SVG).

mod times;

use anyhow::{Result, anyhow};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use times::Times;

use super::colours::{self, Colour, hex};
use super::figures;
use super::story::Story;
use super::timeline::{Point, Series, Timeline};

const SIZE: (u32, u32) = (960, 260);

pub struct Curve {
    pub name: &'static str,
    pub series: Series,
    pub colour: Colour,
}

impl Curve {
    pub fn hex(&self) -> String {
        hex(self.colour.light)
    }
}

const fn curve(name: &'static str, series: Series, colour: Colour) -> Curve {
    Curve { name, series, colour }
}

/// What became of the SYNs. The largest is drawn first.
pub const SYNS: [Curve; 3] = [
    curve("dropped", Series::Dropped, colours::DROPPED),
    curve("challenged", Series::Challenged, colours::CHALLENGED),
    curve("passed", Series::Passed, colours::PASSED),
];

/// What visitors got: of these, what the log has.
pub fn visitors(timeline: &Timeline) -> Vec<Curve> {
    let by_cookie = curve("of them by cookie", Series::ByCookie, colours::BY_COOKIE);
    let refused = curve("refused", Series::Refused, colours::REFUSED);
    let more = [(timeline.has_by_cookie, by_cookie), (timeline.has_refused, refused)];
    let connected = curve("connected", Series::Connected, colours::CONNECTED);
    let more = more.into_iter().filter_map(|(is_there, curve)| is_there.then_some(curve));
    [connected].into_iter().chain(more).collect()
}

/// An SVG element. None: there are no two points to draw a line between.
pub fn draw(story: &Story, curves: &[Curve]) -> Result<Option<String>> {
    let Some((begin, end)) = story.timeline.span() else { return Ok(None) };
    let points: Vec<_> = story.timeline.points().collect();
    if points.len() < 2 {
        return Ok(None);
    }
    let rates =
        points.iter().flat_map(|(_, point)| curves.iter().map(|curve| point.rate(curve.series)));
    let most = rates.fold(0.0, f64::max);
    let mut svg = String::new();
    paint(&mut svg, story, curves, &points, (begin, end, most))
        .map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(Some(svg))
}

type Painted<T> = std::result::Result<T, DrawingAreaErrorKind<std::io::Error>>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Times, RangedCoordf64>>;

fn paint(
    svg: &mut String,
    story: &Story,
    curves: &[Curve],
    points: &[(f64, &Point)],
    (begin, end, most): (f64, f64, f64),
) -> Painted<()> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    // A little air above; a picture of nothing has a scale too.
    let top = (most * 1.08).max(1.0);
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(24)
        .x_label_area_size(28)
        .y_label_area_size(54)
        .build_cartesian_2d(Times(begin..end), 0.0..top)?;
    for (begin, end) in story.timeline.floods() {
        chart
            .draw_series([Rectangle::new([(begin, 0.0), (end, top)], colours::FLOOD.light.filled())])?;
    }
    let style = TextStyle::from(("sans-serif", 13).into_font()).color(&colours::TEXT.light);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(colours::GRID.light)
        .axis_style(colours::GRID.light)
        .label_style(style)
        .y_labels(5)
        .x_label_formatter(&|at| label(*at, story.clock.is_dated, end - begin))
        .y_label_formatter(&|rate| figures::rate(*rate))
        .draw()?;
    for curve in curves {
        for part in parts(points, story.timeline.width()) {
            let line = part.iter().map(|(at, point)| (*at, point.rate(curve.series)));
            draw_curve(&mut chart, curve, line.collect())?;
        }
    }
    drop(chart);
    area.present()
}

fn draw_curve(chart: &mut Chart<'_>, curve: &Curve, line: Vec<(f64, f64)>) -> Painted<()> {
    let colour = curve.colour.light;
    chart.draw_series(AreaSeries::new(line.iter().copied(), 0.0, colour.mix(0.12)))?;
    chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
    Ok(())
}

/// The points, cut where the log has a gap: nothing is known of it.
fn parts<'a>(
    points: &'a [(f64, &'a Point)],
    width: f64,
) -> impl Iterator<Item = &'a [(f64, &'a Point)]> {
    let mut gaps: Vec<f64> = points.windows(2).map(|two| two[1].0 - two[0].0).collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(width);
    points.chunk_by(move |a, b| b.0 - a.0 < 5.0 * usual.max(width))
}

fn label(at: f64, is_dated: bool, span: f64) -> String {
    if is_dated && span > 2.0 * 86_400.0 { figures::day(at) } else { figures::clock(at, is_dated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_log_is_a_gap_in_the_curve() {
        let point = Point::default();
        let points: Vec<_> = [0.5, 1.5, 2.5, 3.5, 60.5, 61.5].map(|at| (at, &point)).into();
        let parts: Vec<_> = parts(&points, 1.0).map(<[_]>::len).collect();
        assert_eq!(parts, [4, 2]);
    }
}
