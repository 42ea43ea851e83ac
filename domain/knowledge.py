"""Articles: what is written, kept, read, found, rated and followed (VIEW-7, VIEW-9). Words of pages are not here.

An article is a row; each save also keeps it whole as a version, which staff read and restore. Every query starts
from policies.visible_articles(). Articles of a preset are written like any other, and what somebody edited here since
is left alone.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from peewee import JOIN, ModelSelect, fn

from domain import policies, search, statements
from domain.policies import Viewer
from domain.refusals import Invalid, Missing, NotAllowed, NotNow
from models import Article, ArticleVersion, ArticleVote, Person, SearchMiss, Topic, TopicFollow, db

KINDS = ("article", "faq", "news", "release", "change", "download")
AUDIENCES = ("public", "customers", "staff")
STATES = ("draft", "published")
# What stands on the page of announcements and on home; release notes have a page of their own.
ANNOUNCED = ("news", "change")
DATED = (*ANNOUNCED, "release")
WRITTEN = ("title_fr", "title_en", "summary_fr", "summary_en", "body_fr", "body_en")
BODY_CHARACTERS = 60_000
SENTENCE_CHARACTERS = 500
# A page of dated articles, and what a page of a topic shows at most: a topic that needs more wants dividing.
PAGE = 20
MOST_OF_TOPIC = 200
SHOWN_OF_TOPIC = 5
# What was published longer ago is no news of a topic, even for somebody who never looked.
FEED_DAYS = 30
MISSES_KEPT = 5_000


class Head(NamedTuple):
    """What lists show of an article."""

    id: int
    slug: str
    kind: str
    topic_id: int
    topic_slug: str
    topic_name_fr: str
    topic_name_en: str
    audience: str
    state: str
    title_fr: str
    title_en: str
    summary_fr: str
    summary_en: str
    published_at: datetime | None


_HEAD = (
    Article.id, Article.slug, Article.kind, Article.topic, Topic.slug, Topic.name_fr, Topic.name_en, Article.audience,
    Article.state, Article.title_fr, Article.title_en, Article.summary_fr, Article.summary_en, Article.published_at,
)  # fmt: skip


class TopicHead(NamedTuple):
    """A topic with how many articles this reader may read in it, and the first of them."""

    topic: Topic
    total: int
    first: list[Head]


class Votes(NamedTuple):
    """What readers said of an article: how many it helped and did not, and what the latest of them wrote."""

    yes: int
    no: int
    sentences: list[tuple[str, bool, datetime]]


# ---- Reading -----------------------------------------------------------------------------------------


def _published(viewer: Viewer | None) -> ModelSelect:
    """The published articles this person may read, with their topic, as lists show them. A resting topic hides none of
    its articles from those who have their address, but no list shows them.
    """
    return (
        policies.visible_articles(viewer)
        .select(*_HEAD)
        .join(Topic)
        .where((Article.state == "published") & Topic.is_active)
    )


def _heads(query: ModelSelect) -> list[Head]:
    return [Head(*row) for row in query.tuples()]


def public_articles() -> list[tuple[str, datetime]]:
    """What anybody may read, for search engines: (slug, last change in UTC), in the order of their addresses."""
    query = policies.visible_articles(None).where(Article.state == "published").order_by(Article.slug)
    return [(row.slug, row.updated_at) for row in query.select(Article.slug, Article.updated_at)]


def topics(viewer: Viewer | None) -> list[TopicHead]:
    """The topics with something to read for this person, each with its first articles. Two queries.

    Of a dated kind (news, release notes) the newest come first; of the others, those of the smallest place.
    """
    found: dict[int, TopicHead] = {
        row.id: TopicHead(row, 0, [])
        for row in Topic.select().where(Topic.is_active).order_by(Topic.position, Topic.id)
    }
    for head in _heads(_published(viewer).order_by(Article.position, Article.id).limit(search.MOST_ARTICLES)):
        entry = found[head.topic_id]
        if len(entry.first) < SHOWN_OF_TOPIC:
            entry.first.append(head)
        found[head.topic_id] = entry._replace(total=entry.total + 1)
    return [entry for entry in found.values() if entry.total]


# Which topics the home page shows is asked on every visit; a change made elsewhere is seen after this many seconds.
CACHE_SECONDS = 3.0
_featured: dict[str, tuple[float, list[Topic]]] = {}


def forget() -> None:
    """Drop what this process remembers: the next read asks the database."""
    _featured.clear()


def featured(viewer: Viewer | None) -> list[Topic]:
    """The topics that the home page shows: those chosen for it in which this person may read something (VIEW-8).

    At most one query, and none while it is remembered: equal for all who read the same articles.
    """
    reader = "" if viewer is None or not viewer.is_active else viewer.staff_role or "customer"
    known = _featured.get(reader)
    if known is not None and time.monotonic() - known[0] < CACHE_SECONDS:
        return known[1]
    readable = policies.visible_articles(viewer).select(Article.topic).where(Article.state == "published")
    query = Topic.select().where(Topic.is_featured & Topic.is_active & Topic.id.in_(readable))
    found = list(query.order_by(Topic.position, Topic.id))
    _featured[reader] = (time.monotonic(), found)
    return found


def topic(slug: str) -> Topic:
    """The topic with this slug. Raises Missing."""
    found = Topic.get_or_none((Topic.slug == slug[:60]) & Topic.is_active)
    if found is None:
        raise Missing()
    return found


def of_topic(viewer: Viewer | None, row: Topic) -> list[Head]:
    """What a person may read in a topic, in order. One query."""
    query = _published(viewer).where(Article.topic == row.id)
    return _heads(query.order_by(Article.position, Article.id).limit(MOST_OF_TOPIC))


def faq(viewer: Viewer | None) -> list[Head]:
    """The questions that are often asked, by topic. One query."""
    query = _published(viewer).where(Article.kind == "faq")
    return _heads(query.order_by(Topic.position, Topic.id, Article.position, Article.id).limit(MOST_OF_TOPIC))


def dated(viewer: Viewer | None, kinds: Sequence[str], page: int = 0) -> tuple[list[Head], bool]:
    """News, coming changes or release notes, the newest first, and whether older ones follow. One query."""
    query = _published(viewer).where(Article.kind.in_(kinds))
    rows = _heads(
        query.order_by(Article.published_at.desc(), Article.id.desc())
        .limit(PAGE + 1)
        .offset(min(page, 500) * PAGE)
    )
    return rows[:PAGE], len(rows) > PAGE


def newest(viewer: Viewer | None, kinds: Sequence[str], limit: int) -> list[Head]:
    """The newest articles of some kinds that this person may read, for the home page. One query."""
    key = ("knowledge.newest", tuple(kinds), limit, viewer and viewer.is_active, viewer and viewer.staff_role)
    found = statements.tuples(
        key,
        lambda: (
            _published(viewer)
            .where(Article.kind.in_(list(kinds)))
            .order_by(Article.published_at.desc(), Article.id.desc())
            .limit(limit)
        ),
        {},
    )
    return [_from_row(row) for row in found]


def _from_row(row: tuple[Any, ...]) -> Head:
    return Head._make((*row[:-1], Article.published_at.python_value(row[-1])))


def find(viewer: Viewer | None, slug: str) -> Article:
    """The article with this slug, with its topic and owner. One query.

    Raises Missing when this person may not know of it.
    """
    owner = Person.alias()
    row = (
        policies.visible_articles(viewer)
        .select(Article, Topic, owner)
        .join_from(Article, Topic)
        .join_from(Article, owner, JOIN.LEFT_OUTER, on=(Article.owner == owner.id), attr="owner")
        .where(Article.slug == slug[:80])
        .first()
    )
    if row is None:
        raise Missing()
    return row


def related(viewer: Viewer | None, article: Article, limit: int = 4) -> list[Head]:
    """Articles of the same topic that speak of the same things first. Two queries."""
    text = f"{article.title_fr} {article.title_en}"
    found = [head for head in _ranked(viewer, text, least=1) if head.id != article.id]
    near = [head for head in found if head.topic_id == article.topic_id]
    return [*near, *(head for head in found if head.topic_id != article.topic_id)][:limit]


# ---- Finding -----------------------------------------------------------------------------------------


def matching(viewer: Viewer | None, query: str) -> list[Head]:
    """The articles that answer a search, best first: those with every word, else those with most of them. Two queries.

    Arguments: query, as typed. Words of the title weigh more than those of the summary, those more than the words of
    the text, rare ones more than common ones; of equals, the title that is nearest to what was typed comes first.
    """
    sought = search.telling(query)
    return _ranked(viewer, query, least=len(sought)) or _ranked(
        viewer, query, least=math.ceil(len(sought) / 2)
    )


def suggested(viewer: Viewer, subject: str, limit: int = 3) -> list[Head]:
    """Articles that may answer a request whose subject is being typed (REQ-10). Two queries."""
    sought = search.telling(subject)
    if not sought:
        return []
    return _ranked(viewer, subject, least=math.ceil(len(sought) / 2), in_title=True)[:limit]


def _ranked(viewer: Viewer | None, query: str, *, least: int, in_title: bool = False) -> list[Head]:
    """The published articles that hold at least some of the telling words of a query, best first."""
    sought = search.telling(query)
    if not sought:
        return []
    hits = search.article_hits(sought)
    frequency = {term: sum(term in held for held in hits.values()) for term in sought}
    hits = {
        article_id: held
        for article_id, held in hits.items()
        if len(held) >= least and (not in_title or any(held.values()))
    }
    if not hits:
        return []
    typed = frozenset(search.terms(query))

    def order(head: Head) -> tuple[float, int, bool, int]:
        held = hits[head.id]
        summary = frozenset(search.words(f"{head.summary_fr} {head.summary_en}"))
        score = sum(
            (4.0 if at_top else 2.0 if term in summary else 1.0) / (1.0 + math.log(frequency[term]))
            for term, at_top in held.items()
        )
        # Small words such as "who can" say little, but more than nothing where two say as much.
        near = max(len(typed.intersection(search.words(title))) for title in (head.title_fr, head.title_en))
        return -score, -near, head.kind in DATED, head.id

    return sorted(_heads(_published(viewer).where(Article.id.in_(list(hits)))), key=order)


def record_miss(query: str, now: datetime) -> None:
    """Count a search that found nothing (STAFF-5): its words, never who typed them.

    What could name somebody is left out: addresses, numbers. The oldest of many make room.
    """
    if "@" in query:
        return
    words = " ".join(part for part in search.fold(query).split() if not any(c.isdigit() for c in part))[
        :120
    ].strip()
    if len(words) < 3 or not words.isprintable() or not search.terms(words):
        return
    with db.atomic():
        (
            SearchMiss.insert(words=words, times=1, last_at=now)
            .on_conflict(
                conflict_target=[SearchMiss.words],
                update={SearchMiss.times: SearchMiss.times + 1, SearchMiss.last_at: now},
            )
            .execute()
        )
        if SearchMiss.select().count() > MISSES_KEPT:
            oldest = SearchMiss.select(SearchMiss.id).order_by(SearchMiss.last_at, SearchMiss.id).limit(100)
            SearchMiss.delete().where(SearchMiss.id.in_([row[0] for row in oldest.tuples()])).execute()


# ---- What readers say ----------------------------------------------------------------------------------


def vote(article: Article, helpful: bool, sentence: str, by: Viewer, now: datetime) -> None:
    """Say whether an article helped: once for each version; saying it again changes what was said (VIEW-9).

    Arguments: sentence, optional, at most 500 characters. Raises NotAllowed, Invalid.
    """
    if not policies.can_rate(by, article):
        raise NotAllowed("vote-not-yours")
    sentence = " ".join(sentence.replace("\x00", " ").split())
    if len(sentence) > SENTENCE_CHARACTERS:
        raise Invalid("sentence-too-long", field="sentence", limit=SENTENCE_CHARACTERS)
    said = {"helpful": helpful, "sentence": sentence, "created_at": now}
    (
        ArticleVote.insert(article=article.id, version=article.version, person=by.id, **said)
        .on_conflict(
            conflict_target=[ArticleVote.article, ArticleVote.version, ArticleVote.person],
            update={getattr(ArticleVote, name): value for name, value in said.items()},
        )
        .execute()
    )


def vote_of(viewer: Viewer | None, article: Article) -> ArticleVote | None:
    """What this person said of the present version, or None."""
    if viewer is None:
        return None
    return ArticleVote.get_or_none(
        (ArticleVote.article == article.id)
        & (ArticleVote.version == article.version)
        & (ArticleVote.person == viewer.id)
    )


def votes(article: Article) -> Votes:
    """What readers said of every version of an article: for staff. Two queries."""
    counted = dict(
        ArticleVote.select(ArticleVote.helpful, fn.COUNT(ArticleVote.id))
        .where(ArticleVote.article == article.id)
        .group_by(ArticleVote.helpful)
        .tuples()
    )
    told = (
        ArticleVote.select(ArticleVote.sentence, ArticleVote.helpful, ArticleVote.created_at)
        .where((ArticleVote.article == article.id) & (ArticleVote.sentence != ""))
        .order_by(ArticleVote.id.desc())
        .limit(20)
    )
    return Votes(counted.get(True, 0), counted.get(False, 0), list(told.tuples()))


def follow(row: Topic, by: Viewer, now: datetime) -> None:
    """Follow a topic: what is published in it from now on stands on one's home page. Again: what there is was seen."""
    (
        TopicFollow.insert(person=by.id, topic=row.id, seen_at=now)
        .on_conflict(
            conflict_target=[TopicFollow.person, TopicFollow.topic], update={TopicFollow.seen_at: now}
        )
        .execute()
    )


def unfollow(row: Topic, by: Viewer) -> None:
    """No longer follow a topic."""
    TopicFollow.delete().where((TopicFollow.person == by.id) & (TopicFollow.topic == row.id)).execute()


def follows(viewer: Viewer | None, row: Topic) -> bool:
    """True when this person follows the topic."""
    return viewer is not None and bool(
        TopicFollow.select().where((TopicFollow.person == viewer.id) & (TopicFollow.topic == row.id)).exists()
    )


def feed(viewer: Viewer, now: datetime, limit: int = 3) -> list[Head]:
    """What was published in the topics a person follows since they last looked, the newest first. One query."""
    this, since = statements.stand_in(0), "2000-01-01 00:00:00.000000"
    found = statements.tuples(
        ("knowledge.feed", limit, viewer.staff_role),
        lambda: (
            _published(viewer)
            .join_from(Article, TopicFollow, on=(TopicFollow.topic == Article.topic))
            .where(
                (TopicFollow.person == this)
                & (Article.published_at > TopicFollow.seen_at)
                & (Article.published_at > since)
            )
            .order_by(Article.published_at.desc(), Article.id.desc())
            .limit(limit)
        ),
        {this: viewer.id, since: Article.published_at.db_value(now - timedelta(days=FEED_DAYS))},
    )
    return [_from_row(row) for row in found]


# ---- Writing -----------------------------------------------------------------------------------------


def check(article: Article, now: datetime) -> None:
    """What is always true of an article before it is saved: a title, a text in the same language, a day of publication.

    Raises Invalid with the field.
    """
    if not article.title_fr and not article.title_en:
        raise Invalid("article-title-needed", field="title_fr")
    for code in ("fr", "en"):
        title, body = getattr(article, f"title_{code}"), getattr(article, f"body_{code}")
        if body and not title:
            raise Invalid("article-title-needed", field=f"title_{code}")
        if title and not body and article.state == "published":
            raise Invalid("article-body-needed", field=f"body_{code}")
        if len(body) > BODY_CHARACTERS:
            raise Invalid("article-too-long", field=f"body_{code}", limit=BODY_CHARACTERS)
    if article.state == "published" and article.published_at is None:
        article.published_at = now
    article.updated_at = now
    if article.created_at is None:
        article.created_at = now


def keep_version(article: Article, by: Viewer | None, now: datetime) -> int:
    """Keep the article as it is now under the next number, and index its words, in the caller's transaction.

    Returns the number. A save that changed nothing that is read makes none.
    """
    last = (
        ArticleVersion.select()
        .where(ArticleVersion.article == article.id)
        .order_by(ArticleVersion.number.desc())
        .first()
    )
    said = {name: getattr(article, name) for name in (*WRITTEN, "state")}
    if last is None or any(getattr(last, name) != value for name, value in said.items()):
        number = (last.number if last else 0) + 1
        ArticleVersion.create(
            article=article.id, number=number, saved_by=by.id if by else None, saved_at=now, **said
        )
        article.version = number
        Article.update(version=number).where(Article.id == article.id).execute()
    search.index_article(article.id)
    return int(article.version)


def save(article: Article, by: Viewer | None, now: datetime) -> Article:
    """Write an article, new or changed, with its version. Raises Invalid."""
    check(article, now)
    with db.atomic():
        article.save()
        keep_version(article, by, now)
    return article


def restore(article: Article, number: int, by: Viewer, now: datetime) -> int:
    """Give an article the words of an earlier version back, as a new version; its state stays. Returns its number.

    Raises NotAllowed, Missing for a version that is not there, NotNow when it says that already.
    """
    if not policies.can_edit_articles(by):
        raise NotAllowed("article-not-yours")
    old = version(article, number)
    with db.atomic():
        row = Article.get_by_id(article.id)
        words = {name: getattr(old, name) for name in WRITTEN}
        if all(getattr(row, name) == value for name, value in words.items()):
            raise NotNow("article-same-words")
        for name, value in words.items():
            setattr(row, name, value)
        return int(save(row, by, now).version)


def versions(article: Article) -> list[ArticleVersion]:
    """The versions of an article with who saved them, the newest first. One query."""
    query = (
        ArticleVersion.select(ArticleVersion, Person)
        .join(Person, JOIN.LEFT_OUTER, on=(ArticleVersion.saved_by == Person.id))
        .where(ArticleVersion.article == article.id)
        .order_by(ArticleVersion.number.desc())
        .limit(200)
    )
    return list(query)


def version(article: Article, number: int) -> ArticleVersion:
    """One version of an article, with who saved it. Raises Missing."""
    found = (
        ArticleVersion.select(ArticleVersion, Person)
        .join(Person, JOIN.LEFT_OUTER, on=(ArticleVersion.saved_by == Person.id))
        .where((ArticleVersion.article == article.id) & (ArticleVersion.number == number))
        .first()
    )
    if found is None:
        raise Missing()
    return found


def to_review(viewer: Viewer, today: date, limit: int = 20) -> list[tuple[str, str, str, date, str]]:
    """Articles whose day of review is past, the longest first: (slug, title_fr, title_en, day, owner). One query."""
    if not viewer.is_agent:
        return []
    query = (
        policies.visible_articles(viewer)
        .select(Article.slug, Article.title_fr, Article.title_en, Article.review_by, Person.full_name)
        .join(Person, JOIN.LEFT_OUTER, on=(Article.owner == Person.id))
        .where(Article.review_by.is_null(False) & (Article.review_by < today))
        .order_by(Article.review_by, Article.id)
        .limit(limit)
    )
    return list(query.tuples())


# ---- Articles of a preset ------------------------------------------------------------------------------

# What the head of a file says besides its title: lines such as "topic: requests". The rest is the text.
_SHARED = ("kind", "topic", "audience", "state", "position")


def read_folder(folder: Path) -> list[dict[str, Any]]:
    """The articles of a folder of files such as why-no-mail.fr.md, one row for both languages.

    A file begins with lines "name: value" (title, summary, and in one of the two languages kind, topic, audience,
    position), an empty line, then the text in Markdown. Raises Invalid("preset-malformed") with where and why.
    """
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.md")):
        slug, _dot, code = path.stem.rpartition(".")
        if code not in ("fr", "en") or not slug:
            raise Invalid("preset-malformed", where=path.name, why="its name must end in .fr.md or .en.md")
        row = rows.setdefault(slug, {"slug": slug})
        head, _line, body = path.read_text("utf-8").partition("\n\n")
        for line in head.splitlines():
            name, colon, value = line.partition(":")
            name, value = name.strip(), value.strip()
            if not colon or name not in ("title", "summary", *_SHARED):
                raise Invalid("preset-malformed", where=path.name, why=f"unknown line {line}")
            if name == "position":
                if not value.isdigit():
                    raise Invalid("preset-malformed", where=path.name, why="position is a whole number")
                row[name] = int(value)
            else:
                row[name if name in _SHARED else f"{name}_{code}"] = value
        row[f"body_{code}"] = body.strip()
    return list(rows.values())


def mark_of(row: Mapping[str, Any]) -> str:
    """The mark of what an article says: two texts that are equal have the same."""
    text = "\x1f".join(str(row.get(name) or "") for name in (*WRITTEN, "kind", "audience"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_all(rows: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """Write the articles of a preset, in the caller's transaction; those that were edited here since stay as they are.

    Returns how many were written. Raises Invalid("preset-malformed").
    """
    topic_ids = dict(Topic.select(Topic.slug, Topic.id).tuples())
    present = {row.slug: row for row in Article.select()}
    written = 0
    for row in rows:
        slug = str(row["slug"])
        if row.get("topic") not in topic_ids:
            raise Invalid(
                "preset-malformed", where=f"articles {slug}", why=f"no topic is called {row.get('topic')}"
            )
        for name, known in (("kind", KINDS), ("audience", AUDIENCES), ("state", STATES)):
            if row.get(name, known[0]) not in known:
                raise Invalid("preset-malformed", where=f"articles {slug}", why=f"unknown {name} {row[name]}")
        mark = mark_of({"kind": "article", "audience": "customers", **row})
        article = present.get(slug)
        if article is not None:
            edited = not article.preset_mark or article.preset_mark != mark_of(article.__data__)
            if edited or article.preset_mark == mark:
                continue
        else:
            article = Article(slug=slug, state="published")
        for name in (*WRITTEN, "kind", "audience", "state", "position"):
            if name in row:
                setattr(article, name, row[name])
        article.topic, article.preset_mark = topic_ids[row["topic"]], mark
        try:
            save(article, None, now)
        except Invalid as fault:
            raise Invalid(
                "preset-malformed", where=f"articles {slug}", why=f"{fault.code} {fault.field}"
            ) from fault
        written += 1
    return written
