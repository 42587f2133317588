//! The linear models and support vectors on one-hot encoded architectures, fitted to the samples of one device.

use std::ops::Deref;

use bespoke_measure::Estimate;
use bespoke_space::Space;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::{
    draw,
    spread::{Spread, root_mean_square},
};
use crate::{
    Fitted, Method, Network, PredictError, Predictor, Sample, Task,
    linear::{ElasticNet, Kernel, Linear, LinearError, Ridge, SupportVectors, Svr},
};

/// Fewest samples: with one held out, two remain to fit.
const FEWEST: usize = 3;
/// With more samples than this, as many parts of them are held out in turn instead of each sample.
const FOLDS: usize = 20;

/// Regression of the latency on [`Space::encode`], one number for each option of each decision: operators that run one
/// after the other add up. Of a few settings the one is taken whose held-out residuals have the least root mean square;
/// a setting that a solver finds no model for is not taken. No price is less than a tenth of the fastest sample.
///
/// It prices architectures of the space that it was fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regression {
    /// [`Ridge`].
    Ridge,
    /// [`ElasticNet`].
    ElasticNet,
    /// [`Svr`] with a Gaussian kernel.
    Svr,
}

/// One model with its settings.
#[derive(Debug, Clone, Copy)]
enum Settings {
    Ridge(Ridge),
    ElasticNet(ElasticNet),
    Svr(Svr),
}

enum Model {
    Linear(Linear),
    SupportVectors(SupportVectors),
}

struct FittedRegression {
    regression: Regression,
    space: Space,
}

struct RegressionPredictor {
    model: Model,
    spread: Spread,
    least_ms: f64,
    space: Space,
}

// === impl Regression ===

impl Regression {
    /// Settings to choose from.
    fn settings(self, features: usize) -> Vec<Settings> {
        match self {
            Self::Ridge => {
                let ridge = |penalty| Settings::Ridge(Ridge { penalty });
                [0.001, 0.01, 0.1, 1.0].map(ridge).into()
            }
            Self::ElasticNet => {
                let net = |penalty| {
                    Settings::ElasticNet(ElasticNet {
                        penalty,
                        l1_ratio: 0.5,
                    })
                };
                [0.1, 0.3].map(net).into()
            }
            Self::Svr => {
                let svr = |cost| {
                    Settings::Svr(Svr {
                        cost,
                        epsilon: 0.05,
                        kernel: Kernel::Gaussian {
                            gamma: 0.1 / features as f64,
                        },
                    })
                };
                [1.0, 10.0, 100.0].map(svr).into()
            }
        }
    }

    /// The model of the best settings, and the residuals of what was held out from models of the same settings.
    fn best(
        self,
        x: ArrayView2<'_, f64>,
        y: ArrayView1<'_, f64>,
    ) -> Result<(Model, Vec<f64>), PredictError> {
        let mut best: Option<(Model, Vec<f64>)> = None;
        let mut fault = None;
        for settings in self.settings(x.ncols()) {
            let fitted = settings.fit(x, y);
            match fitted.and_then(|model| Ok((model, held_out(&settings, x, y)?))) {
                Ok((model, residuals)) => {
                    let error = root_mean_square(&residuals);
                    if best
                        .as_ref()
                        .is_none_or(|(_, best)| error < root_mean_square(best))
                    {
                        best = Some((model, residuals));
                    }
                }
                Err(error) => fault = Some(error),
            }
        }
        best.ok_or_else(|| PredictError::Method {
            method: self.name(),
            reason: fault.map_or_else(String::new, |error| error.to_string()),
        })
    }
}

impl Method for Regression {
    fn name(&self) -> &'static str {
        match self {
            Self::Ridge => "ridge",
            Self::ElasticNet => "elastic_net",
            Self::Svr => "svr",
        }
    }

    fn fit(&self, task: &Task<'_>, _seed: u64) -> Result<Box<dyn Fitted>, PredictError> {
        Ok(Box::new(FittedRegression {
            regression: *self,
            space: task.space.clone(),
        }))
    }
}

// === impl FittedRegression ===

impl Fitted for FittedRegression {
    fn plan(&self, pool: &[&Network], samples: usize, seed: u64) -> Vec<usize> {
        draw(pool.len(), samples, seed)
    }

    fn adapt(
        &self,
        samples: &[Sample<'_>],
        _seed: u64,
    ) -> Result<Box<dyn Predictor>, PredictError> {
        let (needed, got) = (FEWEST, samples.len());
        if got < needed {
            let what = "samples of the new device";
            return Err(PredictError::TooFew { what, needed, got });
        }
        let latency = |sample: &Sample<'_>| match sample.latency_ms {
            ms if ms > 0.0 && ms.is_finite() => Ok(ms),
            ms => Err(PredictError::Latency { ms }),
        };
        let y: Array1<f64> = samples.iter().map(latency).collect::<Result<_, _>>()?;
        let x = encoded(&self.space, samples.iter().map(|sample| sample.network))?;
        let (model, residuals) = self.regression.best(x.view(), y.view())?;
        let fastest = y.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(Box::new(RegressionPredictor {
            model,
            spread: Spread::of(&residuals).expect("there are at least as many as samples"),
            least_ms: fastest / 10.0,
            space: self.space.clone(),
        }))
    }
}

impl Predictor for RegressionPredictor {
    fn predict(&self, networks: &[&Network]) -> Result<Vec<Estimate>, PredictError> {
        let x = encoded(&self.space, networks.iter().map(Deref::deref))?;
        let ms = self.model.predict(x.view());
        let ms = ms.expect("encodings of one space are of one width and finite");
        let estimate = |ms: &f64| self.spread.plus(*ms, self.least_ms);
        Ok(ms.iter().map(estimate).collect())
    }
}

// === impl Settings ===

impl Settings {
    fn fit(&self, x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Model, LinearError> {
        match self {
            Self::Ridge(ridge) => ridge.fit(x, y).map(Model::Linear),
            Self::ElasticNet(net) => net.fit(x, y).map(Model::Linear),
            Self::Svr(svr) => svr.fit(x, y).map(Model::SupportVectors),
        }
    }
}

impl Model {
    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>, LinearError> {
        match self {
            Self::Linear(model) => model.predict(x),
            Self::SupportVectors(model) => model.predict(x),
        }
    }
}

/// `[networks, options]`
fn encoded<'a>(
    space: &Space,
    networks: impl Iterator<Item = &'a Network>,
) -> Result<Array2<f64>, PredictError> {
    let mut x = Array2::zeros((0, space.encoding_width()));
    for network in networks {
        let row: Array1<f64> = space
            .encode(network.architecture_in(space)?)
            .into_iter()
            .map(f64::from)
            .collect();
        x.push_row(row.view())
            .expect("encodings of one space are of one width");
    }
    Ok(x)
}

/// Measured less predicted, each by a model of samples that it is not among.
fn held_out(
    settings: &Settings,
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
) -> Result<Vec<f64>, LinearError> {
    let folds = y.len().min(FOLDS);
    let mut residuals = Vec::with_capacity(y.len());
    for fold in 0..folds {
        let (out, kept): (Vec<usize>, Vec<usize>) =
            (0..y.len()).partition(|row| row % folds == fold);
        let model = settings.fit(
            x.select(Axis(0), &kept).view(),
            y.select(Axis(0), &kept).view(),
        )?;
        let predicted = model.predict(x.select(Axis(0), &out).view())?;
        residuals.extend(
            out.iter()
                .zip(predicted)
                .map(|(row, predicted)| y[*row] - predicted),
        );
    }
    Ok(residuals)
}
