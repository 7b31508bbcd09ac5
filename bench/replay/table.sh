# How long an empty table takes to be in sync: from the command that adds it to the subscriber until its state is ok there
# (built-in: until it is ready), the workers being at work.

measure_table() {
    local way round table state started
    : >"$dir/table.figures"
    for way in $WAYS; do
        servers "$way"
        for server in "${way}_p" "${way}_s"; do
            make_db "$server" empty
            sql "$server" empty "create table mark (id int primary key)"
        done
        root "$way" empty mark
        subscriber "$way" empty empty mark
        replay_on "$way" empty
        wait_for "${way}_s" empty "exists (select from mark where id = $(mark "$way" empty))" 60
    done
    for round in $(seq "$ROUNDS"); do
        table=fresh$round
        for way in $WAYS; do
            sql "${way}_p" empty "create table $table (id int primary key, v text)"
            sql "${way}_s" empty "create table $table (id int primary key, v text)"
            if runs_program "$way"; then
                londiste_of "$way" empty_root add-table "$table"
                state="exists (select from londiste.table_info where table_name = 'public.$table'"
                wait_for "${way}_s" empty "$state)" 60
                started=$(now)
                londiste_of "$way" empty add-table "$table"
                wait_for "${way}_s" empty "$state and local and merge_state = 'ok')" 120
            else
                sql "${way}_p" empty "alter publication empty add table $table"
                started=$(now)
                sql "${way}_s" empty "alter subscription empty refresh publication"
                wait_for "${way}_s" empty "exists (select from pg_subscription_rel where srrelid = '$table'::regclass and srsubstate = 'r')" 120
            fi
            echo "$way $(since "$started")" >>"$dir/table.figures"
            note "$(tail -1 "$dir/table.figures") s"
        done
    done
    say "An empty table in sync, seconds from the command, median of $ROUNDS"
    for way in $WAYS; do
        printf '%-10s %8.2f\n' "$way" "$(awk -v w="$way" '$1 == w { print $2 }' "$dir/table.figures" | median)"
    done
}
