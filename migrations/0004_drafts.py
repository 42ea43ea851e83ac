"""What was begun and not sent: drafts, and the pending files they hold (REQ-16)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "draft" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "kind" VARCHAR(10) NOT NULL, "form_slug" VARCHAR(40) NOT NULL, "organisation_id" INTEGER, "ticket_id" INTEGER, "follow_up" VARCHAR(20) NOT NULL, "data" TEXT NOT NULL, "earlier" TEXT, "earlier_at" TIMESTAMP, "idempotency_key" VARCHAR(64) NOT NULL, "version" INTEGER NOT NULL, "updated_at" TIMESTAMP NOT NULL, "minute_at" TIMESTAMP NOT NULL, "minute_saves" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, CONSTRAINT "draft_kind_known" CHECK (kind IN (\'form\', \'reply\', \'note\')), CONSTRAINT "draft_has_its_place" CHECK ((kind = \'form\') = (ticket_id IS NULL)), CONSTRAINT "draft_form_for_organisation" CHECK ((kind = \'form\') = (organisation_id IS NOT NULL)))',
    'CREATE INDEX "draft_organisation_id" ON "draft" ("organisation_id")',
    'CREATE INDEX "draft_ticket_id" ON "draft" ("ticket_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS draft_once ON draft (person_id, kind, form_slug, COALESCE(organisation_id, 0), COALESCE(ticket_id, 0), follow_up)',
    'CREATE INDEX "draft_touched" ON "draft" ("updated_at")',
    'CREATE TABLE "draft_file" ("id" INTEGER NOT NULL PRIMARY KEY, "draft_id" INTEGER NOT NULL, "attachment_id" INTEGER NOT NULL, FOREIGN KEY ("draft_id") REFERENCES "draft" ("id") ON DELETE CASCADE, FOREIGN KEY ("attachment_id") REFERENCES "attachment" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "draft_file_attachment_id" ON "draft_file" ("attachment_id")',
    'CREATE UNIQUE INDEX "draft_file_draft_id_attachment_id" ON "draft_file" ("draft_id", "attachment_id")',
)

POSTGRESQL = (
    'CREATE TABLE "draft" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "kind" VARCHAR(10) NOT NULL, "form_slug" VARCHAR(40) NOT NULL, "organisation_id" INTEGER, "ticket_id" INTEGER, "follow_up" VARCHAR(20) NOT NULL, "data" JSONB NOT NULL, "earlier" JSONB, "earlier_at" TIMESTAMP, "idempotency_key" VARCHAR(64) NOT NULL, "version" INTEGER NOT NULL, "updated_at" TIMESTAMP NOT NULL, "minute_at" TIMESTAMP NOT NULL, "minute_saves" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, CONSTRAINT "draft_kind_known" CHECK (kind IN (\'form\', \'reply\', \'note\')), CONSTRAINT "draft_has_its_place" CHECK ((kind = \'form\') = (ticket_id IS NULL)), CONSTRAINT "draft_form_for_organisation" CHECK ((kind = \'form\') = (organisation_id IS NOT NULL)))',
    'CREATE INDEX "draft_organisation_id" ON "draft" ("organisation_id")',
    'CREATE INDEX "draft_ticket_id" ON "draft" ("ticket_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS draft_once ON draft (person_id, kind, form_slug, COALESCE(organisation_id, 0), COALESCE(ticket_id, 0), follow_up)',
    'CREATE INDEX "draft_touched" ON "draft" ("updated_at")',
    'CREATE TABLE "draft_file" ("id" SERIAL NOT NULL PRIMARY KEY, "draft_id" INTEGER NOT NULL, "attachment_id" INTEGER NOT NULL, FOREIGN KEY ("draft_id") REFERENCES "draft" ("id") ON DELETE CASCADE, FOREIGN KEY ("attachment_id") REFERENCES "attachment" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "draft_file_attachment_id" ON "draft_file" ("attachment_id")',
    'CREATE UNIQUE INDEX "draft_file_draft_id_attachment_id" ON "draft_file" ("draft_id", "attachment_id")',
)


def up(migrator, db):
    """Make the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
