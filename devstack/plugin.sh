# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# DevStack plugin. In local.conf:
#
#     [[local|localrc]]
#     enable_plugin freezer-api https://opendev.org/openstack/freezer-api

function install_freezer_api {
    setup_develop "$FREEZER_API_DIR"
    if is_service_enabled postgresql; then
        pip_install psycopg2-binary
    fi
}

function configure_freezer_api {
    sudo install -d -o "$STACK_USER" "$FREEZER_API_CONF_DIR"
    rm -f "$FREEZER_API_CONF"
    iniset "$FREEZER_API_CONF" DEFAULT bind_host "$(ipv6_unquote "$SERVICE_LISTEN_ADDRESS")"
    iniset "$FREEZER_API_CONF" DEFAULT bind_port "$FREEZER_API_PORT"
    iniset "$FREEZER_API_CONF" DEFAULT workers "$FREEZER_API_WORKERS"
    iniset "$FREEZER_API_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    # DevStack asks for utf8, which MySQL takes for three bytes a character.
    iniset "$FREEZER_API_CONF" database connection \
        "$(database_connection_url freezer | sed 's/charset=utf8\>/charset=utf8mb4/')"
    configure_keystone_authtoken_middleware "$FREEZER_API_CONF" freezer
    setup_logging "$FREEZER_API_CONF"
}

function create_freezer_api_accounts {
    create_service_user freezer
    get_or_create_service freezer backup "Freezer Backup Service"
    get_or_create_endpoint backup "$REGION_NAME" \
        "$FREEZER_API_PROTOCOL://$FREEZER_API_HOST:$FREEZER_API_PORT"
}

function init_freezer_api {
    recreate_database freezer
    "$FREEZER_API_BIN_DIR/freezer-manage" --config-file "$FREEZER_API_CONF" db sync
}

function start_freezer_api {
    run_process freezer-api "$FREEZER_API_BIN_DIR/freezer-api --config-file $FREEZER_API_CONF"
    # wait_for_service may return at once where the connection is refused.
    local url=$FREEZER_API_PROTOCOL://$FREEZER_API_HOST:$FREEZER_API_PORT/healthcheck
    local end=$((SECONDS + SERVICE_TIMEOUT))
    until curl --globoff --noproxy '*' --max-time 5 -sf -o /dev/null "$url"; do
        [[ $SECONDS -lt $end ]] || die $LINENO 'freezer-api did not start'
        sleep 1
    done
}

FREEZER_API_BIN_DIR=$(get_python_exec_prefix)

if is_service_enabled freezer-api; then
    if [[ $1 == stack && $2 == install ]]; then
        echo_summary 'Installing Freezer API'
        install_freezer_api
    elif [[ $1 == stack && $2 == post-config ]]; then
        echo_summary 'Configuring Freezer API'
        configure_freezer_api
        if is_service_enabled key; then
            create_freezer_api_accounts
        fi
        init_freezer_api
    elif [[ $1 == stack && $2 == extra ]]; then
        echo_summary 'Starting Freezer API'
        start_freezer_api
    fi
    if [[ $1 == unstack ]]; then
        stop_process freezer-api
    fi
    if [[ $1 == clean ]]; then
        # The agent's plugin has its files in the same folder.
        sudo rm -f "$FREEZER_API_CONF"
        sudo rmdir --ignore-fail-on-non-empty "$FREEZER_API_CONF_DIR" || true
    fi
fi
