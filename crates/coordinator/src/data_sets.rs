//! The data sets that Bespoke reads, as lessons that train each candidate.

use std::sync::Arc;

use bespoke_accuracy::{DataSet, DataSetName, Training};
use bespoke_net::{Augment, TrainingConfig};
use bespoke_recipe::{self as recipe, Recipe};
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
        let training = Training::new(set, training(recipe, shape)).map_err(|e| e.to_string())?;
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
    let name = match data.set {
        recipe::DataSetName::Digits => return Ok(DataSet::digits()),
        recipe::DataSetName::Mnist => DataSetName::Mnist,
        recipe::DataSetName::FashionMnist => DataSetName::FashionMnist,
        recipe::DataSetName::Cifar10 => DataSetName::Cifar10,
    };
    let folder = data.folder.as_deref().ok_or("`folder` is missing")?;
    DataSet::open(name, folder).map_err(|error| error.to_string())
}

/// The recipe in the trainer's terms, for images of that shape.
fn training(recipe: &Recipe, [_, height, width]: [usize; 3]) -> TrainingConfig {
    let pixels = u8::try_from(height.min(width) / 8).unwrap_or(u8::MAX);
    TrainingConfig {
        epochs: recipe.epochs,
        batch_size: usize::try_from(recipe.batch_size).unwrap_or(usize::MAX),
        learning_rate: recipe.learning_rate,
        momentum: recipe.momentum,
        weight_decay: recipe.weight_decay,
        label_smoothing: recipe.label_smoothing as f32,
        augment: match recipe.augment {
            recipe::Augment::None => Augment::None,
            recipe::Augment::Shift => Augment::Shift { pixels },
            recipe::Augment::ShiftFlip => Augment::ShiftAndFlip { pixels },
        },
    }
}
