//! The messages of an ONNX file as a model.

use std::collections::{HashMap, HashSet};

use super::{
    OnnxError,
    patterns::{self, Pattern},
    proto::{FLOAT, ModelProto, ValueInfoProto},
    read::{Step, read},
    source::{Call, Source, is_standard, lengths},
};
use crate::{Activation, Builder, Graph, Model, NodeId, Op, Shape, Tensor, Weights};

/// Files share constants between nodes, models do not. A file's weights may grow so many times in reading it.
const MAX_GROWTH: usize = 16;

/// The model while it is read.
struct Reader<'a> {
    source: &'a Source<'a>,
    builder: Builder,
    weights: Weights,
    /// The nodes that stand for the file's values.
    values: HashMap<&'a str, NodeId>,
    names: HashSet<String>,
    /// How many more bytes of weights may be read.
    allowance: usize,
}

/// Reads a file of so many bytes.
pub fn import(file: &ModelProto, bytes: usize) -> Result<Model, OnnxError> {
    let source = Source::new(file)?;
    let patterns = patterns::find(&source);
    let mut reader = Reader::new(&source, bytes)?;
    for (position, node) in source.graph.node.iter().enumerate() {
        let call = Call(node);
        if !is_standard(&node.domain) {
            let reason = format!("the domain is `{}`", node.domain);
            return Err(call.unsupported(reason));
        }
        if patterns.inner.contains(&position) {
            continue;
        }
        match patterns.roots.get(&position) {
            Some(pattern) => reader.add_pattern(call, pattern)?,
            None => reader.add(call)?,
        }
    }
    reader.finish()
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>, bytes: usize) -> Result<Self, OnnxError> {
        let input = source.input()?;
        let (builder, id) = Graph::builder(&sample_shape(input)?);
        Ok(Self {
            source,
            builder,
            weights: Weights::default(),
            values: HashMap::from([(input.name.as_str(), id)]),
            names: HashSet::from(["input".to_owned()]),
            allowance: bytes.saturating_mul(MAX_GROWTH),
        })
    }

    fn finish(self) -> Result<Model, OnnxError> {
        let [output] = self.source.graph.output.as_slice() else {
            return Err(OnnxError::Decode(
                "it has not exactly one output".to_owned(),
            ));
        };
        let output = self.values.get(output.name.as_str()).ok_or_else(|| {
            OnnxError::Decode(format!("no node yields the output `{}`", output.name))
        })?;
        Ok(Model::new(self.builder.finish(*output)?, self.weights)?)
    }

    fn add_pattern(&mut self, call: Call<'a>, pattern: &Pattern<'a>) -> Result<(), OnnxError> {
        let step = match pattern {
            Pattern::Silu { input } => Step::new(Op::Activation(Activation::Silu), &[*input]),
            Pattern::Gelu { input } => Step::new(Op::Activation(Activation::Gelu), &[*input]),
            Pattern::Zeros { shape } => {
                let shape = shape.clone();
                Step::new(Op::Zeros { shape }, &[])
            }
            Pattern::Linear { product, bias } => {
                let shape = self.shape(*product)?.clone();
                let mut step = read(self.source, *product, &shape)?;
                let bias = self.source.floats(bias);
                let bias = bias.map_err(|reason| call.unsupported(reason))?;
                if let Op::Linear { bias, .. } = &mut step.op {
                    *bias = true;
                }
                step.parameters.push(("bias", bias));
                step
            }
        };
        self.push(call, step)
    }

    fn add(&mut self, call: Call<'a>) -> Result<(), OnnxError> {
        match call.0.op_type.as_str() {
            "Constant" => Ok(()),
            "Dropout" if call.inputs().len() > 2 => Err(call.unsupported("it may be training")),
            "Identity" | "Dropout" => {
                let id = self.id(call, call.inputs().first().map_or("", String::as_str))?;
                self.name_value(call, id)
            }
            _ => {
                let shape = self.shape(call)?.clone();
                let step = read(self.source, call, &shape)?;
                self.push(call, step)
            }
        }
    }

    fn push(&mut self, call: Call<'a>, step: Step<'a>) -> Result<(), OnnxError> {
        let name = self.free_name(call.name());
        let inputs = step
            .inputs
            .iter()
            .map(|input| self.id(call, input))
            .collect::<Result<Vec<NodeId>, OnnxError>>()?;
        let id = self.builder.push(&name, step.op, &inputs)?;
        for (role, tensor) in step.parameters {
            self.take_allowance(call, &tensor)?;
            self.weights.insert(format!("{name}.{role}"), tensor);
        }
        self.name_value(call, id)
    }

    fn take_allowance(&mut self, call: Call, tensor: &Tensor) -> Result<(), OnnxError> {
        let bytes = size_of::<f32>() * tensor.data.len();
        let left = self.allowance.checked_sub(bytes);
        self.allowance =
            left.ok_or_else(|| call.unsupported("too many nodes share their constants"))?;
        Ok(())
    }

    fn name_value(&mut self, call: Call<'a>, id: NodeId) -> Result<(), OnnxError> {
        let output = call
            .0
            .output
            .first()
            .ok_or_else(|| call.unsupported("it has no output"))?;
        if self.values.insert(output, id).is_some() {
            let reason = format!("another node yields `{output}` too");
            return Err(call.unsupported(reason));
        }
        Ok(())
    }

    /// Shape of the first input of a node that is not a constant.
    fn shape(&self, call: Call) -> Result<&Shape, OnnxError> {
        let is_value = |input: &&String| !self.source.is_constant(input);
        let input = call.inputs().iter().find(is_value);
        let input = input.map_or("", String::as_str);
        Ok(self.builder.shape(self.id(call, input)?))
    }

    fn id(&self, call: Call, value: &str) -> Result<NodeId, OnnxError> {
        let id = self.values.get(value).copied();
        id.ok_or_else(|| match self.source.is_constant(value) {
            true => call.unsupported(format!("`{value}` is a constant")),
            false => call.unsupported(format!("no node before yields `{value}`")),
        })
    }

    fn free_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = self.names.len();
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

// === helpers ===

/// Shape of one sample of the file's input.
fn sample_shape(input: &ValueInfoProto) -> Result<Vec<usize>, OnnxError> {
    let name = &input.name;
    let fault = |reason: &str| OnnxError::Decode(format!("the input `{name}` {reason}"));
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| fault("is not a tensor"))?;
    if tensor.elem_type != FLOAT {
        return Err(fault("is not of 32-bit floats"));
    }
    let [_batch, sample @ ..] = input.dims() else {
        return Err(fault("has no batch axis"));
    };
    let sample: Option<Vec<i64>> = sample.iter().map(|dim| dim.dim_value).collect();
    let sample = sample.ok_or_else(|| fault("has axes of unknown length after the batch"))?;
    let shape = Shape::from(lengths(&sample).map_err(|reason| fault(&reason))?);
    match shape.fault() {
        Some(reason) => Err(fault(&format!("does not work: {reason}"))),
        None => Ok(shape.dims().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{
        AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
        ValueInfoProto,
    };
    use super::import;
    use crate::{Activation, Model, Op};

    fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: op.to_owned(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn file(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
        let output = nodes.last().map_or("", |node| &node.output[0]);
        let graph = GraphProto {
            input: vec![ValueInfoProto::batch_of("x", &[2, 2, 2])],
            output: vec![ValueInfoProto::batch_of(output, &[])],
            node: nodes,
            initializer,
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        };
        ModelProto {
            graph: Some(graph),
            opset_import: vec![opset],
            ..ModelProto::default()
        }
    }

    fn read(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> Model {
        import(&file(nodes, initializer), 1000).expect("it is supported")
    }

    fn constant(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
        TensorProto::of_floats(name.to_owned(), shape, values)
    }

    fn kinds(model: &Model) -> Vec<&'static str> {
        let nodes = model.graph().nodes();
        nodes.iter().map(|node| node.op.kind()).collect()
    }

    #[test]
    fn typed_values_and_transposed_weights_are_read() {
        let mut gemm = node("Gemm", &["flat", "w"], "y");
        gemm.attribute.push(AttributeProto::int("transB", 1));
        let mut weight = constant("w", &[2, 8], &[]);
        weight.float_data = (0_u8..16).map(f32::from).collect();
        let model = read(vec![node("Flatten", &["x"], "flat"), gemm], vec![weight]);
        let weight = model.weights().get("y.weight").expect("it has a weight");
        assert_eq!(weight.shape, [8, 2]);
        assert_eq!(weight.data[..4], [0.0, 8.0, 1.0, 9.0]);
    }

    #[test]
    fn the_gelu_of_other_exporters_is_one_operator() {
        let nodes = vec![
            node("Div", &["x", "root"], "scaled"),
            node("Erf", &["scaled"], "erf"),
            node("Add", &["one", "erf"], "twice"),
            node("Mul", &["twice", "half"], "phi"),
            node("Mul", &["x", "phi"], "y"),
        ];
        let constants = vec![
            constant("root", &[], &[2_f32.sqrt()]),
            constant("one", &[], &[1.0]),
            constant("half", &[1], &[0.5]),
        ];
        assert_eq!(kinds(&read(nodes, constants)), ["Input", "Gelu"]);
    }

    #[test]
    fn a_sigmoid_with_another_reader_stays() {
        let nodes = vec![
            node("Sigmoid", &["x"], "s"),
            node("Mul", &["s", "x"], "silu"),
            node("Identity", &["silu"], "same"),
            node("Add", &["same", "s"], "y"),
        ];
        let model = read(nodes, vec![]);
        assert_eq!(kinds(&model), ["Input", "Sigmoid", "Mul", "Add"]);
    }

    #[test]
    fn a_length_of_minus_1_takes_what_is_left() {
        let shape = TensorProto::of_integers("shape".to_owned(), &[-1, 0, 4]);
        let mut relu = node("Clip", &["flat", "", ""], "y");
        relu.input[1] = "zero".to_owned();
        let nodes = vec![node("Reshape", &["x", "shape"], "flat"), relu];
        let model = read(nodes, vec![shape, constant("zero", &[], &[0.0])]);
        assert_eq!(model.graph().output_shape().dims(), [2, 4]);
        let output = model.graph().node(model.graph().output());
        assert_eq!(output.op, Op::Activation(Activation::Relu));
    }

    #[test]
    fn errors_name_the_node_and_the_reason() {
        let mut average = node("AveragePool", &["x"], "pool");
        average.attribute = vec![
            AttributeProto::ints("kernel_shape", &[3, 3]),
            AttributeProto::ints("pads", &[1, 1, 1, 1]),
            AttributeProto::int("count_include_pad", 1),
        ];
        let short = constant("w", &[4, 2, 1, 1], &[1.0]);
        let cases = [
            (node("Einsum", &["x"], "y"), vec![], "`y`: operator Einsum"),
            (average, vec![], "counts positions in the padding"),
            (
                node("Relu", &["z"], "y"),
                vec![],
                "no node before yields `z`",
            ),
            (
                node("Conv", &["x", "w"], "y"),
                vec![short],
                "`w` has 1 values",
            ),
            (node("Add", &["x"], "y"), vec![], "takes 2 inputs, got 1"),
        ];
        for (node, constants, expected) in cases {
            let error = import(&file(vec![node], constants), 1000).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn files_without_a_graph_or_with_an_old_opset_are_errors() {
        let mut old = file(vec![node("Relu", &["x"], "y")], vec![]);
        old.opset_import[0].version = 9;
        for file in [ModelProto::default(), old] {
            assert!(import(&file, 1000).is_err());
        }
        assert!(Model::from_onnx(&[]).is_err());
    }

    /// A thousand nodes that share one weight would be a thousand weights.
    #[test]
    fn shared_weights_do_not_fill_the_memory() {
        let nodes = (0..1000)
            .map(|i| {
                node(
                    "BatchNormalization",
                    &["x", "w", "w", "w", "w"],
                    &format!("y{i}"),
                )
            })
            .collect();
        let weight = constant("w", &[2], &[1.0, 1.0]);
        let error = import(&file(nodes, vec![weight]), 1000).expect_err("they are too many");
        assert!(error.to_string().contains("share"), "{error}");
    }
}
