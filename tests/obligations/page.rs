//! docs/coverage.md: every operation in every format with every obligation, and the test that
//! covers it. An element counts where an attack compared it with a finite bound.

use crate::attack::Claim;
use crate::ledger::{attacked, make_unless_asked};
use crate::tally::{Part, WHOLE};
use crate::{activations, composites, convolutions, layout, losses, nests, pools};
use gradbound::op::PRIMITIVES;
use gradbound::tensor::DType;
use gradbound::witness::fragments::{self, Fragment};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The obligations with their letters in the table.
const OBLIGATIONS: [(char, &str, Part, Claim); 6] = [
    ('s', "sound", Part::Value, Claim::Sound),
    ('v', "vjp_sound", Part::Vjp, Claim::Sound),
    ('a', "add_sound", Part::Accumulation, Claim::Sound),
    ('S', "fwd_scale_sound", Part::Value, Claim::ScaleSound),
    ('V', "vjp_scale_sound", Part::Vjp, Claim::ScaleSound),
    (
        'A',
        "add_scale_sound",
        Part::Accumulation,
        Claim::ScaleSound,
    ),
];

/// The composites: their rows in docs/rules.md, and the attacks on them.
const COMPOSITES: &[(&str, &[&str])] = &[
    ("AveragePool", &["average_pool"]),
    ("Adagrad", &["adagrad"]),
    ("Adam, AdamW", &["adam"]),
    ("Attention", &["attention"]),
    ("batch normalization", &["batch_norm", "trained_batch_norm"]),
    ("Conv", &["with_bias", "with_residual", "twice"]),
    ("ConvTranspose", &["transposed"]),
    ("Einsum", &["einsum"]),
    ("Clip", &["clip"]),
    ("LeakyRelu, PRelu", &["leaky_relu"]),
    ("ThresholdedRelu, Shrink", &["thresholds"]),
    ("HardSigmoid, HardSwish", &["hard_gates"]),
    ("ScatterElements, ScatterND", &["scatter"]),
    ("Pad", &["pad"]),
    ("CumSum, CumProd", &["cumulative"]),
    ("Det", &["determinant"]),
    ("Range of floats", &["range_of_floats"]),
    ("Gemm", &["gemm"]),
    ("LRN", &["lrn"]),
    ("LpPool, GlobalLpPool", &["lp_pool"]),
    ("MaxPool", &["max_pool", "max_pool_of_a_sum"]),
    ("Resize, Upsample", &["resize"]),
    ("GRU", &["gru"]),
    (
        "instance, layer, group normalization",
        &["layer_norm", "group_norm"],
    ),
    ("Lp normalization", &["lp_norm"]),
    ("LSTM", &["lstm", "rnn"]),
    ("mean-variance normalization", &["mean_variance_norm"]),
    ("momentum", &["momentum"]),
    ("RMS normalization", &["rms_norm"]),
    ("x/√(mean(x²) + e), drawn node by node", &["drawn_norm"]),
    ("rotary embedding", &["rotary"]),
    ("SGD", &["sgd"]),
    ("Softmax", &["softmax", "softmax_without_shift"]),
    ("LogSoftmax", &["log_softmax"]),
    ("masked softmax", &["masked_softmax"]),
    ("LogSumExp", &["log_sum_exp"]),
    ("NegativeLogLikelihoodLoss", &["negative_log_likelihood"]),
    ("SoftmaxCrossEntropyLoss", &["cross_entropy"]),
    ("mean squared error", &["squared_error"]),
    ("constant powers", &["powers"]),
    ("Elu, Selu, Celu", &["elus"]),
    ("Gelu", &["gelu"]),
    ("Swish, Mish, Softsign", &["swishes"]),
];

/// Where no attack found a finite bound, though its inputs are small integers, known exactly,
/// and executions are fixed but for functions, which round once or, by way of f32, twice: what
/// |c| + 2ε allows is beyond the largest number, or reaches a pole.
const UNBOUNDED: &[(&str, DType, &str)] = &[
    ("mean-variance normalization", DType::E3M2, "vaVA"),
    ("mean-variance normalization", DType::E2M3, "vaVA"),
    ("mean-variance normalization", DType::E2M1, "svaSVA"),
    ("Adagrad", DType::E2M1, "sS"),
    ("Adam, AdamW", DType::E2M1, "sS"),
    ("LRN", DType::E2M1, "vaVA"),
    ("LogSoftmax", DType::E2M1, "sS"),
    ("SoftmaxCrossEntropyLoss", DType::E2M1, "sS"),
];

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The rows of the n-th table of docs/rules.md: the first cell and the last.
fn rules(table: usize) -> Vec<(String, String)> {
    let text = read("docs/rules.md");
    let mut tables: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        match (line.starts_with('|'), tables.last_mut()) {
            (true, Some(rows)) => rows.push(line),
            (false, Some(rows)) if !rows.is_empty() => tables.push(Vec::new()),
            _ => {}
        }
    }
    let cells = |line: &&str| {
        let line = line.trim_matches('|').replace("\\|", "∣");
        let mut cells = line.split('|').map(|c| c.trim().trim_matches('`'));
        let first = cells.next().unwrap_or_default().to_string();
        (first, cells.next_back().unwrap_or_default().to_string())
    };
    tables[table].iter().skip(2).map(cells).collect()
}

/// How many elements were compared, by format and obligation, and the primitives inside.
#[derive(Default)]
struct Covered {
    compared: BTreeMap<(String, char), usize>,
    inside: BTreeSet<&'static str>,
}

impl Covered {
    /// Adds what the attacks on a graph say of a primitive inside, or of the whole.
    fn add(&mut self, name: &str, graph: Fragment, operation: &str) {
        for (letter, _, part, claim) in OBLIGATIONS {
            for backward in [false, true] {
                if operation == WHOLE && backward != (part != Part::Value) {
                    continue;
                }
                for (dtype, outcome) in attacked(name, graph, claim, backward) {
                    let counts = outcome.compared.iter();
                    for (&(of, _), _) in counts.clone().filter(|(_, n)| **n > 0) {
                        self.inside.insert(of);
                    }
                    let elements = counts.filter(|((of, p), _)| *of == operation && *p == part);
                    let n: usize = elements.map(|(_, n)| n).sum();
                    *self
                        .compared
                        .entry((dtype.to_string(), letter))
                        .or_default() += n;
                }
            }
        }
    }

    fn count(&self, dtype: DType, letter: char) -> usize {
        let n = self.compared.get(&(dtype.to_string(), letter)).copied();
        n.unwrap_or(0)
    }
}

/// A row of the page.
struct Row {
    operation: String,
    /// Without one there is nothing to check but the value.
    has_gradient: bool,
    tests: String,
    covered: Covered,
}

impl Row {
    /// The letters that are due in a format, and why others are not.
    fn due(&self, dtype: DType) -> [char; 6] {
        let unbounded = |letter: char| {
            let mut all = UNBOUNDED.iter();
            all.any(|(name, of, letters)| {
                *name == self.operation && *of == dtype && letters.contains(letter)
            })
        };
        OBLIGATIONS.map(|(letter, _, part, _)| {
            if part != Part::Value && !self.has_gradient {
                '-'
            } else if unbounded(letter) {
                '∞'
            } else {
                letter
            }
        })
    }

    /// The letters of the obligations that were checked in a format, else why they were not.
    fn cell(&self, dtype: DType) -> String {
        let letters = OBLIGATIONS.iter().map(|o| o.0).zip(self.due(dtype));
        let shown = letters.map(
            |(letter, due)| match (self.covered.count(dtype, letter), due) {
                (1.., _) => letter,
                (0, '-' | '∞') => due,
                (0, _) => '?',
            },
        );
        shown.collect()
    }
}

fn primitives() -> Vec<Row> {
    let rules = rules(0);
    let row = |primitive: &&str| {
        let mut covered = Covered::default();
        for fragment in fragments::of(primitive).expect("attacked") {
            covered.add(primitive, *fragment, primitive);
        }
        let rule = rules.iter().find(|(name, _)| name == primitive);
        let (_, vjp) = rule.unwrap_or_else(|| panic!("docs/rules.md has no row for {primitive}"));
        Row {
            operation: (*primitive).to_string(),
            has_gradient: vjp != "none",
            tests: format!("`sound::{primitive}`"),
            covered,
        }
    };
    let mut rows: Vec<Row> = PRIMITIVES.iter().map(row).collect();
    rows.sort_by(|x, y| x.operation.cmp(&y.operation));
    rows
}

/// A composite under attack: its name, its test and its graph.
pub type Subject = (&'static str, &'static str, Fragment);

/// All of them.
pub fn subjects() -> Vec<Subject> {
    [
        activations::SUBJECTS,
        composites::SUBJECTS,
        convolutions::SUBJECTS,
        layout::SUBJECTS,
        losses::SUBJECTS,
        nests::SUBJECTS,
        pools::SUBJECTS,
    ]
    .concat()
}

/// Makes the attacks, from the last to the first: the tests run in their order, so whoever of
/// the two comes second finds the record and nobody waits for long.
fn attack_from_the_last() {
    let names = subjects().into_iter().map(|(name, _, graph)| (name, graph));
    let mut primitives = PRIMITIVES.to_vec();
    primitives.sort_unstable();
    let fragments = primitives.iter().flat_map(|p| {
        fragments::of(p)
            .expect("attacked")
            .iter()
            .map(|graph| (*p, *graph))
    });
    let all: Vec<(&str, Fragment)> = names.chain(fragments).collect();
    for (name, graph) in all.into_iter().rev() {
        for (claim, backward) in [
            (Claim::Sound, false),
            (Claim::Sound, true),
            (Claim::ScaleSound, false),
            (Claim::ScaleSound, true),
        ] {
            make_unless_asked(name, graph, claim, backward);
        }
    }
}

fn composites() -> Vec<Row> {
    let subjects = subjects();
    let row = |(operation, attacks): &(&str, &[&str])| {
        let (mut covered, mut tests) = (Covered::default(), Vec::new());
        for attack in attacks.iter() {
            let found = subjects.iter().find(|(name, ..)| name == attack);
            let (name, test, graph) = found.unwrap_or_else(|| panic!("no attack {attack}"));
            covered.add(name, *graph, WHOLE);
            tests.push(format!("`{}`", test.trim_start_matches("obligations::")));
        }
        Row {
            operation: (*operation).to_string(),
            has_gradient: true,
            tests: tests.join(", "),
            covered,
        }
    };
    COMPOSITES.iter().map(row).collect()
}

const HEAD: &str = "\
# What is attacked

Generated by `GRADBOUND_WRITE=1 cargo test --test obligations page`, which also fails where
something is missing or this page is stale. Every operation in every format: a letter says that
random admissible executions were compared with finite bounds, in this format, for this
obligation. An attack in which no bound of an operation is finite does not count; one in which eps
is 0 does: there the claim is that nothing rounds.

| letter | obligation | of a primitive P, the test |
|---|---|---|
| s | `sound` | `sound::P::sound` |
| v | `vjp_sound` | `sound::P::vjp_sound` |
| a | `add_sound`: where an input has another use, the sum of P's contribution and the other's | `sound::P::vjp_sound` |
| S | `fwd_scale_sound`, from the scales of the inputs alone and with the run, as far as each is finite | `sound::P::fwd_scale_sound` |
| V | `vjp_scale_sound` | `sound::P::vjp_scale_sound` |
| A | `add_scale_sound` | `sound::P::vjp_scale_sound` |

Two reasons leave a place without a letter. `-`: the operation has no gradient (in docs/rules.md its
VJP is \"none\"), so nothing is pulled back or accumulated. `∞`: the format has so few bits that no
bound was finite, of small integers that are known exactly and in fixed executions neither: what
|c| + 2ε allows is beyond the largest number, or reaches a pole. The tests are those of `cargo test --test obligations`;
of a composite, the test `holds` in the module that is named.
";

fn table(page: &mut String, title: &str, rows: &[Row], inside: bool) {
    let formats = DType::FLOATS;
    let names: Vec<String> = formats.iter().map(ToString::to_string).collect();
    let extra = if inside { " primitives inside |" } else { "" };
    let _ = writeln!(page, "\n## {title}\n");
    let _ = writeln!(page, "| operation | {} | tests |{extra}", names.join(" | "));
    let columns = formats.len() + 2 + usize::from(inside);
    let _ = writeln!(page, "|{}", "---|".repeat(columns));
    for row in rows {
        let cells = formats.map(|dtype| row.cell(dtype)).join(" | ");
        let _ = write!(page, "| {} | {cells} | {} |", row.operation, row.tests);
        if inside {
            let named = row.covered.inside.iter().filter(|p| PRIMITIVES.contains(p));
            let named: Vec<&str> = named.copied().collect();
            let _ = write!(page, " {} |", named.join(", "));
        }
        page.push('\n');
    }
}

/// What is due and was not checked, or was checked and is said not to be.
fn off(rows: &[Row]) -> Vec<String> {
    let mut off = Vec::new();
    for row in rows {
        for dtype in DType::FLOATS {
            let due: String = row.due(dtype).iter().collect();
            let is = row.cell(dtype);
            if due != is {
                off.push(format!("{} in {dtype}: {is}, due {due}", row.operation));
            }
        }
    }
    off
}

#[test]
fn the_page_of_what_is_attacked_is_complete_and_up_to_date() {
    let listed: Vec<&str> = COMPOSITES.iter().map(|(name, _)| *name).collect();
    let ruled: Vec<String> = rules(1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        listed, ruled,
        "the composites attacked, and of docs/rules.md"
    );
    attack_from_the_last();
    let (primitives, composites) = (primitives(), composites());
    let mut page = HEAD.to_string();
    table(&mut page, "Primitives", &primitives, false);
    table(&mut page, "Composites", &composites, true);
    let off = [off(&primitives), off(&composites)].concat();
    if std::env::var_os("GRADBOUND_ATTACK").is_some() {
        let missing = off.iter().any(|line| line.contains('?'));
        assert!(!missing, "{}", off.join("\n"));
        return; // fresh cases may find a bound where the page says that there is none
    }
    assert!(off.is_empty(), "not as it is due:\n{}", off.join("\n"));
    let path = "docs/coverage.md";
    if std::env::var_os("GRADBOUND_WRITE").is_some() {
        std::fs::write(file(path), &page).expect("a page that can be written");
    }
    let stale = "docs/coverage.md is stale: its head says how to write it";
    assert!(page == read(path), "{stale}");
}
