"""Advice beside the fields: which texts get it, in both languages, and that it never refuses anything."""

from __future__ import annotations

import pytest

from domain.advice import Written, advise


def said(**written: str | bool | None) -> dict[str, str]:
    """The code of the advice by field, on a question unless another form is named."""
    return {found.field: found.code for found in advise(Written(**{"form_slug": "question", **written}))}  # type: ignore[arg-type]


SUBJECTS = [
    # In French
    ("Problème", "too-general"),
    ("PROBLÈME !!!", "too-general"),
    ("Erreur", "too-general"),
    ("Urgent", "too-general"),
    ("Aide urgente svp", "too-general"),
    ("Bonjour, j’ai un souci", "too-general"),
    ("ça ne marche pas", "too-general"),
    ("Demande d’assistance", "too-general"),
    ("Facturation", "one-word"),
    ("Congés", "one-word"),
    ("IMPOSSIBLE DE VALIDER LES HEURES", "capitals"),
    ("Erreur 500 à la validation des heures", None),
    ("Facture d’octobre en double", None),
    ("Le bouton Enregistrer est coupé", None),
    ("Export SQL vide", None),
    # In English
    ("Problem", "too-general"),
    ("Help", "too-general"),
    ("urgent help", "too-general"),
    ("Bug", "too-general"),
    ("It doesn't work", "too-general"),
    ("Error, please help asap", "too-general"),
    ("Something is broken", "too-general"),
    ("Payroll", "one-word"),
    ("CANNOT VALIDATE TIME SHEETS", "capitals"),
    ("Invoice of October sent twice", None),
    ("SSO down", None),
    ("VPN REST API", None),
    ("Error 403 on the payroll page", None),
    ("2FA", None),
    ("", None),
]


@pytest.mark.parametrize(("summary", "code"), SUBJECTS)
def test_a_subject_gets_the_advice_that_fits_it(summary: str, code: str | None) -> None:
    assert said(summary=summary).get("summary") == code


TEXTS = [
    ("Un message d’erreur apparaît quand je valide.", "message-missing"),
    ("J’ai une erreur à l’enregistrement.", "message-missing"),
    ("Message d’erreur : « La période est déjà close ».", None),
    ("L’erreur 500 revient à chaque validation.", None),
    ("Plantage avec le code ORA-01722 le matin.", None),
    ("Erreur : ![capture.png](file:abc)", None),
    ("Je voudrais ajouter une colonne.", None),
    ("I get an error when I save.", "message-missing"),
    ("There is an exception in the log.", "message-missing"),
    ("The error says “The period is already closed”.", None),
    ("The error is `NullReference`.", None),
    ("How do I add a column?", None),
]


@pytest.mark.parametrize(("description", "code"), TEXTS)
def test_an_error_without_its_words_is_asked_for(description: str, code: str | None) -> None:
    assert said(description=description).get("description") == code


def test_files_may_show_the_message() -> None:
    assert said(description="I get an error when I save.", with_files=True) == {}


@pytest.mark.parametrize(
    ("form", "version", "description", "code"),
    [
        ("patch", None, "Le correctif livré hier n’est pas là.", "version-missing"),
        ("patch", None, "Le correctif de la 12.4.1 n’est pas là.", None),
        ("patch", None, "The fix of version 12 is missing.", None),
        ("patch", None, "", None),
        ("standard-help", "", "Comment saisir un congé ?", "version-missing"),
        ("standard-help", "12.4", "Comment saisir un congé ?", None),
        ("question", None, "Comment saisir un congé ?", None),
    ],
)
def test_a_form_about_a_product_asks_for_its_version(
    form: str, version: str | None, description: str, code: str | None
) -> None:
    assert said(form_slug=form, version=version, description=description).get("description") == code
