"""The ten lines of the README, in each language, against a server: what people copy works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running import Running
from tests.support.shop import Shop

README = Path(__file__).parents[3] / "integrations" / "custom_shop" / "README.md"
# Each reads address, secret and event from its arguments and prints the status that it heard.
CALLS = {
    "php": ("php", """
[, $url, $secret, $event] = $argv;
echo relance_post($url, $secret, json_decode($event, true));
"""),
    "javascript": ("node", """
const [url, secret, event] = process.argv.slice(2);
relancePost(url, secret, JSON.parse(event)).then((status) => console.log(status));
"""),
    "python": (sys.executable, """
import sys
url, secret, event = sys.argv[1:]
print(relance_post(url, secret, json.loads(event)))
"""),
}  # fmt: skip
SUFFIXES = {"php": ".php", "javascript": ".cjs", "python": ".py"}


def example(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


@pytest.mark.parametrize("language", CALLS)
def test_an_example_posts_a_cart(language: str, tmp_path: Path) -> None:
    program, call = CALLS[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    script = tmp_path / f"example{SUFFIXES[language]}"
    script.write_text(example(language) + call, encoding="utf-8")
    # The example signs with the true time of day.
    with Running(tmp_path, start=None) as relance:
        shop = Shop(relance, "cart-1h")
        cart = {
            "id": "831", "total": "84.70", "currency": "EUR", "items": [{"name": "Écharpe d'été"}],
            "customer": {"phone": "06 39 98 00 01"},
        }  # fmt: skip
        event = {"id": "evt-1", "type": "cart.updated", "at": shop.now().isoformat(), "cart": cart}

        done = subprocess.run([program, str(script), shop.hook, shop.secret, json.dumps(event)], capture_output=True,
                              text=True, timeout=30, check=False)  # fmt: skip

        assert done.stdout.strip() == "200", done.stderr
        [known] = relance.client.get(f"/v1/occasions?installation={shop.id}").json()["data"]
        assert known["key"] == "cart/831"
        assert known["to"] == "+33639980001"
        assert known["values"]["items"][0]["name"] == "Écharpe d'été"


@pytest.mark.parametrize("language", CALLS)
def test_an_example_is_about_ten_lines(language: str) -> None:
    assert len(example(language).strip().splitlines()) <= 11
