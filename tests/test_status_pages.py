"""Pages of the status page and of its incidents at the desk: what each reader gets, with and without scripts."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from domain import status_page
from models import (
    IncidentUpdate,
    JoinedRequest,
    Membership,
    Message,
    Organisation,
    Person,
    Service,
    ServiceIncident,
    Ticket,
)
from tests.support.scene import CANARY, Scene, key
from tests.test_queries import CUSTOMER, DESK, cost

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def scene(client: Any, world: SimpleNamespace) -> Scene:
    """Makes requests."""
    return Scene(client.application, world)


def opened(scene: Scene, **more: Any) -> status_page.Standing:
    """An incident of the payroll API, which the form of incidents speaks of."""
    said = {
        "title_fr": "API de paie ralentie",
        "title_en": "Payroll API slowed down",
        "impact": "degraded",
        "service_ids": [Service.get(Service.slug == "payroll-api").id],
        "body_fr": "Les exports aboutissent, mais en **plusieurs minutes**.",
        "body_en": "Exports take **several minutes**.",
        "idempotency_key": key(),
    }
    return status_page.open_incident(scene.viewer("sam"), scene.now, **{**said, **more})


def english(person: Any) -> Any:
    """The same person, who reads English."""
    Person.update(language="en").where(Person.id == person.id).execute()
    return person


# ---- For everybody -----------------------------------------------------------------------------------------


def test_a_stranger_reads_that_everything_works_and_what_is_planned(client: Any, world: Any) -> None:
    page = client.get("/status")
    assert page.status_code == 200 and "X-Robots-Tag" not in page.headers
    assert "Tout fonctionne." in page.text and "Mise à jour 12.5" in page.text
    assert "Pointeuses muettes à Lyon" in page.text
    # Six services with ninety bars each, and the same in words: nothing is told by colour or form alone.
    assert page.text.count("<rect") == 6 * 90
    assert page.text.count("disponible") >= 6 and "<table" in page.text and "2 septembre" in page.text
    assert "style=" not in page.text
    assert "État du service : tout fonctionne" in page.text.replace("\u202f", " ")


def test_a_portal_without_services_says_what_to_do(client: Any, world: Any) -> None:
    for table in (IncidentUpdate, ServiceIncident, Service):
        if table is ServiceIncident:
            from models import AffectedService

            AffectedService.delete().execute()
        table.delete().execute()
    status_page.forget()
    page = client.get("/status").text
    assert "Aucun service n’est encore listé" in page and "/admin/service/new/" not in page
    client.sign_in(world.root)
    assert 'href="/admin/service/new/"' in client.get("/status").text
    client.sign_in(world.sam)
    assert "Un administrateur du portail les ajoute" in client.get("/desk/incidents/new").text


def test_a_running_incident_stands_on_every_page_that_could_bring_its_request(
    client: Any, scene: Scene, world: Any
) -> None:
    row = opened(scene)
    for who in (None, world.alice):
        client.sign_in(who) if who else client.sign_out()
        for path in ("/", "/status"):
            assert f"incident-{row.id}" in client.get(path).text
    for path in ("/catalogue", "/requests/new/incident", "/requests/new/api"):
        page = client.get(path).text
        assert f'action="/status/{row.id}/affected"' in page, path
    assert f"incident-{row.id}" not in client.get("/requests/new/invoice-copy").text
    found = client.get(
        "/search/suggestions?q=L’API de paie est lente", headers={"Accept": "application/json"}
    ).json
    assert found["found"][0]["url"] == f"/status/{row.id}" and "INC-" in found["found"][0]["note"]
    footer = client.get("/help").text.rpartition("<footer")[2]
    assert "un service est ralenti" in footer
    client.sign_in(english(world.alice))
    assert "Payroll API slowed down" in client.get("/").text
    assert "A service is slowed down" in client.get("/").text
    assert "<strong>several minutes</strong>" in client.get(f"/status/{row.id}").text


def test_an_incident_in_one_language_says_which(client: Any, scene: Scene, world: Any) -> None:
    row = opened(scene, title_en="", body_en="")
    client.sign_in(english(world.alice))
    page = client.get(f"/status/{row.id}").text
    assert '<h1 lang="fr">API de paie ralentie</h1>' in page and '<div class="prose" lang="fr">' in page


def test_the_history_has_an_address_for_each_month(client: Any, world: Any) -> None:
    page = client.get("/status/history?month=2026-09").text
    assert "septembre 2026" in page and "Pointeuses muettes à Lyon" in page and "48\u00a0min" in page
    assert 'rel="next" href="/status/history?month=2026-08"' in page
    for month in ("2026-13", "1999-01", "x", "2026-9", "2026-09-01", "٢٠٢٦-٠٩"):
        assert "novembre 2026" in client.get(f"/status/history?month={month}").text
    assert "Il ne s’est rien passé ce mois-là" in client.get("/status/history").text


def test_the_feed_is_well_formed_escapes_once_and_speaks_both_languages(client: Any, scene: Scene) -> None:
    row = opened(scene, title_fr="Paie & <b>temps</b>", body_fr="Un **mot** & <script>alert(1)</script>")
    for language, title in (
        ("fr", "Ralenti · Paie & <b>temps</b>"),
        ("en", "Slowed down · Payroll API slowed down"),
    ):
        answer = client.get(f"/status.atom?language={language}")
        assert answer.content_type == "application/atom+xml; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        feed = ElementTree.fromstring(answer.data)
        entries = feed.findall(f"{ATOM}entry")
        assert [entries[0].findtext(f"{ATOM}title"), len(entries)] == [title, 4]
        assert entries[0].findtext(f"{ATOM}id").endswith(f"/status/{row.id}")
        ids = [entry.findtext(f"{ATOM}id") for entry in entries]
        assert len(set(ids)) == 4 and all(one.startswith("http") for one in ids)
        content = entries[0].findtext(f"{ATOM}content")
        assert "<strong>" in content and "<script" not in content
    assert client.get("/status.atom").headers["Cache-Control"] == "no-store"
    assert 'type="application/atom+xml"' in client.get("/status").text


def test_what_agents_type_is_harmless_wherever_it_is_read(client: Any, scene: Scene, world: Any) -> None:
    bad = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
    row = opened(scene, title_fr=bad, title_en=bad, body_fr=bad, body_en=bad)
    client.sign_in(world.alice)
    pages = [
        "/",
        "/status",
        f"/status/{row.id}",
        "/status/history",
        "/catalogue",
        f"/status/{row.id}/affected",
    ]
    sent = client.submit("/", form=f"/status/{row.id}/affected")
    for path in (*pages, sent.headers["Location"]):
        text = client.get(path).text
        assert "<img src=x" not in text and "<script>alert" not in text, path


# ---- We are affected too -----------------------------------------------------------------------------------


def test_one_press_on_the_home_page_and_a_second_one_elsewhere_make_one_request(
    client: Any, scene: Scene, world: Any
) -> None:
    row = opened(scene)
    client.sign_in(world.alice)
    forms = client.get("/catalogue")
    sent = client.submit("/", form=f"/status/{row.id}/affected")
    assert sent.status_code == 303
    page = client.get(sent.headers["Location"])
    assert "C’est noté, sous le numéro" in page.text and "API de paie ralentie" in page.text
    assert "plusieurs minutes" in page.text and "Vous l’avez rattachée à l’incident" in page.text
    again = client.send(forms, form=f"/status/{row.id}/affected")
    assert again.headers["Location"] == sent.headers["Location"]
    assert "Vous l’avez déjà dit" in client.get(again.headers["Location"]).text
    for path in ("/", "/status", "/catalogue", "/requests/new/incident", f"/status/{row.id}"):
        text = client.get(path).text
        assert f'action="/status/{row.id}/affected"' not in text and sent.headers["Location"] in text, path
    assert JoinedRequest.select().count() == 1
    Membership.update(can_open=False).where(Membership.person == world.alice.id).execute()
    assert f'action="/status/{row.id}/affected"' not in client.get("/").text


def test_an_open_request_is_chosen_on_the_page_and_a_foreign_one_is_refused(
    client: Any, scene: Scene, world: Any
) -> None:
    row, mine, theirs = opened(scene), scene.request("alice"), scene.request("charlie")
    client.sign_in(world.alice)
    page = client.get(f"/status/{row.id}/affected")
    assert mine.number in page.text and theirs.number not in page.text
    refused = client.send(page, form="affected", number=theirs.number)
    assert refused.status_code == 422 and "Choisissez l’une de vos demandes ouvertes" in refused.text
    sent = client.send(page, form="affected", number=mine.number)
    assert sent.headers["Location"] == f"/tickets/{mine.number}"
    assert [line.ticket_id for line in JoinedRequest.select()] == [mine.id]


def test_somebody_of_two_organisations_says_for_which(client: Any, scene: Scene, world: Any) -> None:
    globex = Organisation.get(Organisation.slug == "globex")
    Membership.create(
        person=world.alice,
        organisation=globex,
        role="contact",
        can_open=True,
        can_see_all=True,
        can_answer=True,
    )
    row = opened(scene)
    client.sign_in(world.alice)
    assert f'href="/status/{row.id}/affected"' in client.get("/").text
    sent = client.submit(f"/status/{row.id}/affected", form="affected", organisation=str(globex.id))
    ticket = Ticket.get(Ticket.number == sent.headers["Location"].rpartition("/")[2])
    assert ticket.organisation_id == globex.id
    again = (
        client.submit(f"/status/{row.id}", form=None) if False else client.get(f"/status/{row.id}/affected")
    )
    assert ticket.number in again.text


def test_a_colleague_who_cannot_read_it_is_led_to_the_incident(client: Any, scene: Scene, world: Any) -> None:
    row = opened(scene)
    client.sign_in(world.alice)
    number = client.submit("/", form=f"/status/{row.id}/affected").headers["Location"].rpartition("/")[2]
    Ticket.update(audience="only_me").where(Ticket.number == number).execute()
    client.sign_in("claire@acme.example")
    told = client.submit("/", form=f"/status/{row.id}/affected")
    assert told.headers["Location"] == f"/status/{row.id}"
    page = client.get(told.headers["Location"]).text
    assert "Votre organisation l’a déjà dit" in page and number not in page


def test_what_is_over_offers_nothing_and_an_old_button_says_so(client: Any, scene: Scene, world: Any) -> None:
    row = opened(scene)
    client.sign_in(world.alice)
    old = client.get("/")
    status_page.post_update(
        row.id,
        scene.viewer("sam"),
        scene.now,
        state="solved",
        body_fr="Fini.",
        body_en="",
        idempotency_key=key(),
    )
    assert client.send(old, form=f"/status/{row.id}/affected").status_code == 409
    assert f"incident-{row.id}" not in client.get("/").text
    assert "n’est pas en cours" in client.get(f"/status/{row.id}/affected").text


def test_a_press_after_the_session_ended_comes_back_to_the_page_of_the_incident(
    client: Any, scene: Scene, world: Any
) -> None:
    row = opened(scene)
    client.sign_in(world.alice)
    page = client.get("/")
    client.sign_out()
    held = client.send(page, form=f"/status/{row.id}/affected")
    assert held.headers["Location"].startswith(f"/login?next=/status/{row.id}/affected")
    assert JoinedRequest.select().count() == 0


# ---- Nothing crosses from one organisation to another --------------------------------------------------------


def test_no_page_tells_a_customer_who_else_is_affected(client: Any, scene: Scene, world: Any) -> None:
    row, joined = opened(scene), scene.request("alice")
    status_page.join_requests(row.id, [joined.number], scene.viewer("sam"), scene.now)
    status_page.answer_all(
        row.id, scene.viewer("sam"), scene.now, body_fr="Pour tous.", body_en="", idempotency_key=key()
    )
    status_page.write_waiting(scene.now)
    client.sign_in(world.charlie)
    sent = client.submit("/", form=f"/status/{row.id}/affected")
    pages = ("/", "/status", "/status.atom", f"/status/{row.id}", "/status/history", "/catalogue", "/requests/new/incident",
             f"/status/{row.id}/affected", sent.headers["Location"], "/tickets", "/search/suggestions?q=API de paie")  # fmt: skip
    for who in (world.charlie, world.erin, None):
        client.sign_in(who) if who else client.sign_out()
        for path in pages:
            text = client.get(path).text
            for secret in (CANARY, joined.number, "Alice"):
                assert secret not in text, (path, secret)
    # Counts are for staff.
    client.sign_in(world.sam)
    page = client.get(f"/desk/incidents/{row.id}").text
    assert "2 demandes, 2 organisations" in page and joined.number in page


# ---- At the desk -------------------------------------------------------------------------------------------


def test_an_agent_opens_an_incident_says_what_is_new_and_ends_it(client: Any, world: Any) -> None:
    client.sign_in(world.sam)
    services = [str(Service.get(Service.slug == slug).id) for slug in ("payroll", "time")]
    page = client.get("/desk/incidents/new")
    refused = client.send(page, form="incident", title_fr="Paie arrêtée", started_at="hier")
    assert refused.status_code == 422 and "Paie arrêtée" in refused.text
    for words in (
        "Dites ce que subissent les services",
        "Choisissez au moins un service",
        "Donnez une date avec son heure",
    ):
        assert words in refused.text
    sent = client.send(
        refused,
        form="incident",
        impact="major",
        services=services,
        body_fr="Plus rien.",
        started_at="2026-11-10T13:05",
    )
    assert sent.status_code == 303
    row = ServiceIncident.select().order_by(ServiceIncident.id.desc()).get()
    # The agent's clock is that of Paris.
    assert row.started_at.isoformat() == "2026-11-10T12:05:00+00:00"
    where = f"/desk/incidents/{row.id}"
    assert sent.headers["Location"] == where and "Paie arrêtée" in client.get("/desk/incidents").text
    first = client.get(where)
    assert client.send(first, form="update", body_fr="").status_code == 422
    assert client.send(first, form="update", body_fr="Trouvé.", state="identified").status_code == 303
    # The page was open while a colleague wrote: told so, with the text kept.
    late = client.send(
        first, form="update", body_fr="Mon texte.", state="watching", idempotency_key="une-autre-page-ouverte"
    )
    assert late.status_code == 409 and "Mon texte." in late.text and "Un collègue a modifié" in late.text
    done = client.send(late, form="update", state="solved", title_fr="Paie arrêtée une heure")
    assert done.status_code == 303
    assert "Paie arrêtée une heure" in client.get(where).text
    assert "Dire ce qui est nouveau" not in client.get(where).text
    assert [update.state for update in row.updates.order_by(IncidentUpdate.id)] == [
        "investigating", "identified", "solved",
    ]  # fmt: skip


def test_planned_work_needs_both_hours(client: Any, world: Any) -> None:
    client.sign_in(world.sam)
    entry = {
        "impact": "maintenance",
        "services": [str(Service.get().id)],
        "title_en": "Update",
        "body_en": "Soon.",
    }
    refused = client.submit("/desk/incidents/new", form="incident", **entry)
    assert refused.status_code == 422 and "Dites quand les travaux doivent finir" in refused.text
    sent = client.send(
        refused, form="incident", started_at="2026-11-20T07:00", planned_until="2026-11-20T09:00"
    )
    assert sent.status_code == 303
    assert "Update" in client.get("/status").text


def test_requests_are_joined_by_number_and_from_their_own_page(client: Any, scene: Scene, world: Any) -> None:
    row, one, two = opened(scene), scene.request("alice"), scene.request("charlie")
    client.sign_in(world.sam)
    partly = client.submit(
        f"/desk/incidents/{row.id}", form="join", numbers=f"{one.number.lower()}, SUP-999999"
    )
    assert partly.status_code == 422 and "aucune demande n’a ce numéro" in partly.text
    assert "SUP-999999</textarea>" in partly.text and "1 demande rattachée" in partly.text
    page = client.get(f"/desk/tickets/{two.number}")
    assert "La rattacher à un incident en cours" in page.text
    sent = client.send(page, form=f"/desk/incidents/{row.id}/requests")
    assert sent.headers["Location"] == f"/desk/tickets/{two.number}"
    page = client.get(sent.headers["Location"]).text
    assert f'href="/desk/incidents/{row.id}"' in page and "La rattacher à un incident en cours" not in page
    assert {line.ticket_id for line in JoinedRequest.select()} == {one.id, two.id}


def test_one_answer_goes_to_all_after_their_names_were_shown_and_ends_with_a_report(
    client: Any, scene: Scene, world: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(status_page.write_waiting, "__kwdefaults__", {"answer_id": None, "limit": 2})
    row = opened(scene)
    tickets = [scene.request("alice"), scene.request("charlie"), scene.request("bob")]
    status_page.join_requests(row.id, [ticket.number for ticket in tickets], scene.viewer("sam"), scene.now)
    client.sign_in(world.sam)
    page = client.get(f"/desk/incidents/{row.id}/answer")
    assert "3 demandes de 2 organisations la reçoivent" in page.text
    assert all(ticket.number in page.text for ticket in tickets)
    assert client.send(page, form="answer", body_fr=" ").status_code == 422
    sent = client.send(page, form="answer", body_fr="C’est réglé.", status="resolved")
    report = client.get(sent.headers["Location"])
    assert 'data-sent="2" data-waiting="1" data-refused="0"' in report.text
    # A second press of the same page, and the button that does not wait for the job.
    assert (
        client.send(page, form="answer", body_fr="C’est réglé.", status="resolved").headers["Location"]
        == sent.headers["Location"]
    )
    report = client.get(sent.headers["Location"])
    assert 'data-sent="3" data-waiting="0" data-refused="0"' in report.text
    assert Message.select().where(Message.body == "C’est réglé.").count() == 3
    assert {Ticket.get_by_id(ticket.id).status for ticket in tickets} == {"resolved"}
    client.sign_in(world.alice)
    assert "C’est réglé." in client.get(f"/tickets/{tickets[0].number}").text


def test_the_job_writes_what_is_left(app: Any, scene: Scene, world: Any) -> None:
    import jobs

    row, ticket = opened(scene), scene.request("alice")
    status_page.join_requests(row.id, [ticket.number], scene.viewer("sam"), scene.now)
    status_page.answer_all(
        row.id, scene.viewer("sam"), scene.now, body_fr="Par le travail.", body_en="", idempotency_key=key()
    )
    assert (jobs.run("incident-answers", app).done, jobs.run("incident-answers", app).done) == (1, 0)
    assert ticket.messages.where(Message.body == "Par le travail.").count() == 1


def test_incidents_are_at_hand_from_the_desk(client: Any, scene: Scene, world: Any) -> None:
    client.sign_in(world.sam)
    assert 'href="/desk/incidents"' in client.get("/desk").text
    opened(scene)
    assert re.search(r'href="/desk/incidents".*?count hot">1<', client.get("/desk").text, re.S)


# ---- What it costs -----------------------------------------------------------------------------------------


def test_hot_pages_cost_one_query_more_while_an_incident_runs(client: Any, scene: Scene, world: Any) -> None:
    """Only that which says whether one has pressed already; what runs is remembered."""
    ticket = scene.request("alice")
    pages = ("/", "/catalogue", "/requests/new/incident", "/tickets", "/tickets/{n}", "/help")
    before = {
        path: len(made)
        for path, made in cost(client, dict.fromkeys(pages, 0), ticket.number, world.alice).items()
    }
    for _incident in range(3):
        opened(scene)
    after = {
        path: len(made)
        for path, made in cost(client, dict.fromkeys(pages, 0), ticket.number, world.alice).items()
    }
    asked = {"/", "/catalogue", "/requests/new/incident"}
    assert {path: after[path] - before[path] for path in pages} == {
        path: int(path in asked) for path in pages
    }
    assert set(pages) <= {*CUSTOMER, "/help"}
    desk = {path: len(made) for path, made in cost(client, dict(DESK), ticket.number, world.sam).items()}
    assert desk["/desk"] == DESK["/desk"]


def test_the_status_page_costs_the_same_with_one_incident_as_with_ten(
    client: Any, scene: Scene, world: Any
) -> None:
    pages = dict.fromkeys(("/status", "/status/history", "/status.atom"), 0)
    found = []
    for more in (1, 9):
        for _incident in range(more):
            opened(scene)
        found.append({path: len(made) for path, made in cost(client, pages, "", world.alice).items()})
    assert found[0] == found[1]
    assert max(found[0].values()) <= 14
