//! A search space as its users see it.

use bespoke_graph::Graph;

use crate::{
    Architecture, ArchitectureError, Decision, SpaceError,
    count::Counts,
    cover::covering,
    decision::walk,
    error::Fault,
    format::Notation,
    lower::{Naming, layers, lower},
    template::{Document, Template},
    value,
};

/// Layers to lower when a file is read; larger spaces are refused.
const MAX_TRIED_LAYERS: usize = 200_000;

/// A template of networks with choices in it.
#[derive(Debug, Clone)]
pub struct Space {
    pub(crate) file: String,
    name: String,
    source: String,
    decisions: Vec<Decision>,
    pub(crate) counts: Counts,
    notation: Notation,
    pub(crate) template: Template,
}

// === impl Space ===

impl Space {
    /// Reads a search space's file; `file_name` is for messages only. Every option of every decision is lowered to a
    /// network at least once, so that a fault in any of them is found here.
    ///
    /// # Errors
    /// `FILE:LINE: `key`: what is wrong and what is allowed`.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, SpaceError> {
        let table = value::read(file_name, text)?;
        let document = Document::read(&table).map_err(|fault| fault.in_file(file_name))?;
        let notation = Notation::new(document.format.as_ref(), &document.decisions);
        let space = Self {
            file: file_name.to_owned(),
            name: document.name,
            source: document.source,
            counts: Counts::of(&document.decisions),
            notation: notation.map_err(|fault| fault.in_file(file_name))?,
            decisions: document.decisions,
            template: document.template,
        };
        space.try_options()?;
        Ok(space)
    }

    /// Lowers a few architectures in which every option occurs.
    fn try_options(&self) -> Result<(), SpaceError> {
        let covering = covering(&self.decisions);
        let layers: usize = self.template.stages.iter().map(|s| s.layers.len()).sum();
        if covering.len() * layers > MAX_TRIED_LAYERS {
            let reason = "too many choices inside options of other choices to try them all";
            return Err(Fault::new(1, "choose", reason).in_file(&self.file));
        }
        let mut tried = covering.into_iter().map(Architecture::new);
        tried.try_for_each(|architecture| self.lower(&architecture).map(drop))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was published.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of classes that its networks tell apart.
    pub fn classes(&self) -> usize {
        self.template.classes
    }

    /// Everything that may vary. A decision that another makes active comes after it.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Exact number of distinct architectures, in decimal.
    pub fn size(&self) -> String {
        self.counts.size().to_string()
    }

    /// For each decision, whether the architecture makes it active.
    pub fn active(&self, architecture: &Architecture) -> Vec<bool> {
        walk(&self.decisions, |decision| architecture.choices()[decision]).1
    }

    /// The same architecture without what a published string said about inactive decisions: equal architectures
    /// print alike after this.
    pub fn canonical(&self, architecture: &Architecture) -> Architecture {
        Architecture::new(architecture.choices().to_vec())
    }

    /// The architecture with the options given, one index for each decision; those of inactive decisions are ignored.
    /// `None` when there are not as many as decisions, or an active decision has no such option.
    pub fn architecture(&self, choices: &[u16]) -> Option<Architecture> {
        let (normal, _) = walk(&self.decisions, |decision| {
            choices.get(decision).copied().unwrap_or(u16::MAX)
        });
        let fits =
            |(option, decision): (&u16, &Decision)| usize::from(*option) < decision.options().len();
        let is_valid =
            choices.len() == normal.len() && normal.iter().zip(&self.decisions).all(fits);
        is_valid.then(|| Architecture::new(normal))
    }

    /// The architecture's text: in the published form where the space has one, else `path=label,path=label` of its
    /// active decisions.
    pub fn format_architecture(&self, architecture: &Architecture) -> String {
        let active = self.active(architecture);
        self.notation.print(&self.decisions, architecture, &active)
    }

    /// Reads what [`Space::format_architecture`] prints.
    ///
    /// # Errors
    /// When the text has another form, or an option is not one of the decision's.
    pub fn parse_architecture(&self, text: &str) -> Result<Architecture, ArchitectureError> {
        let parsed = self.notation.parse(&self.decisions, text);
        parsed.map_err(|reason| ArchitectureError {
            space: self.name.clone(),
            text: text.to_owned(),
            reason,
        })
    }

    /// The network, from its input to logits; dead code, such as edges out of zeros, is still in it.
    ///
    /// # Errors
    /// When the layers do not fit each other under these choices.
    pub fn lower(&self, architecture: &Architecture) -> Result<Graph, SpaceError> {
        self.lower_named(architecture, Naming::Plain)
    }

    /// The same network, node by node, with names that tell the paths of the template apart: `LAYER[OPTION].PART`, with
    /// the options that are texts or tables. Where a name stands in two of these networks, numbers alone differ there
    /// (kernels, widths), so that the two can share weights.
    ///
    /// # Errors
    /// When the layers do not fit each other under these choices.
    pub fn lower_paths(&self, architecture: &Architecture) -> Result<Graph, SpaceError> {
        self.lower_named(architecture, Naming::Paths(&self.decisions))
    }

    /// The layers of [`Space::lower_paths`], each by itself from the value before it, as input, to the one after it.
    ///
    /// # Errors
    /// When the layers do not fit each other under these choices.
    pub fn layers(&self, architecture: &Architecture) -> Result<Vec<Graph>, SpaceError> {
        let naming = Naming::Paths(&self.decisions);
        let layers = layers(&self.template, architecture.choices(), naming);
        layers.map_err(|fault| fault.in_file(&self.file))
    }

    fn lower_named(
        &self,
        architecture: &Architecture,
        naming: Naming<'_>,
    ) -> Result<Graph, SpaceError> {
        let graph = lower(&self.template, architecture.choices(), naming);
        graph.map_err(|fault| fault.in_file(&self.file))
    }
}
