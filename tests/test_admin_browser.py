"""The administration in a real browser: read by axe, under the strict policy, with and without script."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from models import Membership, Organisation, Team, Ticket
from tests.support.browsing import DESK, PHONE, assert_looks
from tests.support.eye import each_look

SHOTS = os.environ.get("GUICHET_SHOTS")


@pytest.fixture
def enter(live_server: Any, browser_context: Any) -> Any:
    """Open a browser in which somebody is signed in: enter(root, locale="en-GB") gives a page."""

    def open_as(person: Any, **options: Any) -> Any:
        client = live_server.application.test_client()
        client.sign_in(person)
        cookie = client.get_cookie("guichet")
        context = browser_context(**options)
        context.add_cookies([{"name": "guichet", "value": cookie.value, "url": live_server.url}])
        return context.new_page()

    return open_as


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


PAGES = {
    "home": "/admin/",
    "contacts": "/admin/membership/",
    "contacts-filtered": "/admin/membership/?flt_organisation=Acme&flt_state=approved",
    "contact-new": "/admin/membership/new/",
    "tickets": "/admin/ticket/",
    "ticket": "/admin/ticket/details/?id={ticket}",
    "ticket-edit": "/admin/ticket/edit/?id={ticket}",
    "organisation-edit": "/admin/organisation/edit/?id={organisation}",
    "organisation-delete": "/admin/organisation/delete/?id={organisation}",
    "team-delete": "/admin/team/delete/?id={team}",
    "persons-none": "/admin/person/?search=zzzz",
    "closing": "/admin/closingrule/edit/?id=1",
    "calendar": "/admin/calendar/edit/?id=1",
    "settings": "/admin/settings/",
    "audit": "/admin/auditentry/",
}


def address(path: str) -> str:
    return path.format(
        ticket=Ticket.select(Ticket.id).first().id,
        organisation=Organisation.get(Organisation.slug == "acme").id,
        team=Team.create(slug="night", name_fr="Nuit", name_en="Night").id if "{team}" in path else 0,
    )


@pytest.mark.browser
@pytest.mark.parametrize(("size", "scheme"), each_look(DESK, PHONE))
def test_every_kind_of_page_is_accessible(
    enter: Any, world: Any, axe: Any, scheme: str, size: dict[str, int]
) -> None:
    page = enter(world.root, color_scheme=scheme, viewport=size)
    for name, path in PAGES.items():
        page.goto(address(path))
        shoot(page, f"{name}-{size['width']}-{scheme}")
        axe(page)
        assert_looks(page)
        for details in page.locator(".admin-filters:not([open]) > summary").all():
            details.click()
            axe(page)


@pytest.mark.browser
def test_a_row_is_deleted_and_rows_are_changed_without_script(enter: Any, world: Any) -> None:
    team = Team.create(slug="night", name_fr="Nuit", name_en="Night")
    page = enter(world.root, locale="en-GB", java_script_enabled=False)
    page.goto(f"/admin/team/delete/?id={team.id}")
    assert Team.get_or_none(Team.id == team.id)
    page.locator(".admin-form .btn-danger").click()
    assert Team.get_or_none(Team.id == team.id) is None
    ticket = Ticket.get(Ticket.status == "registered")
    page.goto("/admin/ticket/?flt_status=registered")
    page.locator(f'input[name="rowid"][value="{ticket.id}"]').check()
    page.locator("#act").select_option("take")
    page.locator("#acts button").click()
    page.locator(".admin-form .btn-primary").click()
    assert Ticket.get_by_id(ticket.id).assignee_id == world.root.id


@pytest.mark.browser
def test_choosing_all_and_suggestions_work_under_the_strict_policy(enter: Any, world: Any) -> None:
    page = enter(world.root)
    page.goto("/admin/membership/")
    page.locator("[data-all]").check()
    rows = Membership.select().count()
    assert page.locator('input[name="rowid"]:checked').count() == rows
    assert str(rows) in page.locator("[data-chosen]").inner_text()
    page.goto("/admin/membership/new/")
    page.locator("#organisation").press_sequentially("Glo")
    page.locator('#organisation-list option[value="Globex"]').wait_for(state="attached")


@pytest.mark.browser
def test_a_refused_form_and_a_confirmation_are_accessible(enter: Any, world: Any, axe: Any) -> None:
    page = enter(world.root)
    page.goto("/admin/calendar/edit/?id=1")
    page.locator("#hours").fill("trop tard")
    page.locator(".admin-form .btn-primary").click()
    assert page.locator(".error-summary").is_visible()
    axe(page)
    ticket = Ticket.get(Ticket.status == "registered")
    page.goto("/admin/ticket/")
    page.locator(f'input[name="rowid"][value="{ticket.id}"]').check()
    page.locator("#act").select_option("close")
    page.locator("#acts button").click()
    axe(page)
    page.locator(".admin-form .btn-danger").click()
    assert Ticket.get_by_id(ticket.id).status == "closed"
    axe(page)
