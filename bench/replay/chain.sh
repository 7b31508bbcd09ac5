# The same backlog replayed by a leaf of the root, and by a leaf behind a branch: how much later is the second one there?

measure_chain() {
    local way round started two branch at
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
            two=$took
            sql "${way}_s" postgres checkpoint
            started=$(now)
            replay_on "$way" "branch$round"
            replay_on "$way" "below$round"
            wait_for "${way}_s" "branch$round" "exists (select from mark where id = ${marks[$way]})"
            branch=$(since "$started")
            wait_for "${way}_s" "below$round" "exists (select from mark where id = ${marks[$way]})"
            took=$(since "$started")
            replay_off "$way" "below$round"
            replay_off "$way" "branch$round"
            same "$way" chain "branch$round" "${pgbench_tables[@]}"
            same "$way" chain "below$round" "${pgbench_tables[@]}"
            note "$way round $round: leaf of the root $two s; branch $branch s, leaf below it $took s"
            events_for "$way" "$EVENTS" | awk -v w="$way" -v a="$two" -v b="$branch" -v c="$took" \
                '{ print w, $1 / a, $1 / b, $1 / c, c / a }' >>"$dir/chain.figures"
        done
    done
    say "Chain of three: backlog of $EVENTS pgbench row events (the ancestor's: 1/$ANCESTOR_SHARE of it), events/s until it is" \
        "there, median of $ROUNDS"
    printf '%-10s %14s %10s %16s %22s\n' replay 'leaf of root' branch 'leaf below it' 'time of two nodes'
    for way in $ways; do
        column() { awk -v w="$way" -v c="$1" '$1 == w { print $c }' "$dir/chain.figures" | median; }
        printf '%-10s %14.0f %10.0f %16.0f %20.2f x\n' "$way" "$(column 2)" "$(column 3)" "$(column 4)" "$(column 5)"
    done
}
