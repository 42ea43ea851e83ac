"""Erasure of people: which, how, and the marks of lines of the records that lost words (STAFF-7)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "erasure" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "uid" VARCHAR(32) NOT NULL, "way" VARCHAR(10) NOT NULL, "reason" VARCHAR(300) NOT NULL, "erased_by_id" INTEGER, "erased_at" TIMESTAMP NOT NULL, "entry_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("erased_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("entry_id") REFERENCES "audit_entry" ("id") ON DELETE RESTRICT, CONSTRAINT "erasure_way_known" CHECK (way IN (\'anonymise\', \'erase\')))',
    'CREATE UNIQUE INDEX "erasure_person_id" ON "erasure" ("person_id")',
    'CREATE UNIQUE INDEX "erasure_uid" ON "erasure" ("uid")',
    'CREATE TABLE "erasure_mark" ("id" INTEGER NOT NULL PRIMARY KEY, "erasure_id" INTEGER NOT NULL, "record" VARCHAR(20) NOT NULL, "row" INTEGER NOT NULL, "stays" VARCHAR(64) NOT NULL, FOREIGN KEY ("erasure_id") REFERENCES "erasure" ("id") ON DELETE RESTRICT, CONSTRAINT "erasure_mark_record_known" CHECK (record IN (\'audit_entry\', \'ticket_event\')))',
    'CREATE INDEX "erasure_mark_erasure_id" ON "erasure_mark" ("erasure_id")',
    'CREATE UNIQUE INDEX "erasure_mark_record_row_erasure_id" ON "erasure_mark" ("record", "row", "erasure_id")',
)

POSTGRESQL = (
    'CREATE TABLE "erasure" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "uid" VARCHAR(32) NOT NULL, "way" VARCHAR(10) NOT NULL, "reason" VARCHAR(300) NOT NULL, "erased_by_id" INTEGER, "erased_at" TIMESTAMP NOT NULL, "entry_id" INTEGER NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("erased_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("entry_id") REFERENCES "audit_entry" ("id") ON DELETE RESTRICT, CONSTRAINT "erasure_way_known" CHECK (way IN (\'anonymise\', \'erase\')))',
    'CREATE UNIQUE INDEX "erasure_person_id" ON "erasure" ("person_id")',
    'CREATE UNIQUE INDEX "erasure_uid" ON "erasure" ("uid")',
    'CREATE TABLE "erasure_mark" ("id" SERIAL NOT NULL PRIMARY KEY, "erasure_id" INTEGER NOT NULL, "record" VARCHAR(20) NOT NULL, "row" INTEGER NOT NULL, "stays" VARCHAR(64) NOT NULL, FOREIGN KEY ("erasure_id") REFERENCES "erasure" ("id") ON DELETE RESTRICT, CONSTRAINT "erasure_mark_record_known" CHECK (record IN (\'audit_entry\', \'ticket_event\')))',
    'CREATE INDEX "erasure_mark_erasure_id" ON "erasure_mark" ("erasure_id")',
    'CREATE UNIQUE INDEX "erasure_mark_record_row_erasure_id" ON "erasure_mark" ("record", "row", "erasure_id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
