//! The simulated formats on everything there is: every pattern, every pair, every rounding.

use gradbound::Config;
use gradbound::config::Accumulate;
use gradbound::graph::{Graph, ValueId};
use gradbound::number::simulated::{
    E2m1, E2m1Layout, E2m3, E2m3Layout, E3m2, E3m2Layout, E4m3, E4m3Layout, E5m2, E5m2Layout,
    Layout, Simulated, Tf32,
};
use gradbound::number::{Float, Format, Up};
use gradbound::obligation::{Run, check};
use gradbound::op::{Relation, Rounding};
use gradbound::tensor::{DType, Tensor, Ty};
use gradbound::verdict::Outcome;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

const NARROW: [DType; 5] = [
    DType::E4M3,
    DType::E5M2,
    DType::E3M2,
    DType::E2M3,
    DType::E2M1,
];

/// Runs a generic test for each of the formats of at most 8 bits.
macro_rules! for_each_narrow {
    ($test:ident) => {
        $test::<E4m3Layout>();
        $test::<E5m2Layout>();
        $test::<E3m2Layout>();
        $test::<E2m3Layout>();
        $test::<E2m1Layout>();
    };
}

fn finite<L: Layout>() -> Vec<Simulated<L>> {
    (0..1_u32 << L::BITS)
        .filter_map(Simulated::from_bits)
        .filter(|x| x.to_f32().is_finite())
        .collect()
}

/// The values that another implementation gives the patterns (see the script beside it).
fn reference(name: &str) -> Vec<f64> {
    let line = include_str!("reference/narrow_formats.csv")
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(','))
        .expect("the format is in the file");
    line.split(',')
        .map(|x| x.parse().expect("a number"))
        .collect()
}

fn decodes<L: Layout>(name: &str) {
    let expected = reference(name);
    assert_eq!(expected.len(), 1 << L::BITS);
    for (bits, &value) in expected.iter().enumerate() {
        let x = Simulated::<L>::from_bits(bits as u32).expect("a pattern");
        if value.is_nan() {
            assert!(x.to_f64().is_nan(), "{name} {bits:#x}");
            continue;
        }
        assert_eq!(x.to_f64().to_bits(), value.to_bits(), "{name} {bits:#x}");
        assert_eq!(x.to_bits(), Some(bits as u32), "{name} {bits:#x}");
        if value.is_finite() {
            assert_eq!(Simulated::<L>::from_f64(value), x);
            assert!(L::FORMAT.holds(value), "{name} {value}");
        }
    }
    assert_eq!(Simulated::<L>::from_bits(1 << L::BITS), None);
}

#[test]
fn every_pattern_decodes_as_elsewhere_and_encodes_back() {
    decodes::<E4m3Layout>("e4m3");
    decodes::<E5m2Layout>("e5m2");
    decodes::<E3m2Layout>("e3m2");
    decodes::<E2m3Layout>("e2m3");
    decodes::<E2m1Layout>("e2m1");
    for x in [
        1.0,
        -0.0,
        power(-136),
        3.402e38,
        f64::INFINITY,
        1.0 + power(-10),
    ] {
        let x = Tf32::from_f64(x);
        assert_eq!(x.to_bits(), Some(x.to_f32().to_bits()));
        assert_eq!(Tf32::from_bits(x.to_f32().to_bits()), Some(x));
    }
    assert_eq!(Tf32::from_bits(1), None, "beyond 11 significant bits");
}

/// 2^e, exactly.
fn power(e: i32) -> f64 {
    Up::power_of_two(e).get()
}

/// The non-negative numbers of a format in units of η, in the order of their patterns.
fn magnitudes<L: Layout>() -> Vec<i128> {
    let eta = L::FORMAT.eta().get();
    let all = (0..1_u32 << (L::BITS - 1)).filter_map(Simulated::<L>::from_bits);
    all.map(|x| x.to_f64())
        .filter(|x| x.is_finite())
        .map(|x| (x / eta) as i128)
        .collect()
}

/// Rounds num/den (in units of η) by definition: the pattern of the nearest magnitude, the
/// even one at a tie; `None` beyond the range.
fn nearest(all: &[i128], num: i128, den: i128) -> Option<i128> {
    let (num, den) = if den < 0 { (-num, -den) } else { (num, den) };
    let (sign, num) = (num.signum(), num.abs());
    let below = all.partition_point(|&v| v * den <= num) - 1;
    let step = match all.get(below + 1) {
        Some(above) => above - all[below],
        None => all[below] - all[below - 1],
    };
    // 2(num/den − below) against one step.
    let twice = 2 * (num - all[below] * den);
    let up = twice > step * den || (twice == step * den && below % 2 == 1);
    Some(sign * *all.get(below + usize::from(up))?)
}

fn agrees<L: Layout>(what: &str, got: Simulated<L>, exact: Option<i128>) {
    let eta = L::FORMAT.eta().get();
    match exact {
        Some(n) => assert_eq!(got.to_f64(), n as f64 * eta, "{what}"),
        None => assert!(!got.to_f64().is_finite(), "{what}"),
    }
}

fn arithmetic_rounds_once<L: Layout>()
where
    Simulated<L>: Float,
{
    let all = magnitudes::<L>();
    let eta = L::FORMAT.eta().get();
    let one = (1.0 / eta) as i128; // 1 in units of η, a power of two
    let units = |x: Simulated<L>| (x.to_f64() / eta) as i128;
    for x in finite::<L>() {
        for y in finite::<L>() {
            let (a, b) = (units(x), units(y));
            let what = |op: &str| format!("{:?}: {x:?} {op} {y:?}", L::FORMAT);
            agrees(&what("+"), Float::add(x, y), nearest(&all, a + b, 1));
            agrees(&what("-"), Float::sub(x, y), nearest(&all, a - b, 1));
            agrees(&what("·"), Float::mul(x, y), nearest(&all, a * b, one));
            if b == 0 {
                assert!(!Float::div(x, y).to_f64().is_finite());
            } else {
                agrees(&what("/"), Float::div(x, y), nearest(&all, a * one, b));
            }
        }
        let root = units(Float::sqrt(x));
        let square = units(x) * one; // of the root in units of η
        if square >= 0 {
            let position = all.iter().position(|&v| v == root).expect("a value");
            let even = position % 2 == 0;
            let far = |other: i128, above: bool| {
                let (middle, four) = (root + other, 4 * square);
                let tie = middle * middle == four;
                let beyond = if above {
                    middle * middle < four
                } else {
                    middle * middle > four
                };
                beyond || (tie && !even)
            };
            assert!(position == 0 || !far(all[position - 1], false), "√{x:?}");
            assert!(
                all.get(position + 1).is_none_or(|&v| !far(v, true)),
                "√{x:?}"
            );
        }
    }
}

#[test]
fn sums_products_quotients_and_roots_of_all_pairs_round_once() {
    for_each_narrow!(arithmetic_rounds_once);
}

fn fused_rounds_once<L: Layout>(step: usize)
where
    Simulated<L>: Float,
{
    let all = magnitudes::<L>();
    let eta = L::FORMAT.eta().get();
    let one = (1.0 / eta) as i128;
    let units = |x: Simulated<L>| (x.to_f64() / eta) as i128;
    for x in finite::<L>().into_iter().step_by(step) {
        for y in finite::<L>().into_iter().step_by(step) {
            for z in finite::<L>() {
                let exact = units(x) * units(y) + units(z) * one;
                let what = format!("{:?}: {x:?}·{y:?} + {z:?}", L::FORMAT);
                agrees(&what, x.fused(y, z), nearest(&all, exact, one));
            }
        }
    }
}

#[test]
fn fused_products_round_once() {
    fused_rounds_once::<E2m1Layout>(1);
    fused_rounds_once::<E3m2Layout>(1);
    fused_rounds_once::<E2m3Layout>(1);
    fused_rounds_once::<E4m3Layout>(7);
    fused_rounds_once::<E5m2Layout>(7);
}

fn half_ulp_is_sound<L: Layout>() {
    let eta = L::FORMAT.eta().get();
    let values: Vec<f64> = magnitudes::<L>().iter().map(|&n| n as f64 * eta).collect();
    for pair in values.windows(2) {
        for k in 0..=8 {
            let z = pair[0] + (pair[1] - pair[0]) * f64::from(k) / 8.0;
            for z in [z.next_down(), z, z.next_up()] {
                let z = z.abs();
                let off = (Simulated::<L>::from_f64(z).to_f64() - z).abs();
                let bound = L::FORMAT.half_ulp(Up::new(z)).get();
                assert!(off <= bound, "{:?} {z:e}: {off:e} > {bound:e}", L::FORMAT);
                assert!(bound <= (pair[1] - pair[0]) / 2.0 * (1.0 + f64::from(u8::from(k == 8))));
            }
        }
    }
    let threshold = L::FORMAT.overflow_threshold();
    assert_eq!(
        Simulated::<L>::from_f64(threshold.next_down()).to_f64(),
        L::FORMAT.largest()
    );
    assert!(
        !Simulated::<L>::from_f64(threshold.next_up())
            .to_f64()
            .is_finite()
    );
    assert_eq!(L::FORMAT.half_ulp(Up::new(threshold)), Up::INFINITY);
}

#[test]
fn half_an_ulp_bounds_every_rounding() {
    for_each_narrow!(half_ulp_is_sound);
}

/// |got − exact| is least among the neighbours, by exact rationals.
fn tf32_is_nearest(what: &str, got: f64, exact: &BigRational) {
    if exact.is_zero() {
        return assert_eq!(got, 0.0, "{what}");
    }
    let rational = |x: f64| BigRational::from_float(x).expect("finite");
    let format = Format::TF32;
    let ulp = format.ulp(Up::magnitude(got)).get();
    let distance = |x: f64| (rational(x) - exact).abs();
    let tie = |x: f64| distance(x) == distance(got);
    for other in [got - ulp, got - ulp / 2.0, got + ulp / 2.0, got + ulp] {
        if !format.holds(other) {
            continue;
        }
        assert!(
            distance(got) <= distance(other),
            "{what}: {got:e} or {other:e}"
        );
        if tie(other) {
            let even = |x: f64| (x / ulp) % 2.0 == 0.0 || (x / ulp).fract() != 0.0;
            assert!(even(got), "{what}: {got:e} at a tie with {other:e}");
        }
    }
}

/// Where f32 underflows with TF32, rounding through f32 would round twice.
#[test]
fn tf32_rounds_once_also_where_f32_underflows() {
    let mut state = 3_u64;
    let mut draw = |lo: i32, hi: i32| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let significand = 1024 + (state >> 40) % 1024;
        let e = lo + ((state >> 20) % (hi - lo) as u64) as i32;
        Tf32::from_f64(significand as f64 * power(e - 10))
    };
    let mut twice = 0;
    let rational = |x: Tf32| BigRational::from_float(x.to_f64()).expect("finite");
    for _ in 0..30_000 {
        let (x, y, z) = (draw(-72, -60), draw(-72, -60), draw(-136, -126));
        let through_f32 = Tf32::from_f32(x.to_f32() * y.to_f32());
        let product = Float::mul(x, y);
        twice += usize::from(through_f32 != product);
        let exact = rational(x) * rational(y);
        tf32_is_nearest("product", product.to_f64(), &exact);
        let sum = &exact + rational(z);
        tf32_is_nearest("fused", x.fused(y, z).to_f64(), &sum);
        let quotient = rational(z) / rational(Float::mul(x, Tf32::from_f64(power(64))));
        let divisor = Float::mul(x, Tf32::from_f64(power(64)));
        tf32_is_nearest("quotient", Float::div(z, divisor).to_f64(), &quotient);
    }
    println!("{twice} products that f32 would have rounded twice");
    assert!(
        twice > 0,
        "the test meets none of the cases that it is about"
    );
    // A tie of the narrow format and a term far beyond f64's last place: rounding the sum to
    // f64 first would leave the tie, which goes to even.
    let (x, tiny) = (Tf32::from_f64(1.0 + power(-5)), Tf32::from_f64(power(-100)));
    let half = Tf32::from_f64(power(-11));
    let tie = |z: Tf32| half.fused(Tf32::from_f64(1.0), z);
    assert_eq!(tie(x), x, "a tie goes to even");
    for product in [x, Tf32::from_f64(1.5), Tf32::from_f64(1.0 + power(-10))] {
        for sign in [1.0, -1.0] {
            let z = Tf32::from_f64(sign * tiny.to_f64());
            let exact = rational(product) * rational(x) + rational(z);
            tf32_is_nearest("fused beside a tie", product.fused(x, z).to_f64(), &exact);
        }
    }
}

type Build = fn(&mut Graph, &[ValueId]) -> gradbound::Result<ValueId>;

/// All values (or all pairs of them) of a format in one tensor operation: no claim fails.
fn holds_on_everything(dtype: DType, operands: usize, build: Build) {
    let format = dtype.format().expect("a float");
    let values: Vec<f64> = match dtype {
        DType::E4M3 => finite::<E4m3Layout>().iter().map(|x| x.to_f64()).collect(),
        DType::E5M2 => finite::<E5m2Layout>().iter().map(|x| x.to_f64()).collect(),
        DType::E3M2 => finite::<E3m2Layout>().iter().map(|x| x.to_f64()).collect(),
        DType::E2M3 => finite::<E2m3Layout>().iter().map(|x| x.to_f64()).collect(),
        _ => finite::<E2m1Layout>().iter().map(|x| x.to_f64()).collect(),
    };
    let n = values.len();
    let len = if operands == 1 { n } else { n * n };
    let mut graph = Graph::new();
    let args: Vec<ValueId> = (0..operands)
        .map(|_| graph.input(Ty::new([len], dtype)))
        .collect();
    let out = build(&mut graph, &args).expect("well formed");
    let column = |k: usize| -> Vec<f64> {
        (0..len)
            .map(|i| values[if k == 0 { i % n } else { i / n }])
            .collect()
    };
    let inputs: Vec<Tensor> = (0..operands)
        .map(|k| Tensor::from_f64s([len].into(), dtype, &column(k)).expect("lengths agree"))
        .collect();
    let config = Config {
        accumulate: Accumulate::Same,
        ..Config::default()
    };
    let run = Run::new(&graph, &config, &inputs).expect("runs");
    let checks = check(&graph, &run, &inputs, &[]);
    let op = graph.nodes()[out.index()].op();
    for measured in [&checks.error[out.index()], &checks.scale[out.index()]] {
        assert_ne!(
            measured.verdict.outcome(),
            Outcome::Violated,
            "{dtype} {op:?}: {measured:?}"
        );
    }
    let claims = (0..len)
        .filter(|&i| run.approx[out.index()].eps.at(i).is_finite())
        .count();
    let inside = (0..len).filter(|&i| {
        let c = run.values[out.index()].get(i).abs();
        c.is_finite() && c < format.largest() / 2.0
    });
    assert!(
        claims >= inside.count() / 2,
        "{dtype} {op:?} claims too little"
    );
}

#[test]
fn no_claim_fails_on_any_value_of_any_narrow_format() {
    let unary: [Build; 12] = [
        |g, x| g.exp(x[0]),
        |g, x| g.log(x[0]),
        |g, x| g.tanh(x[0]),
        |g, x| g.sigmoid(x[0]),
        |g, x| g.sqrt(x[0]),
        |g, x| g.neg(x[0]),
        |g, x| g.abs(x[0]),
        |g, x| g.relu(x[0]),
        |g, x| g.round(x[0], Rounding::Floor),
        |g, x| g.round(x[0], Rounding::Ceil),
        |g, x| g.round(x[0], Rounding::Nearest),
        |g, x| g.round(x[0], Rounding::Truncate),
    ];
    let binary: [Build; 7] = [
        |g, x| g.add(x[0], x[1]),
        |g, x| g.sub(x[0], x[1]),
        |g, x| g.mul(x[0], x[1]),
        |g, x| g.div(x[0], x[1]),
        |g, x| g.max(x[0], x[1]),
        |g, x| g.min(x[0], x[1]),
        |g, x| {
            let less = g.compare(Relation::Less, x[0], x[1])?;
            g.select(less, x[0], x[1])
        },
    ];
    for dtype in NARROW {
        unary
            .iter()
            .for_each(|op| holds_on_everything(dtype, 1, *op));
        binary
            .iter()
            .for_each(|op| holds_on_everything(dtype, 2, *op));
        for to in NARROW {
            let cast: Build = match to {
                DType::E4M3 => |g, x| g.cast(x[0], DType::E4M3),
                DType::E5M2 => |g, x| g.cast(x[0], DType::E5M2),
                DType::E3M2 => |g, x| g.cast(x[0], DType::E3M2),
                DType::E2M3 => |g, x| g.cast(x[0], DType::E2M3),
                _ => |g, x| g.cast(x[0], DType::E2M1),
            };
            if to != dtype {
                holds_on_everything(dtype, 1, cast);
            }
        }
    }
}

#[test]
fn types_are_the_layouts_they_are_named_after() {
    let formats = [
        (<E4m3 as Float>::FORMAT, DType::E4M3),
        (<E5m2 as Float>::FORMAT, DType::E5M2),
        (<E3m2 as Float>::FORMAT, DType::E3M2),
        (<E2m3 as Float>::FORMAT, DType::E2M3),
        (<E2m1 as Float>::FORMAT, DType::E2M1),
        (<Tf32 as Float>::FORMAT, DType::TF32),
    ];
    for (format, dtype) in formats {
        assert_eq!(Some(format), dtype.format());
        assert!(DType::FLOATS.contains(&dtype));
    }
}
