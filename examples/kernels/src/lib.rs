//! Operations of candle with their backward passes, and a hand-written AVX2 kernel, each with its
//! meaning in gradbound's primitives: `cargo test` attacks their claims.

pub mod avx2;
pub mod bridge;
pub mod operations;
pub mod wrong;
