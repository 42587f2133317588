//! Studies that start from earlier ones.

use std::collections::BTreeSet;

use bespoke_study::{Front, Source, Trial};

use super::{
    create,
    fixture::{FakeAgent, name, open, outcome, space, study},
    fresh, refusal,
};
use crate::{Beforehand, Coordinator, CoordinatorError, ProposeError, proposer::replay};

/// A study of another seed that starts from `first`, with these lines in its target's table.
fn later(target: &str, trials: usize) -> Source {
    let Source { file, text } = study("later", target, &format!("trials = {trials}"));
    let text = text.replace("seed = 3", "seed = 4\nwarm_start = ['first']");
    Source { file, text }
}

fn architectures(trials: &[Trial]) -> BTreeSet<&str> {
    trials.iter().map(Trial::architecture).collect()
}

/// Runs the study `first` of twenty trials, and tells these with the architectures of its front.
async fn first(coordinator: &Coordinator) -> (Vec<Trial>, BTreeSet<String>) {
    create(coordinator, study("first", "", "trials = 20")).await;
    let (study, trials) = outcome(coordinator, "first").await;
    let front = Front::of(&study.spec().expect("it is sound"), &trials);
    let front = front.entries().iter();
    let front = front.map(|entry| entry.architecture.clone()).collect();
    (trials, front)
}

#[tokio::test]
async fn the_known_front_comes_first_and_nothing_else_that_is_known() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    let (before, front) = first(&coordinator).await;
    assert!((1..10).contains(&front.len()), "{front:?}");
    assert_eq!(agent.count(), 20);
    let trials = front.len() + 12;
    create(&coordinator, later("", trials)).await;
    let (_, trials) = outcome(&coordinator, "later").await;
    let (again, new) = trials.split_at(front.len());
    let again: BTreeSet<String> = architectures(again)
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(again, front);
    assert!(architectures(&before).is_disjoint(&architectures(new)));
    assert_eq!(
        agent.count(),
        20 + new.len(),
        "what is known is not measured"
    );
}

#[tokio::test]
async fn a_bound_of_the_later_study_is_held_against_what_is_known() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    let (before, _) = first(&coordinator).await;
    create(&coordinator, later("max_latency_ms = 30", 6)).await;
    let (_, trials) = outcome(&coordinator, "later").await;
    let known = architectures(&before);
    let tried_again = trials
        .iter()
        .filter(|trial| known.contains(trial.architecture()));
    let tried_again: Vec<&Trial> = tried_again.collect();
    assert!(!tried_again.is_empty());
    for trial in tried_again {
        assert!(trial.latencies()[0].high_ms.ms() <= 30.0, "{trial:?}");
    }
}

#[tokio::test]
async fn what_a_study_starts_from_stays_as_it_was() {
    let (whole, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&whole, "a");
    first(&whole).await;
    create(&whole, later("", 16)).await;
    let (_, expected) = outcome(&whole, "later").await;

    let (begun, store, folder) = fresh();
    let agent = FakeAgent::start(&begun, "a");
    first(&begun).await;
    create(&begun, later("", 5)).await;
    outcome(&begun, "later").await;
    store.remove_study(&name("first")).expect("the store works");
    drop((agent, begun));
    let resumed = open(&store, folder.path());
    let _agent = FakeAgent::start(&resumed, "b");
    create(&resumed, later("", 16)).await;
    let (study, trials) = outcome(&resumed, "later").await;
    assert_eq!(trials, expected);
    let beforehand = Beforehand::of_study(&*store, &study).expect("the store works");
    replay(&study, &beforehand, &trials).expect("the journal is this version's");
    let error = replay(&study, &Beforehand::default(), &trials);
    assert!(matches!(
        error,
        Err(CoordinatorError::Propose(ProposeError::OtherVersion { .. }))
    ));
}

/// Another lesson and another space file of the same decisions: no result is the later study's own.
#[tokio::test]
async fn a_study_of_another_lesson_and_space_file_teaches_by_its_order() {
    let (coordinator, store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    first(&coordinator).await;
    let run = async |name: &str, warm_start: &str| {
        let Source { file, text } = study(name, "", "trials = 20");
        let strategy = "name = 'regularized_evolution'\npopulation = 4\nsample = 2";
        let text = text
            .replace(strategy, "name = 'bespoke'\n[training]\nepochs = 2")
            .replace("seed = 3", &format!("seed = 4\n{warm_start}"));
        let mut space = space().expect("there is one");
        space.text.insert_str(0, "# Another file.\n");
        let studies = &coordinator.services.studies;
        let created = studies.create(Source { file, text }, Some(space)).await;
        created.expect("the study is sound");
        outcome(&coordinator, name).await
    };
    let (study, taught) = run("taught", "warm_start = ['first']").await;
    let (_, alone) = run("alone", "").await;
    assert_ne!(architectures(&taught), architectures(&alone));
    let beforehand = Beforehand::of_study(&*store, &study).expect("the store works");
    replay(&study, &beforehand, &taught).expect("the journal is this version's");
}

/// Of 42 networks, 20 are known: of 30 some are known ones, if those may be tried.
#[tokio::test]
async fn networks_of_which_not_all_is_known_may_be_tried_again() {
    let other_lesson = |text: String| text.replace("[data]", "[training]\nepochs = 2\n[data]");
    let other_target = |text: String| text.replace("'tract'", "'flex'");
    let other_seed = |text: String| text;
    for (change, is_tried, measured) in [
        (&other_lesson as &dyn Fn(String) -> String, true, 0..=29),
        (&other_target, true, 30..=30),
        (&other_seed, false, 0..=22),
    ] {
        let (coordinator, _store, _folder) = fresh();
        let agent = FakeAgent::start(&coordinator, "a");
        let (before, front) = first(&coordinator).await;
        let Source { file, text } = later("", 30);
        let text = change(text);
        create(&coordinator, Source { file, text }).await;
        let (_, trials) = outcome(&coordinator, "later").await;
        let known = architectures(&before);
        let mut again = architectures(&trials);
        again.retain(|one| known.contains(one) && (is_tried || !front.contains(*one)));
        assert_eq!(again.is_empty(), !is_tried, "{again:?}");
        assert!(
            measured.contains(&(agent.count() - 20)),
            "{}",
            agent.count()
        );
    }
}

#[tokio::test]
async fn a_study_that_cannot_be_started_from_is_named() {
    let (coordinator, _store, _folder) = fresh();
    let refused = async |space| refusal(&coordinator, later("", 3), space).await;
    let absent = refused(space()).await;
    let message = "study.toml: `warm_start`: the study `first` is not there";
    assert_eq!(absent.message(), message);
    assert_eq!(absent.code(), tonic::Code::FailedPrecondition);
    create(&coordinator, study("first", "", "trials = 4")).await;
    let running = refused(space()).await;
    assert!(
        running
            .message()
            .ends_with("`first` still runs: wait for its end, or cancel it"),
        "{running}"
    );
    let studies = &coordinator.services.studies;
    studies.cancel(&name("first")).await.expect("it runs");
    let Source { file, text } = space().expect("there is one");
    let text = text.replace("[4, 6, 8]", "[4, 6]");
    let other = refused(Some(Source { file, text })).await;
    assert!(
        other
            .message()
            .ends_with("`first` is of a space of other decisions"),
        "{other}"
    );
    create(&coordinator, later("", 3)).await;
}
