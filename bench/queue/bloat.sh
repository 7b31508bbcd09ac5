#!/bin/bash
# What a long open transaction does to pgq.subscription and pgq.tick: a queue with a steady writer and a reader that
# keeps up, while another session holds a snapshot of the same database from beginning to end. Our schema, pgqd and
# client beside the ancestor's extension, pgqd and python3-pgq, both with the settings that nobody changed.
#
#   bench/queue/bloat.sh [MINUTES [EVENTS [SECONDS]]]  how long (10), written per second (100), between lines (60)
#
# HOLD=0 leaves the long transaction out.
set -euo pipefail

. "$(dirname "$0")/lib.sh"
minutes=${1:-10}
events=${2:-100}
step=${3:-60}
python=/usr/bin/python3
build --bins --example queue_drain
need "$python" python3-pgq
# Vacuum as often as can be: what is left is what it may not remove.
start_server 'autovacuum_naptime = 10s
max_connections = 50'
for kind in ancestor ours; do
    create "$kind" "$kind"
    sql "$kind" "select pgq.create_queue('q'); select pgq.register_consumer('q', 'reader')" >/dev/null
    start_pgqd "$kind" "$kind"
    if [ "${HOLD:-1}" = 1 ]; then
        psql -X -q -o /dev/null -d "$kind" <<SQL &
begin isolation level repeatable read;
select count(*) from pgq.queue;
select pg_sleep($minutes * 60 + 60);
SQL
        started+=($!)
    fi
done

cat >reader.py <<'PY'
import sys
import pgq

class Reader(pgq.Consumer):
    def process_batch(self, db, batch_id, events):
        for ev in events:
            pass

Reader('reader', 'db', sys.argv[1:]).start()
PY
printf '%s\n' '[reader]' 'job_name = reader' 'queue_name = q' "db = $(connstr ancestor)" \
    "pidfile = $dir/reader.pid" "logfile = $dir/reader.log" >reader.ini
"$python" reader.py -q reader.ini >reader.out 2>&1 &
started+=($!)
"$programs/examples/queue_drain" "$(connstr ours)" q reader follow >drain.out 2>&1 &
started+=($!)

echo "select pgq.insert_event('q', 'sale', 'customer=7&amount=30');" >write.sql
for kind in ancestor ours; do
    "$bin/pgbench" -n -M prepared -c 2 -R "$events" -T $((minutes * 60 + 30)) -f write.sql "$kind" >"$kind.pgbench" 2>&1 &
    started+=($!)
done

look() { # database: dead rows and kB of both tables, ticks, batches, milliseconds of next_batch with finish_batch undone
    sql "$1" "
        select string_agg(coalesce(s.n_dead_tup, 0) || ' ' || pg_total_relation_size(c.oid) / 1024, ' ' order by c.relname),
               (select last_value from pgq.event_1_tick_seq), (select last_value from pgq.batch_id_seq),
               (select extract(epoch from lag)::numeric(10, 2) from pgq.get_consumer_info('q', 'reader'))
          from pg_class c join pg_namespace n on n.oid = relnamespace left join pg_stat_user_tables s on s.relid = c.oid
         where n.nspname = 'pgq' and c.relname in ('subscription', 'tick')" | tr '|' ' '
}

price() { # database: milliseconds of one look for the next batch of a reader that has none
    psql -X -q -A -t -d "$1" <<'SQL' | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | sort -n | sed -n 3p
\timing on
select count(*) from pgq.get_consumer_info('q', 'reader');
select count(*) from pgq.get_consumer_info('q', 'reader');
select count(*) from pgq.get_consumer_info('q', 'reader');
select count(*) from pgq.get_consumer_info('q', 'reader');
select count(*) from pgq.get_consumer_info('q', 'reader');
SQL
}

printf '%-8s %-9s %9s %9s %9s %9s %9s %9s %8s %9s\n' minute side 'sub dead' 'sub kB' 'tick dead' 'tick kB' 'ticks/s' \
    'batches/s' 'lag s' 'look ms'
declare -A ticks batches
for kind in ancestor ours; do
    read -r _ _ _ _ "ticks[$kind]" "batches[$kind]" _ <<<"$(look "$kind")"
done
begin=$(date +%s)
while [ $(($(date +%s) - begin)) -lt $((minutes * 60)) ]; do
    sleep "$step"
    for kind in ancestor ours; do
        read -r sub_dead sub_size tick_dead tick_size t b lag <<<"$(look "$kind")"
        awk -v m="$(($(date +%s) - begin))" -v k="$kind" -v sd="$sub_dead" -v ss="$sub_size" -v td="$tick_dead" \
            -v ts="$tick_size" -v t=$((t - ticks[$kind])) -v b=$((b - batches[$kind])) -v lag="$lag" -v s="$step" \
            -v ms="$(price "$kind")" \
            'BEGIN {printf "%-8.1f %-9s %9d %9d %9d %9d %9.2f %9.2f %8s %9s\n", m / 60, k, sd, ss, td, ts, t / s, b / s, lag, ms}'
        ticks[$kind]=$t
        batches[$kind]=$b
    done
done
for kind in ancestor ours; do
    read -r sub_dead sub_size tick_dead tick_size t b _ <<<"$(look "$kind")"
    echo "$kind in all: $t ticks, $b batches, $sub_dead dead rows and $sub_size kB in pgq.subscription," \
        "$tick_dead and $tick_size kB in pgq.tick"
done
