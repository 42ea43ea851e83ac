"""Who gets what: every address of the portal, by everybody, in one table. Foreign looks like absent.

The list of addresses is read from the application: one without a row here fails, and so does a row without an address.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

import models
import views
from domain import (
    announcements,
    blocking,
    contact_files,
    contact_import,
    contests,
    ideas,
    knowledge,
    lifecycle,
    mail_actions,
    mail_choices,
    profile_questions,
    status_page,
)
from tests.support.scene import CANARY, NOTE_CANARY, Crowd, Scene, fingerprint, normal, nothing_kept, token_of

WHO = ("anonymous", "dana", "alice", "bob", "charlie", "sam", "ines", "root")

# (endpoint, method, address, what is sent, statuses for each of WHO in that order). Several rows for one endpoint are
# several samples. An address is filled in with: {n} alice's request with a file, {closed} a closed one of hers, {theirs}
# charlie's; {file} her file, {internal} the file of a note, {pending} a file she has not sent yet, {draft} a draft of hers; {copy} somebody in
# copy of {n}; {solved} one of hers with a solution, {testing} one that she has to test; {blocked} one of charlie's that waits for {n}, by {block}; {button} the link of a mail about it; {rated} one of hers that is closed and asked about; {mail} the key of a mail to her about {n}; {link} a link mailed to her; {key} her security key; {session} her session; {dana}, {alice}, {charlie} their memberships.
TABLE: list[tuple[str, str, str, dict[str, str], str]] = [
    # Open to everybody                                                    anon dana alice bob char sam ines root
    ("home.index", "GET", "/", {}, "200 200 200 200 200 303 303 303"),
    ("help.show", "GET", "/help", {}, "200 200 200 200 200 200 200 200"),
    ("pages.accessibility", "GET", "/accessibility", {}, "200 200 200 200 200 200 200 200"),
    ("pages.privacy", "GET", "/privacy", {}, "200 200 200 200 200 200 200 200"),
    ("pages.healthz", "GET", "/healthz", {}, "200 200 200 200 200 200 200 200"),
    ("finding.robots", "GET", "/robots.txt", {}, "200 200 200 200 200 200 200 200"),
    ("finding.sitemap", "GET", "/sitemap.xml", {}, "200 200 200 200 200 200 200 200"),
    ("assets.file", "GET", "/static/icons.svg", {}, "200 200 200 200 200 200 200 200"),
    ("assets.file", "GET", "/static/../app.py", {}, "404 404 404 404 404 404 404 404"),
    # Signing in and out
    ("session.login", "GET", "/login", {}, "200 303 303 303 303 303 303 303"),
    ("session.login", "POST", "/login", {"email": "alice@acme.example", "password": "faux"}, "422 422 422 422 422 422 422 422"),
    ("session.login_password", "GET", "/login/password", {}, "303 303 303 303 303 303 303 303"),
    ("session.login_password", "POST", "/login/password", {"email": "alice@acme.example", "password": "faux"}, "422 422 422 422 422 422 422 422"),
    ("session.logout", "POST", "/logout", {}, "303 303 303 303 303 303 303 303"),
    ("session.register", "GET", "/register", {}, "200 303 303 303 303 303 303 303"),
    ("session.register", "POST", "/register", {"full_name": "Zoé Neuve", "email": "zoe@acme.example", "organisation": "Acme"},
     "303 303 303 303 303 303 303 303"),
    ("session.registered", "GET", "/register/sent", {}, "200 200 200 200 200 200 200 200"),
    ("session.forgotten", "GET", "/password/forgotten", {}, "200 200 200 200 200 200 200 200"),
    ("session.forgotten", "POST", "/password/forgotten", {"email": "alice@acme.example"}, "303 303 303 303 303 303 303 303"),
    ("session.lost_username", "GET", "/username/forgotten", {}, "200 200 200 200 200 200 200 200"),
    ("session.lost_username", "POST", "/username/forgotten", {"email": "alice@acme.example"}, "303 303 303 303 303 303 303 303"),
    ("session.lost_username", "POST", "/username/forgotten", {"email": "alice"}, "422 422 422 422 422 422 422 422"),
    ("session.password", "GET", "/password/{link}", {}, "200 200 200 200 200 200 200 200"),
    ("session.password", "GET", "/password/nothing-like-it", {}, "404 404 404 404 404 404 404 404"),
    ("session.password", "POST", "/password/{link}", {"password": "court"}, "422 422 422 422 422 422 422 422"),
    ("session.password", "POST", "/password/nothing-like-it", {"password": "une phrase assez longue"}, "404 404 404 404 404 404 404 404"),
    # The second step, which nobody here waits for, and proving again that it is you, which was just done
    ("second_step.verify", "GET", "/login/verify", {}, "303 303 303 303 303 303 303 303"),
    ("second_step.verify", "POST", "/login/verify", {"code": "123456"}, "303 303 303 303 303 303 303 303"),
    ("second_step.resend", "POST", "/login/verify/code", {}, "303 303 303 303 303 303 303 303"),
    ("second_step.again", "GET", "/login/again", {}, "303 303 303 303 303 303 303 303"),
    ("second_step.again", "POST", "/login/again", {"password": "faux"}, "303 422 422 422 422 422 422 422"),
    ("second_step.again", "POST", "/login/again", {}, "303 422 422 422 422 422 422 422"),
    ("second_step.act", "GET", "/login/again/act", {}, "303 303 303 303 303 303 303 303"),
    # Other ways to sign in: the provider is away, and nobody signed the link
    ("sso.start", "GET", "/login/with/elsewhere", {}, "503 503 503 503 503 503 503 503"),
    ("sso.start", "GET", "/login/with/nothing", {}, "404 404 404 404 404 404 404 404"),
    ("sso.back", "GET", "/login/with/elsewhere/return?code=x&state=x", {}, "400 400 400 400 400 400 400 400"),
    ("sso.again", "GET", "/login/again/with/elsewhere", {}, "303 404 404 404 404 404 404 404"),
    ("sso.link", "GET", "/account/security/with/elsewhere", {}, "303 303 303 303 303 303 303 303"),
    ("sso.link", "GET", "/account/security/with/nothing", {}, "303 404 404 404 404 404 404 404"),
    ("sso.unlink", "POST", "/account/security/with/elsewhere/removal", {}, "303 404 404 404 404 404 404 404"),
    ("sso.signed", "GET", "/login/signed?app=elsewhere&email=alice@acme.example", {}, "404 404 404 404 404 404 404 404"),
    ("sso.signed", "POST", "/login/signed", {"app": "elsewhere", "email": "root@guichet.example"}, "404 404 404 404 404 404 404 404"),
    # Second factors: alice has a key, {key}; at this address, a bare number, browsers offer none
    ("factors.app", "GET", "/account/security/app", {}, "303 200 200 200 200 200 200 200"),
    ("factors.app", "POST", "/account/security/app", {"begin": "1"}, "303 303 303 303 303 303 303 303"),
    ("factors.app", "POST", "/account/security/app", {"code": "123456"}, "303 303 303 303 303 303 303 303"),
    ("factors.app", "POST", "/account/security/app", {}, "303 303 303 303 303 303 303 303"),
    ("factors.remove_app", "POST", "/account/security/app/removal", {}, "303 404 404 404 404 404 404 404"),
    ("factors.keys", "GET", "/account/security/keys", {}, "303 200 200 200 200 200 200 200"),
    ("factors.keys", "POST", "/account/security/keys", {}, "303 409 409 409 409 409 409 409"),
    ("factors.remove_key", "POST", "/account/security/keys/{key}/removal", {}, "303 404 303 404 404 404 404 404"),
    ("factors.codes", "GET", "/account/security/codes", {}, "303 200 200 200 200 200 200 200"),
    ("factors.codes", "POST", "/account/security/codes", {}, "303 409 200 409 409 409 409 409"),
    ("factors.later", "POST", "/account/security/later", {}, "303 303 303 303 303 303 303 303"),
    # One's own account
    # No gateway for text messages here: nobody is offered one, and nobody has a number
    ("mobiles.show", "GET", "/account/mobile", {}, "303 200 200 200 200 200 200 200"),
    ("mobiles.show", "POST", "/account/mobile", {"number": "+33612345678"}, "303 409 409 409 409 409 409 409"),
    ("mobiles.show", "POST", "/account/mobile", {}, "303 422 422 422 422 422 422 422"),
    ("mobiles.offer", "GET", "/account/mobile/offer", {}, "303 303 303 303 303 303 303 303"),
    ("mobiles.offer", "POST", "/account/mobile/offer", {"number": "06"}, "303 409 409 409 409 409 409 409"),
    ("mobiles.confirm", "GET", "/account/mobile/confirm", {}, "303 303 303 303 303 303 303 303"),
    ("mobiles.confirm", "POST", "/account/mobile/confirm", {"code": "123456"}, "303 303 303 303 303 303 303 303"),
    ("mobiles.resend", "POST", "/account/mobile/confirm/code", {}, "303 303 303 303 303 303 303 303"),
    ("mobiles.cancel", "POST", "/account/mobile/cancel", {}, "303 303 303 303 303 303 303 303"),
    ("mobiles.remove", "POST", "/account/mobile/removal", {}, "303 404 404 404 404 404 404 404"),
    ("mobiles.never", "POST", "/account/mobile/never", {}, "303 303 303 303 303 303 303 303"),
    ("account.show", "GET", "/account", {}, "303 200 200 200 200 200 200 200"),
    ("account.show", "POST", "/account", {"full_name": "Un Nom", "language": "fr", "time_zone": "Europe/Paris"},
     "303 303 303 303 303 303 303 303"),
    ("profile_questions.show", "GET", "/account/questions", {}, "303 200 200 200 200 303 303 303"),
    ("profile_questions.show", "POST", "/account/questions", {}, "303 303 303 303 303 303 303 303"),
    ("account.address", "GET", "/account/address", {}, "303 200 200 200 200 200 200 200"),
    ("account.address", "POST", "/account/address", {"email": "ailleurs@neuf.example"}, "303 303 303 303 303 303 303 303"),
    ("account.cancel_address", "POST", "/account/address/cancel", {}, "303 303 303 303 303 303 303 303"),
    ("account.confirm_address", "GET", "/account/address/confirm/nothing-like-it", {}, "303 404 404 404 404 404 404 404"),
    ("account.confirm_address", "POST", "/account/address/confirm/nothing-like-it", {}, "303 404 404 404 404 404 404 404"),
    ("account.security", "GET", "/account/security", {}, "303 200 200 200 200 200 200 200"),
    ("account.security", "POST", "/account/security", {"current_password": "faux", "password": "une phrase assez longue"},
     "303 422 422 422 422 422 422 422"),
    ("account.sessions", "GET", "/account/sessions", {}, "303 200 200 200 200 200 200 200"),
    ("own_data.show", "GET", "/account/data", {}, "303 200 200 200 200 200 200 200"),
    ("own_data.show", "POST", "/account/data", {}, "303 200 200 200 200 200 200 200"),
    ("own_data.consent", "GET", "/account/data/consents/{consent}", {}, "303 404 200 404 404 404 404 404"),
    ("own_data.consent", "GET", "/account/data/consents/999999999999", {}, "303 404 404 404 404 404 404 404"),
    ("own_data.consent", "POST", "/account/data/consents/{consent}", {}, "303 404 303 404 404 404 404 404"),
    ("own_data.of_person", "GET", "/admin/people/{alice_person}/data", {}, "303 403 403 403 403 403 403 200"),
    ("own_data.of_person", "GET", "/admin/people/999999999999/data", {}, "303 403 403 403 403 403 403 404"),
    ("own_data.of_person", "POST", "/admin/people/{alice_person}/data", {}, "303 403 403 403 403 403 403 422"),
    ("own_data.of_person", "POST", "/admin/people/{alice_person}/data", {"reason": "SUP-2041, rappelée."},
     "303 403 403 403 403 403 403 200"),
    ("erasure.of_person", "GET", "/admin/people/{alice_person}/erasure", {}, "303 403 403 403 403 403 403 200"),
    ("erasure.of_person", "GET", "/admin/people/999999999999/erasure", {}, "303 403 403 403 403 403 403 404"),
    ("erasure.of_person", "GET", "/admin/people/99999999/erasure", {}, "303 403 403 403 403 403 403 404"),
    # Alice stands behind a deletion: she cannot be erased now.
    ("erasure.of_person", "POST", "/admin/people/{alice_person}/erasure", {}, "303 403 403 403 403 403 403 409"),
    ("erasure.of_person", "POST", "/admin/people/{charlie_person}/erasure", {"way": "erase"}, "303 403 403 403 403 403 403 422"),
    ("account.sessions", "POST", "/account/sessions", {"everywhere": "others"}, "303 303 303 303 303 303 303 303"),
    ("account.sessions", "POST", "/account/sessions", {"session": "{session}"}, "303 404 303 404 404 404 404 404"),
    ("account.language", "POST", "/account/language", {"language": "en"}, "303 303 303 303 303 303 303 303"),
    # One's mails: {leave} is the link of a mail to alice, and all it takes is the link
    ("mail_choices.show", "GET", "/account/notifications", {}, "303 200 200 200 200 200 200 200"),
    ("mail_choices.show", "POST", "/account/notifications", {"language": "fr", "time_zone": "Europe/Paris", "answers": "hourly"},
     "303 303 303 303 303 303 303 303"),
    ("mail_choices.show", "POST", "/account/notifications", {"language": "xx"}, "303 422 422 422 422 422 422 422"),
    ("mail_choices.leave", "GET", "/unsubscribe/{leave}", {}, "200 200 200 200 200 200 200 200"),
    ("mail_choices.leave", "GET", "/unsubscribe/nothing-like-it", {}, "404 404 404 404 404 404 404 404"),
    ("mail_choices.leave", "POST", "/unsubscribe/{leave}", {}, "303 303 303 303 303 303 303 303"),
    ("mail_choices.leave", "POST", "/unsubscribe/{leave}", {"List-Unsubscribe": "One-Click"},
     "200 200 200 200 200 200 200 200"),
    ("mail_choices.leave", "POST", "/unsubscribe/nothing-like-it", {}, "404 404 404 404 404 404 404 404"),
    # Who was told: {mail} went to alice about {n}
    ("ticket_mails.index", "GET", "/tickets/{n}/mails", {}, "303 404 200 200 404 200 200 200"),
    ("ticket_mails.index", "GET", "/tickets/{theirs}/mails", {}, "303 404 404 404 200 200 200 200"),
    ("ticket_mails.show", "GET", "/tickets/{n}/mails/{mail}", {}, "303 404 200 404 404 200 200 200"),
    ("ticket_mails.show", "GET", "/tickets/{theirs}/mails/{mail}", {}, "303 404 404 404 404 404 404 404"),
    # How it went: alice is asked about {rated}, and about nothing else
    ("satisfaction.show", "GET", "/tickets/{rated}/satisfaction", {}, "303 404 200 403 404 303 303 303"),
    ("satisfaction.show", "GET", "/tickets/{n}/satisfaction", {}, "303 404 409 403 404 303 303 303"),
    ("satisfaction.show", "POST", "/tickets/{rated}/satisfaction", {"score": "4", "comment": "Bien."},
     "303 404 303 403 404 403 403 403"),
    ("satisfaction.show", "POST", "/tickets/{rated}/satisfaction", {}, "303 404 422 403 404 403 403 403"),
    ("satisfaction.show", "POST", "/tickets/{n}/satisfaction", {"score": "4"}, "303 404 409 403 404 403 403 403"),
    ("satisfaction.report", "GET", "/desk/satisfaction", {}, "303 403 403 403 403 403 403 200"),
    ("satisfaction.csv", "GET", "/desk/satisfaction.csv?months=3", {}, "303 403 403 403 403 403 403 200"),
    # Seeing the portal as somebody else, and why somebody sees a request: for admins
    ("viewing.start", "GET", "/viewing/{bob}", {}, "303 403 403 403 403 403 403 200"),
    ("viewing.start", "GET", "/viewing/{sam}", {}, "303 403 403 403 403 403 403 409"),
    ("viewing.start", "GET", "/viewing/999999", {}, "303 403 403 403 403 403 403 404"),
    ("viewing.start", "POST", "/viewing/{bob}", {"reason": "SUP-1"}, "303 403 403 403 403 403 403 303"),
    ("viewing.start", "POST", "/viewing/{bob}", {}, "303 403 403 403 403 403 403 422"),
    ("viewing.start", "POST", "/viewing/{sam}", {"reason": "SUP-1"}, "303 403 403 403 403 403 403 409"),
    ("viewing.end", "POST", "/viewing/end", {}, "303 303 303 303 303 303 303 303"),
    ("explaining.show", "GET", "/desk/access", {}, "303 403 403 403 403 403 403 200"),
    ("explaining.show", "GET", "/desk/access?person=alice@acme.example&number={n}", {},
     "303 403 403 403 403 403 403 200"),
    ("explaining.show", "GET", "/desk/access?person=nobody&number=SUP-1", {}, "303 403 403 403 403 403 403 422"),
    # The list of approved contacts
    ("contacts.index", "GET", "/organisation/contacts", {}, "303 403 403 200 403 403 403 403"),
    ("contacts.index", "POST", "/organisation/contacts", {}, "303 403 403 422 403 403 403 403"),
    ("contacts.approve", "POST", "/organisation/contacts/{dana}/approval", {}, "303 404 404 303 404 404 404 303"),
    ("contacts.approve", "POST", "/organisation/contacts/{charlie}/approval", {}, "303 404 404 404 404 404 404 303"),
    ("contacts.remove", "GET", "/organisation/contacts/{alice}/removal", {}, "303 404 404 200 404 404 404 200"),
    ("contacts.remove", "GET", "/organisation/contacts/{charlie}/removal", {}, "303 404 404 404 404 404 404 200"),
    ("contacts.remove", "POST", "/organisation/contacts/{alice}/removal", {"reason": "Partie."}, "303 404 404 303 404 404 404 303"),
    ("contacts.remove", "POST", "/organisation/contacts/{charlie}/removal", {"reason": "Parti."}, "303 404 404 404 404 404 404 303"),
    # The organisations that act for one's own, and its clients
    ("partners.index", "GET", "/organisation/partners", {}, "303 200 200 200 200 403 403 403"),
    ("contacts.confirm", "POST", "/organisation/contacts/confirmation", {"seen": "x"}, "303 403 403 303 403 403 403 403"),
    # Opening a request
    ("catalogue.index", "GET", "/catalogue", {}, "303 200 200 200 200 200 200 200"),
    ("requests.new", "GET", "/requests/new/incident", {}, "303 403 200 200 200 403 403 403"),
    ("requests.new", "GET", "/requests/new/nothing", {}, "303 404 404 404 404 404 404 404"),
    ("requests.new", "GET", "/requests/new/incident?follow_up={closed}", {}, "303 403 200 200 404 403 403 403"),
    ("requests.new", "POST", "/requests/new/incident", {}, "303 403 422 422 422 403 403 403"),
    ("requests.new", "POST", "/requests/new/nothing", {}, "303 404 404 404 404 404 404 404"),
    ("licences.blank", "GET", "/licences/blank-form.pdf", {}, "303 200 200 200 200 200 200 200"),
    # Requests of one's organisation
    ("tickets.index", "GET", "/tickets", {}, "303 200 200 200 200 200 200 200"),
    ("tickets.index", "GET", "/tickets?list=organisation&q=x&status=open&form=incident&sort=-updated", {},
     "303 200 200 200 200 200 200 200"),
    ("tickets.show", "GET", "/tickets/{n}", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.show", "GET", "/tickets/{closed}", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.show", "GET", "/tickets/{theirs}", {}, "303 404 404 404 200 200 200 200"),
    ("tickets.replies", "POST", "/tickets/{n}/replies", {"body": "Voici."}, "303 404 303 303 404 303 303 303"),
    ("tickets.replies", "POST", "/tickets/{closed}/replies", {"body": "Voici."}, "303 404 409 409 404 409 409 409"),
    ("tickets.replies", "POST", "/tickets/{theirs}/replies", {"body": "Voici."}, "303 404 404 404 303 303 303 303"),
    ("tickets.closure", "POST", "/tickets/{n}/closure", {}, "303 404 303 303 404 303 303 303"),
    ("tickets.closure", "POST", "/tickets/{closed}/closure", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.closure", "POST", "/tickets/{theirs}/closure", {}, "303 404 404 404 303 303 303 303"),
    ("tickets.closure", "GET", "/tickets/{n}/closure", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.closure", "GET", "/tickets/{closed}/closure", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.closure", "GET", "/tickets/{solved}/closure", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.closure", "POST", "/tickets/{solved}/closure", {"body": "Merci."}, "303 404 303 303 404 303 303 303"),
    ("tickets.reopening", "GET", "/tickets/{n}/reopening", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.reopening", "GET", "/tickets/{solved}/reopening", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.reopening", "POST", "/tickets/{solved}/reopening", {"body": "Encore."}, "303 404 303 303 404 303 303 303"),
    ("tickets.reopening", "POST", "/tickets/{solved}/reopening", {}, "303 404 422 422 404 422 422 422"),
    ("tickets.reopening", "POST", "/tickets/{closed}/reopening", {"body": "Encore."}, "303 404 409 409 404 409 409 409"),
    ("tickets.test", "GET", "/tickets/{n}/test", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.test", "GET", "/tickets/{testing}/test", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.test", "POST", "/tickets/{testing}/test", {"body": "Essayé."}, "303 404 303 303 404 303 303 303"),
    ("tickets.test", "POST", "/tickets/{closed}/test", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.show", "GET", "/tickets/{blocked}", {}, "303 404 404 404 200 200 200 200"),
    ("tickets.keep_open", "GET", "/tickets/{n}/keep-open", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.keep_open", "GET", "/tickets/{solved}/keep-open", {}, "303 404 200 200 404 200 200 200"),
    ("tickets.keep_open", "POST", "/tickets/{solved}/keep-open", {}, "303 404 303 303 404 303 303 303"),
    ("tickets.keep_open", "POST", "/tickets/{closed}/keep-open", {}, "303 404 409 409 404 409 409 409"),
    # Buttons of mails: alice's own link; bob reads her request and acts from there; to the others it never was.
    ("mail_actions.show", "GET", "/mail-actions/{button}", {}, "303 404 200 410 404 410 410 410"),
    ("mail_actions.show", "POST", "/mail-actions/{button}", {}, "303 404 303 410 404 410 410 410"),
    ("mail_actions.show", "GET", "/mail-actions/nothing-like-it", {}, "303 404 404 404 404 404 404 404"),
    ("mail_actions.show", "POST", "/mail-actions/nothing-like-it", {}, "303 404 404 404 404 404 404 404"),
    ("tickets.follow_up", "GET", "/tickets/{closed}/follow-up", {}, "303 404 303 303 404 403 403 403"),
    ("tickets.follow_up", "GET", "/tickets/{n}/follow-up", {}, "303 404 409 409 404 409 409 409"),
    ("tickets.add_cc", "POST", "/tickets/{n}/cc", {"email": "dana@acme.example"}, "303 404 303 303 404 303 303 303"),
    ("tickets.add_cc", "POST", "/tickets/{n}/cc", {"email": "who@elsewhere.example"}, "303 404 422 422 404 303 303 303"),
    ("tickets.remove_cc", "POST", "/tickets/{n}/cc/{copy}/removal", {}, "303 404 303 303 404 303 303 303"),
    ("tickets.remove_cc", "POST", "/tickets/{theirs}/cc/{copy}/removal", {}, "303 404 404 404 404 404 404 404"),
    ("tickets.collaborators", "POST", "/tickets/{n}/collaborators", {}, "303 404 403 303 404 403 403 403"),
    ("tickets.index", "GET", "/tickets?list=organisation&kind=incident&category=technical&sort=-agent", {},
     "303 200 200 200 200 200 200 200"),
    ("listing.choose", "GET", "/tickets/columns", {}, "303 200 200 200 200 200 200 200"),
    ("listing.choose", "POST", "/tickets/columns", {"columns": "agent", "order": "agent"}, "303 303 303 303 303 303 303 303"),
    ("listing.choose", "POST", "/tickets/columns", {"columns": "agent", "up": "agent"}, "303 200 200 200 200 200 200 200"),
    ("listing.choose", "POST", "/tickets/columns", {"columns": "agent", "everybody": "1"},
     "303 403 403 403 403 403 403 303"),
    ("listing.export", "GET", "/tickets/export?list=organisation&q=x", {}, "303 200 200 200 200 200 200 200"),
    ("listing.read", "POST", "/tickets/all/read", {}, "303 303 303 303 303 303 303 303"),
    # The figures of an organisation: those who read all of its requests
    ("dashboard.show", "GET", "/organisation/dashboard", {}, "303 403 200 200 200 403 403 403"),
    ("dashboard.show", "GET", "/organisation/dashboard?organisation={globex}", {}, "303 403 403 403 200 403 403 403"),
    ("dashboard.export", "GET", "/organisation/dashboard/export?months=3", {}, "303 403 200 200 200 403 403 403"),
    # Who can see it: read by all who see it, changed by alice, an administrator and the desk
    ("audience.show", "GET", "/tickets/{n}/audience", {}, "303 404 200 200 404 200 200 200"),
    ("audience.show", "GET", "/tickets/{closed}/audience", {}, "303 404 200 200 404 200 200 200"),
    ("audience.show", "GET", "/tickets/{theirs}/audience", {}, "303 404 404 404 200 200 200 200"),
    ("audience.show", "POST", "/tickets/{n}/audience", {"audience": "only_me"}, "303 404 303 303 404 303 303 303"),
    ("audience.show", "POST", "/tickets/{n}/audience", {"audience": "people"}, "303 404 422 422 404 422 422 422"),
    ("audience.show", "POST", "/tickets/{n}/audience", {"audience": "people", "audience_people": "{sam}"},
     "303 404 422 422 404 422 422 422"),
    ("audience.show", "POST", "/tickets/{theirs}/audience", {"audience": "only_me"}, "303 404 404 404 303 303 303 303"),
    # Whose it is: alice hands {n} to bob, an administrator of the organisation and the desk do too
    ("handover.show", "GET", "/tickets/{n}/handover", {}, "303 404 200 200 404 200 200 200"),
    ("handover.show", "GET", "/tickets/{closed}/handover", {}, "303 404 409 409 404 409 409 409"),
    ("handover.show", "GET", "/tickets/{theirs}/handover", {}, "303 404 404 404 200 200 200 200"),
    ("handover.show", "POST", "/tickets/{n}/handover", {"person": "{bob}"}, "303 404 303 303 404 303 303 303"),
    ("handover.show", "POST", "/tickets/{n}/handover", {"person": "{sam}"}, "303 404 422 422 404 422 422 422"),
    ("handover.show", "POST", "/tickets/{seconding}/handover", {"person": "{bob}"}, "303 404 409 409 404 409 409 409"),
    # What cannot be undone: {sent} waits for alice, {seconding} for bob
    ("deletion.show", "GET", "/tickets/{sent}/deletion", {}, "303 404 200 200 404 200 200 200"),
    ("deletion.show", "GET", "/tickets/{n}/deletion", {}, "303 404 404 404 404 404 404 404"),
    ("deletion.confirm", "POST", "/tickets/{sent}/deletion/confirmation",
     {"typed": "supprimer 1 personne", "irreversible": "y", "wording": "{words}"}, "303 404 303 403 404 403 403 403"),
    ("deletion.confirm", "POST", "/tickets/{sent}/deletion/confirmation", {"typed": "oui"},
     "303 404 422 403 404 403 403 403"),
    ("deletion.second", "POST", "/tickets/{sent}/deletion/second", {"wording": "{words}"},
     "303 404 403 409 404 403 403 403"),
    ("deletion.second", "POST", "/tickets/{seconding}/deletion/second", {"wording": "{other_words}"},
     "303 404 403 303 404 403 403 403"),
    ("deletion.call", "POST", "/tickets/{seconding}/deletion/call", {"note": "Appelé Alice au standard."},
     "303 404 403 403 404 403 403 403"),
    ("deletion.cancel", "GET", "/tickets/{seconding}/deletion/cancellation", {}, "303 404 200 200 404 200 200 200"),
    ("deletion.cancel", "POST", "/tickets/{seconding}/deletion/cancellation", {"reason": "Un nom est faux."},
     "303 404 303 303 404 303 303 303"),
    ("deletion.complete", "POST", "/tickets/{seconding}/deletion/completion", {"done": "y"},
     "303 404 403 403 404 409 409 409"),
    # A lowered priority, of alice's: {lowered}; one that she contests: {contested}
    ("contests.contest", "GET", "/tickets/{lowered}/contest", {}, "303 404 200 200 404 303 303 303"),
    ("contests.contest", "GET", "/tickets/{n}/contest", {}, "303 404 200 200 404 303 303 303"),
    ("contests.contest", "POST", "/tickets/{lowered}/contest", {"reason": "La paie est arrêtée."},
     "303 404 303 303 404 403 403 403"),
    ("contests.contest", "POST", "/tickets/{lowered}/contest", {}, "303 404 422 422 404 403 403 403"),
    ("contests.contest", "POST", "/tickets/{n}/contest", {"reason": "La paie."}, "303 404 409 409 404 403 403 403"),
    ("contests.contest", "POST", "/tickets/{contested}/contest", {"reason": "Encore."}, "303 404 303 409 404 403 403 403"),
    # Sam lowered it, Inès and Root are no supervisors.
    ("contests.decide", "POST", "/desk/tickets/{contested}/contest", {"outcome": "kept", "answer": "Pour telle raison."},
     "303 403 403 403 403 403 403 403"),
    ("contests.decide", "POST", "/desk/tickets/{n}/contest", {"outcome": "restored"}, "303 403 403 403 403 409 409 409"),
    # Files
    ("files.show", "GET", "/files/{file}/preuve.pdf", {}, "303 404 200 200 404 200 200 200"),
    ("files.show", "GET", "/files/{internal}/interne.png", {}, "303 404 404 404 404 200 200 200"),
    ("files.show", "GET", "/files/{pending}/brouillon.png", {}, "303 404 200 404 404 404 404 404"),
    ("uploads.create", "POST", "/uploads", {}, "303 422 422 422 422 422 422 422"),
    ("guided.start", "GET", "/requests/guided", {}, "303 403 303 303 303 403 403 403"),
    ("guided.step", "GET", "/requests/guided/product", {}, "303 403 200 200 200 403 403 403"),
    ("guided.step", "GET", "/requests/guided/recap", {}, "303 403 303 303 303 403 403 403"),
    ("guided.step", "GET", "/requests/guided/product?follow_up={closed}", {}, "303 403 200 200 404 403 403 403"),
    ("guided.step", "GET", "/requests/guided/nothing", {}, "303 404 404 404 404 404 404 404"),
    ("guided.step", "POST", "/requests/guided/product", {}, "303 403 422 422 422 403 403 403"),
    ("guided.step", "POST", "/requests/guided/nothing", {}, "303 404 404 404 404 404 404 404"),
    ("guided.draft", "POST", "/requests/guided/product/draft", {"product": "time"}, "303 403 200 200 200 403 403 403"),
    ("guided.draft", "POST", "/requests/guided/nothing/draft", {"product": "time"}, "303 404 404 404 404 404 404 404"),
    ("drafts.index", "GET", "/drafts", {}, "303 200 200 200 200 200 200 200"),
    ("drafts.form", "POST", "/requests/new/incident/draft", {"summary": "Un"}, "303 403 200 200 200 403 403 403"),
    ("drafts.form", "POST", "/requests/new/nothing/draft", {"summary": "Un"}, "303 404 404 404 404 404 404 404"),
    ("drafts.message", "POST", "/tickets/{n}/drafts/reply", {"body": "Un"}, "303 404 200 200 404 200 200 200"),
    ("drafts.message", "POST", "/tickets/{n}/drafts/note", {"body": "Un"}, "303 404 403 403 404 200 200 200"),
    ("drafts.message", "POST", "/tickets/{theirs}/drafts/reply", {"body": "Un"}, "303 404 404 404 200 200 200 200"),
    ("drafts.message", "POST", "/tickets/{closed}/drafts/reply", {"body": "Un"}, "303 404 409 409 404 409 409 409"),
    ("drafts.start_afresh", "POST", "/drafts/{draft}/afresh", {}, "303 404 303 404 404 404 404 404"),
    ("drafts.bring_back", "POST", "/drafts/{draft}/return", {}, "303 404 303 404 404 404 404 404"),
    ("uploads.remove", "POST", "/uploads/{pending}/removal", {}, "303 404 200 404 404 404 404 404"),
    # The desk
    ("desk.index", "GET", "/desk", {}, "303 403 403 403 403 200 200 200"),
    ("desk.show", "GET", "/desk/tickets/{n}", {}, "303 403 403 403 403 200 200 200"),
    ("desk.show", "GET", "/desk/tickets/SUP-9999999", {}, "303 403 403 403 403 404 404 404"),
    ("desk.replies", "POST", "/desk/tickets/{n}/replies", {"body": "Bonjour."}, "303 403 403 403 403 303 303 303"),
    ("desk.notes", "POST", "/desk/tickets/{n}/notes", {"body": "Entre nous."}, "303 403 403 403 403 303 303 303"),
    ("desk.assignment", "POST", "/desk/tickets/{n}/assignment", {"assignee": "{sam}"}, "303 403 403 403 403 303 303 303"),
    ("desk.team", "POST", "/desk/tickets/{n}/team", {"team": "{engineering}"}, "303 403 403 403 403 303 303 303"),
    ("desk.status", "POST", "/desk/tickets/{n}/status", {"status": "blocked", "reason": "On attend."},
     "303 403 403 403 403 303 303 303"),
    ("desk.priority", "POST", "/desk/tickets/{n}/priority", {"priority": "3", "reason": "Peu de gens."},
     "303 403 403 403 403 303 303 303"),
    ("desk.show", "GET", "/desk/tickets/{blocked}", {}, "303 403 403 403 403 200 200 200"),
    ("blocking.blocks", "POST", "/desk/tickets/{n}/blocks", {"blocker": "{theirs}", "component": "Paie"},
     "303 403 403 403 403 303 303 303"),
    ("blocking.blocks", "POST", "/desk/tickets/{n}/blocks", {"blocker": "{closed}"}, "303 403 403 403 403 422 422 422"),
    ("blocking.remove_block", "POST", "/desk/tickets/{blocked}/blocks/{block}/removal", {},
     "303 403 403 403 403 303 303 303"),
    ("blocking.remove_block", "POST", "/desk/tickets/{n}/blocks/{block}/removal", {}, "303 403 403 403 403 404 404 404"),
    ("blocking.escalation", "POST", "/desk/tickets/{n}/escalation", {"status": "escalated_l2", "reference": "N2-7"},
     "303 403 403 403 403 303 303 303"),
    ("blocking.escalation", "POST", "/desk/tickets/{n}/escalation", {"status": "resolved"},
     "303 403 403 403 403 422 422 422"),
    ("desk.add_cc", "POST", "/desk/tickets/{n}/cc", {"email": "who@elsewhere.example"}, "303 403 403 403 403 303 303 303"),
    ("desk.remove_cc", "POST", "/desk/tickets/{n}/cc/{copy}/removal", {}, "303 403 403 403 403 303 303 303"),
    ("joining.merge", "GET", "/desk/tickets/{n}/merge", {}, "303 403 403 403 403 200 200 200"),
    ("joining.merge", "GET", "/desk/tickets/{n}/merge?into={solved}", {}, "303 403 403 403 403 200 200 200"),
    ("joining.merge", "GET", "/desk/tickets/{n}/merge?into={theirs}", {}, "303 403 403 403 403 422 422 422"),
    ("joining.merge", "GET", "/desk/tickets/{closed}/merge", {}, "303 403 403 403 403 409 409 409"),
    ("joining.merge", "POST", "/desk/tickets/{n}/merge", {"into": "{solved}"}, "303 403 403 403 403 422 422 422"),
    ("joining.merge", "POST", "/desk/tickets/{n}/merge", {"into": "{solved}", "confirmed": "y"},
     "303 403 403 403 403 303 303 303"),
    ("joining.merge", "POST", "/desk/tickets/{n}/merge", {"into": "{theirs}", "confirmed": "y"},
     "303 403 403 403 403 422 422 422"),
    ("redaction.show", "GET", "/desk/tickets/{n}/redaction?message={message}", {}, "303 403 403 403 403 200 200 200"),
    ("redaction.show", "GET", "/desk/tickets/{n}/redaction?message={note}", {}, "303 403 403 403 403 200 200 200"),
    ("redaction.show", "GET", "/desk/tickets/{theirs}/redaction?message={message}", {}, "303 403 403 403 403 404 404 404"),
    ("redaction.show", "GET", "/desk/tickets/{n}/redaction", {}, "303 403 403 403 403 404 404 404"),
    ("redaction.show", "POST", "/desk/tickets/{n}/redaction", {"message": "{message}"}, "303 403 403 403 403 422 422 422"),
    ("redaction.show", "POST", "/desk/tickets/{n}/redaction",
     {"message": "{message}", "parts": "text", "reason": "Un mot de passe.", "for_good": "y"}, "303 403 403 403 403 303 303 303"),
    ("joining.split", "GET", "/desk/tickets/{n}/split?message={message}", {}, "303 403 403 403 403 200 200 200"),
    ("joining.split", "GET", "/desk/tickets/{n}/split?message={note}", {}, "303 403 403 403 403 404 404 404"),
    ("joining.split", "GET", "/desk/tickets/{theirs}/split?message={message}", {}, "303 403 403 403 403 404 404 404"),
    ("joining.split", "POST", "/desk/tickets/{n}/split", {"message": "{message}", "summary": "Un autre sujet"},
     "303 403 403 403 403 303 303 303"),
    ("joining.split", "POST", "/desk/tickets/{n}/split", {"message": "{message}"}, "303 403 403 403 403 422 422 422"),
    ("desk.index", "GET", "/desk?queue=contested", {}, "303 403 403 403 403 200 200 200"),
    ("desk.index", "GET", "/desk?choose=all", {}, "303 403 403 403 403 200 200 200"),
    ("bulk.many", "GET", "/desk/bulk", {}, "303 403 403 403 403 303 303 303"),
    ("bulk.many", "POST", "/desk/bulk", {"number": "{n}", "act": "status", "status": "in_progress", "reason": "Ensemble."},
     "303 403 403 403 403 303 303 303"),
    ("bulk.many", "POST", "/desk/bulk", {"number": "{n}", "act": "assignment", "assignee": "{sam}"},
     "303 403 403 403 403 303 303 303"),
    ("bulk.many", "POST", "/desk/bulk", {"number": "{n}", "act": "team", "team": "{engineering}"},
     "303 403 403 403 403 303 303 303"),
    ("bulk.many", "POST", "/desk/bulk", {"number": "{closed}", "act": "status", "status": "in_progress"},
     "303 403 403 403 403 409 409 409"),
    ("bulk.many", "POST", "/desk/bulk", {}, "303 403 403 403 403 422 422 422"),
    # Articles and search: why-no-mail is for everybody, keep-open for those who sign in, closing-rules for the team
    ("articles.index", "GET", "/articles", {}, "200 200 200 200 200 200 200 200"),
    ("articles.index", "GET", "/articles?kind=faq", {}, "200 200 200 200 200 200 200 200"),
    ("articles.index", "GET", "/articles?topic=start", {}, "200 200 200 200 200 200 200 200"),
    ("articles.index", "GET", "/articles?topic=team", {}, "404 404 404 404 404 200 200 200"),
    ("articles.index", "GET", "/articles?topic=nothing", {}, "404 404 404 404 404 404 404 404"),
    ("articles.show", "GET", "/articles/why-no-mail", {}, "200 200 200 200 200 200 200 200"),
    ("articles.show", "GET", "/articles/keep-open", {}, "303 200 200 200 200 200 200 200"),
    ("articles.show", "GET", "/articles/closing-rules", {}, "303 404 404 404 404 200 200 200"),
    ("articles.show", "GET", "/articles/nothing-like-it", {}, "303 404 404 404 404 404 404 404"),
    ("articles.announcements", "GET", "/announcements", {}, "200 200 200 200 200 200 200 200"),
    ("articles.releases", "GET", "/releases?page=7", {}, "200 200 200 200 200 200 200 200"),
    ("articles.votes", "POST", "/articles/keep-open/votes", {"helpful": "yes"}, "303 303 303 303 303 303 303 303"),
    ("articles.votes", "POST", "/articles/keep-open/votes", {"helpful": "maybe"}, "303 422 422 422 422 422 422 422"),
    ("articles.votes", "POST", "/articles/closing-rules/votes", {"helpful": "no"}, "303 404 404 404 404 303 303 303"),
    ("articles.following", "POST", "/articles/topics/start/following", {"follow": "yes"},
     "303 303 303 303 303 303 303 303"),
    ("articles.following", "POST", "/articles/topics/team/following", {"follow": "yes"},
     "303 404 404 404 404 303 303 303"),
    ("search.index", "GET", "/search?q=mot+de+passe&tab=articles", {}, "200 200 200 200 200 200 200 200"),
    ("search.index", "GET", "/search?q={n}", {}, "200 200 303 303 200 303 303 303"),
    ("search.suggestions", "GET", "/search/suggestions?q=changer+mon+mot+de+passe", {},
     "303 200 200 200 200 200 200 200"),
    # The status page: {incident} runs, {past} is over, {answer} went to all who joined; {notice} can be put away, the first
    # announcement of the demo world is a warning
    ("status.show", "GET", "/status", {}, "200 200 200 200 200 200 200 200"),
    ("status.history", "GET", "/status/history?month=2026-09", {}, "200 200 200 200 200 200 200 200"),
    ("status.incident", "GET", "/status/{incident}", {}, "200 200 200 200 200 200 200 200"),
    ("status.incident", "GET", "/status/999999", {}, "404 404 404 404 404 404 404 404"),
    ("status.feed", "GET", "/status.atom?language=en", {}, "200 200 200 200 200 200 200 200"),
    ("status.affected", "GET", "/status/{incident}/affected", {}, "303 403 200 200 200 403 403 403"),
    ("status.affected", "GET", "/status/{past}/affected", {}, "303 403 200 200 200 403 403 403"),
    ("status.affected", "GET", "/status/999999/affected", {}, "303 404 404 404 404 404 404 404"),
    ("status.affected", "POST", "/status/{incident}/affected", {}, "303 403 303 303 303 403 403 403"),
    ("status.affected", "POST", "/status/{incident}/affected", {"number": "{n}"}, "303 403 303 303 303 403 403 403"),
    ("status.affected", "POST", "/status/{incident}/affected", {"number": "{theirs}"}, "303 403 422 422 303 403 403 403"),
    ("status.affected", "POST", "/status/{past}/affected", {}, "303 409 409 409 409 409 409 409"),
    ("announcements.dismissal", "POST", "/announcements/{notice}/dismissal", {}, "303 303 303 303 303 303 303 303"),
    ("announcements.dismissal", "POST", "/announcements/{announcement_id}/dismissal", {},
     "303 409 409 409 409 409 409 409"),
    ("announcements.dismissal", "POST", "/announcements/{secret}/dismissal", {}, "303 404 404 404 404 303 303 303"),
    ("incidents.index", "GET", "/desk/incidents", {}, "303 403 403 403 403 200 200 200"),
    ("incidents.new", "GET", "/desk/incidents/new", {}, "303 403 403 403 403 200 200 200"),
    ("incidents.new", "POST", "/desk/incidents/new", {}, "303 403 403 403 403 422 422 422"),
    ("incidents.new", "POST", "/desk/incidents/new",
     {"impact": "major", "services": "{service_id}", "title_fr": "Panne", "body_fr": "Rien ne va."},
     "303 403 403 403 403 303 303 303"),
    ("incidents.show", "GET", "/desk/incidents/{incident}", {}, "303 403 403 403 403 200 200 200"),
    ("incidents.show", "GET", "/desk/incidents/999999", {}, "303 403 403 403 403 404 404 404"),
    ("incidents.updates", "POST", "/desk/incidents/{incident}/updates", {}, "303 403 403 403 403 422 422 422"),
    ("incidents.updates", "POST", "/desk/incidents/{incident}/updates",
     {"state": "solved", "impact": "major", "services": "{service_id}", "title_fr": "Panne", "body_fr": "Fini.", "tell": "y"},
     "303 403 403 403 403 303 303 303"),
    ("incidents.updates", "POST", "/desk/incidents/{past}/updates",
     {"state": "solved", "impact": "major", "services": "{service_id}", "title_fr": "Panne", "body_fr": "Fini."},
     "303 403 403 403 403 409 409 409"),
    ("incidents.requests", "POST", "/desk/incidents/{incident}/requests", {"numbers": "{n}"},
     "303 403 403 403 403 303 303 303"),
    ("incidents.requests", "POST", "/desk/incidents/{incident}/requests", {"numbers": "{n} SUP-1"},
     "303 403 403 403 403 422 422 422"),
    ("incidents.requests", "POST", "/desk/incidents/{past}/requests", {"numbers": "{n}"},
     "303 403 403 403 403 409 409 409"),
    ("incidents.answer", "GET", "/desk/incidents/{incident}/answer", {}, "303 403 403 403 403 200 200 200"),
    ("incidents.answer", "POST", "/desk/incidents/{incident}/answer", {}, "303 403 403 403 403 422 422 422"),
    ("incidents.answer", "POST", "/desk/incidents/{incident}/answer", {"body_fr": "Pour tous.", "status": "resolved"},
     "303 403 403 403 403 303 303 303"),
    ("incidents.answer", "POST", "/desk/incidents/{past}/answer", {"body_fr": "Pour personne."},
     "303 403 403 403 403 422 422 422"),
    ("incidents.report", "GET", "/desk/incidents/{incident}/answers/{answer}", {}, "303 403 403 403 403 200 200 200"),
    ("incidents.report", "POST", "/desk/incidents/{incident}/answers/{answer}", {}, "303 403 403 403 403 303 303 303"),
    ("incidents.report", "GET", "/desk/incidents/{past}/answers/{answer}", {}, "303 403 403 403 403 404 404 404"),
    # Ideas: {idea} of alice's, without an answer; {double} one that goes on in another; staff look after them
    ("ideas.index", "GET", "/ideas", {}, "303 200 200 200 200 200 200 200"),
    ("ideas.index", "GET", "/ideas?kind=discussion&q=paie&mine=1&sort=wanted", {}, "303 200 200 200 200 200 200 200"),
    ("ideas.new", "GET", "/ideas/new", {}, "303 200 200 200 200 200 200 200"),
    ("ideas.new", "GET", "/ideas/new?request={n}", {}, "303 404 200 200 404 200 200 200"),
    ("ideas.new", "POST", "/ideas/new", {}, "303 422 422 422 422 422 422 422"),
    ("ideas.new", "POST", "/ideas/new", {"title": "Une idée", "problem": "Un manque"}, "303 303 303 303 303 303 303 303"),
    ("ideas.suggestions", "GET", "/ideas/suggestions?q=exporter+le+planning", {}, "303 200 200 200 200 200 200 200"),
    ("ideas.show", "GET", "/ideas/{idea}", {}, "303 200 200 200 200 200 200 200"),
    ("ideas.show", "GET", "/ideas/{double}", {}, "303 303 303 303 303 303 303 303"),
    ("ideas.show", "GET", "/ideas/{hidden_idea}", {}, "303 404 200 404 404 200 200 200"),
    ("ideas.show", "GET", "/ideas/99999999999999999999", {}, "303 404 404 404 404 404 404 404"),
    ("ideas.edit", "GET", "/ideas/{idea}/edit", {}, "303 403 200 403 403 403 403 403"),
    ("ideas.edit", "POST", "/ideas/{idea}/edit", {"title": "Mieux", "problem": "Dit"}, "303 403 303 403 403 403 403 403"),
    ("ideas.votes", "POST", "/ideas/{idea}/votes", {"vote": "yes"}, "303 303 403 303 303 303 303 303"),
    ("ideas.votes", "POST", "/ideas/{hidden_idea}/votes", {"vote": "yes"}, "303 404 403 404 404 409 409 409"),
    ("ideas.following", "POST", "/ideas/{idea}/following", {"follow": "yes"}, "303 303 303 303 303 303 303 303"),
    ("ideas.comments", "POST", "/ideas/{idea}/comments", {"body": "Oui."}, "303 303 303 303 303 303 303 303"),
    ("ideas.comments", "POST", "/ideas/{idea}/comments", {}, "303 422 422 422 422 422 422 422"),
    ("ideas.moderation", "GET", "/ideas/{idea}/moderation", {}, "303 403 403 403 403 200 200 200"),
    ("ideas.moderation", "GET", "/ideas/{idea}/moderation?comment=999999", {}, "303 403 403 403 403 404 404 404"),
    ("ideas.state", "POST", "/ideas/{idea}/state", {"state": "planned", "sentence_fr": "Oui."},
     "303 403 403 403 403 303 303 303"),
    ("ideas.state", "POST", "/ideas/{idea}/state", {}, "303 403 403 403 403 422 422 422"),
    ("ideas.hiding", "POST", "/ideas/{idea}/hiding", {"reason": "Un nom."}, "303 403 403 403 403 303 303 303"),
    ("ideas.hiding", "POST", "/ideas/{hidden_idea}/hiding", {"hide": "no"}, "303 403 403 403 403 303 303 303"),
    ("ideas.merge", "POST", "/ideas/{idea}/merge", {"into": "{other_idea}"}, "303 403 403 403 403 303 303 303"),
    ("ideas.merge", "POST", "/ideas/{idea}/merge", {"into": "{idea}"}, "303 403 403 403 403 422 422 422"),
    # Whom to turn to, and questions that are not technical
    ("help.escalation", "GET", "/escalation", {}, "303 200 200 200 200 200 200 200"),
    ("help.assistant", "GET", "/help/assistant?page=/tickets", {}, "200 200 200 200 200 200 200 200"),
    ("help.ask", "POST", "/help/assistant/questions", {"subject": "other", "message": "Bonjour."}, "303 303 303 303 303 303 303 303"),
    ("help.ask", "POST", "/help/assistant/questions", {}, "303 422 422 422 422 422 422 422"),
    # The administration, besides its tables
    ("admin_article.version_view", "GET", "/admin/article/version/?id={article_id}&number=1", {},
     "303 403 403 403 403 403 403 200"),
    ("admin_article.version_view", "GET", "/admin/article/version/?id={article_id}&number=77", {},
     "303 403 403 403 403 403 403 404"),
    ("admin_article.restore_view", "POST", "/admin/article/restore/", {"id": "{article_id}", "number": "1"},
     "303 403 403 403 403 403 403 303"),
    # {contactimport_id} was looked at and waits
    ("admin_contactimport.template", "GET", "/admin/contactimport/template/", {}, "303 403 403 403 403 403 403 200"),
    ("admin_contactimport.csv", "GET", "/admin/contactimport/report/?id={contactimport_id}", {},
     "303 403 403 403 403 403 403 200"),
    ("admin_contactimport.csv", "GET", "/admin/contactimport/report/?id=999999999", {}, "303 403 403 403 403 403 403 404"),
    ("admin_contactimport.run", "POST", "/admin/contactimport/run/", {"id": "{contactimport_id}"},
     "303 403 403 403 403 403 403 303"),
    ("admin_contactimport.run", "POST", "/admin/contactimport/run/", {"id": "999999999"}, "303 403 403 403 403 403 403 404"),
    ("admin_contactimport.stop", "POST", "/admin/contactimport/stop/", {"id": "{contactimport_id}"},
     "303 403 403 403 403 403 403 303"),
    ("admin_contactimport.discard", "POST", "/admin/contactimport/discard/", {"id": "{contactimport_id}"},
     "303 403 403 403 403 403 403 303"),
    ("admin.index", "GET", "/admin/", {}, "303 403 403 403 403 403 403 200"),
    ("admin_calendar.year", "GET", "/admin/calendar/year/?id={calendar_id}", {}, "303 403 403 403 403 403 403 200"),
    ("admin_settings.index", "GET", "/admin/settings/", {}, "303 403 403 403 403 403 403 200"),
    ("admin_retention.index", "GET", "/admin/retention/", {}, "303 403 403 403 403 403 403 200"),
    ("admin_retention.index", "POST", "/admin/retention/", {}, "303 403 403 403 403 403 403 303"),
    ("admin_settings.index", "POST", "/admin/settings/", {}, "303 403 403 403 403 403 403 422"),
]  # fmt: skip

# Each table of the administration: what root may do there. Everything else is absent for root too (404); everybody else
# is refused (403), and the anonymous sign in first (303).
ADMIN_TABLES: dict[str, str] = {
    "organisation": "list details new edit delete",
    "membership": "list details new edit",
    "person": "list details new edit",
    "ticket": "list details edit",
    "partnerlink": "list details new edit",
    "contactimport": "list details new",
    "contactreview": "list details",
    "licencerequest": "list details edit",
    "deletion": "list details",
    "ticketevent": "list details",
    "team": "list details new edit delete",
    "teammember": "list details new delete",
    "routingrule": "list details new edit delete",
    "closingrule": "list details new edit delete",
    "calendar": "list details new edit delete",
    "calendarclosingday": "list details new edit delete",
    "category": "list details new edit delete",
    "identityprovider": "list details new edit delete",
    "linkingapplication": "list details new edit delete",
    "requestform": "list details edit",
    "kind": "list details new edit delete",
    "product": "list details new edit delete",
    "productkind": "list details new delete",
    "feature": "list details new edit delete",
    "extrafield": "list details new edit delete",
    "scale": "list details new edit delete",
    "scalelevel": "list details new edit delete",
    "statuslabel": "list details new edit delete",
    "consenttext": "list details new",
    "portal": "list details new edit",
    "article": "list details new edit delete",
    "topic": "list details new edit delete",
    "articlevote": "list details",
    "searchmiss": "list details delete",
    "service": "list details new edit delete",
    "announcement": "list details new edit delete",
    "idea": "list details edit delete",
    "ideacomment": "list details",
    "profilequestion": "list details new edit delete",
    "helpline": "list details new edit delete",
    "escalationline": "list details new edit delete",
    "highlight": "list details new edit delete",
    "assistantquestion": "list details",
    "outboxmessage": "list details",
    "textmessage": "list details",
    "jobrun": "list details",
    "auditentry": "list details",
}

# Endpoint, method, address, what is sent, what root must be allowed to, status then. None: never there.
ADMIN_ACTIONS: list[tuple[str, str, str, dict[str, str], str | None, set[int]]] = [
    ("index_view", "GET", "", {}, "list", {200}),
    ("index_view", "GET", "?search=acme&page=2&sort=0&desc=1", {}, "list", {200}),
    ("export", "GET", "export/csv/", {}, "list", {200}),
    ("export", "GET", "export/xlsx/", {}, "list", {200}),
    ("export", "GET", "export/exe/", {}, None, {404}),
    ("details_view", "GET", "details/?id={id}", {}, "details", {200}),
    ("details_view", "GET", "details/?id=999999999", {}, None, {404}),
    ("create_view", "GET", "new/", {}, "new", {200}),
    ("create_view", "POST", "new/", {}, "new", {422}),
    ("edit_view", "GET", "edit/?id={id}", {}, "edit", {200}),
    ("edit_view", "POST", "edit/?id={id}", {}, "edit", {422}),
    ("delete_view", "GET", "delete/?id={id}", {}, "delete", {200}),
    # 409 when other rows depend on it.
    ("delete_view", "POST", "delete/?id={id}", {}, "delete", {303, 409}),
    ("action_view", "POST", "action/", {}, "list", {303}),
    ("action_view", "POST", "action/", {"action": "delete", "rowid": "{id}"}, None, {404}),
    ("ajax_lookup", "GET", "ajax/lookup/?name=nothing&query=acme", {}, None, {404}),
    ("ajax_update", "POST", "ajax/update/", {"list_form_pk": "{id}", "name": "x"}, None, {404}),
]


def by_endpoint() -> list[tuple[str, str, str, dict[str, str], list[set[int]]]]:
    """Both tables as one: endpoint, method, address, what is sent, the statuses allowed to each of WHO."""
    rows = [
        (endpoint, method, path, data, [{int(status)} for status in statuses.split()])
        for endpoint, method, path, data, statuses in TABLE
    ]
    for name, allowed in ADMIN_TABLES.items():
        own = "{" + name + "_id}"
        for endpoint, method, path, data, needs, statuses in ADMIN_ACTIONS:
            roots = statuses if needs in {None, *allowed.split()} else {404}
            whole = [{303}, *([{403}] * 6), roots]
            path = f"/admin/{name}/{path}".replace("{id}", own)
            data = {key: value.replace("{id}", own) for key, value in data.items()}
            rows.append((f"admin_{name}.{endpoint}", method, path, data, whole))
    return rows


@pytest.fixture
def scene(app: Any, world: SimpleNamespace) -> SimpleNamespace:
    """Everybody's browser, and what addresses are filled in with."""
    return stage(app, world)


def stage(app: Any, world: SimpleNamespace) -> SimpleNamespace:
    """The scene of the table, for a portal on any database."""
    maker = Scene(app, world)
    made = maker.standing()
    crowd = Crowd(app, world, WHO)
    for browser in crowd.browsers.values():
        browser.lint = False
    mine = models.UserSession.get(models.UserSession.person == world.alice)
    now = app.extensions["guichet_clock"]()
    solved = maker.request("alice", summary=f"Résolue {CANARY}")
    maker.reply(solved, "sam", "C’est réglé.", move_to="resolved")
    solved = models.Ticket.get_by_id(solved.id)
    testing = maker.request("alice", summary=f"À tester {CANARY}")
    maker.reply(testing, "sam", "À vous de l’essayer.", move_to="customer_testing")
    # What alice's request holds up belongs to another organisation: neither side may read of the other.
    blocked = maker.request("charlie", summary="Bloquée")
    block = blocking.block(
        blocked, made.ticket.number, maker.viewer("sam"), now, component="Règles de calcul"
    )
    lowered, contested = (maker.request("alice", summary=f"Abaissée {CANARY}") for _ in range(2))
    for row in (lowered, contested):
        lifecycle.set_priority(row, "3", maker.viewer("sam"), now, reason="Un contournement existe.")
    contests.contest(contested, "La paie est arrêtée.", maker.viewer("alice"), now)
    rated = maker.request("alice", summary=f"Fermée {CANARY}")
    maker.reply(rated, "sam", "C’est réglé.", move_to="resolved")
    lifecycle.close(models.Ticket.get_by_id(rated.id), maker.viewer("alice"), now)
    mail = models.OutboxMessage.get(
        (models.OutboxMessage.ticket == made.ticket.id) & (models.OutboxMessage.person == world.alice.id)
    )
    models.OutboxMessage.update(status="sent", sent_at=now).where(
        models.OutboxMessage.id == mail.id
    ).execute()
    # This machine is never asked: such a provider is away at once.
    models.IdentityProvider.create(
        slug="elsewhere",
        name_fr="Ailleurs",
        name_en="Elsewhere",
        issuer="https://localhost:1",
        client_id="x",
        is_active=True,
    )
    models.ProfileQuestion.create(slug="job", name_fr="Votre fonction", name_en="Your job")
    profile_questions.forget()
    models.LinkingApplication.create(slug="elsewhere", name_fr="Ailleurs", name_en="Elsewhere")
    key = models.SecurityKey.create(
        person=world.alice, name="Porte-clés", credential_id="x", public_key="x", created_at=now
    )
    models.TextMessage.create(
        source="number:1",
        kind="number",
        person=world.alice,
        number="+33612345678",
        expires_at=now,
        created_at=now,
    )
    button = mail_actions.offer(solved, world.alice.id, ["works"], "a mail of the tests", now)["works"]
    sam = maker.viewer("sam")
    troubles = [
        status_page.open_incident(
            sam, now, title_fr="Panne", title_en="", impact="major", service_ids=[models.Service.get().id],
            body_fr="Rien ne va.", body_en="", idempotency_key=f"incident-of-the-table-{at}",
        )
        for at in range(2)
    ]  # fmt: skip
    # Charlie's customer has joined, and was answered: neither alice nor anybody else may learn of it.
    status_page.join_requests(troubles[0].id, [maker.request("charlie").number], sam, now)
    answered = status_page.answer_all(
        troubles[0].id, sam, now, body_fr="Pour tous.", body_en="", idempotency_key="answer-of-the-table"
    )
    status_page.write_waiting(now)
    status_page.post_update(
        troubles[1].id,
        sam,
        now,
        state="solved",
        body_fr="Fini.",
        body_en="",
        idempotency_key="over-of-the-table",
    )
    notices = [
        announcements.write(
            models.Announcement(title_fr=f"Note {audience}", audience=audience, first_day=now.date()), [], now
        )
        for audience in ("customers", "staff")
    ]
    models.JobRun.create(name="closing", started_at=now, outcome="ok")
    knowledge.vote(knowledge.find(None, "why-no-mail"), True, "", maker.viewer("alice"), now)
    knowledge.record_miss("licorne bleue", now)
    told = {}
    for name in ("idea", "other_idea", "hidden_idea", "double"):
        told[name] = ideas.submit(
            maker.viewer("alice"),
            now,
            title=f"Une idée, {name}",
            problem="Un manque.",
            idempotency_key=f"access-{name}",
        )
    ideas.hide(told["hidden_idea"], "Un nom de personne.", maker.viewer("sam"), now)
    ideas.merge(told["double"], told["other_idea"].id, maker.viewer("sam"), now)
    models.CalendarClosingDay.create(
        calendar=models.Calendar.select().first(), day=now.date(), label_fr="Pont"
    )
    filled = {
        "n": made.ticket.number,
        "closed": made.closed.number,
        "theirs": made.theirs.number,
        "file": made.file.key,
        "internal": made.internal.key,
        "pending": made.pending.key,
        "draft": made.draft.id,
        "copy": made.copy.id,
        "solved": solved.number,
        "testing": testing.number,
        "blocked": blocked.number,
        "block": block.id,
        "lowered": lowered.number,
        "contested": contested.number,
        "button": button,
        "rated": rated.number,
        "mail": mail.id,
        "leave": mail_choices.unsubscribe_token(world.alice.id, "answers"),
        "key": key.id,
        "link": made.link,
        "session": mine.id,
        "dana": made.dana.id,
        "alice": made.alice.id,
        "charlie": made.charlie.id,
        "sam": world.sam.id,
        "alice_person": world.alice.id,
        "charlie_person": world.charlie.id,
        "consent": models.Consent.get(models.Consent.person == world.alice.id).id,
        "bob": world.bob.id,
        "message": made.ticket.messages.where(models.Message.kind == "reply").get().id,
        "note": made.ticket.messages.where(models.Message.kind == "note").get().id,
        "incident": troubles[0].id,
        "past": troubles[1].id,
        "answer": answered.id,
        "notice": notices[0].id,
        "secret": notices[1].id,
        "globex": world.organisations["globex"].id,
        "engineering": models.Team.get(models.Team.slug == "engineering").id,
    }
    filled |= {
        **{name: idea.id for name, idea in told.items()},
        "sent": made.sent.number,
        "seconding": made.seconding.number,
        "words": made.words,
        "other_words": made.other_words,
    }
    models.ContactReview.create(organisation=world.organisations["acme"], asked_at=now, mailed_at=now)
    contact_import.prepare(
        contact_files.read(b"email,full_name,organisation\nzoe@acme.example,Zoe,Acme\n"), "people.csv",
        contact_import.Options(), None, now,
    )  # fmt: skip
    models.ProductKind.create(product=models.Product.select().first(), kind=models.Kind.select().first())
    for table in models.TABLES:
        first = table.select(table.id).order_by(table.id).first() if "id" in table._meta.fields else None
        filled[f"{table.__name__.lower()}_id"] = first.id if first else 0
    return SimpleNamespace(crowd=crowd, filled=filled, made=made)


def routes(app: Any) -> set[tuple[str, str]]:
    """(endpoint, method) of every address that the application answers."""
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_every_address_has_a_row_and_every_row_an_address(app: Any) -> None:
    rows = {(endpoint, method) for endpoint, method, *_rest in by_endpoint()}
    assert routes(app) - rows == set(), "addresses without a row"
    assert rows - routes(app) == set(), "rows without an address"


def test_every_row_leads_to_its_endpoint(app: Any, scene: SimpleNamespace) -> None:
    adapter = app.url_map.bind("")
    for endpoint, method, path, _data, _statuses in by_endpoint():
        where = path.format(**scene.filled).partition("?")[0]
        assert adapter.match(where, method=method)[0] == endpoint, path


@pytest.mark.both_databases
def test_everybody_gets_what_the_table_says(scene: SimpleNamespace, database: Any) -> None:
    wrong = []
    for endpoint, method, path, data, statuses in by_endpoint():
        where = path.format(**scene.filled)
        sent = {key: value.format(**scene.filled) for key, value in data.items()}
        for name, allowed in zip(WHO, statuses, strict=True):
            browser = scene.crowd.browsers[name]
            # Reading a page strictly takes time: once for each kind of reader, on one database, is enough.
            browser.lint = models.is_sqlite() and (
                name == "root" if endpoint.startswith("admin_") else name in {"dana", "alice", "sam"}
            )
            with nothing_kept(database):
                answer = scene.crowd.ask(name, method, where, sent)
                if answer.status_code not in allowed:
                    wrong.append(f"{method} {path} by {name}: {answer.status_code}, not {allowed}")
                elif (
                    name == "anonymous"
                    and allowed == {303}
                    and endpoint.startswith(
                        ("tickets.", "desk.", "blocking.", "handover.", "joining.", "admin")
                    )
                ):
                    assert answer.headers["Location"].startswith("/login?next="), path
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong)


@pytest.mark.both_databases
def test_half_a_sign_in_reaches_nothing_but_its_second_step(
    scene: SimpleNamespace, app: Any, database: Any, world: SimpleNamespace
) -> None:
    """S23: with the password alone, every address that asks for sign-in leads to the second step."""
    browser = app.test_client()
    answer = browser.submit("/login", email="alice@acme.example", password=world.password)
    assert answer.headers["Location"] == "/login/verify"
    token = token_of(browser)
    cookies = dict(browser._cookies)
    browser.lint = False
    walked = 0
    for endpoint, method, path, data, statuses in by_endpoint():
        where = path.format(**scene.filled)
        sent = {key: value.format(**scene.filled) for key, value in data.items()}
        browser._cookies.clear()
        browser._cookies.update(cookies)
        with nothing_kept(database):
            if method == "POST":
                answer = browser.post(where, data={**sent, "csrf_token": token})
            else:
                answer = browser.get(where)
        if endpoint in views.PUBLIC_ENDPOINTS:
            # What strangers get, at most.
            assert answer.status_code in {*statuses[0], 200, 303, 422}, path
            assert "Alice" not in answer.text and CANARY not in answer.text, path
            continue
        walked += 1
        assert answer.status_code == 303, f"{method} {path}: {answer.status_code}"
        assert answer.headers["Location"].startswith("/login/verify"), f"{path}: {answer.headers['Location']}"
    assert walked > 500


# What is closed to an admin who sees the portal as alice does, by the beginning of its address. Everything else answers as
# it answers alice.
CLOSED_TO_A_VIEWER = (
    "/account", "/admin", "/desk", "/login", "/password", "/username", "/register", "/unsubscribe", "/mail-actions", "/viewing",
    "/tickets/export", "/organisation/dashboard/export",
)  # fmt: skip


@pytest.mark.both_databases
def test_an_admin_who_sees_as_alice_reads_what_she_reads_and_changes_nothing(
    scene: SimpleNamespace, app: Any, database: Any, world: SimpleNamespace
) -> None:
    """STAFF-9: a ninth identity over every row; a new page is closed to it until views/viewing.py opens it."""
    browser = app.test_client()
    browser.lint = False
    browser.sign_in(world.root)
    browser.submit(f"/viewing/{world.alice.id}", form="viewing", reason="Voir ce qu’elle voit")
    token, cookies = token_of(browser), None
    cookies = dict(browser._cookies)
    before, wrong, walked = fingerprint(), [], 0
    reads = models.TicketRead.select().count(), models.HeldForm.select().count()
    for endpoint, method, path, data, statuses in by_endpoint():
        where = path.format(**scene.filled)
        browser._cookies.clear()
        browser._cookies.update(cookies)
        if method == "GET":
            answer = browser.get(where)
            expected = statuses[WHO.index("alice")]
            if where.startswith(CLOSED_TO_A_VIEWER):
                expected = {403}
        elif endpoint in ("viewing.end", "session.logout"):
            continue
        else:
            sent = {key: value.format(**scene.filled) for key, value in data.items()}
            answer = browser.post(where, data={**sent, "csrf_token": token})
            expected = {403}
        read = answer.get_data()
        answer.close()
        walked += 1
        if answer.status_code not in expected:
            wrong.append(f"{method} {path}: {answer.status_code}, not {expected}")
        elif NOTE_CANARY.encode() in read:
            wrong.append(f"{method} {path}: a note")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong)
    assert walked > 800
    assert fingerprint() == before
    assert (models.TicketRead.select().count(), models.HeldForm.select().count()) == reads


def test_head_tells_no_more_than_get(scene: SimpleNamespace, database: Any) -> None:
    for endpoint, method, path, _data, statuses in by_endpoint():
        if method != "GET" or endpoint.startswith("admin_"):
            continue
        for name, allowed in zip(WHO, statuses, strict=True):
            if name in ("anonymous", "dana", "charlie"):
                with nothing_kept(database):
                    answer = scene.crowd.ask(name, "HEAD", path.format(**scene.filled))
                assert answer.status_code in allowed, f"HEAD {path} by {name}"


@pytest.mark.both_databases
def test_a_request_of_another_organisation_looks_like_one_that_never_was(
    scene: SimpleNamespace, database: Any
) -> None:
    number = scene.filled["n"]
    unknown = number[:-1] + ("8" if number[-1] != "8" else "9") + "77"
    for endpoint, method, path, data, _statuses in by_endpoint():
        if "{n}" not in path or not endpoint.startswith(
            ("tickets.", "handover.", "ticket_mails.", "satisfaction.")
        ):
            continue
        seen = {}
        for tried in (number, unknown, "SUP-", "2041", "ñandú", "x" * 300, number.lower()):
            with nothing_kept(database):
                where = path.replace("{n}", tried).format(**scene.filled)
                answer = scene.crowd.ask(
                    "charlie", method, where, {k: v.format(**scene.filled) for k, v in data.items()}
                )
                seen[tried] = (answer.status_code, normal(answer.text, tried, quote(tried)))
                assert CANARY not in answer.text
        assert seen[number][0] == 404, path
        for tried, answer in seen.items():
            assert answer == seen[number], f"{method} {path}: {tried!r} looks different"


def test_a_deletion_of_another_organisation_looks_like_one_that_never_was(
    scene: SimpleNamespace, database: Any
) -> None:
    number = scene.filled["seconding"]
    unknown = number[:-1] + ("8" if number[-1] != "8" else "9") + "77"
    for endpoint, method, path, data, _statuses in by_endpoint():
        if not endpoint.startswith("deletion."):
            continue
        seen = []
        for tried in (number, unknown):
            where = f"/tickets/{tried}/deletion" + path.partition("/deletion")[2]
            with nothing_kept(database):
                sent = {key: value.format(**scene.filled) for key, value in data.items()}
                answer = scene.crowd.ask("charlie", method, where, sent)
            assert CANARY not in answer.text
            seen.append((answer.status_code, normal(answer.text, tried, quote(tried))))
        assert seen[0] == seen[1], f"{method} {path} looks different"
        assert seen[0][0] == 404


@pytest.mark.parametrize(
    "way",
    ["//tickets/{n}", "/tickets//{n}", "/tickets/./{n}", "/tickets/x/../{n}", "/tickets/%2e%2e/tickets/{n}",
     "/tickets/{n}/", "/tickets/{n};", "/tickets/{n}%00", "/tickets/%20{n}", "/tickets/{n}%20", "/tickets/{n}.json",
     "/desk/tickets/{n}", "/desk//tickets/{n}", "/admin/ticket/details/?id={id}", "/TICKETS/{n}"],
)  # fmt: skip
def test_no_way_of_writing_an_address_opens_what_is_not_shared(scene: SimpleNamespace, way: str) -> None:
    for name in ("anonymous", "charlie", "dana"):
        where = way.format(n=scene.filled["n"], id=scene.made.ticket.id)
        answer = scene.crowd.ask(name, "GET", where, follow_redirects=True)
        assert CANARY not in answer.text
        assert NOTE_CANARY not in answer.text


def test_customers_read_no_note_anywhere(scene: SimpleNamespace, database: Any) -> None:
    number = scene.filled["n"]
    places = ["/", "/tickets?list=organisation", f"/tickets/{number}", f"/tickets/{number}?thread=all",
              f"/tickets?list=organisation&q={NOTE_CANARY}"]  # fmt: skip
    for name in ("dana", "alice", "bob", "charlie"):
        for place in places:
            page = scene.crowd.ask(name, "GET", place).text
            assert NOTE_CANARY not in page.replace(f'value="{NOTE_CANARY}"', "").replace(
                f"“{NOTE_CANARY}”", ""
            ).replace(f"«\u202f{NOTE_CANARY}\u202f»", "").replace(f"q={NOTE_CANARY}", "").replace(
                f"q%3D{NOTE_CANARY}", ""
            ), f"{place} by {name}"
    assert NOTE_CANARY in scene.crowd.ask("sam", "GET", f"/desk/tickets/{number}").text


@pytest.mark.both_databases
def test_nothing_of_acme_reaches_globex_by_a_list_a_search_or_a_count(scene: SimpleNamespace) -> None:
    number = scene.filled["n"]
    for list_ in ("mine", "cc", "organisation"):
        for words in (CANARY, number, number.lower(), "alice@acme.example", "preuve.pdf"):
            page = scene.crowd.ask("charlie", "GET", f"/tickets?list={list_}&q={words}").text
            assert 'data-ticket="' not in page, f"{list_} {words}"
    home = scene.crowd.ask("charlie", "GET", "/").text
    assert CANARY not in home
    assert number not in home


def test_an_anonymous_reader_signs_in_and_comes_back_to_the_request(client: Any, world: Any) -> None:
    ticket = Scene(client.application, world).request("alice")
    answer = client.get(f"/tickets/{ticket.number}?thread=all")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next=/tickets/{ticket.number}?thread%3Dall"
    signed_in = client.submit(answer.headers["Location"], email="alice@acme.example", password=world.password)
    assert signed_in.status_code == 303
    assert signed_in.headers["Location"] == f"/tickets/{ticket.number}?thread=all"


# ---- Requests that change something ----------------------------------------------------------------------


def test_without_a_token_nothing_changes(scene: SimpleNamespace, database: Any) -> None:
    """S29: every POST, by those who may do most, without token and with the token of somebody else."""
    before = fingerprint()
    for endpoint, method, path, data, _statuses in by_endpoint():
        # The link of a mail is its own token: a mail program has no other, and it can only mean fewer mails.
        if method != "POST" or endpoint == "mail_choices.leave":
            continue
        where = path.format(**scene.filled)
        sent = {key: value.format(**scene.filled) for key, value in data.items()}
        people = (
            ("anonymous", "root")
            if endpoint.startswith("admin")
            else ("anonymous", "alice", "bob", "sam", "root")
        )
        with nothing_kept(database):
            for name in people:
                for token in (None, scene.crowd.tokens["charlie"], ""):
                    more = {} if token is None else {"csrf_token": token}
                    answer = scene.crowd.ask(name, "POST", where, {**sent, **more}, token=False)
                    assert answer.status_code in {303, 400}, f"{path} by {name}: {answer.status_code}"
                    if answer.status_code == 303:
                        # To sign in, or back to the form with what was typed.
                        target = answer.headers["Location"]
                        assert target.startswith("/login?next=") or target.endswith("?held=1"), (
                            f"{path}: {target}"
                        )
            assert fingerprint() == before, f"{path} changed something without a token"


def test_what_changes_something_is_never_a_get(app: Any, scene: SimpleNamespace) -> None:
    posted = [rule for rule in app.url_map.iter_rules() if "GET" not in rule.methods]
    assert len(posted) > 20
    samples = {endpoint: path for endpoint, method, path, *_rest in by_endpoint() if method == "POST"}
    for rule in posted:
        for name in ("anonymous", "alice", "root"):
            answer = scene.crowd.ask(name, "GET", samples[rule.endpoint].format(**scene.filled))
            assert answer.status_code == 405, f"GET {rule.rule} by {name}: {answer.status_code}"
            assert "POST" in answer.headers["Allow"]


def test_reading_changes_nothing(scene: SimpleNamespace, database: Any) -> None:
    before = fingerprint()
    for endpoint, method, path, _data, _statuses in by_endpoint():
        # Exports are recorded: that is the one thing reading writes.
        if method == "GET" and not endpoint.endswith((".export", ".csv")):
            for name in ("alice", "sam", "root"):
                scene.crowd.ask(name, "GET", path.format(**scene.filled))
            # HEAD needs no token either, whatever it carries.
            scene.crowd.ask("alice", "HEAD", path.format(**scene.filled), {"everywhere": "all", "body": "x"})
    assert fingerprint() == before
