"""Questions to customers about themselves (ACC-17): asked once, skipped in one press, changed later, read by agents."""

from __future__ import annotations

import io
import json
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest

from domain import policies, presets, profile_questions
from domain.refusals import Invalid
from models import AuditEntry, Person, ProfileAnswer, ProfileQuestion
from tests.conftest import NOW
from tests.support.client import PASSWORD, PortalClient
from tests.support.scene import Scene

USES = [
    {"value": "payroll", "fr": "La paie", "en": "Payroll"},
    {"value": "time", "fr": "Les heures", "en": "Time sheets"},
]


def ask(slug: str = "job", **more: Any) -> ProfileQuestion:
    """A question of one line."""
    profile_questions.forget()
    return ProfileQuestion.create(
        **{"slug": slug, "name_fr": "Votre fonction", "name_en": "Your job", "position": 1, **more}
    )


def change(**columns: Any) -> None:
    """The questions are changed, as on their screen."""
    ProfileQuestion.update(**columns).execute()
    profile_questions.forget()


def ask_use() -> ProfileQuestion:
    """A question with a choice."""
    return ask(
        "use",
        name_fr="Vous gérez surtout",
        name_en="You mostly manage",
        answer="choice",
        options=USES,
        position=2,
    )


def viewer(person: Person) -> Any:
    return policies.load_viewer(person.id)


# ---- The verbs ------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_question_is_asked_once_whether_answered_or_skipped(world: SimpleNamespace) -> None:
    alice, bob = viewer(world.alice), viewer(world.bob)
    assert not profile_questions.waiting(alice)
    job, use = ask(), ask_use()
    assert profile_questions.waiting(alice) and profile_questions.waiting(world.alice)
    profile_questions.save(alice, {job.id: "  Responsable   paie ", use.id: "payroll"}, NOW)
    profile_questions.skip(bob, NOW)
    assert not profile_questions.waiting(alice) and not profile_questions.waiting(bob)
    assert [
        (question.slug, row.text_fr, row.text_en) for question, row in profile_questions.said_by(alice.id)
    ] == [
        ("job", "Responsable paie", "Responsable paie"),
        ("use", "La paie", "Payroll"),
    ]
    assert profile_questions.said_by(bob.id) == []
    assert ProfileAnswer.select().where(ProfileAnswer.person == bob.id).count() == 2


@pytest.mark.both_databases
def test_a_question_added_later_waits_and_skipping_it_keeps_the_other_answers(world: SimpleNamespace) -> None:
    alice = viewer(world.alice)
    job = ask()
    profile_questions.save(alice, {job.id: "Comptable"}, NOW)
    ask_use()
    assert profile_questions.waiting(alice)
    profile_questions.skip(alice, NOW)
    assert not profile_questions.waiting(alice)
    assert [row.value for _question, row in profile_questions.said_by(alice.id)] == ["Comptable"]


@pytest.mark.both_databases
def test_an_answer_is_taken_back_and_the_record_tells_that_it_changed_but_not_what(
    world: SimpleNamespace,
) -> None:
    alice = viewer(world.alice)
    job = ask()
    profile_questions.save(alice, {job.id: "zibeline"}, NOW)
    profile_questions.save(alice, {job.id: "zibeline"}, NOW)
    profile_questions.save(alice, {job.id: ""}, NOW)
    assert profile_questions.said_by(alice.id) == [] and not profile_questions.waiting(alice)
    entries = list(AuditEntry.select().where(AuditEntry.kind == "account:changed"))
    assert [entry.data["fields"] for entry in entries] == [["question:job"], ["question:job"]]
    assert "zibeline" not in str([entry.data for entry in entries])


@pytest.mark.both_databases
def test_what_is_no_answer_is_refused_and_nothing_is_kept(world: SimpleNamespace) -> None:
    alice = viewer(world.alice)
    job, use = ask(), ask_use()
    for values, code in (
        ({job.id: "Comptable", use.id: "elephants"}, "profile-answer-unknown"),
        ({job.id: "x" * 201, use.id: ""}, "profile-answer-long"),
    ):
        with pytest.raises(Invalid) as refused:
            profile_questions.save(alice, values, NOW)
        assert refused.value.code == code
    assert ProfileAnswer.select().count() == 0


@pytest.mark.both_databases
def test_an_answer_that_is_no_longer_offered_stays_in_its_words(world: SimpleNamespace) -> None:
    alice = viewer(world.alice)
    use = ask_use()
    profile_questions.save(alice, {use.id: "payroll"}, NOW)
    change(options=[{"value": "a", "fr": "A", "en": "A"}, {"value": "b", "fr": "B", "en": "B"}])
    profile_questions.save(alice, {use.id: "payroll"}, NOW)
    [(_question, row)] = profile_questions.said_by(alice.id)
    assert (row.value, row.text_fr) == ("payroll", "La paie")


@pytest.mark.both_databases
def test_staff_are_asked_nothing_and_a_question_that_rests_is_neither_asked_nor_told(
    world: SimpleNamespace,
) -> None:
    job = ask()
    assert (
        not profile_questions.waiting(viewer(world.sam))
        and profile_questions.asked_of(viewer(world.sam)) == []
    )
    profile_questions.save(viewer(world.alice), {job.id: "Comptable"}, NOW)
    change(is_active=False)
    assert not profile_questions.waiting(viewer(world.bob))
    assert (
        profile_questions.said_by(world.alice.id) == []
        and profile_questions.asked_of(viewer(world.alice)) == []
    )


@pytest.mark.both_databases
def test_answers_go_with_their_question(world: SimpleNamespace) -> None:
    job = ask()
    profile_questions.save(viewer(world.alice), {job.id: "Comptable"}, NOW)
    job.delete_instance()
    profile_questions.forget()
    assert ProfileAnswer.select().count() == 0


@pytest.mark.both_databases
def test_answers_go_with_their_person(world: SimpleNamespace, clock: Any) -> None:
    from domain import accounts

    made = accounts.add_person("zoe@acme.example", "Zoé", by=None, now=clock.now)
    job = ask()
    profile_questions.save(viewer(made), {job.id: "Comptable"}, NOW)
    Person.delete().where(Person.id == made.id).execute()
    assert ProfileAnswer.select().count() == 0


@pytest.mark.parametrize(
    ("answer", "options", "code"),
    [
        ("choice", USES[:1], "extra-options"),
        ("choice", USES * 16, "extra-options-many"),
        ("choice", [USES[0], {"value": "long", "fr": "x" * 201, "en": "y"}], "profile-option-long"),
    ],
)
def test_a_question_that_no_page_could_ask_is_refused(answer: str, options: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        profile_questions.check_question(answer, options)
    assert refused.value.code == code


@pytest.mark.both_databases
def test_the_default_portal_asks_nothing_and_a_preset_carries_questions(
    world: SimpleNamespace, tmp_path: Any, clock: Any
) -> None:
    assert ProfileQuestion.select().count() == 0
    ask(help_fr="En deux mots", help_en="In two words")
    ask_use()
    file = tmp_path / "asked.toml"
    file.write_text(presets.export(), "utf-8")
    ProfileQuestion.delete().execute()
    presets.apply(str(file), by=None, now=clock.now)
    rows = list(ProfileQuestion.select().order_by(ProfileQuestion.position))
    assert [(row.slug, row.answer, row.options, row.help_fr, row.is_active) for row in rows] == [
        ("job", "line", [], "En deux mots", True),
        ("use", "choice", USES, "", True),
    ]
    file.write_text(
        'format = 1\n[[profile_questions]]\nslug = "x"\nname_fr = "X"\nname_en = "X"\nanswer = "choice"\n',
        "utf-8",
    )
    with pytest.raises(Invalid):
        presets.apply(str(file), by=None, now=clock.now)


# ---- The pages ------------------------------------------------------------------------------------------


def test_nothing_stands_between_sign_in_and_home_without_questions(client: PortalClient) -> None:
    assert client.submit("/login", email="alice@acme.example", password=PASSWORD).location == "/"
    assert client.get("/account/questions").location == "/account"
    assert "À propos de vous" not in client.get("/account").text


def test_a_customer_is_asked_after_signing_in_skips_all_in_one_press_and_is_not_asked_again(
    client: PortalClient,
) -> None:
    ask(), ask_use()
    answer = client.submit("/login", email="alice@acme.example", password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/account/questions")
    page = client.get(answer.location)
    assert "Votre fonction" in page.text and "La paie" in page.text
    assert page.text.count("(facultatif)") == 2
    skipped = client.send(page, form="/account/questions", button="skip=1")
    assert (skipped.status_code, skipped.location) == (303, "/")
    client.submit("/account", form="/logout")
    assert client.submit("/login", email="alice@acme.example", password=PASSWORD).location == "/"


def test_a_link_of_a_mail_opens_what_it_names_and_the_questions_wait(client: PortalClient) -> None:
    ask()
    where = client.get("/tickets?list=cc").location
    assert client.submit(where, email="alice@acme.example", password=PASSWORD).location == "/tickets?list=cc"
    client.submit("/account", form="/logout")
    assert (
        client.submit("/login", email="alice@acme.example", password=PASSWORD).location
        == "/account/questions"
    )


def test_staff_go_straight_to_the_desk(client: PortalClient) -> None:
    ask()
    assert client.submit("/login", email="sam@guichet.example", password=PASSWORD).location == "/"


def test_somebody_who_registers_is_asked_once_the_password_is_chosen(
    client: PortalClient, app: Any, clock: Any
) -> None:
    from tests.test_sign_in_pages import PHRASE, link_in_mail

    ask()
    client.submit("/register", full_name="Zoé Neuve", email="zoe@neuve.example", organisation="Neuve")
    answer = client.submit(link_in_mail(app, "zoe@neuve.example", clock), password=PHRASE)
    assert answer.location == "/account/questions"
    kept = client.submit(answer.location, **{f"answer_{ProfileQuestion.get().id}": "Comptable"})
    assert kept.location == "/"
    assert "Comptable" in client.get("/account").text


def test_answers_are_changed_in_the_profile_read_at_the_desk_and_part_of_ones_data(
    client: PortalClient, app: Any, world: SimpleNamespace
) -> None:
    scene = Scene(app, world)
    ticket = scene.request("alice")
    job, use = ask(), ask_use()
    client.sign_in(world.alice)
    typed = {f"answer_{job.id}": "Cheffe <b>paie</b>", f"answer_{use.id}": "payroll"}
    client.submit("/account/questions", **typed)
    page = client.get("/account").text
    assert "Cheffe &lt;b&gt;paie&lt;/b&gt;" in page and "La paie" in page
    # From the profile there is nothing to skip, and the answers stand in the fields.
    again = client.get("/account/questions")
    assert 'name="skip"' not in again.text and "Cheffe &lt;b&gt;paie&lt;/b&gt;" in again.text
    assert client.send(again, form="/account/questions", **{f"answer_{use.id}": ""}).location == "/account"
    file = zipfile.ZipFile(io.BytesIO(client.submit("/account/data").data))
    told = {row["question"]: row["answer_fr"] for row in json.loads(file.read("data/profile_answers.json"))}
    assert told == {"job": "Cheffe <b>paie</b>", "use": ""}
    client.sign_in(world.sam)
    desk = client.get(f"/desk/tickets/{ticket.number}").text
    assert (
        "À propos du demandeur" in desk
        and "Cheffe &lt;b&gt;paie&lt;/b&gt;" in desk
        and "Vous gérez surtout" not in desk
    )
    # Colleagues and other customers do not read them.
    client.sign_in(world.bob)
    assert "Cheffe" not in client.get(f"/tickets/{ticket.number}").text


def test_an_answer_that_is_too_long_or_not_offered_is_refused_with_what_was_typed(
    client: PortalClient, world: SimpleNamespace
) -> None:
    job, use = ask(), ask_use()
    client.sign_in(world.alice)
    page = client.get("/account/questions")
    for typed in (
        {f"answer_{job.id}": "x" * 201},
        {f"answer_{job.id}": "Comptable", f"answer_{use.id}": "elephants"},
    ):
        answer = client.send(page, form="/account/questions", **typed)
        assert answer.status_code == 422 and "error-summary" in answer.text
        assert typed[f"answer_{job.id}"] in answer.text
    assert ProfileAnswer.select().count() == 0


def test_an_admin_makes_a_question_on_the_screen(client: PortalClient, world: SimpleNamespace) -> None:
    client.sign_in(world.root)
    answer = client.submit(
        "/admin/profilequestion/new/", form="/new/", name_fr="Votre rôle", name_en="Your role", slug="role",
        answer="choice", options="La paie | Payroll\nLes heures | Time sheets", position="1", is_active="y",
    )  # fmt: skip
    assert answer.status_code in (302, 303), answer.text
    row = ProfileQuestion.get()
    assert (row.slug, row.answer, [one["value"] for one in row.options]) == (
        "role",
        "choice",
        ["payroll", "time-sheets"],
    )
    refused = client.submit(
        "/admin/profilequestion/new/", form="/new/", name_fr="X", name_en="X", slug="x", answer="choice",
        options="", position="1",
    )  # fmt: skip
    assert ProfileQuestion.select().count() == 1 and "deux réponses" in refused.text
