"""Files of contacts and their lines (ACC-4); lists of contacts that are confirmed (ACC-15)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "contact_import" ("id" INTEGER NOT NULL PRIMARY KEY, "by_id" INTEGER, "file_name" VARCHAR(200) NOT NULL, "organisation_id" INTEGER, "role" VARCHAR(20) NOT NULL, "language" VARCHAR(2) NOT NULL, "invite" INTEGER NOT NULL, "reason" VARCHAR(300) NOT NULL, "state" VARCHAR(10) NOT NULL, "total" INTEGER NOT NULL, "handled" INTEGER NOT NULL, "created" INTEGER NOT NULL, "changed" INTEGER NOT NULL, "unchanged" INTEGER NOT NULL, "refused" INTEGER NOT NULL, "ignored" TEXT NOT NULL, "created_at" TIMESTAMP NOT NULL, "started_at" TIMESTAMP, "ended_at" TIMESTAMP, FOREIGN KEY ("by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE SET NULL, CONSTRAINT "contact_import_state_known" CHECK (state IN (\'checked\', \'running\', \'done\', \'stopped\')))',
    'CREATE INDEX "contact_import_by_id" ON "contact_import" ("by_id")',
    'CREATE INDEX "contact_import_organisation_id" ON "contact_import" ("organisation_id")',
    'CREATE TABLE "contact_import_line" ("id" INTEGER NOT NULL PRIMARY KEY, "batch_id" INTEGER NOT NULL, "number" INTEGER NOT NULL, "cells" TEXT NOT NULL, "outcome" VARCHAR(10) NOT NULL, "code" VARCHAR(40) NOT NULL, "data" TEXT NOT NULL, "handled_at" TIMESTAMP, FOREIGN KEY ("batch_id") REFERENCES "contact_import" ("id") ON DELETE CASCADE, CONSTRAINT "contact_import_line_outcome_known" CHECK (outcome IN (\'created\', \'changed\', \'unchanged\', \'refused\')))',
    'CREATE INDEX "contact_import_line_batch_id" ON "contact_import_line" ("batch_id")',
    'CREATE UNIQUE INDEX "contact_import_line_batch_id_number" ON "contact_import_line" ("batch_id", "number")',
    'CREATE INDEX "contact_import_line_batch_id_outcome_number" ON "contact_import_line" ("batch_id", "outcome", "number")',
    'CREATE TABLE "contact_review" ("id" INTEGER NOT NULL PRIMARY KEY, "organisation_id" INTEGER NOT NULL, "asked_at" TIMESTAMP NOT NULL, "mailed_at" TIMESTAMP NOT NULL, "times" INTEGER NOT NULL, "confirmed_at" TIMESTAMP, "confirmed_by_id" INTEGER, "people" INTEGER NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("confirmed_by_id") REFERENCES "person" ("id") ON DELETE SET NULL)',
    'CREATE INDEX "contact_review_organisation_id" ON "contact_review" ("organisation_id")',
    'CREATE INDEX "contact_review_confirmed_by_id" ON "contact_review" ("confirmed_by_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS contact_review_waiting ON contact_review (organisation_id) WHERE confirmed_at IS NULL',
)

POSTGRESQL = (
    'CREATE TABLE "contact_import" ("id" SERIAL NOT NULL PRIMARY KEY, "by_id" INTEGER, "file_name" VARCHAR(200) NOT NULL, "organisation_id" INTEGER, "role" VARCHAR(20) NOT NULL, "language" VARCHAR(2) NOT NULL, "invite" BOOLEAN NOT NULL, "reason" VARCHAR(300) NOT NULL, "state" VARCHAR(10) NOT NULL, "total" INTEGER NOT NULL, "handled" INTEGER NOT NULL, "created" INTEGER NOT NULL, "changed" INTEGER NOT NULL, "unchanged" INTEGER NOT NULL, "refused" INTEGER NOT NULL, "ignored" JSONB NOT NULL, "created_at" TIMESTAMP NOT NULL, "started_at" TIMESTAMP, "ended_at" TIMESTAMP, FOREIGN KEY ("by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE SET NULL, CONSTRAINT "contact_import_state_known" CHECK (state IN (\'checked\', \'running\', \'done\', \'stopped\')))',
    'CREATE INDEX "contact_import_by_id" ON "contact_import" ("by_id")',
    'CREATE INDEX "contact_import_organisation_id" ON "contact_import" ("organisation_id")',
    'CREATE TABLE "contact_import_line" ("id" SERIAL NOT NULL PRIMARY KEY, "batch_id" INTEGER NOT NULL, "number" INTEGER NOT NULL, "cells" JSONB NOT NULL, "outcome" VARCHAR(10) NOT NULL, "code" VARCHAR(40) NOT NULL, "data" JSONB NOT NULL, "handled_at" TIMESTAMP, FOREIGN KEY ("batch_id") REFERENCES "contact_import" ("id") ON DELETE CASCADE, CONSTRAINT "contact_import_line_outcome_known" CHECK (outcome IN (\'created\', \'changed\', \'unchanged\', \'refused\')))',
    'CREATE INDEX "contact_import_line_batch_id" ON "contact_import_line" ("batch_id")',
    'CREATE UNIQUE INDEX "contact_import_line_batch_id_number" ON "contact_import_line" ("batch_id", "number")',
    'CREATE INDEX "contact_import_line_batch_id_outcome_number" ON "contact_import_line" ("batch_id", "outcome", "number")',
    'CREATE TABLE "contact_review" ("id" SERIAL NOT NULL PRIMARY KEY, "organisation_id" INTEGER NOT NULL, "asked_at" TIMESTAMP NOT NULL, "mailed_at" TIMESTAMP NOT NULL, "times" INTEGER NOT NULL, "confirmed_at" TIMESTAMP, "confirmed_by_id" INTEGER, "people" INTEGER NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("confirmed_by_id") REFERENCES "person" ("id") ON DELETE SET NULL)',
    'CREATE INDEX "contact_review_organisation_id" ON "contact_review" ("organisation_id")',
    'CREATE INDEX "contact_review_confirmed_by_id" ON "contact_review" ("confirmed_by_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS contact_review_waiting ON contact_review (organisation_id) WHERE confirmed_at IS NULL',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
