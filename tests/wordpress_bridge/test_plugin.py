"""The plugin's files, without running them: syntax, PHP 7.4, WordPress's rules, words, the zip."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from wordpress_bridge import archive, translations

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "wordpress_bridge" / "plugin"
SOURCES = sorted(PLUGIN.rglob("*.php"))
SCRIPTS = sorted(PLUGIN.rglob("*.js"))


def name_of(path: Path) -> str:
    return path.relative_to(PLUGIN).as_posix()


def code_of(path: Path) -> str:
    """The file without its comments."""
    return re.sub(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.php
def test_php_reads_every_file_and_so_would_the_oldest_that_we_promise(php: str) -> None:
    for path in SOURCES:
        done = subprocess.run([php, "-l", str(path)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout
    old = subprocess.run([php, str(Path(__file__).with_name("old_php.php")), *map(str, SOURCES)], capture_output=True,
                         text=True, timeout=30)
    assert (old.stdout, old.returncode) == ("", 0)


@pytest.mark.php
def test_what_the_oldest_php_cannot_read_is_found(php: str, tmp_path: Path) -> None:
    new = tmp_path / "new.php"
    new.write_text("<?php\nclass A { public function __construct( private int $a, ) {} }\n$b?->c();\nf( d: 1 );\n"
                   "$e = match ( 1 ) { default => 2 };\nfunction g( int|string $h ): mixed {}\n$i = strlen(...);\n"
                   "try {} catch ( E ) {}\n")
    said = subprocess.run([php, str(Path(__file__).with_name("old_php.php")), str(new)], capture_output=True, text=True,
                          timeout=30).stdout

    assert {line.split(":")[1].split(" ")[0] for line in said.splitlines()} == {"2", "3", "4", "5", "6", "7", "8"}


def test_coding_standards_that_are_here() -> None:
    """WordPress's own ruleset is not packaged; what PHP_CodeSniffer itself brings is."""
    phpcs = shutil.which("phpcs")
    if phpcs is None:
        pytest.skip("PHP_CodeSniffer is not here: left out (apt-get install php-codesniffer)")
    done = subprocess.run([phpcs, "-q", f"--standard={Path(__file__).with_name('phpcs.xml')}", str(PLUGIN)],
                          capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_does_anything_when_it_is_called_by_itself(path: Path) -> None:
    guard = "WP_UNINSTALL_PLUGIN" if path.name == "uninstall.php" else "ABSPATH"
    first = code_of(path).removeprefix("<?php").strip()

    assert first.startswith(f"if ( ! defined( '{guard}' ) ) {{\n\texit;\n}}")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_that_the_directory_refuses(path: Path) -> None:
    code = code_of(path)

    own = re.sub(r"\w*wp_\w+\s*\(|->\w+\s*\(|::\w+\s*\(", "", code)
    assert not re.findall(r"\b(?:eval|create_function|passthru|proc_open|shell_exec|exec|system|curl_\w+|error_log|"
                          r"var_dump|print_r|extract|rand|mt_rand|json_encode|strip_tags|parse_url|move_uploaded_file|"
                          r"date|unserialize|file_get_contents)\s*\(", own)
    assert not re.findall(r"localhost|127\.0\.0\.1|`|<<<|<\?(?!php)", code)
    assert not re.findall(r"register_rest_route\((?!.*permission_callback)", code, re.DOTALL)


def pieces(expression: str, by: str) -> list[str]:
    """What stands between the signs `by` that are in no bracket of `expression`."""
    found, depth = [""], 0
    for sign in expression:
        depth += (sign in "([") - (sign in ")]")
        if sign == by and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return [one.strip() for one in found if one.strip()]


SAFE = re.compile(r"esc_\w+\(|wp_kses_post\(|checked\(|selected\(|''$|(?:in_array\(.*\)|[^?]*) \? '' : ''$", re.DOTALL)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_what_is_printed_is_escaped_at_that_place(path: Path) -> None:
    code = re.sub(r"'(?:[^'\\]|\\.)*'", "''", code_of(path))

    for echoed in re.findall(r"\becho (.*?);(?=\s*\?>|\s*\n)", code, re.DOTALL):
        for part in pieces(echoed, "."):
            assert SAFE.match(part), echoed
    for printed in re.findall(r"(?<![sn])printf\((.*?)\);(?=\s*\n)", code, re.DOTALL):
        for part in pieces(printed, ","):
            assert SAFE.match(part), printed


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_query_is_prepared_or_names_only_our_tables(path: Path) -> None:
    for call, rest in re.findall(r"\$wpdb->(query|get_var|get_row|get_results|get_col)\(\s*(.*?)\)?;\n", code_of(path),
                                 re.DOTALL):
        if "prepare(" in rest:
            continue
        names = set(re.findall(r"\{?\$(\w+)", rest))
        assert names <= {"table", "wpdb"}, f"{call}: {rest}"


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    main, readme = ((PLUGIN / name).read_text(encoding="utf-8") for name in ("relance.php", "readme.txt"))

    assert archive.version() == project
    assert f"define( 'RELANCE_VERSION', '{project}' );" in main
    assert f"define( 'RELANCE_VERSION', '{project}' );" in (PLUGIN / "uninstall.php").read_text(encoding="utf-8")
    assert f"Stable tag: {project}" in readme
    assert f"= {project} =" in readme.partition("== Changelog ==")[2]


def test_the_readme_is_as_the_directory_wants_it() -> None:
    main, readme = ((PLUGIN / name).read_text(encoding="utf-8") for name in ("relance.php", "readme.txt"))
    head = dict(re.findall(r"^([A-Z][\w ]+): +(.+)$", readme, re.MULTILINE))
    mine = dict(re.findall(r"^ \* ([A-Z][\w ]+): +(.+)$", main, re.MULTILINE))

    for name in ("Requires at least", "Requires PHP", "License", "License URI"):
        assert head[name] == mine[name]
    assert mine["Text Domain"] == "relance"
    assert len(head["Tags"].split(",")) <= 5
    short = readme.split("\n\n")[1].strip()
    assert len(short) <= 150
    assert len(mine["Description"]) <= 140
    for section in ("Description", "Installation", "Frequently Asked Questions", "Changelog", "Upgrade Notice"):
        assert f"== {section} ==" in readme
    assert "= External services =" in readme


def test_every_sentence_has_its_french_and_the_files_are_current() -> None:
    assert translations.untranslated() == []
    for name, content in translations.files():
        assert (translations.LANGUAGES / name).read_bytes() == content, f"make plugin writes {name} anew"


def test_a_translation_keeps_what_is_filled_in() -> None:
    known = translations.read(translations.LANGUAGES / "relance-fr_FR.po")
    for one in translations.entries():
        places = re.findall(r"%(?:\d\$)?[sd]", one.text)
        for said in known[one.text]:
            assert sorted(re.findall(r"%(?:\d\$)?[sd]", said)) == sorted(places), one.text
            assert not re.search(r"\b(?:webhook|token|payload)s?\b", said, re.IGNORECASE)


def test_no_word_is_said_without_its_text_domain() -> None:
    for path in [*SOURCES, *SCRIPTS]:
        code = code_of(path)
        calls = re.findall(r"\b(?:__|_e|_n|_x|esc_html__|esc_html_e|esc_attr__|esc_attr_e)\(", code)
        calls = [call for call in calls if path.name != "block.js" or call != "__("]
        assert len(calls) <= code.count("'relance' )"), name_of(path)


@pytest.mark.skipif(shutil.which("msgunfmt") is None, reason="gettext is not here")
def test_gettext_reads_the_compiled_words() -> None:
    words = str(translations.LANGUAGES / "relance-fr_FR.mo")
    done = subprocess.run(["msgunfmt", words], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0
    assert "Ce que votre site peut déclencher" in done.stdout


def test_the_zip_is_the_same_each_time_and_holds_what_a_site_needs() -> None:
    archive.build.cache_clear()
    first = archive.build()
    archive.build.cache_clear()

    assert archive.build() == first
    with zipfile.ZipFile(io.BytesIO(first)) as one:
        names = one.namelist()
        assert all(name.startswith("relance/") and "/." not in name for name in names)
        assert {entry.date_time for entry in one.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert one.testzip() is None
    for wanted in ("relance.php", "uninstall.php", "readme.txt", "blocks/optin/block.json", "assets/optin.js",
                   "languages/relance-fr_FR.mo"):
        assert f"relance/{wanted}" in names
    assert len(names) == len([path for path in PLUGIN.rglob("*") if path.is_file()])


def test_every_asset_that_is_named_is_there() -> None:
    for path in SOURCES:
        for asset in re.findall(r"'((?:assets|includes)/[\w./-]+)'", path.read_text(encoding="utf-8")):
            assert (PLUGIN / asset).is_file(), asset
    block = json.loads((PLUGIN / "blocks/optin/block.json").read_text(encoding="utf-8"))
    assert block["editorScript"] == translations.SCRIPT


def test_no_script_reaches_for_anything_outside_the_site() -> None:
    for path in [*SCRIPTS, *PLUGIN.rglob("*.css")]:
        assert not re.findall(r"https?://|innerHTML|eval\(|document\.write|@import", code_of(path)), name_of(path)
