"""An eye that opens pages of the served portal and looks at them in every light, by all rules of axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.browser_pages import be
from tests.support.browsing import AXE_SOURCE, AXE_TAGS, DESK, NARROW, PHONE, assert_looks, assert_whole

RULES = {"type": "tag", "values": AXE_TAGS}
# In an order that changes one thing at a time.
LOOKS = [(DESK, "light"), (DESK, "dark"), (PHONE, "dark"), (PHONE, "light")]


def each_look(*sizes: dict[str, int]) -> list[Any]:
    """Each size by day and by night, as parameters (size, scheme): one of each size in `make test`, all in the long run."""
    names = {id(DESK): "desk", id(PHONE): "phone", id(NARROW): "narrow"}
    return [
        pytest.param(
            size,
            scheme,
            id=f"{names[id(size)]}-{scheme}",
            marks=[] if scheme == ("light", "dark")[at % 2] else pytest.mark.long,
        )
        for at, size in enumerate(sizes)
        for scheme in ("light", "dark")
    ]


# Text at 200 % is a window of half the width.
TWICE = {"width": 640, "height": 450}


@dataclass(frozen=True)
class Unsure:
    """What axe cannot decide by itself, and why it is sound all the same; `rule` and a piece of the element."""

    rule: str
    html: str
    reason: str

    def explains(self, rule: str, html: str, message: str) -> bool:
        """True when this is about that element."""
        return rule == self.rule and re.search(self.html, f"{html} {message}") is not None


# Everything that axe leaves open on any page. Something new that it leaves open fails until somebody has looked at it
# and has said here why it is sound.
EXPLAINED = [
    Unsure(
        "color-contrast",
        r"<text .*(image node|too short)",
        "figures and months of a chart, in the colours of text, on the plain panel above and below the bars",
    ),
    Unsure(
        "color-contrast",
        "<t[hd]\\b.*overlapped|/tickets\\?list=organisation&amp;sort=.*overlapped",
        "part of the table is behind the chooser of columns while that is open; the other rows have the same colours",
    ),
    Unsure(
        "color-contrast",
        "<select .*due to a background image",
        "the picture is the arrow at the end of the field; words stand on the plain colour of every field",
    ),
    Unsure(
        "color-contrast",
        'btn btn-primary">.*@.*partially overlaps',
        "a button whose words hold a very long address: they wrap, and stand on the colour of every such button",
    ),
    Unsure(
        "color-contrast",
        r"note-(flag|attachments).*pseudo element",
        "the strip at the left edge of an internal note is drawn by one; words stand beside it, on the colour of notes",
    ),
    Unsure(
        "color-contrast",
        'class="(words|nav-link( active)?)".*partially obscured',
        "tabs that do not fit stand in a strip that scrolls by itself; the others of the strip have the same colours",
    ),
]


class Eye:
    """Opens pages and looks at them in every light; what is wrong with any of them is said at the end."""

    def __init__(self, server: Any, open_context: Any) -> None:
        self.server = server
        self.open_context = open_context
        self.page: Any = None
        self.faults: list[str] = []
        self.seen = 0
        # What axe leaves open counts too, unless EXPLAINED has a reason for it; and so does text that is cut off.
        self.asks_why = False
        self.looks_at = LOOKS
        # Where nothing may scroll sideways either, besides.
        self.widths = [TWICE, NARROW]

    def be(self, person: Any | None, **options: Any) -> Any:
        """Look with the eyes of somebody (None: a stranger) from now on."""
        context = self.open_context(**options)
        if person is not None:
            be(context, self.server, person)
        self.page = context.new_page()
        self.page.set_default_navigation_timeout(30_000)
        return self.page

    def look(
        self,
        path: str | None = None,
        status: int = 200,
        act: Callable[[Any], None] | None = None,
        name: str = "",
    ) -> None:
        """Open `path` (or stay), do there what `act` does, and look. `name` says which state this is."""
        page = self.page
        if path is not None:
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(DESK)
            answer = page.goto(path)
            assert answer.status == status, f"{name or path} answered {answer.status}"
        if act is not None:
            act(page)
        self.seen += 1
        page.evaluate(AXE_SOURCE)
        for size, scheme in self.looks_at:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            self.judge(f"{name} {path or page.url} at {size['width']} px, {scheme}".strip())
            self.looks()
        for size in self.widths:
            page.set_viewport_size(size)
            self.looks()

    def judge(self, where: str) -> None:
        """Run axe on the page as it stands."""
        kinds = ["violations", "incomplete"] if self.asks_why else ["violations"]
        result = self.page.evaluate(
            "([rules, kinds]) => axe.run(document, {runOnly: rules, resultTypes: kinds, preload: false})",
            [RULES, kinds],
        )
        self.faults += [
            f"{where}: {fault['id']}: {node['target']} {node['html'][:140]} "
            f"{node['failureSummary'].splitlines()[-1].strip()}"
            for fault in result["violations"]
            for node in fault["nodes"][:3]
        ]
        if not self.asks_why:
            return
        for open_ in result["incomplete"]:
            for node in open_["nodes"]:
                said = " ".join(one["message"] for one in node["any"] + node["all"] + node["none"])
                if not any(known.explains(open_["id"], node["html"], said) for known in EXPLAINED):
                    self.faults.append(
                        f"{where}: nobody has explained {open_['id']}: {node['target']} {node['html'][:140]} {said}"
                    )

    def looks(self) -> None:
        """Nothing scrolls sideways or is cut off, no image is broken."""
        try:
            assert_looks(self.page)
            if self.asks_why:
                assert_whole(self.page)
        except AssertionError as fault:
            self.faults.append(str(fault))

    def end(self, pages: int | None = None) -> None:
        """Fail with everything that was found, or when fewer pages were looked at than meant."""
        assert not self.faults, f"{len(self.faults)} faults:\n" + "\n".join(dict.fromkeys(self.faults))
        assert pages is None or self.seen == pages
