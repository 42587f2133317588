use std::{path::Path, sync::Arc};

use bespoke_accuracy::{DataSet, Evaluator, Training};
use bespoke_net::TrainError;
use bespoke_recipe::{Differentiable, FbnetSettings, ProxylessnasSettings, Recipe, Update};

use super::*;
use crate::{
    SearchConfig, TunedEvaluator,
    differentiable::tests::{fbnet, paths, proxylessnas, table},
};

fn learner(search: Search, folder: &Path) -> Learner {
    Learner::new(
        search,
        folder.join("studies/one/distribution"),
        "it".to_owned(),
    )
}

fn by_rewards() -> Search {
    proxylessnas(ProxylessnasSettings {
        update: Update::Reinforce,
        ..ProxylessnasSettings::default()
    })
}

#[test]
fn search_that_was_interrupted_after_each_epoch_ends_as_one_that_was_not() {
    let begin: [fn() -> Search; 2] = [|| fbnet(0.6), by_rewards];
    let first = paths().space().architectures().next().unwrap();
    let measured = [(paths().space().format_architecture(&first), 1.0)];
    for begin in begin {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let table = table(&paths());
        let at_once = learner(begin(), whole.path());
        let expected = at_once.learn(2, &table, &measured, &mut |_, _| Decision::Continue);
        let mut epochs = Vec::new();
        let mut last = None;
        for _ in 0..3 {
            let observer = &mut |report: SearchReport, all: u32| {
                epochs.push((report.epoch, all));
                Decision::Stop
            };
            let again = learner(begin(), parts.path());
            last = Some(again.learn(2, &table, &measured, observer).unwrap());
        }
        assert_eq!(epochs, [(1, 4), (2, 4)]);
        assert_eq!(last, Some(expected.unwrap()));
    }
}

#[test]
fn table_that_a_search_began_with_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let one = learner(fbnet(0.6), folder.path());
    assert_eq!(one.table().unwrap(), None);
    let table = table(&paths());
    one.learn(1, &table, &[], &mut |_, _| Decision::Continue)
        .unwrap();
    let again = learner(fbnet(0.6), folder.path());
    assert_eq!(again.table().unwrap(), Some(table));
}

#[test]
fn loss_that_is_no_number_is_told_with_its_step_and_leaves_the_last_whole_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&paths());
    let sound = learner(fbnet(0.6), folder.path());
    let mut go_on = |_, _| Decision::Continue;
    let kept = sound.learn(1, &table, &[], &mut go_on).unwrap();
    let config = SearchConfig {
        paths: paths(),
        method: Differentiable::Fbnet(FbnetSettings {
            epochs: 4,
            ..FbnetSettings::default()
        }),
        recipe: Recipe {
            batch_size: 64,
            learning_rate: 1e9,
            ..Recipe::default()
        },
        seed: 1,
    };
    let images = DataSet::digits().train;
    let wild = learner(Search::new(config, &images).unwrap(), folder.path());
    let error = wild.learn(4, &table, &[], &mut go_on).unwrap_err();
    assert!(
        matches!(error, SupernetError::Train(TrainError::Diverged { .. })),
        "{error}"
    );
    let sound = learner(fbnet(0.6), folder.path());
    assert_eq!(sound.learn(1, &table, &[], &mut go_on).unwrap(), kept);
}

#[test]
fn network_is_trained_on_from_what_was_learned_last_and_from_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let begun = || {
        Arc::new(learner(
            proxylessnas(ProxylessnasSettings::default()),
            folder.path(),
        ))
    };
    let first = paths().space().architectures().next().unwrap();
    let text = paths().space().format_architecture(&first);
    let graph = paths().space().lower(&first).unwrap().live();
    let recipe = Recipe {
        epochs: 1,
        // So little that the weights stay as they are.
        learning_rate: 1e-6,
        ..Recipe::default()
    };
    let training = || Training::new(Arc::new(DataSet::digits()), recipe.clone()).unwrap();
    let tuned = |learner| {
        let evaluator = TunedEvaluator::new(learner, training());
        evaluator.evaluate_architecture(&text, &graph, 1, &mut |_| Decision::Continue)
    };
    let error = tuned(begun()).unwrap_err().to_string();
    assert!(
        error.ends_with("holds no weights of this search"),
        "{error}"
    );

    let learnt = begun();
    let table = table(&paths());
    learnt
        .learn(4, &table, &[], &mut |_, _| Decision::Continue)
        .unwrap();
    let here = tuned(learnt).unwrap();
    let fresh = training()
        .evaluate(&graph, 1, &mut |_| Decision::Continue)
        .unwrap();
    assert!(
        here.accuracy_percent > fresh.accuracy_percent + 20.0,
        "{} and {}",
        here.accuracy_percent,
        fresh.accuracy_percent
    );
    // Another process reads what was kept.
    assert_eq!(tuned(begun()).unwrap(), here);
}
