#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests on SQLite, MariaDB and PostgreSQL, the latter two from throw-away servers of this run.
#
#     tools/test.sh [ARGUMENT...]                       arguments go to "stestr run"
#     FREEZER_TEST_DATABASES=sqlite tools/test.sh       only the databases named, separated by commas
#
# The last line says "N passed, M failed", with ", K skipped" behind it where there are any. The exit status is
# 0 only if something ran and nothing failed. Missing servers are installed by root and a failure for others.
# PYTHON names the interpreter to use; FREEZER_TEST_VENV another folder for the virtual environment.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh
. tools/servers.sh

export FREEZER_TEST_DATABASES=${FREEZER_TEST_DATABASES:-sqlite,mariadb,postgresql}
environment=${FREEZER_TEST_VENV:-$PWD/.venv-test}
folder=
runner=

finish() {
    trap - EXIT INT TERM
    [ -z "$runner" ] || kill -- "-$runner" 2>/dev/null || true
    stop_servers
    [ -z "$folder" ] || rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_environment "$environment" '[test]'
export PATH="$environment/bin:$PATH"

folder=$(mktemp -d)
chmod 711 "$folder"
IFS=, read -ra databases <<<"$FREEZER_TEST_DATABASES"
for database in "${databases[@]}"; do
    case $database in
        sqlite) ;;
        mariadb)
            start_mariadb "$folder"
            export FREEZER_TEST_MARIADB_URL=$MARIADB_URL
            ;;
        postgresql)
            start_postgresql "$folder"
            export FREEZER_TEST_POSTGRESQL_URL=$POSTGRESQL_URL
            ;;
        *) fail "FREEZER_TEST_DATABASES: unknown database $database" ;;
    esac
done

export TMPDIR=$folder/tests
mkdir "$TMPDIR"
number() { cat .stestr/next-stream 2>/dev/null || echo 0; }
before=$(number)
status=0
# In the background, so that a signal to this script ends the run at once, and with -m in a process group of
# its own, so that it ends with its workers.
set -m
stestr run "$@" </dev/null &
runner=$!
set +m
wait "$runner" || status=$?
runner=

# Only a run that was recorded counts: nothing is, when the tests cannot be imported.
passed=0 failed=0 skipped=0
if [ "$(number)" -gt "$before" ]; then
    read -r passed failed skipped < <(stestr last --subunit | python tools/count_results.py)
fi
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || echo "test.sh: stestr ended with status $status" >&2
[ "$((passed + failed))" -gt 0 ] || { echo 'test.sh: no test ran' >&2; status=1; }
[ "$failed" -eq 0 ] || [ "$status" -ne 0 ] || status=1
# A line of its own: stestr may have ended in the middle of one.
echo
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
exit "$status"
