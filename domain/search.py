"""Full text of requests: the index, and finding inside what a person may see.

The words are folded and stemmed here, the same way for SQLite (FTS5) and PostgreSQL (tsvector), so that both
answer alike. Each row also carries who it belongs to (o12 organisation, r45 requester, c46 in copy), so
that a common word in a small organisation stays cheap at a million requests.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import snowballstemmer

from domain import files
from models import Message, Participant, Ticket, db, is_sqlite

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "’": "'"})
_WORD = re.compile(r"[a-z0-9]+")
# One request's text in the index: enough for any thread a person reads, bounded for those a machine writes.
MAX_WORDS = 20_000
MAX_QUERY_WORDS = 12
# What is longer is no word but a key or an encoded file; both sides are cut alike. PostgreSQL takes no word beyond
# 2,046 bytes and no text beyond a megabyte.
MAX_WORD_CHARACTERS = 40
MAX_VECTOR_CHARACTERS = 800_000
_stemmer = snowballstemmer.stemmer("french")


def fold(text: str) -> str:
    """Lower case without accents, ligatures spelt out: ŒUVRE and oeuvre are the same word (VIEW-7)."""
    text = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(letter for letter in text if not unicodedata.combining(letter)).lower()


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    if word.isdigit() or len(word) < 4:
        return word
    return fold(_stemmer.stemWord(word))


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
        return
    db.execute_sql(
        "CREATE TABLE IF NOT EXISTS ticket_search ("
        "rowid INTEGER PRIMARY KEY, words tsvector NOT NULL, internal tsvector NOT NULL)"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS ticket_search_words ON ticket_search USING gin (words)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS ticket_search_internal ON ticket_search USING gin (internal)")


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
    number, summary, answers, organisation_id, requester_id = (
        Ticket.select(Ticket.number, Ticket.summary, Ticket.answers, Ticket.organisation, Ticket.requester)
        .where(Ticket.id == ticket_id)
        .tuples()
        .first()
    )
    public: list[str] = [number, summary]
    internal: list[str] = []
    public.extend(str(answer.get("value", "")) for answer in answers or () if isinstance(answer, dict))
    for kind, body in Message.select(Message.kind, Message.body).where(Message.ticket == ticket_id).tuples():
        # The keys of pictures are no words.
        (internal if kind == "note" else public).append(files.without_references(body))
    people = (
        Participant.select(Participant.person)
        .where((Participant.ticket == ticket_id) & Participant.person.is_null(False))
        .tuples()
    )
    belongs = [f"o{organisation_id}", f"r{requester_id}", *(f"c{person_id}" for (person_id,) in people)]
    store(ticket_id, words(" ".join(public)), words(" ".join(internal)), belongs)


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
    sought = terms(query)
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
    # The name of the column is one of two literals, never something typed.
    sql = f"SELECT rowid FROM ticket_search WHERE {column} @@ %s::tsquery"  # noqa: S608
    values = [wanted]
    if below is not None:
        sql += " AND rowid < %s"
        values.append(below)
    sql += " ORDER BY rowid DESC LIMIT %s"
    values.append(limit)
    return [row[0] for row in db.execute_sql(sql, tuple(values)).fetchall()]


def rebuild() -> int:
    """Index every request anew; after an import or a restore. Returns how many."""
    count = 0
    db.execute_sql("DELETE FROM ticket_search")
    for (ticket_id,) in Ticket.select(Ticket.id).order_by(Ticket.id).tuples().iterator():
        index_ticket(ticket_id)
        count += 1
    return count
