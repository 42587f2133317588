use bespoke_graph::{Graph, Weights};
use bespoke_measure::{Estimate, Latency};
use bespoke_study::{Accuracy, StudySpec, Trial};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::tests::fixture::study;

fn keepsake() -> Keepsake {
    let (builder, input) = Graph::builder(&[2]);
    let graph = builder.finish(input).expect("an input is a graph");
    let graph = graph.with_probabilities().expect("it has an axis");
    let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(0));
    Keepsake {
        model: Model::new(graph, weights).expect("the weights are the graph's"),
        probabilities: vec![0.25, 0.75, 1.0, 0.0],
        labels: Arc::from([1, 0]),
    }
}

fn files(folder: &Path) -> FrontFiles {
    FrontFiles::new(folder, &"tiny".parse().expect("a name"))
}

/// A complete trial of that latency and accuracy.
fn trial(id: u32, ms: f64, percent: f64) -> Trial {
    let (builder, input) = Graph::builder(&[2]);
    let graph = builder.finish(input).expect("an input is a graph");
    let mut trial = Trial::proposed(TrialId(id), id.to_string(), graph.hash(), graph.cost());
    let ms = Latency::from_ms(ms).expect("positive");
    let latencies = vec![Estimate {
        median_ms: ms,
        low_ms: ms,
        high_ms: ms,
    }];
    trial.measured(latencies).expect("it is new");
    let accuracy = Accuracy {
        percent,
        images: 2,
        curve: vec![percent],
    };
    trial.complete(accuracy).expect("it is measured");
    trial
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("studies/tiny/front")).expect("it was made");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("it can be read").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn kept_network_reads_back_beside_its_probabilities() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (files, keepsake) = (files(folder.path()), keepsake());
    files.write(TrialId(7), &keepsake).expect("there is room");
    assert_eq!(
        names(folder.path()),
        ["trial-0007.onnx", "trial-0007.probabilities.csv"]
    );
    let onnx = files
        .read(TrialId(7))
        .expect("readable")
        .expect("it is there");
    let read = Model::from_onnx(&onnx).expect("it is a network");
    assert_eq!(read.graph().hash(), keepsake.model.graph().hash());
    let table = fs::read_to_string(files.probabilities(TrialId(7))).expect("it is there");
    assert_eq!(table, "image,label,p0,p1\n0,1,0.25,0.75\n1,0,1,0\n");
    assert_eq!(files.read(TrialId(8)).expect("absence is no error"), None);
}

#[test]
fn only_the_files_of_the_front_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = files(folder.path());
    let study = study("tiny", "", "trials = 3");
    let spec = StudySpec::parse(&study).expect("it is sound");
    let trials = [
        trial(0, 1.0, 50.0),
        trial(1, 2.0, 40.0),
        trial(2, 2.0, 60.0),
    ];
    let front = Front::of(&spec, &trials);
    files.keep_only(&front).expect("no folder is no error");
    for id in [0, 1, 2] {
        files
            .write(TrialId(id), &keepsake())
            .expect("there is room");
    }
    let front_folder = folder.path().join("studies/tiny/front");
    fs::write(front_folder.join(".trial-0000.onnx.part"), "cut short").expect("there is room");
    fs::write(front_folder.join("notes.txt"), "the user's").expect("there is room");
    files.keep_only(&front).expect("they can be removed");
    let kept = [
        "notes.txt",
        "trial-0000.onnx",
        "trial-0000.probabilities.csv",
        "trial-0002.onnx",
    ];
    assert_eq!(names(folder.path())[..4], kept);
    assert_eq!(names(folder.path()).len(), 5);
}

#[test]
fn failed_write_names_the_path() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("studies"), "in the way").expect("there is room");
    let error = files(folder.path())
        .write(TrialId(0), &keepsake())
        .expect_err("no folder");
    assert!(error.to_string().contains("studies/tiny/front"), "{error}");
}
