//! `gradbound ops`: what is supported.

use super::{print, status};
use crate::error::Result;
use crate::import::onnx::supported;
use crate::op::PRIMITIVES;

/// List the supported operations.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints the list.
pub fn run(args: &Args) -> Result<u8> {
    if args.json {
        let onnx: Vec<_> = supported()
            .iter()
            .map(|(name, note)| serde_json::json!({ "op": name, "note": note }))
            .collect();
        let all = serde_json::json!({ "onnx": onnx, "primitives": PRIMITIVES });
        print(&format!("{all:#}\n"))?;
    } else {
        let mut text = String::from("ONNX operations (opset 6 and up), each with its gradient:\n");
        for (name, note) in supported() {
            let line = format!("  {name:<28} {note}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push_str(&format!("Primitives: {}\n", PRIMITIVES.join(" ")));
        print(&text)?;
    }
    Ok(status::HOLDS)
}
