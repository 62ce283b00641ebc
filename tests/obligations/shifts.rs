//! Softmax and log-softmax where scores are far off, or far apart.

use gradbound::bound::{Approx, Bound};
use gradbound::config::{Config, Contract, Schedule};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::lower;
use gradbound::number::{Enclosure, SpecNumber, Up};
use gradbound::op::{Op, real};
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};

const SCORES: [f64; 3] = [1.0, 3.0, 2.0];

type Lowering = fn(&mut Graph, ValueId, usize) -> gradbound::Result<ValueId>;

const BOTH: [Lowering; 2] = [lower::softmax, lower::log_softmax];

fn scores(dtype: DType, values: &[f64]) -> Tensor {
    Tensor::from_f64s([3].into(), dtype, values).unwrap()
}

fn eps(g: &Graph, of: ValueId, config: &Config, inputs: &[Tensor], off: f64) -> f64 {
    let run = runtime::eval(g, config, inputs).unwrap();
    let given = vec![Approx::within(Bound::uniform(Up::new(off))); inputs.len()];
    let known = bounds::eval(g, config, &run, &given);
    known[of.index()].eps.largest().get()
}

/// Where an execution has one value for each score, the largest less the shift is 0, and no
/// exponential overflows.
#[test]
fn scores_may_be_anywhere_where_executions_are_fixed() {
    for (lowering, most) in BOTH.into_iter().zip([1.1, 1e8]) {
        let mut g = Graph::new();
        let z = g.input(Ty::new([3], DType::F32));
        let out = lowering(&mut g, z, 0).unwrap();
        let config = Config {
            schedule: Schedule::Left,
            contract: Contract::Off,
            ..Config::default()
        };
        let eps = eps(&g, out, &config, &[scores(DType::F32, &SCORES)], 1e7);
        assert!(eps <= most, "{eps}");
    }
}

/// Scores of padding, −10⁴ say, are computed with large errors, and take no part.
#[test]
fn padding_does_not_loosen_the_others() {
    let softmax_of = |padding: f64| {
        let mut g = Graph::new();
        let [z, mask] = [0; 2].map(|_| g.input(Ty::new([3], DType::BF16)));
        let masked = g.add(z, mask).unwrap();
        let out = lower::softmax(&mut g, masked, 0).unwrap();
        let mask = scores(DType::BF16, &[0.0, 0.0, padding]);
        let inputs = [scores(DType::BF16, &SCORES), mask];
        eps(&g, out, &Config::default(), &inputs, 0.0)
    };
    let (near, far) = (softmax_of(-256.0), softmax_of(-65536.0));
    assert!(far.is_finite() && far <= 1.01 * near, "{far}, {near}");
}

/// The specification takes the run's shift, which may be thousands off its own maximum; the
/// result does not depend on it.
#[test]
fn the_specification_follows_a_run_that_is_far_off() {
    for lowering in BOTH {
        let mut g = Graph::new();
        let z = g.input(Ty::new([3], DType::F32));
        let out = lowering(&mut g, z, 0).unwrap();
        let at = |off: f64| {
            let z = scores(DType::F32, &SCORES);
            let mut run = runtime::eval(&g, &Config::default(), std::slice::from_ref(&z)).unwrap();
            for (node, value) in g.nodes().iter().zip(&mut run) {
                if matches!(node.op(), Op::FreeMax(_)) {
                    let shift = [value.get(0) + off];
                    *value = Tensor::from_f64s([1].into(), DType::F32, &shift).unwrap();
                }
            }
            let z: SpecTensor<Enclosure> = real(&(), &z);
            let all = spec::eval(&g, &(), &[z], Some(&run));
            all[out.index()].data.to_vec()
        };
        let here = at(0.0);
        for off in [-5000.0, 5000.0] {
            for (x, y) in here.iter().zip(at(off)) {
                let apart = x.sub(&y).magnitude().get();
                assert!(apart < 1e-10, "{off}: {x:?}, {y:?}");
            }
        }
    }
}
