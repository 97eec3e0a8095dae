"""A real WordPress for a test: its files in a folder, a database of its own on MariaDB, PHP's web server on loopback.

The Debian package has no theme, so a small one is written; what WooCommerce and form plugins would call is called by a
stand-in plugin of the tests (`tests/wordpress_bridge/stand_in.php`): those plugins cannot be had here.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.support.ports import free_port

PLUGIN = Path(__file__).parents[2] / "wordpress_bridge" / "plugin"
ADMIN, PASSWORD = "admin", "un mot de passe de test"
PATIENCE = 30.0

CONFIG = """<?php
define( 'DB_NAME', %(database)s );
define( 'DB_USER', %(user)s );
define( 'DB_PASSWORD', %(password)s );
define( 'DB_HOST', 'localhost' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'WP_ENVIRONMENT_TYPE', 'local' );
define( 'WP_DEBUG', true );
define( 'WP_DEBUG_LOG', %(log)s );
define( 'WP_DEBUG_DISPLAY', false );
define( 'DISABLE_WP_CRON', true );
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'WP_ACCESSIBLE_HOSTS', '127.0.0.1' );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $relance_name ) {
	define( $relance_name . '_KEY', 'only for tests ' . $relance_name );
	define( $relance_name . '_SALT', 'salt only for tests ' . $relance_name );
}
$table_prefix = 'wp_';
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
"""

# PHP's own server knows no rewriting: what is no file is WordPress's.
ROUTER = """<?php
$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
if ( is_dir( __DIR__ . $path ) && is_file( __DIR__ . rtrim( $path, '/' ) . '/index.php' ) && '/' !== $path ) {
	$_SERVER['SCRIPT_NAME'] = rtrim( $path, '/' ) . '/index.php';
	chdir( __DIR__ . $path );
	require __DIR__ . rtrim( $path, '/' ) . '/index.php';
	return true;
}
if ( '/' !== $path && is_file( __DIR__ . $path ) ) {
	return false;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
require __DIR__ . '/index.php';
"""

THEME = {
    "style.css": "/*\nTheme Name: Bare\n*/\n",
    "index.php": "<!doctype html><html><head><?php wp_head(); ?></head><body><?php while ( have_posts() ) { the_post();"
    " the_title( '<h1>', '</h1>' ); the_content(); if ( is_singular() ) { comment_form(); } } wp_footer();"
    " echo '<!-- queries:', get_num_queries(), ' -->'; ?></body></html>\n",
}

# Only the test knows its name: code of the test, run as the site itself runs.
DOOR = """<?php
require __DIR__ . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';
$relance_found = ( static function () {
	extract( json_decode( wp_unslash( $_POST['given'] ), true ) );
	return eval( wp_unslash( $_POST['code'] ) );
} )();
echo 'found:' . wp_json_encode( $relance_found );
"""

INSTALL = """<?php
define( 'WP_INSTALLING', true );
$_SERVER['HTTP_HOST'] = %(host)s;
$_SERVER['REQUEST_URI'] = '/';
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'Boutique Essai', %(admin)s, 'admin@example.org', true, '', %(password)s, 'en_US' );
update_option( 'siteurl', 'http://' . %(host)s );
update_option( 'home', 'http://' . %(host)s );
update_option( 'permalink_structure', '/%%postname%%/' );
update_option( 'users_can_register', 1 );
update_option( 'comment_moderation', 0 );
update_option( 'comment_previously_approved', 0 );
switch_theme( 'bare' );
flush_rewrite_rules();
"""


@dataclass
class Site:
    """`with Site(folder, source, php) as site:` — `site.url`; `site.php(code)` runs code inside WordPress and gives
    what it returns; `site.admin` is the administrator's browser (a `requests.Session`)."""

    folder: Path
    source: Path
    php_command: str
    workers: int = 4
    url: str = ""
    _server: subprocess.Popen[bytes] | None = None
    _admin: requests.Session | None = None
    _door: str = field(default_factory=lambda: f"door-{secrets.token_hex(12)}.php")
    _database: str = field(default_factory=lambda: f"relance_test_{secrets.token_hex(6)}")

    def __enter__(self) -> Site:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self.root = self.folder / "site"
        shutil.copytree(self.source, self.root, ignore_dangling_symlinks=True,
                        ignore=shutil.ignore_patterns("wp-config.php", "themes"))
        self.log = self.folder / "debug.log"
        for name, words in THEME.items():
            place = self.root / "wp-content" / "themes" / "bare" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(words, encoding="utf-8")
        (self.root / "wp-content" / "plugins" / "relance").symlink_to(PLUGIN)
        stand_in = self.root / "wp-content" / "plugins" / "stand-in"
        stand_in.mkdir()
        shutil.copy(Path(__file__).parents[1] / "wordpress_bridge" / "stand_in.php", stand_in / "stand-in.php")
        password = secrets.token_hex(12)
        sql(f"CREATE DATABASE {self._database}; CREATE USER '{self._database}'@'localhost' IDENTIFIED BY '{password}'; "
            f"GRANT ALL ON {self._database}.* TO '{self._database}'@'localhost'")
        known = {"database": self._database, "user": self._database, "password": password, "log": str(self.log)}
        (self.root / "wp-config.php").write_text(CONFIG % {key: php_text(value) for key, value in known.items()})
        (self.root / "router.php").write_text(ROUTER)
        (self.root / self._door).write_text(DOOR)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        install = self.root / "install-now.php"
        install.write_text(INSTALL % {"host": php_text(f"127.0.0.1:{port}"), "admin": php_text(ADMIN),
                                      "password": php_text(PASSWORD)})
        done = subprocess.run([self.php_command, str(install)], cwd=self.root, capture_output=True, timeout=120)
        said = self.log.read_text() if self.log.is_file() else (done.stdout + done.stderr).decode()
        assert done.returncode == 0, said
        install.unlink()
        self._server = subprocess.Popen(
            [self.php_command, "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0",
             "-d", "sendmail_path=/bin/true", "-S", f"127.0.0.1:{port}", "router.php"],
            cwd=self.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PHP_CLI_SERVER_WORKERS": str(self.workers)})
        until(lambda: answers(port), "PHP's server does not answer")

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(PATIENCE)
        sql(f"DROP DATABASE IF EXISTS {self._database}; DROP USER IF EXISTS '{self._database}'@'localhost'")

    # Inside ---------------------------------------------------------------------------------------------------------

    def php(self, code: str, /, **given: Any) -> Any:
        """Runs `code` (it may `return`) inside WordPress; `given` are its variables. What it returns (JSON)."""
        answer = requests.post(f"{self.url}/{self._door}", timeout=PATIENCE * 2,
                               data={"code": code, "given": json.dumps(given)})
        assert answer.status_code == 200, answer.text[:2000]
        assert answer.text.startswith("found:"), answer.text[:2000]
        return json.loads(answer.text.removeprefix("found:"))

    def notices(self) -> list[str]:
        """What PHP had to say about our plugin."""
        if not self.log.is_file():
            return []
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if "/relance/" in line or "wordpress_bridge/plugin" in line or "stand-in" in line
                or "PHP Fatal" in line]

    # Outside --------------------------------------------------------------------------------------------------------

    def get(self, path: str, session: Any = requests, **given: Any) -> requests.Response:
        return session.get(urljoin(self.url, path), timeout=PATIENCE, **given)

    def post(self, path: str, session: Any = requests, **given: Any) -> requests.Response:
        return session.post(urljoin(self.url, path), timeout=PATIENCE, **{"allow_redirects": False, **given})

    @property
    def admin(self) -> requests.Session:
        """The administrator's browser, logged in once."""
        if self._admin is None:
            self._admin = self.logged_in(ADMIN, PASSWORD)
        return self._admin

    def logged_in(self, name: str, password: str) -> requests.Session:
        session = requests.Session()
        session.cookies.set("wordpress_test_cookie", "WP Cookie check")
        answer = self.post("/wp-login.php", session, data={"log": name, "pwd": password, "testcookie": "1"})
        assert answer.status_code == 302, answer.text[:2000]
        return session

    def submit(self, page: str, action: str, session: requests.Session | None = None,
               **fields: str) -> requests.Response:
        """Fills the form of `page` whose hidden field `action` has that value, as a browser would, and sends it."""
        session = session or self.admin
        shown = self.get(page, session)
        form = next(one for one in forms(shown.text) if one.fields.get("action") == action)
        return session.post(urljoin(shown.url, form.target or shown.url), data={**form.fields, **fields},
                            timeout=PATIENCE)


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes and what it holds."""

    target: str
    fields: Mapping[str, str]


def forms(page: str) -> list[Form]:
    """The forms of a page, as far as tests need them: text, hidden, ticked boxes, chosen options."""
    found = []
    for head, body in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.S):
        fields: dict[str, str] = {}
        for tag in re.findall(r"<input([^>]*)>", body):
            attributes = dict(re.findall(r"""([\w-]+)=["']([^"']*)["']""", tag))
            kind = attributes.get("type", "text")
            if kind in ("checkbox", "radio") and "checked" not in tag:
                continue
            if "name" in attributes and kind not in ("submit", "button"):
                fields[attributes["name"]] = unescape(attributes.get("value", ""))
        for name, options in re.findall(r"<select[^>]*name=[\"']([^\"']+)[\"'][^>]*>(.*?)</select>", body, re.S):
            chosen = re.search(r"<option value=[\"']([^\"']*)[\"'][^>]*selected", options)
            fields[name] = unescape(chosen.group(1)) if chosen else ""
        for name, text in re.findall(r"<textarea[^>]*name=[\"']([^\"']+)[\"'][^>]*>(.*?)</textarea>", body, re.S):
            fields[name] = unescape(text)
        target = re.search(r"action=[\"']([^\"']*)[\"']", head)
        found.append(Form(unescape(target.group(1)) if target else "", fields))
    return found


def sql(statements: str) -> None:
    """Says something to MariaDB as its root, by the socket. Raises `subprocess.CalledProcessError`."""
    subprocess.run(["mariadb", "-u", "root", "-e", statements], check=True, capture_output=True, timeout=60)


def php_text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def until(met: Any, otherwise: str, seconds: float = PATIENCE) -> Any:
    """Waits until `met()` is true; its value."""
    pause, ends = threading.Event(), time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < ends, otherwise
        pause.wait(0.05)
    return found
