"""The knowledge base: topics, articles, news, release notes, what readers say of them (VIEW-9).

Those for everybody need no account.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone
from flask_login import current_user

import presenters
from domain import knowledge, policies
from domain.policies import Viewer
from domain.refusals import Missing
from forms.articles import VoteForm
from models import Article
from views import announcements as notices
from views import current
from words import gettext as _

blueprint = Blueprint("articles", __name__)


def reader() -> Viewer | None:
    """Who reads: the signed-in person, or None for a stranger."""
    return current.viewer() if current_user.is_authenticated else None


@blueprint.get("/articles")
def index() -> ResponseReturnValue:
    """Topics with their first articles; one topic whole with ?topic=; the frequent questions with ?kind=faq."""
    viewer = reader()
    if request.args.get("topic"):
        topic = knowledge.topic(request.args["topic"])
        heads = knowledge.of_topic(viewer, topic)
        # A topic of which somebody may read nothing is not there for them.
        if not heads and not (viewer and viewer.is_staff):
            raise Missing()
        followed = knowledge.follows(viewer, topic)
        return render_template("articles/topic.html", topic=topic, heads=heads, followed=followed)
    if request.args.get("kind") == "faq":
        groups: dict[int, list[knowledge.Head]] = {}
        for head in knowledge.faq(viewer):
            groups.setdefault(head.topic_id, []).append(head)
        return render_template("articles/faq.html", groups=list(groups.values()))
    overdue = []
    if viewer is not None:
        today = current.now().astimezone(get_timezone()).date()
        overdue = knowledge.to_review(viewer, today)
    return render_template("articles/index.html", topics=knowledge.topics(viewer), overdue=overdue)


@blueprint.get("/announcements")
def announcements() -> ResponseReturnValue:
    """What is announced, news and coming changes, the newest first; what was announced below."""
    announced, past = notices.lists()
    return _dated("articles.announcements", knowledge.ANNOUNCED, announced=announced, past=past)


@blueprint.get("/releases")
def releases() -> ResponseReturnValue:
    """Release notes, the newest first."""
    return _dated("articles.releases", ("release",))


def _dated(endpoint: str, kinds: tuple[str, ...], **more: Any) -> ResponseReturnValue:
    text = request.args.get("page", "")
    page = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    heads, older = knowledge.dated(reader(), kinds, page)
    return render_template(
        "articles/dated.html",
        heads=heads,
        releases=endpoint == "articles.releases",
        newer=url_for(endpoint, page=page - 1 or None) if page else None,
        older=url_for(endpoint, page=page + 1) if older else None,
        **more,
    )


@blueprint.get("/articles/<slug>")
def show(slug: str) -> ResponseReturnValue:
    """One article. Strangers sign in for what is not public, whether it exists or not."""
    found = _article(slug)
    if not isinstance(found, Article):
        return found
    return _page(found, VoteForm(formdata=None))


@blueprint.post("/articles/<slug>/votes")
def votes(slug: str) -> ResponseReturnValue:
    """Say whether the article helped: once for each version; a second word replaces the first."""
    viewer = current.viewer()
    article = knowledge.find(viewer, slug)
    form = VoteForm()
    if not form.validate():
        return _page(article, form), 422
    helpful = form.helpful.data == "yes"
    knowledge.vote(article, helpful, form.sentence.data or "", viewer, current.now())
    flash(_("Thank you. The people who write this article read your word."), "success")
    return redirect(url_for("articles.show", slug=article.slug) + "#your-word", 303)


@blueprint.post("/articles/topics/<slug>/following")
def following(slug: str) -> ResponseReturnValue:
    """Follow a topic, or no longer."""
    viewer, topic = current.viewer(), knowledge.topic(slug)
    if not knowledge.of_topic(viewer, topic):
        raise Missing()
    if request.form.get("follow") == "no":
        knowledge.unfollow(topic, viewer)
        flash(_("You no longer follow this topic."), "success")
    else:
        knowledge.follow(topic, viewer, current.now())
        flash(_("You follow this topic: what is new in it stands on your home page."), "success")
    return redirect(url_for("articles.index", topic=topic.slug), 303)


def _article(slug: str) -> Article | ResponseReturnValue:
    viewer = reader()
    try:
        return knowledge.find(viewer, slug)
    except Missing:
        if viewer is not None:
            raise
        # Whether there is such an article is not for a stranger to know: both lead to sign-in.
        return redirect(url_for("session.login", next=request.path), 303)


def _page(article: Article, form: Any) -> ResponseReturnValue:
    viewer = reader()
    language, translated = presenters.article_language(article)
    said = knowledge.vote_of(viewer, article)
    if said is not None and not form.is_submitted():
        form.helpful.data, form.sentence.data = "yes" if said.helpful else "no", said.sentence
    html, headings = presenters.article_body(getattr(article, f"body_{language}"))
    response = make_response(
        render_template(
            "articles/show.html",
            article=article,
            written_in=language,
            translated=translated,
            title=presenters.localized(article, "title"),
            summary=getattr(article, f"summary_{language}"),
            html=html,
            contents=headings,
            related=knowledge.related(viewer, article),
            form=form,
            said=said,
            may_rate=policies.can_rate(viewer, article),
            may_edit=policies.can_edit_articles(viewer),
        )
    )
    if article.audience != "public" or article.state != "published":
        response.headers["X-Robots-Tag"] = "noindex"
    return response
