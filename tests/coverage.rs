//! No primitive without an attack, a rule in the documentation, an entry among the proofs
//! and a fuzz target that reaches it.
//!
//! The tables have one row for each primitive, whose first cell is its name in backticks.

#[macro_use]
#[path = "obligations/names.rs"]
mod names;

use gradbound::op::PRIMITIVES;
use std::path::Path;

/// The first cells, without backticks, of all table rows of a file.
fn rows(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cell = |line: &str| {
        let first = line.strip_prefix('|')?.split('|').next()?.trim();
        Some(first.strip_prefix('`')?.strip_suffix('`')?.to_string())
    };
    text.lines().filter_map(cell).collect()
}

fn demand(file: &str, what: &str, listed: &[String]) {
    let missing: Vec<_> = PRIMITIVES
        .iter()
        .filter(|p| !listed.iter().any(|l| l == *p))
        .collect();
    assert!(missing.is_empty(), "{file}: {what} for {missing:?}");
}

macro_rules! names {
    ($($primitive:ident),+ $(,)?) => {
        [$(stringify!($primitive).to_string()),+]
    };
}

#[test]
fn every_primitive_is_attacked() {
    demand("tests/obligations/names.rs", "no attack", &attacked!(names));
}

#[test]
fn every_primitive_has_a_rule_in_the_documentation() {
    demand("docs/rules.md", "no rule", &rows("docs/rules.md"));
}

#[test]
fn every_primitive_has_an_entry_among_the_proofs() {
    demand("proofs/README.md", "no entry", &rows("proofs/README.md"));
}

#[test]
fn every_primitive_is_reached_by_a_fuzz_target() {
    demand("fuzz/README.md", "no fuzz target", &rows("fuzz/README.md"));
}

/// A row for something that is no primitive is a row for one that was renamed or removed.
#[test]
fn the_documentation_names_no_primitive_that_is_not_there() {
    let looks_like_one = |name: &String| {
        name.chars().next().is_some_and(char::is_uppercase)
            && name.chars().all(char::is_alphanumeric)
    };
    for file in ["proofs/README.md", "fuzz/README.md"] {
        let unknown: Vec<String> = rows(file)
            .into_iter()
            .filter(looks_like_one)
            .filter(|name| !PRIMITIVES.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{file} has rows for {unknown:?}");
    }
}
