"""Organisations that act for client organisations (ACC-18)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "partner_link" ("id" INTEGER NOT NULL PRIMARY KEY, "partner_id" INTEGER NOT NULL, "client_id" INTEGER NOT NULL, "may_open" INTEGER NOT NULL, "reads" VARCHAR(10) NOT NULL, "note" VARCHAR(300) NOT NULL, "starts_at" TIMESTAMP NOT NULL, "begun_at" TIMESTAMP, "until" TIMESTAMP, "set_at" TIMESTAMP NOT NULL, "set_by_id" INTEGER, "ended_at" TIMESTAMP, "ended_by_id" INTEGER, "end_reason" VARCHAR(300) NOT NULL, FOREIGN KEY ("partner_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, FOREIGN KEY ("client_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, FOREIGN KEY ("set_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("ended_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "partner_link_of_two" CHECK (partner_id <> client_id), CONSTRAINT "partner_link_reads_known" CHECK (reads IN (\'opened\', \'all\')), CONSTRAINT "partner_link_in_order" CHECK (until IS NULL OR until > starts_at))',
    'CREATE INDEX "partner_link_partner_id" ON "partner_link" ("partner_id")',
    'CREATE INDEX "partner_link_client_id" ON "partner_link" ("client_id")',
    'CREATE INDEX "partner_link_set_by_id" ON "partner_link" ("set_by_id")',
    'CREATE INDEX "partner_link_ended_by_id" ON "partner_link" ("ended_by_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS partner_link_standing ON partner_link (partner_id, client_id) WHERE ended_at IS NULL',
    'CREATE TABLE "partner_opening" ("id" INTEGER NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "partner_id" INTEGER NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, FOREIGN KEY ("partner_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "partner_opening_ticket_id" ON "partner_opening" ("ticket_id")',
    'CREATE INDEX "partner_opening_partner_id_ticket_id" ON "partner_opening" ("partner_id", "ticket_id")',
)

POSTGRESQL = (
    'CREATE TABLE "partner_link" ("id" SERIAL NOT NULL PRIMARY KEY, "partner_id" INTEGER NOT NULL, "client_id" INTEGER NOT NULL, "may_open" BOOLEAN NOT NULL, "reads" VARCHAR(10) NOT NULL, "note" VARCHAR(300) NOT NULL, "starts_at" TIMESTAMP NOT NULL, "begun_at" TIMESTAMP, "until" TIMESTAMP, "set_at" TIMESTAMP NOT NULL, "set_by_id" INTEGER, "ended_at" TIMESTAMP, "ended_by_id" INTEGER, "end_reason" VARCHAR(300) NOT NULL, FOREIGN KEY ("partner_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, FOREIGN KEY ("client_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, FOREIGN KEY ("set_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("ended_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "partner_link_of_two" CHECK (partner_id <> client_id), CONSTRAINT "partner_link_reads_known" CHECK (reads IN (\'opened\', \'all\')), CONSTRAINT "partner_link_in_order" CHECK (until IS NULL OR until > starts_at))',
    'CREATE INDEX "partner_link_partner_id" ON "partner_link" ("partner_id")',
    'CREATE INDEX "partner_link_client_id" ON "partner_link" ("client_id")',
    'CREATE INDEX "partner_link_set_by_id" ON "partner_link" ("set_by_id")',
    'CREATE INDEX "partner_link_ended_by_id" ON "partner_link" ("ended_by_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS partner_link_standing ON partner_link (partner_id, client_id) WHERE ended_at IS NULL',
    'CREATE TABLE "partner_opening" ("id" SERIAL NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "partner_id" INTEGER NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE CASCADE, FOREIGN KEY ("partner_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "partner_opening_ticket_id" ON "partner_opening" ("ticket_id")',
    'CREATE INDEX "partner_opening_partner_id_ticket_id" ON "partner_opening" ("partner_id", "ticket_id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
