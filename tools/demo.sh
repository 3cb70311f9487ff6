#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Try the service out: its own virtual environment, an SQLite database, no Keystone, on a loopback address.
#
#     tools/demo.sh
#     PORT=9091 FREEZER_DEMO_DIR=/tmp/demo tools/demo.sh
#
# Everything it makes is in FREEZER_DEMO_DIR, .demo beside this checkout's setup.cfg unless told; remove the
# folder to start afresh. Ctrl-C ends it. PYTHON names the interpreter to use.

set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh

port=${PORT:-9090}
state=${FREEZER_DEMO_DIR:-$PWD/.demo}
[ "${state#/}" != "$state" ] || state=$called_from/$state
[[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || fail "PORT is not a port: $port"

# Steps run in the background, so that a signal to this script is acted upon at once, and with -m each in a
# process group of its own, so that it can be ended with all its children.
set -m
child=
# At every end: the terminal that closes (HUP), and a step that fails, must not leave the service running either.
end() {
    trap '' HUP INT TERM
    [ -z "$child" ] || { kill -- "$child" && wait "${child#-}"; } 2>/dev/null || true
}
trap end EXIT
trap 'exit 0' HUP INT TERM
run() {
    "$@" </dev/null &
    child=-$!
    wait "${child#-}"
    child=
}

if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use; choose another one: PORT=$((port + 1)) tools/demo.sh"
fi

mkdir -p "$state"
# For the commands to try; the service does not need it.
command -v curl >/dev/null || [ "$(id -u)" -ne 0 ] || run apt_install curl curl
run make_environment "$state/venv" ''

cat >"$state/freezer-api.conf" <<CONF
# Written by tools/demo.sh at each start.
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $port
workers = 2
auth_strategy = noauth

[database]
connection = sqlite:///$state/freezer.sqlite
CONF
run "$state/venv/bin/freezer-manage" --config-file "$state/freezer-api.conf" db sync

"$state/venv/bin/freezer-api" --config-file "$state/freezer-api.conf" </dev/null &
child=$!
until "$state/venv/bin/python" - "$port" 2>/dev/null <<'PYTHON'
import http.client
import sys

http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=5).request('GET', '/')
PYTHON
do
    kill -0 "$child" 2>/dev/null || { wait "$child" || true; fail 'the service did not start'; }
    sleep 0.2
done

url=http://127.0.0.1:$port
json="-H 'Content-Type: application/json'"
cat <<TEXT

Freezer API listens on $url; Ctrl-C ends it. State is kept in $state

Register a client, create a job for it, list the jobs:

curl -sS -X POST $url/v2/demo/clients $json -d '{"client_id": "demo_host1", "hostname": "host1", "description": "first host"}'
curl -sS -X POST $url/v2/demo/jobs $json -d '{"client_id": "demo_host1", "description": "etc, daily", "job_actions": [{"freezer_action": {"action": "backup", "mode": "fs", "storage": "local", "backup_name": "etc", "path_to_backup": "/etc", "container": "/var/backups/freezer"}}], "job_schedule": {"schedule_interval": "1 days"}}'
curl -sS $url/v2/demo/jobs

TEXT
wait "$child"
