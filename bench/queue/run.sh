#!/bin/bash
# Rates of writing events into a queue and of reading them, on our schema and on the ancestor's extension, in
# interleaved pairs on one throwaway server.
#
#   bench/queue/run.sh [ROUNDS [SECONDS [EVENTS]]]     of each measurement (5), of each run (5), to be read (200000)
set -euo pipefail

. "$(dirname "$0")/lib.sh"
rounds=${1:-5}
seconds=${2:-5}
events=${3:-200000}
python=/usr/bin/python3
build --bin londiste --example queue_drain
need "$python" python3-pgq
start_server 'autovacuum = off'
for kind in ancestor ours; do create "$kind" "$kind"; done

cat >single.sql <<'SQL'
select pgq.insert_event('q', 'sale', 'customer=7&amount=30&note=somebody+%26+co.');
SQL
cat >hundred.sql <<'SQL'
begin;
SQL
for _ in $(seq 100); do cat single.sql >>hundred.sql; done
echo 'commit;' >>hundred.sql
cat >one.sql <<'SQL'
select pgq.insert_event('q', 'sale', 'customer=' || g || '&amount=30') from generate_series(1, 1000) g;
SQL

cat >bulk.py <<'PY'
import datetime, sys, time
import psycopg2
import pgq

db = psycopg2.connect(sys.argv[1])
curs = db.cursor()
now = datetime.datetime.now(datetime.timezone.utc).isoformat()
rows = [(now, 'sale', 'customer=%d&amount=30' % i) for i in range(int(sys.argv[2]))]
start = time.time()
for first in range(0, len(rows), 10000):
    pgq.bulk_insert_events(curs, rows[first:first + 10000], ['time', 'type', 'data'], 'q')
    db.commit()
print(int(len(rows) / (time.time() - start)))
PY
cat >drain.py <<'PY'
import sys, time
import pgq

class Drain(pgq.Consumer):
    count = 0
    def process_batch(self, db, batch_id, events):
        for ev in events:
            self.count += 1

start = time.time()
drain = Drain('drain', 'db', sys.argv[1:])
drain.start()
print(int(drain.count / (time.time() - start)))
PY

fresh() { # database: an empty queue with one reader
    sql "$1" "select pgq.drop_queue('q', true) from pgq.queue" >/dev/null
    sql "$1" "select pgq.create_queue('q'); select pgq.register_consumer('q', 'reader')" >/dev/null
    for table in queue tick subscription; do sql "$1" "vacuum analyze pgq.$table"; done
    sql "$1" checkpoint
}

write() { # database, script, clients, events per transaction: events per second
    fresh "$1"
    "$bin/pgbench" -n -M prepared -c "$3" -j 2 -T "$seconds" -f "$2.sql" "$1" 2>&1 |
        awk -v n="$4" '/^tps/ {printf "%.0f\n", $3 * n}'
}

fill() { # database: events to read, in batches of 5000, the last tick after the last event
    fresh "$1"
    local done=0
    while [ $done -lt "$events" ]; do
        sql "$1" "select count(pgq.insert_event('q', 'sale', 'customer=' || g || '&amount=30'))
                    from generate_series(1, 5000) g" >/dev/null
        sql "$1" "select pgq.ticker('q')" >/dev/null
        done=$((done + 5000))
    done
    sql "$1" "analyze pgq.event_template; analyze pgq.tick"
    sql "$1" checkpoint
}

read_by() { # database, reader: events per second
    fill "$1"
    case $2 in
    python)
        printf '%s\n' '[drain]' 'job_name = reader' 'queue_name = q' "db = $(connstr "$1")" 'loop_delay = 0' >drain.ini
        "$python" drain.py -q drain.ini
        ;;
    rust) "$programs/examples/queue_drain" "$(connstr "$1")" q reader | sed -n 's/.*: \([0-9]*\) events.*/\1/p' ;;
    sql)
        local start now
        start=$(date +%s.%N)
        psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d "$1" <<'SQL'
do $$
declare
    v_batch int8;
    v_count int8;
begin
    loop
        v_batch := pgq.next_batch('q', 'reader');
        exit when v_batch is null;
        select count(*) into v_count from pgq.get_batch_events(v_batch);
        perform pgq.finish_batch(v_batch);
    end loop;
end $$
SQL
        now=$(date +%s.%N)
        awk -v a="$start" -v b="$now" -v n="$events" 'BEGIN {printf "%.0f\n", n / (b - a)}'
        ;;
    esac
}

bulk() { # database, events: events per second
    fresh "$1"
    "$python" bulk.py "$(connstr "$1")" "$2"
}

compare() { # what, function and arguments after the database
    local what=$1 round kind value
    shift
    local -A seen=([ours]= [ancestor]=) last
    local ratios=
    for ((round = 0; round < rounds; round++)); do
        for kind in ancestor ours; do
            value=$("$1" "$kind" "${@:2}")
            [ -n "$value" ] || fail "no figure for \"$what\" on $kind" "see the messages above"
            seen[$kind]+=" $value"
            last[$kind]=$value
        done
        ratios+=" $(ratio "${last[ours]}" "${last[ancestor]}")"
    done
    # shellcheck disable=SC2086 # lists of numbers
    printf '%-42s %12.0f %12.0f %14s\n' "$what" "$(median ${seen[ancestor]})" "$(median ${seen[ours]})" "$(median $ratios)"
}

printf '%-42s %12s %12s %14s\n' 'events per second' ancestor ours 'ours/ancestor'
for clients in 1 4 16; do
    compare "insert_event, 1 per transaction, $clients client(s)" write single "$clients" 1
done
for clients in 1 4; do
    compare "insert_event, 100 per transaction, $clients client(s)" write hundred "$clients" 100
done
compare 'insert_event, 1000 in one statement, 1 client' write one 1 1000
compare 'bulk_insert_events (COPY), 10000 at once' bulk "$events"
compare 'read by SQL in the server' read_by sql
compare 'read by our client' read_by rust
compare 'read by python3-pgq' read_by python
