use std::path::Path;

use bespoke_net::TrainError;
use bespoke_recipe::{Differentiable, FbnetSettings, ProxylessnasSettings, Recipe, Update};

use super::*;
use crate::{
    SearchConfig,
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
    let images = bespoke_accuracy::DataSet::digits().train;
    let wild = learner(Search::new(config, &images).unwrap(), folder.path());
    let error = wild.learn(4, &table, &[], &mut go_on).unwrap_err();
    assert!(
        matches!(error, SupernetError::Train(TrainError::Diverged { .. })),
        "{error}"
    );
    let sound = learner(fbnet(0.6), folder.path());
    assert_eq!(sound.learn(1, &table, &[], &mut go_on).unwrap(), kept);
}
