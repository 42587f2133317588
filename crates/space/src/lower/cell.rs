//! The cell and the reduction block of NAS-Bench-201 (Dong and Yang, 2020).

use bespoke_graph::{Convolution, NodeId, Op, Pool};

use crate::error::Fault;

use super::{body::Body, settings::Settings};

const MAX_NODES: usize = 16;
const OPERATIONS: &str = "none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3";

pub(super) const CELL_KEYS: [&str; 1] = ["edges"];
pub(super) const RESIDUAL_KEYS: [&str; 2] = ["channels", "stride"];

/// An operation on the way from one node to a later one.
struct Edge<'a> {
    name: &'a str,
    from: usize,
    to: usize,
    operation: &'a str,
}

/// A graph of nodes, 0 being the input and the last the output; a node is the sum of what its edges bring. Edges are
/// written `FROM-TO`; `none` brings zeros. Channels and resolution stay.
pub(super) fn cell(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let edges = settings.texts("edges")?;
    let edges: Vec<Edge<'_>> = edges
        .into_iter()
        .map(|(name, operation)| Edge::new(name, operation, settings))
        .collect::<Result<_, _>>()?;
    let last = edges.iter().map(|edge| edge.to).max();
    let last = last.ok_or_else(|| settings.fault("edges", "a cell needs an edge"))?;
    let mut nodes: Vec<NodeId> = vec![body.at()];
    for to in 1..=last {
        let mut sum: Option<NodeId> = None;
        for edge in edges.iter().filter(|edge| edge.to == to) {
            let value = edge.lower(nodes[edge.from], settings, body)?;
            sum = Some(match sum {
                None => value,
                Some(sum) => body.push(&format!("{}.sum", edge.name), Op::Add, &[sum, value])?,
            });
        }
        let reason = || settings.fault("edges", format!("no edge leads to node {to}"));
        nodes.push(sum.ok_or_else(reason)?);
    }
    body.go_to(nodes[last]);
    Ok(())
}

/// Two 3x3 convolutions beside a 1x1 convolution of the averaged input (ResNet's basic block, without normalisation
/// on the shortcut where the stride is not 1).
pub(super) fn residual(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let input = body.at();
    let (channels, stride) = (settings.channels()?, settings.stride()?);
    let keeps_channels = channels == body.channels()?;
    body.act_conv_norm("conv1", Convolution::same(channels, 3, stride, 1))?;
    body.act_conv_norm("conv2", Convolution::same(channels, 3, 1, 1))?;
    let main = body.at();
    body.go_to(input);
    let pointwise = Convolution::same(channels, 1, 1, 1);
    if stride > 1 {
        let pool = Pool {
            kernel: [stride; 2],
            stride: [stride; 2],
            padding: [0; 2],
        };
        body.then("shortcut_pool", Op::AvgPool(pool))?;
        body.then("shortcut", Op::Conv(pointwise))?;
    } else if !keeps_channels {
        body.act_conv_norm("shortcut", pointwise)?;
    }
    let shortcut = body.at();
    let sum = body.push("sum", Op::Add, &[shortcut, main])?;
    body.go_to(sum);
    Ok(())
}

// === impl Edge ===

impl<'a> Edge<'a> {
    fn new(name: &'a str, operation: &'a str, settings: &Settings<'_>) -> Result<Self, Fault> {
        let ends = name.split_once('-').and_then(|(from, to)| {
            let ends = (from.parse::<usize>().ok()?, to.parse::<usize>().ok()?);
            (ends.0 < ends.1 && ends.1 <= MAX_NODES).then_some(ends)
        });
        let Some((from, to)) = ends else {
            let reason = format!(
                "`{name}` is not an edge: expected FROM-TO, such as 0-2, with FROM before TO and TO at most {MAX_NODES}"
            );
            return Err(settings.fault("edges", reason));
        };
        Ok(Self {
            name,
            from,
            to,
            operation,
        })
    }

    fn lower(
        &self,
        from: NodeId,
        settings: &Settings<'_>,
        body: &mut Body<'_>,
    ) -> Result<NodeId, Fault> {
        body.go_to(from);
        let channels = body.channels()?;
        let part = &body.part(self.name, self.operation);
        match self.operation {
            "none" => {
                let shape = body.dims(from).to_vec();
                return body.push(part, Op::Zeros { shape }, &[]);
            }
            "skip_connect" => {}
            "nor_conv_1x1" => {
                body.act_conv_norm(part, Convolution::same(channels, 1, 1, 1))?;
            }
            "nor_conv_3x3" => {
                body.act_conv_norm(part, Convolution::same(channels, 3, 1, 1))?;
            }
            "avg_pool_3x3" => {
                let pool = Pool {
                    kernel: [3; 2],
                    stride: [1; 2],
                    padding: [1; 2],
                };
                body.then(part, Op::AvgPool(pool))?;
            }
            other => {
                let reason = format!("`{other}` is not an operation: there is {OPERATIONS}");
                return Err(settings.fault("edges", reason));
            }
        }
        Ok(body.at())
    }
}
