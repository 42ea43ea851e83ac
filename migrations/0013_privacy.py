"""What the team took out of requests (STAFF-10)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "redaction" ("id" INTEGER NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "message_id" INTEGER, "attachment_id" INTEGER, "reason" VARCHAR(300) NOT NULL, "redacted_by_id" INTEGER, "redacted_at" TIMESTAMP NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("message_id") REFERENCES "message" ("id") ON DELETE RESTRICT, FOREIGN KEY ("attachment_id") REFERENCES "attachment" ("id") ON DELETE RESTRICT, FOREIGN KEY ("redacted_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "redaction_of_one_thing" CHECK ((message_id IS NULL) <> (attachment_id IS NULL)), CONSTRAINT "redaction_reasoned" CHECK (reason <> \'\'))',
    'CREATE UNIQUE INDEX "redaction_message_id" ON "redaction" ("message_id")',
    'CREATE UNIQUE INDEX "redaction_attachment_id" ON "redaction" ("attachment_id")',
    'CREATE INDEX "redaction_ticket_id_id" ON "redaction" ("ticket_id", "id")',
)

POSTGRESQL = (
    'CREATE TABLE "redaction" ("id" SERIAL NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "message_id" INTEGER, "attachment_id" INTEGER, "reason" VARCHAR(300) NOT NULL, "redacted_by_id" INTEGER, "redacted_at" TIMESTAMP NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("message_id") REFERENCES "message" ("id") ON DELETE RESTRICT, FOREIGN KEY ("attachment_id") REFERENCES "attachment" ("id") ON DELETE RESTRICT, FOREIGN KEY ("redacted_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "redaction_of_one_thing" CHECK ((message_id IS NULL) <> (attachment_id IS NULL)), CONSTRAINT "redaction_reasoned" CHECK (reason <> \'\'))',
    'CREATE UNIQUE INDEX "redaction_message_id" ON "redaction" ("message_id")',
    'CREATE UNIQUE INDEX "redaction_attachment_id" ON "redaction" ("attachment_id")',
    'CREATE INDEX "redaction_ticket_id_id" ON "redaction" ("ticket_id", "id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
