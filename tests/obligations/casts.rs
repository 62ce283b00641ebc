//! Conversions that some programs make in two steps.

use gradbound::bound::Approx;
use gradbound::config::Config;
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime};
use gradbound::op::Cast;
use gradbound::tensor::{DType, Tensor, Ty};

/// A double beside a tie of the format becomes the tie in f32, and then goes to either side: the
/// range holds what one rounding makes of it and what two make.
#[test]
fn a_range_holds_doubles_that_go_through_f32() {
    let (mut apart, mut beyond) = (0, 0);
    let narrow = [DType::F16, DType::BF16, DType::E4M3, DType::E5M2];
    for (to, places) in narrow.into_iter().zip([11, 8, 4, 3]) {
        for odd in [1.0, 3.0] {
            for (side, sign) in [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)] {
                let tie = 1.0 + odd * 2f64.powi(-places);
                let x = sign * (tie + side * 2f64.powi(-40));
                let mut g = Graph::new();
                let input = g.input(Ty::new([1], DType::F64));
                let y = g.push(Cast::to(to), &[input]).expect("a float");
                let x = Tensor::f64s([1], vec![x]).expect("one");
                let inputs = std::slice::from_ref(&x);
                let run = runtime::eval(&g, &Config::default(), inputs).expect("runs");
                let known = bounds::eval(&g, &Config::default(), &run, &[Approx::exact()]);
                let known = &known[y.index()];
                let twice = x.cast(DType::F32).and_then(|x| x.cast(to)).expect("floats");
                for made in [run[y.index()].get(0), twice.get(0)] {
                    let range = known.range;
                    assert!(
                        range.lo() <= made && made <= range.hi(),
                        "{x:?} {made} {range:?}"
                    );
                    let off = (made - x.get(0)).abs();
                    assert!(off <= known.eps.at(0).get(), "{x:?} {made}");
                    beyond += i32::from(off > 2f64.powi(-places));
                }
                apart += i32::from(twice.get(0).to_bits() != run[y.index()].get(0).to_bits());
            }
        }
    }
    // Otherwise nothing was tried.
    assert!(apart >= 8 && beyond >= 8, "{apart} and {beyond}");
}
