# What the measurements share: throwaway servers, three ways to replicate behind the same few words, time and CPU.
# Sourced by run.sh.
#
# A way (ours, builtin, ancestor) has servers of its own, WAY_p for the provider and WAY_s for its subscribers, so that
# the idle ones cost the one that is measured nothing. The words: root, subscriber, replay_on, replay_off.

owner=$(id -un postgres 2>/dev/null || echo nobody)
as_owner() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u "$owner" -- "$@"); else "$@"; fi; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/londiste-bench.XXXXXX")
chmod 755 "$dir"
declare -A port=() pids=()
next_port=$((21000 + RANDOM % 9000))

say() { printf '%s\n' "$*"; }
note() { printf '   %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# --- servers -------------------------------------------------------------------------------------------------------

start_server() { # name, lines of settings
    local home=$dir/$1
    [ -z "${port[$1]:-}" ] || return 0
    mkdir "$home"
    if [ "$(id -u)" = 0 ]; then chown "$owner" "$home"; fi
    as_owner "$bin/initdb" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D "$home/data" >"$dir/initdb.log" 2>&1 ||
        die "initdb: $(tail -3 "$dir/initdb.log")"
    local try
    for try in 1 2 3 4 5; do
        next_port=$((next_port + 1))
        as_owner tee "$home/data/postgresql.auto.conf" >/dev/null <<CONF
port = $next_port
listen_addresses = 'localhost'
unix_socket_directories = '$home'
fsync = off
full_page_writes = off
shared_buffers = ${SHARED_BUFFERS:-512MB}
max_wal_size = 8GB
autovacuum = off
${PROFILE:+shared_preload_libraries = pg_stat_statements
pg_stat_statements.track = all}
${2:-}
CONF
        if as_owner "$bin/pg_ctl" start -w -t 60 -D "$home/data" -l "$home/log" >/dev/null; then
            port[$1]=$next_port
            return
        fi
    done
    die "no server started: $(tail -3 "$home/log")"
}

# Ends what was started, and removes everything.
clean_up() {
    local name
    trap - EXIT
    for name in "${!pids[@]}"; do kill -9 "${pids[$name]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    for name in "$dir"/*/data; do
        [ ! -e "$name/postmaster.pid" ] || as_owner "$bin/pg_ctl" stop -m immediate -w -D "$name" >/dev/null 2>&1 || true
    done
    if [ -n "${KEEP_LOGS:-}" ]; then
        mkdir -p "$KEEP_LOGS"
        cp "$dir"/*.log "$dir"/*.ini "$KEEP_LOGS" 2>/dev/null || true
        for name in "$dir"/*/log; do cp "$name" "$KEEP_LOGS/$(basename "$(dirname "$name")").server.log"; done
    fi
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

place() { echo "host=$dir/$1 port=${port[$1]} user=postgres dbname=$2"; } # server, database
sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(place "$1" "$2")" -c "$3"; }  # server, database, statement
bench() { # server, database, arguments of pgbench
    local server=$1 database=$2
    shift 2
    "$bin/pgbench" -h "$dir/$server" -p "${port[$server]}" -U postgres "$@" "$database" 2>>"$dir/pgbench.log"
}
make_db() { sql "$1" postgres "create database $2"; }

# --- where the time goes, with PROFILE set -------------------------------------------------------------------------

# Statements count from here, and a look a hundred times a second at what the server's sessions wait for is kept.
profile_begin() { # servers...
    [ -n "${PROFILE:-}" ] || return 0
    local server
    for server; do
        sql "$server" postgres "create extension if not exists pg_stat_statements"
        sql "$server" postgres "select pg_stat_statements_reset()" >/dev/null
        sql "$server" postgres "drop table if exists waited; create unlogged table waited (who text, db text, what text)"
        sql "$server" postgres "do \$\$ begin
            loop
                insert into waited
                select split_part(application_name, ':', 2), datname,
                       case when state = 'active' then coalesce(wait_event_type || '/' || wait_event, 'at work') else 'idle' end
                  from pg_stat_activity where application_name like 'londiste:%' or backend_type like 'logical%';
                commit;
                perform pg_sleep(0.01);
                commit;
            end loop;
        end \$\$" >/dev/null 2>&1 &
        pids[profile_$server]=$!
    done
}
profile_end() { # name of the file, servers...
    [ -n "${PROFILE:-}" ] || return 0
    local file=$PROFILE/$1 server
    shift
    mkdir -p "$PROFILE"
    for server; do
        sql "$server" postgres "select pg_terminate_backend(pid) from pg_stat_activity where query like '%into waited%' and pid <> pg_backend_pid()" >/dev/null
        wait "${pids[profile_$server]}" 2>/dev/null || true
        unset "pids[profile_$server]"
        {
            say "--- $server: statements by their time"
            sql "$server" postgres "select rpad(datname, 12), lpad(calls::text, 8), lpad(round(total_exec_time + total_plan_time)::text || ' ms', 10),
                    lpad(round(1000 * (total_exec_time + total_plan_time)::numeric / calls)::text || ' us each', 14), lpad(rows::text, 9) || ' rows',
                    case when toplevel then ' ' else '  .. ' end || left(regexp_replace(regexp_replace(query, '--[^\n]*\n', '', 'g'), '\s+', ' ', 'g'), 110)
                from pg_stat_statements s join pg_database d on d.oid = s.dbid
                where query not like '%waited%' and query not like '%pg_sleep%' and calls > 1
                order by total_exec_time + total_plan_time desc limit 60" | tr '|' ' '
            say "--- $server: what the sessions were seen at, of the looks"
            sql "$server" postgres "select rpad(db, 12), rpad(who, 10), lpad(round(100.0 * count(*) / sum(count(*)) over (partition by db, who), 1) || ' %', 8), what
                from waited group by db, who, what order by db, who, count(*) desc" | tr '|' ' '
        } >>"$file"
    done
}

# --- time and CPU --------------------------------------------------------------------------------------------------

now() { date +%s%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", (b - a) / 1e9 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; else print "-" }'; }
divide() { awk -v a="$1" -v b="$2" -v f="${3:-%.2f}" 'BEGIN { if (b + 0 == 0) print "-"; else printf f, a / b }'; }

# CPU seconds of a process and of its children that have ended: utime, stime, cutime, cstime.
cpu_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '{ print ($12 + $13 + $14 + $15) / hz }'; }

# CPU seconds of a whole server since its start.
server_cpu() {
    local postmaster child
    postmaster=$(head -1 "$dir/$1/data/postmaster.pid")
    {
        cpu_of "$postmaster"
        for child in $(pgrep -P "$postmaster" || true); do cpu_of "$child"; done
    } | awk '{ s += $1 } END { print s + 0 }'
}

# The commit gives up the snapshot: one that is held would keep every dead row, and slow down what is measured.
wait_for() { # server, database, condition, limit in seconds
    sql "$1" "$2" "do \$\$ declare until timestamptz := clock_timestamp() + interval '${4:-3600} s';
        begin
            while not ($3) loop
                if clock_timestamp() > until then raise exception 'waited too long'; end if;
                commit;
                perform pg_sleep(0.005);
                commit;
            end loop;
        end \$\$"
}

# --- programs ------------------------------------------------------------------------------------------------------

start() { # name, command...: in the background, its output in name.log
    local name=$1
    shift
    (cd "$dir" && exec "$@") >>"$dir/$name.log" 2>&1 &
    pids[$name]=$!
}
stop() { # name
    local pid=${pids[$1]:-} try
    [ -n "$pid" ] || return 0
    kill -INT "$pid" 2>/dev/null || true
    for try in $(seq 200); do
        kill -0 "$pid" 2>/dev/null || break
        [ "$try" -lt 200 ] || kill -9 "$pid" 2>/dev/null || true
        sleep 0.05
    done
    wait "$pid" 2>/dev/null || true
    unset "pids[$1]"
}

# --- three ways to replicate ---------------------------------------------------------------------------------------

program() { if [ "$1" = ours ]; then echo "$londiste"; else echo /usr/bin/londiste; fi; }
runs_program() { [ "$1" != builtin ]; }

have_ancestor() { [ -x /usr/bin/londiste ] && [ -x /usr/bin/pgqd ] && [ -e "$("$bin/pg_config" --sharedir 2>/dev/null || echo /usr/share/postgresql/15)/extension/londiste.control" ]; }

servers() { # way: starts its two servers
    local more=''
    [ "$1" != builtin ] || more=$'wal_level = logical\nmax_replication_slots = 20\nmax_wal_senders = 20'
    start_server "$1_p" "$more"
    start_server "$1_s" "$more"
}

job_file() { # way, node, its location, queue, more lines
    cat >"$dir/$1_$2.ini" <<INI
[londiste]
job_name = $4_$2
db = $3
queue_name = $4
logfile = $dir/$1_$2.job.log
pidfile = $dir/$1_$2.pid
${5:-}
INI
}

londiste_of() { # way, node, command...
    local way=$1 node=$2 out
    shift 2
    out=$(cd "$dir" && "$(program "$way")" "$dir/${way}_$node.ini" "$@" 2>&1) || die "$way $node $*: $out"
    echo "$out" >>"$dir/commands.log"
}

extensions() { [ "$1" != ancestor ] || sql "$2" "$3" "create extension pgq; create extension pgq_node; create extension londiste"; }

# A root with its ticker. pgbench_history and others without updates need no key: tables named with a trailing "!" are
# captured for inserts only.
root() { # way, database, tables...
    local way=$1 db=$2 table
    shift 2
    if ! runs_program "$way"; then
        sql "${way}_p" "$db" "create publication $db for table $(printf ', %s' "${@%!}" | cut -c3-)"
        return
    fi
    local node=${db}_root
    extensions "$way" "${way}_p" "$db"
    job_file "$way" "$node" "$(place "${way}_p" "$db")" "$db"
    londiste_of "$way" "$node" create-root "$node" "$(place "${way}_p" "$db")"
    for table; do
        case $table in
        *!) londiste_of "$way" "$node" add-table "${table%!}" --trigger-flags=I ;;
        *) londiste_of "$way" "$node" add-table "$table" ;;
        esac
    done
    start "${way}_$node" "$(program "$way")" "$dir/${way}_$node.ini" worker
    [ "$way" = ours ] || start_pgqd "$way" "$db"
}

# Ours is ticked by the root's worker.
start_pgqd() { # way, database
    cat >"$dir/$1_$2.pgqd.ini" <<INI
[pgqd]
base_connstr = host=$dir/$1_p port=${port[$1_p]} user=postgres
initial_database = postgres
database_list = $2
logfile = $dir/$1_$2.pgqd.log
pidfile = $dir/$1_$2.pgqd.pid
INI
    start "$1_$2.pgqd" /usr/bin/pgqd "$dir/$1_$2.pgqd.ini"
}

# A subscriber whose tables have the provider's rows already; its replay is off. KIND=branch and PROVIDER=NODE make other
# shapes than a leaf of the root.
subscriber() { # way, root's database, name, tables...
    local way=$1 db=$2 name=$3 kind=${KIND:-leaf} provider
    shift 3
    if ! runs_program "$way"; then
        sql "${way}_s" "$name" "create subscription $name connection '$(place "${way}_p" "$db")' publication $db
            with (copy_data = false, enabled = false, create_slot = false, slot_name = $name)"
        sql "${way}_p" "$db" "select pg_create_logical_replication_slot('$name', 'pgoutput')" >/dev/null
        return
    fi
    provider=$(place "${way}_p" "$db")
    [ -z "${PROVIDER:-}" ] || provider=$(place "${way}_s" "$PROVIDER")
    extensions "$way" "${way}_s" "$name"
    job_file "$way" "$name" "$(place "${way}_s" "$name")" "$db"
    londiste_of "$way" "$name" "create-$kind" "$name" "$(place "${way}_s" "$name")" --provider="$provider"
    # Which tables there are is told through the queue.
    replay_on "$way" "$name"
    wait_for "${way}_s" "$name" "(select count(*) from londiste.table_info) = $#" 120
    replay_off "$way" "$name"
    londiste_of "$way" "$name" add-table "${@%!}" --expect-sync
}

replay_on() { # way, subscriber
    if runs_program "$1"; then
        start "$1_$2" "$(program "$1")" "$dir/$1_$2.ini" worker
    else
        sql "$1_s" "$2" "alter subscription $2 enable"
    fi
}
replay_off() {
    if runs_program "$1"; then stop "$1_$2"; else
        sql "$1_s" "$2" "alter subscription $2 disable"
        wait_for "$1_p" postgres "not exists (select from pg_replication_slots where slot_name = '$2' and active)" 60
    fi
}

# One more row in the table of marks; a subscriber that has it has everything before it.
mark() { sql "$1_p" "$2" "insert into mark select coalesce(max(id), 0) + 1 from mark returning id"; } # way, database

# Switches replay on and waits for mark $3. Sets took (seconds), cpu (seconds of both servers and the worker), rss (MB of
# the worker at its peak) and worker_cpu.
replay_time() { # way, subscriber, mark
    local way=$1 name=$2 before started pid
    # Whatever the change left to be written out is not replay's.
    sql "${way}_p" postgres checkpoint
    sql "${way}_s" postgres checkpoint
    before=$(server_cpu "${way}_p"; server_cpu "${way}_s")
    started=$(now)
    replay_on "$way" "$name"
    wait_for "${way}_s" "$name" "exists (select from mark where id = $3)"
    took=$(since "$started")
    rss=- worker_cpu=0
    if runs_program "$way"; then
        pid=${pids[${way}_$name]}
        rss=$(awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status")
        worker_cpu=$(cpu_of "$pid")
    fi
    cpu=$( (echo "$before"; server_cpu "${way}_p"; server_cpu "${way}_s") |
        awk -v w="$worker_cpu" 'NR <= 2 { s -= $1 } NR > 2 { s += $1 } END { print s + w }')
    replay_off "$way" "$name"
}

# Both ends have the same rows, found by queries that use none of our code.
same() { # way, root's database, subscriber, tables...
    local way=$1 db=$2 name=$3 table
    shift 3
    for table in "${@%!}"; do
        local query="select count(*), sum(hashtextextended(t::text, 0)) from $table t"
        [ "$(sql "${way}_p" "$db" "$query")" = "$(sql "${way}_s" "$name" "$query")" ] ||
            die "$way: table $table of $name differs from the provider's"
    done
}
