//! The space crate seen from outside.

mod blocks;
mod chain;
mod faults;
mod language;
mod moves;
mod nasbench201;
mod spaces;
mod strings;
mod within;

use bespoke_space::Space;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn builtin(name: &str) -> Space {
    Space::builtin(name).expect("a space that comes with the program")
}

/// A space of so many classes with the stages given between a 3-channel input of 8 pixels and a classifier.
fn space(stages: &str) -> Space {
    Space::parse("test.toml", &file(stages)).expect("a valid space")
}

/// The text of [`space`]; the stages start on line 8.
fn file(stages: &str) -> String {
    let head = "name = \"test\"\nsource = \"none\"\nclasses = 4\n[input]\nchannels = 3\nresolution = 8\n\n";
    let tail = "\n[[stage]]\nname = \"pool\"\nblock = \"global_pool\"\n[[stage]]\nname = \"head\"\nblock = \"classifier\"\n";
    format!("{head}{stages}{tail}")
}
