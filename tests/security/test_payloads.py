"""S30: a hundred and twenty payloads on every screen, in Chromium: with all layers, without the policy of the content, and
without the escaping and the sanitiser. Nothing may run while one layer stands.

The texts and the screens are those of test_stored_scripts.py, fifteen payloads at a time.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import models
import presenters
from tests.security import test_stored_scripts as stored
from tests.security.test_stored_scripts import LOOK, poisoned, scene, watched  # noqa: F401  (fixtures)
from tests.support.browser_pages import be

RUN = "window.ran=1"
# Markup that runs by itself.
ALONE = [
    "<script>{r}</script>", "<ScRiPt>{r}</sCrIpT>", "<script/x>{r}</script>", "<script\t>{r}</script>",
    "<script src=data:text/javascript,{r}></script>", "<script type=module>{r}</script>", "<<script>{r}//<</script>",
    "<svg><script>{r}</script></svg>", "<img src=x onerror={r}>", "<img src=x onerror='{r}'>",
    "<img/src=x/onerror={r}>", "<img src=x oNeRrOr={r}>", "<img src=1 onerror\t=\t{r}>", "<img src onerror={r}//",
    "<image src=x onerror={r}>", "<svg onload={r}>", "<svg/onload={r}>", "<svg><animate onbegin={r} attributeName=x>",
    "<svg><set onbegin={r} attributeName=x>", "<svg><image href=x onerror={r}>", "<body onload={r}>",
    "<body onpageshow={r}>", "<iframe onload={r}></iframe>", "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<iframe src='javascript:parent.ran=1'></iframe>", "<object data='javascript:parent.ran=1'></object>",
    "<embed src='javascript:parent.ran=1'>", "<video src=x onerror={r}></video>", "<video><source onerror={r}></video>",
    "<audio src=x onerror={r}></audio>", "<input autofocus onfocus={r}>", "<textarea autofocus onfocus={r}></textarea>",
    "<select autofocus onfocus={r}></select>", "<button autofocus onfocus={r}>x</button>",
    "<a href=# autofocus onfocus={r}>x</a>", "<details open ontoggle={r}><summary>x</summary></details>",
    "<marquee onstart={r}>x</marquee>", "<div style='animation:x 1s' onanimationstart={r}>x</div>",
    "<p style='transition:1s' ontransitionend={r}>x</p>", "<math><mi><style><img src=x onerror={r}></style></mi></math>",
]  # fmt: skip
# The same, out of where text stands: an attribute, a title, a script, a comment.
OUT_OF = ['">{p}', "'>{p}", "</title>{p}", "</textarea>{p}", "</script>{p}", "-->{p}"]
# Links, Markdown and what templates would fill in.
OTHER = [
    "<a href=javascript:{r}>x</a>", "<a href='java\tscript:{r}'>x</a>", "<a href=&#106;avascript:{r}>x</a>",
    "<a href=' javascript:{r}'>x</a>", "<a href=data:text/html,<script>{r}</script>>x</a>", "<a href=vbscript:x>x</a>",
    "[x](javascript:{r})", "[x](JaVaScRiPt:{r})", "[x](java&#115;cript:{r})", "[x](data:text/html,{r})",
    "[x]( javascript:{r})", "[x](<javascript:{r}>)", "![x](javascript:{r})", "![x](x\"onerror=\"{r})",
    "[x][y]\n\n[y]: javascript:{r}", "<javascript:{r}>", "`<img src=x onerror={r}>`", "> <img src=x onerror={r}>",
    "# <img src=x onerror={r}>", "| <img src=x onerror={r}> |\n|-|", "<form action=javascript:{r}><button>x</button></form>",
    "<button formaction=javascript:{r}>x</button>", "<base href='javascript:{r}//'>",
    "<meta http-equiv=refresh content='0;url=javascript:{r}'>", "<link rel=stylesheet href=javascript:{r}>",
    "<link rel=modulepreload href=x onerror={r}>", "<style>@import 'javascript:{r}'</style>", "<style onload={r}></style>",
    "<table background=javascript:{r}>", "<isindex type=image src=x onerror={r}>", "{{{{ 191*7 }}}}", "${{191*7}}",
    "{{% print(191*7) %}}", "#{{191*7}}", "<%= 191*7 %>", "%(x)s {{x}} {{0}}", "<x-typed onclick={r}>",
    "<x-typed/onpointerover={r}>", "\u2028<script>{r}</script>", "<img src=x onerror=\u0022{r}\u0022>",
]  # fmt: skip


def payloads() -> list[str]:
    """A hundred and twenty: forty that run alone, as many that leave their place first, and the others."""
    alone = [text.format(r=RUN) for text in ALONE]
    out = [OUT_OF[at % len(OUT_OF)].format(p=text) for at, text in enumerate(alone)]
    return [*alone, *out, *(text.format(r=RUN) for text in OTHER)]


ALL = payloads()
BATCHES = [ALL[at::8] for at in range(8)]
LAYERS = ("all", "no policy", "no escaping")
# Of each layer a part in the short run: one batch, and another one for each.
CASES = [
    pytest.param(
        batch, layer, id=f"{layer}, {batch + 1} of 8", marks=[] if batch == at else [pytest.mark.long]
    )
    for at, layer in enumerate(LAYERS)
    for batch in range(8)
]


def test_there_are_a_hundred_and_twenty_and_no_two_alike() -> None:
    assert len(ALL) == len(set(ALL)) == 120
    assert sorted(text for batch in BATCHES for text in batch) == sorted(ALL)


@pytest.fixture
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The payloads of this trial, in place of those of test_stored_scripts.py."""
    chosen = BATCHES[request.param]
    monkeypatch.setattr(stored, "PAYLOADS", chosen)
    return chosen


def without_escaping(application: Any, patch: pytest.MonkeyPatch) -> None:
    """Take both away that turn what is typed into text: escaping in templates, and the sanitiser of messages."""
    environment = application.jinja_env
    patch.setattr(environment, "autoescape", False)
    patch.setattr(presenters.nh3, "clean", lambda text, **_more: text)
    environment.cache.clear()


def screens(world: SimpleNamespace, made: list[Any]) -> dict[str, list[str]]:
    """Where texts are shown, by who looks."""
    first = {name: getattr(models, name).select().first().id for name in stored.WORDS}
    return {
        "alice": ["/", "/help", "/catalogue", "/account", "/tickets", "/search?q=%3Cscript%3E", "/escalation", "/status",
                  "/ideas", f"/tickets/{made[1].number}/closure", f"/tickets/{made[0].number}/audience",
                  *(f"/tickets/{ticket.number}" for ticket in made)],
        "bob": ["/organisation/contacts", "/tickets?list=organisation", "/organisation/dashboard"],
        "sam": ["/desk?queue=all", *(f"/desk/tickets/{ticket.number}" for ticket in made)],
        "root": ["/admin/", "/admin/settings/", "/admin/ticket/", "/admin/auditentry/", "/admin/outboxmessage/",
                 f"/viewing/{world.alice.id}", f"/desk/access?person=alice@acme.example&number={made[0].number}",
                 *(f"/admin/{name.lower()}/" for name in stored.WORDS),
                 *(f"/admin/{name.lower()}/edit/?id={key}" for name, key in first.items() if name != "ConsentText")],
    }  # fmt: skip


@pytest.mark.own_portal
@pytest.mark.parametrize(("batch", "layer"), CASES, indirect=["batch"])
def test_nothing_runs_on_any_screen_while_one_layer_stands(
    browser_context: Any,
    live_server: Any,
    world: SimpleNamespace,
    batch: list[str],
    layer: str,
    poisoned: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser_context.watch.allow("")
    if layer == "no escaping":
        without_escaping(live_server.application, monkeypatch)
    ran, foreign, looked = [], 0, 0
    try:
        for name, paths in screens(world, poisoned).items():
            context = be(browser_context(bypass_csp=layer == "no policy"), live_server, getattr(world, name))
            page = watched(context)
            for path in paths:
                page.goto(path, wait_until="load" if layer != "no escaping" else "domcontentloaded")
                seen = page.evaluate(LOOK, [stored.FOREIGN])
                looked += 1
                foreign += bool(seen["foreign"])
                if seen["ran"] is not None:
                    ran.append(f"{path} by {name}: {seen}")
                elif layer != "no escaping" and seen["foreign"]:
                    ran.append(f"{path} by {name} holds markup that was typed: {seen['foreign'][:2]}")
    finally:
        live_server.application.jinja_env.cache.clear()
    assert not ran, "\n".join(ran[:20])
    assert looked > 60
    if layer == "no escaping":
        assert foreign > 20, "the escaping was not away: the policy was not tried"
