#!/bin/bash
# Measures queues of other languages, with a harness that does not lie here: bench/peers.sh DIR, or KOYOMI_BENCH_PEERS=DIR.
# DIR holds run-all.sh, which reads PEERS, WORK, REPS and SKIP_RAW and leaves results/table.md; its README says what it needs.
# DIR is only read: the work is done in a copy, which stays when it fails. Progress on standard error, the table on standard output.
set -euo pipefail

dir="${1:-${KOYOMI_BENCH_PEERS:-}}"
if [ -z "$dir" ] || [ ! -f "$dir/run-all.sh" ]; then
  echo "No run-all.sh in '${dir}': bench/peers.sh DIR, or KOYOMI_BENCH_PEERS=DIR." >&2
  exit 2
fi

copy="$(mktemp -d "${TMPDIR:-/tmp}/koyomi-bench-peers.XXXXXX")"
cp -R "$dir/." "$copy"
chmod -R u+w "$copy"
# Figures of earlier runs would be mixed into the medians.
rm -f "$copy"/results/*.jsonl "$copy"/results/table.md

export PEERS="${PEERS:-graphile-worker,graphile-worker+localqueue,pg-boss,celery+redis,rq+redis,laravel}"
export WORK="${WORK:-w1,w2,w3,w4}" REPS="${REPS:-3}" SKIP_RAW=1
if ! (cd "$copy" && bash ./run-all.sh) >&2 || [ ! -s "$copy/results/table.md" ]; then
  echo "The run failed; what it left, with its logs: $copy" >&2
  exit 1
fi
cat "$copy/results/table.md"
rm -rf "$copy"
