//! From files to a graph that is ready to run: model, inputs, seeds, backward pass.

use super::{Request, budget};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::graph::grad::{Gradients, append_backward};
use crate::import::arrays::{self, ArrayFile};
use crate::import::onnx::{self, ImportOptions};
use crate::import::{Model, NamedValue};
use crate::tensor::{DType, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// A model with its inputs, its seeds and its backward pass.
#[derive(Debug)]
pub struct Prepared {
    /// The model; its graph includes the backward pass.
    pub model: Model,
    /// One tensor per input of the graph.
    pub inputs: Vec<Tensor>,
    /// The file they came from.
    pub inputs_file: ArrayFile,
    /// Names of the seeded outputs.
    pub seeds: Vec<String>,
    /// Gradients by value.
    pub gradients: Gradients,
    /// Number of values before the backward pass.
    pub forward_len: usize,
    /// Things worth saying.
    pub warnings: Vec<String>,
}

/// Reads the model and its inputs and appends the backward pass.
pub fn prepare(request: &Request) -> Result<Prepared> {
    let Some(inputs_path) = &request.inputs else {
        return Err(
            Error::new("an audit of an ONNX model needs the inputs of a run")
                .in_file(&request.model)
                .remedy("give them with --inputs FILE.npz"),
        );
    };
    let unread = onnx::Unread::open(&request.model)?;
    let fits = |name: &str, extents: &[usize]| unread.check_extents(name, extents);
    let file = arrays::read_fitting(inputs_path, &fits)?;
    let mut model = unread.import(&ImportOptions {
        format: request.format,
        input_shapes: input_shapes(&file),
        values: decisive_values(&file),
        formulas: request.formulas,
        config: request.config,
    })?;
    let inputs = load_inputs(&model, &file)?;
    let mut warnings = std::mem::take(&mut model.warnings);
    warnings.extend(unknown_keys(&model, &file));
    let forward_len = model.graph.len();
    let seeds = if request.forward_only {
        Vec::new()
    } else {
        find_seeds(&mut model, &file, request.loss.as_deref(), &mut warnings)?
    };
    let pairs: Vec<(ValueId, ValueId)> = seeds.iter().map(|(_, v, s)| (*v, *s)).collect();
    let gradients =
        append_backward(&mut model.graph, &pairs, None).map_err(|e| e.in_file(&request.model))?;
    budget::within(&model, &request.config)?;
    Ok(Prepared {
        seeds: seeds.into_iter().map(|(name, _, _)| name).collect(),
        model,
        inputs,
        inputs_file: file,
        gradients,
        forward_len,
        warnings,
    })
}

/// The most floats that a shape may be computed from.
const MAX_DECISIVE: usize = 64;

/// Shapes of the arrays that are inputs: all keys but the prefixed ones. An exact value
/// name wins over a prefix, which the importer decides by the names it asks for.
fn input_shapes(file: &ArrayFile) -> BTreeMap<String, Vec<usize>> {
    file.arrays
        .iter()
        .map(|(name, array)| (name.clone(), array.shape().to_vec()))
        .collect()
}

/// The integers and truth values of the run, and the small tensors of floats: what shapes and
/// loops may be computed from. One that has another type in the model decides nothing; integers
/// 0 and 1 may stand for truth values.
fn decisive_values(file: &ArrayFile) -> BTreeMap<String, Tensor> {
    let value = |array: &arrays::Array| {
        let small = array.shape().len() <= MAX_DECISIVE;
        let types = [DType::I64, DType::Bool, DType::F32, DType::F64];
        let mut types = types.into_iter().filter(|t| small || !t.is_float());
        types.find_map(|dtype| array.to_tensor(dtype).ok())
    };
    let all = file.arrays.iter();
    all.filter_map(|(name, array)| Some((name.clone(), value(array)?)))
        .collect()
}

fn load_inputs(model: &Model, file: &ArrayFile) -> Result<Vec<Tensor>> {
    model
        .inputs
        .iter()
        .map(|input| {
            let array = file.arrays.get(&input.name).ok_or_else(|| {
                Error::new(format!("the input `{}` is missing", input.name))
                    .in_file(&file.path)
                    .remedy("add an array of that name")
            })?;
            let ty = model.graph.ty(input.id);
            let tensor = if ty.dtype == model.format {
                array.to_rounded(model.own, model.format)?
            } else {
                array.to_tensor(ty.dtype)?
            };
            finite(&tensor, &input.name, &file.path)?;
            Ok(tensor)
        })
        .collect()
}

/// NaN and infinities have no specification.
fn finite(tensor: &Tensor, name: &str, file: &Path) -> Result<()> {
    if tensor.to_f64s().iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(
        Error::new(format!("the array `{name}` holds a NaN or an infinity"))
            .in_file(file)
            .remedy("inputs and seeds must be finite in the format of the audit"),
    )
}

fn unknown_keys(model: &Model, file: &ArrayFile) -> Vec<String> {
    let is_input = |key: &str| model.inputs.iter().any(|i| i.name == key);
    let is_seed = |key: &str| {
        key.strip_prefix("seed:")
            .is_some_and(|name| find(model, name).is_some())
    };
    let known_elsewhere = |key: &str| find(model, key).is_some();
    file.arrays
        .keys()
        .filter(|key| !is_input(key) && !is_seed(key))
        .map(|key| {
            let what = if known_elsewhere(key) {
                "is no input of the model"
            } else {
                "is no value of the model"
            };
            format!(
                "{}: the array `{key}` {what} and is ignored",
                file.path.display()
            )
        })
        .collect()
}

fn find<'a>(model: &'a Model, name: &str) -> Option<&'a NamedValue> {
    model
        .values
        .iter()
        .chain(&model.inputs)
        .chain(&model.initializers)
        .find(|v| v.name == name)
}

/// (name, value, cotangent) of every seed: `--loss`, else the seeds in the inputs, else the
/// only scalar output, else none.
fn find_seeds(
    model: &mut Model,
    file: &ArrayFile,
    loss: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, ValueId, ValueId)>> {
    if let Some(name) = loss {
        let value = find(model, name).cloned().ok_or_else(|| {
            Error::new(format!(
                "--loss names `{name}`, which the model does not have"
            ))
            .in_file(&model.path)
            .remedy(format!("its outputs are: {}", names(&model.outputs)))
        })?;
        return Ok(vec![unit_seed(model, &value)?]);
    }
    let mut seeds = Vec::new();
    for (key, array) in &file.arrays {
        let exact = model.inputs.iter().any(|i| &i.name == key);
        let Some(name) = key.strip_prefix("seed:").filter(|_| !exact) else {
            continue;
        };
        let Some(value) = find(model, name).cloned() else {
            continue;
        };
        let ty = model.graph.ty(value.id).clone();
        if !ty.dtype.is_float() || *array.shape() != ty.shape {
            return Err(Error::new(format!(
                "the seed `{key}` has shape {}, and `{name}` is {ty}",
                array.shape()
            ))
            .in_file(&file.path)
            .remedy("a seed has the shape of its value, which must be a float"));
        }
        let seed = seed_tensor(model, array, ty.dtype)?;
        finite(&seed, key, &file.path)?;
        let cotangent = model.graph.constant(seed);
        seeds.push((value.name, value.id, cotangent));
    }
    if !seeds.is_empty() {
        return Ok(seeds);
    }
    let scalars: Vec<NamedValue> = model
        .outputs
        .iter()
        .filter(|o| {
            let ty = model.graph.ty(o.id);
            ty.shape.len() == 1 && ty.dtype.is_float()
        })
        .cloned()
        .collect();
    match scalars.as_slice() {
        [only] => Ok(vec![unit_seed(model, only)?]),
        _ => {
            warnings.push(format!(
                "forward only: no --loss, no seed, and {} scalar outputs",
                scalars.len()
            ));
            Ok(Vec::new())
        }
    }
}

fn seed_tensor(model: &Model, array: &arrays::Array, dtype: DType) -> Result<Tensor> {
    if dtype == model.format {
        array.to_rounded(model.own, model.format)
    } else {
        array.to_tensor(dtype)
    }
}

fn unit_seed(model: &mut Model, value: &NamedValue) -> Result<(String, ValueId, ValueId)> {
    let ty = model.graph.ty(value.id).clone();
    if ty.shape.len() != 1 || !ty.dtype.is_float() {
        return Err(
            Error::new(format!("`{}` is {ty}, no scalar loss", value.name))
                .in_file(&model.path)
                .remedy("name a float value with one element, or give a seed in the inputs"),
        );
    }
    let one = Tensor::full(ty.shape, ty.dtype, 1.0)?;
    let cotangent = model.graph.constant(one);
    Ok((value.name.clone(), value.id, cotangent))
}

fn names(values: &[NamedValue]) -> String {
    let all: Vec<&str> = values.iter().map(|v| v.name.as_str()).collect();
    all.join(", ")
}
