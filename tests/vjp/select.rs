//! Selections, and maxima over some elements only.

use super::{Function, closely, exactly, float, of_one, of_two};
use gradbound::Result;
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{self, Cumulative, Direction, Written};
use gradbound::op::Relation;
use gradbound::tensor::{DType, Shape, Tensor, Ty};

/// Three updates, two of them of one element.
fn scattered(g: &mut Graph, written: Written) -> Result<ValueId> {
    let (x, updates) = (float(g, [2, 2]), float(g, [3]));
    lower::scatter(g, x, updates, &[3, 0, 3], written)
}

identities! {
    select_by_a_comparison: exactly ["Select"], |g| of_two(g, |g, x, y| {
        let condition = g.compare(Relation::Less, x, y)?;
        let product = g.mul(x, y)?;
        g.select(condition, product, y)
    });
    select_by_a_constant: exactly ["Select"], |g| {
        let (x, y) = (float(g, [2, 2]), float(g, [2]));
        let condition = g.constant(Tensor::bools([2, 2], [true, false, false, true])?);
        g.select(condition, x, y)
    };
    masked_softmax: closely [], |g| {
        let z = float(g, [2, 3]);
        let kept = g.constant(Tensor::bools([3], [true, false, true])?);
        lower::masked_softmax(g, z, kept, 1)
    };
    masked_softmax_with_an_empty_row: closely [], |g| {
        let z = float(g, [2, 3]);
        let kept = Tensor::bools([2, 3], [false, true, true, false, false, false])?;
        let kept = g.constant(kept);
        lower::masked_softmax(g, z, kept, 1)
    };
    masked_log_softmax: closely [], |g| {
        let z = float(g, [3, 2]);
        let kept = g.constant(Tensor::bools([3, 1], [true, false, true])?);
        lower::masked_log_softmax(g, z, kept, 0)
    };
    prod: exactly ["Prod"], |g| {
        let x = float(g, [2, 5, 3]);
        g.prod(x, &[0, 2], false)
    };
    prod_of_one: exactly ["Prod"], |g| {
        let x = float(g, [3, 1]);
        g.prod(x, &[1], true)
    };
    modulo: exactly ["Mod"], |g| of_two(g, |g, x, y| g.modulo(x, y, false));
    truncated_modulo: exactly ["Mod"], |g| of_two(g, |g, x, y| g.modulo(x, y, true));
    picked_by_an_arg_max: exactly ["Gather", "ScatterAdd"], |g| {
        let (x, y) = (float(g, [3, 2]), float(g, [3, 2]));
        let index = g.arg_max(x, 0, false)?;
        let picked = g.gather_elements(y, index, 0)?;
        g.mul(picked, x)
    };
    clip: exactly [], |g| {
        let (x, lo, hi) = (float(g, [2, 4]), float(g, []), float(g, [4]));
        lower::clip(g, x, Some(lo), Some(hi))
    };
    hard_sigmoid: exactly [], |g| of_one(g, |g, x| lower::hard_sigmoid(g, x, 0.25, 0.5));
    hard_swish: exactly [], |g| of_one(g, lower::hard_swish);
    leaky_relu: exactly [], |g| of_one(g, |g, x| lower::leaky_relu(g, x, 0.125));
    prelu: exactly [], |g| of_two(g, lower::prelu);
    thresholded_relu: exactly [], |g| of_one(g, |g, x| {
        let y = lower::thresholded_relu(g, x, 0.75)?;
        g.add(x, y)
    });
    shrink: exactly [], |g| of_one(g, |g, x| lower::shrink(g, x, 0.5, 0.25));
    cum_sum: exactly [], |g| {
        let x = float(g, [2, 4, 2]);
        let how = Direction { axis: 1, exclusive: true, reverse: false };
        lower::cumulative(g, x, Cumulative::Sum, how)
    };
    cum_prod: exactly [], |g| {
        let x = float(g, [3, 2]);
        let how = Direction { axis: 0, exclusive: false, reverse: true };
        lower::cumulative(g, x, Cumulative::Product, how)
    };
    scatter_that_replaces: exactly [], |g| scattered(g, Written::Replaced);
    scatter_that_adds: exactly [], |g| scattered(g, Written::Added);
    scatter_that_multiplies: exactly [], |g| scattered(g, Written::Multiplied);
    scatter_of_the_largest: exactly [], |g| scattered(g, Written::Largest);
    scatter_of_the_least: exactly [], |g| scattered(g, Written::Least);
    pool_max: exactly ["MaxOver"], |g| {
        let x = float(g, [2, 4]);
        g.pool_max(x, &[1], false, &[false, true, false, false])
    };
    max_over_without: exactly ["MaxOver"], |g| {
        let x = float(g, [3, 2]);
        g.max_over_without(x, &[0], true, &[false, true, false, false, true, false])
    };
}

/// At a tie max-pooling sends everything to the first maximum, a reduction shares it, and
/// what is left out gets nothing even where it is the largest.
#[test]
fn ties_go_to_the_first_or_are_shared() {
    use super::append_backward;
    use gradbound::interpret::runtime;
    let run = |pooling: bool| {
        let mut g = Graph::new();
        let x = g.input(Ty::new([4], DType::F64));
        let left_out = [true, false, false, false];
        let top = if pooling {
            g.pool_max(x, &[0], false, &left_out).unwrap()
        } else {
            g.max_over_without(x, &[0], false, &left_out).unwrap()
        };
        let delta = g.input(Ty::new(Shape::scalar(), DType::F64));
        let gradient = append_backward(&mut g, &[(top, delta)], None)
            .unwrap()
            .of(x)
            .unwrap();
        let inputs = [
            Tensor::f64s([4], [9.0, 2.0, 1.0, 2.0]).unwrap(),
            Tensor::f64s(Shape::scalar(), [6.0]).unwrap(),
        ];
        let all = runtime::eval(&g, &gradbound::Config::default(), &inputs).unwrap();
        all[gradient.index()].to_f64s()
    };
    assert_eq!(run(true), [0.0, 6.0, 0.0, 0.0]);
    assert_eq!(run(false), [0.0, 3.0, 0.0, 3.0]);
}

/// A zero among the factors leaves the others' product as its gradient; two leave nothing.
#[test]
fn zeros_among_factors_have_gradients() {
    use super::append_backward;
    use gradbound::interpret::runtime;
    let gradient = |factors: [f64; 4]| {
        let mut g = Graph::new();
        let x = g.input(Ty::new([4], DType::F64));
        let product = g.prod(x, &[0], false).unwrap();
        let one = g.scalar(1.0, DType::F64).unwrap();
        let gradient = append_backward(&mut g, &[(product, one)], None)
            .unwrap()
            .of(x)
            .unwrap();
        let inputs = [Tensor::f64s([4], factors).unwrap()];
        let all = runtime::eval(&g, &gradbound::Config::default(), &inputs).unwrap();
        all[gradient.index()].to_f64s()
    };
    assert_eq!(gradient([2.0, 0.0, 3.0, 5.0]), [0.0, 30.0, 0.0, 0.0]);
    assert_eq!(gradient([2.0, 0.0, 0.0, 5.0]), [0.0; 4]);
}
