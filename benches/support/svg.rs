//! A run as a picture: for each load one group of bars, CPU time per operation on the left and the
//! rate on the right.

use super::report::{Report, Summary};
use std::fmt::Write;

const BAR: f64 = 12.0;
const GAP: f64 = 14.0;
const TOP: f64 = 56.0;
/// Where the names of the targets end, and each panel begins.
const NAMES: f64 = 190.0;
const PANELS: [f64; 2] = [200.0, 560.0];
const PANEL_WIDTH: f64 = 270.0;
const WIDTH: f64 = 920.0;

const THEIRS: &str = "#9aa5b1";
const OURS: &str = "#2a6fdb";

/// One bar of each panel.
struct Bars<'a> {
    group: &'a str,
    name: &'a str,
    /// Values of the two panels, with how they are written.
    values: [Option<(f64, String)>; 2],
}

/// Draws the report as SVG.
pub(crate) fn draw(report: &Report) -> String {
    let loads = report.summaries.iter().map(load);
    let memory = report.memory.iter().map(|row| Bars {
        group: row.scenario,
        name: row.target,
        values: [Some((row.each_kib, format!("{:.1} KiB", row.each_kib))), None],
    });
    let bars: Vec<Bars<'_>> = loads.chain(memory).collect();
    let mut body = String::new();
    let mut y = TOP;
    for group in bars.chunk_by(|one, other| one.group == other.group) {
        draw_group(&mut body, group, y);
        y += group.len() as f64 * BAR + GAP;
    }
    let heads = ["CPU of the proxy, µs per operation", "rate, directory alone = 1"];
    let heads: String = PANELS
        .iter()
        .zip(heads)
        .map(|(x, head)| format!("<text x=\"{x}\" y=\"40\" font-weight=\"bold\">{head}</text>\n"))
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"13\">Shorter is better on the left, longer on the \
         right; each group has a scale of its own. Blue: the gateway.</text>\n{heads}{body}</svg>\n"
    )
}

fn load(summary: &Summary) -> Bars<'_> {
    let cpu = summary.proxy_us.map(|value| (value, format!("{value:.1}")));
    let rate = summary.rate_to_direct.map(|value| (value, format!("{value:.2}")));
    Bars { group: summary.scenario, name: summary.target, values: [cpu, rate] }
}

fn draw_group(out: &mut String, group: &[Bars<'_>], y: f64) {
    let title = group.first().map_or("", |bars| bars.group);
    text(out, 10.0, y + BAR - 3.0, "start", title);
    for (panel, left) in PANELS.into_iter().enumerate() {
        let values = group.iter().filter_map(|bars| bars.values[panel].as_ref());
        let most = values.map(|(value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (index, bars) in group.iter().enumerate() {
            let y = y + index as f64 * BAR;
            if panel == 0 {
                text(out, NAMES, y + BAR - 3.0, "end", bars.name);
            }
            let Some((value, label)) = &bars.values[panel] else { continue };
            let length = (value / most).clamp(0.0, 1.0) * PANEL_WIDTH;
            let ours = bars.name.starts_with("relay") || bars.name.starts_with("jit");
            let colour = if ours { OURS } else { THEIRS };
            let height = BAR - 2.0;
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{y}\" width=\"{length:.1}\" height=\"{height}\" \
                 fill=\"{colour}\"/>"
            );
            text(out, left + length + 4.0, y + BAR - 3.0, "start", label);
        }
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    // Writing to a string cannot fail; names and numbers hold nothing that XML would mind.
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
}
