//! The ledger: what the bounds rest on and nothing here proves.

use crate::audit::record::Assumption;
use crate::config::{Config, Contract, Schedule, Subnormals};
use crate::graph::Graph;
use crate::graph::grad::Gradients;
use crate::import::Model;
use crate::lower::{Formula, Formulas};
use crate::op::{Op, Primitive};
use std::collections::BTreeSet;

/// What a bound in adjoint form rests on besides.
pub fn of_adjoints() -> Assumption {
    entry(
        "A8",
        "for the values that were asked for in adjoint form: what is no sum or product, nor a movement \
         of one, is computed once, and all its uses have the same; a matrix product loads its factors",
        "--adjoint; docs/design.md, the adjoint form",
    )
}

/// What the probabilistic strength rests on besides.
pub fn of_probabilities() -> [Assumption; 2] {
    const SOURCE: &str = "--confidence; docs/rules.md, the probabilistic strength";
    [
        entry(
            "P1",
            "for the column `probable` alone: what rounding and elementary functions lose is random, \
             of mean zero given all that was computed before",
            SOURCE,
        ),
        entry(
            "P2",
            "for the column `probable` alone: the order of a sum does not follow its terms; its \
             partial sums are in mean square at most twice those of a random order",
            SOURCE,
        ),
    ]
}

/// The assumptions of an audit of a model, with these gradients, under this configuration.
pub fn ledger(config: &Config, model: &Model, gradients: &Gradients) -> Vec<Assumption> {
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
             where it lists several; the entries F-… say which, where this model has a formula \
             in which programs are known to differ",
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
    all.extend(formulas(model, gradients));
    all
}

/// The formulas that the model has where programs differ: what was chosen of composites, and
/// what the gradients of primitives cover.
fn formulas(model: &Model, gradients: &Gradients) -> Vec<Assumption> {
    let occurring = gradients_by_formula(&model.graph, gradients);
    let of_gradients = occurring.iter().filter_map(|found| match found {
        Occurring::LogSoftmax => Some(Formula::LogSoftmaxGradient),
        Occurring::Labels => Some(Formula::CrossEntropyGradient),
        Occurring::Softmax | Occurring::Primitive(_) => None,
    });
    let used = model.formulas.used().chain(of_gradients);
    let chosen = used.map(|formula| chosen(formula, model.formulas.formulas()));
    chosen.chain(unions(&occurring)).collect()
}

/// A choice, and how the others are chosen.
fn chosen(formula: Formula, formulas: &Formulas) -> Assumption {
    let (word, text) = formulas.chosen(formula);
    let others = formula.words().iter().filter(|w| **w != word);
    let others: Vec<&str> = others.copied().collect();
    Assumption {
        id: formula.id(),
        text: format!(
            "{text} (--formula {}={word}; there is also {})",
            formula.name(),
            others.join(", ")
        ),
        source: "docs/rules.md, formulas that can be chosen".to_string(),
    }
}

/// A gradient that programs compute by several formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Occurring {
    Softmax,
    LogSoftmax,
    /// A log-softmax of which labels pick.
    Labels,
    /// Another primitive's, by its name.
    Primitive(&'static str),
}

/// The gradients of the graph that have several formulas, each once.
fn gradients_by_formula(graph: &Graph, gradients: &Gradients) -> BTreeSet<Occurring> {
    let mut found = BTreeSet::new();
    for value in graph.values() {
        let Some(cotangent) = gradients.of(value) else {
            continue;
        };
        let op = graph.node(value).op();
        if let Op::Settle(settle) = op {
            if settle.is_log_softmax() {
                found.insert(Occurring::LogSoftmax);
            }
            if settle.of_labels(graph, cotangent).is_some() {
                found.insert(Occurring::Labels);
            }
        } else if let Op::Softmax(_) = op {
            found.insert(Occurring::Softmax);
        } else if let Some(name) = SEVERAL_GRADIENTS.iter().find(|n| **n == op.name()) {
            found.insert(Occurring::Primitive(name));
        }
    }
    found
}

/// Primitives whose gradient docs/rules.md lists with "or", but for softmax, which has an
/// entry of its own.
pub const SEVERAL_GRADIENTS: [&str; 10] = [
    "Acosh", "Atanh", "Div", "Erf", "Pow", "Rsqrt", "Sigmoid", "Softplus", "Sqrt", "Tanh",
];

fn unions(occurring: &BTreeSet<Occurring>) -> Vec<Assumption> {
    const RULES: &str = "docs/rules.md, the column VJP";
    let mut all = Vec::new();
    if occurring.contains(&Occurring::Softmax) {
        all.push(entry(
            "F-softmax-gradient",
            "the gradient of softmax is p·(δ − Σδp) or δp − p·Σδp",
            RULES,
        ));
    }
    let names: Vec<&str> = (occurring.iter())
        .filter_map(|found| match found {
            Occurring::Primitive(name) => Some(*name),
            Occurring::Softmax | Occurring::LogSoftmax | Occurring::Labels => None,
        })
        .collect();
    if !names.is_empty() {
        let text = format!(
            "the gradient of {} is any of the formulas that docs/rules.md lists for it",
            names.join(", ")
        );
        all.push(entry("F-gradients", text, RULES));
    }
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
        Schedule::Left => {
            "sums and dot products from left to right, each reduction by itself (docs/rules.md, \
             trees of declared schedules)"
                .to_string()
        }
        Schedule::Pairwise => "sums and dot products by halves (the first ⌈n/2⌉ terms, then the \
             rest, each likewise), each reduction by itself (docs/rules.md, trees of declared \
             schedules); other additions from left to right"
            .to_string(),
        Schedule::Blocked(n) => format!(
            "sums and dot products in blocks of {n} from left to right, then the blocks' sums \
             from left to right, the last block shorter, each reduction by itself (docs/rules.md, \
             trees of declared schedules); other additions from left to right"
        ),
    };
    let contraction = match config.contract {
        Contract::Any => "products fused into sums or not, per use",
        Contract::Off => "no contraction",
    };
    format!("executions: {trees}; {contraction}; conventional algorithms")
}
