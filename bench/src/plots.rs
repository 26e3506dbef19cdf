// SPDX-License-Identifier: GPL-2.0-only
//! The results as pictures.

use std::path::Path;

use anyhow::{Result, anyhow};
use bench::generator::Shape;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::contenders::OTHERS;
use crate::results::Results;

const SIZE: (u32, u32) = (820, 420);
/// A background of its own keeps a picture readable on white and on black pages.
const BACKGROUND: RGBColor = WHITE;
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

pub fn draw(results: &Results, directory: &Path) -> Result<()> {
    bars(results, &directory.join("defences.svg"))?;
    growth(results, &directory.join("growth.svg"))?;
    clients(results, &directory.join("clients.svg"))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn area(path: &Path) -> Result<Area<'_>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&BACKGROUND)?;
    Ok(area)
}

/// Every defence's speed as a share of a bare XDP_DROP's, one bar for each flood.
fn bars(results: &Results, path: &Path) -> Result<()> {
    let names: Vec<&str> = OTHERS.iter().map(|contender| contender.name).collect();
    let shapes = [Shape::One, Shape::Many, Shape::Random, Shape::Ipv6];
    let area = area(path)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("SYNs absorbed, as a share of a bare XDP_DROP", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(170)
        .build_cartesian_2d(0.0..1.0, 0.0..names.len() as f64)
        .map_err(|error| anyhow!("{error}"))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(names.len() * 2 + 1)
        .y_label_formatter(&|y: &f64| {
            let is_middle = (y.fract() - 0.5).abs() < 0.01;
            let name = names.iter().rev().nth(*y as usize).filter(|_| is_middle);
            name.map_or(String::new(), |name| (*name).into())
        })
        .draw()
        .map_err(|error| anyhow!("{error}"))?;
    for (index, shape) in shapes.into_iter().enumerate() {
        let colour = COLOURS[index];
        let rows = results.defences.iter().filter(|row| row.shape == shape);
        let boxes = rows.filter_map(|row| {
            let place = names.iter().rev().position(|name| *name == row.defence)? as f64;
            let top = place + 0.9 - 0.2 * index as f64;
            Some(Rectangle::new([(0.0, top), (row.of_limit, top - 0.18)], colour.filled()))
        });
        chart
            .draw_series(boxes)
            .map_err(|error| anyhow!("{error}"))?
            .label(format!("{shape:?}").to_lowercase())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    Ok(area.present()?)
}

fn growth(results: &Results, path: &Path) -> Result<()> {
    let area = area(path)?;
    let most = results.growth.iter().map(|point| point.x).max().unwrap_or(2) as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "SYNs absorbed as sources and table grow, as a share of a bare XDP_DROP",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d((1.0..most).log_scale(), 0.0..1.0)
        .map_err(|error| anyhow!("{error}"))?;
    chart
        .configure_mesh()
        .x_desc("sources, places in the table")
        .x_label_formatter(&|x: &f64| format!("{x:.0}"))
        .draw()
        .map_err(|error| anyhow!("{error}"))?;
    for (index, series) in ["sources, IPv4", "sources, IPv6", "table size"].into_iter().enumerate() {
        let points = results.growth.iter().filter(|point| point.series == series);
        let points: Vec<_> =
            points.map(|point| (point.x as f64, point.absorbed / point.limit)).collect();
        line(&mut chart, points, series, COLOURS[index])?;
    }
    legend(&mut chart, SeriesLabelPosition::LowerLeft)?;
    Ok(area.present()?)
}

/// The p99 of connect times, by the flood's rate.
fn clients(results: &Results, path: &Path) -> Result<()> {
    let area = area(path)?;
    let served = results.clients.iter().filter(|service| service.p99_ms.is_finite());
    let (mut fastest, mut slowest, mut most) = (f64::MAX, 1.0_f64, 1.0_f64);
    for service in served.clone() {
        fastest = fastest.min(service.p99_ms);
        slowest = slowest.max(service.p99_ms);
        most = most.max(service.flood / 1e6);
    }
    let mut chart = ChartBuilder::on(&area)
        .caption("99 of 100 honest clients connect within", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..most * 1.05, (fastest / 2.0..slowest * 2.0).log_scale())
        .map_err(|error| anyhow!("{error}"))?;
    chart
        .configure_mesh()
        .x_desc("flood, Mpps")
        .y_desc("ms")
        .draw()
        .map_err(|error| anyhow!("{error}"))?;
    for (index, shape) in [Shape::One, Shape::Many, Shape::Random].into_iter().enumerate() {
        for defence in ["none", "synflood-xdp"] {
            let colour = COLOURS[index];
            let ours = served.clone().filter(|each| each.shape == shape && each.defence == defence);
            let points: Vec<_> = ours.map(|each| (each.flood / 1e6, each.p99_ms)).collect();
            let label = format!("{shape:?}, {defence}").to_lowercase();
            let colour = if defence == "none" { colour.mix(0.4) } else { colour.mix(1.0) };
            line(&mut chart, points, &label, colour)?;
        }
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    Ok(area.present()?)
}

fn line<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    points: Vec<(f64, f64)>,
    label: &str,
    colour: impl Color + Copy + 'static,
) -> Result<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let style = ShapeStyle { color: colour.to_rgba(), filled: true, stroke_width: 2 };
    let dots = points.iter().map(|&point| Circle::new(point, 3, style));
    chart.draw_series(dots).map_err(|error| anyhow!("{error}"))?;
    chart
        .draw_series(LineSeries::new(points, style))
        .map_err(|error| anyhow!("{error}"))?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
    Ok(())
}

fn legend<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    position: SeriesLabelPosition,
) -> Result<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(position)
        .background_style(BACKGROUND.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sidebyside::Row;

    #[test]
    fn every_defence_has_its_name_and_its_bars() {
        let directory = tempfile::tempdir().unwrap();
        let rows = OTHERS.iter().flat_map(|contender| {
            contender.shapes.iter().map(|&shape| Row {
                defence: contender.name,
                shape,
                rounds: Vec::new(),
                of_limit: 0.5,
            })
        });
        let results = Results { defences: rows.collect(), ..Default::default() };
        draw(&results, directory.path()).unwrap();
        let picture = fs::read_to_string(directory.path().join("defences.svg")).unwrap();
        for contender in OTHERS {
            assert!(picture.contains(contender.name), "{}", contender.name);
        }
        let bars = picture.matches("<rect").count();
        assert!(bars > results.defences.len(), "{bars}");
    }
}
