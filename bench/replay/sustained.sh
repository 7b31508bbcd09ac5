# The highest rate of pgbench transactions at which a subscriber keeps up: the lag at the end of a run is no larger than
# half-way through it (or below a second). Load, capture and replay share the machine, as they do at a user's.

# Runs the rate (0: as fast as it goes); sets achieved (transactions/s), half and end (seconds of lag).
run_rate() { # way, rate
    local way=$1 load started
    local limit=()
    [ "$2" = 0 ] || limit=(-R "$2")
    bench "${way}_p" sustained -n -M prepared -c 4 -j 2 -T "$SECONDS_EACH" "${limit[@]}" >"$dir/sustained.out" &
    load=$!
    sleep $((SECONDS_EACH / 2))
    started=$(now)
    wait_for "${way}_s" sustained "exists (select from mark where id = $(mark "$way" sustained))"
    half=$(since "$started")
    wait "$load"
    started=$(now)
    wait_for "${way}_s" sustained "exists (select from mark where id = $(mark "$way" sustained))"
    end=$(since "$started")
    achieved=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$dir/sustained.out")
    note "$way: asked for $2, made $achieved transactions/s, lag $half s half-way, $end s at the end"
}

is_flat() { awk -v h="$half" -v e="$end" 'BEGIN { exit !(e < 1 || e < 1.2 * h) }'; }

measure_sustained() {
    local way rate share best
    say "Sustained: highest rate of pgbench transactions (4 row events each) at which the lag stays flat for $SECONDS_EACH s"
    for way in $WAYS; do
        servers "$way"
        fill_pgbench "${way}_p" sustained
        fill_pgbench "${way}_s" sustained
        root "$way" sustained "${pgbench_tables[@]}"
        subscriber "$way" sustained sustained "${pgbench_tables[@]}"
        replay_on "$way" sustained
        run_rate "$way" 0
        best=0
        if is_flat; then best=$achieved; fi
        rate=$achieved
        if [ "$best" = 0 ]; then
            for share in 0.85 0.7 0.55 0.4 0.3 0.2 0.1 0.05; do
                run_rate "$way" "$(awk -v r="$rate" -v s="$share" 'BEGIN { printf "%.0f", r * s }')"
                if is_flat; then
                    best=$achieved
                    break
                fi
            done
        fi
        replay_off "$way" sustained
        for name in "${!pids[@]}"; do stop "$name"; done
        printf '%-10s %10.0f transactions/s   (without a limit: %.0f)\n' "$way" "$best" "$rate"
    done
}
