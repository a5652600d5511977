#!/usr/bin/env bash
# Fits X.npy and Y.npy of a folder, writes coef.npy there and prints one JSON line with the seconds from data in memory to coefficients.
#
# usage: benches/logistic.sh DIR
set -euo pipefail
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet -p osusume-propensity --example fit_npy
exec "$(realpath "${CARGO_TARGET_DIR:-target}")/release/examples/fit_npy" "$dir"
