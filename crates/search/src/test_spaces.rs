//! Small search spaces, and a forecast of their architectures, for tests.

use bespoke_space::{Architecture, Space};

use crate::{Expected, Forecast, Problem};

/// Expects the sum of the choices as objective 1, with this deviation.
pub(crate) struct SumOfChoices(pub(crate) f64);

/// The sum of an architecture's choices.
pub(crate) fn sum(architecture: &Architecture) -> f64 {
    architecture.choices().iter().copied().map(f64::from).sum()
}

/// A problem with a bound on objective 1.
pub(crate) fn within(bound: f64, forecast: impl Forecast + 'static) -> Problem {
    Problem {
        bounds: vec![None, Some(bound)],
        forecast: Some(Box::new(forecast)),
        ..Problem::default()
    }
}

/// A single architecture.
pub(crate) fn one() -> Space {
    space("kernel = 3\nchannels = 4")
}

/// Two decisions of two options.
pub(crate) fn four() -> Space {
    space("kernel = { choose = [1, 3] }\nchannels = { choose = [4, 8] }")
}

/// 42 architectures of different depths: 3 widths, and 2, 4 or 8 choices of kernels.
pub(crate) fn conditional() -> Space {
    space(
        "channels = { choose = [4, 6, 8] }\nrepeat = { choose = [1, 2, 3] }\nkernel = { choose = [1, 3] }",
    )
}

/// Twelve decisions of four options.
pub(crate) fn wide() -> Space {
    space("channels = 4\nrepeat = 12\nkernel = { choose = [1, 3, 5, 7] }")
}

/// A space whose first stage has these settings.
fn space(stage: &str) -> Space {
    let text = format!(
        "name = 'test'
        source = 'made for a test'
        classes = 2
        input = {{ channels = 1, resolution = 8 }}
        [[stage]]
        block = 'conv'
        {stage}
        [[stage]]
        block = 'classifier'"
    );
    Space::parse("test.toml", &text).expect("the space is well formed")
}

impl Forecast for SumOfChoices {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        let expected = |architecture| Expected {
            value: sum(architecture),
            deviation: self.0,
        };
        let known = architectures.iter().map(expected);
        known.map(|expected| vec![None, Some(expected)]).collect()
    }
}
