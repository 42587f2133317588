//! Measuring a few networks of a target that a predictor has not met.

use bespoke_predict::{Fitted, Network, Prior, Reader, Rows, Source, Table};
use bespoke_space::Architecture;

use crate::{Benchmark, TabularError};

/// What a predictor knows before it meets the targets, and how much of them it measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Columns of the table of latencies that it learns from beforehand; none is allowed.
    pub sources: Vec<String>,
    /// Rows that it may learn from, and those that it may measure on a target.
    pub source_rows: Rows,
    /// Networks that it measures on each target.
    pub samples: usize,
}

/// What was learned and measured.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// What is believed of a device that was not met.
    pub prior: Prior,
    /// For each target of the benchmark, the networks that were measured, with their latencies in milliseconds.
    pub targets: Vec<Vec<(Architecture, f64)>>,
}

// === impl Sampling ===

impl Sampling {
    /// Learns from the sources, plans which networks to measure, and reads their latencies on each target; no others are
    /// looked at. The table is that of the benchmark.
    ///
    /// # Errors
    /// When a source is a target or no column, when the table has no such rows or fewer than samples, or when a source
    /// has too few latencies.
    pub fn measure(&self, benchmark: &Benchmark, table: &Table) -> Result<Sampled, TabularError> {
        let rows = table.rows(&self.source_rows)?;
        if rows.len() < self.samples {
            return Err(TabularError::FewRows {
                samples: self.samples,
                rows: rows.len(),
            });
        }
        let sources = self.known(benchmark, table, &rows)?;
        let architectures: Vec<&Architecture> = rows
            .iter()
            .filter_map(|row| table.architectures()[*row].as_ref())
            .collect();
        let mut reader = Reader::new(benchmark.space());
        let networks: Vec<Network> = (architectures.iter())
            .map(|architecture| reader.network(architecture))
            .collect::<Result<_, _>>()?;
        let pool: Vec<&Network> = networks.iter().collect();
        let prior = Prior::fit(&pool, &sources)?;
        let planned = prior.plan(&pool, self.samples, 0);
        let measured = |target: usize| {
            let sample = |index: &usize| {
                let architecture = architectures[*index].clone();
                let row = benchmark.networks.row(&architecture);
                (architecture, benchmark.networks.latencies_ms[row][target])
            };
            planned.iter().map(sample).collect()
        };
        let targets = (0..benchmark.targets.len()).map(measured).collect();
        Ok(Sampled { prior, targets })
    }

    fn known(
        &self,
        benchmark: &Benchmark,
        table: &Table,
        rows: &[usize],
    ) -> Result<Vec<Source>, TabularError> {
        let source = |name: &String| {
            let mut targets = benchmark.targets.iter();
            if targets.any(|target| target.column == *name) {
                let column = name.clone();
                return Err(TabularError::KnownTarget { column });
            }
            let column = table.latencies_ms(name)?;
            Ok(Source {
                name: name.clone(),
                latencies_ms: rows.iter().map(|row| column[*row]).collect(),
            })
        };
        self.sources.iter().map(source).collect()
    }
}
