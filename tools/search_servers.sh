# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tools/test.sh: old document stores, which are throw-away Elasticsearch and OpenSearch servers, each a single
# node on a free loopback port. Needs tools/environment.sh and tools/servers.sh.
#
#     start_search_servers FOLDER [NAME...]     sets and exports FREEZER_TEST_SEARCH_SERVERS, "NAME=URL NAME=URL",
#                                               and FREEZER_TEST_SEARCH_CA, the file that the https ones are checked
#                                               with. Fails with a message where Java, Maven or a distribution
#                                               cannot be had.
#     stop_search_servers                       ends what was started
#
# FOLDER must exist; root's servers run as another user, so it must be able to enter it. The distributions come from
# Maven Central and are kept in .search-servers/. doc/source/contributor/search-servers.rst says which were tried.

SEARCH_SERVERS=(
    elasticsearch-1.7.6 elasticsearch-2.4.6 elasticsearch-5.6.16 elasticsearch-6.8.23 elasticsearch-7.17.28
    elasticsearch-8.6.2 opensearch-1.3.20 opensearch-2.19.1
)
# Of the one server that wants a password, as they all do by default from 8 on.
SEARCH_USER=freezer
SEARCH_PASSWORD=throw-away

SEARCH_PIDS=()

# find_java: print a Java 17. The servers before 8 need the security manager, which later ones lost; those from 8 on
# need 17.
find_java() {
    local java
    for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java)" /usr/lib/jvm/*17*/bin/java; do
        if "$java" -version 2>&1 | grep -q 'version "17\.'; then
            echo "$java"
            return
        fi
    done
    return 1
}

# search_distribution NAME: make sure that .search-servers/NAME.zip is there.
search_distribution() {
    local product=${1%-*} version=${1##*-} cache=$PWD/.search-servers group
    [ ! -s "$cache/$1.zip" ] || return 0
    case $1 in
        elasticsearch-1.*) group=org.elasticsearch ;;
        elasticsearch-2.*) group=org.elasticsearch.distribution.zip ;;
        *) group=org.$product.distribution.integ-test-zip ;;
    esac
    echo "Fetching $1" >&2
    mkdir -p "$cache"
    timeout 120 mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        -Dartifact="$group:$product:$version:zip" -DoutputDirectory="$cache/partial" </dev/null >&2 || return 1
    mv "$cache/partial/$1.zip" "$cache/$1.zip"
}

# Elasticsearch 1.x asks for the boot class path, which Java 9 lost, to show it in a statistic. Its class file gets
# another property's getter of the same signature in place; the longer names around it are counted, so any length fits.
patch_boot_class_path() {
    "$(find_python)" - "$1/lib/${1##*/}.jar" "$1/patched" <<'PYTHON'
import pathlib
import sys
import zipfile

archive, folder = sys.argv[1:]
name = 'org/elasticsearch/monitor/jvm/JvmInfo.class'
content = zipfile.ZipFile(archive).read(name)
path = pathlib.Path(folder, name)
path.parent.mkdir(parents=True)
# Constants of class files are a tag, a length of two bytes, and the text.
old, new = (b'\x01\x00' + bytes([len(getter)]) + getter for getter in (b'getBootClassPath', b'getLibraryPath'))
assert content.count(old) == 1
path.write_bytes(content.replace(old, new))
PYTHON
}

# search_certificate FOLDER: make the certificate of 127.0.0.1 that is also its own CA.
search_certificate() {
    FREEZER_TEST_SEARCH_CA=$1/search-ca.pem
    export FREEZER_TEST_SEARCH_CA
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$1/search-key.pem" -out "$FREEZER_TEST_SEARCH_CA" 2>/dev/null \
        || fail 'openssl made no certificate'
    chmod 644 "$1/search-key.pem"
}

# start_search_server FOLDER NAME JAVA: without waiting for it. Sets SEARCH_PID, SEARCH_LOG and SEARCH_URL.
start_search_server() {
    local folder=$1 name=$2 java=$3
    local product=${name%-*} home=$folder/$name port
    "$(find_python)" -m zipfile --extract ".search-servers/$name.zip" "$folder" || fail "$name.zip is damaged"
    mkdir -p "$home/data" "$home/logs" "$home/plugins" "$home/tmp"
    port=$(free_port)
    SEARCH_URL=http://127.0.0.1:$port
    SEARCH_LOG=$home/output
    {
        echo "cluster.name: $name-$port"
        echo 'network.host: 127.0.0.1'
        echo "http.port: $port"
        case $name in
            elasticsearch-[1256].*) echo "transport.tcp.port: $(free_port)" ;;
            *) printf '%s\n' "transport.port: $(free_port)" 'discovery.type: single-node' ;;
        esac
        [[ $name != elasticsearch-1.* ]] || echo 'discovery.zen.ping.multicast.enabled: false'
        case $name in
            elasticsearch-7.*) echo 'xpack.security.enabled: false' ;;
            elasticsearch-8.*)
                cp "$folder/search-key.pem" "$FREEZER_TEST_SEARCH_CA" "$home/config/"
                printf '%s\n' 'xpack.security.enabled: true' 'xpack.security.http.ssl.enabled: true' \
                    'xpack.security.http.ssl.key: search-key.pem' \
                    'xpack.security.http.ssl.certificate: search-ca.pem'
                SEARCH_URL=https://$SEARCH_USER:$SEARCH_PASSWORD@127.0.0.1:$port
                ;;
        esac
    } >"$home/config/$product.yml"
    local options=(-Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Djava.io.tmpdir=$home/tmp")
    local path_options=("-Des.path.home=$home" "-Des.path.conf=$home/config" -cp "$home/lib/*")
    local main=(org.elasticsearch.bootstrap.Elasticsearch)
    # Their start scripts spend a second process on choosing options, some of which newer Javas refuse.
    case $name in
        elasticsearch-1.*)
            patch_boot_class_path "$home"
            path_options=("-Des.path.home=$home" -cp "$home/patched:$home/lib/*")
            ;;
        elasticsearch-2.*)
            path_options=("-Des.path.home=$home" -cp "$home/lib/*")
            main+=(start)
            ;;
        opensearch-*)
            path_options=("-Dopensearch.path.home=$home" "-Dopensearch.path.conf=$home/config" -cp "$home/lib/*")
            main=(org.opensearch.bootstrap.OpenSearch)
            ;;
    esac
    local command=("$java" "${options[@]}" "${path_options[@]}" "${main[@]}")
    if [[ $name == elasticsearch-8.* ]]; then
        # The server takes its arguments from the program that starts it, and ends with it.
        printf '%s\n' "${options[@]}" >"$home/config/jvm.options"
        export ES_JAVA_HOME
        ES_JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$java")")")
        bash "$home/bin/elasticsearch-users" useradd "$SEARCH_USER" -p "$SEARCH_PASSWORD" -r superuser \
            </dev/null >"$home/users.log" 2>&1 || { tail "$home/users.log" >&2; fail "$name got no user"; }
        command=(bash "$home/bin/elasticsearch")
    fi
    # All of them refuse to run as root.
    run_as nobody
    [ "$(id -u)" -ne 0 ] || chown -R nobody "$home"
    (cd "$home" && export HOME=$home LIBFFI_TMPDIR=$home/tmp && exec "${AS[@]}" "${command[@]}" </dev/null >>"$SEARCH_LOG" 2>&1) &
    SEARCH_PID=$!
    SEARCH_PIDS+=("$SEARCH_PID")
}

# search_answers URL: whether its server can take documents.
search_answers() {
    "$(find_python)" - "$1" "$FREEZER_TEST_SEARCH_CA" <<'PYTHON'
import base64
import ssl
import sys
import urllib.parse
import urllib.request

url, authority = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
request = urllib.request.Request(
    f'{url.scheme}://{url.hostname}:{url.port}/_cluster/health?wait_for_status=yellow&timeout=1s'
)
if url.password:
    word = base64.b64encode(f'{url.username}:{url.password}'.encode()).decode()
    request.add_header('Authorization', f'Basic {word}')
context = ssl.create_default_context(cafile=authority)
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)
opener.open(request, timeout=5).close()
PYTHON
}

start_search_servers() {
    local folder=$1 java name number
    local -a names=("${@:2}") urls=() pids=() logs=()
    java=$(find_java) || { (apt_install 'Java 17' openjdk-17-jre-headless) && java=$(find_java); } \
        || { echo 'No search server: Java 17 is missing' >&2; return 1; }
    for name in "${names[@]}"; do
        [ ! -s ".search-servers/$name.zip" ] || continue
        command -v mvn >/dev/null || (apt_install Maven maven) \
            || { echo 'No search server: Maven is missing' >&2; return 1; }
        search_distribution "$name" || { echo "No search server: Maven brought no $name" >&2; return 1; }
    done

    command -v openssl >/dev/null || apt_install OpenSSL openssl
    search_certificate "$folder"
    for name in "${names[@]}"; do
        start_search_server "$folder" "$name" "$java"
        urls+=("$SEARCH_URL") pids+=("$SEARCH_PID") logs+=("$SEARCH_LOG")
    done
    FREEZER_TEST_SEARCH_SERVERS=
    for number in "${!names[@]}"; do
        wait_for "${names[$number]}" "${pids[$number]}" "${logs[$number]}" search_answers "${urls[$number]}"
        FREEZER_TEST_SEARCH_SERVERS+="${names[$number]}=${urls[$number]} "
    done
    export FREEZER_TEST_SEARCH_SERVERS
}

# QUIT, as stop_servers sends it, would print the stacks of a Java program and nothing else.
stop_search_servers() {
    [ "${#SEARCH_PIDS[@]}" -gt 0 ] || return 0
    kill -KILL "${SEARCH_PIDS[@]}" 2>/dev/null || true
    wait "${SEARCH_PIDS[@]}" 2>/dev/null || true
    SEARCH_PIDS=()
}
