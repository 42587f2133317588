//! What the operators of a piece are called in each layout.

use bespoke_graph::{Activation, Graph, Node, Op};
use bespoke_space::Piece;

use super::{Layout, Operator, bottleneck::Bottleneck, fbnet_key};

/// What a layout makes of a piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    pub operators: Vec<Operator>,
    /// How much of each operator the piece takes.
    pub share: f64,
}

/// Where a piece stands, as far as keys depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Classes that the network tells apart.
    pub classes: usize,
    /// Numbers, from 1, of the layers that have it, among those that decide something.
    pub rows: &'a [usize],
}

/// The operators of a piece, or why the layout has no key for it.
pub(super) fn parts(layout: Layout, piece: &Piece, place: Place<'_>) -> Result<Parts, String> {
    if layout == Layout::Fbnet {
        return fbnet(piece, place.rows);
    }
    let operators = match (layout, piece.block) {
        (Layout::Content, block) => by_content(block, &piece.graph),
        (_, "conv") => convolution(&piece.graph)?,
        (Layout::OnceForAll, "mbconv") => expanded_by_channels(&piece.graph)?,
        (Layout::OnceForAll, "global_pool") => {
            let (input, output) = ends(&piece.graph)?;
            let key = format!("AvgPool2D-input:{input}-output:{output}");
            vec![whole(key, &piece.graph)]
        }
        (Layout::OnceForAll, "classifier") => dense(&piece.graph),
        (Layout::ProxylessNas, "mbconv") => expanded_by_ratio(&piece.graph)?,
        (Layout::ProxylessNas, "global_pool") => logits(&piece.graph, place.classes)?,
        (Layout::ProxylessNas, "classifier") => counted_with_the_pooling(&piece.graph)?,
        _ if does_nothing(&piece.graph) => Vec::new(),
        (_, block) => return Err(format!("there is none for the block `{block}`")),
    };
    Ok(Parts {
        operators,
        share: 1.0,
    })
}

// === any space ===

/// The block, the shapes at both ends and the content hash of the live graph; of a cell, whose edges decide for
/// themselves, each operator that runtimes do not fuse with another.
fn by_content(block: &str, graph: &Graph) -> Vec<Operator> {
    let live = graph.live();
    let graphs = match block {
        _ if does_nothing(&live) => Vec::new(),
        "cell" => fused(&live),
        _ => vec![live],
    };
    let operator = |graph: Graph| {
        let dims = |dims: &[usize]| {
            let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
            dims.join("x")
        };
        let input = dims(graph.input_shape().dims());
        let output = dims(graph.output_shape().dims());
        let key = format!("{block}-input:{input}-output:{output}-{}", graph.hash());
        Operator { key, graph }
    };
    graphs.into_iter().map(operator).collect()
}

/// The operators of a graph one by one, but a convolution with the activation that it alone reads and the normalisation
/// behind it. What adds two values adds one to itself when it stands by itself.
fn fused(graph: &Graph) -> Vec<Graph> {
    let nodes = graph.nodes();
    let readers = |name: &str| {
        let reads = |node: &&Node| node.inputs.iter().any(|id| graph.node(*id).name == name);
        nodes.iter().filter(reads).count()
    };
    let mut groups: Vec<Vec<&Node>> = Vec::new();
    for node in nodes {
        if matches!(node.op, Op::Input { .. } | Op::Zeros { .. }) {
            continue;
        }
        let before = node.inputs.first().map(|id| graph.node(*id));
        let joins = before.is_some_and(|before| match (&before.op, &node.op) {
            (Op::Conv(_), Op::BatchNorm { .. }) => true,
            (Op::Activation(_), Op::Conv(_)) => readers(&before.name) == 1,
            _ => false,
        });
        let is_last = |group: &&mut Vec<&Node>| {
            let last = group.last().map(|last| &last.name);
            joins && last == before.map(|before| &before.name)
        };
        match groups.iter_mut().find(is_last) {
            Some(group) => group.push(node),
            None => groups.push(vec![node]),
        }
    }
    let input = |group: &[&Node]| {
        let id = group.first().and_then(|node| node.inputs.first());
        id.map(|id| graph.node(*id).shape.dims().to_vec())
    };
    let groups = groups.iter().filter_map(|group| {
        let operators = group.iter().map(|node| (&node.op, node.inputs.len()));
        Some(chain(&input(group)?, operators))
    });
    groups.collect()
}

// === once-for-all and ProxylessNAS ===

/// `Conv` is the first convolution, of 3x3 with stride 2, and `Conv_1` the last one, of 1x1.
fn convolution(graph: &Graph) -> Result<Vec<Operator>, String> {
    let convolutions = graph.nodes().iter().filter_map(|node| match &node.op {
        Op::Conv(convolution) => Some((convolution.kernel, convolution.stride, convolution.groups)),
        _ => None,
    });
    let name = match convolutions.collect::<Vec<_>>()[..] {
        [([3, 3], [2, 2], 1)] => "Conv",
        [([1, 1], [1, 1], 1)] => "Conv_1",
        _ => {
            let reason = "of convolutions there are only 3x3 with stride 2 and 1x1 ones";
            return Err(reason.to_owned());
        }
    };
    let (input, output) = ends(graph)?;
    let key = format!("{name}-input:{input}-output:{output}");
    Ok(vec![whole(key, graph)])
}

/// Once-for-all's keys name the channels between the 1x1 convolutions, squeeze and excitation, and h-swish.
fn expanded_by_channels(graph: &Graph) -> Result<Vec<Operator>, String> {
    let (head, bottleneck) = bottleneck(graph)?;
    let se = u8::from(bottleneck.has_squeeze_excite);
    let hs = match bottleneck.activation {
        Some(Activation::HardSwish) => 1,
        Some(Activation::Relu | Activation::Relu6) => 0,
        other => return Err(unnamed_activation(other)),
    };
    let tail = tail(&bottleneck, bottleneck.wide);
    let key = format!("{head}-{tail}-se:{se}-hs:{hs}");
    Ok(vec![whole(key, graph)])
}

/// ProxylessNAS' keys name the ratio of expansion.
fn expanded_by_ratio(graph: &Graph) -> Result<Vec<Operator>, String> {
    let (head, bottleneck) = bottleneck(graph)?;
    match bottleneck.activation {
        Some(Activation::Relu | Activation::Relu6) => {}
        other => return Err(unnamed_activation(other)),
    }
    if bottleneck.has_squeeze_excite {
        return Err("there is none with squeeze and excitation".to_owned());
    }
    let tail = tail(&bottleneck, ratio(graph, &bottleneck)?);
    Ok(vec![whole(format!("{head}-{tail}"), graph)])
}

fn bottleneck(graph: &Graph) -> Result<(String, Bottleneck), String> {
    let (input, output) = ends(graph)?;
    let bottleneck = Bottleneck::of(graph)
        .filter(|bottleneck| bottleneck.groups == 1)
        .ok_or("there is none for bottlenecks with groups or with a pooled skip path")?;
    let head = format!("expanded_conv-input:{input}-output:{output}");
    Ok((head, bottleneck))
}

fn tail(bottleneck: &Bottleneck, expand: usize) -> String {
    let Bottleneck { kernel, stride, .. } = bottleneck;
    let skip = u8::from(bottleneck.is_residual);
    format!("expand:{expand}-kernel:{kernel}-stride:{stride}-idskip:{skip}")
}

fn unnamed_activation(activation: Option<Activation>) -> String {
    let name = activation.map_or("none", Activation::kind);
    format!("there is none for the activation {name}")
}

/// A hidden layer is `Conv_2`, as it is a 1x1 convolution there; the last one is `Logits`.
fn dense(graph: &Graph) -> Vec<Operator> {
    let nodes = graph.nodes();
    let last = nodes.len() - 1;
    let hidden = &nodes[last - 1];
    let features = hidden.shape.elements();
    let mut operators = Vec::new();
    if !matches!(hidden.op, Op::Reshape { .. }) {
        let channels = graph.input_shape().elements();
        operators.push(Operator {
            key: format!("Conv_2-input:1x1x{channels}-output:1x1x{features}"),
            graph: chain(
                graph.input_shape().dims(),
                nodes[1..last].iter().map(|node| (&node.op, 1)),
            ),
        });
    }
    let classes = graph.output_shape().elements();
    operators.push(Operator {
        key: format!("Logits-input:1x1x{features}-output:{classes}"),
        graph: chain(&[features], [(&nodes[last].op, 1)]),
    });
    operators
}

/// ProxylessNAS counts all that follows the last convolution as one operator.
fn logits(pool: &Graph, classes: usize) -> Result<Vec<Operator>, String> {
    let (input, _) = ends(pool)?;
    let [channels, ..] = image(pool.input_shape().dims())?;
    let flat = Op::Reshape {
        shape: vec![channels],
    };
    let dense = Op::Linear {
        out_features: classes,
        bias: true,
    };
    Ok(vec![Operator {
        key: format!("Logits-input:{input}-output:{classes}"),
        graph: chain(
            pool.input_shape().dims(),
            [(&Op::GlobalAvgPool, 1), (&flat, 1), (&dense, 1)],
        ),
    }])
}

fn counted_with_the_pooling(classifier: &Graph) -> Result<Vec<Operator>, String> {
    let [_, height, width] = image(classifier.input_shape().dims())?;
    let layers = classifier.nodes().iter();
    let layers = layers
        .filter(|node| matches!(node.op, Op::Linear { .. }))
        .count();
    match (height, width, layers) {
        (1, 1, 1) => Ok(Vec::new()),
        _ => Err("there is one only for a pooling and one dense layer behind it".to_owned()),
    }
}

// === FBNet ===

/// `ir_k5_e3`, of kernel 5 and expansion 3; `ir_k5_s2`, of expansion 1 and two groups; `skip`. What no row is about
/// costs nothing, and what several rows are about costs their mean.
fn fbnet(piece: &Piece, rows: &[usize]) -> Result<Parts, String> {
    let mut operators = Vec::new();
    for row in rows {
        let key = fbnet_key(*row, &fbnet_operator(piece)?);
        operators.push(whole(key, &piece.graph));
    }
    let share = 1.0 / rows.len().max(1) as f64;
    Ok(Parts { operators, share })
}

fn fbnet_operator(piece: &Piece) -> Result<String, String> {
    if piece.block == "skip" {
        return Ok("skip".to_owned());
    }
    if piece.block != "mbconv" {
        return Err(format!("there is none for the block `{}`", piece.block));
    }
    let bottleneck = Bottleneck::of(&piece.graph)
        .filter(|bottleneck| !bottleneck.has_squeeze_excite)
        .ok_or("there is none with squeeze and excitation or with a pooled skip path")?;
    let Bottleneck { kernel, groups, .. } = bottleneck;
    match (groups, ratio(&piece.graph, &bottleneck)?) {
        (1, ratio) => Ok(format!("ir_k{kernel}_e{ratio}")),
        (groups, 1) => Ok(format!("ir_k{kernel}_s{groups}")),
        _ => Err("there is none with both groups and expansion".to_owned()),
    }
}

// === helpers ===

/// The piece as one operator.
fn whole(key: String, graph: &Graph) -> Operator {
    let graph = graph.clone();
    Operator { key, graph }
}

/// Height, width and channels at both ends.
fn ends(graph: &Graph) -> Result<(String, String), String> {
    let written = |dims: &[usize]| {
        let [channels, height, width] = image(dims)?;
        Ok::<_, String>(format!("{height}x{width}x{channels}"))
    };
    Ok((
        written(graph.input_shape().dims())?,
        written(graph.output_shape().dims())?,
    ))
}

fn image(dims: &[usize]) -> Result<[usize; 3], String> {
    let image = dims.try_into();
    image.map_err(|_| "there is one only for channels, height and width".to_owned())
}

/// How many times as wide a bottleneck is as its input.
fn ratio(graph: &Graph, bottleneck: &Bottleneck) -> Result<usize, String> {
    let [channels, ..] = image(graph.input_shape().dims())?;
    match bottleneck.wide.is_multiple_of(channels) {
        true => Ok(bottleneck.wide / channels),
        false => Err("there is one only where the expansion is a whole number".to_owned()),
    }
}

fn does_nothing(graph: &Graph) -> bool {
    graph.nodes().len() == 1
}

/// Operators after each other, as they followed each other before; each reads the value before it so many times.
fn chain<'a>(input: &[usize], ops: impl IntoIterator<Item = (&'a Op, usize)>) -> Graph {
    const FITS: &str = "the operators fitted each other in the piece";
    let (mut builder, mut at) = Graph::builder(input);
    for (index, (op, reads)) in ops.into_iter().enumerate() {
        let name = format!("operator{index}");
        let inputs = vec![at; reads];
        at = builder.push(name, op.clone(), &inputs).expect(FITS);
    }
    builder.finish(at).expect(FITS)
}
