#!/bin/bash
# How long the first copy of a table takes: we, a plain COPY pipe with the index build after it, the built-in logical
# replication's initial sync, pgcopydb and Debian's Londiste 3, side by side on throwaway servers. See README.md.
#
#   bench/copy/run.sh [--quick] [TABLE...]       TABLE: accounts wide (both)
#
# Parameters are environment variables; the defaults of --quick are in brackets:
#   ROUNDS=3             [1] medians are of so many; the ways take turns in each round
#   WAYS                 "pipe ours builtin pgcopydb ancestor"; what is not installed is left out
#   ROWS=3000000         [300000] rows of pgbench_accounts, which has its key and one more index
#   WIDE_MB=1024         [100] size of the wide table
#   JOBS=2               connections of pgcopydb for rows and for indexes
#   KEYS                 more lines for our job file, for instance "copy_streams = 4"
#   BIN                  a folder with our programs, instead of building them
#   KEEP_LOGS            a folder for the logs
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
unset "${!PG@}" LONDISTE_CONFIG
export PGOPTIONS="-c client_min_messages=warning"
quick=
[ "${1:-}" != --quick ] || { quick=1; shift; }
preset() { if [ -n "$quick" ]; then echo "$2"; else echo "$1"; fi; } # value, value of --quick

ROUNDS=${ROUNDS:-$(preset 3 1)}
ROWS=${ROWS:-$(preset 3000000 300000)}
WIDE_MB=${WIDE_MB:-$(preset 1024 100)}
JOBS=${JOBS:-2}

bin=$("$top/scripts/pg-bin")
programs=${BIN:-${CARGO_TARGET_DIR:-$top/target}/release}
[ -n "${BIN:-}" ] || (cd "$top" && cargo build --release --quiet --bins)
londiste=$programs/londiste
# shellcheck source=/dev/null
. "$here/../replay/lib.sh"
if [ -z "${WAYS:-}" ]; then
    WAYS="pipe ours builtin"
    if command -v pgcopydb >/dev/null; then WAYS+=" pgcopydb"; else note "pgcopydb is not installed: left out"; fi
    if have_ancestor; then WAYS+=" ancestor"; else note "Debian's Londiste 3 is not installed: left out"; fi
fi
cd "$dir"

# All ways read from one server and write to another, each round into a new database.
start_server source $'wal_level = logical\nmax_replication_slots = 20\nmax_wal_senders = 20'
start_server target
for way in $WAYS; do
    port[${way}_p]=${port[source]} port[${way}_s]=${port[target]}
    ln -s source "${way}_p"
    ln -s target "${way}_s"
done

accounts_table=pgbench_accounts
wide_table=wide
define_accounts() { # server, database
    sql "$1" "$2" "create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100)"
}
fill_accounts() {
    sql "$1" "$2" "insert into pgbench_accounts select i, (i - 1) / 100000 + 1, 0, '' from generate_series(1, $ROWS) i"
}
index_accounts() {
    sql "$1" "$2" "alter table pgbench_accounts add primary key (aid)"
    sql "$1" "$2" "create index pgbench_accounts_bid on pgbench_accounts (bid, abalance)"
}
define_wide() {
    sql "$1" "$2" "create table wide (id bigint not null, a text, b text, c text, n1 int, n2 bigint, n3 numeric(20, 4), n4 float8,
        t1 timestamptz, t2 date, u uuid, f bool, x1 text, x2 text, x3 text, j jsonb)"
}
# About a thousand bytes each.
fill_wide() {
    sql "$1" "$2" "insert into wide select i, repeat(md5(i::text), 5), repeat('b', 100) || i, 'text of row ' || i, i, i * 1000,
        i / 7.0, i / 3.0, timestamptz '2024-01-01' + i * interval '1 second', date '2024-01-01' + i % 1000,
        md5(i::text)::uuid, i % 2 = 0, repeat('long text, ', 20), repeat(md5((i + 1)::text), 6), 'x' || i,
        jsonb_build_object('k', i, 'name', 'n' || i) from generate_series(1, $WIDE_MB * 1024) i"
}
index_wide() {
    sql "$1" "$2" "alter table wide add primary key (id)"
    sql "$1" "$2" "create index wide_t1 on wide (t1)"
}

# Way by way: prepare_WAY makes everything ready that exists before a copy, copy_WAY is what takes time.
target_with_indexes() { # case, database
    make_db target "$2"
    "define_$1" target "$2"
    "index_$1" target "$2"
}

prepare_pipe() { make_db target "$2"; "define_$1" target "$2"; } # case, database on the target
copy_pipe() {
    local table=${1}_table
    sql source "$1_pipe" "copy ${!table} to stdout" | sql target "$2" "copy ${!table} from stdin"
    "index_$1" target "$2"
}

prepare_builtin() {
    local table=${1}_table
    target_with_indexes "$1" "$2"
    [ "$(sql source "$1_builtin" "select count(*) from pg_publication")" != 0 ] ||
        sql source "$1_builtin" "create publication p for table ${!table}"
}
copy_builtin() {
    sql target "$2" "create subscription $2 connection '$(place source "$1_builtin")' publication p" >/dev/null
    wait_for target "$2" "exists (select from pg_subscription_rel where srsubstate = 'r')"
}
after_builtin() { sql target "$2" "drop subscription $2"; }

prepare_pgcopydb() { make_db target "$2"; }
copy_pgcopydb() {
    PGOPTIONS='' TMPDIR=$dir pgcopydb clone --dir "$dir/$2.work" --source "$(place source "$1_pgcopydb")" --target "$(place target "$2")" \
        --table-jobs "$JOBS" --index-jobs "$JOBS" >>"$dir/pgcopydb.log" 2>&1 ||
        die "pgcopydb: $(tail -3 "$dir/pgcopydb.log")"
}

prepare_londiste() { # way, case, database
    local way=$1 table=${2}_table
    if [ -z "${pids[${way}_$2_${way}_root]:-}" ]; then root "$way" "$2_$way" "${!table}"; fi
    target_with_indexes "$2" "$3"
    extensions "$way" target "$3"
    job_file "$way" "$3" "$(place target "$3")" "$2_$way" "${KEYS:-}"
    londiste_of "$way" "$3" create-leaf "$3" "$(place target "$3")" --provider="$(place source "$2_$way")"
    replay_on "$way" "$3"
    wait_for target "$3" "(select count(*) from londiste.table_info) = 1" 300
}
copy_londiste() {
    local table=${2}_table
    londiste_of "$1" "$3" add-table "${!table}"
    wait_for target "$3" "exists (select from londiste.table_info where merge_state = 'ok')"
}
after_londiste() {
    replay_off "$1" "$3"
    londiste_of "$1" "$3" drop-node "$3"
}
prepare_ours() { prepare_londiste ours "$@"; }
copy_ours() { copy_londiste ours "$@"; }
after_ours() { after_londiste ours "$@"; }
prepare_ancestor() { prepare_londiste ancestor "$@"; }
copy_ancestor() { copy_londiste ancestor "$@"; }
after_ancestor() { after_londiste ancestor "$@"; }

measure() { # case
    local case=$1 table=${1}_table way round db started took before used worker expected
    note "$case: filling"
    make_db source "$case"
    "define_$case" source "$case"
    "fill_$case" source "$case"
    "index_$case" source "$case"
    sql source "$case" "vacuum analyze"
    for way in $WAYS; do sql source postgres "create database ${case}_$way template $case"; done
    local query="select count(*), sum(hashtextextended(t::text, 0)) from ${!table} t"
    expected=$(sql source "$case" "$query")
    : >"$dir/$case.figures"
    for round in $(seq "$ROUNDS"); do
        for way in $WAYS; do
            db=${case}_${way}_$round
            "prepare_$way" "$case" "$db"
            sql source postgres checkpoint
            sql target postgres checkpoint
            before=$(server_cpu source; server_cpu target)
            started=$(now)
            "copy_$way" "$case" "$db"
            took=$(since "$started")
            used=$( (echo "$before"; server_cpu source; server_cpu target) |
                awk 'NR <= 2 { s -= $1 } NR > 2 { s += $1 } END { print s }')
            # The leaf's worker began just before, so all it used is the copy's; what psql and pgcopydb use is not counted.
            worker=0
            case $way in ours | ancestor) worker=$(cpu_of "${pids[${way}_$db]}") ;; esac
            [ "$(sql target "$db" "$query")" = "$expected" ] || die "$way: $case differs"
            [ "$(sql target "$db" "select count(*) from pg_indexes where tablename = '${!table}'")" = 2 ] || die "$way: an index lacks"
            note "$case round $round $way: $took s, CPU of both servers $used s, of the worker $worker s"
            echo "$way $took $used $worker" >>"$dir/$case.figures"
            ! declare -F "after_$way" >/dev/null || "after_$way" "$case" "$db"
            sql target postgres "drop database $db with (force)"
        done
    done
    local size base of
    size=$(sql source "$case" "select pg_size_pretty(pg_table_size('${!table}'))")
    say "First copy of ${!table}, $size, two indexes; median of $ROUNDS"
    printf '%-10s %10s %10s %12s %16s %16s\n' way seconds of-pipe of-builtin 'servers CPU s' 'worker CPU s'
    figure() { awk -v w="$1" -v c="$2" '$1 == w { print $c }' "$dir/$case.figures" | median; }
    base=$(figure pipe 2) of=$(figure builtin 2)
    for way in $WAYS; do
        took=$(figure "$way" 2)
        printf '%-10s %10.2f %10s %12s %16.1f %16.1f\n' "$way" "$took" "$(divide "$took" "$base")" "$(divide "$took" "$of")" \
            "$(figure "$way" 3)" "$(figure "$way" 4)"
    done
    for way in $WAYS; do
        for name in "${!pids[@]}"; do stop "$name"; done
        sql source postgres "drop database ${case}_$way with (force)"
    done
}

say "$("$bin/postgres" --version), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); $(date -u +%F)"
[ $# -gt 0 ] || set -- accounts wide
for what; do
    case $what in
    accounts | wide) measure "$what" ;;
    *) die "there is no table \"$what\"" ;;
    esac
    say
done
