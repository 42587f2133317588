//! A file that yields the ranges of a network's values.

use super::super::{
    export::Written,
    names::Names,
    proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto},
};

/// The file with another output: the least and the greatest of each value, one after the other.
pub fn observer(written: Written) -> ModelProto {
    let Written { mut file, values } = written;
    let Some(graph) = &mut file.graph else {
        return file;
    };
    let mut names = Names::of(graph);
    let mut emit = |op: &str, inputs: &[&str], attributes: Vec<AttributeProto>| {
        let output = names.free("observed");
        graph.node.push(NodeProto {
            name: output.clone(),
            op_type: op.to_owned(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.clone()],
            attribute: attributes,
            domain: String::new(),
        });
        output
    };
    let mut ends = Vec::with_capacity(2 * values.len());
    for value in &values {
        // One axis, so that the reductions need not know how many there were.
        let flat = emit("Reshape", &[value, "observed.shape"], Vec::new());
        for op in ["ReduceMin", "ReduceMax"] {
            let axis = AttributeProto::ints("axes", &[0]);
            ends.push(emit(op, &[&flat], vec![axis]));
        }
    }
    let inputs: Vec<&str> = ends.iter().map(String::as_str).collect();
    let output = emit("Concat", &inputs, vec![AttributeProto::int("axis", 0)]);
    let shape = TensorProto::of_integers("observed.shape".to_owned(), &[-1]);
    graph.initializer.push(shape);
    graph.output = vec![ValueInfoProto::fixed(&output, &[ends.len()])];
    file
}
