//! The template: a search space's file, read.

use crate::{
    Decision,
    bind::{Binder, Place, Term},
    error::Fault,
    stage::{self, Stage},
    value::{Kind, Scalar, Table, Value},
};

const MAX_STAGES: usize = 256;
const MAX_LAYERS: usize = 1024;
const MAX_CLASSES: i64 = 100_000;
const KEYS: [&str; 8] = [
    "name", "source", "classes", "format", "input", "define", "shared", "stage",
];

/// What a file says, before its networks are looked at.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub name: String,
    pub source: String,
    pub format: Option<(String, u32)>,
    pub decisions: Vec<Decision>,
    pub template: Template,
}

/// What is needed to lower an architecture.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub classes: usize,
    pub channels: Term,
    pub resolution: Term,
    pub stages: Vec<Stage>,
}

// === impl Document ===

impl Document {
    pub fn read(table: &Table) -> Result<Self, Fault> {
        table.check_keys(&KEYS)?;
        let text = |key| Ok(required(table, key)?.expect_text(key)?.to_owned());
        let (name, source) = (text("name")?, text("source")?);
        let classes = classes(required(table, "classes")?)?;
        let format = match table.get("format") {
            None => None,
            Some(value) => Some((value.expect_text("format")?.to_owned(), value.line)),
        };
        let mut binder = Binder::new(table.get("define"), table.get("shared"))?;
        let input = required(table, "input")?.expect_table("input")?;
        input.check_keys(&["channels", "resolution"])?;
        let [channels, resolution] = ["channels", "resolution"].map(|key| {
            let place = Place::new(format!("input.{key}"), None);
            binder.bind(required(input, key)?, &place)
        });
        let template = Template {
            classes,
            channels: channels?,
            resolution: resolution?,
            stages: stages(required(table, "stage")?, &mut binder)?,
        };
        Ok(Self {
            name,
            source,
            format,
            decisions: binder.finish()?,
            template,
        })
    }
}

fn required<'a>(table: &'a Table, key: &str) -> Result<&'a Value, Fault> {
    let line = table.iter().map(|(_, value)| value.line).min();
    table
        .get(key)
        .ok_or_else(|| Fault::new(line.unwrap_or(1), key, "missing"))
}

fn classes(value: &Value) -> Result<usize, Fault> {
    match value.kind {
        Kind::Scalar(Scalar::Integer(classes @ 1..=MAX_CLASSES)) => {
            Ok(usize::try_from(classes).expect("the range is positive"))
        }
        _ => {
            let reason = format!("expected a whole number from 1 to {MAX_CLASSES}");
            Err(Fault::new(value.line, "classes", reason))
        }
    }
}

fn stages<'a>(value: &'a Value, binder: &mut Binder<'a>) -> Result<Vec<Stage>, Fault> {
    let Kind::List(list) = &value.kind else {
        return Err(value.wrong_type("stage", "`[[stage]]` tables"));
    };
    if list.len() > MAX_STAGES {
        let reason = format!("more than {MAX_STAGES} stages");
        return Err(Fault::new(value.line, "stage", reason));
    }
    let mut stages = Vec::with_capacity(list.len());
    let mut layers = 0;
    for (index, value) in list.iter().enumerate() {
        let stage = stage::read(binder, value, index + 1)?;
        layers += stage.layers.len();
        if layers > MAX_LAYERS {
            let reason = format!("more than {MAX_LAYERS} layers in all");
            return Err(Fault::new(value.line, "stage", reason));
        }
        if stages.iter().any(|other: &Stage| other.name == stage.name) {
            let reason = format!("two stages are named `{}`", stage.name);
            return Err(Fault::new(value.line, "name", reason));
        }
        stages.push(stage);
    }
    Ok(stages)
}
