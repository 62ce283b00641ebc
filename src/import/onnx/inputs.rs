//! Inputs: their types, and the shapes that the model leaves open.

use super::proto::{Extent, GraphProto, TensorType, ValueInfoProto};
use super::types::{self, MAX_RANK, Retype, Width};
use crate::error::{Error, Result};
use crate::tensor::{DType, Shape, Tensor, Ty};
use std::collections::{BTreeMap, HashMap};

/// The model's own float type, and the one it is audited in.
///
/// Its own type is that of its float inputs and initializers; where they differ, that of
/// its first float output.
pub(super) fn retype(graph: &GraphProto, format: Option<DType>) -> Result<Retype> {
    if let Some(other) = format.filter(|f| !f.is_float()) {
        return Err(Error::new(format!("{other} is no float format"))
            .remedy("use one of the float formats"));
    }
    let float = |data_type: i32| {
        let dtype = types::dtype(types::element(data_type)?);
        dtype.is_float().then_some(dtype)
    };
    let of_info = |info: &ValueInfoProto| float(tensor_type(info)?.elem_type);
    let given = graph.input.iter().filter_map(of_info);
    let constants = graph.initializer.iter().filter_map(|i| float(i.data_type));
    let mut all = given.chain(constants);
    let first = all.next();
    let uniform = first.filter(|&first| all.all(|other| other == first));
    let output = || graph.output.iter().find_map(of_info);
    let own = uniform.or_else(output).or(first).unwrap_or(DType::F32);
    Ok(Retype {
        own,
        format: format.unwrap_or(own),
    })
}

/// The tensor type that is declared, if one is.
pub(super) fn tensor_type(info: &ValueInfoProto) -> Option<&TensorType> {
    info.r#type.as_ref()?.tensor_type.as_ref()
}

/// The integer type of an input, where that is not int64.
pub(super) fn width(info: &ValueInfoProto) -> Option<Width> {
    types::width(tensor_type(info)?.elem_type)
}

/// An error, where a value for an input is not of the integer type that the model gives it.
pub(super) fn check_range(info: &ValueInfoProto, width: Width, value: &[i64]) -> Result<()> {
    let (least, greatest) = width.limits();
    match value.iter().find(|n| !(least..=greatest).contains(*n)) {
        None => Ok(()),
        Some(n) => Err(Error::new(format!(
            "the array given for the input `{}` has the element {n}, and the model's type goes from {least} to {greatest}",
            info.name.escape_debug()
        ))
        .remedy("give numbers of the model's type")),
    }
}

/// Fails where an array's extents are not those that the model fixes for its input.
pub(super) fn check_extents(info: &ValueInfoProto, given: &[usize]) -> Result<()> {
    let Some(shape) = tensor_type(info).and_then(|ty| ty.shape.as_ref()) else {
        return Ok(());
    };
    let mut fixed_all = Vec::with_capacity(shape.dim.len());
    for dim in &shape.dim {
        fixed_all.push(fixed(info, dim.value.as_ref())?);
    }
    let fits = |(own, n): (&Option<usize>, &usize)| own.is_none_or(|own| own == *n);
    if fixed_all.len() == given.len() && fixed_all.iter().zip(given).all(fits) {
        return Ok(());
    }
    let shown = |extent: &Option<usize>| extent.map_or("?".to_owned(), |n| n.to_string());
    let all: Vec<String> = fixed_all.iter().map(shown).collect();
    Err(misfit(info, &format!("[{}]", all.join(", ")), given))
}

fn misfit(info: &ValueInfoProto, own: &str, given: &[usize]) -> Error {
    Error::new(format!(
        "the input `{}` has the shape {own}, but the array given for it has {given:?}",
        info.name.escape_debug()
    ))
    .remedy("give an array of the model's shape, or export the model with open extents")
}

/// Types of the inputs, with the extents that are left open taken from the arrays given.
pub(super) fn resolve(
    inputs: &[&ValueInfoProto],
    shapes: &BTreeMap<String, Vec<usize>>,
    retype: Retype,
) -> Result<Vec<Ty>> {
    let is_missing = |i: &&&ValueInfoProto| !shapes.contains_key(&i.name);
    let missing: Vec<String> = (inputs.iter().filter(is_missing))
        .map(|i| format!("`{}`", i.name.escape_debug()))
        .collect();
    if !shapes.is_empty() && !missing.is_empty() {
        return Err(
            Error::new(format!("the inputs lack {}", missing.join(", ")))
                .remedy("add these arrays to the file of inputs"),
        );
    }
    let mut symbols = HashMap::new();
    (inputs.iter())
        .map(|info| resolve_one(info, shapes.get(&info.name), &mut symbols, retype))
        .collect()
}

/// Extents by the names that the model gives them, each with the input that decided it.
type Symbols<'a> = HashMap<&'a str, (usize, &'a str)>;

fn resolve_one<'a>(
    info: &'a ValueInfoProto,
    given: Option<&Vec<usize>>,
    symbols: &mut Symbols<'a>,
    retype: Retype,
) -> Result<Ty> {
    let name = info.name.escape_debug();
    let ty = tensor_type(info).ok_or_else(|| {
        Error::new(format!("the input `{name}` is no tensor"))
            .remedy("sequences, maps and optional inputs are not supported; use tensors")
    })?;
    let element = types::element(ty.elem_type).ok_or_else(|| {
        Error::new(format!(
            "the input `{name}` has the element type {}, which is not supported",
            types::name(ty.elem_type)
        ))
        .remedy("use floats of 16, 32 or 64 bits, integers or booleans")
    })?;
    let dtype = retype.dtype(types::dtype(element));
    let open = || {
        Error::new(format!(
            "the input `{name}` has no fixed shape, and no array was given for it"
        ))
        .remedy("give an array for every input (--inputs)")
    };
    let extents: Vec<usize> = match (&ty.shape, given) {
        (None, None) => return Err(open()),
        (None, Some(given)) => given.clone(),
        (Some(shape), given) => {
            let mut extents = Vec::with_capacity(shape.dim.len());
            for (axis, dim) in shape.dim.iter().enumerate() {
                let given = given.and_then(|g| g.get(axis)).copied();
                let fixed = fixed(info, dim.value.as_ref())?;
                let extent = match (fixed, symbol(dim.value.as_ref())) {
                    (Some(n), _) => Some(n),
                    (None, Some(symbol)) => decide(symbols, symbol, given, info)?,
                    (None, None) => given,
                };
                extents.push(extent.ok_or_else(open)?);
            }
            extents
        }
    };
    if let Some(given) = given.filter(|g| **g != extents) {
        return Err(misfit(info, &format!("{extents:?}"), given));
    }
    if extents.len() > MAX_RANK {
        return Err(
            Error::new(format!("the input `{name}` has {} axes", extents.len()))
                .remedy("use tensors of at most 64 axes"),
        );
    }
    if let Some(why) = Shape::excess(&extents) {
        return Err(
            Error::new(format!("the input `{name}` of shape {extents:?} has {why}"))
                .remedy("use smaller inputs or a smaller batch"),
        );
    }
    Ok(Ty::new(Shape::from(extents), dtype))
}

/// The extent, where the model fixes it.
fn fixed(info: &ValueInfoProto, extent: Option<&Extent>) -> Result<Option<usize>> {
    match extent {
        Some(&Extent::DimValue(n)) => match usize::try_from(n) {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err(Error::new(format!(
                "the input `{}` has the extent {n}",
                info.name.escape_debug()
            ))
            .remedy("use a name (dim_param) for an open extent")),
        },
        Some(Extent::DimParam(_)) | None => Ok(None),
    }
}

fn symbol(extent: Option<&Extent>) -> Option<&str> {
    match extent {
        Some(Extent::DimParam(name)) if !name.is_empty() => Some(name),
        Some(Extent::DimParam(_) | Extent::DimValue(_)) | None => None,
    }
}

/// The extent of this name, which all inputs that use the name share.
fn decide<'a>(
    symbols: &mut Symbols<'a>,
    symbol: &'a str,
    given: Option<usize>,
    info: &'a ValueInfoProto,
) -> Result<Option<usize>> {
    match (symbols.get(symbol), given) {
        (Some(&(decided, by)), Some(given)) if decided != given => Err(Error::new(format!(
            "the extent `{}` is {decided} in the input `{}` and {given} in `{}`",
            symbol.escape_debug(),
            by.escape_debug(),
            info.name.escape_debug()
        ))
        .remedy("give arrays whose shapes agree")),
        (Some(&(decided, _)), _) => Ok(Some(decided)),
        (None, Some(given)) => {
            symbols.insert(symbol, (given, &info.name));
            Ok(Some(given))
        }
        (None, None) => Ok(None),
    }
}

/// What an output is declared to be, where that contradicts what it is.
pub(super) fn contradiction(info: &ValueInfoProto, ty: &Ty, retype: Retype) -> Option<String> {
    let declared = tensor_type(info)?;
    let dtype = retype.dtype(types::dtype(types::element(declared.elem_type)?));
    let dims = declared.shape.as_ref().map(|s| s.dim.as_slice());
    let extents: Option<Vec<String>> = dims.map(|dims| {
        let text = |value: Option<&Extent>| match value {
            Some(Extent::DimValue(n)) => n.to_string(),
            Some(Extent::DimParam(_)) | None => "?".to_owned(),
        };
        dims.iter().map(|d| text(d.value.as_ref())).collect()
    });
    let fits = extents.as_ref().is_none_or(|extents| {
        let same = |(text, n): (&String, &usize)| text == "?" || *text == n.to_string();
        extents.len() == ty.shape.rank() && extents.iter().zip(ty.shape.iter()).all(same)
    });
    if fits && dtype == ty.dtype {
        return None;
    }
    Some(format!(
        "{dtype}[{}]",
        extents.unwrap_or_default().join(", ")
    ))
}

/// The value of an input in the model's type, where integers 0 and 1 stand for truth values.
pub(super) fn typed(value: &Tensor, ty: &Ty) -> Result<Tensor> {
    let integers = value.as_i64s().filter(|_| ty.dtype == DType::Bool);
    match integers.filter(|all| all.iter().all(|n| (0..=1).contains(n))) {
        Some(all) => Tensor::bools(
            value.shape().clone(),
            all.iter().map(|&n| n == 1).collect::<Vec<bool>>(),
        ),
        None => Ok(value.clone()),
    }
}
