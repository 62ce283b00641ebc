//! The upstream interface: contexts, predicates, graphs at each level of annotation, the
//! forgetting maps, evaluation and backpropagation, a kernel of one's own, an accumulation
//! rule of one's own.

use gradbound::Config;
use gradbound::bound::{Approx, Bound, Operand};
use gradbound::graph::context::{
    BList, Context, EList, RunList, TList, approx_ctx, approx_tensor, scale_ctx, scale_tensor,
};
use gradbound::graph::levels::{
    FwdNode, FwdNodeScale, RevGraphScale, RevNode, RevNodeScale, derived_bound,
};
use gradbound::graph::{Graph, ValueId};
use gradbound::number::exact::Rational;
use gradbound::number::{Enclosure, Up};
use gradbound::obligation::{Obligation, checked_eval};
use gradbound::op::{Accumulation, Add, MatMul, Mul, Relu, RuleCx, ScaleOperand, Scaled, real};
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};
use gradbound::verdict::{Outcome, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// x³ by two products; its bound is `factor` times the derived one.
#[derive(Debug)]
struct Cube {
    calls: AtomicUsize,
    factor: f64,
}

impl Cube {
    fn new(factor: f64) -> Arc<Cube> {
        Arc::new(Cube {
            calls: AtomicUsize::new(0),
            factor,
        })
    }

    fn scaled(&self, bound: Bound, len: usize) -> Bound {
        Bound::from_fn(len, |i| bound.at(i) * Up::new(self.factor))
    }
}

fn cube(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    let squared = g.mul(x, x)?;
    g.mul(squared, x)
}

fn slope(g: &mut Graph, x: ValueId, d: ValueId) -> gradbound::Result<ValueId> {
    let three = g.scalar(3.0, g.ty(x).dtype)?;
    let squared = g.mul(x, x)?;
    let slope = g.mul(squared, three)?;
    g.mul(slope, d)
}

fn each(x: &Tensor, f: impl Fn(usize, f32) -> f32) -> gradbound::Result<Tensor> {
    let values: Vec<f32> = (0..x.len()).map(|i| f(i, x.get(i) as f32)).collect();
    Tensor::f32s(x.shape().clone(), values)
}

impl FwdNode for Cube {
    fn name(&self) -> String {
        "cube".to_string()
    }
    fn infer(&self, args: &[&Ty]) -> gradbound::Result<Ty> {
        Ok(args[0].clone())
    }
    fn spec(&self, g: &mut Graph, args: &[ValueId]) -> gradbound::Result<ValueId> {
        cube(g, args[0])
    }
    fn runtime(&self, args: &[&Tensor]) -> gradbound::Result<Tensor> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        each(args[0], |_, x| x * x * x)
    }
    fn bound(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Bound {
        let derived = derived_bound(cx, args, |g, a| cube(g, a[0]));
        self.scaled(derived, args[0].len())
    }
}

impl RevNode for Cube {
    fn vjp_spec(
        &self,
        g: &mut Graph,
        args: &[ValueId],
        d: ValueId,
    ) -> gradbound::Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(slope(g, args[0], d)?)])
    }
    fn vjp_runtime(&self, _: usize, args: &[&Tensor], d: &Tensor) -> gradbound::Result<Tensor> {
        each(args[0], |i, x| x * x * 3.0 * d.get(i) as f32)
    }
    fn vjp_bound(
        &self,
        cx: &RuleCx,
        _: usize,
        args: &[Operand],
        d: &Operand,
        _out: &Tensor,
    ) -> Bound {
        let derived = derived_bound(cx, &[args[0], *d], |g, a| slope(g, a[0], a[1]));
        self.scaled(derived, args[0].len())
    }
}

impl FwdNodeScale for Cube {
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Bound {
        let rounded = |b: Up| b + cx.half_ulp(b);
        Bound::from_fn(args[0].len(), |i| {
            let b = args[0].at(i);
            rounded(rounded(b * b) * b)
        })
    }
}

impl RevNodeScale for Cube {
    fn vjp_scale(&self, cx: &RuleCx, _: usize, args: &[ScaleOperand], d: &ScaleOperand) -> Bound {
        let rounded = |b: Up| b + cx.half_ulp(b);
        Bound::from_fn(args[0].len(), |i| {
            let b = args[0].at(i);
            rounded(rounded(rounded(b * b) * Up::new(3.0)) * d.at(i))
        })
    }
}

/// relu(cube(x·w)) + x·w: the product is used twice.
fn graph(node: Arc<Cube>) -> (RevGraphScale, ValueId) {
    let types = [Ty::new([2, 3], DType::F32), Ty::new([3, 2], DType::F32)];
    let mut g = RevGraphScale::nil(&types);
    let [x, w] = [g.context()[0], g.context()[1]];
    let product = g.snoc(MatMul::default(), &[x, w]).unwrap();
    let cubed = g.snoc_node(node, &[product]).unwrap();
    let kept = g.snoc(Relu, &[cubed]).unwrap();
    let sum = g.snoc(Add, &[kept, product]).unwrap();
    (g, sum)
}

fn inputs() -> RunList {
    let x = vec![0.1_f32, -0.7, 0.3, 1.1, 0.2, -0.4];
    let w = vec![0.9_f32, -0.3, 0.8, 0.5, -0.6, 0.7];
    Context::from(vec![
        Tensor::f32s([2, 3], x).unwrap(),
        Tensor::f32s([3, 2], w).unwrap(),
    ])
}

fn exact(context: &RunList) -> EList {
    context.iter().map(|_| Approx::exact()).collect()
}

fn reals(context: &RunList) -> TList<Rational> {
    context.iter().map(|t| real(&(), t)).collect()
}

fn scales(context: &RunList) -> BList {
    context.iter().map(Scaled::of).collect()
}

#[test]
fn all_eight_evaluations_agree_with_their_predicates() {
    let (g, out) = graph(Cube::new(1.0));
    let (config, context) = (Config::default(), inputs());
    let run = g.eval_runtime(&config, &context).unwrap();
    let spec = g.eval_spec(&(), &reals(&context));
    let eps = g.eval_bounds(&config, &context, &exact(&context)).unwrap();
    let scale = g.eval_scales(&config, &scales(&context));
    assert_eq!(
        [run.len(), spec.len(), eps.len(), scale.len()],
        [g.graph().len(); 4]
    );
    assert_eq!(approx_ctx(&spec, &run, &eps), Verdict::Holds);
    assert_eq!(scale_ctx(&spec, &run, &scale), Verdict::Holds);

    let seed = Tensor::f32s([2, 2], vec![1.0_f32, -0.5, 0.3, 2.0]).unwrap();
    let seeds = [(out, seed.clone())];
    let back = g.backprop_runtime(&config, &context, &seeds).unwrap();
    let meant = g
        .backprop_spec(
            &(),
            &reals(&context),
            &[(out, real::<Rational>(&(), &seed))],
        )
        .unwrap();
    let bounds = g
        .backprop_bounds(
            &config,
            &context,
            &exact(&context),
            &[(out, (seed.clone(), Approx::exact()))],
        )
        .unwrap();
    let magnitudes = g
        .backprop_scales(&config, &scales(&context), &[(out, Scaled::of(&seed))])
        .unwrap();
    assert_eq!(
        [back.len(), meant.len(), bounds.len(), magnitudes.len()],
        [g.graph().len(); 4]
    );
    assert_eq!(approx_ctx(&meant, &back, &bounds), Verdict::Holds);
    assert_eq!(scale_ctx(&meant, &back, &magnitudes), Verdict::Holds);
    assert!(bounds.iter().any(|b| !b.eps.is_zero()));
}

#[test]
fn seeds_may_be_given_for_any_value() {
    let (g, _) = graph(Cube::new(1.0));
    let (config, context) = (Config::default(), inputs());
    // The product, in the middle of the graph, and the first input.
    let product = g.graph().values().nth(2).unwrap();
    let x = g.context()[0];
    let seeds = [
        (
            product,
            Tensor::full([2, 2].into(), DType::F32, 1.0).unwrap(),
        ),
        (x, Tensor::full([2, 3].into(), DType::F32, 10.0).unwrap()),
    ];
    let back = g.backprop_runtime(&config, &context, &seeds).unwrap();
    let w = &context[1];
    for i in 0..6 {
        let column = i % 3;
        let row_sum = w.get(2 * column) as f32 + w.get(2 * column + 1) as f32;
        let near = (back[0].get(i) - f64::from(row_sum) - 10.0).abs();
        assert!(near < 1e-5, "{near}");
    }
    assert!(
        back[4].to_f64s().iter().all(|&d| d == 0.0),
        "nothing reaches the sum"
    );
    let wrong = Tensor::full([2, 2].into(), DType::F32, 1.0).unwrap();
    assert!(
        g.backprop_runtime(&config, &context, &[(x, wrong)])
            .is_err()
    );
}

#[test]
fn forgetting_commutes_and_changes_no_value() {
    let (full, _) = graph(Cube::new(1.0));
    let (config, context) = (Config::default(), inputs());
    let one_way = full.to_rev_graph().to_fwd_graph();
    let other_way = full.to_fwd_graph_scale().to_fwd_graph();
    let run = full.eval_runtime(&config, &context).unwrap();
    let eps = full
        .eval_bounds(&config, &context, &exact(&context))
        .unwrap();
    for g in [&one_way, &other_way] {
        assert_eq!(g.eval_runtime(&config, &context).unwrap(), run);
        let again = g.eval_bounds(&config, &context, &exact(&context)).unwrap();
        let eps_of = |e: &EList| e.iter().map(|a| a.eps.clone()).collect::<Vec<_>>();
        assert_eq!(eps_of(&again), eps_of(&eps));
    }
    let shape = |g: &Graph| format!("{:?}", g.nodes());
    assert_eq!(shape(one_way.graph()), shape(other_way.graph()));
    assert_ne!(shape(one_way.graph()), shape(full.graph()));
}

#[test]
fn a_kernel_runs_once_forward_however_often_it_is_used() {
    let node = Cube::new(1.0);
    let (g, out) = graph(Arc::clone(&node));
    let seed = Tensor::full([2, 2].into(), DType::F32, 1.0).unwrap();
    g.backprop_runtime(&Config::default(), &inputs(), &[(out, seed)])
        .unwrap();
    assert_eq!(node.calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_kernel_that_claims_too_much_is_caught_with_a_witness() {
    let (g, _) = graph(Cube::new(0.01));
    let context = inputs();
    let found = checked_eval(g.graph(), &Config::default(), context.as_slice()).unwrap();
    let failure = found.expect_err("a hundredth of the bound is exceeded here");
    assert_eq!(
        (failure.op, failure.obligation),
        ("Kernel", Obligation::Sound)
    );
    let Verdict::Violated(witness) = failure.verdict else {
        panic!("not violated");
    };
    assert!(witness.quantity.lo() > witness.bound.get());
    let (honest, _) = graph(Cube::new(1.0));
    assert!(
        checked_eval(honest.graph(), &Config::default(), context.as_slice())
            .unwrap()
            .is_ok()
    );
}

/// An accumulation rule that forgets every rounding, or doubles what is needed.
#[derive(Debug)]
struct Rule {
    forgets: bool,
}

impl Accumulation for Rule {
    fn bound(&self, cx: &RuleCx, terms: &[Operand], _out: &Tensor) -> Bound {
        Bound::from_fn(cx.len(), |i| {
            let propagated: Up = terms.iter().map(|t| t.eps(i)).sum();
            let magnitude: Up = terms.iter().map(|t| t.magnitude(i)).sum();
            let rounding = if self.forgets {
                Up::ZERO
            } else {
                magnitude * Up::power_of_two(-20)
            };
            propagated + rounding
        })
    }
    fn scale(&self, cx: &RuleCx, terms: &[ScaleOperand]) -> Bound {
        Bound::from_fn(cx.len(), |i| {
            let total: Up = terms.iter().map(|t| t.at(i)).sum();
            if self.forgets {
                Up::ZERO
            } else {
                total + total
            }
        })
    }
}

/// 0.1·x + 0.7·x + 0.3·x for one x: three contributions meet at x.
fn fan_out() -> (RevGraphScale, ValueId) {
    let ty = Ty::new([1], DType::F32);
    let mut g = RevGraphScale::nil(&[ty.clone(), ty.clone(), ty.clone(), ty]);
    let c = g.context().to_vec();
    let terms: Vec<ValueId> = (1..4)
        .map(|k| g.snoc(Mul, &[c[0], c[k]]).unwrap())
        .collect();
    let two = g.snoc(Add, &[terms[0], terms[1]]).unwrap();
    let out = g.snoc(Add, &[two, terms[2]]).unwrap();
    (g, out)
}

#[test]
fn an_accumulation_rule_of_ones_own_owes_its_obligations() {
    let one = |x: f32| Tensor::f32s([1], vec![x]).unwrap();
    let context: RunList = [1.5, 0.1, 0.7, 0.3].into_iter().map(one).collect();
    let config = Config::default();
    for forgets in [false, true] {
        let (mut g, out) = fan_out();
        g.set_accumulation(Arc::new(Rule { forgets }));
        let seed = one(1.0);
        let back = g
            .backprop_runtime(&config, &context, &[(out, seed.clone())])
            .unwrap();
        let meant = g
            .backprop_spec(
                &(),
                &reals(&context),
                &[(out, real::<Rational>(&(), &seed))],
            )
            .unwrap();
        let bounds = g
            .backprop_bounds(
                &config,
                &context,
                &exact(&context),
                &[(out, (seed.clone(), Approx::exact()))],
            )
            .unwrap();
        let scale = g
            .backprop_scales(&config, &scales(&context), &[(out, Scaled::of(&seed))])
            .unwrap();
        let expected = if forgets {
            Outcome::Violated
        } else {
            Outcome::Holds
        };
        assert_eq!(
            approx_tensor(&meant[0], &back[0], &bounds[0].eps).outcome(),
            expected
        );
        assert_eq!(
            scale_tensor(&meant[0], &back[0], &scale[0].scale).outcome(),
            expected
        );
    }
}

#[test]
fn contexts_append_unsnoc_and_get() {
    let a: Context<i32> = Context::from(vec![1, 2]);
    let b: Context<i32> = Context::from(vec![3]);
    let (rest, last) = a.clone().append(b).unsnoc().unwrap();
    assert_eq!((rest, last), (a.clone(), 3));
    assert_eq!((a.get(1), a.get(2)), (Some(&2), None));
    assert!(Context::<i32>::nil().unsnoc().is_none());
}

#[test]
fn predicates_decide_hold_violation_and_doubt() {
    let runtime = Tensor::f64s([1], vec![1.0]).unwrap();
    let spec = |lo, hi| SpecTensor::new([1].into(), vec![Enclosure::new(lo, hi)]);
    let eps = Bound::uniform(Up::new(0.5));
    let outcome = |s: &SpecTensor<Enclosure>| approx_tensor(s, &runtime, &eps).outcome();
    assert_eq!(outcome(&spec(0.75, 1.25)), Outcome::Holds);
    assert_eq!(outcome(&spec(2.0, 2.5)), Outcome::Violated);
    assert_eq!(outcome(&spec(1.25, 2.5)), Outcome::Undecided);
    let scale = Bound::uniform(Up::new(1.0));
    assert_eq!(
        scale_tensor(&spec(-1.0, 0.0), &runtime, &scale).outcome(),
        Outcome::Holds
    );
    assert_eq!(
        scale_tensor(&spec(-2.0, -1.5), &runtime, &scale).outcome(),
        Outcome::Violated
    );
    // A scale speaks for the runtime too.
    let small = Bound::uniform(Up::new(0.9));
    assert_eq!(
        scale_tensor(&spec(0.0, 0.0), &runtime, &small).outcome(),
        Outcome::Violated
    );
    // No claim is not a violation.
    let none = Bound::uniform(Up::INFINITY);
    assert_eq!(
        approx_tensor(&spec(9.0, 9.0), &runtime, &none).outcome(),
        Outcome::Undecided
    );
    let other = SpecTensor::new([2].into(), vec![Enclosure::point(1.0); 2]);
    assert_eq!(outcome(&other), Outcome::Undecided);
}
