#!/bin/sh
# What capture costs the writer: no trigger, the ancestor's C trigger, our statement triggers, our row trigger made for
# the table, and our general row trigger, side by side on one throwaway server. Needs PostgreSQL's server programs and,
# for the C trigger, the package with the extension pgq. Usage: run.sh [ROUNDS] [SECONDS]; PG_BIN names the folder of the
# server's programs, WAYS some of the ways: none c statement row general.
set -eu

rounds=${1:-5}
seconds=${2:-8}
here=$(cd "$(dirname "$0")" && pwd)
schema=$here/../../sql/schema
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)}
dir=$(mktemp -d)
export PGHOST="$dir" PGPORT=21811 PGUSER=postgres
as=
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as="runuser -u postgres --"
fi
cd "$dir"
trap '$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
$as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
cat >> "$dir/data/postgresql.conf" <<EOF
fsync = off
full_page_writes = off
port = $PGPORT
unix_socket_directories = '$dir'
listen_addresses = ''
shared_buffers = 512MB
max_wal_size = 8GB
autovacuum = off
EOF
$as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
install_ours() {
    for s in londiste_rs pgq pgq_ext pgq_node londiste; do
        { echo "set client_min_messages = error;"
          cat "$schema/$s/schema.sql" "$schema/$s"/functions/*.sql
          [ ! -f "$schema/$s/finish.sql" ] || cat "$schema/$s/finish.sql"; } | sql -1 -d "$1" -o /dev/null -f -
    done
}

ways=${WAYS:-none c statement row general}
for way in $ways; do
    sql -d postgres -c "create database $way"
    case $way in
        c) sql -d c -c "create extension pgq" || { echo "no C trigger here"; ways=$(echo "$ways" | sed "s/\<c\>//"); continue; } ;;
        statement | row | general) install_ours $way ;;
    esac
    pgbench -i -q -s 10 "$way" 2>/dev/null
    sql -d $way -c "alter table pgbench_history add column id bigserial primary key" \
        -c "create table bulk (id int primary key, a int, b text, c timestamptz)"
    [ $way = none ] || sql -d $way -o /dev/null -c "select pgq.create_queue('q')"
    for t in pgbench_accounts pgbench_branches pgbench_tellers pgbench_history bulk; do
        case $way in
            c | general) sql -d $way -c "create trigger _londiste_q after insert or update or delete on $t
                                     for each row execute procedure pgq.logutriga('q')" ;;
            statement | row) sql -d $way -o /dev/null \
                -c "select londiste_rs.capture_create('q', '$t'::regclass, '{INSERT,UPDATE,DELETE}', null, '$way')" ;;
        esac
    done
    sql -d $way -c "vacuum analyze"
done

# milliseconds of one statement
time_of() { psql -X -d "$1" -c '\timing on' -c "$2" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

: > figures
for round in $(seq "$rounds"); do
    for way in $ways; do
        pgbench -n -c 4 -j 2 -T "$seconds" "$way" 2>/dev/null | sed -n "s/^tps = \([0-9.]*\).*/$way tps $round \1/p" >> figures
        [ $way = none ] || sql -d $way -c "truncate pgq.event_1_0"
        sql -d $way -c "truncate bulk" -c checkpoint
        insert="insert into bulk select g, g % 100, 'text of row ' || g, now() from generate_series(1, 200000) g"
        echo "$way insert $round $(time_of $way "$insert")" >> figures
        sql -d $way -c "vacuum analyze bulk"
        echo "$way update $round $(time_of $way "update bulk set a = a + 1 where id <= 100000")" >> figures
        echo "$way delete $round $(time_of $way "delete from bulk where id > 100000")" >> figures
        [ $way = none ] || sql -d $way -c "truncate pgq.event_1_0"
    done
done

echo "PostgreSQL $("$bin/postgres" --version | awk '{ print $3 }'), $(nproc) cores, median of $rounds rounds, $seconds s of pgbench each"
printf '%-10s %8s %8s | %9s %9s %9s | against the C trigger: rate, insert, update, delete\n' \
    capture tps of-none insert update delete
for way in $ways; do
    for what in tps insert update delete; do
        eval "$what=$(awk -v w=$way -v k=$what '$1 == w && $2 == k { print $4 }' figures | median)"
    done
    # ratios are medians of pairs of the same round
    ratio() { awk -v w=$way -v o=$2 -v k=$1 '$2 == k && $1 == w { a[$3] = $4 } $2 == k && $1 == o { b[$3] = $4 }
                  END { for (i in a) if (i in b) print (k == "tps") ? a[i] / b[i] : b[i] / a[i] }' figures | median; }
    against=
    case $ways in *c*) for what in tps insert update delete; do against="$against $(printf '%.2f' "$(ratio $what c)")"; done ;; esac
    printf '%-10s %8.0f %8.2f | %6.0f ms %6.0f ms %6.0f ms |%s\n' \
        $way "$tps" "$(ratio tps none)" "$insert" "$update" "$delete" "$against"
done
