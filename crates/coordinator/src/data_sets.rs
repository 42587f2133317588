//! The data sets that Bespoke reads, as lessons that train each candidate.

use std::{path::Path, sync::Arc};

use bespoke_accuracy::{DataSet, Scorer, Training};
use bespoke_graph::Graph;
use bespoke_recipe::ZeroCost;
use bespoke_space::Space;
use bespoke_study::{Data, EvaluatorConfig, Source, StudySpec};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Evaluators, Lesson};

/// Trains every candidate on the data set that its study names.
#[derive(Debug, Clone)]
pub struct DataSets {
    threads: usize,
}

/// Random networks that a candidate is ranked among where several scores vote.
const REFERENCES: usize = 64;

// === impl DataSets ===

impl DataSets {
    /// Each training gets this many threads.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
        }
    }
}

impl Evaluators for DataSets {
    fn open(&self, spec: &StudySpec, space: &Source) -> Result<Lesson, String> {
        let set = Arc::new(open(&spec.data)?);
        let scorer = match &spec.evaluator {
            EvaluatorConfig::Training {} => None,
            EvaluatorConfig::ZeroCost(zero_cost) => Some(Arc::new(
                scorer(zero_cost, &set, space)?.with_threads(self.threads),
            )),
        };
        let (shape, classes) = (set.held_out.shape(), set.held_out.classes());
        let labels = set.held_out.labels().into();
        let training = Training::new(set, spec.recipe.clone()).map_err(|e| e.to_string())?;
        let evaluator = Arc::new(training.with_threads(self.threads));
        Ok(Lesson {
            evaluator,
            scorer,
            input_shape: shape,
            classes,
            labels,
        })
    }
}

/// How the candidates of a space are scored. Where several scores vote, random networks of the space are what each
/// ranks a candidate among: the same for every study of the space.
fn scorer(zero_cost: &ZeroCost, set: &DataSet, space: &Source) -> Result<Scorer, String> {
    let space = Space::parse(&space.file, &space.text).map_err(|error| error.to_string())?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let references = std::iter::from_fn(|| space.lower(&space.sample(&mut rng)).ok());
    let references: Vec<Graph> = match zero_cost.score.names() {
        [_] => Vec::new(),
        _ => references.take(REFERENCES).collect(),
    };
    Scorer::new(zero_cost, &set.train, &references).map_err(|error| error.to_string())
}

fn open(data: &Data) -> Result<DataSet, String> {
    // The digits need no folder.
    let folder = data.folder.as_deref().unwrap_or(Path::new(""));
    DataSet::open(data.set, folder).map_err(|error| error.to_string())
}
