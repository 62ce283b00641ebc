//! ONNX models, written in Rust.
#![allow(dead_code, reason = "every test file uses a part of it")]

use gradbound::import::onnx::proto::{
    AttributeProto, AttributeType, DataType, Dimension, Extent, FunctionProto, GraphProto,
    ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use prost::Message;
use std::path::{Path, PathBuf};

/// A model in the making: public fields, so that a test can spoil any of them.
pub struct Onnx {
    pub model: ModelProto,
}

/// A model with IR version 8 and this opset.
pub fn model(opset: i64) -> Onnx {
    Onnx {
        model: ModelProto {
            ir_version: 8,
            producer_name: "test".to_owned(),
            graph: Some(GraphProto::default()),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: opset,
            }],
            functions: Vec::new(),
        },
    }
}

impl Onnx {
    pub fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.get_or_insert_default()
    }

    pub fn input(mut self, name: &str, data_type: DataType, dims: &[Dim]) -> Onnx {
        self.graph().input.push(value_info(name, data_type, dims));
        self
    }

    /// A float32 input of a fixed shape.
    pub fn floats(self, name: &str, dims: &[i64]) -> Onnx {
        let dims: Vec<Dim> = dims.iter().map(|&n| Dim::Is(n)).collect();
        self.input(name, DataType::Float, &dims)
    }

    pub fn output(mut self, name: &str) -> Onnx {
        let info = ValueInfoProto {
            name: name.to_owned(),
            r#type: None,
        };
        self.graph().output.push(info);
        self
    }

    pub fn initializer(mut self, tensor: TensorProto) -> Onnx {
        self.graph().initializer.push(tensor);
        self
    }

    /// A node whose name is that of its first output.
    pub fn node(mut self, node: NodeProto) -> Onnx {
        self.graph().node.push(node);
        self
    }

    /// A function of the model's own, in the domain `own`; its nodes are in opset 17.
    pub fn function(mut self, function: FunctionProto) -> Onnx {
        if self.model.functions.is_empty() {
            self.model.opset_import.push(OperatorSetIdProto {
                domain: "own".to_owned(),
                version: 1,
            });
        }
        self.model.functions.push(function);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    /// Writes the model into a folder.
    pub fn save(&self, folder: &Path) -> PathBuf {
        let path = folder.join("model.onnx");
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }
}

/// An extent of an input.
pub enum Dim {
    Is(i64),
    Named(&'static str),
    Unknown,
}

pub fn value_info(name: &str, data_type: DataType, dims: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: match dim {
            Dim::Is(n) => Some(Extent::DimValue(*n)),
            Dim::Named(name) => Some(Extent::DimParam((*name).to_owned())),
            Dim::Unknown => None,
        },
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorType {
                elem_type: data_type as i32,
                shape: Some(TensorShapeProto {
                    dim: dims.iter().map(dim).collect(),
                }),
            }),
        }),
    }
}

pub fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    NodeProto {
        input: owned(inputs),
        output: owned(outputs),
        name: outputs.first().copied().unwrap_or_default().to_owned(),
        op_type: op.to_owned(),
        ..NodeProto::default()
    }
}

/// A function in the domain `own`.
pub fn function(
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    nodes: Vec<NodeProto>,
) -> FunctionProto {
    let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    let opset = |domain: &str, version| OperatorSetIdProto {
        domain: domain.to_owned(),
        version,
    };
    FunctionProto {
        name: name.to_owned(),
        domain: "own".to_owned(),
        input: owned(inputs),
        output: owned(outputs),
        node: nodes,
        opset_import: vec![opset("", 17), opset("own", 1)],
        ..FunctionProto::default()
    }
}

/// A node that calls a function of the domain `own`.
pub fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        domain: "own".to_owned(),
        ..node(name, inputs, outputs)
    }
}

/// A graph for an attribute: names of its inputs and outputs, and its nodes.
pub fn body(inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> GraphProto {
    let untyped = |names: &[&str]| {
        let info = |&name: &&str| ValueInfoProto {
            name: name.to_owned(),
            r#type: None,
        };
        names.iter().map(info).collect()
    };
    GraphProto {
        input: untyped(inputs),
        output: untyped(outputs),
        node: nodes,
        ..GraphProto::default()
    }
}

/// An attribute that stands for one of the function around.
pub fn reference(name: &str, r#type: AttributeType, outer: &str) -> AttributeProto {
    AttributeProto {
        ref_attr_name: outer.to_owned(),
        ..attribute(name, r#type)
    }
}

/// A node with attributes.
pub fn node_with(
    op: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[AttributeProto],
) -> NodeProto {
    NodeProto {
        attribute: attributes.to_vec(),
        ..node(op, inputs, outputs)
    }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: r#type as i32,
        ..AttributeProto::default()
    }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        i,
        ..attribute(name, AttributeType::Int)
    }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto {
        f,
        ..attribute(name, AttributeType::Float)
    }
}

pub fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto {
        s: s.as_bytes().to_vec(),
        ..attribute(name, AttributeType::String)
    }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: ints.to_vec(),
        ..attribute(name, AttributeType::Ints)
    }
}

pub fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    AttributeProto {
        t: Some(t),
        ..attribute(name, AttributeType::Tensor)
    }
}

pub fn graph(name: &str, g: GraphProto) -> AttributeProto {
    AttributeProto {
        g: Some(g),
        ..attribute(name, AttributeType::Graph)
    }
}

pub fn f32s(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: data.to_vec(),
        ..TensorProto::default()
    }
}

pub fn i64s(name: &str, dims: &[i64], data: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Int64 as i32,
        int64_data: data.to_vec(),
        ..TensorProto::default()
    }
}

pub fn raw(name: &str, data_type: DataType, dims: &[i64], data: &[u8]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type as i32,
        raw_data: Some(data.to_vec()),
        ..TensorProto::default()
    }
}

/// A float32 tensor whose data are in another file.
pub fn external(name: &str, dims: &[i64], entries: &[(&str, &str)]) -> TensorProto {
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        data_location: 1,
        external_data: entries.iter().map(entry).collect(),
        ..TensorProto::default()
    }
}
