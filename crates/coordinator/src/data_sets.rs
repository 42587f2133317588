//! The data sets that Bespoke reads, as lessons that train each candidate.

use std::{path::Path, sync::Arc};

use bespoke_accuracy::{DataSet, Training};
use bespoke_recipe::Recipe;
use bespoke_study::Data;

use crate::{Evaluators, Lesson};

/// Trains every candidate on the data set that its study names.
#[derive(Debug, Clone)]
pub struct DataSets {
    threads: usize,
}

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
    fn open(&self, data: &Data, recipe: &Recipe) -> Result<Lesson, String> {
        let set = Arc::new(open(data)?);
        let (shape, classes) = (set.held_out.shape(), set.held_out.classes());
        let labels = set.held_out.labels().into();
        let training = Training::new(set, recipe.clone()).map_err(|e| e.to_string())?;
        let evaluator = Arc::new(training.with_threads(self.threads));
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
    DataSet::open(data.set, folder).map_err(|error| error.to_string())
}
