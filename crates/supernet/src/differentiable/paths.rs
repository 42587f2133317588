//! The layers of a space in which blocks are chosen.

use bespoke_graph::Graph;
use bespoke_net::{Mixture, pass_bytes};
use bespoke_space::{Architecture, Space};

use crate::SupernetError;

/// A space whose every decision chooses the block of one layer, as those of FBNet and ProxylessNAS: a sequence of layers,
/// each with one path or more between values of the same shapes.
#[derive(Debug, Clone)]
pub struct Paths {
    space: Space,
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    /// The live graph of each path.
    paths: Vec<Graph>,
    /// The decision that chooses among them.
    decision: Option<usize>,
}

// === impl Paths ===

impl Paths {
    /// Reads the layers of a space.
    ///
    /// # Errors
    /// Names a decision that does not choose the block of one layer, or whose blocks have other shapes.
    pub fn new(space: Space) -> Result<Self, SupernetError> {
        let none = space.decisions().iter().map(|_| 0).collect::<Vec<u16>>();
        let first = architecture(&space, &none)?;
        if let Some(inactive) = space.active(&first).iter().position(|active| !active) {
            return Err(refused(&space, inactive, "lies inside of another choice"));
        }
        let live = |layers: Vec<Graph>| layers.iter().map(Graph::live).collect::<Vec<_>>();
        let base = live(space.layers(&first)?);
        let mut layers: Vec<Layer> = base.iter().map(|graph| Layer::of(graph.clone())).collect();
        for (decision, options) in space.decisions().iter().enumerate() {
            let mut found = Vec::new();
            for option in 0..options.options().len() {
                let mut choices = none.clone();
                choices[decision] =
                    u16::try_from(option).expect("the number of options is bounded");
                let others = live(space.layers(&architecture(&space, &choices)?)?);
                let place = differing(&base, &others)
                    .map_err(|reason| refused(&space, decision, reason))?;
                found.push((place, others));
            }
            let place = found.iter().find_map(|(place, _)| *place);
            let place = place.ok_or_else(|| refused(&space, decision, "changes no layer"))?;
            if layers[place].decision.is_some() {
                return Err(refused(
                    &space,
                    decision,
                    "is not the only choice of its layer",
                ));
            }
            layers[place] = Layer {
                paths: found
                    .into_iter()
                    .map(|(_, mut layers)| layers.swap_remove(place))
                    .collect(),
                decision: Some(decision),
            };
        }
        Ok(Self { space, layers })
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Number of paths of each layer that has a choice, in the order of the space's decisions.
    pub fn choices(&self) -> Vec<usize> {
        let decisions = self.space.decisions().iter();
        decisions.map(|decision| decision.options().len()).collect()
    }

    /// The live graphs of all paths of all layers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Graph> {
        self.layers.iter().flat_map(|layer| &layer.paths)
    }

    /// Bytes that a pass keeps at least when so many paths of each layer are computed, the largest ones.
    pub(crate) fn pass_bytes(&self, batch_size: usize, paths: usize) -> u64 {
        let of_layer = |layer: &Layer| -> u64 {
            let bytes = |path| pass_bytes(path, batch_size);
            let mut bytes: Vec<u64> = layer.paths.iter().map(bytes).collect();
            bytes.sort_unstable_by(|a, b| b.cmp(a));
            let computed = bytes.into_iter().take(paths);
            computed.fold(0, u64::saturating_add)
        };
        let layers = self.layers.iter().map(of_layer);
        layers.fold(0, u64::saturating_add)
    }

    /// The architecture with these options.
    pub(crate) fn architecture(&self, choices: &[usize]) -> Architecture {
        let choices: Vec<u16> = choices
            .iter()
            .map(|option| u16::try_from(*option).expect("the number of options is bounded"))
            .collect();
        let architecture = self.space.architecture(&choices);
        architecture.expect("every decision is active and has the option")
    }

    /// The network in which each layer with a choice is the sum of the paths given, each times its gate.
    pub(crate) fn mixed(&self, gates: &[Vec<(usize, f64)>]) -> Vec<Mixture> {
        let mixture = |layer: &Layer| match layer.decision {
            None => Mixture {
                paths: layer.paths.clone(),
                gates: vec![1.0],
            },
            Some(decision) => Mixture {
                paths: gates[decision]
                    .iter()
                    .map(|(path, _)| layer.paths[*path].clone())
                    .collect(),
                gates: gates[decision].iter().map(|(_, gate)| *gate).collect(),
            },
        };
        self.layers.iter().map(mixture).collect()
    }

    /// Of what is told for every layer, that of the layers with a choice, in the order of the decisions.
    pub(crate) fn of_choices<T: Clone + Default>(&self, layers: &[T]) -> Vec<T> {
        let mut of_choices = vec![T::default(); self.space.decisions().len()];
        for (layer, told) in self.layers.iter().zip(layers) {
            if let Some(decision) = layer.decision {
                of_choices[decision] = told.clone();
            }
        }
        of_choices
    }
}

impl Layer {
    fn of(graph: Graph) -> Self {
        Self {
            paths: vec![graph],
            decision: None,
        }
    }
}

// === helpers ===

fn architecture(space: &Space, choices: &[u16]) -> Result<Architecture, SupernetError> {
    let chosen = space.architecture(choices);
    chosen.ok_or_else(|| SupernetError::Setting {
        key: "space",
        reason: "has a choice that depends on another".to_owned(),
    })
}

/// The one layer in which two networks differ, if any.
fn differing(base: &[Graph], others: &[Graph]) -> Result<Option<usize>, &'static str> {
    if base.len() != others.len() {
        return Err("changes the number of layers");
    }
    let mut places = (0..base.len()).filter(|at| base[*at] != others[*at]);
    let place = places.next();
    if places.next().is_some() {
        return Err("changes more than one layer");
    }
    match place.filter(|at| base[*at].output_shape() != others[*at].output_shape()) {
        Some(_) => Err("chooses between blocks that give values of other shapes"),
        None => Ok(place),
    }
}

fn refused(space: &Space, decision: usize, reason: &str) -> SupernetError {
    SupernetError::Setting {
        key: "space",
        reason: format!(
            "cannot be searched by its blocks: `{}` {reason}",
            space.decisions()[decision].path()
        ),
    }
}
