//! The claims of a kernel of one's own as a test of a few lines.
//!
//! ```
//! use gradbound::kernel::{Dim, Input, Kernel, Role, Slices};
//!
//! fn silu() -> Kernel {
//!     Kernel::new("silu")
//!         // Below −88 the exponential overflows, and the quotient is −0.
//!         .input(Input::floats([Dim::up_to(9)]).role(Role::Within(80.0)))
//!         .spec(|g, x| gradbound::lower::swish(g, x[0], 1.0))
//!         .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| x / (1.0 + (-x).exp())).collect())
//!         .trials(200)
//! }
//! silu().assert_sound();
//! ```
//!
//! The *meaning* is a formula in primitives; the *runtime* and the *VJP* are the author's code.
//! Every trial has a run's value c, a real x with |x − c| ≤ ε and an admissible x̂ with
//! |x̂ − x| ≤ ε for every input (ε is often 0). The code runs at x̂; what it returns is compared
//! with the meaning at x, in intervals and where they do not decide exactly, under the bound
//! that is claimed for c and ε:
//!
//! | obligation | claim | bound |
//! |---|---|---|
//! | `sound` | \|computed − meaning\| ≤ ε | derived from the formula under the [`Config`], or [`Kernel::bound`] |
//! | `fwd_scale_sound` | \|computed\|, \|meaning\| ≤ B | derived, or [`Kernel::scale`] |
//! | `vjp_sound` | of every gradient, against the formula's own VJP | derived, or [`Kernel::vjp_bound`] |
//! | `vjp_scale_sound` | of every gradient | derived, or [`Kernel::vjp_scale`] |
//!
//! A *derived* bound speaks for every admissible execution of the formula, so a kernel that is
//! one (any tree, FMA or not, functions within the table) must be within it; a kernel with an
//! error of its own design states its own bound. Derived scales are attacked beside derived
//! bounds only: code with an error of its own may exceed them by it.
//!
//! Where a bound is +∞ nothing is claimed, and the report counts such elements; a test in which
//! nothing was claimed fails.

mod attack;
mod call;
mod input;
mod own;
mod report;
mod tell;
mod trial;

pub use attack::Replayed;
pub use call::{Element, Outcome, Slices};
pub use input::{Dim, Input, Role};
pub use report::{Attack, Fault, Report, Standing};

use crate::Config;
use crate::bound::{Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::obligation::Obligation;
use crate::op::{RuleCx, ScaleOperand};
use crate::tensor::{DType, Tensor};
use call::{Backward, Forward};
use own::Own;
use std::fmt;
use std::sync::Arc;

/// Appends a meaning in primitives.
type Meaning = dyn Fn(&mut Graph, &[ValueId]) -> Result<ValueId> + Send + Sync;

/// A kernel under test; see the [module](self).
#[derive(Clone)]
pub struct Kernel {
    name: String,
    inputs: Vec<Input>,
    /// Moderate in a half of the trials and any floats in the others where nothing is said.
    cotangent: Option<Role>,
    meaning: Option<Arc<Meaning>>,
    forward: Option<Arc<Forward>>,
    backward: Option<Arc<Backward>>,
    own: Own,
    formats: Vec<DType>,
    config: Config,
    exact: bool,
    seed: u64,
    trials: u64,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = f.debug_struct("Kernel");
        parts
            .field("name", &self.name)
            .field("inputs", &self.inputs);
        parts
            .field("formats", &self.formats)
            .field("config", &self.config);
        parts
            .field("seed", &self.seed)
            .field("trials", &self.trials);
        parts.finish_non_exhaustive()
    }
}

impl Kernel {
    /// A kernel without anything: f32, the default [`Config`], derived bounds, 2000 trials for
    /// each obligation, seed 0.
    pub fn new(name: impl Into<String>) -> Kernel {
        Kernel {
            name: name.into(),
            inputs: Vec::new(),
            cotangent: None,
            meaning: None,
            forward: None,
            backward: None,
            own: Own::default(),
            formats: vec![DType::F32],
            config: Config::default(),
            exact: false,
            seed: 0,
            trials: 2000,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One more input; an array of extents is an input of any floats.
    #[must_use]
    pub fn input(mut self, input: impl Into<Input>) -> Kernel {
        self.inputs.push(input.into());
        self
    }

    /// What cotangents are drawn as: where nothing is said [`Role::Moderate`] in a half of the
    /// trials and [`Role::Any`] in the others.
    #[must_use]
    pub fn cotangent(self, role: Role) -> Kernel {
        Kernel {
            cotangent: Some(role),
            ..self
        }
    }

    /// What the kernel means, in primitives.
    #[must_use]
    pub fn spec(
        self,
        meaning: impl Fn(&mut Graph, &[ValueId]) -> Result<ValueId> + Send + Sync + 'static,
    ) -> Kernel {
        Kernel {
            meaning: Some(Arc::new(meaning)),
            ..self
        }
    }

    /// The author's code, on tensors of the format that is attacked.
    #[must_use]
    pub fn runtime(
        self,
        f: impl Fn(&[Tensor]) -> Outcome<Tensor> + Send + Sync + 'static,
    ) -> Kernel {
        Kernel {
            forward: Some(Arc::new(move |inputs, _| f(inputs))),
            ..self
        }
    }

    /// The author's code, on slices of one type, which becomes the format that is attacked; the
    /// result has as many elements as the meaning's shape.
    #[must_use]
    pub fn runtime_on<T: Element>(
        self,
        f: impl Fn(&Slices<'_, T>) -> Vec<T> + Send + Sync + 'static,
    ) -> Kernel {
        Kernel {
            forward: Some(call::forward_on(f)),
            formats: vec![T::DTYPE],
            ..self
        }
    }

    /// The author's backward pass: inputs and the cotangent; a gradient for every input of
    /// floats, in order.
    #[must_use]
    pub fn vjp(
        self,
        f: impl Fn(&[Tensor], &Tensor) -> Outcome<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Kernel {
        Kernel {
            backward: Some(Arc::new(f)),
            ..self
        }
    }

    /// The backward pass on slices.
    #[must_use]
    pub fn vjp_on<T: Element>(
        self,
        f: impl Fn(&Slices<'_, T>, &[T]) -> Vec<Vec<T>> + Send + Sync + 'static,
    ) -> Kernel {
        Kernel {
            backward: Some(call::backward_on(f)),
            ..self
        }
    }

    /// The author's own bound in place of the derived one: ε of every element for the run's
    /// value and ε of every input, and what the code returns for the run's values; as
    /// [`FwdNode::bound`](crate::graph::levels::FwdNode::bound).
    #[must_use]
    pub fn bound(
        mut self,
        f: impl Fn(&RuleCx, &[Operand], &Tensor) -> Bound + Send + Sync + 'static,
    ) -> Kernel {
        self.own.bound = Some(Arc::new(f));
        self
    }

    /// The author's own bound of the gradient of the input of that number, for the inputs, the
    /// cotangent and the gradient at the run's values.
    #[must_use]
    pub fn vjp_bound(
        mut self,
        f: impl Fn(&RuleCx, usize, &[Operand], &Operand, &Tensor) -> Bound + Send + Sync + 'static,
    ) -> Kernel {
        self.own.vjp_bound = Some(Arc::new(f));
        self
    }

    /// The author's own scale.
    #[must_use]
    pub fn scale(
        mut self,
        f: impl Fn(&RuleCx, &[ScaleOperand]) -> Bound + Send + Sync + 'static,
    ) -> Kernel {
        self.own.scale = Some(Arc::new(f));
        self
    }

    /// The author's own scale of the gradient of the input of that number.
    #[must_use]
    pub fn vjp_scale(
        mut self,
        f: impl Fn(&RuleCx, usize, &[ScaleOperand], &ScaleOperand) -> Bound + Send + Sync + 'static,
    ) -> Kernel {
        self.own.vjp_scale = Some(Arc::new(f));
        self
    }

    /// The formats that are attacked, one after another.
    #[must_use]
    pub fn formats(self, formats: impl Into<Vec<DType>>) -> Kernel {
        Kernel {
            formats: formats.into(),
            ..self
        }
    }

    /// The executions that derived bounds speak for.
    #[must_use]
    pub fn config(self, config: Config) -> Kernel {
        Kernel { config, ..self }
    }

    /// Inputs are known exactly: only the kernel's own roundings are left.
    #[must_use]
    pub fn exact(self) -> Kernel {
        Kernel {
            exact: true,
            ..self
        }
    }

    /// Where the random numbers start; the same seed makes the same trials, on any number of
    /// threads.
    #[must_use]
    pub fn seed(self, seed: u64) -> Kernel {
        Kernel { seed, ..self }
    }

    /// How many trials each obligation gets in each format; a half of those of an ε have inputs
    /// that are known exactly.
    #[must_use]
    pub fn trials(self, trials: u64) -> Kernel {
        Kernel { trials, ..self }
    }

    /// The obligations that the kernel has.
    pub fn obligations(&self) -> Vec<Obligation> {
        let mut all = vec![Obligation::Sound];
        if self.own.scale.is_some() || self.own.bound.is_none() {
            all.push(Obligation::FwdScaleSound);
        }
        if self.backward.is_some() {
            all.push(Obligation::VjpSound);
            if self.own.vjp_scale.is_some() || self.own.vjp_bound.is_none() {
                all.push(Obligation::VjpScaleSound);
            }
        }
        all
    }
}

/// A fuzz target of a kernel, where `libfuzzer_sys` is a dependency and the file begins with
/// `#![no_main]`: `gradbound::fuzz_kernel!(silu);` for `fn silu() -> Kernel`.
#[macro_export]
macro_rules! fuzz_kernel {
    ($kernel:path) => {
        ::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            static KERNEL: ::std::sync::LazyLock<$crate::kernel::Kernel> =
                ::std::sync::LazyLock::new($kernel);
            if let Err(fault) = KERNEL.judge_bytes(bytes) {
                panic!("{fault}");
            }
        });
    };
}
