//! The data sets that Bespoke reads, as lessons for each candidate.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bespoke_accuracy::{DataSet, Evaluator, Scorer, Training, ZeroCostScorer};
use bespoke_graph::Graph;
use bespoke_recipe::{Differentiable, Recipe, SupernetRecipe, ZeroCost};
use bespoke_space::Space;
use bespoke_study::{Data, EvaluatorConfig, Source, StudySpec};
use bespoke_supernet::{
    Learner, Paths, Search, SearchConfig, Supernet, SupernetError, SupernetEvaluator,
    TunedEvaluator,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Evaluators, Lesson};

/// Evaluates every candidate on the data set that its study names.
#[derive(Debug, Clone)]
pub struct DataSets {
    data_dir: PathBuf,
    threads: usize,
}

/// Random networks that a candidate is ranked among where several scores vote.
const REFERENCES: usize = 64;

// === impl DataSets ===

impl DataSets {
    /// Each training gets this many threads. Weights that the candidates of a study share, and what is learned with them, are
    /// kept under the folder.
    pub fn new(data_dir: &Path, threads: usize) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            threads: threads.max(1),
        }
    }

    fn supernet(
        &self,
        training: Training,
        supernet: &SupernetRecipe,
        spec: &StudySpec,
        space: &Source,
    ) -> Result<SupernetEvaluator, String> {
        let recipe = Recipe {
            epochs: supernet.epochs,
            ..spec.recipe.clone()
        };
        let parsed = Space::parse(&space.file, &space.text).map_err(|error| error.to_string())?;
        let (data, sampling) = (training.shared_data(), supernet.sampling);
        let whole = Supernet::new(parsed, data, &recipe, sampling, spec.seed);
        let whole = whole.map_err(|error| error.to_string())?;
        // All that the shared weights depend on.
        let of = format!(
            "{:?} {recipe:?} {sampling:?} {} {}",
            spec.data, spec.seed, space.text
        );
        let path = self.folder(spec).join("supernet");
        Ok(SupernetEvaluator::new(
            whole,
            training,
            supernet.clone(),
            path,
            of,
        ))
    }

    fn learner(
        &self,
        method: Differentiable,
        data: &DataSet,
        spec: &StudySpec,
        space: &Source,
    ) -> Result<Learner, SupernetError> {
        // All that the distribution depends on, but for the machine that the study is bound to.
        let of = format!(
            "{:?} {:?} {method:?} {} {}",
            spec.data, spec.recipe, spec.seed, space.text
        );
        let config = SearchConfig {
            paths: Paths::new(Space::parse(&space.file, &space.text)?)?,
            method,
            recipe: spec.recipe.clone(),
            seed: spec.seed,
        };
        let path = self.folder(spec).join("distribution");
        Ok(Learner::new(Search::new(config, &data.train)?, path, of))
    }

    fn folder(&self, spec: &StudySpec) -> PathBuf {
        self.data_dir.join("studies").join(spec.name.as_str())
    }
}

impl Evaluators for DataSets {
    fn open(&self, spec: &StudySpec, space: &Source) -> Result<Lesson, String> {
        let set = Arc::new(open(&spec.data)?);
        let (shape, classes) = (set.held_out.shape(), set.held_out.classes());
        let labels = set.held_out.labels().into();
        let training = Training::new(set.clone(), spec.recipe.clone());
        let training = training.map_err(|error| format!("[training]: {error}"))?;
        let training = training.with_threads(self.threads);
        let learner = (spec.strategy.differentiable())
            .map(|method| self.learner(method, &set, spec, space).map(Arc::new))
            .transpose()
            .map_err(|error| format!("[strategy]: {error}"))?;
        let (evaluator, scorer): (Arc<dyn Evaluator>, Option<Arc<dyn Scorer>>) =
            match &spec.evaluator {
                EvaluatorConfig::Training {} => match learner.clone() {
                    Some(learner) if spec.trials_are_tuned() => {
                        (Arc::new(TunedEvaluator::new(learner, training)), None)
                    }
                    _ => (Arc::new(training), None),
                },
                EvaluatorConfig::ZeroCost(zero_cost) => {
                    let scorer = scorer(zero_cost, &set, space);
                    let scorer = scorer.map_err(|error| format!("[evaluator]: {error}"))?;
                    let scorer = scorer.with_threads(self.threads);
                    (Arc::new(training), Some(Arc::new(scorer)))
                }
                EvaluatorConfig::Supernet(recipe) => {
                    let supernet = self.supernet(training, recipe, spec, space);
                    let supernet = supernet.map_err(|error| format!("[evaluator]: {error}"))?;
                    let supernet = Arc::new(supernet);
                    let scorer = recipe.front.map(|_| supernet.clone() as _);
                    (supernet, scorer)
                }
            };
        Ok(Lesson {
            evaluator,
            scorer,
            learner,
            input_shape: shape,
            classes,
            labels,
        })
    }
}

/// How the candidates of a space are scored. Where several scores vote, random networks of the space are what each
/// ranks a candidate among: the same for every study of the space.
fn scorer(zero_cost: &ZeroCost, set: &DataSet, space: &Source) -> Result<ZeroCostScorer, String> {
    let space = Space::parse(&space.file, &space.text).map_err(|error| error.to_string())?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let drawn = std::iter::repeat_with(|| space.lower(&space.sample(&mut rng)).ok());
    let references = drawn.take(100 * REFERENCES).flatten();
    let references: Vec<Graph> = match zero_cost.score.names() {
        [_] => Vec::new(),
        _ => references.take(REFERENCES).collect(),
    };
    ZeroCostScorer::new(zero_cost, &set.train, &references).map_err(|error| error.to_string())
}

fn open(data: &Data) -> Result<DataSet, String> {
    // The digits need no folder.
    let folder = data.folder.as_deref().unwrap_or(Path::new(""));
    DataSet::open(data.set, folder).map_err(|error| format!("[data]: {error}"))
}
