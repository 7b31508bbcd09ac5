# What the measurements of this folder share; read by them, not run.
#
# Starts a throwaway server (nothing is synced to disk), makes databases with our schema and with the ancestor's
# extension, and leaves nothing behind.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$("$root/scripts/pg-bin")
programs=${CARGO_TARGET_DIR:-$root/target}/release
owner=$(id -un postgres 2>/dev/null || echo nobody)
started=()

as_owner() { if [ "$(id -u)" = 0 ]; then runuser -u "$owner" -- "$@"; else "$@"; fi; }

fail() { # message, hint
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

need() { # program, package
    [ -x "$1" ] || fail "$1 is missing" "install the package $2; make setup does it on Debian"
}

finish() {
    for pid in "${started[@]:-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
    for pid in "${started[@]:-}"; do
        [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    done
    (cd / && as_owner "$bin/pg_ctl" stop -m immediate -w -D "$dir/data" >/dev/null 2>&1) || true
    rm -rf "$dir"
}

start_server() { # further lines of settings
    dir=$(mktemp -d "${TMPDIR:-/tmp}/londiste-bench.XXXXXX")
    if [ "$(id -u)" = 0 ]; then chown "$owner" "$dir"; fi
    trap finish EXIT
    trap 'exit 130' INT TERM
    cd "$dir"
    unset "${!PG@}"
    export PGHOST=$dir PGUSER=postgres PGOPTIONS='-c client_min_messages=warning'
    as_owner "$bin/initdb" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D "$dir/data" >initdb.log
    as_owner tee "$dir/data/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 256MB
max_wal_size = 4GB
$1
CONF
    as_owner "$bin/pg_ctl" start -w -D "$dir/data" -l "$dir/log" >/dev/null
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

connstr() { echo "host=$dir user=postgres dbname=$1"; }

build() { # what cargo is to build
    (cd "$root" && cargo build --release --quiet "$@")
}

create() { # ours | ancestor, name of the database
    createdb "$2"
    if [ "$1" = ours ]; then
        "$programs/londiste" install "$(connstr "$2")" --only pgq,pgq_coop -q
    else
        sql "$2" "create extension pgq" || fail "the ancestor's extension pgq cannot be installed" \
            "make setup installs it on Debian"
    fi
}

pgqd_of() { # ours | ancestor
    if [ "$1" = ours ]; then echo "$programs/pgqd"; else echo /usr/bin/pgqd; fi
}

start_pgqd() { # ours | ancestor, its databases; with the settings that nobody changed
    printf '%s\n' '[pgqd]' "base_connstr = host=$dir user=postgres" "database_list = $2" 'syslog = 0' \
        "logfile = $dir/$1.pgqd.log" "pidfile = $dir/$1.pgqd.pid" >"$1.pgqd.ini"
    need "$(pgqd_of "$1")" pgqd
    "$(pgqd_of "$1")" -q "$dir/$1.pgqd.ini" >"$1.pgqd.out" 2>&1 &
    started+=($!)
}

median() { printf '%s\n' "$@" | sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN {if (b > 0) printf "%.2f", a / b; else print "-"}'; }
