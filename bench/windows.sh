#!/usr/bin/env bash
# The orders of the mock API by windows side by side: windows.sh HEADWATER-OR-AIRBYTE-COMMAND CATALOG URL OUT
#
# One manifest for both: `headwater` writes files, `source-declarative-manifest` messages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$4"
# Orders are seven seconds apart from 2024-01-01 on; the address ends in their number.
end=$((1704067200 + ${3##*/} * 7))
printf '{"base_url":"%s","access_token":"bench-token-0001","end":"%s"}' "$3" "$end" > "$4/config.json"
case "$1" in
  *source-declarative-manifest)
    exec "$1" read --config "$4/config.json" --catalog "$2" --manifest-path "$here/windows.yaml" > "$4/messages.jsonl" ;;
  *)
    exec "$1" source read --manifest "$here/windows.yaml" --config "$4/config.json" --catalog "$2" --to "$4/landing" --state-file "$4/state.json" ;;
esac
