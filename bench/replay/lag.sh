# From a commit on the provider to the moment in which a reader on the subscriber sees it, at default settings.
#
# A row carries the time at which it was written; a session on the subscriber looks about every millisecond for rows that
# it has not seen. Both clocks are this machine's.

# Certificates that sign themselves are enough for sslmode=require.
with_tls() { # server
    openssl req -new -x509 -days 2 -nodes -subj /CN=localhost -out "$dir/$1.crt" -keyout "$dir/$1.key" 2>/dev/null
    chmod 600 "$dir/$1.key"
    if [ "$(id -u)" = 0 ]; then chown "$owner" "$dir/$1.crt" "$dir/$1.key"; fi
    as_owner tee -a "$dir/$1/data/postgresql.auto.conf" >/dev/null <<CONF
ssl = on
ssl_cert_file = '$dir/$1.crt'
ssl_key_file = '$dir/$1.key'
CONF
    "$bin/psql" -X -q -A -t -d "host=$dir/$1 port=${port[$1]} user=postgres dbname=postgres" -c "select pg_reload_conf()" >/dev/null
    # Told to the server, not done yet.
    until "$bin/psql" -X -q -A -t -d "host=localhost port=${port[$1]} user=postgres dbname=postgres sslmode=require" -c "" 2>/dev/null; do sleep 0.1; done
}

lag_of() { # way, case, root's database, subscriber, changes per second
    local way=$1 what=$2 db=$3 name=$4 rate=$5 first last count watcher
    count=$((rate * SECONDS_EACH))
    first=$(sql "${way}_p" "$db" "select coalesce(max(id), 0) from probe")
    last=$((first + count))
    sql "${way}_s" "$name" "create table if not exists seen (id int, at timestamptz)"
    sql "${way}_s" "$name" "do \$\$ declare last int := $first; newest int; at timestamptz;
            until timestamptz := clock_timestamp() + interval '$((SECONDS_EACH + 60)) s';
        begin
            while last < $last and clock_timestamp() < until loop
                select max(id) into newest from probe;
                if newest > last then
                    at := clock_timestamp();
                    insert into seen select i, at from generate_series(last + 1, newest) i;
                    last := newest;
                end if;
                commit;
                perform pg_sleep(0.0005);
                commit;
            end loop;
        end \$\$" &
    watcher=$!
    sleep 0.5
    bench "${way}_p" "$db" -n -M prepared -c 1 -R "$rate" -t "$count" -f "$dir/probe.sql" >/dev/null
    wait "$watcher"
    sql "${way}_s" "$name" "select '$way', '$what', $rate, count(*),
            round((percentile_cont(0.5) within group (order by ms))::numeric, 1),
            round((percentile_cont(0.99) within group (order by ms))::numeric, 1), round(max(ms)::numeric, 1)
        from (select extract(epoch from s.at - p.written) * 1000 as ms
                from seen s join probe p using (id) where p.id > $first and p.id <= $last) t" | tr '|' ' ' >>"$dir/lag.figures"
    note "$(tail -1 "$dir/lag.figures" | awk '{ printf "%s, %s, %s changes/s: %s seen, p50 %s ms, p99 %s ms, at worst %s ms", $1, $2, $3, $4, $5, $6, $7 }')"
}

measure_lag() {
    local way what db rate name server
    echo "insert into probe (written) values (clock_timestamp())" >"$dir/probe.sql"
    local make="create table probe (id serial primary key, written timestamptz); create table mark (id int primary key)"
    : >"$dir/lag.figures"
    for what in $LAG_CASES; do
        for way in $WAYS; do
            case $what-$way in
            two-hops-builtin | idle-queues-builtin | tls-ancestor) continue ;;
            esac
            servers "$way"
            db=lag_${what//-/_}
            if [ "$what" = tls ]; then
                for server in "${way}_p" "${way}_s"; do with_tls "$server"; done
                place() { echo "host=localhost port=${port[$1]} user=postgres dbname=$2 sslmode=require"; }
            fi
            make_db "${way}_p" "$db"
            make_db "${way}_s" "$db"
            sql "${way}_p" "$db" "$make"
            sql "${way}_s" "$db" "$make"
            root "$way" "$db" probe mark
            name=$db
            if [ "$what" = two-hops ]; then
                name=${db}_leaf
                make_db "${way}_s" "$name"
                sql "${way}_s" "$name" "$make"
                KIND=branch subscriber "$way" "$db" "$db" probe mark
                replay_on "$way" "$db"
                PROVIDER=$db subscriber "$way" "$db" "$name" probe mark
            else
                subscriber "$way" "$db" "$db" probe mark
            fi
            [ "$what" != idle-queues ] ||
                sql "${way}_p" "$db" "select pgq.create_queue('idle' || n), pgq.register_consumer('idle' || n, 'c') from generate_series(1, 50) n" >/dev/null
            replay_on "$way" "$name"
            wait_for "${way}_s" "$name" "exists (select from mark where id = $(mark "$way" "$db"))" 60
            for rate in $LAG_RATES; do lag_of "$way" "$what" "$db" "$name" "$rate"; done
            replay_off "$way" "$name"
            [ "$what" != two-hops ] || replay_off "$way" "$db"
            for name in "${!pids[@]}"; do stop "$name"; done
        done
        place() { echo "host=$dir/$1 port=${port[$1]} user=postgres dbname=$2"; }
    done
    say "Lag at default settings, in ms"
    printf '%-10s %-12s %10s %8s %8s %8s\n' replay case changes/s p50 p99 worst
    awk '{ printf "%-10s %-12s %10s %8s %8s %8s\n", $1, $2, $3, $5, $6, $7 }' "$dir/lag.figures"
}
