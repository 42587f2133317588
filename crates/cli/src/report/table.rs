//! Tables for a terminal.

use bespoke_graph::Cost;
use bespoke_measure::Bytes;

use super::{Report, numbers};

/// Rows as text, columns aligned; the first row is the heading. All columns but the last are aligned to the right.
pub fn grid(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| match column + 1 == columns {
                true => cell.clone(),
                false => format!("{cell:>width$}", width = widths[column]),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The final front as a table.
pub fn front_table(report: &Report) -> String {
    let has_ties = (report.front.entries().iter()).any(|entry| !entry.tied_with.is_empty());
    let mut rows = vec![front_heading(report, has_ties)];
    for entry in report.front.entries() {
        let mut row = vec![
            entry.trial.to_string(),
            format!("{:.2} %", entry.accuracy.percent),
        ];
        for (target, latency) in entry.latencies.iter().enumerate() {
            let interval = format!("{:.4} … {:.4}", latency.low_ms.ms(), latency.high_ms.ms());
            row.extend([format!("{:.4}", latency.median_ms.ms()), interval]);
            if report.has_energy(target) {
                row.push(energy(entry.energies_mj.get(target).copied().flatten()));
            }
        }
        row.extend(cost_cells(&entry.cost));
        row.extend(has_ties.then(|| numbers(&entry.tied_with)));
        row.push(entry.architecture.clone());
        rows.push(row);
    }
    grid(&rows)
}

fn front_heading(report: &Report, has_ties: bool) -> Vec<String> {
    let mut heading = vec!["trial".to_owned(), "accuracy".to_owned()];
    for (index, bound) in report.spec.targets.iter().enumerate() {
        heading.extend([format!("ms on {}", bound.target), confidence(report)]);
        let has_energy = report.has_energy(index);
        heading.extend(has_energy.then(|| format!("mJ on {}", bound.target)));
    }
    heading.extend(COST_HEADING.map(str::to_owned));
    heading.extend(has_ties.then(|| "tied with".to_owned()));
    heading.push("architecture".to_owned());
    heading
}

/// What of a network's cost stands in a table of networks.
pub const COST_HEADING: [&str; 4] = ["parameters", "MMACs", "MFLOPs", "peak memory"];

/// The cells under [`COST_HEADING`].
pub fn cost_cells(cost: &Cost) -> [String; 4] {
    [
        cost.parameters.to_string(),
        format!("{:.3}", cost.macs as f64 / 1e6),
        format!("{:.3}", cost.flops as f64 / 1e6),
        Bytes(cost.peak_activation_bytes).to_string(),
    ]
}

/// Millijoules, where they are known.
pub fn energy(mj: Option<f64>) -> String {
    mj.map(|mj| format!("{mj:.4}")).unwrap_or_default()
}

fn confidence(report: &Report) -> String {
    format!("{:.0} % interval", report.spec.protocol.confidence * 100.0)
}

/// A network's cost, a row for each figure.
pub fn cost_rows(cost: &Cost) -> Vec<Vec<String>> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    vec![
        row("parameters", cost.parameters.to_string()),
        row("multiply-accumulates", cost.macs.to_string()),
        row(
            "MFLOPs (as NAS-Bench-201 counts)",
            format!("{:.6}", cost.flops as f64 / 1e6),
        ),
        row("bytes moved", Bytes(cost.bytes_moved).to_string()),
        row(
            "peak activation memory",
            Bytes(cost.peak_activation_bytes).to_string(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let rows = [["a", "name"], ["100", "x"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(grid(&rows), "  a  name\n100  x\n");
    }
}
