//! Accuracy by training.

use std::sync::Arc;

use bespoke_graph::{Graph, Model};
use bespoke_net::{
    Batches, Evaluation, NetworkError, Threads, TrainError, Trainer, check_device, evaluate,
};
use bespoke_recipe::Recipe;

use crate::{Curve, DataSet, Decision, EpochProgress, Evaluated, EvaluationError, Evaluator};

/// Trains each candidate from fresh weights and tests it on the images held out.
#[derive(Debug, Clone)]
pub struct Training {
    data: Arc<DataSet>,
    recipe: Recipe,
    threads: Option<usize>,
}

/// Images that are tested at a time.
const TEST_BATCH: usize = 128;

// === impl Training ===

impl Training {
    /// Training on a data set, on as many threads as there are logical cores.
    ///
    /// # Errors
    /// When a setting is out of its range or not for these images, or its device is not here.
    pub fn new(data: Arc<DataSet>, recipe: Recipe) -> Result<Self, TrainError> {
        recipe.check()?;
        check_device(recipe.device)?;
        Batches::check(&data.train, recipe.batch_size, recipe.augment)?;
        Ok(Self {
            data,
            recipe,
            threads: None,
        })
    }

    /// The same with a fixed number of threads for each candidate.
    ///
    /// Several candidates at once, each on one thread, get more done than one on all cores.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self {
            threads: Some(threads),
            ..self
        }
    }

    /// The data set.
    pub fn data(&self) -> &DataSet {
        &self.data
    }

    /// The data set, shared.
    pub fn shared_data(&self) -> Arc<DataSet> {
        self.data.clone()
    }

    /// How candidates are trained.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Trains a model on, from the weights that it has; it ends in logits.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn tune(
        &self,
        model: &Model,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        self.run(Trainer::tuning(model, &self.recipe, seed)?, observer)
    }

    fn test(&self, trainer: &Trainer) -> Result<Evaluation, NetworkError> {
        evaluate(
            &trainer.model(),
            &self.data.held_out,
            TEST_BATCH,
            self.recipe.device,
        )
    }

    fn run(
        &self,
        mut trainer: Trainer,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        let threads = self.threads.map(Threads::new).transpose()?;
        let mut curve = Curve::default();
        loop {
            let mut epoch = || -> Result<_, EvaluationError> {
                let report = trainer.epoch(&self.data.train)?;
                Ok((report, self.test(&trainer)?))
            };
            let (report, test) = match &threads {
                Some(threads) => threads.run(epoch)?,
                None => epoch()?,
            };
            curve.push(test.accuracy_percent);
            let progress = EpochProgress {
                epoch: report.epoch,
                epochs: self.recipe.epochs,
                loss: report.loss,
                accuracy_percent: test.accuracy_percent,
            };
            let stopped = observer(progress) == Decision::Stop;
            let last = report.epoch == self.recipe.epochs;
            if stopped || last {
                return Ok(Evaluated {
                    accuracy_percent: test.accuracy_percent,
                    curve,
                    stopped_early: !last,
                    model: trainer.model().with_probabilities()?,
                    probabilities: test.probabilities,
                });
            }
        }
    }
}

impl Evaluator for Training {
    fn evaluate(
        &self,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        self.run(Trainer::new(graph, &self.recipe, seed)?, observer)
    }
}

#[cfg(test)]
mod tests {
    use bespoke_graph::{Activation, Convolution, Op};
    use bespoke_recipe::{Augment, TrainingDevice};

    use super::*;

    /// Two convolutions, pooling and a linear layer for images of the size given.
    fn network(size: usize) -> Graph {
        let (mut builder, mut x) = Graph::builder(&[1, size, size]);
        for (at, stride) in [1, 2].into_iter().enumerate() {
            let op = Op::Conv(Convolution::same(12, 3, stride, 1));
            x = builder.push(format!("conv{at}"), op, &[x]).unwrap();
            let op = Op::BatchNorm { epsilon: 1e-5 };
            x = builder.push(format!("norm{at}"), op, &[x]).unwrap();
            let op = Op::Activation(Activation::Relu);
            x = builder.push(format!("relu{at}"), op, &[x]).unwrap();
        }
        // Nobody reads it: training leaves it out.
        builder.push("dead", Op::GlobalAvgPool, &[x]).unwrap();
        let elements = builder.shape(x).elements();
        let op = Op::Reshape {
            shape: vec![elements],
        };
        x = builder.push("flat", op, &[x]).unwrap();
        let op = Op::Linear {
            out_features: 10,
            bias: true,
        };
        let output = builder.push("logits", op, &[x]).unwrap();
        builder.finish(output).unwrap()
    }

    fn training() -> Training {
        let config = Recipe {
            epochs: 3,
            augment: Augment::Shift { pixels: 1 },
            ..Recipe::default()
        };
        Training::new(Arc::new(DataSet::digits()), config).unwrap()
    }

    #[test]
    fn small_network_reads_digits_after_a_few_epochs() {
        let mut heard = Vec::new();
        let evaluated = training()
            .evaluate(&network(8), 1, &mut |progress| {
                heard.push(progress);
                Decision::Continue
            })
            .unwrap();
        assert!(
            evaluated.accuracy_percent > 80.0,
            "{}",
            evaluated.accuracy_percent
        );
        assert!(!evaluated.stopped_early);
        let points: Vec<f64> = heard.iter().map(|p| p.accuracy_percent).collect();
        assert_eq!(evaluated.curve.points(), points);
        assert_eq!(evaluated.curve.last(), Some(evaluated.accuracy_percent));
        assert!(
            heard
                .iter()
                .map(|p| (p.epoch, p.epochs))
                .eq([(1, 3), (2, 3), (3, 3)])
        );
        assert!(heard[2].loss < heard[0].loss, "{heard:?}");

        let graph = evaluated.model.graph();
        assert_eq!(graph.node(graph.output()).name, "probabilities");
        assert!(graph.nodes().iter().all(|node| node.name != "dead"));
        let held_out = &training().data().held_out.clone();
        let again = evaluate(&evaluated.model, held_out, 50, TrainingDevice::Flex).unwrap();
        assert_eq!(again.accuracy_percent, evaluated.accuracy_percent);
        assert_eq!(evaluated.probabilities.len(), held_out.count() * 10);
    }

    #[test]
    fn same_seed_gives_the_same_answer_on_any_number_of_threads() {
        let answer = |training: Training, seed| {
            let stop_after_one = &mut |_| Decision::Stop;
            training
                .evaluate(&network(8), seed, stop_after_one)
                .unwrap()
        };
        let first = answer(training(), 2);
        assert_eq!(first, answer(training(), 2));
        assert_eq!(first, answer(training().with_threads(1), 2));
        assert_ne!(first, answer(training(), 3));
    }

    #[test]
    fn observer_ends_a_training() {
        let mut epochs = 0;
        let evaluated = training()
            .evaluate(&network(8), 1, &mut |progress| {
                epochs = progress.epoch;
                match epochs {
                    1 => Decision::Continue,
                    _ => Decision::Stop,
                }
            })
            .unwrap();
        assert_eq!((epochs, evaluated.curve.points().len()), (2, 2));
        assert!(evaluated.stopped_early);
    }

    #[test]
    fn network_for_other_images_is_refused_with_both_shapes() {
        let error = training()
            .evaluate(&network(28), 1, &mut |_| Decision::Continue)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the network takes input of [1, 28, 28], the images are [1, 8, 8]"
        );
    }

    #[test]
    fn batch_of_more_images_than_there_are_is_refused_at_once() {
        let config = Recipe {
            batch_size: 1439,
            ..Recipe::default()
        };
        let error = Training::new(Arc::new(DataSet::digits()), config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a batch takes 1439 images, there are 1438"
        );
    }
}
