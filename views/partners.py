"""The organisations that act for one's own, and those for which it acts (ACC-18): what both sides see of a link."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

import presenters
from domain import partners
from domain.refusals import NotAllowed
from views import current

blueprint = Blueprint("partners", __name__)


@blueprint.get("/organisation/partners")
def index() -> ResponseReturnValue:
    """For each organisation of the reader, its partners and its clients, and what the links allow."""
    viewer, now = current.viewer(), current.now()
    if viewer.is_staff or not viewer.memberships:
        raise NotAllowed("partners-closed")
    links = partners.of_people(viewer, now)
    opens = {rights.organisation_id for rights in viewer.opens_for}
    places = [
        SimpleNamespace(
            name=rights.organisation_name,
            partners=[
                presenters.partner_link(link, "client")
                for link in links
                if link.client_id == rights.organisation_id
            ],
            clients=[
                SimpleNamespace(
                    **vars(presenters.partner_link(link, "partner")),
                    open_url=url_for("catalogue.index") if link.client_id in opens else "",
                    list_url=url_for("tickets.index", list="organisation", organisation=link.client_id),
                )
                for link in links
                if link.partner_id == rights.organisation_id
            ],
        )
        for rights in viewer.memberships
    ]
    return render_template("partners/index.html", places=places, nobody=not links)
