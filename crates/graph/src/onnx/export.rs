//! A model as the messages of an ONNX file.

use std::f32::consts::FRAC_1_SQRT_2;

use super::{
    names::Names,
    proto::{
        AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
        ValueInfoProto,
    },
};
use crate::{Activation, Convolution, Model, Node, NodeId, Op, Pool};

/// The opset whose operators are written.
const OPSET: i64 = 17;
/// The version of the file format, that of the first release with opset 17.
const IR_VERSION: i64 = 8;

/// The file while it is written.
struct Writer<'a> {
    model: &'a Model,
    file: GraphProto,
    names: Names,
    /// Name of each node's value.
    values: Vec<String>,
}

/// One ONNX node to be written.
struct Call {
    op: &'static str,
    inputs: Vec<String>,
    attributes: Vec<AttributeProto>,
}

/// A file, and the name that the value of each node of the graph has in it.
pub struct Written {
    pub file: ModelProto,
    pub values: Vec<String>,
}

/// Writes all nodes of the graph.
pub fn export(model: &Model) -> Written {
    let mut writer = Writer::new(model);
    for id in model.graph().ids().skip(1) {
        writer.write(id);
    }
    let opset = OperatorSetIdProto {
        domain: String::new(),
        version: OPSET,
    };
    let values = writer.values.clone();
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "bespoke".to_owned(),
        graph: Some(writer.finish()),
        opset_import: vec![opset],
    };
    Written { file, values }
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn new(model: &'a Model) -> Self {
        let mut writer = Self {
            model,
            file: GraphProto {
                name: "bespoke".to_owned(),
                ..GraphProto::default()
            },
            names: Names::default(),
            values: Vec::new(),
        };
        for (name, tensor) in model.weights().iter() {
            let name = writer.names.free(name);
            let tensor = TensorProto::of_floats(name, &tensor.shape, &tensor.data);
            writer.file.initializer.push(tensor);
        }
        for node in model.graph().nodes() {
            let name = writer.names.free(&node.name);
            writer.values.push(name);
        }
        writer
    }

    fn finish(mut self) -> GraphProto {
        let graph = self.model.graph();
        let mut output = self.values[graph.output().index()].clone();
        if graph.output().index() == 0 {
            // ONNX wants another name for the output even where it is the input.
            let input = std::mem::replace(&mut output, self.names.free("output"));
            self.emit("output", &output, Call::new("Identity", &[&input]));
        }
        let input = ValueInfoProto::batch_of(&self.values[0], graph.input_shape().dims());
        let output = ValueInfoProto::batch_of(&output, graph.output_shape().dims());
        self.file.input.push(input);
        self.file.output.push(output);
        self.file
    }

    fn write(&mut self, id: NodeId) {
        let model = self.model;
        let node = model.graph().node(id);
        let output = self.values[id.index()].clone();
        let inputs: Vec<String> = node
            .inputs
            .iter()
            .map(|input| self.values[input.index()].clone())
            .collect();
        match &node.op {
            Op::Zeros { shape } => return self.write_zeros(&node.name, &output, shape),
            Op::Activation(Activation::Silu) => {
                return self.write_silu(&node.name, &output, &inputs[0]);
            }
            Op::Activation(Activation::Gelu) => {
                return self.write_gelu(&node.name, &output, &inputs[0]);
            }
            Op::Linear { bias, .. } if node.shape.dims().len() > 1 => {
                return self.write_linear(&node.name, &output, &inputs[0], *bias);
            }
            _ => {}
        }
        let parameters = model.graph().parameters_of(id);
        let constants = self.constants(node);
        let parameters = parameters.into_iter().map(|parameter| parameter.name);
        let call = Call {
            op: operator(&node.op),
            inputs: inputs
                .into_iter()
                .chain(parameters)
                .chain(constants)
                .collect(),
            attributes: attributes(&node.op),
        };
        self.emit(&node.name, &output, call);
    }

    /// Settings that ONNX passes as inputs.
    fn constants(&mut self, node: &Node) -> Vec<String> {
        let name = &node.name;
        match &node.op {
            Op::Scale { factor } => vec![self.scalar(&format!("{name}.factor"), *factor)],
            Op::Activation(Activation::Relu6) => vec![
                self.scalar(&format!("{name}.min"), 0.0),
                self.scalar(&format!("{name}.max"), 6.0),
            ],
            // A length of 0 keeps that axis, here the batch.
            Op::Reshape { shape } => {
                let mut axes = vec![0];
                axes.extend(shape.iter().map(|length| *length as i64));
                vec![self.integers(&format!("{name}.shape"), &axes)]
            }
            _ => Vec::new(),
        }
    }

    /// Zeros whose batch axis is that of the input. A constant would have a fixed batch, and a product of the input
    /// with 0 would have the wrong shape and turn infinities into NaN.
    fn write_zeros(&mut self, name: &str, output: &str, shape: &[usize]) {
        let lengths: Vec<i64> = shape.iter().map(|length| *length as i64).collect();
        let sample = self.integers(&format!("{name}.sample"), &lengths);
        let input = self.values[0].clone();
        let mut batch = Call::new("Shape", &[&input]);
        batch.attributes = vec![
            AttributeProto::int("start", 0),
            AttributeProto::int("end", 1),
        ];
        let batch = self.emit_part(name, "batch", batch);
        let mut shape = Call::new("Concat", &[&batch, &sample]);
        shape.attributes = vec![AttributeProto::int("axis", 0)];
        let shape = self.emit_part(name, "shape", shape);
        // The value is the default, but tract takes the default to be one of 64 bits.
        let mut zeros = Call::new("ConstantOfShape", &[&shape]);
        let value = TensorProto::of_floats(String::new(), &[1], &[0.0]);
        zeros.attributes = vec![AttributeProto::tensor("value", value)];
        self.emit(name, output, zeros);
    }

    fn write_silu(&mut self, name: &str, output: &str, input: &str) {
        let sigmoid = self.emit_part(name, "sigmoid", Call::new("Sigmoid", &[input]));
        self.emit(name, output, Call::new("Mul", &[input, &sigmoid]));
    }

    /// x · Φ(x) = (x · (erf(x / √2) + 1)) / 2
    fn write_gelu(&mut self, name: &str, output: &str, input: &str) {
        let [root, one, half] = [("inverse_root", FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)]
            .map(|(part, value)| self.scalar(&format!("{name}.{part}"), value));
        let scaled = self.emit_part(name, "scaled", Call::new("Mul", &[input, &root]));
        let erf = self.emit_part(name, "erf", Call::new("Erf", &[&scaled]));
        let twice = self.emit_part(name, "twice", Call::new("Add", &[&erf, &one]));
        let product = self.emit_part(name, "product", Call::new("Mul", &[input, &twice]));
        self.emit(name, output, Call::new("Mul", &[&product, &half]));
    }

    fn write_linear(&mut self, name: &str, output: &str, input: &str, bias: bool) {
        let weight = format!("{name}.weight");
        let product = Call::new("MatMul", &[input, &weight]);
        if !bias {
            return self.emit(name, output, product);
        }
        let product = self.emit_part(name, "product", product);
        let bias = format!("{name}.bias");
        self.emit(name, output, Call::new("Add", &[&product, &bias]));
    }

    fn emit(&mut self, name: &str, output: &str, call: Call) {
        self.file.node.push(NodeProto {
            name: name.to_owned(),
            op_type: call.op.to_owned(),
            input: call.inputs,
            output: vec![output.to_owned()],
            attribute: call.attributes,
            domain: String::new(),
        });
    }

    /// Writes one of several nodes that stand for an operator; gives the name of its value.
    fn emit_part(&mut self, name: &str, part: &str, call: Call) -> String {
        let name = self.names.free(&format!("{name}.{part}"));
        self.emit(&name, &name, call);
        name
    }

    fn scalar(&mut self, name: &str, value: f32) -> String {
        let name = self.names.free(name);
        let tensor = TensorProto::of_floats(name.clone(), &[], &[value]);
        self.file.initializer.push(tensor);
        name
    }

    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.names.free(name);
        let tensor = TensorProto::of_integers(name.clone(), values);
        self.file.initializer.push(tensor);
        name
    }
}

// === impl Call ===

impl Call {
    fn new(op: &'static str, inputs: &[&str]) -> Self {
        Self {
            op,
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            attributes: Vec::new(),
        }
    }
}

// === operators ===

fn operator(op: &Op) -> &'static str {
    match op {
        Op::Activation(Activation::Relu6) => "Clip",
        Op::Scale { .. } => "Mul",
        Op::Linear { .. } => "Gemm",
        other => other.kind(),
    }
}

fn attributes(op: &Op) -> Vec<AttributeProto> {
    match op {
        Op::Conv(conv) => convolution(conv),
        Op::BatchNorm { epsilon } => vec![AttributeProto::float("epsilon", *epsilon)],
        Op::LayerNorm { epsilon } => vec![AttributeProto::float("epsilon", *epsilon)],
        Op::Activation(Activation::HardSigmoid) => vec![
            AttributeProto::float("alpha", 1.0 / 6.0),
            AttributeProto::float("beta", 0.5),
        ],
        Op::MaxPool(pool) => window(pool.kernel, pool.stride, pool.padding),
        Op::AvgPool(pool) => average(pool),
        Op::Concat { axis } | Op::Softmax { axis } => vec![AttributeProto::int("axis", axis + 1)],
        Op::Transpose { perm } => {
            let mut axes = vec![0];
            axes.extend(perm.iter().map(|axis| axis + 1));
            vec![AttributeProto::ints("perm", &axes)]
        }
        _ => Vec::new(),
    }
}

fn convolution(conv: &Convolution) -> Vec<AttributeProto> {
    let mut attributes = window(conv.kernel, conv.stride, conv.padding);
    attributes.push(AttributeProto::int("group", conv.groups));
    attributes
}

fn average(pool: &Pool) -> Vec<AttributeProto> {
    let mut attributes = window(pool.kernel, pool.stride, pool.padding);
    attributes.push(AttributeProto::int("count_include_pad", 0));
    attributes
}

fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Vec<AttributeProto> {
    let [top, left] = padding;
    vec![
        AttributeProto::ints("kernel_shape", &kernel),
        AttributeProto::ints("strides", &stride),
        AttributeProto::ints("pads", &[top, left, top, left]),
    ]
}
