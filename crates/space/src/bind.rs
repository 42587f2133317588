//! Finds the decisions by walking the template: values in, terms out.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use crate::{
    Decision,
    decision::Condition,
    error::Fault,
    value::{Kind, Scalar, Table, Value},
};

const MAX_DECISIONS: usize = 4096;
const MAX_OPTIONS: usize = 256;
/// Options of all decisions together.
const MAX_ALL_OPTIONS: usize = 16_384;
/// Values after all fragments are expanded.
const MAX_TERMS: usize = 50_000;
/// Fragments inside fragments.
const MAX_FRAGMENTS: usize = 16;

/// A value whose choices are bound to decisions.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub line: u32,
    pub kind: TermKind,
}

/// What a term is.
#[derive(Debug, Clone)]
pub(crate) enum TermKind {
    Scalar(Scalar),
    Table(Vec<Field>),
    Choice { decision: usize, options: Vec<Term> },
}

/// Where a value stands: the path of its decision, the key for messages, and when its decisions are active.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub path: String,
    pub condition: Option<Condition>,
}

/// A key and its value.
pub(crate) type Field = (String, Term);

/// The decisions found so far and the named fragments.
#[derive(Debug, Default)]
pub(crate) struct Binder<'a> {
    decisions: Vec<Decision>,
    options: usize,
    paths: HashSet<String>,
    defines: BTreeMap<&'a str, Fragment<'a>>,
    shared: BTreeMap<&'a str, Shared>,
    open: Vec<&'a str>,
    terms: usize,
}

#[derive(Debug)]
struct Fragment<'a> {
    value: &'a Value,
    used: bool,
}

#[derive(Debug)]
struct Shared {
    term: Term,
    /// Values in it, which every use copies.
    terms: usize,
    used: Cell<bool>,
}

// === impl Term ===

impl Term {
    /// The term under the choices: never a choice.
    pub fn resolve(&self, choices: &[u16]) -> &Self {
        let mut term = self;
        while let TermKind::Choice { decision, options } = &term.kind {
            term = &options[usize::from(choices[*decision])];
        }
        term
    }

    /// All that the term may be, choices resolved.
    pub fn possible(&self) -> Vec<&Self> {
        match &self.kind {
            TermKind::Scalar(_) | TermKind::Table(_) => vec![self],
            TermKind::Choice { options, .. } => options.iter().flat_map(Self::possible).collect(),
        }
    }

    /// Adds the decisions that the term has under any choices.
    pub fn collect_decisions(&self, decisions: &mut BTreeSet<usize>) {
        match &self.kind {
            TermKind::Scalar(_) => {}
            TermKind::Table(fields) => {
                let terms = fields.iter().map(|(_, term)| term);
                terms.for_each(|term| term.collect_decisions(decisions));
            }
            TermKind::Choice { decision, options } => {
                decisions.insert(*decision);
                let terms = options.iter();
                terms.for_each(|term| term.collect_decisions(decisions));
            }
        }
    }

    /// The value of a whole number under the choices.
    pub fn integer(&self, choices: &[u16]) -> Option<i64> {
        match &self.resolve(choices).kind {
            TermKind::Scalar(Scalar::Integer(value)) => Some(*value),
            TermKind::Scalar(_) | TermKind::Table(_) | TermKind::Choice { .. } => None,
        }
    }
}

// === impl Place ===

impl Place {
    pub fn new(path: impl Into<String>, condition: Option<Condition>) -> Self {
        Self {
            path: path.into(),
            condition,
        }
    }

    pub fn below(&self, key: &str) -> Self {
        Self::new(format!("{}.{key}", self.path), self.condition.clone())
    }

    /// The last part of the path.
    pub fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

// === impl Binder ===

impl<'a> Binder<'a> {
    /// Reads the named fragments; those of `shared` are decided here, once.
    pub fn new(define: Option<&'a Value>, shared: Option<&'a Value>) -> Result<Self, Fault> {
        let mut binder = Self::default();
        if let Some(define) = define {
            for (name, value) in define.expect_table("define")?.iter() {
                check_name(name, value.line)?;
                let used = false;
                binder.defines.insert(name, Fragment { value, used });
            }
        }
        if let Some(shared) = shared {
            for (name, value) in shared.expect_table("shared")?.iter() {
                check_name(name, value.line)?;
                if binder.defines.contains_key(name) {
                    let reason = "a fragment of this name stands under `define` too";
                    return Err(Fault::new(value.line, name, reason));
                }
                let terms_before = binder.terms;
                let shared = Shared {
                    term: binder.bind(value, &Place::new(name, None))?,
                    terms: binder.terms - terms_before,
                    used: Cell::new(false),
                };
                binder.shared.insert(name, shared);
            }
        }
        Ok(binder)
    }

    /// The decisions, after checking that every fragment was of use.
    pub fn finish(self) -> Result<Vec<Decision>, Fault> {
        let defines = self.defines.iter().map(|(n, d)| (n, d.value.line, d.used));
        let shared = self
            .shared
            .iter()
            .map(|(n, s)| (n, s.term.line, s.used.get()));
        match defines.chain(shared).find(|(_, _, used)| !used) {
            Some((name, line, _)) => Err(Fault::new(line, *name, "this fragment is used nowhere")),
            None => Ok(self.decisions),
        }
    }

    /// The index that the next decision will have.
    pub fn next_decision(&self) -> usize {
        self.decisions.len()
    }

    /// Binds a value to new decisions.
    pub fn bind(&mut self, value: &'a Value, place: &Place) -> Result<Term, Fault> {
        self.count_terms(1, value.line, place)?;
        let line = value.line;
        let kind = match &value.kind {
            Kind::Scalar(scalar) => TermKind::Scalar(scalar.clone()),
            Kind::List(_) => {
                let reason = "a list stands only after `choose` or `identical`";
                return Err(Fault::new(line, place.key(), reason));
            }
            Kind::Table(table) => {
                if let Some(options) = table.get("choose") {
                    only_key(table, "choose")?;
                    return self.choice(options, place);
                }
                if let Some(name) = table.get("use") {
                    only_key(table, "use")?;
                    return self.fragment(name, place);
                }
                TermKind::Table(self.fields(table, place)?)
            }
        };
        Ok(Term { line, kind })
    }

    fn fields(&mut self, table: &'a Table, place: &Place) -> Result<Vec<Field>, Fault> {
        let entries = table.iter().filter(|(key, _)| *key != "name");
        entries
            .map(|(key, value)| Ok((key.to_owned(), self.bind(value, &place.below(key))?)))
            .collect()
    }

    fn choice(&mut self, value: &'a Value, place: &Place) -> Result<Term, Fault> {
        let line = value.line;
        let Kind::List(options) = &value.kind else {
            return Err(value.wrong_type("choose", "a list of options"));
        };
        if options.is_empty() || options.len() > MAX_OPTIONS {
            let reason = format!("expected 1 to {MAX_OPTIONS} options, got {}", options.len());
            return Err(Fault::new(line, "choose", reason));
        }
        let mut labels: Vec<String> = Vec::with_capacity(options.len());
        for option in options {
            let label = self.label(option)?;
            if labels.contains(&label) {
                let reason = format!(
                    "two options are labelled `{label}`; `name` in a table gives another label"
                );
                return Err(Fault::new(option.line, "choose", reason));
            }
            labels.push(label);
        }
        let decision = self.decide(line, place, labels.clone())?;
        let terms = options.iter().zip(&labels).enumerate();
        let terms = terms.map(|(index, (option, label))| {
            let condition = Condition {
                decision,
                options: (0..options.len()).map(|other| other == index).collect(),
            };
            let path = format!("{}.{label}", place.path);
            self.bind(option, &Place::new(path, Some(condition)))
        });
        let options = terms.collect::<Result<_, _>>()?;
        let kind = TermKind::Choice { decision, options };
        Ok(Term { line, kind })
    }

    fn decide(&mut self, line: u32, place: &Place, labels: Vec<String>) -> Result<usize, Fault> {
        if self.decisions.len() == MAX_DECISIONS {
            let reason = format!("more than {MAX_DECISIONS} decisions");
            return Err(Fault::new(line, place.key(), reason));
        }
        if !self.paths.insert(place.path.clone()) {
            let reason = format!("two decisions have the path `{}`", place.path);
            return Err(Fault::new(line, place.key(), reason));
        }
        self.options += labels.len();
        if self.options > MAX_ALL_OPTIONS {
            let reason = format!("more than {MAX_ALL_OPTIONS} options in all");
            return Err(Fault::new(line, place.key(), reason));
        }
        let condition = place.condition.clone();
        let decision = Decision::new(place.path.clone(), labels, condition);
        self.decisions.push(decision);
        Ok(self.decisions.len() - 1)
    }

    /// The label of an option: a scalar is its own, a table's is its `name`, else its `kind`, a fragment's its name.
    fn label(&self, option: &Value) -> Result<String, Fault> {
        let label = match &option.kind {
            Kind::Scalar(scalar) => scalar.to_string(),
            Kind::List(_) => return Err(option.wrong_type("choose", "a scalar or a table")),
            Kind::Table(table) => {
                let Some(label) = ["name", "use", "kind"].iter().find_map(|k| table.get(k)) else {
                    let reason = "an option that is a table needs a `name`; a choice directly inside a choice has none";
                    return Err(Fault::new(option.line, "choose", reason));
                };
                label.expect_text("name")?.to_owned()
            }
        };
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || ",={}".contains(c);
        if label.is_empty() || label.chars().any(is_bad) {
            let reason = format!(
                "`{}` is no label: it must not be empty nor have spaces, `,`, `=` or braces",
                label.escape_debug()
            );
            return Err(Fault::new(option.line, "choose", reason));
        }
        Ok(label)
    }

    fn fragment(&mut self, name: &'a Value, place: &Place) -> Result<Term, Fault> {
        let line = name.line;
        let name = name.expect_text("use")?;
        if let Some(shared) = self.shared.get(name) {
            shared.used.set(true);
            let (term, terms) = (shared.term.clone(), shared.terms);
            self.count_terms(terms, line, place)?;
            return Ok(term);
        }
        if self.open.contains(&name) {
            let reason = format!("the fragment `{name}` uses itself");
            return Err(Fault::new(line, "use", reason));
        }
        if self.open.len() == MAX_FRAGMENTS {
            let reason = format!("fragments inside each other more than {MAX_FRAGMENTS} deep");
            return Err(Fault::new(line, "use", reason));
        }
        let Some(fragment) = self.defines.get_mut(name) else {
            return Err(self.unknown_fragment(line, name));
        };
        fragment.used = true;
        let value = fragment.value;
        self.open.push(name);
        let term = self.bind(value, place);
        self.open.pop();
        term
    }

    fn unknown_fragment(&self, line: u32, name: &str) -> Fault {
        let mut known: Vec<&str> = self
            .defines
            .keys()
            .chain(self.shared.keys())
            .copied()
            .collect();
        known.sort_unstable();
        let known = match known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        let reason =
            format!("no fragment `{name}` under `define` or (above) `shared`: there is {known}");
        Fault::new(line, "use", reason)
    }

    fn count_terms(&mut self, terms: usize, line: u32, place: &Place) -> Result<(), Fault> {
        self.terms += terms;
        if self.terms > MAX_TERMS {
            let reason = format!("the template has more than {MAX_TERMS} values when expanded");
            return Err(Fault::new(line, place.key(), reason));
        }
        Ok(())
    }
}

/// Names of stages and fragments become parts of paths.
pub(crate) fn check_name(name: &str, line: u32) -> Result<(), Fault> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_good) {
        return Ok(());
    }
    let reason = "a name has only letters, digits, `_` and `-`";
    Err(Fault::new(line, name.escape_debug().to_string(), reason))
}

fn only_key(table: &Table, key: &str) -> Result<(), Fault> {
    if key == "use" {
        return table.check_keys(&["use", "name"]);
    }
    table.check_keys(&[key])
}
