//! The chain of layers against whole networks and against lists of all architectures.

use std::collections::{BTreeMap, BTreeSet};

use bespoke_graph::Graph;
use bespoke_space::{Architecture, Chain, ExpandError, Expanded, Piece, PieceId, Space};

use crate::{builtin, rng, space};

/// 2 x 3 x (1 + 2 x (2 + 6) + 2 x (2 + 6)^2) = 870 architectures in which layers remember much: settings that hold for
/// a stage, a shared activation, a depth that leaves the stage out, settings that only one block takes, and an input and
/// channels that change shapes.
pub fn winding() -> Space {
    let text = r#"
name = "winding"
source = "none"
classes = 4
[input]
channels = 3
resolution = { choose = [8, 12] }
[shared]
activation = { choose = ["relu", "none", "silu"] }
[[stage]]
name = "body"
block = { choose = ["depthwise_separable", "mbconv"] }
repeat = { choose = [0, 1, 2] }
identical = ["se"]
channels = 4
kernel = { choose = [1, 3] }
expand = { choose = [1, 2, 3] }
se = { choose = [0, 0.5] }
[[stage]]
name = "last"
block = "conv"
channels = 6
activation = { use = "activation" }
[[stage]]
name = "pool"
block = "global_pool"
[[stage]]
name = "head"
block = "classifier"
hidden = 5
activation = { use = "activation" }
"#;
    Space::parse("winding.toml", text).expect("a valid space")
}

/// A network as a multiset of what its nodes compute, names and the input left out.
fn operators<'a>(graphs: impl IntoIterator<Item = &'a Graph>) -> BTreeMap<String, usize> {
    let mut operators = BTreeMap::new();
    for graph in graphs {
        for node in &graph.nodes()[1..] {
            let inputs = node.inputs.iter().map(|id| &graph.node(*id).shape);
            let inputs: Vec<_> = inputs.collect();
            let operator = format!("{:?} {inputs:?} {:?}", node.op, node.shape);
            *operators.entry(operator).or_default() += 1;
        }
    }
    operators
}

fn trace(chain: &mut Chain, architecture: &Architecture) -> Vec<PieceId> {
    let mut pieces = Vec::new();
    let traced = chain.trace(architecture, &mut pieces);
    traced.expect("an architecture that lowers");
    pieces
}

/// Some cost without pattern that floats hold exactly, of either sign.
fn cost(piece: PieceId) -> f64 {
    let mixed = (piece.index() as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
    mixed as f64 / 64.0 - 8192.0
}

fn sum(pieces: &[PieceId]) -> f64 {
    pieces.iter().fold(0.0, |sum, piece| sum + cost(*piece))
}

/// Every path's transitions.
fn all_paths(expanded: &Expanded) -> Vec<Vec<usize>> {
    let mut paths: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new())];
    for _ in expanded.layers() {
        let longer = paths.iter().flat_map(|(state, path)| {
            expanded.outgoing(*state).map(move |transition| {
                let next = expanded.transitions()[transition].next;
                (next, [path.as_slice(), &[transition]].concat())
            })
        });
        paths = longer.collect();
    }
    paths.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn pieces_after_each_other_are_the_lowered_network() {
    let builtins = Space::builtin_names().map(builtin);
    for space in builtins.chain([winding()]) {
        let mut chain = space.chain();
        let mut rng = rng(11);
        for _ in 0..20 {
            let architecture = space.sample(&mut rng);
            let whole = space.lower(&architecture).expect("a network");
            let ids = trace(&mut chain, &architecture);
            let pieces: Vec<&Graph> = ids.iter().map(|id| &chain.piece(*id).graph).collect();
            let text = space.format_architecture(&architecture);
            assert_eq!(operators(pieces.clone()), operators([&whole]), "{text}");
            let costs = pieces.iter().map(|piece| piece.cost());
            let sums = costs.fold([0; 3], |[parameters, macs, flops], cost| {
                [
                    parameters + cost.parameters,
                    macs + cost.macs,
                    flops + cost.flops,
                ]
            });
            let cost = whole.cost();
            assert_eq!(sums, [cost.parameters, cost.macs, cost.flops], "{text}");
            let mut shape = whole.input_shape();
            for piece in pieces {
                assert_eq!(piece.input_shape(), shape, "{text}");
                shape = piece.output_shape();
            }
            assert_eq!(shape, whole.output_shape(), "{text}");
        }
    }
}

#[test]
fn known_pieces_are_found_again_and_equal_ones_are_one() {
    let space = builtin("fbnet");
    let mut chain = space.chain();
    let mut rng = rng(12);
    let architectures: Vec<Architecture> = (0..200).map(|_| space.sample(&mut rng)).collect();
    let first: Vec<_> = architectures.iter().map(|a| trace(&mut chain, a)).collect();
    let known = chain.pieces().to_vec();
    let second: Vec<_> = architectures.iter().map(|a| trace(&mut chain, a)).collect();
    assert_eq!(first, second);
    assert_eq!(chain.pieces(), known);
    for (index, piece) in known.iter().enumerate() {
        let is_equal = |other: &&Piece| {
            other.block == piece.block
                && operators([&other.graph]) == operators([&piece.graph])
                && other.graph.input_shape() == piece.graph.input_shape()
        };
        assert_eq!(known.iter().position(|other| is_equal(&other)), Some(index));
    }
    // Three layers of stage 2 have the shapes of stage 2 before and after them, and the same nine operators.
    let same = ["skip"; 22].join("|");
    let skips = space.parse_architecture(&same).expect("an architecture");
    let ids = trace(&mut chain, &skips);
    assert_eq!([ids[3], ids[4]], [ids[5]; 2]);
    assert_ne!(ids[2], ids[3]);
    let piece = chain.piece(ids[3]);
    assert_eq!((piece.block, piece.graph.nodes().len()), ("skip", 1));
}

#[test]
fn pieces_bear_the_name_of_the_first_layer_that_has_them() {
    let space = winding();
    let mut chain = space.chain();
    let deep = space.parse_architecture(
        "input.resolution=8,activation=relu,body.repeat=2,body.se=0,body.layer1.block=mbconv,body.layer1.kernel=3,body.layer1.expand=2,body.layer2.block=mbconv,body.layer2.kernel=3,body.layer2.expand=2",
    );
    let ids = trace(&mut chain, &deep.expect("an architecture"));
    let pieces = ids.iter().map(|id| chain.piece(*id));
    let names: Vec<_> = pieces.map(|p| (p.layer.as_str(), p.block)).collect();
    assert_eq!(
        names,
        [
            ("body.layer1", "mbconv"),
            ("body.layer2", "mbconv"),
            ("last", "conv"),
            ("pool", "global_pool"),
            ("head", "classifier")
        ]
    );
}

#[test]
fn paths_are_as_many_as_architectures() {
    for name in Space::builtin_names() {
        let space = builtin(name);
        // Three of the six edges of NAS-Bench-201's cell are enough, and one of ElasticViT's six resolutions: all of them
        // take long without optimisation.
        let is_left_out = |decision: usize| match name {
            "nasbench201" => decision > 2,
            "elasticvit" => space.decisions()[decision].path() == "input.resolution",
            _ => false,
        };
        let allows = |decision, option| !is_left_out(decision) || option == 3;
        let expanded = space.chain().expand_where(allows).expect("small enough");
        let size = match name {
            "nasbench201" => "125".to_owned(),
            "elasticvit" => (54_487_280_517_120_000_u64 / 6).to_string(),
            _ => space.size(),
        };
        assert_eq!(expanded.paths(), size, "{name}");
    }
}

#[test]
fn every_architecture_is_exactly_one_path() {
    let space = winding();
    let mut chain = space.chain();
    let expanded = chain.expand().expect("small enough");
    let paths = all_paths(&expanded);
    assert_eq!(paths.len(), 870);
    assert_eq!(expanded.paths(), "870");
    let mut architectures = BTreeSet::new();
    for path in paths {
        let architecture = expanded.architecture(&path).expect("a path");
        let active = space.active(&architecture);
        let options = path
            .iter()
            .flat_map(|transition| expanded.options(*transition));
        let options: BTreeMap<usize, u16> = options.collect();
        for (decision, is_active) in active.into_iter().enumerate() {
            let option = is_active.then_some(&architecture.choices()[decision]);
            assert_eq!(options.get(&decision), option);
        }
        let pieces = path
            .iter()
            .map(|transition| expanded.transitions()[*transition].piece);
        let pieces: Vec<PieceId> = pieces.flatten().collect();
        assert_eq!(trace(&mut chain, &architecture), pieces);
        architectures.insert(architecture);
    }
    assert_eq!(architectures, space.architectures().collect());
}

#[test]
fn what_was_traced_before_does_not_change_the_expanded_chain() {
    let space = winding();
    let fresh = space.chain().expand().expect("small enough");
    let mut chain = space.chain();
    let mut rng = rng(13);
    for _ in 0..30 {
        trace(&mut chain, &space.sample(&mut rng));
    }
    let known = chain.expand().expect("small enough");
    assert_eq!(known.layers(), fresh.layers());
    assert_eq!(known.transitions().len(), fresh.transitions().len());
    for (index, (one, other)) in known
        .transitions()
        .iter()
        .zip(fresh.transitions())
        .enumerate()
    {
        assert_eq!(
            (one.next, one.piece.is_some()),
            (other.next, other.piece.is_some())
        );
        assert!(known.options(index).eq(fresh.options(index)));
    }
}

#[test]
fn states_are_numbered_in_the_order_of_their_layers() {
    let expanded = winding().chain().expand().expect("small enough");
    let names: Vec<&str> = expanded.layers().iter().map(|l| l.name.as_str()).collect();
    let expected = [
        "input",
        "body.layer1",
        "body.layer2",
        "last",
        "pool",
        "head",
    ];
    assert_eq!(names, expected);
    let mut states = 0;
    let mut transitions = 0;
    for layer in expanded.layers() {
        assert_eq!(layer.states.start, states);
        states = layer.states.end;
        for state in layer.states.clone() {
            assert_eq!(expanded.outgoing(state).start, transitions);
            transitions = expanded.outgoing(state).end;
            for transition in &expanded.transitions()[expanded.outgoing(state)] {
                assert!(transition.next >= states);
            }
        }
    }
    assert_eq!(expanded.states(), states + 1);
    assert_eq!(expanded.transitions().len(), transitions);
    assert!(expanded.outgoing(states).is_empty());
}

#[test]
fn least_and_greatest_are_those_of_all_architectures() {
    let shared_cell = space(
        "[shared.cell]\nkind = \"cell\"\n[shared.cell.edges]\n0-1 = { choose = [\"none\", \"nor_conv_1x1\", \"skip_connect\"] }\n0-2 = { choose = [\"none\", \"avg_pool_3x3\"] }\n1-2 = { choose = [\"none\", \"nor_conv_3x3\"] }\n[[stage]]\nblock = { use = \"cell\" }\nrepeat = { choose = [1, 3] }\n[[stage]]\nblock = \"residual\"\nchannels = 4\nstride = 2\n[[stage]]\nblock = { use = \"cell\" }\n",
    );
    for space in [winding(), shared_cell] {
        let mut chain = space.chain();
        let expanded = chain.expand().expect("small enough");
        let all: Vec<f64> = space
            .architectures()
            .map(|architecture| sum(&trace(&mut chain, &architecture)))
            .collect();
        let (least, at_least) = expanded.least(cost);
        let (greatest, at_greatest) = expanded.greatest(cost);
        assert_eq!(all.iter().copied().reduce(f64::min), Some(least));
        assert_eq!(all.iter().copied().reduce(f64::max), Some(greatest));
        assert_eq!(sum(&trace(&mut chain, &at_least)), least);
        assert_eq!(sum(&trace(&mut chain, &at_greatest)), greatest);
        assert!(least < greatest);
    }
}

#[test]
fn options_that_are_not_allowed_are_on_no_path() {
    let space = winding();
    let decision = |path: &str| {
        let position = space.decisions().iter().position(|d| d.path() == path);
        position.expect("a decision")
    };
    // Where the second layer does not exist, its kernel is no obstacle.
    let kernel = decision("body.layer2.kernel");
    let allows = |decision, option| decision != kernel || option == 1;
    let expanded = space.chain().expand_where(allows).expect("small enough");
    let found = all_paths(&expanded)
        .iter()
        .map(|p| expanded.architecture(p))
        .collect();
    let meant = space.architectures().filter(|architecture| {
        !space.active(architecture)[kernel] || architecture.choices()[kernel] == 1
    });
    let meant: BTreeSet<Option<Architecture>> = meant.map(Some).collect();
    assert!(meant.len() < space.architectures().count());
    assert_eq!(meant, found);
    let error = space.chain().expand_where(|decision, _| decision != kernel);
    assert_eq!(
        error.expect_err("nothing is left").to_string(),
        "no option of `body.layer2.kernel` is allowed"
    );
}

#[test]
fn transitions_that_do_not_meet_are_no_path() {
    let expanded = winding().chain().expand().expect("small enough");
    let path = all_paths(&expanded).remove(0);
    assert!(expanded.architecture(&path).is_some());
    assert_eq!(expanded.architecture(&path[1..]), None);
    assert_eq!(expanded.architecture(&path[..path.len() - 1]), None);
    assert_eq!(
        expanded.architecture(&[path.as_slice(), &path[..1]].concat()),
        None
    );
    assert_eq!(expanded.architecture(&[]), None);
}

#[test]
fn layers_that_remember_too_much_are_refused() {
    let edges: String = (1..=11)
        .map(|to| format!("0-{to} = {{ use = \"operation\" }}\n"))
        .collect();
    let operations = "\"none\", \"skip_connect\", \"nor_conv_1x1\", \"avg_pool_3x3\"";
    let space = space(&format!(
        "[define]\noperation = {{ choose = [{operations}] }}\n[shared.cell]\nkind = \"cell\"\n[shared.cell.edges]\n{edges}[[stage]]\nname = \"cells\"\nrepeat = 2\nblock = {{ use = \"cell\" }}\n"
    ));
    assert_eq!(space.size(), "4194304");
    let mut chain = space.chain();
    let traced = trace(&mut chain, &space.sample(&mut rng(14)));
    assert_eq!(traced.len(), 4);
    assert_eq!(refused_layer(chain.expand()), "cells.layer1");
    // With five edges fixed, 4^6 cells are left: the three that follow have one transition for each state.
    let fixed = chain.expand_where(|decision, option| decision < 6 || option == 1);
    assert_eq!(fixed.expect("small enough").paths(), "4096");
}

#[test]
fn layers_that_many_shapes_come_to_are_refused() {
    let numbers = |of: &dyn Fn(u32) -> String| (1..=256).map(of).collect::<Vec<_>>().join(", ");
    let space = space(&format!(
        "[shared]\nexpand = {{ choose = [{}] }}\nse = {{ choose = [{}] }}\n[[stage]]\nblock = \"conv\"\nchannels = {{ choose = [{}] }}\n[[stage]]\nname = \"body\"\nblock = \"mbconv\"\nrepeat = {{ choose = [0, 1] }}\nchannels = 4\nexpand = {{ use = \"expand\" }}\nse = {{ use = \"se\" }}\n",
        numbers(&|n| format!("{}", 1.0 + f64::from(n) / 256.0)),
        numbers(&|n| format!("{}", f64::from(n) / 256.0)),
        numbers(&|n| n.to_string()),
    ));
    let depth = |decision: usize| space.decisions()[decision].path() == "body.repeat";
    let expanded = space
        .chain()
        .expand_where(|decision, option| !depth(decision) || option == 0);
    assert_eq!(refused_layer(expanded), "body.layer1");
}

fn refused_layer(expanded: Result<Expanded, ExpandError>) -> String {
    match expanded.expect_err("too many transitions") {
        ExpandError::TooLarge { layer, most, .. } => {
            assert_eq!(most, Chain::MAX_TRANSITIONS);
            layer
        }
        other => panic!("{other}"),
    }
}

#[test]
fn architectures_whose_layers_do_not_fit_are_faults_of_the_file() {
    // Every option fits in some network, but 9 channels do not divide into 2 groups.
    let space = space(
        "[[stage]]\nblock = \"conv\"\nchannels = { choose = [8, 9] }\n[[stage]]\nname = \"grouped\"\nblock = \"conv\"\nchannels = 6\ngroups = { choose = [2, 3] }\n",
    );
    let mut chain = space.chain();
    for architecture in space.architectures() {
        let mut pieces = Vec::new();
        let traced = chain.trace(&architecture, &mut pieces);
        assert_eq!(traced, space.lower(&architecture).map(drop));
        assert_eq!(pieces.len(), if traced.is_ok() { 4 } else { 1 });
    }
    assert!(matches!(chain.expand(), Err(ExpandError::Space(_))));
}
