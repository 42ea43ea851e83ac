"""Mobile numbers for codes by text message, and the text messages themselves (ACC-10)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "mobile_number" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "number" VARCHAR(16) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "code_expires_at" TIMESTAMP, "codes_sent" INTEGER NOT NULL, "tries" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "confirmed_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "mobile_number_international" CHECK (substr(number, 1, 1) = \'+\'))',
    'CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_working ON mobile_number (person_id) WHERE confirmed_at IS NOT NULL',
    'CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_waiting ON mobile_number (person_id) WHERE confirmed_at IS NULL',
    'CREATE TABLE "mobile_refusal" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "refused_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "mobile_refusal_person_id" ON "mobile_refusal" ("person_id")',
    'CREATE TABLE "text_message" ("id" INTEGER NOT NULL PRIMARY KEY, "source" VARCHAR(80) NOT NULL, "kind" VARCHAR(10) NOT NULL, "person_id" INTEGER NOT NULL, "number" VARCHAR(16) NOT NULL, "language" VARCHAR(2) NOT NULL, "seed" VARCHAR(64) NOT NULL, "expires_at" TIMESTAMP NOT NULL, "origin" VARCHAR(64) NOT NULL, "status" VARCHAR(10) NOT NULL, "attempts" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "next_try_at" TIMESTAMP, "claimed_until" TIMESTAMP, "sent_at" TIMESTAMP, "last_error" VARCHAR(200) NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "text_message_status_known" CHECK (status IN (\'waiting\', \'sending\', \'sent\', \'failed\', \'skipped\')), CONSTRAINT "text_message_kind_known" CHECK (kind IN (\'sign-in\', \'number\')), CONSTRAINT "text_message_international" CHECK (substr(number, 1, 1) = \'+\'))',
    'CREATE UNIQUE INDEX "text_message_source" ON "text_message" ("source")',
    'CREATE INDEX "text_message_person_id" ON "text_message" ("person_id")',
    'CREATE INDEX "text_message_created" ON "text_message" ("created_at")',
    'CREATE INDEX "text_message_open" ON "text_message" ("id") WHERE ("status" IN (\'waiting\', \'sending\'))',
)

POSTGRESQL = (
    'CREATE TABLE "mobile_number" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "number" VARCHAR(16) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "code_expires_at" TIMESTAMP, "codes_sent" INTEGER NOT NULL, "tries" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "confirmed_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "mobile_number_international" CHECK (substr(number, 1, 1) = \'+\'))',
    'CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_working ON mobile_number (person_id) WHERE confirmed_at IS NOT NULL',
    'CREATE UNIQUE INDEX IF NOT EXISTS mobile_number_waiting ON mobile_number (person_id) WHERE confirmed_at IS NULL',
    'CREATE TABLE "mobile_refusal" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "refused_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "mobile_refusal_person_id" ON "mobile_refusal" ("person_id")',
    'CREATE TABLE "text_message" ("id" SERIAL NOT NULL PRIMARY KEY, "source" VARCHAR(80) NOT NULL, "kind" VARCHAR(10) NOT NULL, "person_id" INTEGER NOT NULL, "number" VARCHAR(16) NOT NULL, "language" VARCHAR(2) NOT NULL, "seed" VARCHAR(64) NOT NULL, "expires_at" TIMESTAMP NOT NULL, "origin" VARCHAR(64) NOT NULL, "status" VARCHAR(10) NOT NULL, "attempts" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "next_try_at" TIMESTAMP, "claimed_until" TIMESTAMP, "sent_at" TIMESTAMP, "last_error" VARCHAR(200) NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "text_message_status_known" CHECK (status IN (\'waiting\', \'sending\', \'sent\', \'failed\', \'skipped\')), CONSTRAINT "text_message_kind_known" CHECK (kind IN (\'sign-in\', \'number\')), CONSTRAINT "text_message_international" CHECK (substr(number, 1, 1) = \'+\'))',
    'CREATE UNIQUE INDEX "text_message_source" ON "text_message" ("source")',
    'CREATE INDEX "text_message_person_id" ON "text_message" ("person_id")',
    'CREATE INDEX "text_message_created" ON "text_message" ("created_at")',
    'CREATE INDEX "text_message_open" ON "text_message" ("id") WHERE ("status" IN (\'waiting\', \'sending\'))',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
