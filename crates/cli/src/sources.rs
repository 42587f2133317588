//! Files and names that users give, turned into what they stand for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bespoke_graph::{Graph, Model, Weights};
use bespoke_space::Space;
use bespoke_study::{Source, StudySpec, Submission};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::arguments::Network;

/// A study file and the space file that it names, ready to be handed in.
pub fn submission(path: &Path) -> anyhow::Result<Submission> {
    let study = source(path)?;
    let spec = StudySpec::parse(&study)?;
    let beside = path.parent().unwrap_or(Path::new("")).join(&spec.space);
    let space = match Space::builtin_source(&spec.space) {
        Some(text) => shipped(&spec.space, text),
        None => source(&beside).with_context(|| {
            format!(
                "{}: `space`: neither a shipped space ({}) nor a file beside the study",
                study.file,
                shipped_names()
            )
        })?,
    };
    Ok(Submission { study, space })
}

/// A shipped space by its name, or the space of a file.
pub fn space(name: &str) -> anyhow::Result<Space> {
    let source = space_source(name)?;
    Ok(Space::parse(&source.file, &source.text)?)
}

/// The same as it is written.
pub fn space_source(name: &str) -> anyhow::Result<Source> {
    match Space::builtin_source(name) {
        Some(text) => Ok(shipped(name, text)),
        None => source(Path::new(name)).with_context(|| {
            format!(
                "`{name}` is neither a shipped space ({}) nor a space file",
                shipped_names()
            )
        }),
    }
}

/// A network of a space: its graph as the space has it.
pub fn lowered(network: &Network) -> anyhow::Result<Graph> {
    let (Some(name), Some(architecture)) = (&network.space, &network.architecture) else {
        bail!("name an ONNX file, or a network with --space and --architecture");
    };
    let space = space(name)?;
    Ok(space.lower(&space.parse_architecture(architecture)?)?)
}

/// The model of an ONNX file, or a network of a space with seeded random weights, its dead code removed and class
/// probabilities as its output.
pub fn model(onnx: Option<&PathBuf>, network: &Network, seed: u64) -> anyhow::Result<Model> {
    if let Some(path) = onnx {
        return Model::from_onnx(&bytes(path)?).with_context(|| path.display().to_string());
    }
    let graph = lowered(network)?.live().with_probabilities()?;
    let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(seed));
    Ok(Model::new(graph, weights)?)
}

/// A file's bytes.
pub fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A file's text.
pub fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes(path)?)
        .with_context(|| format!("{} is not a text file", path.display()))
}

fn source(path: &Path) -> anyhow::Result<Source> {
    Ok(Source {
        file: path.display().to_string(),
        text: text(path)?,
    })
}

fn shipped(name: &str, text: &str) -> Source {
    Source {
        file: format!("search_spaces/{name}.toml"),
        text: text.to_owned(),
    }
}

fn shipped_names() -> String {
    Space::builtin_names().collect::<Vec<_>>().join(", ")
}
