#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests that read old document stores, on throw-away servers of this run.
#
#     tools/test_search_servers.sh [NAME...]     only the servers named, such as elasticsearch-2.4.6 opensearch-2.19.1
#
# The last line is that of tools/test.sh, "N passed, M failed". Where neither Java nor Maven can be had everything is
# skipped, with a reason. PYTHON and FREEZER_TEST_VENV as for tools/test.sh.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh
. tools/servers.sh
. tools/search_servers.sh

environment=${FREEZER_TEST_VENV:-$PWD/.venv-test}
folder=
runner=

finish() {
    trap - EXIT INT TERM
    [ -z "$runner" ] || kill "$runner" 2>/dev/null || true
    stop_search_servers
    [ -z "$folder" ] || rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_environment "$environment" '[test]'
folder=$(mktemp -d)
chmod 711 "$folder"
start_search_servers "$folder" "$@" || { echo '0 passed, 0 failed, 1 skipped'; exit 0; }

status=0
"$environment/bin/python" -m subunit.run tests.integration.test_search_servers </dev/null >"$folder/stream" &
runner=$!
wait "$runner" || status=$?
runner=
# Only what did not pass.
"$environment/bin/subunit-filter" --passthrough <"$folder/stream" | "$environment/bin/subunit2pyunit" || true
read -r passed failed skipped < <("$environment/bin/python" tools/count_results.py <"$folder/stream")
[ "$((passed + failed))" -gt 0 ] || { echo 'test_search_servers.sh: no test ran' >&2; status=1; }
[ "$failed" -eq 0 ] || status=1
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
exit "$status"
