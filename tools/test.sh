#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests on SQLite, MariaDB and PostgreSQL, the latter two from throw-away servers of this run. What real
# programs do together (Keystone, agents and clients of published releases, from PyPI) is a stage of its own, beside
# all else, for it mostly waits; it is shown when it has ended. The last stage reads old document stores, Elasticsearch
# and OpenSearch, from servers of this run; where there is no Java for them it is skipped. What each real program did is
# told at the end, and how much was searched or compared by those tests that send all there is.
#
#     tools/test.sh                                     all stages
#     tools/test.sh ARGUMENT...                         one stage; arguments go to "stestr run"
#     FREEZER_TEST_DATABASES=sqlite tools/test.sh       only the databases named, separated by commas
#     FREEZER_TEST_SEARCH=all tools/test.sh             all search servers in place of one old and one new; or those
#                                                       named, as elasticsearch-1.7.6,opensearch-1.3.20; or none
#
# The last line says "N passed, M failed", with ", K skipped" behind it where there are any. The exit status is
# 0 only if something ran and nothing failed. Missing servers are installed by root and a failure for others.
# PYTHON names the interpreter to use; FREEZER_TEST_VENV another folder for the virtual environment.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh
. tools/servers.sh
. tools/search_servers.sh

export FREEZER_TEST_DATABASES=${FREEZER_TEST_DATABASES:-sqlite,mariadb,postgresql}
environment=${FREEZER_TEST_VENV:-$PWD/.venv-test}
folder=
# Process groups of stages, by name.
declare -A runners=() before=()

finish() {
    local name
    trap - EXIT INT TERM
    for name in "${!runners[@]}"; do
        kill -- "-${runners[$name]}" 2>/dev/null || true
    done
    stop_servers
    stop_search_servers
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
export FREEZER_TEST_REPORT=$folder/report
touch "$FREEZER_TEST_REPORT"
number() { cat "$1/.stestr/next-stream" 2>/dev/null || echo 0; }
status=0 passed=0 failed=0 skipped=0

# begin FOLDER ARGUMENT...: run tests in the background, recorded in a repository in the folder.
begin() {
    local place=$1
    shift
    before[$place]=$(number "$place")
    # With -m in a process group of its own, so that it ends with its workers.
    set -m
    stestr --repo-url "$place" run "$@" </dev/null &
    runners[$place]=$!
    set +m
}

# end FOLDER: wait for the tests; add to the three counts, and set status if something is wrong.
end() {
    local place=$1 ended=0 counts=(0 0 0)
    # A signal to this script interrupts that.
    wait "${runners[$place]}" || ended=$?
    unset "runners[$place]"
    # Only a run that was recorded counts: nothing is, when the tests cannot be imported.
    if [ "$(number "$place")" -gt "${before[$place]}" ]; then
        read -ra counts < <(stestr --repo-url "$place" last --subunit | python tools/count_results.py)
    fi
    [ "$ended" -eq 0 ] || [ "${counts[1]}" -gt 0 ] || echo "test.sh: stestr ended with status $ended" >&2
    [ "$((counts[0] + counts[1]))" -gt 0 ] || { echo "test.sh: no test ran" >&2; ended=1; }
    [ "$ended" -eq 0 ] && [ "${counts[1]}" -eq 0 ] || status=1
    passed=$((passed + counts[0])) failed=$((failed + counts[1])) skipped=$((skipped + counts[2]))
}

run_tests() {
    begin . "$@"
    end .
}

# start_search NAMES: start search servers by their names, separated by commas, or all. Fails where none can be had.
start_search() {
    local -a names
    IFS=, read -ra names <<<"$1"
    [ "$1" != all ] || names=("${SEARCH_SERVERS[@]}")
    if [ "$1" = none ]; then
        echo 'No search server: FREEZER_TEST_SEARCH says so' >&2
        return 1
    fi
    start_search_servers "$folder" "${names[@]}"
}

# Programs that take seconds to start, and that are mostly waited for.
real='\.integration\.test_((v1_)?programs|tokens|trusts|limits_of_projects|users_in_keystone)\.'
search='\.integration\.test_search_servers\.'
if [ "$#" -gt 0 ]; then
    [ -z "${FREEZER_TEST_SEARCH:-}" ] || start_search "$FREEZER_TEST_SEARCH" || true
    run_tests "$@"
else
    mkdir "$folder/real"
    begin "$folder/real" --concurrency 1 "$real" >"$folder/real.log" 2>&1
    run_tests --exclude-regex "$real|$search"
    end "$folder/real"
    cat "$folder/real.log"
    if start_search "${FREEZER_TEST_SEARCH:-elasticsearch-2.4.6,opensearch-2.19.1}"; then
        # One after the other: tests end the scrolls of a server, or wait for its answers.
        run_tests --concurrency 1 "$search"
        stop_search_servers
    else
        skipped=$((skipped + 1))
    fi
fi

if [ -s "$FREEZER_TEST_REPORT" ]; then
    echo
    echo 'What tests did:'
    sort "$FREEZER_TEST_REPORT" | sed 's/^/  /'
fi
# A line of its own: stestr may have ended in the middle of one.
echo
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
exit "$status"
