"""The lint that reads every page of the other tests: what it refuses, and that a good page passes."""

import pytest

from tests.support import lint

GOOD = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>Vos demandes - Guichet</title></head>
<body><main><h1>Vos demandes</h1>
<form method="post" action="/tickets"><input type="hidden" name="csrf_token" value="x">
<label for="summary">Objet</label><input id="summary" name="summary">
<label>Fichier <input type="file" name="attachments"></label>
<button>Envoyer</button></form></main></body></html>"""


def test_a_good_page_passes():
    assert lint.faults(GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("<h1>Vos demandes</h1>", "<p>Vos demandes</p>", "0 h1"),
        ("</main>", "<h1>Encore</h1></main>", "2 h1"),
        ("<h1>Vos demandes</h1>", "<h1>Autre</h1>", "does not begin"),
        ("<h1>Vos demandes</h1>", "<h1>Vos demandes</h1><h3>Trop loin</h3>", "follows h1"),
        ('<label for="summary">Objet</label>', "", "has no label"),
        ("<label>Fichier ", "<label>", "has no label"),
        ("<button>", '<button id="summary">', "2 times"),
        ("<button>", '<button aria-describedby="hint">', "leads to nothing"),
        ("<button>", '<button onclick="go()">', "handler"),
        ("<button>", '<button style="color: red">', "inline style"),
        ("<button>Envoyer", '<button><svg aria-hidden="true"></svg>', "has no name"),
        ("</main>", '<a href="javascript:go()">Aller</a></main>', "runs a script"),
        ("</main>", "<script>go()</script></main>", "inline <script>"),
        ("</main>", '<img src="/a.png"></main>', "no alt"),
        ("</main>", '<a href="#gone">Plus bas</a></main>', "leads to nothing"),
        (' lang="fr"', "", "French or in English"),
        ('<input type="hidden" name="csrf_token" value="x">', "", "CSRF"),
        ("<main>", "<div>", "not well-formed"),
    ],
)
def test_a_bad_page_is_refused(good, bad, fault):
    assert good in GOOD
    with pytest.raises(AssertionError, match=f"(?i){fault}"):
        lint.assert_good_page(GOOD.replace(good, bad), "GET /tickets")
