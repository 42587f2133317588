//! What the program checks of itself: published figures, and journals of studies.

use bespoke_store::{SledStore, Store};
use bespoke_study::{StudyName, Trial, TrialId};
use serde_json::Value;

use crate::{program::Room, search::study};

#[test]
fn every_published_figure_comes_out() {
    let room = Room::new();
    let checks = room.json(&["verify", "--json"]);
    let checks = checks.as_array().expect("an array");
    assert!(checks.len() > 30);
    for check in checks {
        assert_eq!(check["holds"], true, "{check}");
        assert!(
            check["source"]
                .as_str()
                .is_some_and(|source| !source.is_empty())
        );
        assert!(check["tolerance"].as_f64() >= Some(0.0), "{check}");
        if check["tolerance"].as_f64() == Some(0.0) {
            assert_eq!(check["expected"], check["got"]);
        }
    }
    let table = room.text(&["verify"]);
    assert!(table.contains("3504872") && table.contains("parameters of MobileNetV2"));
}

#[test]
fn tables_that_are_not_there_fail_and_are_named() {
    let room = Room::new();
    let arguments = ["verify", "--data", "nowhere", "--json"];
    let error = room.error(&arguments);
    assert!(error.ends_with("checks do not hold"), "{error}");
    let printed = room.run(&arguments).stdout;
    let checks: Value = serde_json::from_slice(&printed).expect("JSON");
    let failed = checks.as_array().expect("an array").iter();
    let failed: Vec<&Value> = failed.filter(|check| check["holds"] == false).collect();
    assert!(!failed.is_empty());
    for check in failed {
        let reason = check["error"].as_str().expect("a reason");
        assert!(reason.starts_with("cannot read nowhere/"), "{reason}");
        assert_eq!(check["got"], Value::Null);
    }
}

#[test]
fn a_finished_study_is_proposed_again_and_a_changed_journal_is_told() {
    let room = Room::new();
    // Proposals from the third on follow from the results of earlier trials.
    let text = study("again", "regularized_evolution", 6, "");
    let settings = "population = 2\nsample = 2\n[training]";
    room.file("study.toml", text.replace("[training]", settings));
    room.run(&["search", "study.toml"]);
    let replayed = room.json(&["studies", "replay", "again", "--json"]);
    assert_eq!(replayed["identical"], true, "{replayed}");
    assert_eq!(replayed["trials"], 6);
    assert_eq!(replayed["first_difference"], Value::Null);
    assert!(
        room.text(&["studies", "replay", "again"])
            .contains("identical")
    );

    let [journal, proposed] = swap(&room, "again", 2, 3);
    let error = room.error(&["studies", "replay", "again"]);
    assert!(error.contains("trial 2"), "{error}");
    assert!(
        error.contains(&journal) && error.contains(&proposed),
        "{error}"
    );
    let printed = room.run(&["studies", "replay", "again", "--json"]).stdout;
    let replayed: Value = serde_json::from_slice(&printed).expect("JSON");
    assert_eq!(replayed["identical"], false);
    let difference = &replayed["first_difference"];
    assert_eq!(difference["trial"], 2);
    assert_eq!(
        [&difference["journal"], &difference["proposed"]],
        [&journal, &proposed]
    );
}

/// Puts one trial of a stored study in the place of another; gives the architecture that is there now and the one that
/// was.
fn swap(room: &Room, study: &str, place: u32, other: usize) -> [String; 2] {
    let study: StudyName = study.parse().expect("a name");
    let store =
        SledStore::open(&room.path().join("bespoke-data/store")).expect("nobody has it open");
    let trials = store.trials(&study).expect("they can be read");
    let moved = &trials[other];
    let architecture = moved.architecture().to_owned();
    let trial = Trial::restore(
        TrialId(place),
        architecture.clone(),
        moved.graph(),
        *moved.cost(),
        moved.state().clone(),
    );
    store.put_trial(&study, &trial).expect("it can be written");
    [
        architecture,
        trials[place as usize].architecture().to_owned(),
    ]
}

#[test]
fn the_commands_have_help_with_an_example() {
    let room = Room::new();
    for command in [&["verify", "--help"][..], &["studies", "replay", "--help"]] {
        let help = room.text(command);
        assert!(help.contains("Example"), "{help}");
    }
}
