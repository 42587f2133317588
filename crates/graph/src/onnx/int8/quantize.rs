//! A file with its values and weights rounded to 8-bit integers.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        export::Written,
        names::Names,
        proto::{AttributeProto, INT8, INT32, ModelProto, NodeProto, TensorProto, UINT8},
    },
    CalibrationError,
    scale::{Scale, channel_scales, round_to, scales},
};
use crate::Model;

/// The file while it is rewritten.
struct Rewriter<'a> {
    names: Names,
    /// The constants that the file had.
    constants: HashMap<&'a str, &'a TensorProto>,
    /// Those of them that rounded ones stand for.
    replaced: HashSet<&'a str>,
    added: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
    /// Name and scale of each rounded value once it is a float again.
    rounded: HashMap<&'a str, (String, Scale)>,
}

/// Rounds values, and the weights of the layers that read them.
pub fn quantized(
    model: &Model,
    written: Written,
    ranges: &[f32],
) -> Result<ModelProto, CalibrationError> {
    let scales = scales(model.graph(), ranges)?;
    let Written { mut file, values } = written;
    let Some(graph) = &mut file.graph else {
        return Ok(file);
    };
    let scale_of: HashMap<&str, Scale> = values
        .iter()
        .zip(scales)
        .filter_map(|(value, scale)| Some((value.as_str(), scale?)))
        .collect();
    let (old_nodes, old_constants) = (graph.node.clone(), graph.initializer.clone());
    let mut rewriter = Rewriter {
        names: Names::of(graph),
        constants: old_constants.iter().map(|c| (c.name.as_str(), c)).collect(),
        replaced: HashSet::new(),
        added: Vec::new(),
        nodes: Vec::new(),
        rounded: HashMap::new(),
    };
    let input = values[0].as_str();
    rewriter.round(input, scale_of.get(input));
    for node in &old_nodes {
        rewriter.rewrite(node);
        let output = node.output[0].as_str();
        rewriter.round(output, scale_of.get(output));
    }
    graph.node = rewriter.nodes;
    let kept = |tensor: &&TensorProto| !rewriter.replaced.contains(tensor.name.as_str());
    graph.initializer = old_constants.iter().filter(kept).cloned().collect();
    graph.initializer.extend(rewriter.added);
    Ok(file)
}

// === impl Rewriter ===

impl<'a> Rewriter<'a> {
    /// Rounds a value and makes it a float again, for those who read it.
    fn round(&mut self, value: &'a str, scale: Option<&Scale>) {
        let Some(scale) = scale else { return };
        let factor = self.constant(TensorProto::of_floats(
            format!("{value}.scale"),
            &[],
            &[scale.scale],
        ));
        let zero = TensorProto::of_bytes(format!("{value}.zero"), &[], UINT8, vec![scale.zero]);
        let zero = self.constant(zero);
        let integers = self.names.free(&format!("{value}.int8"));
        let inputs = [value, &factor, &zero].map(str::to_owned);
        self.emit("QuantizeLinear", inputs.to_vec(), &integers, None);
        let rounded = self.names.free(&format!("{value}.rounded"));
        let inputs = vec![integers, factor, zero];
        self.emit("DequantizeLinear", inputs, &rounded, None);
        self.rounded.insert(value, (rounded, *scale));
    }

    /// A node that reads rounded values instead of exact ones.
    fn rewrite(&mut self, node: &'a NodeProto) {
        let mut new = node.clone();
        // Shapes are the same, and what reads them is no float.
        if node.op_type != "Shape" {
            self.round_weights(node, &mut new);
            for (new, old) in new.input.iter_mut().zip(&node.input) {
                if let Some((rounded, _)) = self.rounded.get(old.as_str()) {
                    new.clone_from(rounded);
                }
            }
        }
        self.nodes.push(new);
    }

    /// Rounds weight and bias of a layer whose input is rounded.
    fn round_weights(&mut self, node: &'a NodeProto, new: &mut NodeProto) {
        let axis = match node.op_type.as_str() {
            "Conv" => 0,
            "Gemm" | "MatMul" => 1,
            _ => return,
        };
        let input = self.rounded.get(node.input[0].as_str());
        let weight = self.constants.get(node.input[1].as_str());
        let (Some((_, input)), Some(weight)) = (input, weight) else {
            return;
        };
        let input = input.scale;
        let scales = channel_scales(weight, axis);
        let integers = round_to(weight, &scales, axis, |integer| vec![integer as i8 as u8]);
        new.input[1] = self.weight(&node.input[1], INT8, integers, &scales, axis);
        if let Some(bias) = node.input.get(2) {
            let products: Vec<f32> = scales.iter().map(|scale| scale * input).collect();
            let integers = round_to(self.constants[bias.as_str()], &products, 0, |integer| {
                (integer as i32).to_le_bytes().to_vec()
            });
            new.input[2] = self.weight(bias, INT32, integers, &products, 0);
        }
    }

    /// Puts a rounded constant in the place of an exact one; gives its name as floats.
    fn weight(
        &mut self,
        name: &'a str,
        data_type: i32,
        integers: Vec<u8>,
        scales: &[f32],
        axis: usize,
    ) -> String {
        self.replaced.insert(name);
        let dims = &self.constants[name].dims;
        let shape: Vec<usize> = dims.iter().map(|length| *length as usize).collect();
        let integers = TensorProto::of_bytes(format!("{name}.int8"), &shape, data_type, integers);
        let integers = self.constant(integers);
        let factors = TensorProto::of_floats(format!("{name}.scale"), &[scales.len()], scales);
        let factors = self.constant(factors);
        // Zero is the default, but ONNX Runtime makes an integer `Gemm` only where the zero points are there.
        let bytes = if data_type == INT8 { 1 } else { 4 };
        let zeros = vec![0; bytes * scales.len()];
        let zeros =
            TensorProto::of_bytes(format!("{name}.zero"), &[scales.len()], data_type, zeros);
        let zeros = self.constant(zeros);
        let rounded = self.names.free(&format!("{name}.rounded"));
        let axis = AttributeProto::int("axis", axis);
        let inputs = vec![integers, factors, zeros];
        self.emit("DequantizeLinear", inputs, &rounded, Some(axis));
        rounded
    }

    fn constant(&mut self, mut tensor: TensorProto) -> String {
        tensor.name = self.names.free(&tensor.name);
        let name = tensor.name.clone();
        self.added.push(tensor);
        name
    }

    fn emit(&mut self, op: &str, input: Vec<String>, output: &str, axis: Option<AttributeProto>) {
        self.nodes.push(NodeProto {
            name: output.to_owned(),
            op_type: op.to_owned(),
            input,
            output: vec![output.to_owned()],
            attribute: axis.into_iter().collect(),
            domain: String::new(),
        });
    }
}
