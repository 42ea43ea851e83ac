"""Pages of partners and clients: staff set a link, both see it, a request is opened for a client (ACC-18)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain import partners, policies
from models import Organisation, PartnerLink, PartnerOpening, Person, Ticket
from tests.conftest import NOW
from tests.support.browsing import DESK, PHONE
from tests.support.casework import see, send
from tests.test_admin import choose
from tests.test_admin_browser import enter  # noqa: F401


@pytest.fixture
def remy(world: Any) -> Person:
    """Administrator of Relais Sud, which acts for Globex in the demo world."""
    return Person.get(Person.email == "remy@relais.example")


def link_of(world: Any) -> PartnerLink:
    return PartnerLink.get(PartnerLink.client == world.organisations["globex"].id)


def question(client: Any, world: Any, **more: Any) -> Any:
    return client.submit(
        "/requests/new/question",
        form="request",
        **{
            "organisation": str(world.organisations["globex"].id),
            "summary": "Badges du site de Nantes",
            "description": "Comment les importer ?",
            "consent": "y",
            **more,
        },
    )


def test_the_form_lists_clients_apart_and_the_request_goes_to_the_client(
    client: Any, world: Any, remy: Person
) -> None:
    client.sign_in(remy)
    page = client.get("/requests/new/question").text
    groups = re.findall(r'<optgroup label="([^"]+)">(.*?)</optgroup>', page, flags=re.S)
    assert [(name, re.findall(r">([^<]+)</option>", options)) for name, options in groups] == [
        ("Vos organisations", ["Relais Sud"]),
        ("Clients", ["Globex"]),
    ]
    # Nobody of the client is named on the form.
    assert not [name for name in ("Erin", "Charlie", "Gaspard") if name in page]
    sent = question(client, world)
    assert sent.status_code == 303
    ticket = Ticket.select().order_by(Ticket.id.desc()).first()
    assert (ticket.organisation.name, ticket.requester_id) == ("Globex", remy.id)
    assert PartnerOpening.get(PartnerOpening.ticket == ticket.id).partner.name == "Relais Sud"
    assert "Globex" in client.get(sent.location).text
    for who, said in (
        (world.erin, "Rémy Vasseur, of Relais Sud"),
        (world.charlie, "Rémy Vasseur, de Relais Sud"),
    ):
        client.sign_in(who)
        assert said in client.get(f"/tickets/{ticket.number}").text
    client.sign_in(world.sam)
    desk = client.get(f"/desk/tickets/{ticket.number}").text
    assert "Ouverte par Rémy Vasseur, de Relais Sud." in desk
    assert "Relais Sud ouvre des demandes pour elle et lit celles-là." in desk


def test_the_people_of_a_client_cannot_be_named_by_a_partner(client: Any, world: Any, remy: Person) -> None:
    client.sign_in(remy)
    refused = question(client, world, audience="people")
    assert refused.status_code == 422
    assert "Les personnes d’un client ne peuvent pas être nommées ici" in refused.text
    assert "Badges du site de Nantes" in refused.text, "what was typed is kept"


def test_a_right_taken_back_is_refused_at_the_very_next_request(
    client: Any, world: Any, remy: Person
) -> None:
    ticket = send(world, by=remy, organisation_id=world.organisations["globex"].id)
    client.sign_in(remy)
    for path in (f"/tickets/{ticket.number}", f"/tickets/{ticket.number}/audience"):
        assert client.get(path).status_code == 200
    waiting = client.get("/requests/new/question")
    partners.end(link_of(world).id, see(world.root), NOW, reason="Contrat terminé")
    for path in (
        f"/tickets/{ticket.number}",
        f"/tickets/{ticket.number}/audience",
        f"/tickets/{ticket.number}/mails",
    ):
        assert client.get(path).status_code == 404
    assert ticket.number not in client.get("/tickets").text
    assert ticket.number not in client.get("/search?q=banque").text
    late = client.send(
        waiting, form="request", organisation=str(world.organisations["globex"].id), summary="Trop tard",
        description="Pour un client.", consent="y",
    )  # fmt: skip
    assert late.status_code == 422 and not Ticket.select().where(Ticket.summary == "Trop tard").exists()
    client.sign_in(world.erin)
    assert "of Relais Sud" in client.get(f"/tickets/{ticket.number}").text


def test_both_sides_see_the_link_and_others_do_not(client: Any, world: Any, remy: Person) -> None:
    client.sign_in(remy)
    page = client.get("/organisation/partners").text
    assert "Clients de Relais Sud" in page and "Vous pouvez ouvrir des demandes pour ce client." in page
    assert "/organisation/partners" in client.get("/").text
    client.sign_in(world.charlie)
    page = client.get("/organisation/partners").text
    assert "Qui agit pour Globex" in page and "Peut ouvrir des demandes pour vous." in page
    assert "/organisation/partners" in client.get("/account").text
    client.sign_in(world.alice)
    page = client.get("/organisation/partners").text
    assert "Aucune organisation n’agit pour la vôtre" in page and "Relais" not in page
    for who in (world.sam, world.root, world.marc):
        client.sign_in(who)
        assert client.get("/organisation/partners").status_code == 403


def test_lists_are_narrowed_to_one_client(client: Any, world: Any, remy: Person) -> None:
    globex = world.organisations["globex"]
    ticket = send(world, by=remy, organisation_id=globex.id)
    own = send(world, by=remy, organisation_id=see(remy).memberships[0].organisation_id)
    client.sign_in(remy)
    whole = client.get("/tickets?list=organisation").text
    assert (
        ticket.number in whole and own.number in whole and "Demandes de Relais Sud et de ses clients" in whole
    )
    one = client.get(f"/tickets?list=organisation&organisation={globex.id}").text
    assert ticket.number in one and own.number not in one
    # What is not theirs is no filter.
    other = client.get(f"/tickets?list=organisation&organisation={world.organisations['acme'].id}").text
    assert ticket.number in other and own.number in other and "Acme" not in other


# ---- The administration ------------------------------------------------------------------------------------


def fill(client: Any, /, **more: Any) -> Any:
    return client.submit(
        "/admin/partnerlink/new/", **{"partner": "Relais Sud", "client": "Acme", "reads": "all", **more}
    )


def test_an_admin_sets_changes_and_ends_a_link(client: Any, world: Any, remy: Person) -> None:
    client.sign_in(world.root)
    assert fill(client, last_day="2026-12-31", note="Contrat 12").status_code == 303
    row = PartnerLink.select().order_by(PartnerLink.id.desc()).first()
    assert (row.partner.name, row.client.name, row.reads, row.may_open) == ("Relais Sud", "Acme", "all", True)
    # The last day is whole, where the admin is.
    assert row.until.isoformat() == "2026-12-31T23:00:00+00:00"
    ticket = send(world)
    assert policies.can_see(see(remy), ticket)
    page = client.get(f"/admin/partnerlink/edit/?id={row.id}")
    assert 'value="2026-12-31"' in page.text
    assert client.send(page, reads="opened", may_open=None).status_code == 303
    row = PartnerLink.get_by_id(row.id)
    assert (row.reads, row.may_open, row.note, row.until.isoformat()) == (
        "opened", False, "Contrat 12", "2026-12-31T23:00:00+00:00",
    )  # fmt: skip
    assert not policies.can_see(see(remy), ticket)
    asked = choose(client, "/admin/partnerlink/", "end", [str(row.id)])
    assert asked.status_code == 200 and PartnerLink.get_by_id(row.id).ended_at is None
    assert client.send(asked, reason="Contrat terminé").status_code == 303
    row = PartnerLink.get_by_id(row.id)
    assert (row.ended_by_id, row.end_reason) == (world.root.id, "Contrat terminé")
    assert "Terminé" in client.get("/admin/partnerlink/?flt_state=over").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"client": "Relais Sud"}, "Une organisation ne peut pas agir pour elle-même."),
        ({"client": "Globex"}, "Cette organisation agit déjà pour ce client"),
        ({"client": "Licorne"}, "Aucune organisation ne porte ce nom"),
        ({"last_day": "2026-01-31"}, "Le dernier jour est déjà passé"),
        ({"first_day": "2026-12-02", "last_day": "2026-12-01"}, "Le dernier jour est déjà passé"),
        ({"last_day": "demain"}, "Donnez une date"),
        ({"note": "x" * 301}, "300"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    client: Any, world: Any, typed: dict[str, str], said: str
) -> None:
    count = PartnerLink.select().count()
    client.sign_in(world.root)
    refused = fill(client, **typed)
    assert refused.status_code == 422 and said in refused.text
    assert "Relais Sud" in refused.text and PartnerLink.select().count() == count


# ---- In a browser ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "locale", "viewport", "scheme", "words"),
    [
        ("fr", "fr-FR", DESK, "light", ("Nouvelle demande", "Envoyer la demande")),
        ("en", "en-GB", PHONE, "dark", ("New request", "Send the request")),
    ],
)
def test_a_partner_opens_a_request_for_a_client(
    enter: Any, world: Any, remy: Person, axe: Any,
    language: str, locale: str, viewport: Any, scheme: str, words: tuple[str, str],
) -> None:  # fmt: skip
    Person.update(language=language).where(Person.id == remy.id).execute()
    page = enter(remy, locale=locale, viewport=viewport, color_scheme=scheme)
    page.goto("/organisation/partners")
    axe(page)
    page.locator("main").get_by_role("link", name=words[0]).click()
    page.locator("main a[href='/requests/new/question']").first.click()
    page.locator("select[name=organisation]").select_option(label="Globex")
    page.locator("[name=summary]").fill("Badges du site de Nantes")
    page.locator("[name=description]").fill("Comment les importer ?")
    page.locator("[name=consent]").check()
    axe(page)
    page.get_by_role("button", name=words[1]).last.click()
    page.wait_for_url("**/tickets/SUP-*")
    axe(page)
    ticket = Ticket.get(Ticket.summary == "Badges du site de Nantes")
    assert Organisation.get_by_id(ticket.organisation_id).name == "Globex"
    page.goto(f"/tickets/{ticket.number}/audience")
    axe(page)
