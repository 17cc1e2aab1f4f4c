#!/bin/bash
# Takes what keeps an invariant away, one after the other, and sees the chaos suite notice: job-runner/guards/invariants.sh [NAME...]
# invariants/NAME.sql says in its first line which sentence must come. Half an hour for all; exit 1: one was not noticed within four minutes.
set -euo pipefail

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/invariants" && pwd)"
cd "$folder/../../.."
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in "$folder"/*.sql; do
    names+=("$(basename "$file" .sql)")
  done
fi

log="$(mktemp "${TMPDIR:-/tmp}/koyomi-invariant.XXXXXX")"
trap 'rm -f "$log"' EXIT
failed=0
for name in "${names[@]}"; do
  file="$folder/$name.sql"
  if [ ! -f "$file" ]; then
    echo "There is no $name in $folder." >&2
    exit 2
  fi
  sentence="$(sed -n '1s/^-- Noticed as: //p' "$file")"
  mvn -B -ntp test -pl job-runner -am -Dtest=ChaosTest -Dsurefire.failIfNoSpecifiedTests=false -Dkoyomi.chaos.seconds=240 -Dkoyomi.chaos.seed=1 \
    "-Dkoyomi.chaos.sabotage=$file" >"$log" 2>&1 </dev/null || true
  if grep -aqF "$sentence" "$log"; then
    result="seen"
  else
    result="NOT NOTICED"
    failed=1
    cp "$log" "${TMPDIR:-/tmp}/koyomi-invariant-$name.log"
  fi
  printf '%-20s %-75s %s\n' "$name" "$sentence" "$result"
done
exit $failed
