//! Choices and numbers read from bytes.

/// A reader of bytes that never ends: zeros follow the last one.
#[derive(Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes(bytes)
    }

    pub(super) fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n.max(1)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of the choices, of which there is at least one.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.below(N)]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An interesting float: small integers, powers of two and neighbours, anything finite.
    pub(super) fn float(&mut self) -> f64 {
        let kind = self.next();
        let x = f64::from(self.next() as i8);
        match kind % 8 {
            0 => x,
            1 => scaled(x, -4),
            2 => scaled(1.0, i32::from(self.next() as i8) / 4),
            3 => scaled(x, i32::from(self.next() as i8)),
            4 => f64::from(f32::from_bits(u32::from_be_bytes([
                0x3e | (kind & 0x81),
                self.next(),
                self.next(),
                self.next(),
            ]))),
            5 | 6 => scaled(x, -6),
            _ => 0.0,
        }
    }
}

/// Every two bytes as a number whose low and whose high half vary.
pub(super) fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |pair: &[u8; 2]| u32::from(u16::from_le_bytes(*pair)) * 0x1_0001;
    bytes.as_chunks::<2>().0.iter().map(word).collect()
}

/// x·2^exponent.
#[expect(clippy::float_arithmetic, reason = "generates inputs, bounds nothing")]
fn scaled(x: f64, exponent: i32) -> f64 {
    x * f64::from(exponent).exp2()
}
