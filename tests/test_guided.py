"""The guided path: steps that depend on one another, kept as a draft, sent like any other form (REQ-6, REQ-9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from domain import catalogue, drafts, guided, settings
from domain.refusals import Invalid
from forms.requests.guided import Guided, made_for
from models import (
    Article,
    Draft,
    ExtraField,
    Feature,
    Kind,
    Organisation,
    Product,
    ProductKind,
    RoutingRule,
    Team,
    Ticket,
)
from tests.conftest import NOW
from tests.support.casework import see
from tests.support.scene import PNG, token_of

CHOICES = (
    ("product", {"product": "time"}),
    ("kind", {"kind": "incident"}),
    ("feature", {"feature": "hours"}),
)
WRITTEN = {
    "severity": "3",
    "summary": "Le bouton Valider reste gris",
    "description": "Depuis lundi, pour tout l’atelier.",
    "environment": "production",
}


def path(**chosen: str) -> guided.Path:
    return guided.path(catalogue.form("guided"), chosen)


def slugs(rows: Any) -> list[str]:
    return [row.slug for row in rows]


def at(step: str) -> str:
    return f"/requests/guided/{step}"


def choose(client: Any, *steps: tuple[str, Mapping[str, str]]) -> None:
    """Go through steps; each leads on."""
    for step, answers in steps:
        page = client.submit(at(step), **answers)
        assert page.status_code == 303, f"{step}: {page.text}"


def made() -> Any:
    """The guided requests of this test: the demo world has one already."""
    return Ticket.select().where(
        Ticket.form_slug == "guided", Ticket.organisation == Organisation.get(slug="acme")
    )


def to_the_recap(client: Any, **changes: Any) -> None:
    choose(client, *CHOICES, ("details", {**WRITTEN, **changes}), ("files", {}))


# ---- What each step offers -------------------------------------------------------------------------------


def test_features_depend_on_the_product_and_the_kind(world: Any) -> None:
    assert slugs(path(product="time", kind="incident").features) == [
        "hours",
        "leave",
        "time-clocks",
        "time-reports",
    ]
    assert "development" in slugs(path(product="time", kind="task").features)
    assert slugs(path(product="general", kind="incident").features) == []
    assert slugs(path(product="general", kind="task").features) == ["development"]


def test_kinds_depend_on_the_product_that_names_some(world: Any) -> None:
    time, task = Product.get(Product.slug == "time"), Kind.get(Kind.slug == "task")
    assert len(path(product="time").kinds) == len(catalogue.kinds())
    ProductKind.create(product=time, kind=task)
    catalogue.forget()
    assert slugs(path(product="time").kinds) == ["task"]
    assert len(path(product="payroll").kinds) == len(catalogue.kinds())
    # What was chosen before, and is no longer offered, has to be chosen again.
    assert path(product="time", kind="incident").missing() == "kind"


def test_questions_are_those_that_the_choices_call_for(world: Any) -> None:
    hours = Feature.get(Feature.slug == "hours")
    ExtraField.create(key="badge", name_fr="Badge", name_en="Badge", feature=hours)
    ExtraField.create(key="resting", name_fr="Repos", name_en="Resting", is_active=False)
    catalogue.forget()
    asked = [row.key for row in path(product="time", kind="incident", feature="hours").extras]
    assert {"environment", "steps", "error_text", "badge", "version"} <= set(asked)
    assert "resting" not in asked
    without = [row.key for row in path(product="time", kind="question", feature="leave").extras]
    assert not {"environment", "steps", "error_text", "badge"} & set(without) and "version" in without


def test_there_is_always_an_answer_for_when_no_product_fits(world: Any) -> None:
    assert not path().offers_general
    Product.update(is_active=False).where(Product.slug == "general").execute()
    assert path().offers_general
    chosen = path(product="general", kind="question")
    assert chosen.chosen["product"] == "general" and chosen.product is None and chosen.missing() is None


def test_steps_are_a_setting_in_a_fixed_order(world: Any) -> None:
    assert path().steps == ("product", "kind", "feature", "details", "files", "recap")
    settings.put("guided_steps", ["recap", "details", "priority", "product", "product"], None, NOW)
    assert settings.get("guided_steps") == ["product", "priority", "details", "recap"]
    assert path().steps == ("product", "priority", "details", "recap")
    settings.put("guided_steps", list(settings.GUIDED_STEPS), None, NOW)
    assert len(path().steps) == 7
    for wrong in (["product", "recap"], ["details", "song"], []):
        with pytest.raises(Invalid, match="setting-words"):
            settings.put("guided_steps", wrong, None, NOW)


def test_the_feature_is_no_step_where_there_is_none_to_choose(world: Any) -> None:
    assert "feature" not in path(product="general", kind="incident").steps
    assert "feature" in path(product="time", kind="incident").steps
    assert path(product="time", kind="incident").missing() == "feature"
    assert path(product="time", kind="incident", feature="unsure").missing() is None
    assert path(product="time", kind="incident", feature="payslips").missing() == "feature"


def test_articles_that_say_where_a_value_is_are_those_one_may_read(world: Any) -> None:
    extras = path(product="time", kind="incident", feature="hours").extras
    assert list(guided.readable_articles(extras, see(world.alice))) == ["version"]
    Article.update(audience="staff").where(Article.slug == "find-the-version").execute()
    assert guided.readable_articles(extras, see(world.alice)) == {}


def test_a_question_cannot_be_called_like_a_field_that_every_form_has(world: Any) -> None:
    names = {name for name in dir(made_for(path(kind="incident"))) if not name.startswith(("_", "validate_"))}
    own = {row.key for row in ExtraField.select()}
    for name in names - own:
        with pytest.raises(Invalid, match="extra-key"):
            guided.check_extra_field(name, "line", [])
    for key in own | {"badge_2"}:
        guided.check_extra_field(key, "line", [])
    for key in ("", "Badge", "9lives", "a b", "validate_cc", "é"):
        with pytest.raises(Invalid, match="extra-key"):
            guided.check_extra_field(key, "line", [])
    with pytest.raises(Invalid, match="extra-options"):
        guided.check_extra_field("badge", "choice", [{"value": "one", "fr": "Un", "en": "One"}])


def test_a_rule_may_name_a_feature(world: Any) -> None:
    hours = Feature.get(Feature.slug == "hours")
    RoutingRule.create(feature=hours, team=Team.get(Team.slug == "billing"), position=1)
    asked = {"category": "general", "form": "guided", "kind": "incident"}
    assert catalogue.route(**asked, feature_id=hours.id).slug == "billing"
    assert catalogue.route(**asked).slug == "support"


# ---- From the first step to the request -------------------------------------------------------------------


def test_the_path_leads_to_the_same_request_as_a_form(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    assert client.get("/requests/guided").headers["Location"] == at("product")
    page = client.get(at("product"))
    assert "Étape 1 sur 6" in page.text
    to_the_recap(client, version="12.4.1", contact_person="Lise, poste 12")
    recap = client.get(at("recap"))
    for said in (
        "Initech Temps",
        "Incident",
        "Saisie des heures",
        "Le bouton Valider reste gris",
        "Production",
        "12.4.1",
    ):
        assert said in recap.text
    assert "Étape 6 sur 6" in recap.text
    refused = client.submit(at("recap"))
    assert refused.status_code == 422 and "error-summary" in refused.text and not made().exists()
    sent = client.submit(at("recap"), consent="y")
    ticket = made().get()
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/tickets/{ticket.number}")
    assert (ticket.product.slug, ticket.kind_slug, ticket.priority_asked, ticket.team.slug) == (
        "time",
        "incident",
        "3",
        "support",
    )
    answers = {answer["key"]: answer for answer in ticket.answers}
    assert (answers["feature"]["value_fr"], answers["feature"]["value_en"]) == (
        "Saisie des heures",
        "Time entry",
    )
    assert (answers["environment"]["value_fr"], answers["version"]["value"]) == ("Production", "12.4.1")
    assert answers["contact_person"]["label_en"] == "Contact person"
    assert Draft.select().count() == 0
    # The last button pressed twice, or an old page, leads to the one request.
    again = client.send(recap, consent="y")
    assert (again.status_code, again.headers["Location"]) == (303, f"/tickets/{ticket.number}")
    assert made().count() == 1


def test_what_the_answers_were_called_stays_with_the_request(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    to_the_recap(client)
    client.submit(at("recap"), consent="y")
    ExtraField.update(name_fr="Milieu", name_en="Surroundings").execute()
    Feature.delete().where(Feature.slug == "hours").execute()
    page = client.get(f"/tickets/{made().get().number}")
    assert "Environnement" in page.text and "Saisie des heures" in page.text and "Milieu" not in page.text


def test_each_step_refuses_by_its_own_fields(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    refused = client.submit(at("product"))
    assert (
        refused.status_code == 422
        and "Choisissez un produit" in refused.text
        and "Résumé" not in refused.text
    )
    choose(client, *CHOICES)
    refused = client.submit(at("details"), summary="Le bouton reste gris")
    assert refused.status_code == 422
    for link in ("#severity-0", "#description", "#environment-0"):
        assert f'href="{link}"' in refused.text
    assert "#consent" not in refused.text and 'value="Le bouton reste gris"' in refused.text


def test_a_step_cannot_be_reached_before_its_choices_are_made(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    assert client.get(at("recap")).headers["Location"] == at("product")
    choose(client, *CHOICES[:1])
    assert client.get(at("details")).headers["Location"] == at("kind")
    choose(client, *CHOICES[1:])
    assert client.get(at("files")).headers["Location"] == at("details")


def test_going_back_keeps_what_was_typed(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES)
    back = client.submit(at("details"), button="back=1", summary="À moitié écrit", steps="Un")
    assert back.headers["Location"] == at("feature")
    # Another kind asks other questions; what was typed in those of the first comes back with it.
    choose(client, ("kind", {"kind": "question"}), ("feature", {"feature": "leave"}))
    page = client.get(at("details"))
    assert 'value="À moitié écrit"' in page.text and 'name="steps"' not in page.text
    choose(client, ("kind", {"kind": "incident"}), ("feature", {"feature": "hours"}))
    assert "Un</textarea>" in client.get(at("details")).text


def test_start_again_goes_to_the_first_step_and_can_be_taken_back(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES)
    page = client.get(at("details"))
    again = client.send(page, button="again=1", summary="À moitié écrit")
    assert again.headers["Location"] == "/requests/guided"
    assert client.get("/requests/guided").headers["Location"] == at("product")
    row = Draft.get()
    assert not drafts.says_something(row.data) and row.earlier["summary"] == ["À moitié écrit"]
    first = client.get(at("product"))
    assert "checked" not in first.text
    back = client.send(first, button="draft_back=1")
    assert back.headers["Location"] == "/requests/guided"
    assert client.get("/requests/guided").headers["Location"] == at("details")
    assert 'value="À moitié écrit"' in client.get(at("details")).text


def test_it_goes_on_in_another_browser_where_one_stopped(client: Any, app: Any, world: Any) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES, ("details", WRITTEN))
    other = app.test_client()
    other.sign_in(world.alice)
    assert other.get("/requests/guided").headers["Location"] == at("files")
    assert 'value="Le bouton Valider reste gris"' in other.get(at("details")).text
    assert at("files") in other.get("/drafts").text
    # Nobody else goes on there.
    stranger = app.test_client()
    stranger.sign_in(world.bob)
    assert stranger.get("/requests/guided").headers["Location"] == at("product")


def test_from_the_recap_one_changes_a_step_and_comes_back(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    to_the_recap(client)
    changed = client.submit(at("details") + "?from=recap", summary="Un autre résumé")
    assert changed.headers["Location"] == at("recap")
    assert "Un autre résumé" in client.get(at("recap")).text
    # A change that opens other questions leads to them first.
    changed = client.submit(at("product") + "?from=recap", product="payroll")
    assert changed.headers["Location"] == at("feature") + "?from=recap"


def test_version_and_company_come_from_the_profile_and_can_be_changed(client: Any, world: Any) -> None:
    Organisation.update(product_version="9.2", companies=["Acme Nord"]).where(
        Organisation.slug == "acme"
    ).execute()
    client.sign_in(world.alice)
    choose(client, *CHOICES)
    page = client.get(at("details"))
    assert 'value="9.2"' in page.text and 'value="Acme Nord"' in page.text
    assert "/articles/find-the-version" in page.text
    choose(client, ("details", {**WRITTEN, "version": "", "company": "Acme Sud"}))
    page = client.get(at("details"))
    assert 'value="Acme Sud"' in page.text and 'value="9.2"' not in page.text


def test_files_wait_with_the_draft_and_go_with_the_request(client: Any, world: Any) -> None:
    import io

    client.sign_in(world.alice)
    choose(client, *CHOICES)
    choose(client, ("details", {**WRITTEN, "attachments": (io.BytesIO(PNG), "capture.png")}))
    page = client.get(at("files"))
    assert "capture.png" in page.text
    choose(client, ("files", {"cc": "bob@acme.example"}))
    recap = client.get(at("recap")).text
    assert "capture.png" in recap and "bob@acme.example" in recap
    client.submit(at("recap"), consent="y")
    ticket = made().get()
    assert [row.name for row in ticket.attachments] == ["capture.png"]
    assert [row.email for row in ticket.participants] == ["bob@acme.example"]


def test_vague_words_are_met_with_advice_and_never_refused(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES, ("details", {**WRITTEN, "summary": "Problème"}))
    page = client.get(at("details"))
    assert "est un peu court" in page.text
    said = {"summary": "Erreur", "csrf_token": token_of(client)}
    assert "summary" in client.post(at("details") + "/draft", data=said).get_json()["advice"]


def test_the_steps_may_be_seven_or_five_without_a_recap(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    settings.put("guided_steps", list(settings.GUIDED_STEPS), None, NOW)
    choose(client, *CHOICES)
    assert "Étape 4 sur 7" in client.get(at("priority")).text
    assert client.submit(at("priority")).status_code == 422
    choose(client, ("priority", {"severity": "2"}))
    assert 'name="severity"' not in client.get(at("details")).text
    settings.put("guided_steps", ["product", "kind", "feature", "details", "files"], None, NOW)
    details = {name: value for name, value in WRITTEN.items() if name != "severity"}
    choose(client, ("details", details))
    last = client.get(at("files"))
    assert "Étape 5 sur 5" in last.text and "Envoyer la demande" in last.text
    sent = client.send(last, consent="y")
    assert sent.headers["Location"].startswith("/tickets/")
    assert made().get().priority_asked == "2"


def test_a_product_that_left_meanwhile_is_asked_again_before_sending(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    to_the_recap(client)
    page = client.get(at("recap"))
    Product.update(is_active=False).where(Product.slug == "time").execute()
    refused = client.send(page, consent="y")
    assert refused.status_code == 422 and 'href="#product-0"' in refused.text
    assert not made().exists()
    # What has to be chosen anew is asked, and then the recap comes back.
    mended = client.send(refused, product="expenses")
    assert mended.headers["Location"] == at("feature") + "?from=recap"
    assert client.submit(at("feature") + "?from=recap", feature="unsure").headers["Location"] == at("recap")
    assert client.submit(at("recap"), consent="y").headers["Location"].startswith("/tickets/")
    ticket = made().get()
    assert ticket.product.slug == "expenses" and "feature" not in {answer["key"] for answer in ticket.answers}


def test_who_may_not_open_requests_is_told_whom_to_ask(client: Any, world: Any) -> None:
    client.sign_in(world.dana)
    for page in (client.get("/requests/guided"), client.get(at("details"))):
        assert page.status_code == 403 and "Alice Martin" in page.text
    assert "/requests/guided" not in client.get("/catalogue").text


def test_an_organisation_of_others_keeps_and_sends_nothing(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    page = client.get(at("product"))
    token = token_of(client)
    key = page.text.split('name="idempotency_key"')[1].split('value="')[1].split('"')[0]
    sent = {"csrf_token": token, "idempotency_key": key, "product": "time"}
    refused = client.post(at("product"), data={**sent, "organisation": str(world.organisations["globex"].id)})
    assert refused.status_code == 403 and Draft.select().count() == 0


def test_a_path_that_is_switched_off_is_not_there(client: Any, world: Any) -> None:
    from models import RequestForm

    client.sign_in(world.alice)
    assert "/requests/guided" in client.get("/catalogue").text
    RequestForm.update(is_active=False).where(RequestForm.slug == "guided").execute()
    catalogue.forget()
    assert "/requests/guided" not in client.get("/catalogue").text
    assert client.get(at("product")).status_code == 404


def test_a_closed_guided_request_is_taken_up_again_by_the_same_path(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    to_the_recap(client)
    client.submit(at("recap"), consent="y")
    first = made().get()
    Ticket.update(status="closed", closed_at=NOW).where(Ticket.id == first.id).execute()
    start = client.get(f"/requests/new/guided?follow_up={first.number}")
    assert start.headers["Location"] == f"/requests/guided?follow_up={first.number}"
    for step, answers in (
        *CHOICES,
        ("details", {"severity": "3", "environment": "test", "reason": "C’est revenu."}),
    ):
        page = client.submit(f"{at(step)}?follow_up={first.number}", **answers)
        assert page.status_code == 303, page.text
    client.submit(f"{at('files')}?follow_up={first.number}")
    client.submit(f"{at('recap')}?follow_up={first.number}", consent="y")
    second = Ticket.select().order_by(Ticket.id.desc()).first()
    assert (second.follow_up_of_id, second.summary) == (first.id, first.summary)
    # The draft of a path that follows nothing is another one.
    assert client.get("/requests/guided").headers["Location"] == at("product")


def test_the_class_of_the_path_asks_what_every_form_asks() -> None:
    assert set(Guided.columns) <= set(Guided.asks)


def test_what_was_typed_when_the_session_ended_comes_back_on_its_step(
    client: Any, world: Any, clock: Any
) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES)
    page = client.get(at("details"))
    clock.advance(hours=13)
    led = client.send(page, **{**WRITTEN, "summary": "Écrit avant la fin"})
    door = client.get(led.headers["Location"])
    back = client.send(door, email=world.alice.email, password=world.password)
    assert back.headers["Location"] == at("details") + "?held=1"
    again = client.get(back.headers["Location"])
    assert 'value="Écrit avant la fin"' in again.text
    assert client.send(again).headers["Location"] == at("files")


def test_a_text_too_long_for_a_draft_is_refused_and_stays_on_the_page(client: Any, world: Any) -> None:
    client.sign_in(world.alice)
    choose(client, *CHOICES)
    page = client.submit(at("details"), **{**WRITTEN, "steps": "m" * 210_000})
    assert page.status_code == 422 and "m" * 1000 in page.text
    assert "steps" not in Draft.get().data


# ---- The screens of its rows ------------------------------------------------------------------------------


def test_an_admin_adds_a_question_and_a_feature(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    made = client.submit(
        "/admin/feature/new/",
        name_fr="Kiosque",
        name_en="Kiosk",
        slug="kiosk",
        product=str(Product.get(slug="time").id),
        position="5",
    )
    assert made.status_code == 303
    kiosk = Feature.get(Feature.slug == "kiosk")
    asked = {
        "name_fr": "Étage",
        "name_en": "Floor",
        "answer": "choice",
        "feature": str(kiosk.id),
        "position": "1",
    }
    for key, options, said in (
        ("summary", "Un | One\nDeux | Two", "ne peut pas être la clé"),
        ("floor", "Un | One", "deux réponses au moins"),
        ("floor", "Un\nDeux | Two", "demande les deux langues"),
        ("floor", "Un | One\nUne | One", "y figure deux fois"),
    ):
        refused = client.submit("/admin/extrafield/new/", key=key, options=options, **asked)
        assert refused.status_code == 422 and said in refused.text.replace("\u202f", " "), (key, options)
    assert (
        client.submit(
            "/admin/extrafield/new/", key="floor", options="Rez-de-chaussée | Ground\nUn | First", **asked
        ).status_code
        == 303
    )
    row = ExtraField.get(ExtraField.key == "floor")
    assert row.options == [
        {"value": "ground", "fr": "Rez-de-chaussée", "en": "Ground"},
        {"value": "first", "fr": "Un", "en": "First"},
    ]
    assert "floor" in [extra.key for extra in path(product="time", kind="question", feature="kiosk").extras]
    # Deleting the feature is refused while a question or a rule names it.
    page = client.get(f"/admin/feature/delete/?id={kiosk.id}")
    assert "champ" in page.text.lower()


def test_an_admin_chooses_the_steps_and_routes_by_feature(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    refused = client.submit("/admin/settings/", guided_steps="product\nrecap")
    assert refused.status_code == 422 and "details y figure toujours" in refused.text
    assert client.submit("/admin/settings/", guided_steps="recap\ndetails\nproduct").status_code == 303
    settings.forget()
    assert settings.get("guided_steps") == ["product", "details", "recap"]
    hours, billing = Feature.get(Feature.slug == "hours"), Team.get(Team.slug == "billing")
    saved = client.submit(
        "/admin/routingrule/new/", position="1", feature=str(hours.id), team=str(billing.id), is_active="y"
    )
    assert saved.status_code == 303
    assert catalogue.route(category="general", form="guided", feature_id=hours.id).slug == "billing"
    assert "Saisie des heures" in client.get("/admin/routingrule/").text
