//! The latency plot: ns by quantile, both axes stretched towards the slow end.

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
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

fn draw(
    path: &Path,
    title: &str,
    curves: &[(String, &Histogram<u64>)],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let least = curves.iter().map(|(_, h)| h.min()).min().unwrap_or(0).max(1) as f64 / 1e3;
    let most = curves.iter().map(|(_, h)| h.max()).max().unwrap_or(1) as f64 / 1e3;
    let mut chart = ChartBuilder::on(&root)
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
    root.present()?;
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
