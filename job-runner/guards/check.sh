#!/bin/bash
# Takes guards out of the last commit, one after the other, and sees the test of each fail: job-runner/guards/check.sh [NAME...]
# A guard is a file NAME.patch: what it guards, "Test: " and the test that must notice, "Module: " where that is not in job-runner, and a patch that
# takes it out.
# All of them take half an hour on 2 cores. --applies only looks whether each still fits the code. Exit 1: one does not fit, or its test still passes.
set -euo pipefail

guards="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$guards/../.." && pwd)"
applies=
if [ "${1:-}" = --applies ]; then
  applies=1
  shift
fi
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in "$guards"/*.patch; do
    names+=("$(basename "$file" .patch)")
  done
fi

work="$(mktemp -d "${TMPDIR:-/tmp}/koyomi-guards.XXXXXX")"
trap 'rm -rf "$work"; git -C "$root" worktree prune' EXIT
git -C "$root" worktree add --quiet --detach "$work/code" HEAD
cd "$work/code"

# outcome NAME MODULE TEST: prints a few words, which begin with "seen" where all is as it should be.
outcome() {
  git checkout --quiet .
  if ! git apply "$guards/$1.patch" 2>"$work/log"; then
    echo "does not fit"
    return
  fi
  if [ -n "$applies" ]; then
    echo "seen fitting"
    return
  fi
  local code=0
  # A test that waits for ever without its guard has noticed too.
  timeout 300 mvn -B -ntp test -pl "$2" -am "-Dtest=$3" -Dsurefire.failIfNoSpecifiedTests=false -Dexec.skip=true \
    >"$work/log" 2>&1 </dev/null || code=$?
  if [ $code -eq 124 ]; then
    echo "seen hanging"
  elif ! grep -aq 'Tests run: [1-9]' "$work/log"; then
    echo "does not build, or has no such test"
  elif grep -aqE 'Tests run:.*(Failures|Errors): [1-9]' "$work/log"; then
    echo "seen failing: $(grep -aoP '^\[ERROR\]   \K.*' "$work/log" | head -1 | cut -c1-160)"
  else
    echo "STILL PASSES"
  fi
}

failed=0
for name in "${names[@]}"; do
  if [ ! -f "$guards/$name.patch" ]; then
    echo "There is no guard $name in $guards." >&2
    exit 2
  fi
  test="$(sed -n 's/^Test: //p' "$guards/$name.patch")"
  module="$(sed -n 's/^Module: //p' "$guards/$name.patch")"
  result="$(outcome "$name" "${module:-job-runner}" "$test")"
  printf '%-32s %-70s %s\n' "$name" "$test" "$result"
  if [[ "$result" != seen* ]]; then
    failed=1
    cp "$work/log" "${TMPDIR:-/tmp}/koyomi-guard-$name.log"
    echo "  what came out: ${TMPDIR:-/tmp}/koyomi-guard-$name.log"
  fi
done
exit $failed
