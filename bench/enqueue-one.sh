#!/bin/bash
# One job a transaction beside graphile-worker and pg-boss: bench/enqueue-one.sh DIR > table.md, DIR as for peers.sh. JOBS=100000, TURNS=3.
# One PostgreSQL, one client for all (pgbench: 16 connections, prepared statements), in turns, each in a new copy of its database.
# Needs npm, unzip, xz, and psql and pgbench of 15 or newer. Progress on standard error, the table on standard output.
set -euo pipefail

dir="${1:-${KOYOMI_BENCH_PEERS:-}}"
if [ -z "$dir" ] || [ ! -f "$dir/package.json" ]; then
  echo "No package.json in '${dir}': bench/enqueue-one.sh DIR, or KOYOMI_BENCH_PEERS=DIR." >&2
  exit 2
fi
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
clients=16
jobs="${JOBS:-100000}"
turns="${TURNS:-3}"
export PGHOST=127.0.0.1 PGPORT="${OWN_PGPORT:-55441}" PGUSER=postgres PGOPTIONS="-c client_min_messages=warning"

work="$(mktemp -d "${TMPDIR:-/tmp}/koyomi-bench-enqueue.XXXXXX")"
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
end() {
  [ ! -f "$work/server/data/postmaster.pid" ] || "${as[@]}" "$work/bin/pg_ctl" -D "$work/server/data" -m fast stop >&2
  rm -rf "$work"
}
trap end EXIT

cp -R "$dir/." "$work/peers"
chmod -R u+w "$work/peers"
(cd "$work/peers" && npm install --no-audit --no-fund --no-package-lock) >&2
source "$work/peers/env.sh"

# The server that Koyomi brings along.
"$root/koyomi" --version >&2
unzip -qp "$root"/job-runner/target/lib-dev/embedded-postgres-binaries-*.jar '*.txz' | tar -xJ -C "$work"
mkdir "$work/server"
chmod 755 "$work"
[ "$(id -u)" != 0 ] || chown postgres "$work/server"
cd "$work/server"
"${as[@]}" "$work/bin/initdb" -D data -U postgres -A trust >&2
"${as[@]}" "$work/bin/pg_ctl" -D "$work/server/data" -w -l "$work/server/log" \
  -o "-p $PGPORT -c listen_addresses=127.0.0.1 -c shared_buffers=1GB -c max_wal_size=4GB -k $work/server" start >&2
sql() { psql -X -v ON_ERROR_STOP=1 -qAt -d "$1" "${@:2}"; }

# Each contender: a database of its name, the statement that stores a job, and the table that it is in.
declare -A table=([graphile_worker]=graphile_worker._private_jobs [pg_boss]=pgboss.job [koyomi]=koyomi.inbox)
payload='{"subscriptionId": 1, "billingDate": "2026-11-01"}'
sql postgres -c 'create database graphile_worker' -c 'create database pg_boss' -c 'create database koyomi'
cd "$work/peers"

PGDATABASE=graphile_worker "$NODE" graphile-worker/peer.mjs setup >&2
echo "select * from graphile_worker.add_job(identifier => 'invoice', payload => :payload::json);" >graphile_worker.sql

# What pg-boss's client sends for one job: into a queue that does not notify, as is its default, and into one that does.
PGDATABASE=pg_boss "$NODE" pg-boss/peer.mjs setup >&2
cat >sends.mjs <<'S'
import { PgBoss } from 'pg-boss'
import { writeFileSync } from 'node:fs'
import { conn } from './common/common.mjs'
const boss = new PgBoss({ connectionString: conn, supervise: false, schedule: false })
await boss.start()
for (const [queue, notify] of [['pg_boss', false], ['pg_boss_notifying', true]]) {
  await boss.createQueue(queue, { notify })
  await boss.send(queue, JSON.parse(process.argv[2]), { db: { executeSql: async (text, [job]) => {
    writeFileSync(`${queue}.sql`, text.replaceAll('$1', ':job') + ';')
    writeFileSync('job', job)
    return { rows: [{}] }
  } } })
}
process.exit(0)
S
PGDATABASE=pg_boss "$NODE" sends.mjs "$payload"

cat >batch.yaml <<'Y'
apiVersion: koyomi.dev/v1alpha1
kind: BatchSchedule
metadata: {name: work, namespace: bench}
spec:
  trigger: {sql: 'SELECT 1 AS key, 1 AS "subscriptionId" WHERE false'}
  unit: {sql: 'SELECT :subscriptionId::int'}
Y
url="postgresql://postgres:trusted@$PGHOST:$PGPORT/koyomi"
"$root/koyomi" migrate --database "$url" >&2
# Makes the batch known, and selects nothing.
"$root/koyomi" trigger --definition batch.yaml --date 2026-11-01 --database "$url" >&2
echo "select koyomi.enqueue('bench/work', (random() * 1e9)::int::text, :payload);" >koyomi.sql

# Koyomi notifies while a worker sleeps, graphile-worker always, pg-boss where the queue is made so; to notify takes a lock at commit.
sql postgres -c 'create database pg_boss_notifying template pg_boss' -c 'create database koyomi_notifying template koyomi'
sql koyomi_notifying -c "select koyomi.join_as('bench', 'Worker', id, 2) from koyomi.batch" -c "update koyomi.worker set idle = 1 where kind = 'Worker'" >&2
cp koyomi.sql koyomi_notifying.sql

# Hundredths of a core that are used for a second in which nothing is measured.
used() {
  local ticks='/^cpu /{print $2 + $3 + $4 + $7 + $8}' before
  before="$(awk "$ticks" /proc/stat)"
  sleep 1
  echo $((($(awk "$ticks" /proc/stat) - before) * 100 / $(getconf CLK_TCK)))
}

# one TURN CONTENDER
one() {
  local each=$((jobs / clients)) rate stored before after
  [ "$1" != 0 ] || each=$((each / 10))
  sql postgres -c 'drop database if exists run with (force)' -c "create database run template $2"
  sql run -c 'vacuum analyze' -c checkpoint
  # Others may be about to end.
  for _ in {1..30}; do
    before="$(used)"
    [ "$before" -gt 25 ] || break
  done
  rate="$(pgbench -n -M prepared -c $clients -j 2 -t "$each" -D "payload=$payload" -D "job=$(cat job)" -f "$2.sql" run 2>>pgbench.err |
    sed -n 's/^tps = \([0-9.]*\) (without.*/\1/p')"
  after="$(used)"
  stored="$(sql run -c "select count(*) from ${table[${2%_notifying}]}")"
  if [ "$stored" != $((each * clients)) ]; then
    echo "$2: $stored of $((each * clients)) jobs are stored" >&2
    cat pgbench.err >&2
    exit 1
  fi
  printf 'turn %s  %-20s %s, hundredths of a core used before %s, after %s\n' "$1" "$2" "$rate" "$before" "$after" >&2
  [ "$1" = 0 ] || printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$rate" "$((before > after ? before : after))" >>rates
}
order=(koyomi graphile_worker pg_boss koyomi_notifying pg_boss_notifying)
for ((turn = 0; turn <= turns; turn++)); do
  for contender in "${order[@]}"; do
    one "$turn" "$contender"
  done
  order=("${order[@]:1}" "${order[0]}")
done

# Rates are medians of the turns, and so are the ratios.
printf '**One job a transaction, %s clients, PostgreSQL %s**\n\n' $clients "$(sql postgres -c 'show server_version')"
echo '| | jobs/s | lowest | highest | koyomi ÷ it | koyomi notifying ÷ it | cores used just before or after |'
echo '|---|---:|---:|---:|---:|---:|---:|'
sql postgres -c 'create temp table rate (turn int, name text, rate float8, used float8)' -c "\\copy rate from rates" -c "
  with multiple as (
    select r.name, r.rate, r.used, k.rate / r.rate as quiet, n.rate / r.rate as notifying
    from rate r join rate k on k.turn = r.turn and k.name = 'koyomi' join rate n on n.turn = r.turn and n.name = 'koyomi_notifying')
  select format('| %s | %s | %s | %s | %s | %s | %s |', translate(name, '_', '-'),
      to_char(percentile_cont(0.5) within group (order by rate), 'FM999,999'), to_char(min(rate), 'FM999,999'), to_char(max(rate), 'FM999,999'),
      to_char(percentile_cont(0.5) within group (order by quiet), 'FM990.00'), to_char(percentile_cont(0.5) within group (order by notifying), 'FM990.00'), to_char(max(used) / 100, 'FM990.00'))
    from multiple group by name order by name"
