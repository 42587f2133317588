//! The latencies of a device that a method has not met.

use std::collections::BTreeSet;

/// One device's latencies, row by row. The only way to them before the scoring is [`Unseen::read`], which counts.
pub struct Unseen<'a> {
    latencies_ms: &'a [Option<f64>],
    read: BTreeSet<usize>,
}

// === impl Unseen ===

impl<'a> Unseen<'a> {
    /// Of which nothing was read.
    pub fn new(latencies_ms: &'a [Option<f64>]) -> Self {
        Self {
            latencies_ms,
            read: BTreeSet::new(),
        }
    }

    /// The latency of a row that was measured.
    pub fn read(&mut self, row: usize) -> f64 {
        self.read.insert(row);
        measured(self.latencies_ms, row)
    }

    /// How many different latencies were read.
    pub fn read_so_far(&self) -> usize {
        self.read.len()
    }

    /// The latencies of rows that were measured, to score prices that are made: nothing can be read afterwards.
    pub fn reveal(self, rows: &[usize]) -> Vec<f64> {
        let rows = rows.iter();
        rows.map(|row| measured(self.latencies_ms, *row)).collect()
    }
}

fn measured(latencies_ms: &[Option<f64>], row: usize) -> f64 {
    latencies_ms[row].expect("rows without a latency are taken out beforehand")
}
