"""Full text of requests and articles: the indexes, and finding inside what a person may see.

The words are folded and stemmed here, the same way for SQLite (FTS5) and PostgreSQL (tsvector), so that both
answer alike. Each row also carries who it belongs to (o12 organisation, r45 requester, c46 in copy, p13 partner), so
that a common word in a small organisation stays cheap at a million requests.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import snowballstemmer

from domain import files
from models import Article, Idea, Message, Participant, PartnerOpening, Ticket, TicketEvent, db, is_sqlite

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "’": "'"})
_WORD = re.compile(r"[a-z0-9]+")
# One request's text in the index: enough for any thread a person reads, bounded for those a machine writes.
MAX_WORDS = 20_000
MAX_QUERY_WORDS = 12
# What is longer is no word but a key or an encoded file; both sides are cut alike. PostgreSQL takes no word beyond
# 2,046 bytes and no text beyond a megabyte.
MAX_WORD_CHARACTERS = 40
MAX_VECTOR_CHARACTERS = 800_000
# Tokens of an owner whose requests an index of the table holds newest first.
_OWNERS = {"o": "organisation_id", "r": "requester_id"}
_stemmer = snowballstemmer.stemmer("french")


def fold(text: str) -> str:
    """Lower case without accents, ligatures spelt out: ŒUVRE and oeuvre are the same word (VIEW-7)."""
    text = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(letter for letter in text if not unicodedata.combining(letter)).lower()


def _plain_form(word: str) -> str:
    """A word without the endings that the French stemmer leaves on: plurals in any vowel, feminines that lost their
    accent, and the commonest of English. What a language does not have is hardly met in it, and both sides of a search
    are cut alike.
    """
    if word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("ee") and len(word) >= 5:
        return word[:-1]
    if len(word) >= 6:
        for ending in ("ing", "ed"):
            if word.endswith(ending):
                word = word.removesuffix(ending)
                # stopped, running
                return word[:-1] if word[-1] == word[-2] and word[-1] not in "aeiouls" else word
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ie"
    return word


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    if len(word) < 4 or any(character.isdigit() for character in word):
        return word
    word = _plain_form(word)
    # What is short once its plural is cut stays as the short word itself: sees, see.
    return word if len(word) < 4 else fold(_stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """The words of a text as the index holds them: folded, stemmed; a number such as SUP-2041 also whole."""
    found: list[str] = []
    for match in _WORD.finditer(fold(text)):
        found.append(_stem(match.group()[:MAX_WORD_CHARACTERS]))
        if len(found) >= MAX_WORDS:
            break
    return found


def create_index() -> None:
    """Make the index where it is missing. Safe to call again."""
    if is_sqlite():
        db.execute_sql(
            "CREATE VIRTUAL TABLE IF NOT EXISTS ticket_search USING fts5"
            "(words, internal, belongs, tokenize='unicode61 remove_diacritics 0', detail='column')"
        )
        db.execute_sql(
            "CREATE VIRTUAL TABLE IF NOT EXISTS article_search USING fts5"
            "(title, words, tokenize='unicode61 remove_diacritics 0', detail='column')"
        )
        db.execute_sql(
            "CREATE VIRTUAL TABLE IF NOT EXISTS idea_search USING fts5"
            "(title, words, tokenize='unicode61 remove_diacritics 0', detail='column')"
        )
        return
    db.execute_sql(
        "CREATE TABLE IF NOT EXISTS ticket_search ("
        "rowid INTEGER PRIMARY KEY, words tsvector NOT NULL, internal tsvector NOT NULL)"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS ticket_search_words ON ticket_search USING gin (words)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS ticket_search_internal ON ticket_search USING gin (internal)")
    db.execute_sql(
        "CREATE TABLE IF NOT EXISTS article_search ("
        "rowid INTEGER PRIMARY KEY, title tsvector NOT NULL, words tsvector NOT NULL)"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS article_search_title ON article_search USING gin (title)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS article_search_words ON article_search USING gin (words)")
    db.execute_sql(
        "CREATE TABLE IF NOT EXISTS idea_search ("
        "rowid INTEGER PRIMARY KEY, title tsvector NOT NULL, words tsvector NOT NULL)"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS idea_search_title ON idea_search USING gin (title)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS idea_search_words ON idea_search USING gin (words)")


def _vector(tokens: Iterable[str]) -> str:
    """Tokens as a tsvector literal: they hold only letters and digits, so nothing needs quoting.

    The first ones win when there are too many for one vector.
    """
    kept, room = [], MAX_VECTOR_CHARACTERS
    for token in dict.fromkeys(tokens):
        room -= len(token) + 1
        if room < 0:
            break
        kept.append(token)
    return " ".join(kept)


def store(ticket_id: int, public: Sequence[str], internal: Sequence[str], belongs: Sequence[str]) -> None:
    """Write the row of one request: its public words, those of notes, and whom it belongs to."""
    if is_sqlite():
        db.execute_sql("DELETE FROM ticket_search WHERE rowid = ?", (ticket_id,))
        db.execute_sql(
            "INSERT INTO ticket_search (rowid, words, internal, belongs) VALUES (?, ?, ?, ?)",
            (
                ticket_id,
                " ".join(dict.fromkeys(public)),
                " ".join(dict.fromkeys(internal)),
                " ".join(belongs),
            ),
        )
        return
    # An owner's token cannot be a word that somebody types: those hold no underscore.
    owners = [f"_{token}" for token in belongs]
    db.execute_sql(
        "INSERT INTO ticket_search (rowid, words, internal) VALUES (%s, %s::tsvector, %s::tsvector) "
        "ON CONFLICT (rowid) DO UPDATE SET words = EXCLUDED.words, internal = EXCLUDED.internal",
        (ticket_id, _vector([*owners, *public]), _vector([*public, *internal])),
    )


def index_ticket(ticket_id: int) -> None:
    """Index one request anew, inside the caller's transaction: for each verb that changes its words or people."""
    number, summary, answers, organisation_id, requester_id, reference = (
        Ticket.select(
            Ticket.number,
            Ticket.summary,
            Ticket.answers,
            Ticket.organisation,
            Ticket.requester,
            Ticket.escalation_reference,
        )
        .where(Ticket.id == ticket_id)
        .tuples()
        .first()
    )
    public: list[str] = [number, summary, reference]
    internal: list[str] = []
    public.extend(str(answer.get("value", "")) for answer in answers or () if isinstance(answer, dict))
    public.extend(_references(ticket_id))
    for kind, body in Message.select(Message.kind, Message.body).where(Message.ticket == ticket_id).tuples():
        # The keys of pictures are no words.
        (internal if kind == "note" else public).append(files.without_references(body))
    people = (
        Participant.select(Participant.person)
        .where((Participant.ticket == ticket_id) & Participant.person.is_null(False))
        .tuples()
    )
    partners = (
        PartnerOpening.select(PartnerOpening.partner).where(PartnerOpening.ticket == ticket_id).tuples()
    )
    belongs = [
        f"o{organisation_id}",
        f"r{requester_id}",
        *(f"c{person_id}" for (person_id,) in people),
        *(f"p{partner_id}" for (partner_id,) in partners),
    ]
    store(ticket_id, words(" ".join(public)), words(" ".join(internal)), belongs)


def _references(ticket_id: int) -> list[str]:
    """The references under which a request was escalated before: the history keeps them (LIFE-11)."""
    moves = (
        TicketEvent.select(TicketEvent.data)
        .where(
            (TicketEvent.ticket == ticket_id)
            & TicketEvent.kind.in_(("ticket:moved", "ticket:replied"))
            & (TicketEvent.is_public == True)  # noqa: E712
        )
        .tuples()
    )
    return [str(data["reference"]) for (data,) in moves if data.get("reference")]


def terms(query: str) -> list[str]:
    """The words to look for; empty when there is nothing that could be found."""
    return list(dict.fromkeys(words(query[:400])))[:MAX_QUERY_WORDS]


def matching_ids(
    query: str,
    *,
    belongs: Sequence[str] = (),
    with_notes: bool = False,
    below: int | None = None,
    limit: int = 101,
) -> list[int]:
    """Keys of requests that hold every word of the query, newest first. The caller applies visibility to them.

    Arguments: query, as typed; belongs, tokens of which at least one must be on the request (o12, r45, c46), so
    that the index itself narrows to what one may see; with_notes, look in internal notes too (the desk only);
    below, only keys under this one (keyset paging); limit, how many.
    """
    # "Lumière et fils" is looked for by what it says: a word such as "et" may be written another way.
    sought = telling(query)
    if not sought:
        return []
    if is_sqlite():
        columns = "{words internal}" if with_notes else "{words}"
        match = f"{columns} : (" + " AND ".join(f'"{term}"' for term in sought) + ")"
        if belongs:
            match = "{belongs} : (" + " OR ".join(f'"{token}"' for token in belongs) + f") AND ({match})"
        sql = "SELECT rowid FROM ticket_search WHERE ticket_search MATCH ?"
        values: list[object] = [match]
        if below is not None:
            sql += " AND rowid < ?"
            values.append(below)
        sql += " ORDER BY rowid DESC LIMIT ?"
        values.append(limit)
        return [row[0] for row in db.execute_sql(sql, tuple(values)).fetchall()]
    wanted = " & ".join(sought)
    column = "internal" if with_notes and not belongs else "words"
    if belongs:
        wanted = "(" + " | ".join(f"_{token}" for token in belongs) + f") & {wanted}"
    # The names of columns are literals of this module, never something typed.
    edge, edge_values = (" AND rowid < %s", [below]) if below is not None else ("", [])
    sql = f"SELECT rowid FROM ticket_search WHERE {column} @@ %s::tsquery{edge} ORDER BY rowid DESC LIMIT %s"  # noqa: S608  # nosec B608
    values = [wanted, *edge_values, limit]
    owner = _OWNERS.get(belongs[0][:1]) if len(belongs) == 1 else None
    if owner is not None:
        # A common word of a customer with many requests: the index would give them all before it sorts them. The newest
        # of that customer are looked at first, and the index is asked only when they do not fill the page.
        sql = (
            "WITH newest AS MATERIALIZED ("  # noqa: S608  # nosec B608
            f"SELECT rowid FROM (SELECT id FROM ticket WHERE {owner} = %s{edge.replace('rowid', 'id')} "
            "ORDER BY id DESC LIMIT %s) AS theirs JOIN ticket_search ON rowid = theirs.id "
            f"WHERE {column} @@ %s::tsquery ORDER BY rowid DESC LIMIT %s) "
            "SELECT rowid FROM newest WHERE (SELECT count(*) FROM newest) >= %s UNION ALL "
            f"SELECT rowid FROM ({sql}) AS found WHERE (SELECT count(*) FROM newest) < %s"
        )
        values = [int(belongs[0][1:]), *edge_values, limit * 4, wanted, limit, limit, *values, limit]
    return sorted((row[0] for row in db.execute_sql(sql, tuple(values)).fetchall()), reverse=True)


# ---- Articles ----------------------------------------------------------------------------------------

# One word is looked up in at most that many articles: more than any portal writes.
MOST_ARTICLES = 5_000
# Words that say nothing of a subject, in French and English, as words() makes them.
_SMALL_WORDS = frozenset(
    word
    for text in (
        "a à afin ai ainsi alors au aucun aussi autre aux avec avoir avons bonjour c ça car ce ceci cela ces cet cette "
        "comme comment d dans de des donc du elle en encore est et être fait il ils j je l la le les leur leurs lors "
        "lui m ma mais me merci mes moi mon n ne ni nos notre nous on ont ou où par pas peu peut plus pour pouvez "
        "pourquoi qu quand que quel quelle quels qui quoi s sa sans se ses si son sont sur ta te tes toujours tout "
        "toute tous très tu un une vers vos votre vous y",
        "about after all also am an and any are as at be been but by can could did do does for from get had has have "
        "he hello her his how i if in into is it its just me my no nor of on only or our out please she so some still "
        "than that the their them then there these they this those to too us was we were what when where which who "
        "why will with would you your",
    )
    for word in words(text)
)


def telling(text: str) -> list[str]:
    """The words of a text that say what it is about: terms() without the small ones; all of them when none is left."""
    found = terms(text)
    return [term for term in found if term not in _SMALL_WORDS] or found


def index_article(article_id: int) -> None:
    """Index one article anew, in both languages, inside the caller's transaction."""
    columns = (
        Article.title_fr, Article.title_en, Article.summary_fr, Article.summary_en, Article.body_fr, Article.body_en,
    )  # fmt: skip
    row = Article.select(*columns).where(Article.id == article_id).tuples().first()
    title, whole = words(" ".join(row[:2])), words(" ".join(row))
    forget_article(article_id)
    if is_sqlite():
        db.execute_sql(
            "INSERT INTO article_search (rowid, title, words) VALUES (?, ?, ?)",
            (article_id, " ".join(dict.fromkeys(title)), " ".join(dict.fromkeys(whole))),
        )
    else:
        db.execute_sql(
            "INSERT INTO article_search (rowid, title, words) VALUES (%s, %s::tsvector, %s::tsvector)",
            (article_id, _vector(title), _vector(whole)),
        )


def forget_article(article_id: int) -> None:
    """Take one article out of the index."""
    where = "rowid = ?" if is_sqlite() else "rowid = %s"
    db.execute_sql(f"DELETE FROM article_search WHERE {where}", (article_id,))  # noqa: S608  # nosec B608


def article_hits(sought: Sequence[str]) -> dict[int, dict[str, bool]]:
    """Which articles hold which of some words, whatever their number. One query.

    Arguments: sought, words of terms(). Returns key of article -> word -> True when its title holds it.
    The caller applies visibility.
    """
    pieces, values = [], []
    for place, term in enumerate(sought):
        for column in ("title", "words"):
            # The column is one of two literals; the word holds only letters and digits, and travels as a value.
            if is_sqlite():
                piece = f"SELECT {place}, '{column}', rowid FROM article_search WHERE article_search MATCH ?"  # noqa: S608  # nosec B608
                pieces.append(f"SELECT * FROM ({piece} LIMIT {MOST_ARTICLES})")  # noqa: S608  # nosec B608
                values.append(f'{{{column}}} : "{term}"')
            else:
                piece = f"SELECT {place}, '{column}', rowid FROM article_search WHERE {column} @@ %s::tsquery"  # noqa: S608  # nosec B608
                pieces.append(f"({piece} LIMIT {MOST_ARTICLES})")
                values.append(term)
    hits: dict[int, dict[str, bool]] = {}
    if pieces:
        for place, column, article_id in db.execute_sql(" UNION ALL ".join(pieces), tuple(values)).fetchall():
            of_this = hits.setdefault(article_id, {})
            term = sought[place]
            of_this[term] = of_this.get(term, False) or column == "title"
    return hits


# ---- Ideas -------------------------------------------------------------------------------------------

# Of the ideas that hold a word, the newest are looked at: whoever wants an older one adds a word.
MOST_IDEAS = 500


def index_idea(idea_id: int) -> None:
    """Index one idea anew, inside the caller's transaction: its title, the problem it solves, its details."""
    row = Idea.select(Idea.title, Idea.problem, Idea.details).where(Idea.id == idea_id).tuples().first()
    title, whole = words(row[0]), words(" ".join(row))
    forget_idea(idea_id)
    if is_sqlite():
        db.execute_sql(
            "INSERT INTO idea_search (rowid, title, words) VALUES (?, ?, ?)",
            (idea_id, " ".join(dict.fromkeys(title)), " ".join(dict.fromkeys(whole))),
        )
    else:
        db.execute_sql(
            "INSERT INTO idea_search (rowid, title, words) VALUES (%s, %s::tsvector, %s::tsvector)",
            (idea_id, _vector(title), _vector(whole)),
        )


def forget_idea(idea_id: int) -> None:
    """Take one idea out of the index."""
    where = "rowid = ?" if is_sqlite() else "rowid = %s"
    db.execute_sql(f"DELETE FROM idea_search WHERE {where}", (idea_id,))  # noqa: S608  # nosec B608


def idea_ids(query: str) -> list[int]:
    """Keys of the newest ideas that hold every word of a query. The caller applies visibility. One query."""
    sought = terms(query)
    if not sought:
        return []
    if is_sqlite():
        condition, wanted = (
            "idea_search MATCH ?",
            "{words} : (" + " AND ".join(f'"{t}"' for t in sought) + ")",
        )
    else:
        condition, wanted = "words @@ %s::tsquery", " & ".join(sought)
    sql = f"SELECT rowid FROM idea_search WHERE {condition} ORDER BY rowid DESC LIMIT {MOST_IDEAS}"  # noqa: S608  # nosec B608
    return [row[0] for row in db.execute_sql(sql, (wanted,)).fetchall()]


def idea_titles(sought: Sequence[str]) -> dict[int, int]:
    """How many of some words the titles of ideas hold: key of idea -> number. One query.

    Arguments: sought, words of telling(). The caller applies visibility.
    """
    pieces, values = [], []
    for term in sought:
        condition = "idea_search MATCH ?" if is_sqlite() else "title @@ %s::tsquery"
        piece = f"SELECT rowid FROM idea_search WHERE {condition} ORDER BY rowid DESC LIMIT {MOST_IDEAS}"  # noqa: S608  # nosec B608
        pieces.append(f"SELECT rowid FROM ({piece}) AS one")  # noqa: S608  # nosec B608
        values.append(f'{{title}} : "{term}"' if is_sqlite() else term)
    held: dict[int, int] = {}
    if pieces:
        for (idea_id,) in db.execute_sql(" UNION ALL ".join(pieces), tuple(values)).fetchall():
            held[idea_id] = held.get(idea_id, 0) + 1
    return held


def merge_parts(steps: int) -> bool:
    """Let SQLite merge parts of the index of requests, so that words taken out are gone from the file too.

    Arguments: steps, how many small ones, each a transaction of its own: others write in between.
    Returns True when nothing is left to merge. Nothing to do on PostgreSQL.
    """
    if not is_sqlite():
        return True
    # A negative number of pages begins to merge all parts into one, whatever their sizes (FTS5, "merge").
    pages = -200
    for _step in range(steps):
        before = db.execute_sql("SELECT total_changes()").fetchone()[0]
        db.execute_sql("INSERT INTO ticket_search (ticket_search, rank) VALUES ('merge', ?)", (pages,))
        # It changed nothing but what the command itself counts for: all is merged.
        if db.execute_sql("SELECT total_changes()").fetchone()[0] - before < 2:
            return True
        pages = 200
    return False


def rebuild() -> int:
    """Index every request, article and idea anew; after an import or a restore. Returns how many requests."""
    db.execute_sql("DELETE FROM article_search")
    for (article_id,) in list(Article.select(Article.id).tuples()):
        index_article(article_id)
    db.execute_sql("DELETE FROM idea_search")
    for (idea_id,) in list(Idea.select(Idea.id).tuples()):
        index_idea(idea_id)
    count = 0
    db.execute_sql("DELETE FROM ticket_search")
    for (ticket_id,) in Ticket.select(Ticket.id).order_by(Ticket.id).tuples().iterator():
        index_ticket(ticket_id)
        count += 1
    return count
