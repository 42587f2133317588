//! The data sets that Bespoke reads, as lessons for each candidate.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bespoke_accuracy::{DataSet, Evaluator, Training};
use bespoke_recipe::{Recipe, SupernetRecipe};
use bespoke_space::Space;
use bespoke_study::{Data, EvaluatorConfig, Source, StudySpec};
use bespoke_supernet::{Supernet, SupernetEvaluator};

use crate::{Evaluators, Lesson};

/// Evaluates every candidate on the data set that its study names.
#[derive(Debug, Clone)]
pub struct DataSets {
    data_dir: PathBuf,
    threads: usize,
}

// === impl DataSets ===

impl DataSets {
    /// Each training gets this many threads. Weights that the candidates of a study share are kept under the folder.
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
        let whole = whole.map_err(|error| format!("[evaluator]: {error}"))?;
        let folder = self.data_dir.join("studies").join(spec.name.as_str());
        // All that the shared weights depend on.
        let of = format!(
            "{:?} {recipe:?} {sampling:?} {} {}",
            spec.data, spec.seed, space.text
        );
        let path = folder.join("supernet");
        Ok(SupernetEvaluator::new(
            whole,
            training,
            supernet.subnets,
            path,
            of,
        ))
    }
}

impl Evaluators for DataSets {
    fn open(&self, spec: &StudySpec, space: &Source) -> Result<Lesson, String> {
        let set = Arc::new(open(&spec.data)?);
        let (shape, classes) = (set.held_out.shape(), set.held_out.classes());
        let labels = set.held_out.labels().into();
        let training = Training::new(set, spec.recipe.clone());
        let training = training.map_err(|error| format!("[data]: {error}"))?;
        let training = training.with_threads(self.threads);
        let evaluator: Arc<dyn Evaluator> = match &spec.evaluator {
            EvaluatorConfig::Supernet(supernet) => {
                Arc::new(self.supernet(training, supernet, spec, space)?)
            }
            _ => Arc::new(training),
        };
        Ok(Lesson {
            evaluator,
            input_shape: shape,
            classes,
            labels,
        })
    }
}

fn open(data: &Data) -> Result<DataSet, String> {
    // The digits need no folder.
    let folder = data.folder.as_deref().unwrap_or(Path::new(""));
    DataSet::open(data.set, folder).map_err(|error| format!("[data]: {error}"))
}
