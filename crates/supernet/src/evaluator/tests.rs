use std::sync::Arc;

use bespoke_accuracy::DataSet;
use bespoke_recipe::{Recipe, Sampling};
use bespoke_space::Space;

use super::*;

const SPACE: &str = "name = 'test'\nsource = 'made for a test'\nclasses = 10\n\
    input = { channels = 1, resolution = 8 }\n\
    [[stage]]\nblock = 'conv'\nchannels = { choose = [8, 12] }\nstride = 2\n\
    [[stage]]\nblock = 'conv'\nchannels = 16\nkernel = { choose = [1, 3] }\n\
    [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'\n";
const ARCHITECTURE: &str = "stage1.channels=12,stage2.kernel=3";

/// Subnets have these weights, and those of the front are trained in the end if they are.
fn recipe(subnets: Subnets, front: Option<Start>) -> SupernetRecipe {
    SupernetRecipe {
        subnets,
        front,
        ..SupernetRecipe::default()
    }
}

fn evaluator(folder: &std::path::Path, of: SupernetRecipe) -> SupernetEvaluator {
    let recipe = Recipe {
        epochs: 2,
        batch_size: 64,
        ..Recipe::default()
    };
    let data = Arc::new(DataSet::digits());
    let training = Training::new(data.clone(), recipe.clone()).unwrap();
    let space = Space::parse("test.toml", SPACE).unwrap();
    let supernet = Supernet::new(space, data, &recipe, Sampling::Uniform, 1).unwrap();
    let path = folder.join("studies").join("supernet");
    SupernetEvaluator::new(supernet, training, of, path, "it".to_owned())
}

fn graph() -> Graph {
    let space = Space::parse("test.toml", SPACE).unwrap();
    let architecture = space.parse_architecture(ARCHITECTURE).unwrap();
    space.lower(&architecture).unwrap().live()
}

fn evaluated(evaluator: &SupernetEvaluator, heard: &mut Vec<u32>) -> Evaluated {
    let observer = &mut |progress: EpochProgress| {
        heard.push(progress.epoch);
        Decision::Continue
    };
    evaluator
        .evaluate_architecture(ARCHITECTURE, &graph(), 1, observer)
        .unwrap()
}

#[test]
fn preparation_goes_on_where_it_was_ended_and_ends_in_the_same_weights() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let in_one = evaluator(whole.path(), SupernetRecipe::default());
    in_one.prepare(&mut |_| Decision::Continue).unwrap();
    let mut epochs = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let again = evaluator(parts.path(), SupernetRecipe::default());
        let observer = &mut |progress: SharedProgress| {
            epochs.push(progress.epoch);
            Decision::Stop
        };
        again.prepare(observer).unwrap();
        last = Some(again);
    }
    assert_eq!(epochs, [1, 2]);
    let (one, other) = (&mut Vec::new(), &mut Vec::new());
    assert_eq!(evaluated(&in_one, one), evaluated(&last.unwrap(), other));
}

#[test]
fn candidates_have_shared_weights_or_are_trained_on_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let (shared, tuned) = [Subnets::Shared, Subnets::Tuned]
        .map(|subnets| {
            let evaluator = evaluator(folder.path(), recipe(subnets, None));
            evaluator.prepare(&mut |_| Decision::Continue).unwrap();
            let mut heard = Vec::new();
            (evaluated(&evaluator, &mut heard), heard)
        })
        .into();
    assert!(shared.1.is_empty());
    assert_eq!(tuned.1, [1, 2]);
    assert!(tuned.0.accuracy_percent > shared.0.accuracy_percent);
    assert_eq!(shared.0.model.graph(), tuned.0.model.graph());
    let graph = shared.0.model.graph();
    assert_eq!(graph.node(graph.output()).name, "probabilities");
}

#[test]
fn the_front_is_trained_from_shared_weights_or_fresh_ones_and_the_others_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = |subnets, front| {
        let evaluator = evaluator(folder.path(), recipe(subnets, front));
        evaluator.prepare(&mut |_| Decision::Continue).unwrap();
        evaluator
    };
    let trained = |evaluator: &SupernetEvaluator| evaluated(evaluator, &mut Vec::new());
    let tuned = prepared(Subnets::Shared, Some(Start::Tuned));
    let score = tuned.score(ARCHITECTURE, &graph(), 1).unwrap();
    let shared = trained(&prepared(Subnets::Shared, None));
    assert_eq!(score, shared.accuracy_percent);
    assert_eq!(trained(&tuned), trained(&prepared(Subnets::Tuned, None)));
    let scratch = prepared(Subnets::Shared, Some(Start::Scratch));
    assert_eq!(scratch.score(ARCHITECTURE, &graph(), 1).unwrap(), score);
    let alone = scratch
        .training
        .evaluate(&graph(), 1, &mut |_| Decision::Continue);
    assert_eq!(trained(&scratch), alone.unwrap());
}

#[test]
fn text_that_is_no_architecture_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = evaluator(folder.path(), SupernetRecipe::default());
    let refused = evaluator.evaluate_architecture("x", &graph(), 1, &mut |_| Decision::Continue);
    assert!(refused.unwrap_err().to_string().contains("`x`"));
}
