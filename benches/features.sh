#!/usr/bin/env bash
# 105 point-in-time features of a grocer's households (benches/features.toml) by `osusume features`: one JSON line with the seconds of the
# whole process, the rows, a checksum, and the seconds that decoding the same columns takes.
#
# usage: benches/features.sh TRANSACTIONS.parquet PRODUCTS.parquet OUT.parquet
set -euo pipefail
transactions=$(realpath "$1") products=$(realpath "$2") out=$(realpath -m "$3")
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet -p osusume-cli
cargo build --release --locked --quiet -p osusume-benches --bin features
target=$(realpath "${CARGO_TARGET_DIR:-target}")/release
exec "$target/features" "$target/osusume" "$transactions" "$products" "$out"
