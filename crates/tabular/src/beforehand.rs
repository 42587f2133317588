//! What a search knows of networks before it evaluates them.

use std::sync::Arc;

use bespoke_search::{Expected, Finished, Forecast};
use bespoke_space::Architecture;
use rand::{Rng, RngCore};

use crate::{Benchmark, networks::Networks};

/// Where a search knows latencies from before it evaluates a network.
pub enum Latencies {
    /// From the table: any network's, exactly.
    Table,
    /// From nowhere: those of evaluated networks are all that is seen.
    Trials,
    /// From a forecast; objective 0 is the error, then comes the latency on each target.
    Expected(Box<dyn Forecast>),
}

/// Tells what is known, and nothing that is not.
struct Beforehand {
    networks: Arc<Networks>,
    targets: usize,
    accuracies_known: bool,
    latencies: Latencies,
    /// Rows that meet the bounds.
    meeting: Vec<usize>,
}

impl Benchmark {
    /// What a search is told before it evaluates networks: accuracies as they stand in the table, or none, and
    /// latencies. Nothing where neither is known.
    pub fn forecast(
        &self,
        accuracies_known: bool,
        latencies: Latencies,
    ) -> Option<Box<dyn Forecast>> {
        if !accuracies_known && matches!(latencies, Latencies::Trials) {
            return None;
        }
        let meets = |row: &usize| self.violation(*row) == 0.0;
        Some(Box::new(Beforehand {
            networks: Arc::clone(&self.networks),
            targets: self.targets.len(),
            accuracies_known,
            latencies,
            meeting: self.rows().filter(meets).collect(),
        }))
    }
}

impl Forecast for Beforehand {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let networks = &self.networks;
        let unknown = |_: &Architecture| vec![None; 1 + self.targets];
        let mut expected: Vec<Vec<Option<Expected>>> = match &mut self.latencies {
            Latencies::Expected(forecast) => forecast.expect(architectures),
            Latencies::Trials => architectures.iter().map(unknown).collect(),
            Latencies::Table => (architectures.iter())
                .map(|architecture| exactly(networks, architecture))
                .collect(),
        };
        for (architecture, expected) in architectures.iter().zip(&mut expected) {
            expected.resize(1 + self.targets, None);
            expected[0] = match self.accuracies_known {
                true => exactly(networks, architecture)[0],
                false => None,
            };
        }
        expected
    }

    fn update(&mut self, finished: &Finished) {
        if let Latencies::Expected(forecast) = &mut self.latencies {
            forecast.update(finished);
        }
    }

    fn sample(&mut self, rng: &mut dyn RngCore) -> Option<Architecture> {
        match &mut self.latencies {
            Latencies::Table => {
                let row = self.meeting[rng.random_range(0..self.meeting.len())];
                Some(self.networks.architectures[row].clone())
            }
            Latencies::Trials => None,
            Latencies::Expected(forecast) => forecast.sample(rng),
        }
    }
}

/// Every objective as the tables have it.
fn exactly(networks: &Networks, architecture: &Architecture) -> Vec<Option<Expected>> {
    let objectives = networks.objectives(networks.row(architecture));
    objectives
        .into_iter()
        .map(|value| Some(Expected::exactly(value)))
        .collect()
}
