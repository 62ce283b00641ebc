//! The ledger: what the bounds rest on and nothing here proves.

use crate::audit::record::Assumption;
use crate::config::{Config, Contract, Schedule, Subnormals};

/// The assumptions of an audit under this configuration.
pub fn ledger(config: &Config) -> Vec<Assumption> {
    let mut all = vec![
        entry(
            "A1",
            "+, −, ·, / and √ round to nearest, ties to even",
            "IEEE 754-2019, §4.3.1 and §5.4.1",
        ),
        match config.subnormals {
            Subnormals::Gradual => entry(
                "A2",
                "underflow is gradual: subnormal inputs and results are kept",
                "IEEE 754-2019, §7.5; --subnormals gradual",
            ),
            Subnormals::Flush => entry(
                "A2'",
                "any input or result below the least normal number may be replaced by zero",
                "--subnormals flush",
            ),
        },
        entry(
            "A3",
            executions(config),
            "docs/design.md, admissible executions",
        ),
        entry(
            "A4",
            "not admitted: Winograd, FFT or Strassen products, TF32 or split products, \
             truncating tensor-core accumulation, partial sums in a narrower format than the \
             accumulator, other rewritings of a formula",
            "docs/design.md, admissible executions",
        ),
    ];
    all.push(Assumption {
        id: "A5",
        text: format!(
            "elementary functions are within the table `{}` of ulp errors, and of the sign of \
             the exact result",
            config.libm
        ),
        source: config.libm.source().to_string(),
    });
    all.extend([
        entry(
            "A6",
            "composites and gradients are computed by the formulas of docs/rules.md, any of them \
             where it lists several (softmax and log-softmax by subtracting some shift; their \
             gradients p·(δ − Σδp) or δp − p·Σδp, and δ − p·Σδ or δ − e·(Σδ/d))",
            "docs/rules.md",
        ),
        entry(
            "A7",
            "the specification's enclosures: core-math's f64 functions are correctly rounded, \
             inari's four operations round outward, dashu-float's functions are within 16 \
             units of the last place",
            "CORE-MATH project; inari; dashu-float",
        ),
    ]);
    all
}

fn entry(id: &'static str, text: impl Into<String>, source: &str) -> Assumption {
    Assumption {
        id,
        text: text.into(),
        source: source.to_string(),
    }
}

fn executions(config: &Config) -> String {
    let trees = match config.schedule {
        Schedule::Any => {
            "sums, dot products and nests of them in any tree and order (a bias anywhere in its \
             dot); a division by a constant may be a product with its rounded reciprocal"
                .to_string()
        }
        Schedule::Left => "sums and dot products from left to right, node by node".to_string(),
        Schedule::Pairwise => "sums and dot products by halves (the first ⌈n/2⌉ terms, then the \
             rest, each likewise), node by node; other additions from left to right"
            .to_string(),
        Schedule::Blocked(n) => format!(
            "sums and dot products in blocks of {n} from left to right, then the blocks' sums \
             from left to right, the last block shorter, node by node; other additions from \
             left to right"
        ),
    };
    let contraction = match config.contract {
        Contract::Any => "products fused into sums or not, per use",
        Contract::Off => "no contraction",
    };
    format!("executions: {trees}; {contraction}; conventional algorithms")
}
