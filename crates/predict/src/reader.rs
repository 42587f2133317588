//! Networks of one space, read quickly: a layer is looked at once, however many networks have it.

use std::collections::HashMap;

use bespoke_graph::{Graph, NodeId, Op};
use bespoke_space::{Architecture, Chain, PieceId, Space};

use crate::{
    Network, PredictError,
    features::{Counted, Features, Key, Level},
};

/// Reads the networks of one space. What it has seen of the space it remembers.
#[derive(Debug, Clone)]
pub struct Reader {
    chain: Chain,
    /// Whether networks are read without their dead code.
    is_live: bool,
    /// What every network ends in behind the layers of the space.
    ending: Option<Graph>,
    /// By piece.
    parts: Vec<Part>,
    /// Of the ending.
    last: Option<Part>,
    keys: Vec<Key>,
    numbers: HashMap<Key, u32>,
    /// One sum for each key, zero between networks.
    sums: Vec<f64>,
    pieces: Vec<PieceId>,
}

/// What a piece adds to the features of a network.
#[derive(Debug, Clone)]
struct Part {
    flops: u64,
    raw: Sums,
    used: Sums,
    /// Whether anything before the piece is used through it.
    uses_input: bool,
    fed: Live,
    /// The same piece where nothing but zeros comes in; looked at when that first happens.
    starved: Option<Live>,
}

/// A piece's live graph.
#[derive(Debug, Clone)]
struct Live {
    all: Sums,
    distinct: Sums,
    path: Sums,
    uses_input: bool,
    gives_zeros: bool,
}

/// Sums by the numbers of their keys.
type Sums = Vec<(u32, f64)>;

// === impl Reader ===

impl Reader {
    /// A reader of networks as they are written, dead code included: what published latencies are of.
    pub fn new(space: &Space) -> Self {
        Self {
            chain: space.chain(),
            is_live: false,
            ending: None,
            parts: Vec::new(),
            last: None,
            keys: Vec::new(),
            numbers: HashMap::new(),
            sums: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// A reader of networks without their dead code.
    pub fn live(space: &Space) -> Self {
        Self {
            is_live: true,
            ..Self::new(space)
        }
    }

    /// A reader of networks as they are deployed, which is what is measured here: nothing is left of dead code, and the
    /// outputs are probabilities.
    pub fn deployed(space: &Space) -> Self {
        let (builder, input) = Graph::builder(&[space.classes()]);
        let scores = builder.finish(input).expect("an input is a graph");
        let ending = scores.with_probabilities();
        let ending = ending.expect("scores of classes have probabilities");
        let mut reader = Self::live(space);
        reader.last = Some(reader.part(&ending));
        reader.ending = Some(ending);
        reader
    }

    /// The space.
    pub fn space(&self) -> &Space {
        self.chain.space()
    }

    /// The network of an architecture, in a fraction of the time that lowering and counting it takes.
    ///
    /// # Errors
    /// When the architecture does not lower to a graph.
    pub fn network(&mut self, architecture: &Architecture) -> Result<Network, PredictError> {
        let mut features = Features::default();
        for (level, sums) in Level::ALL.into_iter().zip(self.trace(architecture)?) {
            features.set_sorted(level, sums);
        }
        if self.is_live {
            features.drop_dead();
        }
        let flops = self
            .pieces
            .iter()
            .map(|piece| self.parts[piece.index()].flops);
        let flops = flops.chain(self.last.as_ref().map(|last| last.flops));
        Ok(Network::new(architecture.clone(), flops.sum(), features))
    }

    /// Replaces the contents of `pieces` by those of an architecture, all of which are looked at then.
    pub(crate) fn pieces(
        &mut self,
        architecture: &Architecture,
        pieces: &mut Vec<PieceId>,
    ) -> Result<(), PredictError> {
        self.chain.trace(architecture, pieces)?;
        self.look_at_new_pieces();
        Ok(())
    }

    /// How many pieces were looked at.
    pub(crate) fn seen(&self) -> usize {
        self.parts.len()
    }

    /// The features of a piece by itself, where it hands something on of all that comes to it: it is neither dead nor
    /// makes another so, as long as the others are like it.
    pub(crate) fn whole(&self, piece: usize) -> Option<Features> {
        let part = &self.parts[piece];
        let is_whole = part.uses_input && part.fed.uses_input && !part.fed.gives_zeros;
        is_whole.then(|| self.features(&self.chain.pieces()[piece].graph))
    }

    /// The features of what every network ends in behind its pieces.
    pub(crate) fn ending(&self) -> Features {
        let ending = self.ending.as_ref();
        ending.map_or_else(Features::default, |graph| self.features(graph))
    }

    fn features(&self, graph: &Graph) -> Features {
        let mut features = Features::of(graph);
        if self.is_live {
            features.drop_dead();
        }
        features
    }

    /// The sums at each level, in the order of their keys.
    fn trace(
        &mut self,
        architecture: &Architecture,
    ) -> Result<[Vec<(Key, f64)>; Level::ALL.len()], PredictError> {
        let mut pieces = std::mem::take(&mut self.pieces);
        self.pieces(architecture, &mut pieces)?;
        let parts: Vec<usize> = pieces.iter().map(|piece| piece.index()).collect();
        self.pieces = pieces;
        let (used, lives) = (self.used(&parts), self.lives(&parts));
        let mut adder = Adder {
            sums: &mut self.sums,
            touched: Vec::new(),
            keys: &self.keys,
        };
        let all = &self.parts;
        let (raw, used) = (parts.iter(), used.iter());
        let raw = raw.map(|part| &all[*part]).chain(&self.last);
        let used = used.map(|part| &all[*part]).chain(&self.last);
        let live = lives.iter();
        let live = live.map(|(part, is_starved)| all[*part].live(*is_starved));
        let live = live.chain(self.last.as_ref().map(|last| &last.fed));
        Ok([
            adder.total(raw.map(|part| &part.raw)),
            adder.total(used.map(|part| &part.used)),
            adder.total(live.clone().map(|live| &live.all)),
            adder.total(live.clone().map(|live| &live.distinct)),
            adder.total(live.map(|live| &live.path)),
        ])
    }

    /// The parts that the output depends on, from the last.
    fn used(&self, parts: &[usize]) -> Vec<usize> {
        let mut used = Vec::with_capacity(parts.len());
        for part in parts.iter().rev() {
            used.push(*part);
            if !self.parts[*part].uses_input {
                break;
            }
        }
        used
    }

    /// The parts that are live, from the last, and whether nothing but zeros comes to each.
    fn lives(&mut self, parts: &[usize]) -> Vec<(usize, bool)> {
        let mut is_starved = false;
        let mut with_input = Vec::with_capacity(parts.len());
        for part in parts {
            with_input.push((*part, is_starved));
            if is_starved && self.parts[*part].starved.is_none() {
                let starved = starved(&self.chain.pieces()[*part].graph);
                self.parts[*part].starved = Some(self.live_part(&Counted::of(&starved)));
            }
            is_starved = self.parts[*part].live(is_starved).gives_zeros;
        }
        let mut live = Vec::with_capacity(parts.len());
        for (part, is_starved) in with_input.into_iter().rev() {
            live.push((part, is_starved));
            if is_starved || !self.parts[part].fed.uses_input {
                break;
            }
        }
        live
    }

    fn look_at_new_pieces(&mut self) {
        for index in self.parts.len()..self.chain.pieces().len() {
            let graph = self.chain.pieces()[index].graph.clone();
            let part = self.part(&graph);
            self.parts.push(part);
        }
    }

    fn part(&mut self, graph: &Graph) -> Part {
        let counted = Counted::of(graph);
        Part {
            flops: graph.cost().flops,
            raw: self.numbers_of(counted.features.at(Level::Raw)),
            used: self.numbers_of(counted.features.at(Level::Used)),
            uses_input: counted.uses_input,
            fed: self.live_part(&counted),
            starved: None,
        }
    }

    fn live_part(&mut self, counted: &Counted) -> Live {
        Live {
            all: self.numbers_of(counted.features.at(Level::Live)),
            distinct: self.numbers_of(counted.features.at(Level::Distinct)),
            path: self.numbers_of(counted.features.at(Level::Path)),
            uses_input: counted.live_uses_input,
            gives_zeros: counted.gives_zeros,
        }
    }

    fn numbers_of(&mut self, sums: &[(Key, f64)]) -> Sums {
        let number = |(key, sum): &(Key, f64)| {
            let next = u32::try_from(self.keys.len()).expect("there are fewer keys");
            let number = *self.numbers.entry(*key).or_insert(next);
            if number == next {
                self.keys.push(*key);
                self.sums.push(0.0);
            }
            (number, *sum)
        };
        sums.iter().map(number).collect()
    }
}

/// Adds sums up.
struct Adder<'a> {
    sums: &'a mut Vec<f64>,
    touched: Vec<u32>,
    keys: &'a [Key],
}

// === impl Adder ===

impl Adder<'_> {
    fn total<'p>(&mut self, parts: impl Iterator<Item = &'p Sums>) -> Vec<(Key, f64)> {
        for (number, amount) in parts.flatten() {
            let sum = &mut self.sums[*number as usize];
            if *sum == 0.0 {
                self.touched.push(*number);
            }
            *sum += amount;
        }
        let take = |number: u32| {
            let sum = std::mem::take(&mut self.sums[number as usize]);
            (self.keys[number as usize], sum)
        };
        let mut total: Vec<(Key, f64)> = self.touched.drain(..).map(take).collect();
        total.sort_unstable_by_key(|(key, _)| *key);
        total
    }
}

// === impl Part ===

impl Part {
    fn live(&self, is_starved: bool) -> &Live {
        match (&self.starved, is_starved) {
            (Some(starved), true) => starved,
            _ => &self.fed,
        }
    }
}

/// The same graph, fed with zeros.
fn starved(graph: &Graph) -> Graph {
    let shape = graph.input_shape().dims();
    let (mut builder, input) = Graph::builder(shape);
    let zeros = Op::Zeros {
        shape: shape.to_vec(),
    };
    let mut ids: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
    let fits = "the shapes are those of the graph, where they fitted";
    ids.push(
        builder
            .push("starved.input", zeros, &[input; 0])
            .expect(fits),
    );
    for node in &graph.nodes()[1..] {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|id| ids[id.index()]).collect();
        ids.push(
            builder
                .push(node.name.clone(), node.op.clone(), &inputs)
                .expect(fits),
        );
    }
    builder.finish(ids[graph.output().index()]).expect(fits)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Sums may be added in another order.
    fn assert_alike(a: &Network, b: &Network, what: &str) {
        for level in Level::ALL {
            let (a, b) = (a.features().at(level), b.features().at(level));
            assert_eq!(a.len(), b.len(), "{what} at {level:?}");
            for ((key, sum), (other, expected)) in a.iter().zip(b) {
                assert_eq!(key, other, "{what} at {level:?}");
                let close = (sum - expected).abs() <= 1e-9 * expected;
                assert!(close, "{what} at {level:?}, {key:?}: {sum}, not {expected}");
            }
        }
    }

    #[test]
    fn read_in_pieces_a_network_is_what_its_graph_is() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for name in Space::builtin_names() {
            let space = Space::builtin(name).expect("it comes with the program");
            let mut reader = Reader::new(&space);
            for _ in 0..10 {
                let architecture = space.sample(&mut rng);
                let read = reader.network(&architecture).expect("it lowers");
                let whole = Network::of(&space, &architecture).expect("it lowers");
                assert_alike(&read, &whole, &space.format_architecture(&architecture));
            }
        }
    }

    #[test]
    fn read_as_it_is_deployed_a_network_is_what_is_measured_of_it() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for name in Space::builtin_names() {
            let space = Space::builtin(name).expect("it comes with the program");
            let mut reader = Reader::deployed(&space);
            for _ in 0..10 {
                let architecture = space.sample(&mut rng);
                let read = reader.network(&architecture).expect("it lowers");
                let graph = space.lower(&architecture).expect("it lowers").live();
                let deployed = graph.with_probabilities().expect("it ends in classes");
                let what = space.format_architecture(&architecture);
                assert_alike(&read, &Network::from(&deployed), &what);
            }
        }
    }

    #[test]
    fn dead_cells_cut_off_what_is_before_them() {
        let space = Space::builtin("nasbench201").expect("it comes with the program");
        let mut reader = Reader::new(&space);
        for text in [
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
            "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
            "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|",
        ] {
            let architecture = space.parse_architecture(text).expect("a cell");
            let read = reader.network(&architecture).expect("it lowers");
            let whole = Network::of(&space, &architecture).expect("it lowers");
            assert_alike(&read, &whole, text);
        }
    }
}
