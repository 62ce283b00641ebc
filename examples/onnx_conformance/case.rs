//! A test case: a folder that `write_cases.py` wrote.

use gradbound::import::onnx::proto::ModelProto;
use prost::Message;
use std::path::{Path, PathBuf};

/// A case, as far as it can be told without its numbers.
pub struct Case {
    /// The folder.
    pub folder: PathBuf,
    /// `KIND/CASE`.
    pub name: String,
    /// The model, for what decides whether it is run.
    pub proto: ModelProto,
    /// How near a result must be to what is expected.
    pub tolerance: Tolerance,
}

/// numpy's `allclose`: |a − e| ≤ atol + rtol·|e|.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

/// The files of one run of a case.
pub struct DataSet {
    pub inputs: Vec<PathBuf>,
    pub outputs: Vec<PathBuf>,
}

impl Case {
    /// Reads the model and the tolerance.
    pub fn read(folder: &Path) -> Result<Case, String> {
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let proto = ModelProto::decode(read("model.onnx")?.as_slice())
            .map_err(|e| format!("{}: {e}", folder.display()))?;
        let settings: serde_json::Value = serde_json::from_slice(&read("case.json")?)
            .map_err(|e| format!("{}: case.json: {e}", folder.display()))?;
        let number = |key: &str| {
            let value = settings.get(key).and_then(serde_json::Value::as_f64);
            value.ok_or_else(|| format!("{}: case.json has no {key}", folder.display()))
        };
        let parts: Vec<_> = folder.iter().rev().take(2).collect();
        let parts = parts.iter().rev().map(|p| p.to_string_lossy().into_owned());
        Ok(Case {
            folder: folder.to_path_buf(),
            name: parts.collect::<Vec<_>>().join("/"),
            proto,
            tolerance: Tolerance {
                rtol: number("rtol")?,
                atol: number("atol")?,
            },
        })
    }

    /// The data sets, in order.
    pub fn data_sets(&self) -> Vec<DataSet> {
        (0..)
            .map(|k| self.folder.join(format!("test_data_set_{k}")))
            .take_while(|folder| folder.is_dir())
            .map(|folder| DataSet {
                inputs: numbered(&folder, "input"),
                outputs: numbered(&folder, "output"),
            })
            .collect()
    }
}

fn numbered(folder: &Path, stem: &str) -> Vec<PathBuf> {
    (0..)
        .map(|k| folder.join(format!("{stem}_{k}.pb")))
        .take_while(|path| path.is_file())
        .collect()
}

/// Every case below the folder, by name; those whose name contains `filter`.
pub fn find(root: &Path, filter: &str) -> Result<Vec<Case>, String> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>, String> {
        let unreadable = |e: std::io::Error| format!("{}: {e}", folder.display());
        let entries = std::fs::read_dir(folder).map_err(unreadable)?;
        let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
        let mut paths = paths.map_err(unreadable)?;
        paths.retain(|path| path.is_dir());
        paths.sort();
        Ok(paths)
    };
    let mut cases = Vec::new();
    for kind in list(root)? {
        for folder in list(&kind)? {
            if folder.join("model.onnx").is_file() && folder.to_string_lossy().contains(filter) {
                cases.push(Case::read(&folder)?);
            }
        }
    }
    Ok(cases)
}
