//! The part of `onnx.proto` that is needed, with its field numbers; other fields are skipped when a file is read.

use prost::Message;

/// `TensorProto.DataType.FLOAT`
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType.UINT8`
pub const UINT8: i32 = 2;
/// `TensorProto.DataType.INT8`
pub const INT8: i32 = 3;
/// `TensorProto.DataType.INT32`
pub const INT32: i32 = 6;
/// `TensorProto.DataType.INT64`
pub const INT64: i32 = 7;
/// `TensorProto.DataType.FLOAT16`
pub const FLOAT16: i32 = 10;

#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AttributeType {
    Undefined = 0,
    Float = 1,
    Int = 2,
    Tensor = 4,
    Ints = 7,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    /// 1 where the values are in another file.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

// === impl TensorProto ===

impl TensorProto {
    pub fn of_floats(name: String, shape: &[usize], values: &[f32]) -> Self {
        Self {
            name,
            dims: shape.iter().map(|dim| *dim as i64).collect(),
            data_type: FLOAT,
            raw_data: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            ..Self::default()
        }
    }

    /// Values that are given as little-endian bytes.
    pub fn of_bytes(name: String, shape: &[usize], data_type: i32, bytes: Vec<u8>) -> Self {
        Self {
            name,
            dims: shape.iter().map(|dim| *dim as i64).collect(),
            data_type,
            raw_data: bytes,
            ..Self::default()
        }
    }

    pub fn of_integers(name: String, values: &[i64]) -> Self {
        Self {
            name,
            dims: vec![values.len() as i64],
            data_type: INT64,
            raw_data: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            ..Self::default()
        }
    }
}

// === impl AttributeProto ===

impl AttributeProto {
    pub fn float(name: &str, value: f32) -> Self {
        Self {
            f: Some(value),
            ..Self::of(name, AttributeType::Float)
        }
    }

    pub fn int(name: &str, value: usize) -> Self {
        Self {
            i: Some(value as i64),
            ..Self::of(name, AttributeType::Int)
        }
    }

    pub fn ints(name: &str, values: &[usize]) -> Self {
        Self {
            ints: values.iter().map(|value| *value as i64).collect(),
            ..Self::of(name, AttributeType::Ints)
        }
    }

    pub fn tensor(name: &str, value: TensorProto) -> Self {
        Self {
            t: Some(value),
            ..Self::of(name, AttributeType::Tensor)
        }
    }

    fn of(name: &str, kind: AttributeType) -> Self {
        Self {
            name: name.to_owned(),
            r#type: kind.into(),
            ..Self::default()
        }
    }
}

// === impl ValueInfoProto ===

impl ValueInfoProto {
    /// The tensor's axes, none where there is nothing about them.
    pub fn dims(&self) -> &[DimensionProto] {
        let tensor = self.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
        shape.map_or(&[], |shape| &shape.dim)
    }

    /// A value of 32-bit floats with the batch axis, named `batch`, before the shape of one sample.
    pub fn batch_of(name: &str, shape: &[usize]) -> Self {
        let batch = DimensionProto {
            dim_param: Some("batch".to_owned()),
            dim_value: None,
        };
        Self::of_floats(name, std::iter::once(batch).chain(lengths(shape)).collect())
    }

    /// A value of 32-bit floats whose every axis has a fixed length.
    pub fn fixed(name: &str, shape: &[usize]) -> Self {
        Self::of_floats(name, lengths(shape).collect())
    }

    fn of_floats(name: &str, dim: Vec<DimensionProto>) -> Self {
        let tensor_type = TensorTypeProto {
            elem_type: FLOAT,
            shape: Some(TensorShapeProto { dim }),
        };
        Self {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(tensor_type),
            }),
        }
    }
}

fn lengths(shape: &[usize]) -> impl Iterator<Item = DimensionProto> {
    shape.iter().map(|length| DimensionProto {
        dim_value: Some(*length as i64),
        dim_param: None,
    })
}
