# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by scripts that need database servers: throw-away ones on free loopback ports, tuned to forget.
#
#     start_mariadb FOLDER       sets MARIADB_URL and MARIADB_PORT
#     start_postgresql FOLDER    sets POSTGRESQL_URL and POSTGRESQL_PORT
#     start_memcached            sets MEMCACHED_SERVER
#     stop_servers               ends what was started
#
# FOLDER must exist; root's servers run as users of their own, so they must be able to enter it. Needs
# tools/environment.sh. The functions end the script when a server cannot be had.

SERVERS=()

free_port() {
    "$(find_python)" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# run_as USER: set AS to the words before a command that make it run as USER, if root calls, and end with this
# script however that ends.
run_as() {
    AS=(setpriv --pdeathsig KILL)
    [ "$(id -u)" -ne 0 ] || AS+=(--reuid "$1" --regid "$(id -g "$1")" --clear-groups)
}

# wait_for NAME PID LOG COMMAND...: until the command succeeds; the server has two minutes.
wait_for() {
    local name=$1 pid=$2 log=$3 deadline=$((SECONDS + 120))
    shift 3
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 20 "$log" >&2
            fail "$name did not start"
        fi
        sleep 0.1
    done
}

start_mariadb() {
    local folder=$1/mariadb user
    [ -x /usr/sbin/mariadbd ] || command -v mariadbd >/dev/null \
        || apt_install MariaDB mariadb-server-core mariadb-client-core
    local server=/usr/sbin/mariadbd
    [ -x "$server" ] || server=$(command -v mariadbd)
    # The package without its service brings no user for it.
    user=mysql
    id "$user" >/dev/null 2>&1 || user=nobody

    mkdir -p "$folder"
    [ "$(id -u)" -ne 0 ] || chown "$user" "$folder"
    run_as "$user"
    "${AS[@]}" mariadb-install-db --no-defaults --datadir="$folder/data" --skip-test-db \
        --auth-root-authentication-method=normal </dev/null >"$folder/install.log" 2>&1 \
        || { tail -n 20 "$folder/install.log" >&2; fail 'the MariaDB data folder could not be made'; }

    MARIADB_PORT=$(free_port)
    "${AS[@]}" "$server" --no-defaults --datadir="$folder/data" --tmpdir="$folder" \
        --socket="$folder/socket" --pid-file="$folder/pid" --log-error="$folder/error.log" \
        --bind-address=127.0.0.1 --port="$MARIADB_PORT" --skip-name-resolve \
        --character-set-server=utf8mb4 --max-connections=300 --max-allowed-packet=64M \
        --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --loose-innodb-flush-method=nosync \
        --innodb-buffer-pool-size="${MARIADB_BUFFER:-128M}" --performance-schema=OFF \
        </dev/null >>"$folder/output" 2>&1 &
    SERVERS+=($!)
    wait_for MariaDB $! "$folder/error.log" \
        mariadb --no-defaults --socket="$folder/socket" --user=root --execute="SELECT 1"
    MARIADB_URL="mysql+pymysql://root@127.0.0.1:$MARIADB_PORT/?charset=utf8mb4&ssl_disabled=true"
}

# The folder of the newest PostgreSQL's programs; Debian keeps them out of PATH.
postgresql_programs() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) "$(dirname "$(command -v initdb || echo /)")"; do
        [ ! -x "$folder/initdb" ] || { echo "$folder"; return; }
    done
    return 1
}

start_postgresql() {
    local folder=$1/postgresql programs
    programs=$(postgresql_programs) || { apt_install PostgreSQL postgresql; programs=$(postgresql_programs); } \
        || fail 'PostgreSQL is missing'

    mkdir -p "$folder"
    # It refuses to run as root.
    [ "$(id -u)" -ne 0 ] || chown postgres "$folder"
    run_as postgres
    (cd "$folder" && exec "${AS[@]}" "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync </dev/null >"$folder/install.log" 2>&1) \
        || { tail -n 20 "$folder/install.log" >&2; fail 'the PostgreSQL data folder could not be made'; }

    POSTGRESQL_PORT=$(free_port)
    (cd "$folder" && exec "${AS[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" \
        -c listen_addresses=127.0.0.1 -c port="$POSTGRESQL_PORT" -c max_connections=300 \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        -c shared_buffers="${POSTGRESQL_BUFFER:-128MB}" </dev/null >>"$folder/log" 2>&1) &
    SERVERS+=($!)
    wait_for PostgreSQL $! "$folder/log" \
        "$programs/pg_isready" --quiet --host=127.0.0.1 --port="$POSTGRESQL_PORT"
    POSTGRESQL_URL="postgresql+psycopg2://postgres@127.0.0.1:$POSTGRESQL_PORT/postgres"
}

start_memcached() {
    local port
    command -v memcached >/dev/null || apt_install memcached memcached
    port=$(free_port)
    run_as nobody
    "${AS[@]}" memcached --listen=127.0.0.1 --port="$port" --memory-limit=64 </dev/null >/dev/null &
    SERVERS+=($!)
    wait_for memcached $! /dev/null bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
    MEMCACHED_SERVER=127.0.0.1:$port
}

# Their data is thrown away, so they need not tidy up, nor wait for clients.
stop_servers() {
    [ "${#SERVERS[@]}" -gt 0 ] || return 0
    kill -QUIT "${SERVERS[@]}" 2>/dev/null || true
    wait "${SERVERS[@]}" 2>/dev/null || true
    SERVERS=()
}
