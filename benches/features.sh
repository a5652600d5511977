#!/usr/bin/env bash
# 105 point-in-time features of a grocer's households (benches/features.toml) by `osusume features`: one JSON line with the seconds of the
# whole process, the rows, a checksum, and the seconds that decoding the same columns takes.
#
# usage: benches/features.sh TRANSACTIONS.parquet PRODUCTS.parquet OUT.parquet
set -euo pipefail
transactions=$(realpath "$1") products=$(realpath "$2") out=$(realpath -m "$3")
cd "$(dirname "$0")/.."
# The whole workspace: the same features of its dependencies as any other build, so that none of them is compiled again.
cargo build --release --locked --quiet --workspace --bins
target=$(realpath "${CARGO_TARGET_DIR:-target}")/release
exec "$target/features" "$target/osusume" "$transactions" "$products" "$out"
