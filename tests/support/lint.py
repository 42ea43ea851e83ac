"""Reads a page as strictly as a careful reviewer: every page that a test fetches goes through here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree

import html5lib

Element = ElementTree.Element

UNLABELLED_INPUTS = {"hidden", "submit", "button", "reset", "image"}
TEXT_KEYS = ("id", "for", "aria-labelledby", "aria-describedby", "aria-controls")


@lru_cache(maxsize=2)
def parse(html: str) -> Element:
    """Return the tree of a page, which nobody changes. Raises AssertionError with the place when it is not well-formed HTML.

    A page is read when it comes and again for its form: its tree is kept until two others have come.
    """
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(html)
    lines = html.splitlines() or [""]
    mistakes = [
        f"{html5lib.constants.E.get(code, code) % data} at line {line}: {lines[min(line, len(lines)) - 1].strip()}"
        for (line, _column), code, data in parser.errors
    ]
    assert not mistakes, "Not well-formed HTML: " + "; ".join(mistakes[:5])
    return tree


def text_of(element: Element) -> str:
    """Return the words of an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def with_parents(tree: Element) -> dict[Element, Element]:
    """Return the parent of each element."""
    return {child: parent for parent in tree.iter() for child in parent}


def ancestors(element: Element, parents: dict[Element, Element]) -> Iterator[Element]:
    """Yield the elements around `element`, nearest first."""
    while element in parents:
        element = parents[element]
        yield element


def faults(html: str) -> list[str]:
    """Return what is wrong with a page, one sentence each; an empty list for a good page."""
    tree = parse(html)
    elements = [element for element in tree.iter() if isinstance(element.tag, str)]
    parents = with_parents(tree)
    return [
        *heading_and_title(elements),
        *identifiers(elements),
        *labels(elements, parents),
        *inline_code(elements),
        *language(tree),
        *names(elements),
        *nesting(elements, parents),
    ]


def heading_and_title(elements: list[Element]) -> Iterator[str]:
    headings = [text_of(element) for element in elements if element.tag == "h1"]
    titles = [text_of(element) for element in elements if element.tag == "title" and text_of(element)]
    if len(headings) != 1:
        yield f"{len(headings)} h1 instead of one: {headings}"
    elif not headings[0]:
        yield "the h1 is empty"
    elif not titles or not titles[0].startswith(headings[0]):
        yield f"the title {titles[:1]} does not begin with the h1 {headings[0]!r}"
    if len([element for element in elements if element.tag == "main"]) != 1:
        yield "the content does not stand in one <main>"


def identifiers(elements: list[Element]) -> Iterator[str]:
    counts = Counter(element.get("id") for element in elements if element.get("id") is not None)
    for name, times in counts.items():
        if times > 1:
            yield f"id {name!r} is used {times} times"
        if not name or re.search(r"\s", name):
            yield f"id {name!r} is empty or has a space"
    for element in elements:
        for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-errormessage"):
            for name in (element.get(attribute) or "").split():
                if name not in counts:
                    yield f"{attribute}={name!r} of <{element.tag}> leads to nothing"
        target = element.get("href") or ""
        if element.tag == "a" and re.fullmatch(r"#.+", target) and target[1:] not in counts:
            yield f"link to {target!r} leads to nothing"
        # A value that was never read from the database would stand in the address as None.
        for attribute in ("href", "action", "formaction"):
            if re.search(r"[=/]None(?=[/&?#]|$)", element.get(attribute) or ""):
                yield f"{attribute}={element.get(attribute)!r} names None"


def labels(elements: list[Element], parents: dict[Element, Element]) -> Iterator[str]:
    labelled = {element.get("for") for element in elements if element.tag == "label" and text_of(element)}
    for element in elements:
        if element.tag not in {"input", "select", "textarea"}:
            continue
        if element.tag == "input" and (element.get("type") or "text").lower() in UNLABELLED_INPUTS:
            continue
        named = (
            element.get("id") in labelled
            or (element.get("aria-label") or "").strip()
            or element.get("aria-labelledby")
            or any(above.tag == "label" and text_of(above) for above in ancestors(element, parents))
        )
        if not named:
            yield f"<{element.tag} name={element.get('name')!r}> has no label"


def inline_code(elements: list[Element]) -> Iterator[str]:
    for element in elements:
        for attribute, value in element.attrib.items():
            if re.fullmatch(r"on[a-z]+", str(attribute)):
                yield f"<{element.tag}> has an inline {attribute} handler"
            if attribute == "style":
                yield f"<{element.tag}> has an inline style"
            if str(value).strip().lower().startswith("javascript:"):
                yield f"<{element.tag}> runs a script from {attribute}"
        if element.tag == "style":
            yield "there is an inline <style>"
        if (
            element.tag == "script"
            and not element.get("src")
            and element.get("type") not in {"application/json", "application/ld+json"}
            and not element.get("nonce")
        ):
            yield "there is an inline <script>"


def language(tree: Element) -> Iterator[str]:
    root = tree if tree.tag == "html" else tree.find("html")
    if root is None or root.get("lang") not in {"fr", "en"}:
        yield "the page does not say that it is in French or in English"


def names(elements: list[Element]) -> Iterator[str]:
    for element in elements:
        if element.tag == "img" and element.get("alt") is None:
            yield f"<img src={element.get('src')!r}> has no alt"
        if element.tag in {"a", "button"} and not (
            text_of(element)
            or (element.get("aria-label") or "").strip()
            or element.get("aria-labelledby")
            or any((image.get("alt") or "").strip() for image in element.iter("img"))
        ):
            yield f"<{element.tag} class={element.get('class')!r}> has no name"
        posts = element.tag == "form" and (element.get("method") or "get").lower() == "post"
        if posts and not any(field.get("name") == "csrf_token" for field in element.iter("input")):
            yield f"the form to {element.get('action')!r} has no CSRF token"


def nesting(elements: list[Element], parents: dict[Element, Element]) -> Iterator[str]:
    interactive = {"a", "button", "select", "textarea"}
    for element in elements:
        if element.tag in interactive:
            for above in ancestors(element, parents):
                if above.tag in {"a", "button"}:
                    yield f"<{element.tag}> inside <{above.tag}>"
    level = 0
    for element in elements:
        if re.fullmatch(r"h[1-6]", str(element.tag)):
            here = int(element.tag[1])
            if level and here > level + 1:
                yield f"h{here} {text_of(element)!r} follows h{level}"
            level = here


def assert_good_page(html: str, where: str) -> None:
    """Fail with everything that is wrong with the page of the address `where`."""
    found = faults(html)
    assert not found, f"{where}: " + "; ".join(found)
