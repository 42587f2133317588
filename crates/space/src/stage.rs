//! Stages: a block, repeated, and the settings of its layers.

use crate::{
    bind::{Binder, Field, Place, Term, TermKind, check_name},
    decision::Condition,
    error::Fault,
    lower::Block,
    value::{Kind, Scalar, Table, Value},
};

/// Layers of one stage at most.
const MAX_REPEAT: usize = 64;
/// Keys that belong to the stage and not to its block.
const STAGE_KEYS: [&str; 4] = ["name", "block", "repeat", "identical"];
/// Settings that are decided once for a stage.
const ONCE: [&str; 2] = ["channels", "stride"];

/// A stage: its layers up to the greatest depth, and how many of them there are.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub name: String,
    pub depth: Option<Term>,
    pub layers: Vec<Layer>,
}

/// One layer: a block and the settings that the stage has for it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub name: String,
    pub line: u32,
    pub block: Term,
    pub settings: Vec<Field>,
}

/// Reads a stage; `position` counts from 1.
pub(crate) fn read<'a>(
    binder: &mut Binder<'a>,
    value: &'a Value,
    position: usize,
) -> Result<Stage, Fault> {
    let table = value.expect_table("stage")?;
    let name = match table.get("name") {
        None => format!("stage{position}"),
        Some(name) => name.expect_text("name")?.to_owned(),
    };
    check_name(&name, value.line)?;
    let reader = Reader {
        table,
        line: value.line,
        name,
        identical: identical(table)?,
    };
    reader.stage(binder)
}

struct Reader<'a> {
    table: &'a Table,
    line: u32,
    name: String,
    identical: Identical<'a>,
}

/// Which settings hold for all layers of a stage.
enum Identical<'a> {
    All,
    Keys(Vec<&'a str>),
}

/// A block's term, and its decision where it is a choice of this stage's own.
struct BoundBlock {
    term: Term,
    decision: Option<usize>,
}

// === impl Stage ===

impl Stage {
    /// Number of layers under the choices.
    pub fn depth_under(&self, choices: &[u16]) -> usize {
        let depth = self.depth.as_ref().and_then(|term| term.integer(choices));
        let depth = depth.map_or(1, |depth| usize::try_from(depth).unwrap_or(0));
        depth.min(self.layers.len())
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn stage(&self, binder: &mut Binder<'a>) -> Result<Stage, Fault> {
        let depth = self.depth(binder)?;
        let depths = depth.as_ref().map(|term| self.depths(term)).transpose()?;
        let greatest = depths.as_ref().map_or(1, |depths| max(depths));
        let once = Place::new(&self.name, condition(depth.as_ref(), depths.as_deref(), 0));
        let block_once = match self.is_once("block") {
            true => Some(self.block(binder, &once)?),
            false => None,
        };
        let mut shared = Vec::new();
        self.settings(binder, &once, block_once.as_ref(), true, &mut shared)?;
        let mut layers = Vec::with_capacity(greatest);
        for index in 0..greatest {
            let name = match depth {
                None => self.name.clone(),
                Some(_) => format!("{}.layer{}", self.name, index + 1),
            };
            let condition = condition(depth.as_ref(), depths.as_deref(), index);
            let place = Place::new(name, condition);
            layers.push(self.layer(binder, place, block_once.as_ref(), &shared)?);
        }
        Ok(Stage {
            name: self.name.clone(),
            depth,
            layers,
        })
    }

    /// One layer, given what the stage decides once.
    fn layer(
        &self,
        binder: &mut Binder<'a>,
        place: Place,
        block_once: Option<&BoundBlock>,
        shared: &[Field],
    ) -> Result<Layer, Fault> {
        let own = match block_once {
            Some(_) => None,
            None => Some(self.block(binder, &place)?),
        };
        let mut settings = shared.to_vec();
        self.settings(binder, &place, own.as_ref(), false, &mut settings)?;
        let block = own.as_ref().or(block_once);
        let block = block.expect("a block is bound either once or for the layer");
        Ok(Layer {
            name: place.path,
            line: self.line,
            block: block.term.clone(),
            settings,
        })
    }

    fn depth(&self, binder: &mut Binder<'a>) -> Result<Option<Term>, Fault> {
        let place = Place::new(format!("{}.repeat", self.name), None);
        let repeat = self.table.get("repeat");
        repeat.map(|value| binder.bind(value, &place)).transpose()
    }

    /// The depth under each option of `repeat`, or the only one.
    fn depths(&self, repeat: &Term) -> Result<Vec<usize>, Fault> {
        let options = match &repeat.kind {
            TermKind::Choice { options, .. } => options.as_slice(),
            TermKind::Scalar(_) | TermKind::Table(_) => std::slice::from_ref(repeat),
        };
        let depths = options.iter().map(|option| match &option.kind {
            TermKind::Scalar(Scalar::Integer(depth)) => usize::try_from(*depth).ok(),
            TermKind::Scalar(_) | TermKind::Table(_) | TermKind::Choice { .. } => None,
        });
        let depths: Option<Vec<usize>> = depths.collect();
        match depths {
            Some(depths) if (1..=MAX_REPEAT).contains(&max(&depths)) => Ok(depths),
            _ => {
                let reason = format!(
                    "expected a whole number of layers or a choice of them, the greatest from 1 to {MAX_REPEAT}"
                );
                Err(Fault::new(repeat.line, "repeat", reason))
            }
        }
    }

    fn is_once(&self, key: &str) -> bool {
        match &self.identical {
            Identical::All => true,
            Identical::Keys(keys) => keys.contains(&key) || ONCE.contains(&key),
        }
    }

    fn block(&self, binder: &mut Binder<'a>, place: &Place) -> Result<BoundBlock, Fault> {
        let Some(value) = self.table.get("block") else {
            let reason = format!("missing; it is one of {}", Block::names());
            return Err(Fault::new(self.line, "block", reason));
        };
        let first_new = binder.next_decision();
        let term = binder.bind(value, &place.below("block"))?;
        for possible in term.possible() {
            let (block, overrides) = Block::of(possible)?;
            let is_known = |key: &str| key == "kind" || block.keys().contains(&key);
            if let Some((key, term)) = overrides.iter().find(|(key, _)| !is_known(key)) {
                let keys = block.keys().join(", ");
                let reason = format!("unknown key; {} takes {keys}", block.name());
                return Err(Fault::new(term.line, key, reason));
            }
        }
        let decision = match &term.kind {
            TermKind::Choice { decision, .. } if *decision >= first_new => Some(*decision),
            _ => None,
        };
        let block = BoundBlock { term, decision };
        for (key, value) in self.table.iter() {
            if !STAGE_KEYS.contains(&key) && !self.takes(&block, key)?.contains(&true) {
                return Err(Self::not_taken(&block, key, value));
            }
        }
        Ok(block)
    }

    /// Binds the settings that are decided once, or the others. A setting is active under the options of the block
    /// that take it, where both are decided at the same level.
    fn settings(
        &self,
        binder: &mut Binder<'a>,
        place: &Place,
        block: Option<&BoundBlock>,
        once: bool,
        settings: &mut Vec<Field>,
    ) -> Result<(), Fault> {
        for (key, value) in self.table.iter() {
            if STAGE_KEYS.contains(&key) || self.is_once(key) != once {
                continue;
            }
            let mut place = place.below(key);
            if let Some(block) = block {
                let takes = self.takes(block, key)?;
                if let (Some(decision), true) = (block.decision, takes.contains(&false)) {
                    let options = takes;
                    place.condition = Some(Condition { decision, options });
                }
            }
            settings.push((key.to_owned(), binder.bind(value, &place)?));
        }
        Ok(())
    }

    /// For each option of the block (or the only one), whether it takes the stage's setting.
    fn takes(&self, block: &BoundBlock, key: &str) -> Result<Vec<bool>, Fault> {
        let options = match &block.term.kind {
            TermKind::Choice { options, .. } => options.as_slice(),
            TermKind::Scalar(_) | TermKind::Table(_) => std::slice::from_ref(&block.term),
        };
        let takes = options.iter().map(|option| {
            let mut possible = option.possible().into_iter();
            possible.try_fold(false, |takes, term| {
                let (block, overrides) = Block::of(term)?;
                let overridden = overrides.iter().any(|(other, _)| other == key);
                Ok(takes || (block.keys().contains(&key) && !overridden))
            })
        });
        takes.collect()
    }

    fn not_taken(block: &BoundBlock, key: &str, value: &Value) -> Fault {
        let mut allowed: Vec<&str> = STAGE_KEYS.to_vec();
        let blocks = block.term.possible().into_iter().map(Block::of);
        allowed.extend(blocks.flatten().flat_map(|(block, _)| block.keys()));
        allowed.sort_unstable();
        allowed.dedup();
        let reason = format!(
            "no block of this stage takes it; allowed are {}",
            allowed.join(", ")
        );
        Fault::new(value.line, key, reason)
    }
}

fn identical(table: &Table) -> Result<Identical<'_>, Fault> {
    let Some(value) = table.get("identical") else {
        return Ok(Identical::Keys(Vec::new()));
    };
    match &value.kind {
        Kind::Scalar(Scalar::Flag(true)) => Ok(Identical::All),
        Kind::Scalar(Scalar::Flag(false)) => Ok(Identical::Keys(Vec::new())),
        Kind::List(keys) => {
            let key = |key: &'_ Value| match key.as_text().map(|text| table.get(text)) {
                Some(Some(_)) => Ok(()),
                _ => {
                    let reason = "expected the names of keys of this stage";
                    Err(Fault::new(key.line, "identical", reason))
                }
            };
            keys.iter().try_for_each(key)?;
            Ok(Identical::Keys(
                keys.iter().filter_map(Value::as_text).collect(),
            ))
        }
        Kind::Scalar(_) | Kind::Table(_) => {
            Err(value.wrong_type("identical", "true, false or a list of keys"))
        }
    }
}

/// Under which depths the layer exists; no condition when it always does.
fn condition(repeat: Option<&Term>, depths: Option<&[usize]>, layer: usize) -> Option<Condition> {
    let TermKind::Choice { decision, .. } = &repeat?.kind else {
        return None;
    };
    let options: Vec<bool> = depths?.iter().map(|depth| *depth > layer).collect();
    options.contains(&false).then_some(Condition {
        decision: *decision,
        options,
    })
}

fn max(depths: &[usize]) -> usize {
    depths.iter().copied().max().unwrap_or(0)
}
