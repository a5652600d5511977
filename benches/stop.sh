#!/usr/bin/env bash
# How long a run takes to stop when it is told to (SIGTERM) in the middle of each stage, and that nothing is published then.
#
# usage: benches/stop.sh DIR [CUSTOMERS]
#
# A run that had ended before it was told shows exit code 0 and what it published: with few customers, the last stages are that short.
# DIR keeps the generated tables and one finished run, from whose timings the middle of every stage is taken.
set -euo pipefail
mkdir -p "$1"; dir=$(cd "$1" && pwd); customers=${2:-100000}
cd "$(dirname "$0")/.."
cargo build --release --locked >/dev/null 2>&1
osusume=$(realpath "${CARGO_TARGET_DIR:-target}/release/osusume")
mkdir -p "$dir/pipelines"; cp pipelines/isp.toml "$dir/pipelines/"; cd "$dir"
[ -f data/isp/consents.csv ] || "$osusume" synth isp --customers "$customers" --events $((20 * customers)) --out data/isp >/dev/null
run() { exec "$osusume" run pipelines/isp.toml --as-of "$1" --no-export --log-format json; }
[ -f runs/isp/CURRENT ] || (run 2026-09-30) >/dev/null 2>&1
# The timings of the finished run, also when a later one was published by chance.
timings=runs/isp/$(cut -d' ' -f1 runs/isp/CURRENT)/timings.json
half() { tr -d ' \n' <"$timings" | grep -o "\"stage\":\"$1\",\"duration_us\":[0-9]*" | grep -o '[0-9]*$' | awk '{ printf "%.3f", $1 / 2e6 }'; }
published() { cat runs/isp/CURRENT; ls -A runs/isp; }
day=0
printf '%-9s %12s %12s %6s  %s\n' stage 'after s' 'stopped in s' exit published
for stage in ingest features train score decide publish; do
  # A day of its own for each, so that a run which had ended before it was told to stop does not make the next one idle.
  day=$((day + 1)); before=$(published)
  pause=$(half "$stage" || true); pause=${pause:-0}
  coproc child { run "2026-10-0$day" 2>&1 >/dev/null; }
  pid=$child_PID
  while read -r line <&"${child[0]}"; do [[ $line == *stage_begin* && $line == *"\"$stage\""* ]] && break; done
  sleep "$pause"; began=$EPOCHREALTIME
  kill -TERM "$pid" 2>/dev/null || true
  code=0; wait "$pid" || code=$?
  seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
  [ "$(published)" = "$before" ] && what=unchanged || what=CHANGED
  printf '%-9s %12s %12s %6s  %s\n' "$stage" "$pause" "$seconds" "$code" "$what"
done
