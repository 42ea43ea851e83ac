"""The administration: Flask-Admin screens for everything that is a row, open to admins only.

A new kind of row gets its screen by a class in one of the modules here and a line in VIEWS.
"""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin

from views.admin.articles import ArticleView, ArticleVoteView, SearchMissView, TopicView
from views.admin.calendars import CalendarClosingDayView, CalendarView
from views.admin.catalogue import (
    CategoryView,
    ConsentTextView,
    ExtraFieldView,
    FeatureView,
    KindView,
    PortalView,
    ProductKindView,
    ProductView,
    RequestFormView,
    ScaleLevelView,
    ScaleView,
    StatusLabelView,
    TeamMemberView,
    TeamView,
)
from views.admin.closing import ClosingRuleView
from views.admin.deletions import DeletionView
from views.admin.guidance import AssistantQuestionView, EscalationLineView, HelpLineView, HighlightView
from views.admin.home import HomeView
from views.admin.ideas import IdeaCommentView, IdeaView
from views.admin.imports import ContactImportView
from views.admin.licences import LicenceRequestView
from views.admin.organisations import MembershipView, OrganisationView
from views.admin.partners import PartnerLinkView
from views.admin.people import PersonView
from views.admin.questions import ProfileQuestionView
from views.admin.records import AuditEntryView, JobRunView, OutboxMessageView, TextMessageView
from views.admin.retention import RetentionView
from views.admin.reviews import ContactReviewView
from views.admin.rules import RoutingRuleView, SettingsView
from views.admin.sso import IdentityProviderView, LinkingApplicationView
from views.admin.status import AnnouncementView, ServiceView
from views.admin.tickets import TicketEventView, TicketView

# In the order of the navigation.
VIEWS = (
    OrganisationView,
    MembershipView,
    PartnerLinkView,
    PersonView,
    ProfileQuestionView,
    IdentityProviderView,
    LinkingApplicationView,
    ContactImportView,
    ContactReviewView,
    TicketView,
    LicenceRequestView,
    DeletionView,
    TicketEventView,
    TeamView,
    TeamMemberView,
    RoutingRuleView,
    ClosingRuleView,
    CalendarView,
    CalendarClosingDayView,
    CategoryView,
    RequestFormView,
    KindView,
    ProductView,
    ProductKindView,
    FeatureView,
    ExtraFieldView,
    ScaleView,
    ScaleLevelView,
    StatusLabelView,
    ConsentTextView,
    ArticleView,
    TopicView,
    ArticleVoteView,
    SearchMissView,
    ServiceView,
    AnnouncementView,
    IdeaView,
    IdeaCommentView,
    HelpLineView,
    EscalationLineView,
    HighlightView,
    AssistantQuestionView,
    SettingsView,
    RetentionView,
    PortalView,
    OutboxMessageView,
    TextMessageView,
    JobRunView,
    AuditEntryView,
)


def build(app: Flask) -> Admin:
    """Add every screen to the app, under /admin/."""
    admin = Admin(app, name="Guichet", index_view=HomeView())
    for view in VIEWS:
        admin.add_view(view())
    return admin
