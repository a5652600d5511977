#!/usr/bin/env bash
# The grocer's year: mean AUC, seconds a stage and peak memory, beside another program on the same files.
#
# usage: benches/grocer.sh TABLES_DIR [PEER_COMMAND ...]
#
# TABLES_DIR holds transactions.parquet, products.parquet and demographics.parquet (data/README.md says how to get them).
# PEER_COMMAND, when given, is run right afterwards with the paths of transactions.parquet and products.parquet behind it;
# what it prints is shown as it is.
set -euo pipefail
tables=$(cd "$1" && pwd); shift
cd "$(dirname "$0")/.."
cargo build --release --locked -p osusume-cli >/dev/null 2>&1
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
path() { printf "sources.%s.path='%s/%s.parquet'" "$1" "$tables" "$2"; }
run() {
  rm -rf "$out/runs"
  /usr/bin/env time -f '%e s elapsed, %M KiB peak' "${CARGO_TARGET_DIR:-target}/release/osusume" run pipelines/grocer.toml \
    --as-of 2018-01-01 --no-export --quiet --set "$(path transactions transactions)" --set "$(path products products)" \
    --set "$(path households demographics)" --set "run.directory='$out/runs'" >/dev/null 2>"$out/time"
}
for _ in 1 2 3; do run; tail -n 1 "$out/time"; done
run_dir=$(dirname "$(find "$out/runs" -name summary.json)")
printf 'seconds a stage: '; tr -d '\n ' <"$run_dir/timings.json" | sed 's/.*"stages"://'; echo
printf 'mean AUC at the tests: '; grep -o '"mean_auc": [0-9.]*' "$run_dir/summary.json" | tr '\n' ' '; echo
if [ $# -gt 0 ]; then "$@" "$tables/transactions.parquet" "$tables/products.parquet"; fi
