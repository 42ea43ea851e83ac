"""An admin sees the portal as somebody else does (STAFF-9)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "viewing" ("id" INTEGER NOT NULL PRIMARY KEY, "session_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "reason" VARCHAR(300) NOT NULL, "started_at" TIMESTAMP NOT NULL, "until" TIMESTAMP NOT NULL, "ended_at" TIMESTAMP, FOREIGN KEY ("session_id") REFERENCES "user_session" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "viewing_has_reason" CHECK (reason <> \'\'))',
    'CREATE INDEX "viewing_session_id" ON "viewing" ("session_id")',
    'CREATE INDEX "viewing_person_id" ON "viewing" ("person_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS viewing_running ON viewing (session_id) WHERE ended_at IS NULL',
)

POSTGRESQL = (
    'CREATE TABLE "viewing" ("id" SERIAL NOT NULL PRIMARY KEY, "session_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "reason" VARCHAR(300) NOT NULL, "started_at" TIMESTAMP NOT NULL, "until" TIMESTAMP NOT NULL, "ended_at" TIMESTAMP, FOREIGN KEY ("session_id") REFERENCES "user_session" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "viewing_has_reason" CHECK (reason <> \'\'))',
    'CREATE INDEX "viewing_session_id" ON "viewing" ("session_id")',
    'CREATE INDEX "viewing_person_id" ON "viewing" ("person_id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS viewing_running ON viewing (session_id) WHERE ended_at IS NULL',
)


def up(migrator, db):
    """Add the table."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
