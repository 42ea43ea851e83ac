"""Ideas and discussions (VIEW-10): lists, one idea with its votes and its discussion, and what staff do with it."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

import presenters
from domain import catalogue, ideas, policies
from domain.refusals import Invalid, NotAllowed, NotNow, Refusal
from forms.desk import offer, whole_number
from forms.ideas import CommentForm, DiscussionForm, HideForm, IdeaForm, MergeForm, MoveForm, VoteForm
from models import Idea
from views import current, tickets
from words import gettext as _
from words import ngettext

blueprint = Blueprint("ideas", __name__)

QUERY_CHARACTERS = 200
# A title that says less than this says nothing.
TITLE_CHARACTERS = 8


def _typed(name: str, most: int = QUERY_CHARACTERS) -> str:
    """What stands in the address, as one line that any database takes."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", request.args.get(name, ""))[:most].strip()


def _asked() -> ideas.Asked:
    def one_of(name: str, known: tuple[str, ...], otherwise: str) -> str:
        return value if (value := request.args.get(name, "")) in known else otherwise

    kind = one_of("kind", ideas.KINDS, "idea")
    return ideas.Asked(
        kind=kind,
        state=one_of("state", ideas.STATES, "") if kind == "idea" else "",
        product=_typed("product", 60),
        sort=one_of("sort", ideas.SORTS, "newest") if kind == "idea" else "newest",
        q=_typed("q"),
        mine=request.args.get("mine") == "1",
        hidden=request.args.get("hidden") == "1" and policies.can_moderate_ideas(current.viewer()),
        after=_typed("after", 24),
    )


@blueprint.get("/ideas")
def index() -> ResponseReturnValue:
    """The ideas, or the discussions: newest or most wanted first, of a state, of a product, one's own, with words."""
    viewer, asked = current.viewer(), _asked()
    page = ideas.listed(viewer, asked)

    def address(**changes: Any) -> str:
        now: dict[str, Any] = {
            "kind": asked.kind if asked.kind != "idea" else None,
            "state": asked.state or None,
            "product": asked.product or None,
            "sort": asked.sort if asked.sort != "newest" else None,
            "q": asked.q or None,
            "mine": 1 if asked.mine else None,
            "hidden": 1 if asked.hidden else None,
        }
        return url_for("ideas.index", **{**now, **changes})

    kind = None if asked.kind == "idea" else asked.kind
    plain = asked.kind == "idea" and not asked.mine and not asked.hidden
    tabs = [
        {"label": _("Ideas"), "url": url_for("ideas.index"), "current": plain},
        {
            "label": _("Discussions"),
            "url": url_for("ideas.index", kind="discussion"),
            "current": asked.kind == "discussion" and not asked.mine and not asked.hidden,
        },
        {
            "label": _("Mine"),
            "url": url_for("ideas.index", kind=kind, mine=1),
            "current": asked.mine and not asked.hidden,
        },
    ]
    if policies.can_moderate_ideas(viewer):
        tabs.append(
            {
                "label": _("Hidden"),
                "url": url_for("ideas.index", kind=kind, hidden=1),
                "current": asked.hidden,
            }
        )
    return render_template(
        "ideas/index.html",
        asked=asked,
        page=page,
        tabs=tabs,
        address=address,
        states=presenters.idea_states(),
        products=catalogue.products(),
        older=address(after=page.following) if page.following else None,
        newest=address() if asked.after else None,
        names=_names(page.rows),
    )


def _names(rows: list[Idea]) -> dict[int, str]:
    """The author of each idea, as this reader may read it."""
    viewer = current.viewer()
    return {
        row.id: presenters.idea_author(viewer, row.author, row.author.staff_role is not None) for row in rows
    }


# ---- Telling -----------------------------------------------------------------------------------------


def _products(form: IdeaForm) -> None:
    names = [(str(row.id), presenters.localized(row, "name")) for row in catalogue.products()]
    offer(form.product, [("", _("None in particular")), *names])


@blueprint.route("/ideas/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Tell an idea, or begin a discussion. What looks alike is offered; a POST without a named button sends it."""
    viewer = current.viewer()
    if not policies.can_read_ideas(viewer):
        raise NotAllowed("ideas-not-yours")
    kind = "discussion" if request.values.get("kind") == "discussion" else "idea"
    form_class = DiscussionForm if kind == "discussion" else IdeaForm
    if request.method != "POST":
        held = current.held()
        form = form_class(formdata=MultiDict(held) if held else None, data={} if held else _from_request())
        _products(form)
        return _new_page(form, kind)
    form = form_class()
    _products(form)
    if "look" in request.form:
        return _new_page(form, kind, alike=ideas.look_alikes(viewer, form.title.data or ""))
    if not form.validate_on_submit():
        return _new_page(form, kind, 422)
    try:
        idea = ideas.submit(
            viewer,
            current.now(),
            title=form.title.data or "",
            problem=form.problem.data or "" if form.problem else "",
            details=form.details.data or "",
            kind=kind,
            product_id=whole_number(form.product.data),
            idempotency_key=form.idempotency_key.data,
        )
    except Invalid as fault:
        _by_its_field(form, fault)
        return _new_page(form, kind, 422)
    except NotNow as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _new_page(form, kind, fault.status)
    if kind == "idea":
        flash(
            _("Thank you. Your idea is there for everybody, and you get a mail when its state changes."),
            "success",
        )
    else:
        flash(_("Your discussion has begun."), "success")
    return redirect(url_for("ideas.show", idea_id=idea.id), 303)


def _from_request() -> dict[str, str]:
    """What a request of one's own fills in, when one shares it as an idea. A foreign number fills in nothing."""
    number = request.args.get("request", "")
    if not number:
        return {}
    ticket = tickets.load(number)
    return {"title": ticket.summary[: ideas.TITLE_CHARACTERS]}


def _new_page(
    form: IdeaForm, kind: str, status: int = 200, alike: list[Idea] | None = None
) -> ResponseReturnValue:
    return (
        render_template(
            "ideas/new.html", form=form, kind=kind, alike=alike, states=presenters.idea_states(), idea=None
        ),
        status,
    )


def _by_its_field(form: Any, fault: Invalid) -> None:
    field = form[fault.field] if fault.field and fault.field in form and form[fault.field] else None
    if field is None:
        form.form_errors.append(presenters.refusal(fault))
    else:
        field.errors = [*field.errors, presenters.refusal(fault)]


@blueprint.get("/ideas/suggestions")
def suggestions() -> ResponseReturnValue:
    """Ideas that look like a title that is being typed: for a script, as JSON."""
    title = _typed("q")
    found = ideas.look_alikes(current.viewer(), title) if len(title) >= TITLE_CHARACTERS else []
    states = presenters.idea_states()
    rows = [
        {
            "url": url_for("ideas.show", idea_id=row.id),
            "title": row.title,
            "note": _("Discussion")
            if row.kind == "discussion"
            else ngettext(
                "%(state)s, %(num)s vote",
                "%(state)s, %(num)s votes",
                row.votes,
                state=states[row.state].label,
            ),
        }
        for row in found
    ]
    said = ngettext("%(num)s idea looks alike.", "%(num)s ideas look alike.", len(rows)) if rows else ""
    return {"said": said, "found": rows}


# ---- One idea ----------------------------------------------------------------------------------------


@blueprint.get("/ideas/<int:idea_id>")
def show(idea_id: int) -> ResponseReturnValue:
    """One idea: what it says, who wants it, what became of it, what is said about it. A duplicate leads on."""
    idea = ideas.find(current.viewer(), idea_id)
    if idea.merged_into_id is not None:
        flash(_("This idea was the same as another one: it goes on here, with its votes."), "info")
        return redirect(url_for("ideas.show", idea_id=idea.merged_into_id), 303)
    held = current.held()
    return _page(idea, CommentForm(formdata=MultiDict(held) if held else None))


def _page(idea: Idea, form: CommentForm, status: int = 200) -> ResponseReturnValue:
    viewer = current.viewer()
    before = whole_number(request.args.get("before"))
    said, older = ideas.discussion(viewer, idea, before)
    places = ideas.organisations_of(viewer, {idea.author_id, *(row.author_id for row in said)})
    standing = ideas.standing(viewer, idea)
    vote = VoteForm(formdata=None)
    vote.follow.data = True
    return (
        render_template(
            "ideas/show.html",
            idea=idea,
            state=presenters.idea_states()[idea.state],
            states=presenters.idea_states(),
            moves=ideas.moves(idea),
            comments=said,
            older=older,
            before=before,
            names={
                row.id: presenters.idea_author(viewer, row.author, row.by_team, places.get(row.author_id, ""))
                for row in said
            },
            author=presenters.idea_author(
                viewer, idea.author, idea.author.staff_role is not None, places.get(idea.author_id, "")
            ),
            standing=standing,
            form=form,
            vote=vote,
            alike=ideas.look_alikes(viewer, idea.title, besides=idea.id),
            can_vote=policies.can_vote(viewer, idea),
            can_write=policies.can_take_part(viewer, idea),
            can_edit=policies.can_edit_idea(viewer, idea, current.now()),
            can_moderate=policies.can_moderate_ideas(viewer),
            is_mine=idea.author_id == viewer.id,
        ),
        status,
    )


def _back(idea: Idea, anchor: str = "") -> ResponseReturnValue:
    return redirect(url_for("ideas.show", idea_id=idea.id) + anchor, 303)


@blueprint.post("/ideas/<int:idea_id>/votes")
def votes(idea_id: int) -> ResponseReturnValue:
    """Want it too, or no longer."""
    viewer = current.viewer()
    idea, form = ideas.find(viewer, idea_id), VoteForm()
    if form.vote.data == "no":
        ideas.unvote(idea, viewer)
        flash(_("Your vote is taken back."), "success")
    else:
        ideas.vote(idea, viewer, current.now(), follow=bool(form.follow.data))
        flash(_("Your vote counts."), "success")
    return _back(idea)


@blueprint.post("/ideas/<int:idea_id>/following")
def following(idea_id: int) -> ResponseReturnValue:
    """Get a mail when its state changes, or no longer."""
    viewer = current.viewer()
    idea = ideas.find(viewer, idea_id)
    if request.form.get("follow") == "no":
        ideas.unfollow(idea, viewer)
        flash(_("You get no more mails about this idea."), "success")
    else:
        ideas.follow(idea, viewer)
        flash(_("You get a mail when its state changes."), "success")
    return _back(idea)


@blueprint.post("/ideas/<int:idea_id>/comments")
def comments(idea_id: int) -> ResponseReturnValue:
    """Say something about it."""
    viewer = current.viewer()
    idea, form = ideas.find(viewer, idea_id), CommentForm()
    if not form.validate_on_submit() and policies.can_take_part(viewer, idea):
        return _page(idea, form, 422)
    try:
        made = ideas.comment(
            idea, form.body.data or "", viewer, current.now(), idempotency_key=form.idempotency_key.data
        )
    except Invalid as fault:
        _by_its_field(form, fault)
        return _page(idea, form, 422)
    except NotNow as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _page(ideas.find(viewer, idea_id), form, fault.status)
    flash(_("Your comment is there."), "success")
    return _back(idea, f"#c{made.id}")


@blueprint.route("/ideas/<int:idea_id>/edit", methods=["GET", "POST"])
def edit(idea_id: int) -> ResponseReturnValue:
    """Change one's own idea, for some minutes and until somebody answers it."""
    viewer = current.viewer()
    idea = ideas.find(viewer, idea_id)
    form_class = DiscussionForm if idea.kind == "discussion" else IdeaForm
    if request.method != "POST":
        if idea.author_id != viewer.id:
            raise NotAllowed("idea-not-yours")
        if not policies.can_edit_idea(viewer, idea, current.now()):
            raise NotNow("idea-answered")
        held = current.held()
        words = {"title": idea.title, "problem": idea.problem, "details": idea.details}
        form = form_class(
            formdata=MultiDict(held) if held else None,
            data={} if held else {**words, "product": str(idea.product_id or "")},
        )
        _products(form)
        return _edit_page(idea, form)
    form = form_class()
    _products(form)
    if not form.validate_on_submit() and policies.can_edit_idea(viewer, idea, current.now()):
        return _edit_page(idea, form, 422)
    try:
        ideas.edit(
            idea,
            viewer,
            current.now(),
            title=form.title.data or "",
            problem=form.problem.data or "" if form.problem else "",
            details=form.details.data or "",
            product_id=whole_number(form.product.data),
        )
    except Invalid as fault:
        _by_its_field(form, fault)
        return _edit_page(idea, form, 422)
    except NotNow as fault:
        form.form_errors.append(presenters.refusal(fault))
        return _edit_page(idea, form, fault.status)
    flash(_("Your idea is changed."), "success")
    return _back(idea)


def _edit_page(idea: Idea, form: IdeaForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "ideas/new.html", form=form, kind=idea.kind, alike=None, states=presenters.idea_states(), idea=idea
    )
    return page, status


# ---- What staff do -----------------------------------------------------------------------------------


def _of_desk(idea_id: int) -> Idea:
    viewer = current.viewer()
    if not policies.can_moderate_ideas(viewer):
        raise NotAllowed("idea-not-desk")
    return ideas.find(viewer, idea_id)


def _desk_page(
    idea: Idea, status: int = 200, refused: str = "", comment: int | None = None, **forms: Any
) -> ResponseReturnValue:
    """The page on which staff move, hide and merge; `forms` are those that were refused."""
    viewer = current.viewer()
    states = presenters.idea_states()
    move = forms.get("move") or MoveForm(formdata=None)
    offer(
        move.state,
        [("", _("Choose")), *((key, state.label) for key, state in states.items() if key != idea.state)],
    )
    move.version.data = str(idea.version)
    said = ideas.find_comment(viewer, idea, comment) if comment is not None else None
    page = render_template(
        "ideas/moderation.html",
        idea=idea,
        state=states[idea.state],
        said=said,
        move=move,
        hide=forms.get("hide") or HideForm(formdata=None),
        merge=forms.get("merge") or MergeForm(formdata=None),
        alike=ideas.look_alikes(viewer, idea.title, besides=idea.id, kind=idea.kind),
        states=states,
        refused=refused,
        open=idea.hidden_at is None and idea.merged_into_id is None,
    )
    return page, status


@blueprint.get("/ideas/<int:idea_id>/moderation")
def moderation(idea_id: int) -> ResponseReturnValue:
    """What staff may do with an idea; with ?comment=, with one comment of it."""
    return _desk_page(_of_desk(idea_id), comment=whole_number(request.args.get("comment")))


@blueprint.post("/ideas/<int:idea_id>/state")
def state(idea_id: int) -> ResponseReturnValue:
    """Give it another state, with a public sentence."""
    idea, form = _of_desk(idea_id), MoveForm()
    offer(form.state, [("", ""), *((key, key) for key in ideas.STATES)])
    if not form.validate_on_submit():
        return _desk_page(idea, 422, move=form)
    try:
        ideas.move(
            idea,
            form.state.data or "",
            current.viewer(),
            current.now(),
            sentence_fr=form.sentence_fr.data or "",
            sentence_en=form.sentence_en.data or "",
            seen=form.seen,
        )
    except Invalid as fault:
        _by_its_field(form, fault)
        return _desk_page(idea, 422, move=form)
    except NotNow as fault:
        return _desk_page(
            ideas.find(current.viewer(), idea_id), fault.status, presenters.refusal(fault), move=form
        )
    flash(_("The idea has its new state, and its followers are told."), "success")
    return _back(idea)


@blueprint.post("/ideas/<int:idea_id>/hiding")
def hiding(idea_id: int) -> ResponseReturnValue:
    """Hide an idea or one of its comments with a reason, or show it again."""
    idea, form = _of_desk(idea_id), HideForm()
    viewer, now = current.viewer(), current.now()
    comment = whole_number(request.form.get("comment"))
    shows = request.form.get("hide") == "no"
    try:
        if not shows and not form.validate_on_submit():
            return _desk_page(idea, 422, comment=comment, hide=form)
        if comment is not None:
            if shows:
                ideas.show_comment_again(idea, comment, viewer, now)
            else:
                ideas.hide_comment(idea, comment, form.reason.data or "", viewer, now)
        elif shows:
            ideas.show_again(idea, viewer, now)
        else:
            ideas.hide(idea, form.reason.data or "", viewer, now)
    except Invalid as fault:
        _by_its_field(form, fault)
        return _desk_page(idea, 422, comment=comment, hide=form)
    except NotNow as fault:
        return _desk_page(idea, fault.status, presenters.refusal(fault), comment=comment, hide=form)
    flash(_("Everybody sees it again.") if shows else _("It is hidden, and the record says why."), "success")
    return _back(idea)


@blueprint.post("/ideas/<int:idea_id>/merge")
def merge(idea_id: int) -> ResponseReturnValue:
    """Let a duplicate go on in another idea."""
    idea, form = _of_desk(idea_id), MergeForm()
    if not form.validate_on_submit():
        return _desk_page(idea, 422, merge=form)
    try:
        into = ideas.merge(
            idea, whole_number((form.into.data or "").lstrip("#")) or 0, current.viewer(), current.now()
        )
    except Refusal as fault:
        if isinstance(fault, Invalid):
            _by_its_field(form, fault)
            return _desk_page(idea, 422, merge=form)
        return _desk_page(
            ideas.find(current.viewer(), idea_id), fault.status, presenters.refusal(fault), merge=form
        )
    flash(_("It goes on in this idea, with its votes and its discussion."), "success")
    return _back(into)
