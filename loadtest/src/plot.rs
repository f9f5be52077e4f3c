//! The latency plot: ns by quantile, both axes stretched towards the slow end. For a park, the
//! server's CPU time and memory over time stand below it.

use crate::park::{Moment, ParkOutcome};
use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (960, 540);
/// Quantiles are drawn up to one in ten to the power of this.
const NINES_MAX: f64 = 6.0;
const STEPS: u32 = 240;

/// Draws each named distribution of latencies (ns) into an SVG file.
pub fn plot(path: &Path, title: &str, curves: &[(String, &Histogram<u64>)]) -> Result<()> {
    draw(path, title, curves).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// Draws the latencies of a run against a park, and below them what the server used, second by
/// second, into an SVG file.
pub fn plot_park(path: &Path, title: &str, outcome: &ParkOutcome) -> Result<()> {
    draw_park(path, title, outcome).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw(path: &Path, title: &str, curves: &[(String, &Histogram<u64>)]) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    draw_latencies(&root, title, curves)?;
    root.present()?;
    Ok(())
}

fn draw_park(path: &Path, title: &str, outcome: &ParkOutcome) -> Drawn {
    let root = SVGBackend::new(path, (SIZE.0, 2 * SIZE.1)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(SIZE.1);
    let (middle, bottom) = below.split_vertically(SIZE.1 / 2);
    let heard = outcome.latencies.iter().filter(|(_, latency)| !latency.is_empty());
    let curves: Vec<_> = heard.map(|(name, latency)| (name.clone(), latency)).collect();
    if !curves.is_empty() {
        draw_latencies(&above, title, &curves)?;
    }
    let over_time = |value: fn(&Moment) -> f64| -> Vec<(f64, f64)> {
        outcome.timeline.iter().map(|moment| (moment.seconds, value(moment))).collect()
    };
    let cpu = over_time(|moment| moment.server_cpu * 100.0);
    draw_over_time(&middle, "server, % of one core", &cpu, 0)?;
    let memory = over_time(|moment| moment.server_rss as f64 / 1048576.0);
    draw_over_time(&bottom, "server, resident MiB", &memory, 1)?;
    root.present()?;
    Ok(())
}

type Drawn = Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_over_time(area: &Area<'_>, what: &str, points: &[(f64, f64)], colour: usize) -> Drawn {
    let end = points.last().map_or(1.0, |(seconds, _)| *seconds);
    let most = points.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..end, 0.0..most * 1.1)?;
    chart.configure_mesh().x_desc("seconds").y_desc(what).draw()?;
    let style = Palette99::pick(colour).stroke_width(2);
    chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
    Ok(())
}

fn draw_latencies(root: &Area<'_>, title: &str, curves: &[(String, &Histogram<u64>)]) -> Drawn {
    let least = curves.iter().map(|(_, h)| h.min()).min().unwrap_or(0).max(1) as f64 / 1e3;
    let most = curves.iter().map(|(_, h)| h.max()).max().unwrap_or(1) as f64 / 1e3;
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..NINES_MAX, (least * 0.9..most.max(least) * 1.2).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("share of messages")
        .y_desc("latency, µs")
        .x_labels(NINES_MAX as usize + 1)
        .x_label_formatter(&|nines| quantile_label(*nines))
        .draw()?;
    for (index, (name, histogram)) in curves.iter().enumerate() {
        let style = Palette99::pick(index).stroke_width(2);
        let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
        chart.draw_series(LineSeries::new(points(histogram), style))?.label(name).legend(key);
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(())
}

fn points(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let nines = (0..=STEPS).map(|step| f64::from(step) / f64::from(STEPS) * NINES_MAX);
    let enough = (histogram.len().max(1) as f64).log10();
    let point = |nines: f64| {
        let ns = histogram.value_at_quantile(1.0 - 10f64.powf(-nines)).max(1);
        (nines, ns as f64 / 1e3)
    };
    nines.filter(|nines| *nines <= enough).map(point).collect()
}

fn quantile_label(nines: f64) -> String {
    match nines.round() as i32 {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        more => format!("99{}{} %", if more > 2 { "." } else { "" }, "9".repeat(more as usize - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_named_by_their_nines() {
        let names = [0.0, 1.0, 2.0, 3.0, 5.0].map(quantile_label);
        assert_eq!(names, ["0 %", "90 %", "99 %", "99.9 %", "99.999 %"]);
    }
}
