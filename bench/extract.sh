#!/usr/bin/env bash
# Extraction beside the raw floor: CPU a record, start-up, memory, at one page after another and with slices side by side.
#
#   HEADWATER_PEERS=<folder with the peers' harness> bench/extract.sh [N …]
#
# The harness (mock API, raw floor, runner) is copied to target/bench and built there, because it builds in place.
# PEERS names what runs beside Headwater (default: the raw floor in both forms); LATENCY_MS delays every page.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${HEADWATER_PEERS:?name the folder that holds bench.py, mockapi and peers}"
work=$PWD/target/bench
mkdir -p "$work"
cp -ru "$HEADWATER_PEERS/." "$work/"
[ -x "$work/bin/mockapi" ] || (cd "$work/mockapi" && go build -o ../bin/mockapi .)
[ -x "$work/peers/ref/target/release/ref" ] || (cd "$work/peers/ref" && cargo build --release -q)
cargo build --release -q -p headwater
sizes=$(IFS=,; echo "${*:-1,10000,100000,1000000}")
cd "$work"
mkdir -p results
rm -f results/headwater.jsonl
OURS="$work/ours.sh ${OLDPWD:-..}/target/release/headwater {url} {out}" OURS_NAME=headwater OURS_GLOB='**/*.ndjson' \
  TOOLS="headwater,${PEERS:-ref,ref-serde}" NS="$sizes" REPS="${REPS:-3}" RESULTS="$work/results/headwater.jsonl" \
  OUT_ROOT="${OUT_ROOT:-/dev/shm/headwater-bench}" python3 bench.py
