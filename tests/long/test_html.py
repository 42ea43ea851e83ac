"""The checker of the W3C finds nothing in the pages as they are sent: one of each state, each by somebody who sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.scene import Scene
from tests.support.states import ROLES, STATES, set_stage

pytestmark = pytest.mark.long

sys.path.insert(0, str(ROOT / "tools"))


def checked(folder: Path) -> list[str]:
    """What the checker says of the pages of a folder; warnings count."""
    import ensure_vnu

    jar = ensure_vnu.find()
    assert jar is not None, "no checker of HTML: run `make test-long`, or `python tools/ensure_vnu.py`"
    done = subprocess.run(
        ["java", "-Xmx512m", "-jar", str(jar), "--format", "json", "--stdout", "--exit-zero-always", str(folder)],
        capture_output=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [
        f"{Path(said['url']).stem}: {said['message']} {said.get('extract', '').strip()[:200]}"
        for said in json.loads(done.stdout)["messages"]
    ]


def test_the_checker_is_not_blind(tmp_path: Path) -> None:
    page = '<!doctype html><html lang="fr"><head><title>Un</title></head><body><ul><p>Deux</p></ul></body></html>'
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert any(
        "p not allowed as child of element ul" in said.replace("“", "").replace("”", "")
        for said in checked(tmp_path)
    )


def test_pages_are_valid(client: Any, world: SimpleNamespace, tmp_path: Path) -> None:
    client.lint = False
    stage = set_stage(Scene(client.application, world), world)
    folder = tmp_path / "pages"
    folder.mkdir()
    saved = 0
    for role in ("s", *ROLES):
        client.sign_out()
        if role != "s":
            client.sign_in(getattr(world, ROLES[role]))
        for place, state in enumerate(STATES):
            if state.act or role not in state.who or (role != state.who[0] and place % 3):
                continue
            answer = client.get(state.path.format(**stage), follow_redirects=True)
            assert answer.status_code == state.status, (state.name, role)
            (folder / f"{place:03d}-{role}.html").write_bytes(answer.data)
            saved += 1
        # Refused forms, which only a POST shows.
        for place, path in enumerate(REFUSED.get(role, [])):
            answer = client.submit(path.format(**stage), form=FORMS.get(path))
            assert answer.status_code == 422, path
            (folder / f"refused-{place}-{role}.html").write_bytes(answer.data)
            saved += 1
    assert saved >= 60
    said = checked(folder)
    assert not said, f"{len(said)} findings:\n" + "\n".join(sorted(set(said)))


# Role -> pages whose form is sent empty; and which form, where a page has several.
REFUSED = {
    "s": ["/login", "/register", "/password/{link}"],
    "c": [
        "/requests/new/incident",
        "/requests/new/user-deletion",
        "/requests/new/vat-change",
        "/tickets/{request}",
    ],
    "o": ["/organisation/contacts"],
    "a": ["/desk/tickets/{in_progress}"],
    "r": ["/admin/team/new/", "/admin/article/new/"],
}
FORMS = {
    "/requests/new/incident": "request", "/requests/new/user-deletion": "request", "/requests/new/vat-change": "request",
    "/tickets/{request}": "/replies", "/desk/tickets/{in_progress}": "/replies",
}  # fmt: skip
