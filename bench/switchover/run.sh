#!/bin/bash
# How long nobody can write while the root changes place: two nodes on two throwaway servers, pgbench writing on whichever
# is the root. See README.md.
#
#   bench/switchover/run.sh [ROUNDS]
#
# Parameters are environment variables:
#   RATE=500        transactions per second, of one row each
#   CLIENTS=8       sessions that write, every other one in REPEATABLE READ
#   SECONDS_EACH=5  of load before each switchover
#   BIN             a folder with our programs, instead of building them
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
unset "${!PG@}" LONDISTE_CONFIG
export PGOPTIONS="-c client_min_messages=warning"
ROUNDS=${1:-20} RATE=${RATE:-500} CLIENTS=${CLIENTS:-8} SECONDS_EACH=${SECONDS_EACH:-5}
SHARED_BUFFERS=128MB

bin=$("$top/scripts/pg-bin")
programs=${BIN:-${CARGO_TARGET_DIR:-$top/target}/release}
[ -n "${BIN:-}" ] || (cd "$top" && cargo build --release --quiet --bins)
londiste=$programs/londiste
# shellcheck source=/dev/null
. "$here/../replay/lib.sh"
cd "$dir"

node() { # name, arguments of create-...
    local name=$1
    shift
    start_server "$name" "fsync = on"
    make_db "$name" bench
    cat >"$name.ini" <<INI
[londiste]
job_name = $name
db = $(place "$name" bench)
queue_name = bench
pidfile = $dir/$name.pid
INI
    "$londiste" "$name.ini" "$@" >>"$dir/$name.commands.log" 2>&1
    sql "$name" bench "create table entry (id serial primary key, v int)"
    start "$name" "$londiste" "$name.ini" worker
    "$londiste" "$name.ini" add-table entry >>"$dir/$name.commands.log" 2>&1
    "$londiste" "$name.ini" add-seq entry_id_seq >>"$dir/$name.commands.log" 2>&1
    "$londiste" "$name.ini" wait-sync >>"$dir/$name.commands.log" 2>&1
}

say "$("$bin/postgres" --version), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); $(date -u +%F)"
start_server a "fsync = on"
node a create-root a "host=$dir/a port=${port[a]} user=postgres dbname=bench"
start_server b "fsync = on"
node b create-branch b "host=$dir/b port=${port[b]} user=postgres dbname=bench" --provider="$(place a bench)"
echo "insert into entry (v) values (1);" >read_committed.sql
printf 'begin isolation level repeatable read;\ninsert into entry (v) values (2);\ncommit;\n' >repeatable_read.sql

old=a new=b
: >figures
for round in $(seq "$ROUNDS"); do
    bench "$old" bench -n -c "$CLIENTS" -R "$RATE" -T 600 -f read_committed.sql -f repeatable_read.sql >pgbench.out &
    load=$!
    sleep "$SECONDS_EACH"
    said=$("$londiste" "$new.ini" takeover "$old" 2>>takeover.log) || die "round $round: $(tail -5 takeover.log)"
    # Its sessions are refused now.
    wait "$load" || true
    took=$(sed -n 's/.*written for \([0-9.]*\) s.*/\1/p' <<<"$said")
    note "round $round: $old -> $new, $took s"
    echo "$took" >>figures
    read -r old new <<<"$new $old"
done
wait_for "$new" bench "(select count(*) from entry) = $(sql "$old" bench "select count(*) from entry")" 60
[ "$(sql a bench "select md5(string_agg(e::text, ',' order by id)) from entry e")" = \
    "$(sql b bench "select md5(string_agg(e::text, ',' order by id)) from entry e")" ] || die "the tables differ"
say "Time without a writable root, $ROUNDS switchovers at $RATE transactions/s, $(sql a bench "select count(*) from entry") rows:"
sort -n figures | awk '{ v[NR] = $1 } END { printf "p50 %.3f s, p95 %.3f s, longest %.3f s\n", v[int((NR + 1) / 2)], v[int(NR * 0.95 + 0.999)], v[NR] }'
