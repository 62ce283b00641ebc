//! The report: what it says of the example, that no name gets out of its place, that it needs
//! no network, and that it stays small.

use gradbound::audit::record::{Blame, Num, Value};
use gradbound::audit::{Audit, Request, audit};
use gradbound::config::Config;
use gradbound::report::html;
use gradbound::verdict::Outcome;
use std::path::Path;

const HOSTILE: &str = "<script>alert(1)</script>\"'&";
const ESCAPED: &str = "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot;&#x27;&amp;";

/// The digits example, audited with what JAX computed.
fn digits() -> Audit {
    audit(&request(), &|_| {}).unwrap().audit
}

fn request() -> Request {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits");
    Request {
        model: folder.join("model.onnx"),
        inputs: Some(folder.join("inputs.npz")),
        observed: Some(folder.join("observed.npz")),
        format: None,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Default::default(),
    }
}

fn count(page: &str, part: &str) -> usize {
    page.matches(part).count()
}

#[test]
fn the_example_holds_and_every_value_has_a_row() {
    let audit = digits();
    let page = html(&audit).unwrap();
    assert!(page.contains("Every claim holds"));
    assert!(page.contains("7 values of the forward pass and 14 gradients"));
    assert!(!page.contains("aria-label=\"Blame\""));
    assert_eq!(count(&page, "<tr id=\"v"), audit.values.len());
    for value in &audit.values {
        let head = format!("<bdi class=\"name\">{}</bdi></th>", value.name);
        assert!(page.contains(&head), "{}", value.name);
    }
    for assumption in &audit.assumptions {
        assert!(page.contains(&format!(
            "<code>{}</code>",
            assumption.id.replace('\'', "&#x27;")
        )));
    }
    assert!(page.contains(&audit.model.sha256));
}

#[test]
fn a_page_says_where_errors_are_born() {
    let born = "Where errors are born";
    assert!(!html(&digits()).unwrap().contains(born));
    let request = Request {
        adjoint: vec!["logits".to_string(), "loss".to_string()],
        confidence: None,
        observed: None,
        ..request()
    };
    let page = html(&audit(&request, &|_| {}).unwrap().audit).unwrap();
    let (_, section) = page.split_once(born).unwrap();
    let (section, _) = section.split_once("<h2>Obligations</h2>").unwrap();
    for name in ["logits", "loss", "h1_pre", "h2_pre"] {
        assert!(
            section.contains(&format!("<bdi class=\"name\">{name}</bdi>")),
            "{name}"
        );
    }
    assert!(page.contains("--adjoint logits --adjoint loss"));
}

#[test]
fn nothing_is_loaded() {
    let page = html(&digits()).unwrap();
    for part in [
        "http:", "https:", "src=", "@import", "url(", "<link", "<base",
    ] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("content=\"default-src 'none';"));
}

#[test]
fn figures_of_bounds_are_rounded_up() {
    let mut audit = digits();
    let cases = [
        (1.0, "1.00e0"),
        (1.000_000_1, "1.01e0"),
        (9.991e-5, "1.00e-4"),
        (2.7349e-5, "2.74e-5"),
        (5e-324, "4.94e-324"),
        (0.0, "0"),
        (f64::INFINITY, "∞ (no claim)"),
    ];
    audit.values.truncate(1);
    for (eps, shown) in cases {
        audit.values[0].eps = Num(eps);
        let page = html(&audit).unwrap();
        let cell = format!("data-v=\"{eps:?}\">{shown}</td>");
        assert!(page.contains(&cell), "{eps}: {shown}");
    }
}

/// The record with the hostile name wherever a file or a command line puts text.
fn hostile() -> Audit {
    let mut audit = digits();
    let name = || HOSTILE.to_string();
    let files = [&mut audit.inputs, &mut audit.observed];
    for file in files.into_iter().flatten() {
        (file.path, file.sha256) = (name(), name());
    }
    (audit.model.path, audit.model.sha256) = (name(), name());
    let config = &mut audit.config;
    config.loss = Some(name());
    config.seeds = vec![name()];
    for word in [
        &mut config.format,
        &mut config.accumulate,
        &mut config.schedule,
        &mut config.contract,
        &mut config.libm,
        &mut config.subnormals,
        &mut config.granularity,
    ] {
        *word = name();
    }
    for value in &mut audit.values {
        (value.name, value.op, value.format) = (name(), name(), name());
        value.why = Some(name());
    }
    for obligation in &mut audit.obligations {
        (obligation.node, obligation.op) = (name(), name());
        obligation.witness = Some(name());
    }
    for assumption in &mut audit.assumptions {
        (assumption.text, assumption.source) = (name(), name());
    }
    audit.internals.iter_mut().for_each(|i| i.name = name());
    audit.warnings = vec![name()];
    let blame = Blame {
        value: name(),
        why: name(),
    };
    audit.blames = vec![blame.clone(), blame.clone()];
    audit.blame = Some(blame);
    audit
}

#[test]
fn hostile_names_stay_text() {
    for verdict in [Outcome::Holds, Outcome::Undecided, Outcome::Violated] {
        let mut audit = hostile();
        audit.verdict = verdict;
        for value in &mut audit.values {
            value.verdict = verdict;
            value.observed.as_mut().unwrap().verdict = verdict;
        }
        let page = html(&audit).unwrap();
        assert!(!page.contains("<script>alert"));
        assert!(!page.contains("alert(1)</script"));
        assert_eq!(count(&page, "<script"), 1);
        assert_eq!(count(&page, "</script"), 1);
        // The shell word in the command line is the one other form: its quote is quoted.
        let texts = count(&page, "alert(1)");
        let shell = count(&page, "&quot;&#x27;\\&#x27;&#x27;&amp;");
        assert_eq!(texts, count(&page, ESCAPED) + shell);
        assert!(texts > 3 * audit.values.len());
        // Names are text, never part of a tag.
        let in_tag = |tag: &str| tag.contains("alert(1)");
        let tags = page.split('<').filter_map(|s| s.split_once('>'));
        assert!(!tags.map(|(tag, _)| tag).any(in_tag));
    }
}

#[test]
fn violations_and_missing_claims_are_told() {
    let mut audit = digits();
    audit.verdict = Outcome::Violated;
    audit.values[4].observed.as_mut().unwrap().verdict = Outcome::Violated;
    audit.values[5].verdict = Outcome::Undecided;
    audit.values[5].eps = Num(f64::INFINITY);
    audit.values[5].why = Some("no claim since `logits/Exp#3`".to_string());
    audit.values[5].error = None;
    audit.values[6].observed = None;
    let blame = Blame {
        value: audit.values[4].name.clone(),
        why: "observed 7 times farther".to_string(),
    };
    audit.blame = Some(blame.clone());
    audit.blames = vec![blame];
    let page = html(&audit).unwrap();
    assert!(page.contains("A claim is violated"));
    assert!(page.contains("1 of 20 observed values in"));
    assert!(page.contains("<a href=\"#v5\">"));
    assert!(page.contains("observed 7 times farther"));
    assert!(page.contains("✗ observed violated</span>"));
    assert!(page.contains("? undecided</span>"));
    assert!(page.contains("no claim since"));
}

#[test]
fn two_thousand_values_stay_small() {
    let mut audit = digits();
    let some: Vec<Value> = audit.values.clone();
    audit.values = some.into_iter().cycle().take(2000).collect();
    let page = html(&audit).unwrap();
    assert_eq!(count(&page, "<tr id=\"v"), 2000);
    assert!(page.len() < 10 << 20, "{} bytes", page.len());
}
