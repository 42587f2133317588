//! How a network is trained and on what: plain data, so that whoever names a recipe need not know how to cook it.

mod differentiable;
mod score;
mod supernet;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use differentiable::{
    Differentiable, FbnetSettings, LatencyLoss, ProxylessnasSettings, Update,
};
pub use score::{ScoreName, Scores, ScoresError, UnknownScore, ZeroCost};
pub use supernet::{Sampling, Start, Subnets, SupernetRecipe};

/// Settings of one training run: stochastic gradient descent with momentum and a cosine learning-rate schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// How often each image is seen.
    pub epochs: u32,
    /// Images in one step. Those left over at the end of an epoch are not seen in it.
    pub batch_size: usize,
    /// Learning rate of the first step; it falls to zero along half a cosine.
    pub learning_rate: f64,
    /// Part of the last step's change that is made again.
    pub momentum: f64,
    /// Pull of convolution and linear weights towards zero; scales, shifts and biases are left alone.
    pub weight_decay: f64,
    /// Part of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// How images are varied each time they are seen.
    pub augment: Augment,
    /// What computes. Weights that were trained on different devices differ.
    pub device: TrainingDevice,
}

/// What computes a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingDevice {
    /// Burn's own CPU backend, which is always there.
    #[default]
    Flex,
    /// libtorch on the CPU, in programs that were built with it.
    Libtorch,
    /// libtorch on the first NVIDIA GPU.
    LibtorchCuda,
}

/// How training images are varied each time they are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Augment {
    /// Not at all.
    #[default]
    None,
    /// Moved up or down and left or right; what comes in from outside is black.
    Shift {
        /// The furthest, in pixels.
        pixels: u8,
    },
    /// Moved, and mirrored left to right half of the time: not for digits and letters.
    ShiftAndFlip {
        /// The furthest, in pixels.
        pixels: u8,
    },
}

/// The data sets that Bespoke reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DataSetName {
    /// UCI handwritten digits, 1,797 images of 1x8x8 in ten classes; inside the program.
    Digits,
    /// MNIST, 70,000 images of 1x28x28 in ten classes.
    Mnist,
    /// Fashion-MNIST, 70,000 images of 1x28x28 in ten classes.
    FashionMnist,
    /// CIFAR-10, 60,000 images of 3x32x32 in ten classes.
    Cifar10,
}

/// A setting that no recipe can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {reason}")]
pub struct RecipeError {
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// A name that is no data set's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no data set `{0}`; there are {names}", names = DataSetName::ALL.map(DataSetName::name).join(", "))]
pub struct UnknownDataSet(String);

// === impl Recipe ===

impl Default for Recipe {
    fn default() -> Self {
        Self {
            epochs: 12,
            batch_size: 32,
            learning_rate: 0.05,
            momentum: 0.9,
            weight_decay: 5e-4,
            label_smoothing: 0.0,
            augment: Augment::None,
            device: TrainingDevice::Flex,
        }
    }
}

impl Recipe {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        in_range("epochs", f64::from(self.epochs), 1.0, 1e6)?;
        in_range("batch_size", self.batch_size as f64, 1.0, 1e6)?;
        in_range("learning_rate", self.learning_rate, 1e-9, 1e9)?;
        in_range("momentum", self.momentum, 0.0, 0.999_999)?;
        in_range("weight_decay", self.weight_decay, 0.0, 1.0)?;
        in_range(
            "label_smoothing",
            f64::from(self.label_smoothing),
            0.0,
            0.999,
        )
    }

    /// Learning rate when the part `progress` of all steps, 0 to 1, is done.
    pub fn rate_at(&self, progress: f64) -> f64 {
        self.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
    }
}

fn in_range(key: &'static str, value: f64, low: f64, high: f64) -> Result<(), RecipeError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let reason = format!("must be between {low} and {high}, got {value}");
    Err(RecipeError { key, reason })
}

// === impl TrainingDevice ===

impl TrainingDevice {
    /// The name as it stands in study files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Libtorch => "libtorch",
            Self::LibtorchCuda => "libtorch-cuda",
        }
    }
}

impl fmt::Display for TrainingDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

// === impl DataSetName ===

impl DataSetName {
    /// Every data set.
    pub const ALL: [Self; 4] = [Self::Digits, Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// The name as it stands in study files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    /// Channels, height and width of its images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Digits => [1, 8, 8],
            Self::Mnist | Self::FashionMnist => [1, 28, 28],
            Self::Cifar10 => [3, 32, 32],
        }
    }
}

impl fmt::Display for DataSetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataSetName {
    type Err = UnknownDataSet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|set| set.name() == text);
        found.ok_or_else(|| UnknownDataSet(text.to_owned()))
    }
}

impl TryFrom<String> for DataSetName {
    type Error = UnknownDataSet;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DataSetName> for String {
    fn from(name: DataSetName) -> Self {
        name.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = toml::from_str::<Recipe>("epoch = 3").expect_err("no such key");
        assert!(error.to_string().contains("epoch"), "{error}");
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        let recipe = Recipe {
            learning_rate: f64::NAN,
            ..Recipe::default()
        };
        assert_eq!(
            recipe.check().expect_err("not a number").key,
            "learning_rate"
        );
        assert_eq!(Recipe::default().check(), Ok(()));
    }

    #[test]
    fn data_set_names_round_trip() {
        for set in DataSetName::ALL {
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        assert!("imagenet".parse::<DataSetName>().is_err());
    }

    #[test]
    fn a_device_is_written_by_its_name() {
        for device in [
            TrainingDevice::Flex,
            TrainingDevice::Libtorch,
            TrainingDevice::LibtorchCuda,
        ] {
            let text = format!("device = \"{device}\"");
            let recipe: Recipe = toml::from_str(&text).expect("it is known");
            assert_eq!(recipe.device, device);
        }
        assert!(toml::from_str::<Recipe>("device = \"gpu\"").is_err());
    }

    #[test]
    fn ways_to_vary_images_are_written_by_name() {
        let recipe: Recipe =
            toml::from_str("augment = { shift = { pixels = 2 } }").expect("it is known");
        assert_eq!(recipe.augment, Augment::Shift { pixels: 2 });
        let recipe: Recipe = toml::from_str("augment = \"none\"").expect("it is known");
        assert_eq!(recipe.augment, Augment::None);
        assert!(toml::from_str::<Recipe>("augment = { shift = { pixel = 2 } }").is_err());
    }
}
