#!/bin/bash
# How fast changes are replayed: we, the built-in logical replication and Debian's Londiste 3, side by side on throwaway
# servers. See README.md.
#
#   bench/replay/run.sh [--quick] [WHAT...]      WHAT: backlog bulk sustained chain lag table (all of them)
#
# Parameters are environment variables; the defaults of --quick are in brackets:
#   ROUNDS=3             medians are of so many
#   WAYS                 "ours builtin ancestor"; the ancestor is left out where its packages are not installed
#   EVENTS=2000000       [200000] row events of the backlog, also of the chain's
#   SCALE=10             of pgbench's tables
#   TABLE=5000000        [500000] rows of the table for bulk changes
#   BULK=1000000         [100000] rows that one statement changes
#   SINGLE=1000000       [50000]  rows that are changed in a transaction each
#   KINDS                of bulk: "{insert,update,delete}-{bulk,single}"
#   ANCESTOR_SHARE=10    the ancestor gets one in so many of the changes, for it is slow; figures are per event
#   SECONDS_EACH=60      [15] of a rate in sustained and lag
#   LAG_CASES            "one-hop two-hops tls idle-queues"
#   LAG_RATES            "1 200"
#   BIN                  a folder with our programs, instead of building them
#   KEEP_LOGS            a folder for the logs
#   PROFILE              a folder for what the statements of both servers took and what their sessions waited for during
#                        backlog and chain; both cost time themselves
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
unset "${!PG@}" LONDISTE_CONFIG
export PGOPTIONS="-c client_min_messages=warning"
quick=
[ "${1:-}" != --quick ] || { quick=1; shift; }
preset() { if [ -n "$quick" ]; then echo "$2"; else echo "$1"; fi; } # value, value of --quick

ROUNDS=${ROUNDS:-3}
EVENTS=${EVENTS:-$(preset 2000000 200000)}
SCALE=${SCALE:-10}
TABLE=${TABLE:-$(preset 5000000 500000)}
BULK=${BULK:-$(preset 1000000 100000)}
SINGLE=${SINGLE:-$(preset 1000000 50000)}
KINDS=${KINDS:-insert-bulk update-bulk delete-bulk insert-single update-single delete-single}
ANCESTOR_SHARE=${ANCESTOR_SHARE:-10}
SECONDS_EACH=${SECONDS_EACH:-$(preset 60 15)}
LAG_CASES=${LAG_CASES:-one-hop two-hops tls idle-queues}
LAG_RATES=${LAG_RATES:-1 200}

bin=$("$top/scripts/pg-bin")
programs=${BIN:-${CARGO_TARGET_DIR:-$top/target}/release}
[ -n "${BIN:-}" ] || (cd "$top" && cargo build --release --quiet --bins)
londiste=$programs/londiste
for part in lib backlog bulk sustained chain lag table; do
    # shellcheck source=/dev/null
    . "$here/$part.sh"
done
if [ -z "${WAYS:-}" ]; then
    WAYS="ours builtin"
    if have_ancestor; then WAYS+=" ancestor"; else note "Debian's Londiste 3 is not installed: left out"; fi
fi
cd "$dir"
say "$("$bin/postgres" --version), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); $(date -u +%F)"
[ $# -gt 0 ] || set -- backlog bulk sustained chain lag table
for what; do
    case $what in
    backlog | bulk | sustained | chain | lag | table) ;;
    *) die "there is no measurement \"$what\"" ;;
    esac
    "measure_$what"
    # The next one begins with nobody at work.
    for name in "${!pids[@]}"; do stop "$name"; done
    say
done
