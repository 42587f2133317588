//! What a study must fulfil before anything of it is stored.

use bespoke_device::TargetSpec;
use bespoke_graph::Graph;
use bespoke_space::Space;
use bespoke_study::{Source, StudySpec, Submission};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    CoordinatorError,
    evaluation::Lesson,
    runner::{Resources, open_lesson},
};

/// Runtimes that Bespoke has. Whether one is there is for the agents to say; a name is only refused if it is neither
/// here nor offered by any of them, because a study would wait for it forever.
const RUNTIMES: [&str; 2] = ["flex", "tract"];

/// A study that may start.
pub struct Admitted {
    /// What it asks for.
    pub spec: StudySpec,
    /// Its files, the space's among them.
    pub submission: Submission,
    /// What its candidates learn.
    pub lesson: Lesson,
}

/// Reads the files of a study and opens all that it names.
///
/// # Errors
/// Says what is wrong with the files, or with the data set.
pub async fn admit(
    resources: &Resources,
    study: Source,
    space: Option<Source>,
) -> Result<Admitted, CoordinatorError> {
    let spec = StudySpec::parse(&study)?;
    let space = match space {
        Some(space) => space,
        None => shipped(&study.file, &spec.space)?,
    };
    let submission = Submission { study, space };
    let space = Space::parse(&submission.space.file, &submission.space.text)?;
    check_runtimes(resources, &submission.study.file, &spec)?;
    let lesson = open_lesson(&resources.evaluators, &submission, &spec).await?;
    check_fit(&submission.study.file, &spec, &space, &lesson)?;
    Ok(Admitted {
        spec,
        submission,
        lesson,
    })
}

/// The text of a space that is shipped.
fn shipped(file: &str, name: &str) -> Result<Source, CoordinatorError> {
    let unknown = || CoordinatorError::UnknownSpace {
        file: file.to_owned(),
        name: name.to_owned(),
        known: Space::builtin_names().collect::<Vec<_>>().join(", "),
    };
    let text = Space::builtin_source(name).ok_or_else(unknown)?;
    Ok(Source {
        file: format!("{name}.toml"),
        text: text.to_owned(),
    })
}

fn check_runtimes(
    resources: &Resources,
    file: &str,
    spec: &StudySpec,
) -> Result<(), CoordinatorError> {
    let agents = resources.dispatch.agents();
    let offered = agents
        .iter()
        .flat_map(|agent| &agent.runtimes)
        .map(|runtime| &*runtime.name);
    let mut known: Vec<&str> = RUNTIMES.into_iter().chain(offered).collect();
    known.sort_unstable();
    known.dedup();
    let unknown = |target: &&TargetSpec| !known.contains(&&*target.runtime);
    match spec.targets.iter().map(|bound| &bound.target).find(unknown) {
        None => Ok(()),
        Some(target) => Err(CoordinatorError::UnknownRuntime {
            file: file.to_owned(),
            runtime: target.runtime.clone(),
            known: known.join(", "),
        }),
    }
}

/// Checks one network of the space: whether it takes the images and yields their classes.
fn check_fit(
    file: &str,
    spec: &StudySpec,
    space: &Space,
    lesson: &Lesson,
) -> Result<(), CoordinatorError> {
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
    let network: Graph = space.lower(&space.sample(&mut rng))?;
    let mismatch = |what: String| CoordinatorError::Mismatch {
        file: file.to_owned(),
        reason: format!("the networks of {} {what}", space.name()),
    };
    let (data, shape, classes) = (spec.data.set, lesson.input_shape, lesson.classes);
    let (takes, gives) = (network.input_shape().dims(), network.output_shape().dims());
    if takes != shape {
        let what = format!("take inputs of {takes:?}, the images of {data} are of {shape:?}");
        return Err(mismatch(what));
    }
    if gives != [classes] {
        let what =
            format!("yield outputs of {gives:?}, the images of {data} have {classes} classes");
        return Err(mismatch(what));
    }
    Ok(())
}
