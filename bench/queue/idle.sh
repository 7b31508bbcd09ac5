#!/bin/bash
# What an idle pgqd costs: many databases with many queues in which nothing happens. Prints the processor time of pgqd
# and of the server's processes as a share of one core, for the server alone, with ours and with the ancestor's.
#
#   bench/queue/idle.sh [DATABASES [QUEUES [SECONDS]]]     (100), in all (1000), of each measurement (60)
set -euo pipefail

. "$(dirname "$0")/lib.sh"
databases=${1:-100}
queues=${2:-1000}
seconds=${3:-60}
build --bins
start_server "max_connections = $((databases * 4 + 50))"
create ours template_ours
for ((queue = 1; queue <= queues / databases; queue++)); do
    sql template_ours "select pgq.create_queue('queue_$queue'); select pgq.register_consumer('queue_$queue', 'reader')" >/dev/null
done
names=
for ((number = 1; number <= databases; number++)); do
    createdb -T template_ours "shop_$number"
    names+="${names:+,}shop_$number"
done
ticks=$(getconf CLK_TCK)

spent() { # pid: clock ticks of a process, and of its children that have ended
    awk '{sub(/^.*\) /, ""); print $12 + $13 + $14 + $15}' "/proc/$1/stat"
}

server_spent() { # of the server: its processes of now, and those that have ended
    local pid sum
    sum=$(spent "$server")
    for pid in $(pgrep -P "$server"); do
        sum=$((sum + $(awk '{sub(/^.*\) /, ""); print $12 + $13}' "/proc/$pid/stat" 2>/dev/null || echo 0)))
    done
    echo "$sum"
}

measure() { # name, pid of pgqd or 0
    local begin begin_server end end_server
    begin=0 end=0
    [ "$2" = 0 ] || begin=$(spent "$2")
    begin_server=$(server_spent)
    sleep "$seconds"
    [ "$2" = 0 ] || end=$(spent "$2")
    end_server=$(server_spent)
    awk -v n="$1" -v p=$((end - begin)) -v s=$((end_server - begin_server)) -v t=$((seconds * ticks)) -v c="$(connections)" \
        'BEGIN {printf "%-10s %11.2f%% %11.2f%% %11.2f%% %12d\n", n, 100 * p / t, 100 * s / t, 100 * (p + s) / t, c}'
}

connections() { sql postgres "select count(*) from pg_stat_activity where datname like 'shop%'"; }

server=$(head -1 "$dir/data/postmaster.pid")
printf '%-10s %12s %12s %12s %12s\n' "$databases x $((queues / databases))" pgqd server both connections
measure none 0
for kind in ours ancestor ours ancestor; do
    start_pgqd "$kind" "$names"
    pid=${started[-1]}
    # Past the beginning: all databases are found, and the gaps between idle ticks have grown to their full length.
    sleep 150
    measure "$kind" "$pid"
    kill -INT "$pid"
    wait "$pid" || true
done
