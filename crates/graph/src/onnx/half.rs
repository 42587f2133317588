//! Files in 16-bit floats.

use half::f16;

use super::{
    names::Names,
    proto::{AttributeProto, FLOAT, FLOAT16, ModelProto, NodeProto, TensorProto},
};

/// The file with its constants as 16-bit floats, and with casts behind the input and before the output.
pub fn in_half(mut file: ModelProto) -> ModelProto {
    let Some(graph) = &mut file.graph else {
        return file;
    };
    let mut names = Names::of(graph);
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let values = attributes.filter_map(|attribute| attribute.t.as_mut());
    values.chain(&mut graph.initializer).for_each(halve);

    let (input, output) = (graph.input[0].name.clone(), graph.output[0].name.clone());
    let halved_input = names.free(&format!("{input}.f16"));
    let halved_output = names.free(&format!("{output}.f16"));
    for node in &mut graph.node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            if *name == input {
                name.clone_from(&halved_input);
            } else if *name == output {
                name.clone_from(&halved_output);
            }
        }
    }
    let first = cast(input, halved_input, FLOAT16);
    let last = cast(halved_output, output, FLOAT);
    graph.node.insert(0, first);
    graph.node.push(last);
    file
}

fn cast(from: String, to: String, data_type: i32) -> NodeProto {
    NodeProto {
        name: format!("{to}.cast"),
        op_type: "Cast".to_owned(),
        input: vec![from],
        output: vec![to],
        attribute: vec![AttributeProto::int("to", data_type as usize)],
        domain: String::new(),
    }
}

/// Rounds the values of a tensor of 32-bit floats, which the export writes as bytes.
fn halve(tensor: &mut TensorProto) {
    if tensor.data_type != FLOAT {
        return;
    }
    let (chunks, _) = tensor.raw_data.as_chunks::<4>();
    let halved = chunks
        .iter()
        .flat_map(|chunk| f16::from_f32(f32::from_le_bytes(*chunk)).to_le_bytes());
    tensor.raw_data = halved.collect();
    tensor.data_type = FLOAT16;
}
