use super::*;
use crate::contract::{self, name, predictor, study, trial, version};

fn store() -> (tempfile::TempDir, SledStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SledStore::open(folder.path()).expect("a new store");
    (folder, store)
}

#[test]
fn everything_is_there_after_it_was_closed_and_opened_again() {
    let (folder, store) = store();
    contract::fill(&store);
    drop(store);
    let store = SledStore::open(folder.path()).expect("it was closed");
    contract::assert_filled(&store);
}

#[test]
fn folder_that_is_open_already_is_in_use() {
    let (folder, store) = store();
    let error = SledStore::open(folder.path()).expect_err("it is open");
    let expected = format!(
        "{} is in use by another bespoke; stop it or pass another --data-dir",
        folder.path().display()
    );
    assert_eq!(error.to_string(), expected);
    store
        .put_study(&name("a"), &study(1))
        .expect("the first is not disturbed");
}

#[test]
fn folder_that_cannot_be_made_is_an_error_that_names_it() {
    let (folder, _store) = store();
    let inside_a_file = folder.path().join("lock/store");
    match SledStore::open(&inside_a_file).expect_err("a file is no folder") {
        StoreError::Io { folder, .. } => assert_eq!(folder, inside_a_file),
        other => panic!("{other}"),
    }
}

#[test]
fn store_of_a_newer_format_is_refused() {
    let (folder, store) = store();
    store
        .with(|database| database.insert(FORMAT_KEY, "2").and(database.flush()))
        .expect("it is open");
    drop(store);
    let error = SledStore::open(folder.path()).expect_err("it is newer");
    assert!(
        error
            .to_string()
            .contains("was written by a newer bespoke (format 2, this one reads up to 1)"),
        "{error}"
    );
}

#[test]
fn store_that_does_not_say_its_format_is_damaged() {
    let (folder, store) = store();
    store.put_study(&name("a"), &study(1)).expect("it is open");
    store
        .with(|database| database.remove(FORMAT_KEY).and(database.flush()))
        .expect("it is open");
    drop(store);
    let error = SledStore::open(folder.path()).expect_err("no format");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn corrupt_record_is_named_and_can_be_removed_or_written_anew() {
    let (_folder, store) = store();
    contract::fill(&store);
    let key = Key::trial(&name("digits"), bespoke_study::TrialId(256));
    store
        .with(|database| database.insert(key.bytes(), "garbage").map(|_| ()))
        .expect("it is open");
    let error = store.trials(&name("digits")).expect_err("one is corrupt");
    let text = "the stored trial 256 of study `digits` cannot be read: ";
    assert!(error.to_string().starts_with(text), "{error}");
    store
        .put_trial(&name("digits"), &trial(256))
        .expect("the store is usable");
    contract::assert_filled(&store);

    store
        .with(|database| database.insert(key.bytes(), "garbage").map(|_| ()))
        .expect("it is open");
    store
        .remove_study(&name("digits"))
        .expect("it need not be read");
    assert_eq!(store.trials(&name("digits")).expect("none is left"), []);
}

#[test]
fn predictor_of_another_format_is_refused_with_both_formats() {
    let (_folder, store) = store();
    contract::fill(&store);
    let known = predictor(1, 1);
    let key = Key::predictor(&known.info.fingerprint, version(1));
    let later = Formatted {
        format: 2,
        predictor: "something else",
    };
    let later = serde_json::to_value(&later).expect("plain data");
    store.put(&key, &later).expect("it is open");
    let error = store
        .predictor(&known.info.fingerprint, version(1))
        .expect_err("it is of another format");
    let expected = format!(
        "the stored version 1 of the predictor of target {} has format 2, this version of bespoke reads format 1: \
         adapt the predictor anew",
        known.info.fingerprint
    );
    assert_eq!(error.to_string(), expected);
    let all = store.predictors().expect("keys can be read");
    assert_eq!(all, [(known.info.fingerprint, version(1))]);
}

#[test]
fn store_is_usable_after_a_failed_operation() {
    let (_folder, store) = store();
    contract::fill(&store);
    let full = || sled::Error::Io(io::Error::from(io::ErrorKind::StorageFull));
    let error = store
        .with(|_| Err::<(), _>(full()))
        .expect_err("the disk is full");
    let text = error.to_string();
    assert!(
        text.ends_with("cannot be read or written: no storage space"),
        "{text}"
    );
    let panicked = store.with(|_| -> sled::Result<()> { panic!("makes no sense") });
    assert!(
        matches!(panicked, Err(StoreError::Damaged { reason, .. }) if reason == "makes no sense")
    );
    contract::assert_filled(&store);
    store
        .put_study(&name("later"), &study(9))
        .expect("the database was opened again");
}
