//! An ONNX file as it is read: its constants, its nodes and who reads what.

use std::collections::HashMap;

use super::{
    OnnxError,
    proto::{FLOAT, GraphProto, INT64, ModelProto, NodeProto, TensorProto, ValueInfoProto},
};
use crate::{Shape, Tensor, shape::MAX_AXES};

/// The oldest opset with the operators as they are read here.
const OLDEST_OPSET: i64 = 11;

/// The graph of a file with look-up tables.
pub struct Source<'a> {
    pub graph: &'a GraphProto,
    pub opset: i64,
    /// Length of the batch axis, where the file has one.
    pub batch: Option<i64>,
    constants: HashMap<&'a str, &'a TensorProto>,
    producers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, usize>,
}

/// One node of the file.
#[derive(Clone, Copy)]
pub struct Call<'a>(pub &'a NodeProto);

// === impl Source ===

impl<'a> Source<'a> {
    pub fn new(file: &'a ModelProto) -> Result<Self, OnnxError> {
        let graph = file
            .graph
            .as_ref()
            .ok_or_else(|| OnnxError::Decode("it has no graph".to_owned()))?;
        let opset = file
            .opset_import
            .iter()
            .find(|opset| is_standard(&opset.domain))
            .map_or(0, |opset| opset.version);
        if opset < OLDEST_OPSET {
            let reason = format!("opset {opset} is older than {OLDEST_OPSET}");
            return Err(OnnxError::Decode(reason));
        }
        let mut source = Self {
            graph,
            opset,
            batch: None,
            constants: HashMap::new(),
            producers: HashMap::new(),
            readers: HashMap::new(),
        };
        source.index();
        source.batch = source.input()?.dims().first().and_then(|dim| dim.dim_value);
        Ok(source)
    }

    /// The one input that is not a constant.
    pub fn input(&self) -> Result<&'a ValueInfoProto, OnnxError> {
        let is_constant = |input: &&ValueInfoProto| self.is_constant(&input.name);
        let mut inputs = self.graph.input.iter().filter(|input| !is_constant(input));
        match (inputs.next(), inputs.next()) {
            (Some(input), None) => Ok(input),
            _ => Err(OnnxError::Decode("it has not exactly one input".to_owned())),
        }
    }

    fn index(&mut self) {
        for tensor in &self.graph.initializer {
            self.constants.insert(&tensor.name, tensor);
        }
        for (position, node) in self.graph.node.iter().enumerate() {
            let value = node.attribute.iter().find(|a| a.name == "value");
            if let ("Constant", [output], Some(tensor)) = (
                node.op_type.as_str(),
                node.output.as_slice(),
                value.and_then(|value| value.t.as_ref()),
            ) {
                self.constants.insert(output, tensor);
            }
            for output in &node.output {
                self.producers.insert(output, position);
            }
            for input in &node.input {
                *self.readers.entry(input).or_default() += 1;
            }
        }
        for output in &self.graph.output {
            *self.readers.entry(&output.name).or_default() += 1;
        }
    }

    pub fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// The node that yields a value, where it is the operator given and this is its only reader.
    pub fn only_read_here(&self, name: &str, op: &str) -> Option<(usize, Call<'a>)> {
        let position = *self.producers.get(name)?;
        let node = &self.graph.node[position];
        let fits = node.op_type == op && is_standard(&node.domain) && node.output.len() == 1;
        (fits && self.readers.get(name) == Some(&1)).then_some((position, Call(node)))
    }

    /// Shape of a constant.
    pub fn constant_shape(&self, name: &str) -> Option<Vec<usize>> {
        lengths(&self.constants.get(name)?.dims).ok()
    }

    /// A constant of floats.
    pub fn floats(&self, name: &str) -> Result<Tensor, String> {
        let tensor = self.constant(name, FLOAT)?;
        let shape = lengths(&tensor.dims)?;
        let data = values(tensor, &shape, &tensor.float_data, f32::from_le_bytes)?;
        Ok(Tensor { shape, data })
    }

    /// A constant of integers with one axis.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, String> {
        let tensor = self.constant(name, INT64)?;
        let shape = lengths(&tensor.dims)?;
        values(tensor, &shape, &tensor.int64_data, i64::from_le_bytes)
    }

    /// A constant with one element, which multiplies without adding axes.
    pub fn scalar(&self, name: &str) -> Option<f32> {
        if !matches!(self.constant_shape(name)?[..], [] | [1]) {
            return None;
        }
        self.floats(name).ok()?.data.first().copied()
    }

    fn constant(&self, name: &str, data_type: i32) -> Result<&'a TensorProto, String> {
        let tensor = *self
            .constants
            .get(name)
            .ok_or_else(|| format!("`{name}` is not a constant"))?;
        if tensor.data_type != data_type {
            let got = tensor.data_type;
            return Err(format!("`{name}` has the data type {got}, not {data_type}"));
        }
        if tensor.data_location != 0 {
            return Err(format!("the values of `{name}` are in another file"));
        }
        Ok(tensor)
    }
}

// === impl Call ===

impl<'a> Call<'a> {
    /// Name of the node, or of its value where it has none.
    pub fn name(self) -> &'a str {
        match (self.0.name.as_str(), self.0.output.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        }
    }

    /// The inputs that are there.
    pub fn inputs(self) -> &'a [String] {
        let given = self.0.input.iter().rposition(|input| !input.is_empty());
        &self.0.input[..given.map_or(0, |last| last + 1)]
    }

    pub fn float(self, name: &str) -> Option<f32> {
        self.0.attribute.iter().find(|a| a.name == name)?.f
    }

    pub fn int(self, name: &str) -> Option<i64> {
        self.0.attribute.iter().find(|a| a.name == name)?.i
    }

    pub fn ints(self, name: &str) -> Option<&'a [i64]> {
        let attribute = self.0.attribute.iter().find(|a| a.name == name)?;
        Some(&attribute.ints)
    }

    pub fn tensor(self, name: &str) -> Option<&'a TensorProto> {
        let attribute = self.0.attribute.iter().find(|a| a.name == name)?;
        attribute.t.as_ref()
    }

    pub fn text(self, name: &str) -> Option<&'a [u8]> {
        let attribute = self.0.attribute.iter().find(|a| a.name == name)?;
        attribute.s.as_deref()
    }

    pub fn unsupported(self, reason: impl Into<String>) -> OnnxError {
        OnnxError::Unsupported {
            node: self.name().to_owned(),
            op: self.0.op_type.clone(),
            reason: reason.into(),
        }
    }
}

// === helpers ===

/// Whether a domain is that of the operators that ONNX defines.
pub fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// Lengths of axes, none of them negative and no more than a shape may have.
pub fn lengths(dims: &[i64]) -> Result<Vec<usize>, String> {
    if dims.len() > MAX_AXES {
        return Err(format!("{} axes are more than {MAX_AXES}", dims.len()));
    }
    let length = |dim: &i64| usize::try_from(*dim).map_err(|_| format!("{dims:?} is not a shape"));
    dims.iter().map(length).collect()
}

/// Whether a tensor of floats, absent or not, is zero everywhere.
pub fn is_zero(tensor: Option<&TensorProto>) -> bool {
    tensor.is_none_or(|tensor| {
        tensor.data_type == FLOAT
            && tensor.raw_data.iter().all(|byte| *byte == 0)
            && tensor.float_data.iter().all(|value| *value == 0.0)
    })
}

/// The values of a tensor, which may stand in raw bytes or typed; as many as its shape says.
fn values<T: Copy, const BYTES: usize>(
    tensor: &TensorProto,
    shape: &[usize],
    typed: &[T],
    read: fn([u8; BYTES]) -> T,
) -> Result<Vec<T>, String> {
    let (chunks, rest) = tensor.raw_data.as_chunks::<BYTES>();
    let got = if tensor.raw_data.is_empty() {
        typed.len()
    } else {
        chunks.len()
    };
    let shape = Shape::from(shape.to_vec());
    if got != shape.elements() || !rest.is_empty() {
        let name = &tensor.name;
        return Err(format!(
            "`{name}` has {got} values, {shape} needs another number"
        ));
    }
    match chunks {
        [] => Ok(typed.to_vec()),
        chunks => Ok(chunks.iter().map(|chunk| read(*chunk)).collect()),
    }
}
