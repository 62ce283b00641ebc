//! What makes two searches the same: what a corpus goes on with, and what a witness of a model
//! was found on.

use super::record::{Words, lines};
use super::subject::{Of, Subject};
use crate::tensor::{DType, Tensor};
use sha2::{Digest, Sha256};

/// The first digits of a digest.
fn hexadecimal(digest: &[u8], digits: usize) -> String {
    let all: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    all.chars().take(digits).collect()
}

/// Types, shapes and exact values.
fn arrays(inputs: &[Tensor]) -> String {
    let mut sha = Sha256::new();
    for input in inputs {
        sha.update(input.ty().to_string());
        for i in 0..input.len() {
            match input.integer(i) {
                Some(n) => sha.update(n.to_le_bytes()),
                None => sha.update(input.get(i).to_bits().to_le_bytes()),
            }
        }
    }
    hexadecimal(&sha.finalize(), 64)
}

impl Subject {
    /// The SHA-256 of a model's inputs.
    pub fn arrays(&self) -> Option<String> {
        match &self.of {
            Of::Operation { .. } | Of::Kernel(_) => None,
            Of::Graph { inputs, .. } => Some(arrays(inputs)),
        }
    }

    /// A short name of everything that a search of it is about: two that differ in an option that
    /// changes what is claimed, or in a model or its inputs, have different ones.
    pub fn identity(&self) -> String {
        let words = |config| serde_json::to_string(&Words::of(config)).unwrap_or_default();
        let obligation = serde_json::to_string(&self.obligation).unwrap_or_default();
        let mut parts = vec![
            self.name().to_owned(),
            obligation,
            self.dtype().map_or("", DType::name).to_owned(),
        ];
        match &self.of {
            Of::Operation {
                config,
                exact,
                length,
                ..
            } => {
                parts.push(config.as_ref().map_or("any".to_owned(), words));
                parts.push(format!("{exact} {length}"));
            }
            Of::Graph {
                model,
                graph,
                inputs,
                targets,
                config,
                ..
            } => {
                let targets: Vec<usize> = targets.iter().map(|t| t.index()).collect();
                parts.extend([model.clone(), arrays(inputs), words(config)]);
                parts.push(format!("{targets:?}"));
                parts.extend(lines(graph));
            }
            Of::Kernel(_) => {}
        }
        hexadecimal(&Sha256::digest(parts.join("\n").as_bytes()), 12)
    }
}
