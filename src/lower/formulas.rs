//! The composites whose formula can be chosen, and what is chosen.

use super::{BatchNorm, Decay, Exponentials, InverseRoot, LogSoftmax, Variance};
use crate::error::{Error, Result};
use crate::op::{LabelGradient, Probability};
use std::collections::BTreeSet;

/// A table of composites: the field and its type, the name on the command line, the id in the
/// ledger, and for each variant its word and the formula that is bounded.
macro_rules! formulas {
    ($(
        $(#[$doc:meta])* $field:ident: $type:ty, $formula:ident, $name:literal, $id:literal {
            $($word:literal => $variant:path, $text:literal;)+
        }
    )+) => {
        /// The formula of every composite that has several. The default is the union of the
        /// common ones where that costs little, else the one that is common.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Formulas {
            $($(#[$doc])* pub $field: $type,)+
        }

        /// A composite whose formula can be chosen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Formula {
            $($(#[$doc])* $formula,)+
        }

        impl Formula {
            /// Every one.
            pub const ALL: &[Formula] = &[$(Formula::$formula),+];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Formula::$formula => $name,)+
                }
            }

            /// Its id in the ledger of assumptions.
            pub fn id(self) -> &'static str {
                match self {
                    $(Formula::$formula => $id,)+
                }
            }

            /// The words of its variants.
            pub fn words(self) -> &'static [&'static str] {
                match self {
                    $(Formula::$formula => &[$($word),+],)+
                }
            }
        }

        impl Formulas {
            /// The word of the variant that is chosen, and the formula that is bounded.
            pub fn chosen(&self, formula: Formula) -> (&'static str, &'static str) {
                match formula {
                    $(Formula::$formula => match self.$field {
                        $($variant => ($word, $text),)+
                    },)+
                }
            }

            fn set(&mut self, formula: Formula, word: &str) -> Option<()> {
                match formula {
                    $(Formula::$formula => self.$field = match word {
                        $($word => $variant,)+
                        _ => return None,
                    },)+
                }
                Some(())
            }
        }
    };
}

formulas! {
    /// The variance of a normalization.
    variance: Variance, Variance, "variance", "F-variance" {
        "two-pass" => Variance::TwoPass, "the variance is mean((x − mean)²)";
        "one-pass" => Variance::OnePass, "the variance is max(mean(x²) − mean², 0)";
    }
    /// The reciprocal of a deviation.
    deviation: InverseRoot, Deviation, "deviation", "F-deviation" {
        "any" => InverseRoot::Any,
            "x/√v is x·(1/√v) by a root and a division, or x·rsqrt(v) by one function within its \
             table; values may be divided by √v as well";
        "reciprocal" => InverseRoot::Reciprocal,
            "x/√v is x·(1/√v) by a root and a division; values may be divided by √v as well";
        "rsqrt" => InverseRoot::Rsqrt, "x/√v is x·rsqrt(v) by one function within its table";
    }
    /// A batch normalization with given moments.
    batch_norm: BatchNorm, BatchNorm, "batch-norm", "F-batch-norm" {
        "any" => BatchNorm::Any,
            "batch normalization is (x − mean)·r·scale + bias or x·a + (bias − mean·a), with \
             r = 1/√(v + e) and a = scale·r, and its gradient that of either";
        "centred" => BatchNorm::Centred, "batch normalization is (x − mean)·r·scale + bias, r = 1/√(v + e)";
        "folded" => BatchNorm::Folded,
            "batch normalization is x·a + (bias − mean·a), a = scale·(1/√(v + e))";
    }
    /// What Elu, Selu and Celu are left of 0.
    elu: Decay, Elu, "elu", "F-elu" {
        "expm1" => Decay::Expm1, "Elu, Selu and Celu have expm1 for negative numbers";
        "exp" => Decay::Exp, "Elu, Selu and Celu have e^x − 1 for negative numbers";
    }
    /// What softmax, log-softmax and log-sum-exp exponentiate.
    softmax: Exponentials, Softmax, "softmax", "F-softmax" {
        "shifted" => Exponentials::Shifted,
            "softmax, log-softmax and log-sum-exp subtract the maximum first";
        "plain" => Exponentials::Plain,
            "softmax, log-softmax and log-sum-exp take exponentials of their arguments \
             themselves";
    }
    /// The gradient of log-softmax.
    log_softmax_gradient: Probability, LogSoftmaxGradient,
        "log-softmax-gradient", "F-log-softmax-gradient" {
        "quotient" => Probability::Quotient,
            "the gradient of log-softmax is δ − p·Σδ with p = e/d, or δ − e·(Σδ/d) where Σδ/d \
             does not underflow";
        "exponential" => Probability::Exponential,
            "the gradient of log-softmax y is δ − p·Σδ with p = exp(y)";
    }
    /// The gradient of a cross-entropy of labels.
    cross_entropy_gradient: LabelGradient, CrossEntropyGradient,
        "cross-entropy-gradient", "F-cross-entropy-gradient" {
        "any" => LabelGradient::Any,
            "the gradient of a cross-entropy of labels is p·δ − yδ or (p − y)·δ, with p the \
             softmax and y 1 at the label";
        "chain" => LabelGradient::Chain,
            "the gradient of a cross-entropy of labels is p·δ − yδ, with p the softmax and y 1 \
             at the label";
        "fused" => LabelGradient::Fused,
            "the gradient of a cross-entropy of labels is (p − y)·δ, with p the softmax and y 1 \
             at the label";
    }
}

impl Formulas {
    /// The default with these choices, each `NAME=VARIANT`.
    pub fn choose<'a>(choices: impl IntoIterator<Item = &'a str>) -> Result<Formulas> {
        let (mut formulas, mut named) = (Formulas::default(), BTreeSet::new());
        for choice in choices {
            let formula = formulas.take(choice)?;
            if !named.insert(formula) {
                return Err(Error::new(format!(
                    "--formula names `{}` more than once",
                    formula.name()
                ))
                .remedy("give it once"));
            }
        }
        formulas.is_possible()?;
        Ok(formulas)
    }

    fn take(&mut self, choice: &str) -> Result<Formula> {
        let (name, word) = choice.split_once('=').unwrap_or((choice, ""));
        let formula = Formula::ALL.iter().find(|f| f.name() == name);
        let Some(&formula) = formula else {
            let names: Vec<&str> = Formula::ALL.iter().map(|f| f.name()).collect();
            return Err(
                Error::new(format!("--formula has no `{}`", name.escape_debug())).remedy(format!(
                    "use NAME=VARIANT with one of the names: {}",
                    names.join(" ")
                )),
            );
        };
        match self.set(formula, word) {
            Some(()) => Ok(formula),
            None => Err(Error::new(format!(
                "`{}` is no variant of --formula {name}",
                word.escape_debug()
            ))
            .remedy(format!("use one of: {}", formula.words().join(" ")))),
        }
    }

    /// Without the shift there is no mark in the graph that could have a gradient of its own.
    fn is_possible(&self) -> Result<()> {
        let is_chain = self.cross_entropy_gradient != LabelGradient::Fused
            && self.log_softmax_gradient == Probability::Quotient;
        if is_chain || self.softmax == Exponentials::Shifted {
            return Ok(());
        }
        Err(
            Error::new("softmax=plain has its gradients by the chain, with p = e/d")
                .remedy("choose neither another gradient nor softmax=plain"),
        )
    }
}

/// What is chosen, and which of it a model has asked for: its report names those.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    formulas: Formulas,
    used: BTreeSet<Formula>,
}

impl Choices {
    /// These formulas, none of them used.
    pub fn new(formulas: Formulas) -> Choices {
        Choices {
            formulas,
            used: BTreeSet::new(),
        }
    }

    /// What is chosen.
    pub fn formulas(&self) -> &Formulas {
        &self.formulas
    }

    /// Those that were asked for.
    pub fn used(&self) -> impl Iterator<Item = Formula> {
        self.used.iter().copied()
    }

    fn note(&mut self, formula: Formula) -> Formulas {
        self.used.insert(formula);
        self.formulas
    }

    /// The formula of a variance.
    pub fn variance(&mut self) -> Variance {
        self.note(Formula::Variance).variance
    }

    /// The formula of the reciprocal of a deviation.
    pub fn deviation(&mut self) -> InverseRoot {
        self.note(Formula::Deviation).deviation
    }

    /// The formula of a batch normalization with given moments.
    pub fn batch_norm(&mut self) -> BatchNorm {
        self.note(Formula::BatchNorm).batch_norm
    }

    /// How Elu and its relatives compute e^x − 1.
    pub fn elu(&mut self) -> Decay {
        self.note(Formula::Elu).elu
    }

    /// What exponentials that are added up are taken of.
    pub fn softmax(&mut self) -> Exponentials {
        self.note(Formula::Softmax).softmax
    }

    /// Notes exponentials of only some elements, which are taken less the maximum of those.
    pub fn masked_softmax(&mut self) -> Result<()> {
        match self.softmax() {
            Exponentials::Shifted => Ok(()),
            Exponentials::Plain => Err(Error::new("a masked softmax without the shift")
                .remedy("leave --formula softmax=plain out")),
        }
    }

    /// The formulas of a log-softmax. Its gradients are used where there is a backward pass,
    /// which is not known yet.
    pub fn log_softmax(&mut self) -> LogSoftmax {
        LogSoftmax {
            exponentials: self.softmax(),
            labels: self.formulas.cross_entropy_gradient,
            probability: self.formulas.log_softmax_gradient,
        }
    }
}
