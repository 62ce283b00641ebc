#!/bin/bash -eu
# Builds every target with the engine and sanitizer that the environment names, with its corpus.
cd "$SRC/gradbound"
# inari's directed rounding needs AVX2 and FMA; cargo-fuzz does not read .cargo/config.toml's flags.
export RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-cpu=haswell" TARGET_CPU=haswell
cargo fuzz build -O --debug-assertions
for target in $(cargo fuzz list); do
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
  zip -qj "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"/*
done
