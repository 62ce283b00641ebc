//! Selections, and maxima over some elements only.

use super::{Function, closely, exactly, float, of_two};
use gradbound::lower;
use gradbound::op::Relation;
use gradbound::tensor::{DType, Shape, Tensor, Ty};

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
    use super::{Graph, append_backward};
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
    use super::{Graph, append_backward};
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
