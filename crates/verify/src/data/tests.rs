use std::fs;

use super::*;
use crate::Figure;

/// Two cells with their parameters and FLOPs.
const ACCURACIES: &str = "architecture,cifar10,cifar100,imagenet16_120,parameters_millions,flops_millions\n\
    |avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|,85,52,26,0.129306,17.958592\n\
    |nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|,93,70,,0.802426,116.692672\n";

const FILE: &str = "nasbench201_accuracy_percent.csv";

/// What became of the checks of a folder with such a file whose names begin and hold as told.
fn got(accuracies: &str, what: &str) -> Result<Figure, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(FILE), accuracies).expect("it can be written");
    let checks = rows::checks(folder.path());
    let check = checks
        .into_iter()
        .find(|check| check.name.starts_with(&format!("rows of {FILE} {what}")));
    check.expect("there is such a check").got
}

#[test]
fn files_that_are_not_there_are_checks_that_fail_and_name_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checks = published_data(folder.path());
    assert!(checks.len() > 20);
    for check in checks {
        assert!(!check.holds(), "{check:?}");
        let reason = check.got.expect_err("nothing to read");
        let path = folder.path().display().to_string();
        assert!(
            reason.starts_with(&format!("cannot read {path}/")),
            "{reason}"
        );
    }
}

#[test]
fn rows_that_are_as_published_are_counted() {
    assert_eq!(got(ACCURACIES, "that are parsed"), Ok(Figure::Whole(2)));
    assert_eq!(got(ACCURACIES, "whose `flops"), Ok(Figure::Whole(2)));
    assert_eq!(got(ACCURACIES, "whose `parameters"), Ok(Figure::Whole(2)));
    let changed = ACCURACIES.replace("17.958592", "17.958593");
    assert_eq!(got(&changed, "whose `flops"), Ok(Figure::Whole(1)));
    assert_eq!(got(&changed, "whose `parameters"), Ok(Figure::Whole(2)));
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    let fault = |from: &str, to: &str| {
        let changed = ACCURACIES.replace(from, to);
        got(&changed, "that are parsed").expect_err("it cannot be read")
    };
    let unknown = fault("avg_pool_3x3~1", "max_pool_3x3~1");
    assert!(
        unknown.contains("nasbench201_accuracy_percent.csv:3: "),
        "{unknown}"
    );
    assert!(fault(",52,", ",fast,").ends_with(":2: `fast` is not a number"));
    assert!(fault("architecture", "arch").ends_with(":1: the first column is not `architecture`"));
    assert!(fault(",26,", ",").contains(FILE));
}
