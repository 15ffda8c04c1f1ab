#!/usr/bin/env bash
# Extraction beside the raw floor: CPU a record, start-up, memory, at one page after another and with slices side by side.
#
#   HEADWATER_PEERS=<folder with the peers' harness> bench/extract.sh [N …]
#
# The harness (mock API, raw floor, runner) is copied to target/bench and built there, because it builds in place.
# PEERS names what runs beside Headwater (default: the raw floor in both forms); LATENCY_MS delays every page. `headwater-x16` reads
# windows side by side (bench/windows.yaml), and so does `airbyte-x16` where PEERS names it.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${HEADWATER_PEERS:?name the folder that holds bench.py, mockapi and peers}"
work=$PWD/target/bench
mkdir -p "$work"
cp -ru "$HEADWATER_PEERS/." "$work/"
[ -x "$work/bin/mockapi" ] || (cd "$work/mockapi" && go build -o ../bin/mockapi .)
[ -x "$work/peers/ref/target/release/ref" ] || (cd "$work/peers/ref" && cargo build --release -q)
[ -n "${HEADWATER:-}" ] || cargo build --release -q -p headwater
sizes=$(IFS=,; echo "${*:-1,10000,100000,1000000}")
cd "$work"
mkdir -p results
rm -f results/headwater.jsonl
repository=${OLDPWD:-..}
headwater=${HEADWATER:-$repository/target/release/headwater}
windows=$repository/bench/windows.sh
catalog=$work/peers/airbyte/catalog.json
OURS="$work/ours.sh $headwater {url} {out}" OURS_NAME=headwater OURS_GLOB='**/*.ndjson' \
  OURS2="$windows $headwater $catalog {url} {out}" OURS2_NAME=headwater-x16 OURS2_GLOB='**/*.ndjson' \
  OURS3="$windows $work/peers/venvs/airbyte/bin/source-declarative-manifest $catalog {url} {out}" OURS3_NAME=airbyte-x16 \
  TOOLS="headwater,headwater-x16,${PEERS:-ref,ref-serde}" NS="$sizes" REPS="${REPS:-3}" RESULTS="$work/results/headwater.jsonl" \
  OUT_ROOT="${OUT_ROOT:-/dev/shm/headwater-bench}" python3 bench.py
