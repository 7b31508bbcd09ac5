# The same backlog replayed by a leaf of the root, and by a leaf behind a branch: how much later is the second one there?

measure_chain() {
    local way round started two two_cpu branch at before
    declare -A marks=()
    local ways=${WAYS//builtin/}
    for way in $ways; do
        servers "$way"
        fill_pgbench "${way}_p" chain
        root "$way" chain "${pgbench_tables[@]}"
        for round in $(seq "$ROUNDS"); do
            fill_pgbench "${way}_s" "direct$round"
            fill_pgbench "${way}_s" "branch$round"
            fill_pgbench "${way}_s" "below$round"
            subscriber "$way" chain "direct$round" "${pgbench_tables[@]}"
            KIND=branch subscriber "$way" chain "branch$round" "${pgbench_tables[@]}"
            replay_on "$way" "branch$round"
            PROVIDER=branch$round subscriber "$way" chain "below$round" "${pgbench_tables[@]}"
            replay_off "$way" "branch$round"
        done
        at=$(now)
        pgbench_load "$way" chain "$(events_for "$way" "$EVENTS")"
        marks[$way]=$(mark "$way" chain)
        note "$way: backlog of $(events_for "$way" "$EVENTS") events made in $(since "$at") s," \
            "$(sql "${way}_p" chain "select count(*) from pgq.tick") ticks"
    done
    : >"$dir/chain.figures"
    for round in $(seq "$ROUNDS"); do
        for way in $ways; do
            replay_time "$way" "direct$round" "${marks[$way]}"
            two=$took two_cpu=$cpu
            sql "${way}_s" postgres checkpoint
            profile_begin "${way}_p" "${way}_s"
            before=$(server_cpu "${way}_p"; server_cpu "${way}_s")
            started=$(now)
            replay_on "$way" "branch$round"
            replay_on "$way" "below$round"
            wait_for "${way}_s" "branch$round" "exists (select from mark where id = ${marks[$way]})"
            branch=$(since "$started")
            wait_for "${way}_s" "below$round" "exists (select from mark where id = ${marks[$way]})"
            took=$(since "$started")
            profile_end "chain.$way.$round" "${way}_p" "${way}_s"
            worker_cpu="$(cpu_of "${pids[${way}_branch$round]}") $(cpu_of "${pids[${way}_below$round]}")"
            cpu=$( (echo "$before"; server_cpu "${way}_p"; server_cpu "${way}_s") |
                awk -v w="$worker_cpu" 'NR <= 2 { s -= $1 } NR > 2 { s += $1 } END { split(w, n, " "); print s + n[1] + n[2] }')
            replay_off "$way" "below$round"
            replay_off "$way" "branch$round"
            same "$way" chain "branch$round" "${pgbench_tables[@]}"
            same "$way" chain "below$round" "${pgbench_tables[@]}"
            note "$way round $round: leaf of the root $two s; branch $branch s, leaf below it $took s;" \
                "CPU of all $two_cpu s and $cpu s (workers of branch and leaf $worker_cpu s)"
            events_for "$way" "$EVENTS" | awk -v w="$way" -v a="$two" -v b="$branch" -v c="$took" \
                -v ca="$two_cpu" -v cc="$cpu" \
                '{ print w, $1 / a, $1 / b, $1 / c, c / a, ca * 1e6 / $1, cc * 1e6 / $1 }' >>"$dir/chain.figures"
        done
    done
    say "Chain of three: backlog of $EVENTS pgbench row events (the ancestor's: 1/$ANCESTOR_SHARE of it), events/s until it is" \
        "there, median of $ROUNDS"
    printf '%-10s %14s %10s %16s %20s %26s\n' replay 'leaf of root' branch 'leaf below it' 'time of two nodes' 'CPU s/M events, two, three'
    for way in $ways; do
        column() { awk -v w="$way" -v c="$1" '$1 == w { print $c }' "$dir/chain.figures" | median; }
        printf '%-10s %14.0f %10.0f %16.0f %18.2f x %18.1f %7.1f\n' "$way" "$(column 2)" "$(column 3)" "$(column 4)" \
            "$(column 5)" "$(column 6)" "$(column 7)"
    done
}
