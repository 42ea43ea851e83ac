"""Columns that people choose, what they have read, and what lists and charts look up by it (VIEW-3, 11, 16)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "column_choice" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "columns" TEXT NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "column_choice_person_id" ON "column_choice" ("person_id")',
    'CREATE TABLE "ticket_read" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "ticket_id" INTEGER NOT NULL, "message_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, CONSTRAINT "ticket_read_message_sensible" CHECK (message_id >= 0))',
    'CREATE UNIQUE INDEX "ticket_read_person_id_ticket_id" ON "ticket_read" ("person_id", "ticket_id")',
    'CREATE INDEX "ticket_read_ticket_id" ON "ticket_read" ("ticket_id")',
    'CREATE TABLE "read_mark" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "message_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "read_mark_message_sensible" CHECK (message_id >= 0))',
    'CREATE UNIQUE INDEX "read_mark_person_id" ON "read_mark" ("person_id")',
    'CREATE INDEX "ticket_latest_of_requester" ON "ticket" ("requester_id", "last_message_at", "id")',
    'CREATE INDEX "ticket_opened_of_organisation" ON "ticket" ("organisation_id", "created_at")',
    'CREATE INDEX "ticket_closed_of_organisation" ON "ticket" ("organisation_id", "closed_at") WHERE ("closed_at" IS NOT NULL)',
)

POSTGRESQL = (
    'CREATE TABLE "column_choice" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "columns" JSONB NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "column_choice_person_id" ON "column_choice" ("person_id")',
    'CREATE TABLE "ticket_read" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "ticket_id" INTEGER NOT NULL, "message_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, CONSTRAINT "ticket_read_message_sensible" CHECK (message_id >= 0))',
    'CREATE UNIQUE INDEX "ticket_read_person_id_ticket_id" ON "ticket_read" ("person_id", "ticket_id")',
    'CREATE INDEX "ticket_read_ticket_id" ON "ticket_read" ("ticket_id")',
    'CREATE TABLE "read_mark" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "message_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "read_mark_message_sensible" CHECK (message_id >= 0))',
    'CREATE UNIQUE INDEX "read_mark_person_id" ON "read_mark" ("person_id")',
    'CREATE INDEX "ticket_latest_of_requester" ON "ticket" ("requester_id", "last_message_at", "id")',
    'CREATE INDEX "ticket_opened_of_organisation" ON "ticket" ("organisation_id", "created_at")',
    'CREATE INDEX "ticket_closed_of_organisation" ON "ticket" ("organisation_id", "closed_at") WHERE ("closed_at" IS NOT NULL)',
)

# What was written before counts as read: nobody finds all their old requests marked as new.
MARKS = (
    "INSERT INTO read_mark (person_id, message_id) "
    "SELECT id, (SELECT COALESCE(MAX(id), 0) FROM message) FROM person WHERE first_signed_in_at IS NOT NULL"
)


def up(migrator, db):
    """Add the tables and the indexes, and mark what is there as read."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
    db.execute_sql(MARKS)
