//! Groups of ONNX nodes that stand for one operator.

use std::{
    collections::{HashMap, HashSet},
    f32::consts::{FRAC_1_SQRT_2, SQRT_2},
};

use super::source::{Call, Source, is_zero, lengths};

/// The groups of a file, by the positions of their nodes.
#[derive(Default)]
pub struct Patterns<'a> {
    /// What stands at the last node of each group.
    pub roots: HashMap<usize, Pattern<'a>>,
    /// All other nodes of the groups.
    pub inner: HashSet<usize>,
}

/// An operator that several nodes stand for.
pub enum Pattern<'a> {
    /// `x · sigmoid(x)`
    Silu { input: &'a str },
    /// `x · (erf(x / √2) + 1) / 2`
    Gelu { input: &'a str },
    /// A matrix product with a constant, to which a constant is added.
    Linear { product: Call<'a>, bias: &'a str },
    /// Zeros with the batch axis of another value.
    Zeros { shape: Vec<usize> },
}

type Found<'a> = Option<(Pattern<'a>, Vec<usize>)>;

/// Finds all groups.
pub fn find<'a>(source: &Source<'a>) -> Patterns<'a> {
    let mut patterns = Patterns::default();
    for (position, node) in source.graph.node.iter().enumerate() {
        let call = Call(node);
        let found = match node.op_type.as_str() {
            "Mul" => silu(source, call).or_else(|| gelu(source, call)),
            "Add" => linear(source, call),
            "ConstantOfShape" => zeros(source, call),
            _ => None,
        };
        if let Some((pattern, inner)) = found {
            patterns.roots.insert(position, pattern);
            patterns.inner.extend(inner);
        }
    }
    patterns
}

fn silu<'a>(source: &Source<'a>, root: Call<'a>) -> Found<'a> {
    either_way(root, |input, other| {
        let (position, sigmoid) = source.only_read_here(other, "Sigmoid")?;
        let reads_input = sigmoid.inputs() == [input];
        reads_input.then_some((Pattern::Silu { input }, vec![position]))
    })
}

/// Both `(x · (erf + 1)) · 0.5` and `x · ((erf + 1) · 0.5)`, with a division by √2 or a product.
fn gelu<'a>(source: &Source<'a>, root: Call<'a>) -> Found<'a> {
    either_way(root, |product, half| {
        is_near(source, half, 0.5)?;
        let (outer, product) = source.only_read_here(product, "Mul")?;
        either_way(product, |input, twice| {
            gelu_core(source, input, twice, outer)
        })
    })
    .or_else(|| {
        either_way(root, |input, product| {
            let (outer, product) = source.only_read_here(product, "Mul")?;
            either_way(product, |twice, half| {
                is_near(source, half, 0.5)?;
                gelu_core(source, input, twice, outer)
            })
        })
    })
}

/// `twice` = erf(x / √2) + 1
fn gelu_core<'a>(source: &Source<'a>, input: &'a str, twice: &'a str, outer: usize) -> Found<'a> {
    let (sum, twice) = source.only_read_here(twice, "Add")?;
    either_way(twice, |erf, one| {
        is_near(source, one, 1.0)?;
        let (erf, call) = source.only_read_here(erf, "Erf")?;
        let argument = call.inputs().first()?;
        let scaled = source
            .only_read_here(argument, "Mul")
            .filter(|(_, call)| scales(source, *call, input, FRAC_1_SQRT_2, true))
            .or_else(|| {
                source
                    .only_read_here(argument, "Div")
                    .filter(|(_, call)| scales(source, *call, input, SQRT_2, false))
            })?;
        let inner = vec![outer, sum, erf, scaled.0];
        Some((Pattern::Gelu { input }, inner))
    })
}

fn linear<'a>(source: &Source<'a>, root: Call<'a>) -> Found<'a> {
    either_way(root, |product, bias| {
        let (position, product) = source.only_read_here(product, "MatMul")?;
        let weight = source.constant_shape(product.inputs().get(1)?)?;
        let fits = weight.len() == 2 && source.constant_shape(bias)? == weight[1..];
        fits.then_some((Pattern::Linear { product, bias }, vec![position]))
    })
}

fn zeros<'a>(source: &Source<'a>, root: Call<'a>) -> Found<'a> {
    let [shape] = root.inputs() else {
        return None;
    };
    let (concat_at, concat) = source.only_read_here(shape, "Concat")?;
    let [batch, sample] = concat.inputs() else {
        return None;
    };
    let (batch_at, batch) = source.only_read_here(batch, "Shape")?;
    let takes_batch = batch.int("start").unwrap_or(0) == 0 && batch.int("end") == Some(1);
    let shape = lengths(&source.integers(sample).ok()?).ok()?;
    let fits = takes_batch && is_zero(root.tensor("value"));
    fits.then_some((Pattern::Zeros { shape }, vec![concat_at, batch_at]))
}

// === helpers ===

/// Tries a rule with the two inputs of a node in both orders.
fn either_way<'a, T>(call: Call<'a>, rule: impl Fn(&'a str, &'a str) -> Option<T>) -> Option<T> {
    let [a, b] = call.inputs() else {
        return None;
    };
    rule(a, b).or_else(|| rule(b, a))
}

fn scales(source: &Source, call: Call, input: &str, factor: f32, commutes: bool) -> bool {
    let [a, b] = call.inputs() else {
        return false;
    };
    let fits = |x: &str, constant: &str| x == input && is_near(source, constant, factor).is_some();
    fits(a, b) || (commutes && fits(b, a))
}

fn is_near(source: &Source, constant: &str, value: f32) -> Option<()> {
    let got = source.scalar(constant)?;
    ((got - value).abs() < 1e-5).then_some(())
}
