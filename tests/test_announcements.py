"""Announcements (VIEW-8): who reads which, between which days, and what somebody has put away."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from domain import announcements
from domain.refusals import Invalid, Missing, NotNow
from models import Announcement, AnnouncementDismissal, AnnouncementTarget, AuditEntry
from tests.conftest import NOW
from tests.support.casework import see

TODAY = date(2026, 11, 10)


def announce(title: str, organisations: Any = (), **more: Any) -> Announcement:
    """An announcement of today."""
    values = {"title_fr": title, "title_en": "", "first_day": TODAY, **more}
    return announcements.write(Announcement(**values), [row.id for row in organisations], NOW)


def titles(rows: Any) -> set[str]:
    """Their titles, those of the demo world left out."""
    return {row.title_fr for row in rows if row.title_fr.startswith("Pour ")}


def test_each_reader_gets_the_announcements_meant_for_them(world: Any) -> None:
    announce("Pour tous", audience="public")
    announce("Pour les comptes", audience="customers")
    announce("Pour Acme", [world.organisations["acme"]], audience="organisations")
    announce("Pour l’équipe", audience="staff")
    everybody, signed_in = {"Pour tous"}, {"Pour tous", "Pour les comptes"}
    for who, expected in (
        (None, everybody),
        (world.alice, signed_in | {"Pour Acme"}),
        (world.dana, signed_in | {"Pour Acme"}),
        (world.charlie, signed_in),
        (world.marc, signed_in | {"Pour l’équipe"}),
        # What one customer is told stands on the page for agents, and not over the desk.
        (world.sam, signed_in | {"Pour l’équipe"}),
    ):
        viewer = see(who) if who else None
        assert titles(announcements.on_top(viewer, TODAY)) == expected, who
    assert "Pour Acme" in titles(announcements.current(see(world.sam), TODAY))


def test_an_announcement_is_first_day_its_first_day_to_its_last_and_kept_after(world: Any) -> None:
    announce("Pour deux jours", last_day=TODAY + timedelta(days=1))
    alice = see(world.alice)
    for days, shown, over in ((-1, False, False), (0, True, False), (1, True, False), (2, False, True)):
        day = TODAY + timedelta(days=days)
        assert ("Pour deux jours" in titles(announcements.current(alice, day))) is shown, days
        assert ("Pour deux jours" in titles(announcements.past(alice, day))) is over, days


def test_what_somebody_puts_away_is_away_for_them_only_and_a_warning_stays(world: Any) -> None:
    info, warning = announce("Pour dire"), announce("Pour alerter", level="warning")
    alice = see(world.alice)
    for _press in range(2):
        announcements.dismiss(info.id, alice, NOW)
    assert titles(announcements.on_top(alice, TODAY)) == {"Pour alerter"}
    assert titles(announcements.on_top(see(world.bob), TODAY)) == {"Pour alerter", "Pour dire"}
    assert titles(announcements.current(alice, TODAY)) == {"Pour alerter", "Pour dire"}
    with pytest.raises(NotNow, match="announcement-stays"):
        announcements.dismiss(warning.id, alice, NOW)
    assert AnnouncementDismissal.select().count() == 1


def test_nobody_puts_away_what_is_not_for_them(world: Any) -> None:
    team = announce("Pour l’équipe", audience="staff")
    acme = announce("Pour Acme", [world.organisations["acme"]], audience="organisations")
    later = announce("Pour plus tard", first_day=TODAY + timedelta(days=30))
    for row, who in ((team, world.alice), (acme, world.charlie), (later, world.alice)):
        with pytest.raises(Missing):
            announcements.dismiss(row.id, see(who), NOW)
    with pytest.raises(Missing):
        announcements.dismiss(999_999, see(world.alice), NOW)


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"title_fr": ""}, "announcement-title-needed", "title_fr"),
        ({"body_en": "Words without a title."}, "announcement-title-needed", "title_en"),
        ({"body_fr": "x" * 5_001}, "text-too-long", "body_fr"),
        ({"last_day": TODAY - timedelta(days=1)}, "announcement-ends-later", "last_day"),
        ({"audience": "organisations"}, "announcement-organisations", "organisations"),
    ],
)
def test_what_cannot_be_announced_is_refused_by_its_field(
    world: Any, more: Any, code: str, field: str
) -> None:
    before = Announcement.select().count()
    with pytest.raises(Invalid, match=code) as fault:
        announce("Pour rien", **{"title_fr": "Pour rien", **more} if "title_fr" not in more else more)
    assert fault.value.field == field and Announcement.select().count() == before


# ---- Pages -------------------------------------------------------------------------------------------------


def test_an_announcement_stands_on_home_until_it_is_put_away(client: Any, world: Any) -> None:
    row = announce("Pour dire", title_en="To say", body_fr="Un [lien](/help) et **du gras**.")
    client.sign_in(world.alice)
    page = client.get("/")
    assert f'data-announcement="{row.id}"' in page.text and '<a href="/help"' in page.text
    away = client.send(page, form=f"/announcements/{row.id}/dismissal")
    assert (away.status_code, away.headers["Location"]) == (303, "/")
    assert f'data-announcement="{row.id}"' not in client.get("/").text
    assert f'data-announcement="{row.id}"' in client.get("/announcements").text
    client.sign_out()
    assert f'data-announcement="{row.id}"' not in client.get("/").text


def test_the_page_lists_announcements_news_and_what_is_over(client: Any, world: Any) -> None:
    client.sign_in(world.charlie)
    page = client.get("/announcements").text
    assert "Votre formation du mois prochain" in page
    assert "1 annonce passée" in page and "Support fermé le jour de l’inventaire" in page
    assert 'data-article="' in page
    client.sign_in(world.alice)
    assert "Votre formation du mois prochain" not in client.get("/announcements").text
    client.sign_out()
    page = client.get("/announcements").text
    assert "Support fermé le jour de l’inventaire" in page and "Initech Paie s’arrête" not in page


def test_the_team_reads_its_own_over_the_desk(client: Any, world: Any) -> None:
    row = announce("Pour l’équipe", audience="staff")
    client.sign_in(world.sam)
    assert f'data-announcement="{row.id}"' in client.get("/desk").text
    away = client.submit("/desk", form=f"/announcements/{row.id}/dismissal")
    assert away.headers["Location"] == "/desk"
    assert f'data-announcement="{row.id}"' not in client.get("/desk").text


def test_an_admin_writes_one_for_some_organisations_after_seeing_how_it_reads(
    client: Any, world: Any, clock: Any
) -> None:
    client.sign_in(world.root)
    entry = {
        "audience": "organisations", "title_fr": "Pour Acme", "body_fr": "Un **mot**.", "first_day": "2026-11-10",
    }  # fmt: skip
    look = client.submit("/admin/announcement/new/", button="preview=1", **entry)
    assert look.status_code == 200 and "<strong>mot</strong>" in look.text
    assert Announcement.select().where(Announcement.title_fr == "Pour Acme").count() == 0
    refused = client.send(look)
    assert refused.status_code == 422 and "Nommez au moins une organisation" in refused.text
    refused = client.send(look, organisations="Acme\nNulle Part")
    assert refused.status_code == 422 and "Nulle Part" in refused.text
    assert client.send(look, organisations="acme").status_code == 303
    row = Announcement.get(Announcement.title_fr == "Pour Acme")
    assert [target.organisation.slug for target in row.targets] == ["acme"]
    # Only those it is meant for change: that is saved, and recorded.
    clock.advance(minutes=1)
    sent = client.submit(f"/admin/announcement/edit/?id={row.id}", organisations="Acme\nGlobex")
    assert sent.status_code == 303
    assert AnnouncementTarget.select().where(AnnouncementTarget.announcement == row.id).count() == 2
    kinds = [entry.kind for entry in AuditEntry.select().where(AuditEntry.target == f"announcement:{row.id}")]
    assert kinds == ["admin:created", "admin:changed"]
    sent = client.submit(f"/admin/announcement/edit/?id={row.id}", audience="customers")
    assert sent.status_code == 422 and "Laissez ce champ vide" in sent.text
    client.sign_in(world.charlie)
    assert "Pour Acme" in client.get("/").text


def test_the_home_page_asks_once_for_everybody_with_the_same_rights(client: Any, world: Any) -> None:
    from tests.test_queries import cost

    usual = len(cost(client, {"/": 0}, "", world.alice)["/"])
    for at in range(3):
        announce(f"Pour {at}")
    announcements.forget()
    # One more: what this person has put away, asked only when something could be.
    assert len(cost(client, {"/": 0}, "", world.alice)["/"]) == usual + 1
