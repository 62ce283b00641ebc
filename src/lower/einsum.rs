//! Einstein summation: products of tensors, summed over the indices that the result does not
//! have.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;
use std::collections::BTreeMap;

/// An index: a letter, or an axis of the ellipsis, counted from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Index {
    Ellipsis(usize),
    Letter(char),
}

/// A tensor whose axes have names.
#[derive(Debug, Clone)]
struct Named {
    value: ValueId,
    indices: Vec<Index>,
}

/// The sum of products that an equation like `bij,bjk->bik` names.
///
/// The operands are multiplied from left to right; an index is summed as soon as no later
/// operand and not the result has it, over a pair of operands by a matrix product. An axis of
/// extent 1 broadcasts.
pub fn einsum(graph: &mut Graph, equation: &str, operands: &[ValueId]) -> Result<ValueId> {
    let (inputs, output) = parse(graph, equation, operands)?;
    let extents = extents(graph, equation, &inputs)?;
    if let Some(index) = output.iter().find(|i| !extents.contains_key(i)) {
        return Err(wrong(
            equation,
            &format!("no operand has the index {index:?} of the result"),
        ));
    }
    let mut rest = Vec::new();
    for input in inputs {
        rest.push(distinct(graph, input, &extents)?);
    }
    let needed = |later: &[Named], index: &Index| {
        output.contains(index) || later.iter().any(|n| n.indices.contains(index))
    };
    let mut rest = rest.into_iter();
    let Some(mut product) = rest.next() else {
        return Err(wrong(equation, "there are no operands"));
    };
    while let Some(next) = rest.next() {
        let later = rest.as_slice();
        product = multiply(graph, product, next, &extents, |index| needed(later, index))?;
    }
    product = summed(graph, product, |index| output.contains(index))?;
    // An index that broadcasts in every operand that has it has the extent 1.
    let missing = output.iter().filter(|i| !product.indices.contains(i));
    product.indices.extend(missing.copied().collect::<Vec<_>>());
    let shape = shape_of(&product.indices, &extents);
    let value = reshaped(graph, product.value, shape)?;
    let product = Named {
        value,
        indices: product.indices,
    };
    ordered(graph, product, &output).map(|named| named.value)
}

fn wrong(equation: &str, what: &str) -> Error {
    Error::new(format!(
        "the equation `{}`: {what}",
        equation.escape_debug()
    ))
    .remedy("write it like `bij,bjk->bik`, one letter for each axis of each operand")
}

/// The indices of every operand and of the result.
fn parse(graph: &Graph, equation: &str, operands: &[ValueId]) -> Result<(Vec<Named>, Vec<Index>)> {
    let plain: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (terms, result) = match plain.split_once("->") {
        Some((terms, result)) => (terms, Some(result)),
        None => (plain.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != operands.len() {
        let what = format!("{} terms for {} operands", terms.len(), operands.len());
        return Err(wrong(equation, &what));
    }
    let mut inputs = Vec::new();
    let mut ellipsis = 0;
    for (term, &value) in terms.iter().zip(operands) {
        let rank = graph.ty(value).shape.rank();
        let letters = term.chars().filter(|c| *c != '.').count();
        let hidden = rank.checked_sub(letters);
        let hidden = hidden.filter(|&h| h == 0 || term.contains("..."));
        let hidden = hidden.ok_or_else(|| {
            wrong(
                equation,
                &format!("`{term}` for an operand with {rank} axes"),
            )
        })?;
        ellipsis = ellipsis.max(hidden);
        let indices = indices(equation, term, hidden)?;
        inputs.push(Named { value, indices });
    }
    let output = match result {
        Some(result) => indices(equation, result, ellipsis)?,
        None => implicit(&inputs, ellipsis),
    };
    let twice = output
        .iter()
        .enumerate()
        .any(|(k, i)| output[..k].contains(i));
    if twice {
        return Err(wrong(equation, "the result has an index twice"));
    }
    Ok((inputs, output))
}

/// The indices that a term names, with `hidden` axes in the place of its ellipsis.
fn indices(equation: &str, term: &str, hidden: usize) -> Result<Vec<Index>> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    let mut indices: Vec<Index> = before.chars().map(Index::Letter).collect();
    if let Some(after) = after {
        indices.extend((0..hidden).rev().map(Index::Ellipsis));
        indices.extend(after.chars().map(Index::Letter));
    }
    let sound = |index: &Index| match index {
        Index::Letter(letter) => letter.is_ascii_alphabetic(),
        Index::Ellipsis(_) => true,
    };
    match indices.iter().all(sound) {
        true => Ok(indices),
        false => Err(wrong(equation, &format!("`{term}` names no indices"))),
    }
}

/// The indices of a result that is not given: the ellipsis, then the letters that occur once.
fn implicit(inputs: &[Named], ellipsis: usize) -> Vec<Index> {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for index in inputs.iter().flat_map(|n| &n.indices) {
        if let Index::Letter(letter) = index {
            *counts.entry(*letter).or_default() += 1;
        }
    }
    let once = counts.into_iter().filter(|(_, n)| *n == 1);
    let letters = once.map(|(letter, _)| Index::Letter(letter));
    (0..ellipsis)
        .rev()
        .map(Index::Ellipsis)
        .chain(letters)
        .collect()
}

/// Every index' extent; an extent of 1 gives way to another.
fn extents(graph: &Graph, equation: &str, inputs: &[Named]) -> Result<BTreeMap<Index, usize>> {
    let mut extents = BTreeMap::new();
    for named in inputs {
        let shape = &graph.ty(named.value).shape;
        let axes = || named.indices.iter().copied().zip(shape.iter().copied());
        for (index, extent) in axes() {
            if axes().any(|(other, n)| other == index && n != extent) {
                let what = format!("{index:?} stands for different extents of {shape}");
                return Err(wrong(equation, &what));
            }
            let known = extents.entry(index).or_insert(extent);
            match (*known, extent) {
                (a, b) if a == b => {}
                (1, other) => *known = other,
                (_, 1) => {}
                (a, b) => {
                    let what = format!("{index:?} has the extents {a} and {b}");
                    return Err(wrong(equation, &what));
                }
            }
        }
    }
    Ok(extents)
}

fn shape_of(indices: &[Index], extents: &BTreeMap<Index, usize>) -> Shape {
    let extent = |index| extents.get(index).copied().unwrap_or(1);
    Shape::from(indices.iter().map(extent).collect::<Vec<_>>())
}

/// The operand without indices along which it broadcasts, and with each index once: of
/// repeated ones the diagonal.
fn distinct(graph: &mut Graph, named: Named, extents: &BTreeMap<Index, usize>) -> Result<Named> {
    let shape = graph.ty(named.value).shape.clone();
    let kept = named.indices.iter().zip(shape.iter());
    let kept = kept.filter(|(index, n)| **n != 1 || extents.get(index) == Some(&1));
    let (mut indices, kept): (Vec<Index>, Vec<usize>) = kept.map(|(i, n)| (*i, *n)).unzip();
    let mut value = reshaped(graph, named.value, Shape::from(kept))?;
    let repeated = |all: &[Index]| {
        let pair = |(k, index)| Some((all[..k].iter().position(|i| i == index)?, k));
        all.iter().enumerate().find_map(pair)
    };
    while let Some((first, second)) = repeated(&indices) {
        value = diagonal(graph, value, first, second)?;
        let index = indices.remove(second);
        indices.remove(first);
        indices.push(index);
    }
    Ok(Named { value, indices })
}

/// The diagonal of two axes, as the last axis.
fn diagonal(graph: &mut Graph, x: ValueId, first: usize, second: usize) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let others = (0..shape.rank()).filter(|&a| a != first && a != second);
    let order: Vec<usize> = others.chain([first, second]).collect();
    let mut lengths: Vec<usize> = order.iter().map(|&a| shape[a]).collect();
    let n = shape[first];
    lengths.truncate(shape.rank() - 2);
    lengths.push(n * n);
    let x = transposed(graph, x, &order)?;
    let x = graph.reshape(x, Shape::from(lengths.clone()))?;
    let mut steps = vec![1; lengths.len()];
    if let (Some(length), Some(step)) = (lengths.last_mut(), steps.last_mut()) {
        *length = n;
        *step = n as isize + 1;
    }
    let starts = vec![0; lengths.len()];
    graph.slice(x, &starts, &steps, &lengths)
}

/// Sums over the indices that are not kept.
fn summed(graph: &mut Graph, named: Named, kept: impl Fn(&Index) -> bool) -> Result<Named> {
    let gone = |(axis, index)| (!kept(index)).then_some(axis);
    let axes: Vec<usize> = named.indices.iter().enumerate().filter_map(gone).collect();
    if axes.is_empty() {
        return Ok(named);
    }
    let value = graph.sum(named.value, &axes, false)?;
    let indices = named.indices.into_iter().filter(|i| kept(i)).collect();
    Ok(Named { value, indices })
}

/// The product of two operands, summed over the indices that both have and that are not kept.
fn multiply(
    graph: &mut Graph,
    a: Named,
    b: Named,
    extents: &BTreeMap<Index, usize>,
    kept: impl Fn(&Index) -> bool,
) -> Result<Named> {
    let (in_a, in_b) = (a.indices.clone(), b.indices.clone());
    let a = summed(graph, a, |index| kept(index) || in_b.contains(index))?;
    let b = summed(graph, b, |index| kept(index) || in_a.contains(index))?;
    let both = |index: &&Index| b.indices.contains(index);
    let pick = |from: &[Index], of: &dyn Fn(&&Index) -> bool| -> Vec<Index> {
        from.iter().filter(of).copied().collect()
    };
    let batch = pick(&a.indices, &|i| both(i) && kept(i));
    let inner = pick(&a.indices, &|i| both(i) && !kept(i));
    let rows = pick(&a.indices, &|i| !both(i));
    let columns = pick(&b.indices, &|i| !a.indices.contains(i));
    let result = [&batch[..], &rows, &columns].concat();
    let left = ordered(graph, a, &[&batch[..], &rows, &inner].concat())?;
    let right = ordered(graph, b, &[&batch[..], &inner, &columns].concat())?;
    let len = |indices: &[Index]| shape_of(indices, extents).len();
    let lead = shape_of(&batch, extents);
    let with = |more: &[usize]| Shape::from([&lead[..], more].concat());
    let (m, k, n) = (len(&rows), len(&inner), len(&columns));
    let value = if inner.is_empty() {
        let left = reshaped(graph, left.value, with(&[m, 1]))?;
        let right = reshaped(graph, right.value, with(&[1, n]))?;
        graph.mul(left, right)?
    } else {
        let left = reshaped(graph, left.value, with(&[m, k]))?;
        let right = reshaped(graph, right.value, with(&[k, n]))?;
        graph.matmul(left, right)?
    };
    Ok(Named {
        value: reshaped(graph, value, shape_of(&result, extents))?,
        indices: result,
    })
}

/// The same tensor with its axes in this order.
fn ordered(graph: &mut Graph, named: Named, order: &[Index]) -> Result<Named> {
    let axis = |index| named.indices.iter().position(|i| i == index);
    let permutation: Vec<usize> = order.iter().filter_map(axis).collect();
    Ok(Named {
        value: transposed(graph, named.value, &permutation)?,
        indices: order.to_vec(),
    })
}

fn transposed(graph: &mut Graph, x: ValueId, permutation: &[usize]) -> Result<ValueId> {
    if permutation.iter().copied().eq(0..permutation.len()) {
        return Ok(x);
    }
    graph.transpose(x, permutation)
}

fn reshaped(graph: &mut Graph, x: ValueId, shape: Shape) -> Result<ValueId> {
    if graph.ty(x).shape == shape {
        return Ok(x);
    }
    graph.reshape(x, shape)
}
