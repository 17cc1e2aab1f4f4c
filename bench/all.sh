#!/bin/bash
# Every row of the table in bench/README.md, one benchmark after the other: bench/all.sh OUT [PEERS]
# OUT gets a file for each step and `times`, with begin and end of each; PEERS is the folder that peers.sh takes, measured last.
# About two hours and a half on 2 cores that do nothing else, and an hour more with PEERS. STEPS="drain invoice" picks a part, TURNS=1 is a look;
# LANES_TURNS=1 (three are 45 minutes), HELD_TURNS=3 (20 minutes each, 1 where nothing is said), and so on, are of one benchmark.
# Rates come last, nearest to the peers: what is compared should be measured within the hour.
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "Where to? bench/all.sh OUT [PEERS]" >&2
  exit 2
fi
mkdir -p "$1"
out="$(cd "$1" && pwd)"
peers="${2:-}"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
turns="${TURNS:-3}"
HELD_TURNS="${HELD_TURNS:-1}"
others=db-scheduler,jobrunr,quartz,raw-jdbc
failed=()

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

wanted() { [ -z "${STEPS:-}" ] || [[ " $STEPS " == *" $1 "* ]]; }

# step NAME COMMAND...: a step that fails does not end the others.
step() {
  local name=$1
  shift
  wanted "$name" || return 0
  printf '%s  %-14s begins\n' "$(now)" "$name" | tee -a "$out/times"
  if "$@" >"$out/$name.txt" 2>"$out/$name.err"; then
    printf '%s  %-14s ended\n' "$(now)" "$name" | tee -a "$out/times"
  else
    printf '%s  %-14s FAILED: %s\n' "$(now)" "$name" "$out/$name.txt" | tee -a "$out/times"
    failed+=("$name")
  fi
}

bench() {
  local own="${1^^}_TURNS"
  (cd "$root" && mvn -B -ntp -q -P bench -pl bench -am -DskipTests "-Dbenchmark=$1" "-Dturns=${!own:-$turns}" "${@:2}" verify)
}

step memory bench Memory
step large bench Large
step lanes bench Lanes
step held bench Held
step ceilings bench Ceilings
step wal bench Wal
step trigger bench Trigger
step slots bench Invoice -Dcontenders=koyomi-flushed,koyomi-flushed-virtual,koyomi-flushed-64,koyomi-flushed-64-virtual
step slots-noop bench Drain -Djobs=200000 -Dcontenders=koyomi-flushed,koyomi-flushed-virtual,koyomi-flushed-64,koyomi-flushed-64-virtual
step pickup bench PickUp "-Dcontenders=koyomi-each,$others"
step enqueue-one bench EnqueueOne "-Dcontenders=koyomi-each,$others"
step drain-one bench DrainOne "-Dcontenders=koyomi-each,koyomi-many,koyomi-chunk,$others"
step enqueue bench Enqueue "-Dcontenders=koyomi-each,$others"
step drain bench Drain "-Dcontenders=koyomi-each,koyomi-many,koyomi-many-500,koyomi-chunk,$others"
step invoice bench Invoice -Djobs=300000 \
  "-Dcontenders=koyomi-each,koyomi-each-8,koyomi-flushed,koyomi-many,koyomi-many-flushed,koyomi-chunk,$others,bare-one-flush-16,bare-one-flush-8"
if [ -n "$peers" ]; then
  step peers "$root/bench/peers.sh" "$peers"
  step peers-enqueue-one "$root/bench/enqueue-one.sh" "$peers"
fi

if [ ${#failed[@]} -gt 0 ]; then
  echo "Failed: ${failed[*]}" >&2
  exit 1
fi
