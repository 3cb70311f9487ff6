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
    iniset "$FREEZER_API_CONF" database connection "$(database_connection_url freezer)"
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
    if ! wait_for_service "$SERVICE_TIMEOUT" \
        "$FREEZER_API_PROTOCOL://$FREEZER_API_HOST:$FREEZER_API_PORT/healthcheck"; then
        die $LINENO 'freezer-api did not start'
    fi
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
        sudo rm -rf "$FREEZER_API_CONF_DIR"
    fi
fi
