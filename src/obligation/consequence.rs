//! Missing claims that nothing misses.

use crate::bound::Approx;
use crate::graph::Graph;

/// For every value whether it has no claim (an infinite ε) and nothing that is made of it lacks
/// one for that: what is made of it is claimed by another rule ([`Conditioned`] takes the least of
/// two), or is of no consequence itself.
///
/// A node's obligations speak of what the node claims; a value that only served a bound that was
/// not taken claims nothing and owes nothing.
///
/// [`Conditioned`]: crate::op::Conditioned
pub fn without_consequence(graph: &Graph, approx: &[Approx]) -> Vec<bool> {
    let claims = |k: usize| approx[k].eps.largest().is_finite();
    let mut used = vec![false; approx.len()];
    let mut missed = vec![false; approx.len()];
    for (k, node) in graph.nodes().iter().enumerate().rev() {
        // A value that nothing uses is a result.
        missed[k] = !claims(k) && (missed[k] || !used[k]);
        for arg in node.args() {
            used[arg.index()] = true;
            missed[arg.index()] |= missed[k];
        }
    }
    (0..approx.len())
        .map(|k| !claims(k) && !missed[k])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::graph::ValueId;
    use crate::interpret::{bounds, runtime};
    use crate::op::{Conditioned, Smooth};
    use crate::tensor::{DType, Tensor, Ty};

    /// 1/0, and a value that is claimed although a bound of its own was made of that.
    fn of_no_claim(graph: &mut Graph) -> [ValueId; 2] {
        let x = graph.input(Ty::new([1], DType::F32));
        let zero = graph.sub(x, x).expect("one type");
        let one = graph.scalar(1.0, DType::F32).expect("a scalar");
        let pole = graph.div(one, zero).expect("one type");
        let mish = Conditioned::Smooth(Smooth::Mish);
        let value = graph.conditioned(mish, [x, pole, x]).expect("one type");
        [pole, value]
    }

    fn missing(graph: &Graph) -> Vec<bool> {
        let inputs = [Tensor::f32s([1], vec![1.5]).expect("one element")];
        let config = Config::default();
        let run = runtime::eval(graph, &config, &inputs).expect("runs");
        without_consequence(
            graph,
            &bounds::eval(graph, &config, &run, &[Approx::exact()]),
        )
    }

    #[test]
    fn a_bound_that_is_not_taken_is_not_missed() {
        let mut graph = Graph::new();
        let [pole, value] = of_no_claim(&mut graph);
        let missing_of_none = missing(&graph);
        assert!(missing_of_none[pole.index()] && !missing_of_none[value.index()]);
        // As soon as something else is made of it, it is.
        let doubled = graph.add(pole, pole).expect("one type");
        let missing = missing(&graph);
        assert!(!missing[pole.index()] && !missing[doubled.index()]);
    }
}
