"""The French catalogue: typesetting of sentences, merging, and what the check refuses."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("guichet_messages", ROOT / "tools" / "messages.py")
messages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(messages)


def shown(text: str) -> str:
    """Make the no-break spaces of `text` visible: _ is narrow, ~ is wide."""
    return text.replace("\u202f", "_").replace("\u00a0", "~")


@pytest.mark.parametrize(
    ("typed", "typeset"),
    [
        # Before double punctuation, whether the space was typed, forgotten or of another kind.
        ("Bonjour !", "Bonjour_!"),
        ("Bonjour\u00a0!", "Bonjour_!"),
        ("Que s'est-il passé ? Dites-le.", "Que s’est-il passé_? Dites-le."),
        ("Objet: panne", "Objet_: panne"),
        ("Vraiment ?!", "Vraiment_?!"),
        ("Fermée ; un suivi peut la reprendre", "Fermée_; un suivi peut la reprendre"),
        ("Dates (heure de Paris) : demain", "Dates (heure de Paris)_: demain"),
        # Inside the quotation marks of French.
        ("« Imprimer »", "«_Imprimer_»"),
        ("«Imprimer»", "«_Imprimer_»"),
        ("le bouton « Envoyer » : cliquez", "le bouton «_Envoyer_»_: cliquez"),
        ("« %(title)s » est fermée", "«_%(title)s_» est fermée"),
        # Numbers and units.
        ("50 % des demandes", "50~% des demandes"),
        ("50 %% des demandes", "50~%% des demandes"),
        ("%(rate)s %% atteint", "%(rate)s~%% atteint"),
        ("20 Mo par fichier", "20~Mo par fichier"),
        ("%(size)s Mo par fichier", "%(size)s~Mo par fichier"),
        ("de 8 h 30 à 18 h", "de 8~h~30 à 18~h"),
        ("15 min", "15~min"),
        ("12 s", "12~s"),
        # A word is not a unit: the line may break before it.
        ("7 jours ouvrés", "7 jours ouvrés"),
        ("5 sur 6", "5 sur 6"),
        ("2 messages", "2 messages"),
        # Apostrophes.
        ("aujourd'hui, l'équipe", "aujourd’hui, l’équipe"),
        ("demande d'%(name)s", "demande d’%(name)s"),
        # What is not French text is left alone.
        ("à 10:30 précises", "à 10:30 précises"),
        (
            "https://guichet.example/tickets?list=mine&q=a:b",
            "https://guichet.example/tickets?list=mine&q=a:b",
        ),
        ("Voir https://guichet.example : tout y est", "Voir https://guichet.example_: tout y est"),
        ("Écrivez à mailto:aide@guichet.example", "Écrivez à mailto:aide@guichet.example"),
        ("%(name)s: bonjour", "%(name)s_: bonjour"),
        ("%(done)s %(name)s", "%(done)s %(name)s"),
        ("5 %(unit)s", "5 %(unit)s"),
        ("{count} demandes", "{count} demandes"),
        ("<strong>Note</strong> : privée", "<strong>Note</strong>_: privée"),
        ('<a title="a : b">lien</a>', '<a title="a : b">lien</a>'),
        ("R&amp;D &nbsp;: oui", "R&amp;D &nbsp;_: oui"),
        ("Tapez `a : b`", "Tapez `a : b`"),
        ("Re: %(subject)s", "Re: %(subject)s"),
        ("Première ligne :\n- seconde", "Première ligne_:\n- seconde"),
    ],
)
def test_french_is_typeset(typed, typeset):
    assert shown(messages.typeset(typed)) == typeset


@pytest.mark.parametrize(
    "text", ["Bonjour !", "« Oui » : 50 % à 8 h 30 ?", "Objet: l'écran", "%(n)s Mo ; ok"]
)
def test_typesetting_twice_changes_nothing(text):
    once = messages.typeset(text)
    assert messages.typeset(once) == once


@pytest.mark.parametrize(
    ("english", "french", "fault"),
    [
        (("Hello %(name)s",), ("Bonjour %(nom)s",), "unknown"),
        (("Hello %(name)s",), ("Bonjour",), "missing in French"),
        (("Hello",), ("",), "no French"),
        (("Hello {name}",), ("Bonjour {nom}",), "braces"),
        (("Half of it",), ("50\u00a0%",), "lone %"),
        (("50 %% of it",), ("50\u00a0% de cela",), "lone %"),
        (("50% of it",), ("50\u00a0%% de cela",), "single %"),
        (("%(n)s file", "%(n)s files"), ("%(n)s fichier",), "2 forms expected"),
        (("Hello!",), ("Bonjour !",), "typography"),
    ],
)
def test_faulty_french_is_named(english, french, fault):
    assert any(fault in found for found in messages.faults(english, french))


def test_sound_french_has_no_fault():
    assert messages.faults(("Hello %(name)s!",), ("Bonjour %(name)s\u202f!",)) == []
    assert messages.faults(("50%% done",), ("50\u00a0%% faits",)) == []
    assert messages.faults(("One file", "%(num)s files"), ("Un fichier", "%(num)s fichiers")) == []


def write(path: Path, words: dict) -> Path:
    path.write_text(json.dumps(words), encoding="utf-8")
    return path


def test_added_french_is_sorted_typeset_and_compiled(tmp_path):
    po = tmp_path / "messages.po"
    assert messages.add(write(tmp_path / "a.json", {"Zone": "Zone", "Hello!": "Bonjour !"}), po) == []
    plural = {"msgid": "%(n)s file", "plural": "%(n)s files", "fr": ["%(n)s fichier", "%(n)s fichiers"]}
    assert messages.add(write(tmp_path / "b.json", {"Account": "Compte", "plurals": [plural]}), po) == []

    text = po.read_text(encoding="utf-8")
    assert [text.index(f'msgid "{word}') for word in ("%(n)s file", "Account", "Hello!", "Zone")] == sorted(
        text.index(f'msgid "{word}') for word in ("%(n)s file", "Account", "Hello!", "Zone")
    )
    from babel.support import Translations

    with po.with_suffix(".mo").open("rb") as file:
        french = Translations(file)
    assert french.gettext("Hello!") == "Bonjour\u202f!"
    assert [french.ngettext("%(n)s file", "%(n)s files", n) for n in (0, 1, 2)] == [
        "%(n)s fichier",
        "%(n)s fichier",
        "%(n)s fichiers",
    ]


def test_adding_again_replaces_and_adding_a_fault_writes_nothing(tmp_path):
    po = tmp_path / "messages.po"
    messages.add(write(tmp_path / "a.json", {"Close": "Clore"}), po)
    messages.add(write(tmp_path / "a.json", {"Close": "Fermer"}), po)
    before = po.read_bytes()
    assert b'msgstr "Fermer"' in before and b"Clore" not in before

    refused = messages.add(write(tmp_path / "b.json", {"Open": "Ouvrir", "Hi %(name)s": "Salut"}), po)
    assert refused and "Hi %(name)s" in refused[0]
    assert po.read_bytes() == before


def small_project(root: Path) -> Path:
    """Write a project of one module and one template under `root`; return the path of its catalogue."""
    (root / "babel.cfg").write_bytes((ROOT / "babel.cfg").read_bytes())
    (root / "views").mkdir()
    (root / "views" / "desk.py").write_text('_("Take it")\nngettext("%(num)s file", "%(num)s files", 2)\n')
    (root / "templates").mkdir()
    (root / "templates" / "desk.html").write_text('<h1>{{ _("Desk") }}</h1>')
    (root / "var").mkdir()
    (root / "var" / "other.py").write_text('_("Not ours")\n')
    return root / "messages.po"


def test_check_names_what_is_missing_and_what_is_no_longer_said(tmp_path):
    po = small_project(tmp_path)
    messages.add(write(tmp_path / "a.json", {"Desk": "Bureau", "Old words": "Anciens mots"}), po)
    found = "\n".join(messages.check(tmp_path, po))
    assert "views/desk.py:1: no French for 'Take it'" in found
    assert "no French for '%(num)s file'" in found
    assert "no longer said in the source: 'Old words'" in found
    assert "Not ours" not in found and "'Desk'" not in found


def test_a_whole_catalogue_passes_the_check(tmp_path):
    po = small_project(tmp_path)
    words = {"Desk": "Bureau", "Take it": "Prendre"}
    words["plurals"] = [
        {"msgid": "%(num)s file", "plural": "%(num)s files", "fr": ["%(num)s fichier", "%(num)s fichiers"]}
    ]
    messages.add(write(tmp_path / "a.json", words), po)
    assert messages.check(tmp_path, po) == []
    po.with_suffix(".mo").write_bytes(b"older")
    assert messages.check(tmp_path, po) == [
        "messages.mo is not compiled from messages.po: run tools/messages.py compile"
    ]


def test_a_fuzzy_entry_fails_the_check(tmp_path):
    po = small_project(tmp_path)
    messages.add(write(tmp_path / "a.json", {"Desk": "Bureau"}), po)
    po.write_text(po.read_text().replace('msgid "Desk"', '#, fuzzy\nmsgid "Desk"'))
    assert any("fuzzy: 'Desk'" in problem for problem in messages.check(tmp_path, po))


def test_what_is_still_to_translate_has_the_shape_that_add_takes(tmp_path):
    po = small_project(tmp_path)
    messages.add(write(tmp_path / "a.json", {"Desk": "Bureau", "Old words": "Anciens mots"}), po)
    missing = messages.still_to_translate(tmp_path, po)
    assert missing == {
        "Take it": "",
        "plurals": [{"msgid": "%(num)s file", "plural": "%(num)s files", "fr": ["", ""]}],
    }
    assert messages.prune(tmp_path, po) == ["Old words"]
    assert "Old words" not in po.read_text()


def test_the_catalogue_of_the_portal_is_whole():
    assert messages.check() == []
