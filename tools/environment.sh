# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the other scripts: packages of the system, and a virtual environment for this checkout.

fail() { echo "${0##*/}: $*" >&2; exit 1; }

# apt_install WHAT PACKAGE...: install as root, or end and tell which packages provide WHAT.
# Services that the packages bring are not started.
apt_install() {
    local what=$1 policy=/usr/sbin/policy-rc.d made=
    shift
    command -v apt-get >/dev/null || fail "$what is missing; install it with the package manager of this system"
    [ "$(id -u)" -eq 0 ] || fail "$what is missing; install it as root: apt-get install $*"
    echo "Installing $*" >&2
    # In a subshell, whose traps are not those of the caller: nothing may leave the policy behind, or no package could
    # start a service on this machine any more.
    (
        trap '[ -z "$made" ] || rm -f "$made"' EXIT
        trap 'exit 129' HUP
        trap 'exit 130' INT
        trap 'exit 143' TERM
        if [ ! -e "$policy" ]; then
            made=$policy
            printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
    ) </dev/null >&2 || fail "$what could not be installed"
}

# find_python: print the interpreter to use, PYTHON or the newest that is new enough.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail 'Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3'
}

# make_environment FOLDER EXTRAS: install this checkout (the current folder) with the named extras, as in
# '[test]', into a virtual environment. What is there already is kept as long as it was made from the same
# requirements, interpreter and checkout.
make_environment() {
    local folder=$1 extras=$2 python stamp
    python=$(find_python) || exit 1
    stamp=$(
        printf '%s\n' "$PWD" "$folder" "$extras"
        "$python" -c 'import sys; print(sys.base_prefix, sys.version)'
        cat setup.py setup.cfg pyproject.toml requirements.txt test-requirements.txt
    )
    stamp=$(printf '%s' "$stamp" | sha256sum)
    [ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || return 0

    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian and Ubuntu ship both apart from Python, for each version of it.
        apt_install 'Python module venv' \
            "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    echo "Making the environment $folder; this takes a minute or two" >&2
    "$python" -m venv --clear "$folder" || fail "$folder could not be made"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --editable ".$extras" </dev/null >&2 \
        || fail "the requirements could not be installed into $folder"
    printf '%s\n' "$stamp" >"$folder/stamp"
}
