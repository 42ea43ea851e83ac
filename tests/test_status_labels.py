"""Words of statuses that differ by kind of request: on pages, in lists, filters, mails, presets and screens (LIFE-1)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import IntegrityError

import mailer
from domain import catalogue, lifecycle, lists, notifications, presets
from models import Kind, OutboxMessage, StatusLabel, Ticket
from presenters import statuses
from tests.conftest import NOW
from tests.support.casework import forget_mails, mails, put_in, see, send

LIVE = {"customer_fr": "Résolue, en production", "customer_en": "Solved, in production"}


def label(status: str, kind: str, **words: str) -> StatusLabel:
    """Words of one kind; what is not given is left empty."""
    empty = dict.fromkeys(
        ("customer_fr", "customer_en", "team_fr", "team_en", "turn_fr", "turn_en", "icon"), ""
    )
    row = StatusLabel.create(status=status, kind=Kind.get(Kind.slug == kind), **{**empty, **words})
    catalogue.forget()
    return row


@pytest.fixture
def live(world: SimpleNamespace) -> StatusLabel:
    """A solved task reads "in production"; nothing else differs."""
    return label("resolved", "task", **LIVE)


def task(world: SimpleNamespace, status: str = "resolved", **more: Any) -> Ticket:
    """Alice's request of the kind task."""
    return put_in(send(world, kind_slug="task", **more), status, assignee=world.sam)


def incident(world: SimpleNamespace, status: str = "resolved") -> Ticket:
    return put_in(send(world, kind_slug="incident"), status, assignee=world.sam)


def test_a_kind_has_its_own_words_and_the_others_those_of_all(app: Any, live: StatusLabel) -> None:
    with app.test_request_context("/"):
        assert statuses(lang="fr", kind="task")["resolved"].label == "Résolue, en production"
        assert statuses(lang="en", kind="task")["resolved"].label == "Solved, in production"
        assert statuses(lang="fr", kind="incident") is statuses(lang="fr")
        assert statuses(lang="fr", kind="no-such-kind") is statuses(lang="fr")
        assert statuses(lang="fr")["resolved"].label != "Résolue, en production"


def test_what_a_kind_leaves_empty_is_said_as_for_all(app: Any, live: StatusLabel) -> None:
    general, own = catalogue.labels()["resolved"], catalogue.labels("task")["resolved"]
    for column in ("team_fr", "team_en", "turn_fr", "turn_en", "icon"):
        assert getattr(own, column) == getattr(general, column) != "", column
    assert catalogue.labels("task")["closed"] is catalogue.labels()["closed"]
    assert list(catalogue.labels("task")) == list(catalogue.labels())


def test_a_word_in_one_language_only_does_not_mix_with_that_of_all(app: Any, world: Any) -> None:
    label("resolved", "task", customer_fr="En production")
    with app.test_request_context("/"):
        assert statuses(lang="en", kind="task")["resolved"].label == "En production"


def test_one_row_for_each_status_and_kind(live: StatusLabel) -> None:
    with pytest.raises(IntegrityError):
        label("resolved", "task", **LIVE)


def test_the_request_page_the_lists_and_the_home_page_say_it(
    client: Any, world: Any, live: StatusLabel
) -> None:
    row, other = task(world), incident(world)
    client.sign_in(world.alice)
    assert "Résolue, en production" in client.get(f"/tickets/{row.number}").text
    assert "Résolue, en production" not in client.get(f"/tickets/{other.number}").text
    listed = client.get("/tickets").text
    first = listed.partition(f'data-ticket="{row.number}"')[2].partition("</tr>")[0]
    second = listed.partition(f'data-ticket="{other.number}"')[2].partition("</tr>")[0]
    assert "Résolue, en production" in first and "Résolue, en production" not in second
    label(
        "in_progress",
        "task",
        customer_fr="En préparation",
        customer_en="Being prepared",
        turn_fr="Nous préparons.",
    )
    put_in(row, "in_progress")
    assert "En préparation" in client.get("/").text


def test_the_desk_and_the_administration_say_the_words_of_the_team(client: Any, world: Any) -> None:
    label("resolved", "task", team_fr="Livrée", team_en="Delivered")
    row = task(world)
    client.sign_in(world.root)
    for path in (f"/desk/tickets/{row.number}", "/desk?queue=all", f"/admin/ticket/details/?id={row.id}"):
        assert "Livrée" in client.get(path).text, path


def test_the_history_says_the_words_of_the_kind(client: Any, world: Any) -> None:
    label("waiting_engineering", "task", customer_fr="Chez les développeurs", customer_en="With developers")
    row = task(world, "in_progress")
    lifecycle.move(row, "waiting_engineering", see(world.sam), NOW)
    client.sign_in(world.alice)
    assert client.get(f"/tickets/{row.number}").text.count("Chez les développeurs") >= 2


def test_a_filter_by_label_finds_what_is_read_under_it_for_each_kind(world: Any, live: StatusLabel) -> None:
    rows = {
        kind + status: make(world, status).number
        for kind, make in (("task ", task), ("incident ", incident))
        for status in ("resolved", "expired", "in_progress")
    }

    def found(status: str) -> set[str]:
        page = lists.find(see(world.alice), lists.Asked(label=status))
        return {row.number for row in page.rows} & set(rows.values())

    assert found("resolved") == {rows["task resolved"], rows["incident resolved"]}
    # On tasks a status that carries the same word as another comes along; on incidents it does not.
    label("in_progress", "task", **LIVE)
    assert found("resolved") == {
        rows["task resolved"], rows["task in_progress"], rows["incident resolved"],
    }  # fmt: skip
    assert found("in_progress") == {
        rows["task resolved"], rows["task in_progress"], rows["incident in_progress"],
    }  # fmt: skip
    assert lists.same_label("resolved", "task") == ["in_progress", "resolved"]


def test_mails_say_the_words_of_the_kind(app: Any, world: Any, live: StatusLabel) -> None:
    for make, says in ((task, True), (incident, False)):
        row = make(world, "in_progress")
        forget_mails()
        lifecycle.move(row, "resolved", see(world.sam), NOW)
        mail = OutboxMessage.get(OutboxMessage.ticket == row.id)
        with app.test_request_context("/"):
            made = mailer.render(mail, "https://guichet.example", NOW)
        assert ("Résolue, en production" in made.text) is says
        assert ("Résolue, en production" in made.html) is says


def test_a_move_between_two_statuses_of_one_word_for_this_kind_tells_nobody(world: Any) -> None:
    same = {"customer_fr": "Chez nous", "customer_en": "With us"}
    label("in_progress", "task", **same)
    label("waiting_engineering", "task", **same)
    row, other = task(world, "in_progress"), incident(world, "in_progress")
    forget_mails()
    for ticket in (row, other):
        lifecycle.move(ticket, "waiting_engineering", see(world.sam), NOW)
    assert mails(row) == set()
    assert mails(other) == {("status-changed", "alice")}
    assert notifications.waiting_count() == 1


# ---- Presets -------------------------------------------------------------------------------------------


def test_a_preset_carries_the_words_of_a_kind_there_and_back(
    database: Any, world: Any, live: StatusLabel, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(presets.export(), "utf-8")
    assert 'kind = "task"' in file.read_text("utf-8")
    everywhere = StatusLabel.select().where(StatusLabel.kind.is_null()).order_by(StatusLabel.id)
    before, count = list(everywhere.tuples()), StatusLabel.select().count()
    presets.apply(str(file), None, NOW)
    assert list(everywhere.tuples()) == before and StatusLabel.select().count() == count
    StatusLabel.delete().where(StatusLabel.kind.is_null(False)).execute()
    presets.apply(str(file), None, NOW)
    assert catalogue.labels("task")["resolved"].customer_fr == "Résolue, en production"


def test_a_preset_says_only_what_differs(world: Any, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(
        'format = 1\n\n[[statuses]]\nstatus = "resolved"\nkind = "task"\n'
        'customer_fr = "Résolue, en production"\ncustomer_en = "Solved, in production"\n',
        "utf-8",
    )
    general = catalogue.labels()["resolved"].customer_fr
    presets.apply(str(file), None, NOW)
    assert catalogue.labels("task")["resolved"].customer_en == "Solved, in production"
    assert catalogue.labels()["resolved"].customer_fr == general


# ---- The screen ----------------------------------------------------------------------------------------


def test_an_admin_gives_a_kind_words_of_its_own(client: Any, world: Any) -> None:
    client.sign_in(world.root)
    kind = str(Kind.get(Kind.slug == "task").id)
    page = client.get("/admin/statuslabel/new/")
    silent = client.send(page, status="resolved", kind=kind)
    assert silent.status_code == 422 and "Remplissez au moins un des libellés" in silent.text
    half = client.send(silent, status="resolved", kind=kind, customer_fr="En production")
    assert half.status_code == 422 and "En production" in half.text
    saved = client.send(half, customer_en="In production")
    assert saved.status_code == 303
    assert catalogue.labels("task")["resolved"].customer_fr == "En production"
    again = client.send(page, status="resolved", kind=kind, customer_fr="Encore", customer_en="Again")
    assert again.status_code == 422 and "a déjà des libellés pour cette nature" in again.text
    listed = client.get(f"/admin/statuslabel/?flt_kind={kind}").text
    assert "En production" in listed and listed.count("Comme pour toutes les natures") == 1
    assert client.get("/admin/statuslabel/export/csv/").status_code == 200


def test_the_words_for_all_kinds_stay_whole(client: Any, world: Any, live: StatusLabel) -> None:
    client.sign_in(world.root)
    general = StatusLabel.get((StatusLabel.status == "resolved") & StatusLabel.kind.is_null())
    page = client.get(f"/admin/statuslabel/edit/?id={general.id}")
    refused = client.send(page, customer_fr="")
    assert refused.status_code == 422
    assert client.post(f"/admin/statuslabel/delete/?id={general.id}").status_code in (400, 403, 409, 303)
    asked = client.get(f"/admin/statuslabel/delete/?id={general.id}")
    assert "les états du programme" in asked.text
    assert StatusLabel.get_or_none(StatusLabel.id == general.id) is not None
    gone = client.submit(f"/admin/statuslabel/delete/?id={live.id}")
    assert gone.status_code == 303
    assert StatusLabel.get_or_none(StatusLabel.id == live.id) is None
