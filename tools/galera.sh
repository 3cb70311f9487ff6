#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run tests on a throw-away MariaDB Galera cluster of three nodes on free loopback ports. Connections go to the first two
# nodes in turn, as behind a proxy that spreads them; NODES=1 or NODES=3 names another number.
#
#     tools/galera.sh tests.functional.test_quotas ...      modules or tests, for testtools.run
#
# Needs an environment that has this package and the requirements of the tests (PYTHON names its interpreter; by
# default that of tools/test.sh). Missing servers are installed by root and a failure for others.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh
. tools/servers.sh

[ "$#" -gt 0 ] || fail 'name the tests to run'
python=${PYTHON:-.venv-test/bin/python}
provider=/usr/lib/galera/libgalera_smm.so
folder=$(mktemp -d)
chmod 711 "$folder"

finish() {
    trap - EXIT INT TERM
    # A node that is asked to stop waits for the others.
    [ "${#SERVERS[@]}" -eq 0 ] || kill -KILL "${SERVERS[@]}" 2>/dev/null || true
    stop_servers
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ ! -e "$provider" ] || ! command -v rsync >/dev/null || ! command -v lsof >/dev/null; then
    apt_install Galera mariadb-server-core mariadb-client-core galera-4 rsync lsof iproute2 socat
fi

# start_node NUMBER OPTION...: the ports are in SQL, GROUP, IST and SST.
start_node() {
    local name=n$1 home=$folder/n$1 index=$(($1 - 1)) members user=mysql
    shift
    id "$user" >/dev/null 2>&1 || user=nobody
    mkdir -p "$home/data"
    [ "$(id -u)" -ne 0 ] || chown -R "$user" "$home"
    run_as "$user"
    if [ "$name" = n1 ]; then
        "${AS[@]}" mariadb-install-db --no-defaults --datadir="$home/data" --skip-test-db \
            --auth-root-authentication-method=normal </dev/null >"$home/install.log" 2>&1 \
            || { tail -n 20 "$home/install.log" >&2; fail 'the data folder could not be made'; }
    fi
    members=$(IFS=,; echo "${GROUP[*]/#/127.0.0.1:}")
    "${AS[@]}" /usr/sbin/mariadbd --no-defaults --datadir="$home/data" --tmpdir="$home" \
        --socket="$home/socket" --pid-file="$home/pid" --log-error="$home/error.log" \
        --bind-address=127.0.0.1 --port="${SQL[index]}" --skip-name-resolve --server-id="$((index + 1))" \
        --character-set-server=utf8mb4 --max-connections=300 --max-allowed-packet=64M \
        --default-storage-engine=InnoDB --innodb-autoinc-lock-mode=2 --binlog-format=ROW \
        --innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=0 --performance-schema=OFF \
        --wsrep-on=ON --wsrep-provider="$provider" --wsrep-cluster-name=test --wsrep-node-name="$name" \
        --wsrep-node-address="127.0.0.1:${GROUP[index]}" --wsrep-sst-method=rsync \
        --wsrep-node-incoming-address="127.0.0.1:${SQL[index]}" \
        --wsrep-sst-receive-address="127.0.0.1:${SST[index]}" --wsrep-slave-threads=4 --wsrep-sync-wait=1 \
        --wsrep-provider-options="base_host=127.0.0.1;base_port=${GROUP[index]};gmcast.listen_addr=tcp://127.0.0.1:${GROUP[index]};ist.recv_addr=127.0.0.1:${IST[index]};gcache.size=64M" \
        --wsrep-cluster-address="gcomm://$members" "$@" </dev/null >>"$home/output" 2>&1 &
    SERVERS+=($!)
    # A node that joins answers when it has all that the others have.
    wait_for "MariaDB $name" $! "$home/error.log" \
        bash -c "mariadb --no-defaults --socket='$home/socket' --user=root --skip-column-names \
            --execute=\"SHOW STATUS LIKE 'wsrep_local_state_comment'\" | grep -q Synced"
}

SQL=() GROUP=() IST=() SST=()
for _ in 1 2 3; do
    SQL+=("$(free_port)") GROUP+=("$(free_port)") IST+=("$(free_port)") SST+=("$(free_port)")
done
start_node 1 --wsrep-cluster-address="gcomm://" --wsrep-new-cluster
start_node 2
start_node 3
mariadb --no-defaults --socket="$folder/n1/socket" --user=root --execute="SHOW STATUS LIKE 'wsrep_cluster_size'"

port=$(free_port)
"$python" tools/round_robin.py "$port" "${SQL[@]:0:${NODES:-2}}" </dev/null >"$folder/proxy.log" 2>&1 &
SERVERS+=($!)
wait_for 'The proxy' $! "$folder/proxy.log" \
    mariadb --no-defaults --host=127.0.0.1 --port="$port" --user=root --execute='SELECT 1'

export FREEZER_TEST_DATABASES=mariadb
export FREEZER_TEST_MARIADB_URL="mysql+pymysql://root@127.0.0.1:$port/?charset=utf8mb4"
"$python" -m testtools.run "$@"
