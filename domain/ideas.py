"""Ideas and discussions: what customers of all organisations tell and want, and what staff make of it (VIEW-10).

Every query starts from policies.visible_ideas(). Whose idea it is shows to other customers as a given name and an
initial (presenters.py); nothing here gives them more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from peewee import JOIN, ModelSelect, fn

from domain import audit, notifications, pace, policies, search
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import (
    Idea,
    IdeaComment,
    IdeaFollow,
    IdeaMove,
    IdeaVote,
    Membership,
    Organisation,
    Person,
    Product,
    db,
    is_sqlite,
)

if TYPE_CHECKING:
    from domain.policies import Viewer

KINDS = ("idea", "discussion")
STATES = ("submitted", "under_review", "planned", "under_way", "done", "not_kept")
SORTS = ("newest", "wanted")
TITLE_CHARACTERS = 120
TEXT_CHARACTERS = 10_000
SENTENCE_CHARACTERS = 300
REASON_CHARACTERS = 300
PAGE = 20
COMMENTS_SHOWN = 50
ALIKE_SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """What the address of a list asks for; values that mean nothing are taken as not asked."""

    kind: str = "idea"
    state: str = ""
    product: str = ""
    sort: str = "newest"
    q: str = ""
    mine: bool = False
    # Ideas that staff hid: for the desk only.
    hidden: bool = False
    after: str = ""

    @property
    def narrowed(self) -> bool:
        """True when a filter may be what leaves the list empty."""
        return bool(self.state or self.product or self.q or self.mine or self.hidden)


class Page(NamedTuple):
    """One page of a list: ideas with author and product, the mark of the next page, and whether more were found."""

    rows: list[Idea]
    following: str
    capped: bool


class Standing(NamedTuple):
    """What one person has done with an idea."""

    voted: bool
    follows: bool


# ---- Reading -----------------------------------------------------------------------------------------


def _with_people(query: ModelSelect) -> ModelSelect:
    return (
        query.select(Idea, Person.id, Person.full_name, Person.staff_role, Product)
        .join_from(Idea, Person, on=(Idea.author == Person.id), attr="author")
        .join_from(Idea, Product, JOIN.LEFT_OUTER, on=(Idea.product == Product.id), attr="product")
    )


def listed(viewer: Viewer, asked: Asked) -> Page:
    """One page of the ideas that a person may read. One query, two with words to look for.

    Raises NotAllowed for somebody who belongs to no organisation yet.
    """
    if not policies.can_read_ideas(viewer):
        raise NotAllowed("ideas-not-yours")
    query = _with_people(policies.visible_ideas(viewer)).where(Idea.kind == asked.kind)
    if asked.hidden and policies.can_moderate_ideas(viewer):
        query = query.where(Idea.hidden_at.is_null(False))
    elif asked.mine:
        query = query.where((Idea.author == viewer.id) & Idea.merged_into.is_null())
    else:
        query = query.where(Idea.hidden_at.is_null() & Idea.merged_into.is_null())
    if asked.state:
        query = query.where(Idea.state == asked.state)
    if asked.product:
        query = query.where(
            Idea.product == Product.select(Product.id).where(Product.slug == asked.product).limit(1)
        )
    order = [Idea.votes.desc(), Idea.id.desc()] if asked.sort == "wanted" else [Idea.id.desc()]
    if asked.q:
        keys = search.idea_ids(asked.q)
        if not keys:
            return Page([], "", False)
        rows = list(query.where(Idea.id.in_(keys)).order_by(*order).limit(search.MOST_IDEAS))
        return Page(rows[: 2 * PAGE], "", len(rows) > 2 * PAGE or len(keys) >= search.MOST_IDEAS)
    edge = _edge(asked)
    if edge is not None:
        votes, key = edge
        query = query.where(
            (Idea.votes < votes) | ((Idea.votes == votes) & (Idea.id < key))
            if asked.sort == "wanted"
            else Idea.id < key
        )
    rows = list(query.order_by(*order).limit(PAGE + 1))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    following = "" if last is None else f"{last.votes}-{last.id}"
    return Page(rows[:PAGE], following, False)


def _edge(asked: Asked) -> tuple[int, int] | None:
    """The last row of the page before, as its mark says; None for the first page or a mark that is none."""
    votes, dash, key = asked.after.partition("-")
    if not dash or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (votes, key)):
        return None
    return int(votes), int(key)


def find(viewer: Viewer, idea_id: int) -> Idea:
    """One idea with its author and product. One query.

    Raises Missing when this person may not know of it, NotAllowed for somebody of no organisation.
    """
    if not policies.can_read_ideas(viewer):
        raise NotAllowed("ideas-not-yours")
    if idea_id >= 2**31:
        raise Missing()
    row = _with_people(policies.visible_ideas(viewer)).where(Idea.id == idea_id).first()
    if row is None:
        raise Missing()
    return row


def standing(viewer: Viewer, idea: Idea) -> Standing:
    """What this person has done with an idea. One query."""
    voted = IdeaVote.select(fn.COUNT(IdeaVote.id)).where(
        (IdeaVote.idea == idea.id) & (IdeaVote.person == viewer.id)
    )
    follows = IdeaFollow.select(fn.COUNT(IdeaFollow.id)).where(
        (IdeaFollow.idea == idea.id) & (IdeaFollow.person == viewer.id)
    )
    row = Idea.select(voted.alias("voted"), follows.alias("follows")).where(Idea.id == idea.id).tuples().get()
    return Standing(bool(row[0]), bool(row[1]))


def discussion(viewer: Viewer, idea: Idea, before: int | None = None) -> tuple[list[IdeaComment], int | None]:
    """What was said on an idea, oldest first: the last ones, or those before a key. One query.

    Returns the comments with their authors, and the key before which older ones stand, or None. What staff hid is
    there for the desk only.
    """
    query = (
        IdeaComment.select(IdeaComment, Person.id, Person.full_name)
        .join(Person, on=(IdeaComment.author == Person.id))
        .where(IdeaComment.idea == idea.id)
    )
    if not policies.can_moderate_ideas(viewer):
        query = query.where(IdeaComment.hidden_at.is_null())
    if before is not None:
        query = query.where(IdeaComment.id < min(before, 2**31 - 1))
    rows = list(query.order_by(IdeaComment.id.desc()).limit(COMMENTS_SHOWN + 1))
    older = rows[COMMENTS_SHOWN - 1].id if len(rows) > COMMENTS_SHOWN else None
    return rows[:COMMENTS_SHOWN][::-1], older


def moves(idea: Idea) -> list[IdeaMove]:
    """The states that an idea had, with the sentence of each, oldest first. One query."""
    query = IdeaMove.select().where(IdeaMove.idea == idea.id).order_by(IdeaMove.id.desc()).limit(20)
    return list(query)[::-1]


def organisations_of(viewer: Viewer, people: Iterable[int]) -> dict[int, str]:
    """The organisation of each person, for staff only: nobody else learns it here. One query, none for customers."""
    keys = set(people)
    if not viewer.is_staff or not keys:
        return {}
    query = (
        Membership.select(Membership.person, Organisation.name)
        .join(Organisation)
        .where(Membership.person.in_(keys) & Membership.removed_at.is_null())
        .order_by(Membership.id.desc())
    )
    return dict(query.tuples())


def look_alikes(viewer: Viewer, text: str, besides: int | None = None, kind: str = "") -> list[Idea]:
    """Ideas whose titles hold at least half of the telling words of a text, the nearest first. Two queries."""
    sought = search.telling(text)
    if not sought or not policies.can_read_ideas(viewer):
        return []
    held = search.idea_titles(sought)
    least = (len(sought) + 1) // 2
    near = sorted((key for key in held if held[key] >= least), key=lambda key: (-held[key], -key))[:50]
    if not near:
        return []
    query = policies.visible_ideas(viewer).where(
        Idea.id.in_(near) & Idea.hidden_at.is_null() & Idea.merged_into.is_null()
    )
    if kind:
        query = query.where(Idea.kind == kind)
    rows = [row for row in query if row.id != besides]
    return sorted(rows, key=lambda row: (-held[row.id], -row.votes, -row.id))[:ALIKE_SHOWN]


# ---- Telling and answering ---------------------------------------------------------------------------


def submit(
    by: Viewer,
    now: datetime,
    *,
    title: str,
    problem: str = "",
    details: str = "",
    kind: str = "idea",
    product_id: int | None = None,
    idempotency_key: str,
) -> Idea:
    """Tell an idea, or begin a discussion. Its author follows it.

    Arguments: by, who; now, aware UTC; title, at most 120 characters; problem, needed for an idea; details, Markdown;
    product_id, of an active product, or None; idempotency_key, one for each form shown: a second click makes nothing.
    Raises NotAllowed, Invalid by its field, NotNow("too-many-posts") and NotNow("key-reused").
    """
    if not policies.can_read_ideas(by):
        raise NotAllowed("ideas-not-yours")
    if kind not in KINDS:
        raise Invalid("idea-kind-unknown", field="kind")
    words = _words(kind, title, problem, details, product_id)
    with db.atomic():
        again = Idea.get_or_none(Idea.idempotency_key == idempotency_key)
        if again is not None:
            if again.author_id == by.id and again.title == words["title"]:
                return again
            raise NotNow("key-reused")
        pace.check(Idea.author, by, now, setting="posts_per_minute", refusal="too-many-posts")
        idea = Idea.create(
            kind=kind,
            author=by.id,
            language=by.language,
            created_at=now,
            idempotency_key=idempotency_key,
            **words,
        )
        search.index_idea(idea.id)
        _follow(idea.id, by.id)
    return idea


def edit(
    idea: Idea,
    by: Viewer,
    now: datetime,
    *,
    title: str,
    problem: str = "",
    details: str = "",
    product_id: int | None = None,
) -> Idea:
    """Change one's idea, for some minutes and as long as nobody has answered it. Arguments as submit().

    Raises NotAllowed for somebody else's, NotNow("idea-answered") when it is too late, Invalid by its field.
    """
    words = _words(idea.kind, title, problem, details, product_id)
    with db.atomic():
        row = _locked(idea, by)
        if row.author_id != by.id:
            raise NotAllowed("idea-not-yours")
        if not policies.can_edit_idea(by, row, now):
            raise NotNow("idea-answered")
        Idea.update(**words, edited_at=now).where(Idea.id == row.id).execute()
        search.index_idea(row.id)
    return Idea.get_by_id(idea.id)


def vote(idea: Idea, by: Viewer, now: datetime, *, follow: bool = False) -> bool:
    """Say that one wants an idea too: once; with `follow`, a mail tells when its state changes.

    Returns False when the person had said so already. Raises Missing, NotAllowed for one's own, NotNow when it is over.
    """
    with db.atomic():
        row = _locked(idea, by)
        if not policies.can_vote(by, row):
            if row.author_id == by.id:
                raise NotAllowed("idea-own-vote")
            raise NotNow("idea-over")
        made = (
            IdeaVote.insert(idea=row.id, person=by.id, created_at=now)
            .on_conflict(action="nothing", conflict_target=[IdeaVote.idea, IdeaVote.person])
            .as_rowcount()
            .execute()
        )
        if made:
            Idea.update(votes=Idea.votes + 1).where(Idea.id == row.id).execute()
        if follow:
            _follow(row.id, by.id)
    return bool(made)


def unvote(idea: Idea, by: Viewer) -> bool:
    """Take one's vote back. Returns False when there was none. Raises Missing, NotNow when it is over."""
    with db.atomic():
        row = _locked(idea, by)
        if not policies.can_vote(by, row):
            raise NotNow("idea-over")
        gone = IdeaVote.delete().where((IdeaVote.idea == row.id) & (IdeaVote.person == by.id)).execute()
        if gone:
            Idea.update(votes=Idea.votes - 1).where(Idea.id == row.id).execute()
    return bool(gone)


def follow(idea: Idea, by: Viewer) -> None:
    """Get a mail when the state of an idea changes. Raises Missing, NotNow when it is over."""
    with db.atomic():
        row = _locked(idea, by)
        if not policies.can_take_part(by, row):
            raise NotNow("idea-over")
        _follow(row.id, by.id)


def unfollow(idea: Idea, by: Viewer) -> None:
    """No longer get these mails."""
    IdeaFollow.delete().where((IdeaFollow.idea == idea.id) & (IdeaFollow.person == by.id)).execute()


def comment(idea: Idea, body: str, by: Viewer, now: datetime, *, idempotency_key: str) -> IdeaComment:
    """Say something on an idea, in Markdown. What staff write is marked as the team's.

    Raises Missing, Invalid("body-empty", "body-too-long"), NotNow("idea-over", "too-many-posts", "key-reused").
    """
    body = body.strip()
    if not body:
        raise Invalid("body-empty", field="body")
    if len(body) > TEXT_CHARACTERS:
        raise Invalid("line-too-long", field="body", limit=TEXT_CHARACTERS)
    with db.atomic():
        row = _locked(idea, by)
        again = IdeaComment.get_or_none(IdeaComment.idempotency_key == idempotency_key)
        if again is not None:
            if (again.idea_id, again.author_id, again.body) == (row.id, by.id, body):
                return again
            raise NotNow("key-reused")
        if not policies.can_take_part(by, row):
            raise NotNow("idea-over")
        pace.check(IdeaComment.author, by, now, setting="posts_per_minute", refusal="too-many-posts")
        made = IdeaComment.create(
            idea=row.id,
            author=by.id,
            by_team=by.is_staff,
            body=body,
            created_at=now,
            idempotency_key=idempotency_key,
        )
        Idea.update(comments=Idea.comments + 1).where(Idea.id == row.id).execute()
    return made


# ---- What staff do -----------------------------------------------------------------------------------


def move(
    idea: Idea,
    state: str,
    by: Viewer,
    now: datetime,
    *,
    sentence_fr: str = "",
    sentence_en: str = "",
    seen: int | None = None,
) -> IdeaMove:
    """Give an idea another state, with a sentence that everybody reads; its followers get a mail.

    Arguments: state, of STATES; sentence_fr and sentence_en, at least one of them; seen, the version that was on the
    screen. Raises NotAllowed, Invalid by its field, NotNow("idea-moved") when somebody was first.
    """
    _only_desk(by)
    said = {"sentence_fr": " ".join(sentence_fr.split()), "sentence_en": " ".join(sentence_en.split())}
    if state not in STATES:
        raise Invalid("idea-state-unknown", field="state")
    if not any(said.values()):
        raise Invalid("idea-sentence-needed", field="sentence_fr")
    for name, text in said.items():
        if len(text) > SENTENCE_CHARACTERS:
            raise Invalid("line-too-long", field=name, limit=SENTENCE_CHARACTERS)
    with db.atomic():
        row = _locked(idea, by)
        if row.kind != "idea" or row.merged_into_id is not None or row.hidden_at is not None:
            raise NotNow("idea-over")
        if seen is not None and row.version != seen:
            raise NotNow("idea-moved")
        if row.state == state:
            raise Invalid("idea-state-same", field="state")
        claimed = (
            Idea.update(state=state, version=row.version + 1)
            .where((Idea.id == row.id) & (Idea.version == row.version))
            .execute()
        )
        if not claimed:
            raise NotNow("idea-moved")
        made = IdeaMove.create(
            idea=row.id, before=row.state, after=state, moved_by=by.id, moved_at=now, **said
        )
        audit.record("idea:moved", by=by, now=now, target=f"idea:{row.id}", before=row.state, after=state)
        followers = (
            Person.select()
            .join(IdeaFollow, on=(IdeaFollow.person == Person.id))
            .where((IdeaFollow.idea == row.id) & Person.is_active & (Person.id != by.id))
            .order_by(Person.id)
        )
        notifications.enqueue_all(
            "idea-state", followers, source=f"idea:{row.id}:{made.id}", now=now, move_id=made.id
        )
    return made


def hide(idea: Idea, reason: str, by: Viewer, now: datetime) -> None:
    """Hide an idea from everybody but the desk and its author, who reads why. Raises NotAllowed, Invalid, NotNow."""
    reason = _reason(reason, by)
    with db.atomic():
        row = _locked(idea, by)
        if row.hidden_at is not None:
            raise NotNow("idea-hidden-already")
        Idea.update(hidden_at=now, hide_reason=reason).where(Idea.id == row.id).execute()
        audit.record("idea:hidden", by=by, now=now, target=f"idea:{row.id}", reason=reason)


def show_again(idea: Idea, by: Viewer, now: datetime) -> None:
    """Show a hidden idea again. Raises NotAllowed, NotNow when it is not hidden."""
    _only_desk(by)
    with db.atomic():
        row = _locked(idea, by)
        if row.hidden_at is None:
            raise NotNow("idea-shown-already")
        Idea.update(hidden_at=None, hide_reason="").where(Idea.id == row.id).execute()
        audit.record("idea:shown", by=by, now=now, target=f"idea:{row.id}")


def find_comment(viewer: Viewer, idea: Idea, comment_id: int) -> IdeaComment:
    """One comment of an idea, for the desk. Raises NotAllowed, Missing."""
    _only_desk(viewer)
    found = None
    if comment_id < 2**31:
        found = (
            IdeaComment.select(IdeaComment, Person.id, Person.full_name)
            .join(Person, on=(IdeaComment.author == Person.id))
            .where((IdeaComment.id == comment_id) & (IdeaComment.idea == idea.id))
            .first()
        )
    if found is None:
        raise Missing()
    return found


def hide_comment(idea: Idea, comment_id: int, reason: str, by: Viewer, now: datetime) -> None:
    """Hide a comment from everybody but the desk. Raises NotAllowed, Missing, Invalid, NotNow."""
    reason = _reason(reason, by)
    with db.atomic():
        row = _locked(idea, by)
        said = find_comment(by, row, comment_id)
        if said.hidden_at is not None:
            raise NotNow("idea-hidden-already")
        IdeaComment.update(hidden_at=now, hide_reason=reason).where(IdeaComment.id == said.id).execute()
        _count_comments(row.id)
        audit.record(
            "idea:comment_hidden", by=by, now=now, target=f"idea:{row.id}", comment=said.id, reason=reason
        )


def show_comment_again(idea: Idea, comment_id: int, by: Viewer, now: datetime) -> None:
    """Show a hidden comment again. Raises NotAllowed, Missing, NotNow."""
    _only_desk(by)
    with db.atomic():
        row = _locked(idea, by)
        said = find_comment(by, row, comment_id)
        if said.hidden_at is None:
            raise NotNow("idea-shown-already")
        IdeaComment.update(hidden_at=None, hide_reason="").where(IdeaComment.id == said.id).execute()
        _count_comments(row.id)
        audit.record("idea:comment_shown", by=by, now=now, target=f"idea:{row.id}", comment=said.id)


def merge(idea: Idea, into_id: int, by: Viewer, now: datetime) -> Idea:
    """Let a duplicate go on in another idea: votes and followers once for each person, and the discussion.

    The author of the duplicate counts as a voter of the other one. Returns that one. Raises NotAllowed,
    Invalid("idea-into-unknown", "idea-into-itself") by the field `into`, NotNow when it is hidden or merged already.
    """
    _only_desk(by)
    if into_id == idea.id:
        raise Invalid("idea-into-itself", field="into")
    with db.atomic():
        # Always in the same order, so that two who merge at once wait for one another instead of for ever.
        locked = {key: _row(key) for key in sorted((idea.id, into_id))}
        row, into = locked[idea.id], locked[into_id]
        if row is None:
            raise Missing()
        if row.merged_into_id is not None or row.hidden_at is not None:
            raise NotNow("idea-over")
        if (
            into is None
            or into.kind != row.kind
            or into.merged_into_id is not None
            or into.hidden_at is not None
        ):
            raise Invalid("idea-into-unknown", field="into")
        moved: list[dict[str, Any]] = [
            {"idea": into.id, "person": person, "created_at": at}
            for person, at in IdeaVote.select(IdeaVote.person, IdeaVote.created_at)
            .where((IdeaVote.idea == row.id) & (IdeaVote.person != into.author_id))
            .tuples()
        ]
        if row.kind == "idea" and row.author_id != into.author_id:
            moved.append({"idea": into.id, "person": row.author_id, "created_at": row.created_at})
        _insert_once(IdeaVote, moved)
        _insert_once(
            IdeaFollow,
            [
                {"idea": into.id, "person": person}
                for (person,) in IdeaFollow.select(IdeaFollow.person)
                .where(IdeaFollow.idea == row.id)
                .tuples()
            ],
        )
        for table in (IdeaVote, IdeaFollow):
            table.delete().where(table.idea == row.id).execute()
        IdeaComment.update(idea=into.id).where(IdeaComment.idea == row.id).execute()
        Idea.update(merged_into=into.id).where(Idea.merged_into == row.id).execute()
        Idea.update(merged_into=into.id, votes=0, comments=0).where(Idea.id == row.id).execute()
        votes = IdeaVote.select().where(IdeaVote.idea == into.id).count()
        Idea.update(votes=votes).where(Idea.id == into.id).execute()
        _count_comments(into.id)
        audit.record("idea:merged", by=by, now=now, target=f"idea:{row.id}", into=into.id)
    return Idea.get_by_id(into_id)


# ---- Beneath -----------------------------------------------------------------------------------------


def _only_desk(by: Viewer) -> None:
    if not policies.can_moderate_ideas(by):
        raise NotAllowed("idea-not-desk")


def _row(idea_id: int) -> Idea | None:
    query = Idea.select().where(Idea.id == idea_id)
    return (query if is_sqlite() else query.for_update()).first() if idea_id < 2**31 else None


def _locked(idea: Idea, by: Viewer) -> Idea:
    """The idea as it is in this transaction. Raises Missing for what the person may not know of."""
    query = policies.visible_ideas(by).where(Idea.id == idea.id)
    row = (query if is_sqlite() else query.for_update()).first()
    if row is None:
        raise Missing()
    return row


def _follow(idea_id: int, person_id: int) -> None:
    _insert_once(IdeaFollow, [{"idea": idea_id, "person": person_id}])


def _insert_once(table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 500):
        table.insert_many(rows[start : start + 500]).on_conflict(
            action="nothing", conflict_target=[table.idea, table.person]
        ).execute()


def _count_comments(idea_id: int) -> None:
    seen = (IdeaComment.idea == idea_id) & IdeaComment.hidden_at.is_null()
    Idea.update(comments=IdeaComment.select().where(seen).count()).where(Idea.id == idea_id).execute()


def _reason(reason: str, by: Viewer) -> str:
    _only_desk(by)
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid("idea-reason-needed", field="reason")
    if len(reason) > REASON_CHARACTERS:
        raise Invalid("line-too-long", field="reason", limit=REASON_CHARACTERS)
    return reason


def _words(kind: str, title: str, problem: str, details: str, product_id: int | None) -> dict[str, Any]:
    """What an idea says, as it is kept. Raises Invalid by its field."""
    title, problem, details = " ".join(title.split()), problem.strip(), details.strip()
    if not title:
        raise Invalid("idea-title-needed", field="title")
    if len(title) > TITLE_CHARACTERS:
        raise Invalid("line-too-long", field="title", limit=TITLE_CHARACTERS)
    if kind == "idea" and not problem:
        raise Invalid("idea-problem-needed", field="problem")
    if kind == "discussion" and not details:
        raise Invalid("idea-details-needed", field="details")
    for name, text in (("problem", problem), ("details", details)):
        if len(text) > TEXT_CHARACTERS:
            raise Invalid("line-too-long", field=name, limit=TEXT_CHARACTERS)
    if (
        product_id is not None
        and not Product.select().where((Product.id == product_id) & Product.is_active).exists()
    ):
        raise Invalid("idea-product-unknown", field="product")
    return {
        "title": title,
        "problem": problem if kind == "idea" else "",
        "details": details,
        "product": product_id,
    }
