//! The source of every random choice: a tape of numbers, so that a failing case shrinks to
//! the simplest choices. Zero, and the end of the tape, is the simplest choice of all: left
//! to right, nothing fused, nothing flushed, x̂ = c.

use std::borrow::Cow;
use std::fmt;

/// Numbers that are read one after another.
pub struct Tape<'a> {
    numbers: Cow<'a, [u32]>,
    at: usize,
    /// What comes past the end, instead of zeros.
    fresh: Option<Box<dyn FnMut() -> u32 + 'a>>,
}

impl fmt::Debug for Tape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = f.debug_struct("Tape");
        parts.field("numbers", &self.numbers).field("at", &self.at);
        parts.finish_non_exhaustive()
    }
}

impl<'a> Tape<'a> {
    /// From its beginning; zeros past the end.
    pub fn new(numbers: &'a [u32]) -> Tape<'a> {
        Tape {
            numbers: Cow::Borrowed(numbers),
            at: 0,
            fresh: None,
        }
    }

    /// A tape without an end, written as it is read.
    pub fn fresh(seed: u64) -> Tape<'static> {
        Tape::prolonged(&[], seed)
    }

    /// These numbers, and then others without an end.
    pub fn prolonged(numbers: &[u32], seed: u64) -> Tape<'static> {
        let mut rng = fastrand::Rng::with_seed(seed);
        Tape {
            numbers: Cow::Owned(numbers.to_vec()),
            ..Tape::fed(move || rng.u32(..))
        }
    }

    /// From another source of numbers, one whenever one is read.
    pub fn fed(source: impl FnMut() -> u32 + 'a) -> Tape<'a> {
        Tape {
            numbers: Cow::Borrowed(&[]),
            at: 0,
            fresh: Some(Box::new(source)),
        }
    }

    /// The numbers that were read.
    pub fn read(&self) -> &[u32] {
        &self.numbers[..self.at.min(self.numbers.len())]
    }

    /// The next number.
    pub fn draw(&mut self) -> u32 {
        if let (None, Some(source)) = (self.numbers.get(self.at), &mut self.fresh) {
            self.numbers.to_mut().push(source());
        }
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        number
    }

    /// A number below n, 0 for the simplest choice.
    pub fn below(&mut self, n: usize) -> usize {
        self.draw() as usize % n
    }

    /// One of two, false for the simplest choice.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A number in lo..=hi, the one nearest to zero for the simplest choice.
    pub fn between(&mut self, lo: i64, hi: i64) -> i64 {
        // In more bits than the ends have: they may be any distance apart.
        let (lo, hi) = (i128::from(lo), i128::from(hi.max(lo)));
        let span = hi - lo + 1;
        let simplest = 0.clamp(lo, hi);
        (lo + (i128::from(self.draw()) % span + simplest - lo) % span) as i64
    }

    /// One of several, the first for the simplest choice.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
