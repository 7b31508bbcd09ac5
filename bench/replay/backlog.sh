# A backlog of pgbench's transactions (three updates and an insert each), replayed by one subscriber.

pgbench_tables=(pgbench_accounts pgbench_branches pgbench_tellers pgbench_history! mark)

fill_pgbench() { # server, database
    make_db "$1" "$2"
    bench "$1" "$2" -i -q -s "$SCALE" >/dev/null
    sql "$1" "$2" "alter table pgbench_history add column id bigserial primary key; create table mark (id int primary key)"
    sql "$1" "$2" "vacuum analyze"
}

# The same transactions as pgbench's own, with the history's key made on the provider only.
pgbench_load() { # way, database, row events
    local per_client=$(($3 / 4 / 4))
    bench "$1_p" "$2" -n -M prepared -c 4 -j 2 -t "$per_client" >/dev/null
}

events_for() { if [ "$1" = ancestor ]; then echo $(($2 / ANCESTOR_SHARE)); else echo "$2"; fi; } # way, number

measure_backlog() {
    local way round name at
    declare -A marks=()
    for way in $WAYS; do
        servers "$way"
        fill_pgbench "${way}_p" backlog
        root "$way" backlog "${pgbench_tables[@]}"
        for round in $(seq "$ROUNDS"); do
            fill_pgbench "${way}_s" "backlog$round"
            subscriber "$way" backlog "backlog$round" "${pgbench_tables[@]}"
        done
        at=$(now)
        pgbench_load "$way" backlog "$(events_for "$way" "$EVENTS")"
        marks[$way]=$(mark "$way" backlog)
        note "$way: backlog of $(events_for "$way" "$EVENTS") events made in $(since "$at") s"
    done
    : >"$dir/backlog.figures"
    for round in $(seq "$ROUNDS"); do
        for way in $WAYS; do
            name=backlog$round
            profile_begin "${way}_p" "${way}_s"
            replay_time "$way" "$name" "${marks[$way]}"
            profile_end "backlog.$way.$round" "${way}_p" "${way}_s"
            same "$way" backlog "$name" "${pgbench_tables[@]}"
            note "$way round $round: $took s, CPU $cpu s (worker $worker_cpu s), worker's memory $rss MB"
            events_for "$way" "$EVENTS" | awk -v w="$way" -v t="$took" -v c="$cpu" -v wc="$worker_cpu" -v r="$rss" \
                '{ print w, $1 / t, c * 1e6 / $1, wc * 1e6 / $1, r }' >>"$dir/backlog.figures"
        done
    done
    say "Backlog of $EVENTS pgbench row events (the ancestor's: 1/$ANCESTOR_SHARE of it), one leaf, median of $ROUNDS"
    printf '%-10s %12s %10s %18s %18s %10s\n' replay events/s of-builtin 'CPU s/M events' 'of it the worker' 'worker MB'
    local builtin rate
    builtin=$(awk '$1 == "builtin" { print $2 }' "$dir/backlog.figures" | median)
    for way in $WAYS; do
        rate=$(awk -v w="$way" '$1 == w { print $2 }' "$dir/backlog.figures" | median)
        printf '%-10s %12.0f %10s %18.1f %18.1f %10s\n' "$way" "$rate" "$(divide "$rate" "$builtin")" \
            "$(awk -v w="$way" '$1 == w { print $3 }' "$dir/backlog.figures" | median)" \
            "$(awk -v w="$way" '$1 == w { print $4 }' "$dir/backlog.figures" | median)" \
            "$(awk -v w="$way" '$1 == w { print $5 }' "$dir/backlog.figures" | median)"
    done
}
