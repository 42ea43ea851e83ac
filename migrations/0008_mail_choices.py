"""Choices about mails, mails that wait to be gathered, copies of mails, satisfaction (VIEW-4, VIEW-15, VIEW-17)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "mail_choice" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "paces" TEXT NOT NULL, "daily_hour" INTEGER, "quiet_start_minute" INTEGER, "quiet_end_minute" INTEGER, "quiet_weekends" INTEGER NOT NULL, "asks_satisfaction" INTEGER NOT NULL, "updated_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "mail_choice_hour_of_day" CHECK (daily_hour IS NULL OR daily_hour BETWEEN 0 AND 23), CONSTRAINT "mail_choice_quiet_whole" CHECK ((quiet_start_minute IS NULL) = (quiet_end_minute IS NULL)), CONSTRAINT "mail_choice_quiet_in_a_day" CHECK (quiet_start_minute IS NULL OR (quiet_start_minute BETWEEN 0 AND 1439 AND quiet_end_minute BETWEEN 0 AND 1439 AND quiet_start_minute <> quiet_end_minute)))',
    'CREATE UNIQUE INDEX "mail_choice_person_id" ON "mail_choice" ("person_id")',
    'CREATE TABLE "mail_hold" ("id" INTEGER NOT NULL PRIMARY KEY, "message_id" INTEGER NOT NULL, "pace" VARCHAR(10) NOT NULL, "digest_id" INTEGER, FOREIGN KEY ("message_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE, FOREIGN KEY ("digest_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE, CONSTRAINT "mail_hold_pace_known" CHECK (pace IN (\'hourly\', \'daily\', \'quiet\')), CONSTRAINT "mail_hold_quiet_alone" CHECK (digest_id IS NULL OR pace <> \'quiet\'))',
    'CREATE UNIQUE INDEX "mail_hold_message_id" ON "mail_hold" ("message_id")',
    'CREATE INDEX IF NOT EXISTS mail_hold_digest ON mail_hold (digest_id) WHERE digest_id IS NOT NULL',
    'CREATE TABLE "mail_copy" ("id" INTEGER NOT NULL PRIMARY KEY, "message_id" INTEGER NOT NULL, "subject" VARCHAR(200) NOT NULL, "text" TEXT NOT NULL, FOREIGN KEY ("message_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "mail_copy_message_id" ON "mail_copy" ("message_id")',
    'CREATE TABLE "satisfaction" ("id" INTEGER NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "team_id" INTEGER, "closed_on" DATE NOT NULL, "ask_at" TIMESTAMP, "score" INTEGER, "comment" TEXT NOT NULL, "answered_at" TIMESTAMP, "changed_at" TIMESTAMP, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("team_id") REFERENCES "team" ("id") ON DELETE SET NULL, CONSTRAINT "satisfaction_score_known" CHECK (score IS NULL OR score BETWEEN 1 AND 5), CONSTRAINT "satisfaction_answer_dated" CHECK ((score IS NULL) = (answered_at IS NULL)), CONSTRAINT "satisfaction_comment_scored" CHECK (score IS NOT NULL OR comment = \'\'))',
    'CREATE UNIQUE INDEX "satisfaction_ticket_id" ON "satisfaction" ("ticket_id")',
    'CREATE INDEX "satisfaction_person_id" ON "satisfaction" ("person_id")',
    'CREATE INDEX "satisfaction_closed_on_id" ON "satisfaction" ("closed_on", "id")',
    'CREATE INDEX IF NOT EXISTS satisfaction_due ON satisfaction (ask_at) WHERE ask_at IS NOT NULL',
)

POSTGRESQL = (
    'CREATE TABLE "mail_choice" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "paces" JSONB NOT NULL, "daily_hour" INTEGER, "quiet_start_minute" INTEGER, "quiet_end_minute" INTEGER, "quiet_weekends" BOOLEAN NOT NULL, "asks_satisfaction" BOOLEAN NOT NULL, "updated_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "mail_choice_hour_of_day" CHECK (daily_hour IS NULL OR daily_hour BETWEEN 0 AND 23), CONSTRAINT "mail_choice_quiet_whole" CHECK ((quiet_start_minute IS NULL) = (quiet_end_minute IS NULL)), CONSTRAINT "mail_choice_quiet_in_a_day" CHECK (quiet_start_minute IS NULL OR (quiet_start_minute BETWEEN 0 AND 1439 AND quiet_end_minute BETWEEN 0 AND 1439 AND quiet_start_minute <> quiet_end_minute)))',
    'CREATE UNIQUE INDEX "mail_choice_person_id" ON "mail_choice" ("person_id")',
    'CREATE TABLE "mail_hold" ("id" SERIAL NOT NULL PRIMARY KEY, "message_id" INTEGER NOT NULL, "pace" VARCHAR(10) NOT NULL, "digest_id" INTEGER, FOREIGN KEY ("message_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE, FOREIGN KEY ("digest_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE, CONSTRAINT "mail_hold_pace_known" CHECK (pace IN (\'hourly\', \'daily\', \'quiet\')), CONSTRAINT "mail_hold_quiet_alone" CHECK (digest_id IS NULL OR pace <> \'quiet\'))',
    'CREATE UNIQUE INDEX "mail_hold_message_id" ON "mail_hold" ("message_id")',
    'CREATE INDEX IF NOT EXISTS mail_hold_digest ON mail_hold (digest_id) WHERE digest_id IS NOT NULL',
    'CREATE TABLE "mail_copy" ("id" SERIAL NOT NULL PRIMARY KEY, "message_id" INTEGER NOT NULL, "subject" VARCHAR(200) NOT NULL, "text" TEXT NOT NULL, FOREIGN KEY ("message_id") REFERENCES "outbox_message" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "mail_copy_message_id" ON "mail_copy" ("message_id")',
    'CREATE TABLE "satisfaction" ("id" SERIAL NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "team_id" INTEGER, "closed_on" DATE NOT NULL, "ask_at" TIMESTAMP, "score" INTEGER, "comment" TEXT NOT NULL, "answered_at" TIMESTAMP, "changed_at" TIMESTAMP, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("team_id") REFERENCES "team" ("id") ON DELETE SET NULL, CONSTRAINT "satisfaction_score_known" CHECK (score IS NULL OR score BETWEEN 1 AND 5), CONSTRAINT "satisfaction_answer_dated" CHECK ((score IS NULL) = (answered_at IS NULL)), CONSTRAINT "satisfaction_comment_scored" CHECK (score IS NOT NULL OR comment = \'\'))',
    'CREATE UNIQUE INDEX "satisfaction_ticket_id" ON "satisfaction" ("ticket_id")',
    'CREATE INDEX "satisfaction_person_id" ON "satisfaction" ("person_id")',
    'CREATE INDEX "satisfaction_closed_on_id" ON "satisfaction" ("closed_on", "id")',
    'CREATE INDEX IF NOT EXISTS satisfaction_due ON satisfaction (ask_at) WHERE ask_at IS NOT NULL',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
