//! What an attack found.

use crate::error::{Error, Result};
use crate::obligation::Obligation;
use crate::tensor::DType;
use crate::witness::record::Record;
use std::fmt;
use std::path::{Path, PathBuf};

/// How an obligation stands after an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No trial was beyond a bound.
    Holds,
    /// A trial was beyond its bound.
    Unsound,
    /// The author's code gave an error, panicked or returned something of another type.
    Failed,
    /// Nothing was claimed of any element.
    Vacuous,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Holds => "holds",
            Standing::Unsound => "UNSOUND",
            Standing::Failed => "FAILED",
            Standing::Vacuous => "vacuous",
        })
    }
}

/// A trial that is worth keeping: the one at fault, or the one nearest to its bound.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The trial, as a file has it.
    pub record: Record,
    /// The same in words.
    pub text: String,
}

impl Fault {
    /// Writes it into a folder, which is made where it is not there; the name is made of the
    /// content.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let bad = |e: std::io::Error| {
            Error::new(format!("cannot be written: {e}"))
                .in_file(folder)
                .remedy("name another folder in GRADBOUND_WITNESSES")
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let name: String = self.record.op.chars().map(plain).collect();
        let path = folder.join(format!("{name}-{}.json", self.record.key()));
        let text = serde_json::to_string_pretty(&self.record)
            .map_err(|e| Error::new(format!("the witness cannot be written as JSON: {e}")))?;
        std::fs::create_dir_all(folder).map_err(bad)?;
        std::fs::write(&path, text + "\n").map_err(bad)?;
        Ok(path)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (op, format) = (&self.record.op, &self.record.format);
        writeln!(f, "{op}, {} in {format}", name(self.record.obligation))?;
        f.write_str(&self.text)
    }
}

/// The attack on one obligation in one format.
#[derive(Debug, Clone)]
pub struct Attack {
    /// The obligation.
    pub obligation: Obligation,
    /// The format of floats.
    pub format: DType,
    /// Whether inputs were known exactly; else off by an ε, up to its corners.
    pub exact: bool,
    /// Trials that were made.
    pub trials: u64,
    /// Elements of results that a finite bound was compared with.
    pub claimed: u64,
    /// Elements whose bound is +∞, or is derived where the meaning is not defined.
    pub unclaimed: u64,
    /// Elements with a finite bound that could not be compared with it: an author's own where the
    /// meaning is not defined, or one that the meaning cannot be told from in 1024 places.
    pub undecided: u64,
    /// Trials outside the inputs' domains, or where the meaning is not defined.
    pub outside: u64,
    /// The nearest to its bound that an element came (error / ε, magnitude / B); infinite
    /// beyond it, `None` where nothing was claimed.
    pub nearest: Option<f64>,
    /// How it stands.
    pub standing: Standing,
    /// The trial at fault, made simpler, or the one nearest to its bound.
    pub witness: Option<Fault>,
}

/// What an attack on all obligations found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The kernel's name.
    pub kernel: String,
    /// The seed, which makes the same trials again.
    pub seed: u64,
    /// One for every format and obligation, with exact inputs and with others.
    pub attacks: Vec<Attack>,
}

impl Report {
    /// The attacks that a test fails for: a claim that does not hold, code that failed, and an
    /// ε that was never finite.
    pub fn faults(&self) -> impl Iterator<Item = &Attack> {
        self.attacks.iter().filter(|attack| match attack.standing {
            Standing::Holds => false,
            Standing::Unsound | Standing::Failed => true,
            Standing::Vacuous => {
                let owed = matches!(attack.obligation, Obligation::Sound | Obligation::VjpSound);
                let same =
                    |a: &&Attack| a.obligation == attack.obligation && a.format == attack.format;
                owed && self.attacks.iter().filter(same).all(|a| a.claimed == 0)
            }
        })
    }

    /// The first attack on an obligation: in the first format, with exact inputs where there is
    /// one with them.
    pub fn of(&self, obligation: Obligation) -> Option<&Attack> {
        self.attacks.iter().find(|a| a.obligation == obligation)
    }
}

/// The name of an obligation.
pub(super) fn name(obligation: Obligation) -> &'static str {
    match obligation {
        Obligation::Sound => "sound",
        Obligation::FwdScaleSound => "fwd_scale_sound",
        Obligation::VjpSound => "vjp_sound",
        Obligation::VjpScaleSound => "vjp_scale_sound",
        Obligation::AddSound => "add_sound",
        Obligation::AddScaleSound => "add_scale_sound",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, seed {}", self.kernel, self.seed)?;
        writeln!(
            f,
            "{:<16} {:<6} {:<6} {:>7} {:>9} {:>9} {:>9} {:>8}  standing",
            "obligation",
            "format",
            "inputs",
            "trials",
            "claimed",
            "no claim",
            "undecided",
            "nearest"
        )?;
        for a in &self.attacks {
            let nearest = a.nearest.map_or("-".to_owned(), |r| format!("{r:.4}"));
            writeln!(
                f,
                "{:<16} {:<6} {:<6} {:>7} {:>9} {:>9} {:>9} {nearest:>8}  {}",
                name(a.obligation),
                a.format.name(),
                if a.exact { "exact" } else { "off" },
                a.trials,
                a.claimed,
                a.unclaimed,
                a.undecided,
                a.standing
            )?;
        }
        Ok(())
    }
}
