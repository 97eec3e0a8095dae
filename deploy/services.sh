#!/bin/sh
# Installs and starts what the tests can use beside Python, on Debian. Running it twice changes nothing.
#
# PostgreSQL gets the role and the databases `relance` and `relance_test` on loopback; Redis, RabbitMQ and MariaDB
# are started as Debian sets them up. Exit status 0 when all of them answer.
set -eu

SERVERS="postgresql redis-server rabbitmq-server"
TOOLS="chromium php-cli php-mysql php-curl php-xml php-mbstring php-codesniffer gettext"
# WordPress wants a web server: mini-httpd is the one that does not start by itself. The tests use PHP's own.
SITE="wordpress mini-httpd php php-cgi mariadb-server"
# An SMPP client that is not ours. The tests start it themselves; Debian's package starts nothing that they need.
GATEWAY="kannel"

say() { printf 'services: %s\n' "$*"; }

if ! command -v apt-get >/dev/null 2>&1; then
    say "this is not Debian: install PostgreSQL, Redis, RabbitMQ, Chromium, PHP and WordPress by your own means" >&2
    exit 1
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root() { "$@"; }
elif command -v sudo >/dev/null 2>&1; then
    as_root() { sudo "$@"; }
else
    say "installing and starting services needs root: run 'make services' as root" >&2
    exit 1
fi
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then su postgres -s /bin/sh -c "$1"; else sudo -u postgres sh -c "$1"; fi
}

missing_of() {
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" in
            *"install ok installed") ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

LISTS_ARE_FRESH=""
install() {
    missing=$(missing_of "$@")
    [ -n "$missing" ] || return 0
    say "installing $missing"
    if [ -z "$LISTS_ARE_FRESH" ]; then
        as_root apt-get -qq update || say "the package lists could not be refreshed; going on with the old ones" >&2
        LISTS_ARE_FRESH=yes
    fi
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing </dev/null >/dev/null
}

start() {
    if [ -d /run/systemd/system ]; then as_root systemctl start "$1"; else as_root service "$1" start; fi >/dev/null 2>&1
}

# Asks once a second, for at most half a minute.
until_it_answers() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 30 ] || return 1
        sleep 1
    done
}

FAILED=""
failed() { say "$1" >&2; FAILED=yes; }

postgresql_ready() { pg_isready -q -h 127.0.0.1 -p 5432; }
postgresql_set_up() {
    as_postgres "psql -qX -v ON_ERROR_STOP=1 -d postgres" <<'SQL'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'relance') THEN
        CREATE ROLE relance LOGIN CREATEDB PASSWORD 'relance';
    END IF;
END $$;
SELECT 'CREATE DATABASE relance OWNER relance' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'relance')
\gexec
SELECT 'CREATE DATABASE relance_test OWNER relance' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'relance_test')
\gexec
SQL
}
redis_ready() { redis-cli -h 127.0.0.1 ping; }
rabbitmq_ready() { as_root rabbitmqctl -q -t 20 await_startup; }
mariadb_ready() { as_root mysqladmin --silent ping; }

# shellcheck disable=SC2086
install $SERVERS || failed "not every server could be installed"
# shellcheck disable=SC2086
install $TOOLS || failed "Chromium or PHP could not be installed"
# shellcheck disable=SC2086
install $SITE || failed "WordPress or MariaDB could not be installed"
# shellcheck disable=SC2086
install $GATEWAY || failed "Kannel could not be installed"

postgresql_ready || start postgresql || true
if until_it_answers postgresql_ready && postgresql_set_up; then
    say "PostgreSQL answers on 127.0.0.1:5432 (role and databases relance, relance_test)"
else
    failed "PostgreSQL does not answer on 127.0.0.1:5432"
fi

redis_ready >/dev/null 2>&1 || start redis-server || true
if until_it_answers redis_ready; then say "Redis answers on 127.0.0.1:6379"; else failed "Redis does not answer on 127.0.0.1:6379"; fi

rabbitmq_up() { as_root rabbitmqctl -q -t 10 ping; }
rabbitmq_up >/dev/null 2>&1 || start rabbitmq-server || true
if until_it_answers rabbitmq_ready; then say "RabbitMQ answers on 127.0.0.1:5672"; else failed "RabbitMQ does not answer on 127.0.0.1:5672"; fi

if command -v mysqladmin >/dev/null 2>&1; then
    mariadb_ready >/dev/null 2>&1 || start mariadb || true
    if until_it_answers mariadb_ready; then say "MariaDB answers (for WordPress)"; else failed "MariaDB does not answer"; fi
fi

[ -z "$FAILED" ]
