#!/bin/bash
# Measures what capturing changes costs: the same single-row statements on a table without a trigger, with the
# ancestor's C trigger, and with ours: by statement, by row, and the general one. Rounds alternate, so that a busy machine
# hits all alike. Then the same by CPU time of the server process, which other work on the machine changes less.
#
#   bench/capture/rows.sh [SECONDS [ROUNDS]]      of each run (5), of each measurement (3)
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-5}
rounds=${2:-3}
kinds=(none ancestor statement row general)
bin=$("$root/scripts/pg-bin")

owner=$(id -un postgres 2>/dev/null || echo nobody)
as_owner() { if [ "$(id -u)" = 0 ]; then runuser -u "$owner" -- "$@"; else "$@"; fi; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/londiste-bench.XXXXXX")
if [ "$(id -u)" = 0 ]; then chown "$owner" "$dir"; fi
cleanup() {
    (cd / && as_owner "$bin/pg_ctl" stop -m immediate -w -D "$dir/data" >/dev/null 2>&1) || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$dir"
unset "${!PG@}"
export PGHOST=$dir PGUSER=postgres PGOPTIONS='-c client_min_messages=warning'
as_owner "$bin/initdb" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D "$dir/data" >initdb.log
as_owner tee "$dir/data/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 256MB
max_wal_size = 4GB
autovacuum = off
CONF
as_owner "$bin/pg_ctl" start -w -D "$dir/data" -l "$dir/log" >/dev/null

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

for kind in "${kinds[@]}"; do
    createdb "$kind"
    case $kind in
    ancestor)
        sql ancestor "create extension pgq" || {
            echo "error: the ancestor's extension pgq cannot be installed" >&2
            echo "hint: make setup installs it on Debian" >&2
            exit 1
        }
        ;;
    statement | row | general)
        for schema in londiste_rs pgq pgq_ext pgq_node londiste; do
            cat "$root/sql/schema/$schema/schema.sql" "$root/sql/schema/$schema"/functions/*.sql
            [ ! -f "$root/sql/schema/$schema/finish.sql" ] || cat "$root/sql/schema/$schema/finish.sql"
        done | psql -X -q -v ON_ERROR_STOP=1 -1 -d "$kind" -o /dev/null -f -
        ;;
    esac
    sql "$kind" "create table account (id int8 primary key, owner text, balance int8, changed timestamptz default now());
        insert into account select n, 'somebody & co.', 0 from generate_series(1, 100000) n;
        create sequence fresh start 1000000"
    sql "$kind" "vacuum analyze account"
    [ "$kind" = none ] || sql "$kind" "select pgq.create_queue('q')" >/dev/null
    case $kind in
    ancestor | general)
        sql "$kind" "create trigger capture after insert or update or delete on account for each row
            execute function pgq.logutriga('q')"
        ;;
    statement | row)
        sql "$kind" "select londiste_rs.capture_create('q', 'account'::regclass, '{INSERT,UPDATE,DELETE}', null, '$kind')" \
            >/dev/null
        ;;
    esac
done

cat >insert.sql <<'SQL'
insert into account values (nextval('fresh'), 'somebody else', 1);
SQL
cat >update.sql <<'SQL'
\set id random(1, 100000)
update account set balance = balance + 1, changed = now() where id = :id;
SQL
cat >delete.sql <<'SQL'
delete from account where id = (select nextval('gone'));
SQL

tps() { # database, script
    "$bin/pgbench" -n -M prepared -c 2 -T "$seconds" -f "$2.sql" "$1" 2>&1 | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

printf '%-8s %12s %12s %17s %17s %17s\n' statement 'no trigger' ancestor statement row general
for script in insert update delete; do
    declare -A seen=()
    for ((round = 0; round < rounds; round++)); do
        for kind in "${kinds[@]}"; do
            if [ "$script" = delete ]; then
                # Enough rows for the fastest; made without events.
                sql "$kind" "set session_replication_role = local; truncate account;
                    insert into account select n, 'somebody & co.', 0 from generate_series(1, $seconds * 60000) n;
                    drop sequence if exists gone; create sequence gone"
                sql "$kind" "vacuum analyze account"
                sql "$kind" checkpoint
            fi
            seen[$kind]+=" $(tps "$kind" "$script")"
        done
    done
    # shellcheck disable=SC2086 # lists of numbers
    for kind in "${kinds[@]}"; do
        median ${seen[$kind]}
    done | awk -v s="$script" '{v[NR] = $1}
        END {printf "%-8s %10d/s %10d/s", s, v[1], v[2]
             for (i = 3; i <= NR; i++) printf " %9d/s (%2.0f%%)", v[i], 100 * v[i] / v[2]
             print ""}'
done

# Microseconds of CPU time of the server process per transaction: no client, no waiting. The least of the rounds.
cat >cpu.sql <<'SQL'
create procedure cpu(n int, out i numeric, out u numeric, out d numeric) language plpgsql as $$
declare
    base bigint := nextval('fresh');
    started bigint;
    k int;
begin
    perform setval('fresh', base + n + 1);
    started := split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1);
    for k in 1 .. n loop insert into account values (base + k, 'somebody else', 1); commit; end loop;
    i := round((split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::bigint - started) / 1000.0 / n, 1);
    started := split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1);
    for k in 1 .. n loop
        update account set balance = balance + 1, changed = now() where id = base + k; commit;
    end loop;
    u := round((split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::bigint - started) / 1000.0 / n, 1);
    started := split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1);
    for k in 1 .. n loop delete from account where id = base + k; commit; end loop;
    d := round((split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::bigint - started) / 1000.0 / n, 1);
end $$;
SQL
[ -r /proc/self/schedstat ] || exit 0
for kind in "${kinds[@]}"; do
    psql -X -q -d "$kind" -f cpu.sql
done
for ((round = 0; round < rounds; round++)); do
    for kind in "${kinds[@]}"; do
        echo "$kind $(psql -X -q -A -t -F ' ' -d "$kind" -c 'call cpu(3000, 0, 0, 0)')"
    done
done >cpu
printf '\n%-10s %9s %9s %9s\n' 'us of CPU' insert update delete
for kind in "${kinds[@]}"; do
    awk -v kind="$kind" '$1 == kind {for (i = 2; i <= 4; i++) if (!(i in least) || $i < least[i]) least[i] = $i}
        END {printf "%-10s %9.1f %9.1f %9.1f\n", kind, least[2], least[3], least[4]}' cpu
done
