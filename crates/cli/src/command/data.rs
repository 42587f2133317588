//! `bespoke data`: data sets to train on.

use std::{path::Path, process::ExitCode};

use bespoke_recipe::DataSetName;
use serde_json::{Value, json};

use super::{print, print_json};
use crate::{arguments, report::grid};

/// Runs `data list|fetch`.
pub fn run(arguments: &arguments::Data) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Data::List { json } => list(*json)?,
        arguments::Data::Fetch { set, folder, json } => fetch(*set, folder, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn about(set: DataSetName) -> &'static str {
    match set {
        DataSetName::Digits => "UCI handwritten digits, 1,797 images of 1x8x8, inside the program",
        DataSetName::Mnist => "MNIST, 70,000 images of 1x28x28",
        DataSetName::FashionMnist => "Fashion-MNIST, 70,000 images of 1x28x28",
        DataSetName::Cifar10 => "CIFAR-10, 60,000 images of 3x32x32",
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    if json {
        let sets: Value = DataSetName::ALL
            .map(|set| json!({ "name": set.name(), "about": about(set) }))
            .into_iter()
            .collect();
        return print_json(&sets);
    }
    print(&grid(&DataSetName::ALL.map(|set| {
        vec![set.name().to_owned(), about(set).to_owned()]
    })))
}

fn fetch(set: DataSetName, folder: &Path, json: bool) -> anyhow::Result<()> {
    bespoke_accuracy::fetch(set, folder)?;
    if json {
        return print_json(&json!({ "name": set.name(), "folder": folder }));
    }
    print(&format!("{set} is in {}\n", folder.display()))
}
