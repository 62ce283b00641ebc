//! Attacks on a kernel, replays of what they found, and trials made of a fuzzer's bytes.

use super::input::{Ranges, no_index};
use super::report::{Attack, Fault, Report, Standing, name};
use super::trial::Trial;
use super::{Kernel, tell};
use crate::error::{Error, Result};
use crate::obligation::Obligation;
use crate::tensor::DType;
use crate::witness::case::Rules;
use crate::witness::point::Point;
use crate::witness::record::Record;
use crate::witness::search::{Best, Budget, Search, State, Strategy};
use crate::witness::shrink::shrink;
use crate::witness::subject::{Of, Opaque, Score, Structure, Subject};
use crate::witness::tape::Tape;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Those that do not only choose among executions.
const STRATEGIES: [Strategy; 4] = [
    Strategy::Random,
    Strategy::Corner,
    Strategy::Climb,
    Strategy::Sweep,
];
/// Trials that a witness may cost to be made simpler.
const SHRINKING: u64 = 4000;
/// Elements that an input may have: every one is drawn and judged in every trial.
const MOST: usize = 1 << 24;
/// Where witnesses are written unless the environment says otherwise.
const FOLDER: &str = "gradbound-out/kernels";
/// The variable that says otherwise.
const VARIABLE: &str = "GRADBOUND_WITNESSES";

/// What a witness says when its trial is made again.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Unsound, failed, or holds; vacuous where nothing is claimed of it.
    pub standing: Standing,
    /// error / ε, or magnitude / B.
    pub ratio: f64,
    /// What happened, and the inputs.
    pub text: String,
}

impl Kernel {
    /// Attacks every obligation in every format. Fails where the kernel cannot be attacked: a
    /// part is missing, or its meaning cannot be built for some shapes.
    pub fn attack(&self) -> Result<Report> {
        self.check()?;
        let mut attacks = Vec::new();
        for dtype in &self.formats {
            for obligation in self.obligations() {
                let scale = matches!(
                    obligation,
                    Obligation::FwdScaleSound | Obligation::VjpScaleSound
                );
                let inputs: &[bool] = match (self.exact, scale) {
                    (true, _) => &[true],
                    (false, true) => &[false],
                    (false, false) => &[true, false],
                };
                for exact in inputs {
                    let trials = self.trials / inputs.len() as u64;
                    attacks.push(self.attack_one(obligation, *dtype, *exact, trials.max(1)));
                }
            }
        }
        Ok(Report {
            kernel: self.name.clone(),
            seed: self.seed,
            attacks,
        })
    }

    /// Attacks, prints what was found, and panics unless every obligation that was attacked
    /// holds; the message has the shrunk witness, which is written into the folder that the
    /// environment's `GRADBOUND_WITNESSES` names (`gradbound-out/kernels` without it).
    ///
    /// # Panics
    /// Where an obligation is violated, where the kernel's code fails, where no ε was finite,
    /// and where the kernel cannot be attacked.
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn assert_sound(&self) -> Report {
        let report = match self.attack() {
            Ok(report) => report,
            Err(error) => panic!("{}: {error}", self.name),
        };
        println!("{report}");
        let faults: Vec<String> = report.faults().map(told).collect();
        if faults.is_empty() {
            return report;
        }
        panic!("{report}\n{}", faults.join("\n"));
    }

    /// Makes the trial of a witness file again.
    pub fn replay(&self, path: &Path) -> Result<Replayed> {
        self.check()?;
        let record = Record::read(path)?;
        let other = || {
            let (op, obligation) = (&record.op, name(record.obligation));
            Error::new(format!("the witness is about {obligation} of `{op}`"))
                .in_file(path)
                .remedy(format!(
                    "replay it with that kernel; this one is `{}`",
                    self.name
                ))
        };
        let dtype = DType::FLOATS
            .into_iter()
            .find(|d| d.name() == record.format);
        let owed = self.obligations().contains(&record.obligation);
        let dtype = dtype
            .filter(|_| record.op == self.name && owed)
            .ok_or_else(other)?;
        let trial = Arc::new(Trial::new(self, record.obligation, dtype, record.exact));
        let subject = subject(&trial);
        let (structure, point) = record.restore(&subject).map_err(|e| e.in_file(path))?;
        let score = structure
            .judge(&point, &Rules::TRUE)
            .unwrap_or_else(Score::nothing);
        Ok(Replayed {
            standing: standing(&score),
            ratio: score.ratio,
            text: tell::tell(&structure, &point, &score, trial.is_backward()),
        })
    }

    /// One trial made of a fuzzer's bytes: format, obligation, shapes, inputs. The fault where
    /// a claim does not hold or the code fails.
    pub fn judge_bytes(&self, bytes: &[u8]) -> std::result::Result<(), Box<Fault>> {
        let numbers: Vec<u32> = bytes
            .chunks(4)
            .map(|four| {
                four.iter()
                    .rev()
                    .fold(0, |n, byte| n << 8 | u32::from(*byte))
            })
            .collect();
        let mut tape = Tape::new(&numbers);
        let (Some(_), obligations) = (self.formats.first(), self.obligations()) else {
            return Ok(());
        };
        let dtype = tape.pick(&self.formats);
        let trial = Arc::new(Trial::new(self, tape.pick(&obligations), dtype, self.exact));
        let subject = subject(&trial);
        let begun = tape.read().len();
        let Ok(structure) = subject.structure(&mut tape) else {
            return Ok(());
        };
        let structure = Structure {
            numbers: tape.read()[begun..].to_vec(),
            ..structure
        };
        let point = Point {
            inputs: subject.inputs(&structure, &mut tape),
            choices: Vec::new(),
        };
        match structure.judge(&point, &Rules::TRUE) {
            Some(score) if score.is_fault() => {
                let best = Best {
                    structure: Arc::new(structure),
                    point,
                    score,
                    strategy: Strategy::Random,
                    trials: 1,
                };
                Err(Box::new(fault(&trial, &subject, &best)))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is something to attack: all parts, and a meaning for many shapes.
    fn check(&self) -> Result<()> {
        let missing = |what: &str, how: &str| {
            Err(Error::new(format!("the kernel `{}` has no {what}", self.name)).remedy(how))
        };
        if self.inputs.is_empty() {
            return missing("inputs", "give it some by Kernel::input");
        }
        if self.forward.is_none() {
            return missing("code", "give it by Kernel::runtime or Kernel::runtime_on");
        }
        if let Some(dtype) = self.formats.iter().find(|d| !d.is_float()) {
            return Err(Error::new(format!("{dtype} is no format of floats"))
                .remedy("attack it in f64, f32, f16 or bf16"));
        }
        if self.formats.is_empty() || self.trials == 0 {
            return missing("trials", "give it formats and at least one trial");
        }
        let ranges = Ranges::of(&self.inputs);
        let most = |input: &super::Input| input.most(&ranges).is_some_and(|n| n <= MOST);
        if !self.inputs.iter().all(most) {
            let what = format!(
                "an input of the kernel `{}` may have more than {MOST} elements",
                self.name
            );
            return Err(Error::new(what).remedy("draw its extents from smaller ranges"));
        }
        if self.inputs.iter().any(|i| i.may_lack_indices(&ranges)) {
            return Err(no_index().at_node(&self.name));
        }
        for obligation in self.obligations() {
            let trial = Trial::new(self, obligation, self.formats[0], self.exact);
            for seed in 0..16 {
                let mut tape = Tape::fresh(seed);
                trial
                    .structure(&mut tape)
                    .map_err(|e| e.at_node(&self.name))?;
            }
        }
        Ok(())
    }

    fn attack_one(&self, obligation: Obligation, dtype: DType, exact: bool, trials: u64) -> Attack {
        let trial = Arc::new(Trial::new(self, obligation, dtype, exact));
        let subject = subject(&trial);
        let search = Search {
            subject: &subject,
            strategies: &STRATEGIES,
            seed: self.seed,
            rules: Rules::TRUE,
            live: &|_| {},
        };
        let budget = Budget {
            trials: Some(trials),
            time: None,
            first: true,
        };
        let state = search.run(State::default(), budget, &mut |_| true);
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let tally = &trial.tally;
        let (claimed, unclaimed) = (count(&tally.claimed), count(&tally.unclaimed));
        let outside = count(&tally.outside);
        let best = state.best.map(|best| match best.score.is_fault() {
            true => shrink(&subject, &Rules::TRUE, best, SHRINKING),
            false => best,
        });
        let standing = best
            .as_ref()
            .map_or(Standing::Vacuous, |b| standing(&b.score));
        let witness = best.as_ref().filter(|_| standing != Standing::Vacuous);
        Attack {
            obligation,
            format: dtype,
            exact,
            trials: state.trials,
            claimed,
            unclaimed,
            undecided: count(&tally.undecided),
            outside,
            nearest: best.as_ref().map(|b| b.score.ratio).filter(|r| *r >= 0.0),
            standing,
            witness: witness.map(|best| fault(&trial, &subject, best)),
        }
    }
}

fn subject(trial: &Arc<Trial>) -> Subject {
    Subject {
        obligation: trial.obligation,
        of: Of::Kernel(Arc::clone(trial) as Arc<dyn Opaque>),
    }
}

fn standing(score: &Score) -> Standing {
    match (&score.violation, &score.failed) {
        (Some(_), _) => Standing::Unsound,
        (None, Some(_)) => Standing::Failed,
        (None, None) if score.ratio < 0.0 => Standing::Vacuous,
        (None, None) => Standing::Holds,
    }
}

fn fault(trial: &Trial, subject: &Subject, best: &Best) -> Fault {
    Fault {
        record: Record::of(subject, best),
        text: tell::tell(
            &best.structure,
            &best.point,
            &best.score,
            trial.is_backward(),
        ),
    }
}

/// A fault in the words of a failing test.
fn told(attack: &Attack) -> String {
    let (what, format) = (name(attack.obligation), attack.format.name());
    let head = match attack.standing {
        Standing::Holds => format!("{what} holds in {format}"),
        Standing::Unsound => format!("{what} does not hold in {format}:"),
        Standing::Failed => format!("{what} in {format} could not be attacked: the code failed"),
        Standing::Vacuous => format!(
            "{what} in {format} is vacuous: no element had a finite bound ({} without a claim, {} \
             trials outside the domain). Give inputs a role that keeps them where the bound is \
             finite, or exact inputs.",
            attack.unclaimed, attack.outside
        ),
    };
    let Some(witness) = &attack.witness else {
        return head;
    };
    let folder = std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    let written = match witness.write(&folder) {
        Ok(path) => format!(
            "  witness: {} (Kernel::replay makes the trial again)",
            path.display()
        ),
        Err(error) => format!("  the witness was not written: {error}"),
    };
    format!("{head}\n{}\n{written}", witness.text)
}
