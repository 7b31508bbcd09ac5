# Changes of many rows of one table, made by one statement or by as many transactions, replayed by one subscriber.

bulk_change() { # way, kind, round
    local way=$1 rows=$BULK low
    case $2 in *-single) rows=$SINGLE ;; esac
    rows=$(events_for "$way" "$rows")
    low=$((($3 - 1) * rows))
    case $2 in
    insert-bulk) sql "${way}_p" bulk "insert into item select nextval('fresh'), n % 100, 'text of row ' || n, now() from generate_series(1, $rows) n" ;;
    update-bulk) sql "${way}_p" bulk "update item set a = a + 1, changed = now() where id in (select $low + n * 3 from generate_series(1, $rows) n)" ;;
    delete-bulk) sql "${way}_p" bulk "delete from item where id in (select id from item where id % 3 = 1 order by id limit $rows)" ;;
    *)
        sql "${way}_p" bulk "select setval('turn', $low + 1, false)" >/dev/null
        bench "${way}_p" bulk -n -M prepared -c 4 -j 2 -t $((rows / 4)) -f "$dir/${2%-single}.sql" >/dev/null
        ;;
    esac
}

measure_bulk() {
    local way round kind rows marked
    # Rows of three residues: 0 is updated, 1 deleted in bulk, 2 deleted singly.
    echo "insert into item values (nextval('fresh'), 1, 'text of a row', now())" >"$dir/insert.sql"
    echo "update item set a = a + 1, changed = now() where id = (select nextval('turn') * 3)" >"$dir/update.sql"
    echo "delete from item where id = (select nextval('gone') * 3 - 1)" >"$dir/delete.sql"
    local make="create table item (id int primary key, a int, b text, changed timestamptz);
        insert into item select n, 0, 'text of row ' || n, '2026-01-01' from generate_series(1, $TABLE) n;
        create table mark (id int primary key);
        create sequence fresh start $((TABLE + 1)); create sequence turn; create sequence gone"
    for way in $WAYS; do
        servers "$way"
        for server in "${way}_p" "${way}_s"; do
            make_db "$server" bulk
            sql "$server" bulk "$make"
            sql "$server" bulk "vacuum analyze"
        done
        root "$way" bulk item mark
        subscriber "$way" bulk bulk item mark
    done
    : >"$dir/bulk.figures"
    for kind in $KINDS; do
        for round in $(seq "$ROUNDS"); do
            for way in $WAYS; do
                rows=$BULK
                case $kind in *-single) rows=$SINGLE ;; esac
                rows=$(events_for "$way" "$rows")
                bulk_change "$way" "$kind" "$round"
                marked=$(mark "$way" bulk)
                replay_time "$way" bulk "$marked"
                note "$way $kind round $round: $rows rows in $took s, CPU $cpu s (worker $worker_cpu s), memory $rss MB"
                echo "$way $kind $(divide "$rows" "$took" %.0f) $(divide "$cpu" "$(divide "$rows" 1000000 %.6f)" %.1f) $rss" >>"$dir/bulk.figures"
            done
        done
        for way in $WAYS; do same "$way" bulk bulk item; done
        # Nobody vacuums here by himself.
        for way in $WAYS; do
            sql "${way}_p" bulk "vacuum analyze item"
            sql "${way}_s" bulk "vacuum analyze item"
        done
    done
    say "Changes of $BULK rows in one statement, of $SINGLE rows in a transaction each, on a table of $TABLE rows (the ancestor:" \
        "1/$ANCESTOR_SHARE of the changes), median of $ROUNDS"
    printf '%-10s %-14s %10s %10s %18s %10s\n' replay change rows/s of-builtin 'CPU s/M rows' 'worker MB'
    local rate builtin
    for kind in $KINDS; do
        builtin=$(awk -v k="$kind" '$1 == "builtin" && $2 == k { print $3 }' "$dir/bulk.figures" | median)
        for way in $WAYS; do
            rate=$(awk -v w="$way" -v k="$kind" '$1 == w && $2 == k { print $3 }' "$dir/bulk.figures" | median)
            printf '%-10s %-14s %10.0f %10s %18.1f %10s\n' "$way" "$kind" "$rate" "$(divide "$rate" "$builtin")" \
                "$(awk -v w="$way" -v k="$kind" '$1 == w && $2 == k { print $4 }' "$dir/bulk.figures" | median)" \
                "$(awk -v w="$way" -v k="$kind" '$1 == w && $2 == k { print $5 }' "$dir/bulk.figures" | median)"
        done
    done
}
