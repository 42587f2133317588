//! What a study expects of candidates that were not tried: their latencies by its predictors, what is counted of a
//! graph exactly, and nothing of the rest.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use bespoke_graph::Cost;
use bespoke_measure::{Estimate, Latency};
use bespoke_predict::{PredictError, Reader, SpacePredictor};
use bespoke_search::{Expected, Finished, Forecast};
use bespoke_space::{Architecture, Space};
use bespoke_store::StoredPredictor;
use bespoke_study::{Objective, StudySpec};

use crate::CoordinatorError;

/// Expects the objectives of one study's candidates. A strategy proposes by it, and the study prices by the same; all
/// clones are one.
#[derive(Clone)]
pub(crate) struct StudyForecast(Arc<Mutex<Outlook>>);

/// Costs that are remembered at a time.
const MOST_COSTS: usize = 1 << 16;

struct Outlook {
    space: Space,
    objectives: Vec<Objective>,
    /// What is counted and not to be minimised, each with its bound.
    constraints: Vec<(Objective, f64)>,
    latencies: Option<Latencies>,
    /// Of live graphs, of the last that were asked for.
    costs: HashMap<Architecture, Cost>,
}

/// Latencies on each target.
struct Latencies {
    predictor: SpacePredictor,
    /// For each target, what it was learned from: the same again tells nothing new.
    learned: Vec<HashSet<Architecture>>,
}

// === impl StudyForecast ===

impl StudyForecast {
    /// What is expected of a study's candidates before the first trial, with one predictor for each target or none at
    /// all.
    ///
    /// # Errors
    /// When a predictor's samples are not of the space.
    pub fn new(
        space: &Space,
        spec: &StudySpec,
        predictors: &[StoredPredictor],
    ) -> Result<Self, CoordinatorError> {
        let latencies = match predictors {
            [] => None,
            predictors => Some(Latencies::new(space, predictors)?),
        };
        Ok(Self(Arc::new(Mutex::new(Outlook {
            space: space.clone(),
            objectives: spec.search_objectives(),
            constraints: spec.constraints(),
            latencies,
            costs: HashMap::new(),
        }))))
    }

    /// Whether anything is expected of any objective, or of what is bounded beside them.
    pub fn knows_anything(&self) -> bool {
        let outlook = self.outlook();
        if !outlook.constraints.is_empty() {
            return true;
        }
        let mut objectives = outlook.objectives.iter();
        objectives.any(|objective| match objective {
            Objective::Latency(_) => outlook.latencies.is_some(),
            Objective::Parameters | Objective::Macs | Objective::PeakActivationBytes => true,
            Objective::Error | Objective::Score | Objective::Energy(_) => false,
        })
    }

    /// What a candidate is expected to take on each target, where that is to be predicted: what was measured on every
    /// target is known already.
    ///
    /// # Errors
    /// When the architecture is no network.
    pub fn price(
        &self,
        architecture: &Architecture,
    ) -> Result<Option<Vec<Estimate>>, PredictError> {
        let mut outlook = self.outlook();
        let latencies = outlook.latencies.as_mut();
        let Some(latencies) = latencies.filter(|latencies| !latencies.knows(architecture)) else {
            return Ok(None);
        };
        latencies.predictor.price(architecture).map(Some)
    }

    fn outlook(&self) -> MutexGuard<'_, Outlook> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Forecast for StudyForecast {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let mut outlook = self.outlook();
        let architectures = architectures.iter();
        architectures
            .map(|architecture| outlook.expect(architecture))
            .collect()
    }

    fn excess(&mut self, architecture: &Architecture) -> f64 {
        self.outlook().excess(architecture)
    }

    fn update(&mut self, finished: &Finished) {
        self.outlook().learn(finished);
    }
}

// === impl Outlook ===

impl Outlook {
    fn expect(&mut self, architecture: &Architecture) -> Vec<Option<Expected>> {
        let latencies = self.latencies.as_mut();
        let prices = latencies.map(|latencies| latencies.predictor.price(architecture));
        let prices = prices.and_then(Result::ok).unwrap_or_default();
        let objectives = self.objectives.clone();
        let expected = |objective| match objective {
            Objective::Latency(target) => {
                let price = prices.get(target)?;
                let ends = [price.median_ms, price.low_ms, price.high_ms];
                let [ms, low, high] = ends.map(Latency::ms);
                Some(Expected::within_90_percent(ms, low, high))
            }
            counted => self.count(counted, architecture),
        };
        objectives.into_iter().map(expected).collect()
    }

    /// By how much it breaks bounds on what is counted and not to be minimised.
    fn excess(&mut self, architecture: &Architecture) -> f64 {
        let constraints = self.constraints.clone().into_iter();
        let excess = constraints.filter_map(|(counted, bound)| {
            let count = self.count(counted, architecture)?;
            Some(count.excess(bound, 0.0))
        });
        excess.sum()
    }

    /// What is counted exactly; nothing of the rest.
    fn count(&mut self, objective: Objective, architecture: &Architecture) -> Option<Expected> {
        let count: fn(&Cost) -> u64 = match objective {
            Objective::Parameters => |cost| cost.parameters,
            Objective::Macs => |cost| cost.macs,
            Objective::PeakActivationBytes => |cost| cost.peak_activation_bytes,
            Objective::Error | Objective::Score | Objective::Latency(_) | Objective::Energy(_) => {
                return None;
            }
        };
        let cost = self.cost(architecture)?;
        Some(Expected::exactly(count(&cost) as f64))
    }

    /// Of its live graph; nothing of what is no network.
    fn cost(&mut self, architecture: &Architecture) -> Option<Cost> {
        if let Some(cost) = self.costs.get(architecture) {
            return Some(*cost);
        }
        let cost = self.space.lower(architecture).ok()?.live().cost();
        if self.costs.len() == MOST_COSTS {
            self.costs.clear();
        }
        self.costs.insert(architecture.clone(), cost);
        Some(cost)
    }

    fn learn(&mut self, finished: &Finished) {
        let Some(latencies) = &mut self.latencies else {
            return;
        };
        let architecture = finished.architecture();
        let mut latencies_ms = vec![None; latencies.learned.len()];
        for (objective, value) in self.objectives.iter().zip(finished.objectives()) {
            if let (Objective::Latency(target), Some(_)) = (*objective, value)
                && let Some(learned) = latencies.learned.get_mut(target)
                && learned.insert(architecture.clone())
            {
                latencies_ms[target] = *value;
            }
        }
        // What cannot be learned is not, and the search goes on with what is known.
        let _ = latencies.predictor.learn(architecture, &latencies_ms);
    }
}

// === impl Latencies ===

impl Latencies {
    fn new(space: &Space, predictors: &[StoredPredictor]) -> Result<Self, CoordinatorError> {
        let mut predictor = SpacePredictor::new(Reader::deployed(space));
        let mut learned = Vec::with_capacity(predictors.len());
        for StoredPredictor { info, prior, .. } in predictors {
            let mut samples = Vec::with_capacity(info.samples.len());
            for sample in &info.samples {
                let architecture = space.parse_architecture(&sample.architecture)?;
                samples.push((architecture, sample.latency.median_ms.ms()));
            }
            predictor.add_target(prior.clone(), &samples)?;
            learned.push(samples.into_iter().map(|(of, _)| of).collect());
        }
        Ok(Self { predictor, learned })
    }

    /// Whether it was measured on every target.
    fn knows(&self, architecture: &Architecture) -> bool {
        let mut learned = self.learned.iter();
        learned.all(|of_target| of_target.contains(architecture))
    }
}

#[cfg(test)]
mod tests {
    use bespoke_study::Source;

    use super::*;

    /// A study of one target, with this before its tables and behind them.
    fn spec(before: &str, behind: &str) -> StudySpec {
        let text = format!(
            "name = 'tiny'\nspace = 'mobile_small'\nseed = 3\n{before}\n[data]\nset = 'digits'\n\
             [[targets]]\nruntime = 'tract'\n[budget]\ntrials = 3\n{behind}\n"
        );
        let file = "study.toml".to_owned();
        StudySpec::parse(&Source { file, text }).expect("it is sound")
    }

    #[test]
    fn what_is_counted_is_expected_exactly_and_the_rest_not_at_all() {
        let space = Space::builtin("mobile_small").expect("it is shipped");
        let counted = "objectives = ['parameters', 'macs', 'peak_activation_bytes', 'energy']";
        let forecast = StudyForecast::new(&space, &spec(counted, ""), &[]);
        let mut forecast = forecast.expect("there is no predictor to refuse");
        assert!(forecast.knows_anything());
        let first = space.architectures().next().expect("it has architectures");
        assert_eq!(forecast.price(&first).expect("nothing is priced"), None);
        let cost = space.lower(&first).expect("it lowers").live().cost();
        let exactly = |count: u64| Some(Expected::exactly(count as f64));
        let expected = [
            None,
            None,
            exactly(cost.parameters),
            exactly(cost.macs),
            exactly(cost.peak_activation_bytes),
            None,
        ];
        for _ in 0..2 {
            assert_eq!(forecast.expect(std::slice::from_ref(&first)), [expected]);
        }
        let blind = StudyForecast::new(&space, &spec("", ""), &[]);
        assert!(!blind.expect("as before").knows_anything());
    }

    #[test]
    fn a_bound_on_what_is_not_minimised_is_known_beforehand() {
        let space = Space::builtin("mobile_small").expect("it is shipped");
        let first = space.architectures().next().expect("it has architectures");
        let cost = space.lower(&first).expect("it lowers").live().cost();
        for (most, excess) in [(cost.parameters, 0.0), (cost.parameters / 2, 1.0)] {
            let bounds = format!("[bounds]\nmax_parameters = {most}");
            let forecast = StudyForecast::new(&space, &spec("", &bounds), &[]);
            let mut forecast = forecast.expect("there is no predictor to refuse");
            assert!(forecast.knows_anything());
            assert_eq!(
                forecast.expect(std::slice::from_ref(&first)),
                [[None, None]]
            );
            assert!((forecast.excess(&first) - excess).abs() < 1e-3);
        }
        let minimised = spec("objectives = ['macs']", "[bounds]\nmax_macs = 1");
        assert_eq!(minimised.constraints(), []);
    }
}
