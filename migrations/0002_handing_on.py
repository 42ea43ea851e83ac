"""Merge and split, blocks, escalations, contested priorities, words by kind and by rule (LIFE-1, 7, 9 to 12, 16)."""

# fmt: off
# ruff: noqa: E501

# What the rows that are there already get in the new columns, as SQL.
NEW_COLUMNS = {
    "team": {"calendar_id": "NULL"},
    "status_label": {"kind_id": "NULL"},
    "closing_rule": {"reminder_text_fr": "''", "reminder_text_en": "''", "closing_text_fr": "''", "closing_text_en": "''"},
    "ticket": {"merged_into_id": "NULL", "split_of_id": "NULL", "escalation_reference": "''", "test_environment": "''"},
}

# SQLite cannot add a named rule or a key to a table: these are made anew, with their rows and their indexes.
SQLITE_REBUILT = {
    "team": (
        'CREATE TABLE "team" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(80) NOT NULL, "name_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "icon" VARCHAR(40) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, "calendar_id" INTEGER, FOREIGN KEY ("calendar_id") REFERENCES "calendar" ("id") ON DELETE RESTRICT)',
        'CREATE UNIQUE INDEX "team_slug" ON "team" ("slug")',
    ),
    "status_label": (
        'CREATE TABLE "status_label" ("id" INTEGER NOT NULL PRIMARY KEY, "status" VARCHAR(30) NOT NULL, "customer_fr" VARCHAR(80) NOT NULL, "customer_en" VARCHAR(80) NOT NULL, "team_fr" VARCHAR(80) NOT NULL, "team_en" VARCHAR(80) NOT NULL, "turn_fr" VARCHAR(160) NOT NULL, "turn_en" VARCHAR(160) NOT NULL, "icon" VARCHAR(40) NOT NULL, "position" INTEGER NOT NULL, "kind_id" INTEGER, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE)',
        'CREATE UNIQUE INDEX IF NOT EXISTS status_label_any_kind ON status_label (status) WHERE kind_id IS NULL',
        'CREATE UNIQUE INDEX IF NOT EXISTS status_label_of_kind ON status_label (status, kind_id) WHERE kind_id IS NOT NULL',
    ),
    "closing_rule": (
        'CREATE TABLE "closing_rule" ("id" INTEGER NOT NULL PRIMARY KEY, "status" VARCHAR(30) NOT NULL, "organisation_id" INTEGER, "form_id" INTEGER, "unit" VARCHAR(20) NOT NULL, "reminders" TEXT NOT NULL, "after" INTEGER NOT NULL, "final_status" VARCHAR(30) NOT NULL, "calendar_id" INTEGER, "is_active" INTEGER NOT NULL, "reminder_text_fr" TEXT NOT NULL, "reminder_text_en" TEXT NOT NULL, "closing_text_fr" TEXT NOT NULL, "closing_text_en" TEXT NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("form_id") REFERENCES "request_form" ("id") ON DELETE CASCADE, FOREIGN KEY ("calendar_id") REFERENCES "calendar" ("id") ON DELETE RESTRICT, CONSTRAINT "closing_rule_unit_known" CHECK (unit IN (\'days\', \'working_days\')), CONSTRAINT "closing_rule_after_sensible" CHECK (after BETWEEN 1 AND 366))',
        'CREATE INDEX "closing_rule_organisation_id" ON "closing_rule" ("organisation_id")',
        'CREATE INDEX "closing_rule_form_id" ON "closing_rule" ("form_id")',
        'CREATE INDEX "closing_rule_calendar_id" ON "closing_rule" ("calendar_id")',
    ),
    "ticket": (
        'CREATE TABLE "ticket" ("id" INTEGER NOT NULL PRIMARY KEY, "number" VARCHAR(20) NOT NULL, "portal_id" INTEGER NOT NULL, "organisation_id" INTEGER NOT NULL, "requester_id" INTEGER NOT NULL, "opened_by_id" INTEGER NOT NULL, "form_slug" VARCHAR(40) NOT NULL, "category_slug" VARCHAR(40) NOT NULL, "kind_slug" VARCHAR(40) NOT NULL, "product_id" INTEGER, "summary" VARCHAR(200) NOT NULL, "status" VARCHAR(30) NOT NULL, "team_id" INTEGER, "assignee_id" INTEGER, "scale_slug" VARCHAR(40), "priority_asked" VARCHAR(20), "priority" VARCHAR(20), "priority_position" INTEGER NOT NULL, "audience" VARCHAR(20) NOT NULL, "shared_with_account_manager" INTEGER NOT NULL, "answers" TEXT NOT NULL, "created_at" TIMESTAMP NOT NULL, "updated_at" TIMESTAMP NOT NULL, "status_since" TIMESTAMP NOT NULL, "last_message_at" TIMESTAMP NOT NULL, "last_message_side" VARCHAR(10) NOT NULL, "act_at" TIMESTAMP, "closes_at" TIMESTAMP, "reminders_sent" INTEGER NOT NULL, "counted_from" TIMESTAMP, "extension_days" INTEGER NOT NULL, "extended_times" INTEGER NOT NULL, "first_response_at" TIMESTAMP, "resolved_at" TIMESTAMP, "closed_at" TIMESTAMP, "close_reason" VARCHAR(40) NOT NULL, "follow_up_of_id" INTEGER, "idempotency_key" VARCHAR(64) NOT NULL, "version" INTEGER NOT NULL, "merged_into_id" INTEGER, "split_of_id" INTEGER, "escalation_reference" VARCHAR(60) NOT NULL, "test_environment" VARCHAR(120) NOT NULL, FOREIGN KEY ("portal_id") REFERENCES "portal" ("id") ON DELETE RESTRICT, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, FOREIGN KEY ("requester_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("opened_by_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE RESTRICT, FOREIGN KEY ("team_id") REFERENCES "team" ("id") ON DELETE RESTRICT, FOREIGN KEY ("assignee_id") REFERENCES "person" ("id") ON DELETE SET NULL, FOREIGN KEY ("follow_up_of_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("merged_into_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("split_of_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, CONSTRAINT "ticket_status_known" CHECK (status IN (\'registered\',\'qualified\',\'in_progress\',\'waiting_customer\',\'waiting_engineering\',\'customer_testing\',\'awaiting_rollback\',\'blocked\',\'escalated_l2\',\'escalated_product\',\'escalated_development\',\'resolved\',\'expired\',\'closed\')), CONSTRAINT "ticket_audience_known" CHECK (audience IN (\'organisation\', \'only_me\', \'people\')), CONSTRAINT "ticket_side_known" CHECK (last_message_side IN (\'customer\', \'team\')), CONSTRAINT "ticket_extended_times_sensible" CHECK (extended_times >= 0))',
        'CREATE UNIQUE INDEX "ticket_number" ON "ticket" ("number")',
        'CREATE UNIQUE INDEX "ticket_idempotency_key" ON "ticket" ("idempotency_key")',
        'CREATE INDEX "ticket_requester_id_id_organisation_id_audience" ON "ticket" ("requester_id", "id", "organisation_id", "audience")',
        'CREATE INDEX "ticket_requester_id_status_id_organisation_id_audience" ON "ticket" ("requester_id", "status", "id", "organisation_id", "audience")',
        'CREATE INDEX "ticket_organisation_id_id_requester_id_audience" ON "ticket" ("organisation_id", "id", "requester_id", "audience")',
        'CREATE INDEX "ticket_organisation_id_status_id_requester_id_audience" ON "ticket" ("organisation_id", "status", "id", "requester_id", "audience")',
        'CREATE INDEX "ticket_status_id" ON "ticket" ("status", "id")',
        'CREATE INDEX "ticket_assignee_id_status_id" ON "ticket" ("assignee_id", "status", "id")',
        'CREATE INDEX "ticket_team_id_status_id" ON "ticket" ("team_id", "status", "id")',
        'CREATE INDEX "ticket_follow_up_of_id" ON "ticket" ("follow_up_of_id")',
        "CREATE INDEX IF NOT EXISTS ticket_desk_agent ON ticket (assignee_id, (CASE WHEN status IN ('waiting_customer', 'customer_testing') THEN 1 ELSE 0 END), priority_position, id) WHERE status NOT IN ('resolved', 'expired', 'closed')",
        "CREATE INDEX IF NOT EXISTS ticket_desk_team ON ticket (team_id, (CASE WHEN status IN ('waiting_customer', 'customer_testing') THEN 1 ELSE 0 END), priority_position, id) WHERE status NOT IN ('resolved', 'expired', 'closed')",
        'CREATE INDEX IF NOT EXISTS ticket_shared ON ticket (organisation_id, id) WHERE shared_with_account_manager',
        'CREATE INDEX IF NOT EXISTS ticket_desk_agent_updated ON ticket (assignee_id, updated_at, id) WHERE status NOT IN (\'resolved\', \'expired\', \'closed\')',
        'CREATE INDEX IF NOT EXISTS ticket_desk_team_updated ON ticket (team_id, updated_at, id) WHERE status NOT IN (\'resolved\', \'expired\', \'closed\')',
        'CREATE INDEX IF NOT EXISTS ticket_merged_into ON ticket (merged_into_id) WHERE merged_into_id IS NOT NULL',
        'CREATE INDEX IF NOT EXISTS ticket_split_of ON ticket (split_of_id) WHERE split_of_id IS NOT NULL',
        'CREATE INDEX "ticket_act_at_due" ON "ticket" ("act_at") WHERE ("act_at" IS NOT NULL)',
    ),
}

SQLITE_NEW = (
    'CREATE TABLE "ticket_block" ("id" INTEGER NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "blocker_id" INTEGER NOT NULL, "component" VARCHAR(120) NOT NULL, "added_by_id" INTEGER, "added_at" TIMESTAMP NOT NULL, "ended_at" TIMESTAMP, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("blocker_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("added_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "ticket_block_not_itself" CHECK (ticket_id <> blocker_id))',
    'CREATE INDEX "ticket_block_ticket_id_id" ON "ticket_block" ("ticket_id", "id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS ticket_block_once ON ticket_block (blocker_id, ticket_id) WHERE ended_at IS NULL',
    'CREATE TABLE "priority_contest" ("id" INTEGER NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "contested_by_id" INTEGER NOT NULL, "contested_at" TIMESTAMP NOT NULL, "reason" TEXT NOT NULL, "before" VARCHAR(20) NOT NULL, "after" VARCHAR(20) NOT NULL, "decided_by_id" INTEGER, "decided_at" TIMESTAMP, "outcome" VARCHAR(10) NOT NULL, "answer" TEXT NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("contested_by_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("decided_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "priority_contest_outcome_known" CHECK (outcome IN (\'\', \'restored\', \'kept\')), CONSTRAINT "priority_contest_decided_dated" CHECK ((outcome = \'\') = (decided_at IS NULL)), CONSTRAINT "priority_contest_reasoned" CHECK (reason <> \'\'))',
    'CREATE UNIQUE INDEX "priority_contest_ticket_id" ON "priority_contest" ("ticket_id")',
    'CREATE INDEX IF NOT EXISTS priority_contest_open ON priority_contest (id) WHERE decided_at IS NULL',
)

POSTGRESQL = (
    'ALTER TABLE "team" ADD COLUMN "calendar_id" INTEGER',
    'ALTER TABLE "team" ADD FOREIGN KEY ("calendar_id") REFERENCES "calendar" ("id") ON DELETE RESTRICT',
    'ALTER TABLE "status_label" ADD COLUMN "kind_id" INTEGER',
    'ALTER TABLE "status_label" ADD FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE',
    'DROP INDEX "status_label_status"',
    'CREATE UNIQUE INDEX IF NOT EXISTS status_label_any_kind ON status_label (status) WHERE kind_id IS NULL',
    'CREATE UNIQUE INDEX IF NOT EXISTS status_label_of_kind ON status_label (status, kind_id) WHERE kind_id IS NOT NULL',
    'ALTER TABLE "closing_rule" ADD COLUMN "reminder_text_fr" TEXT NOT NULL DEFAULT \'\'',
    'ALTER TABLE "closing_rule" ALTER COLUMN "reminder_text_fr" DROP DEFAULT',
    'ALTER TABLE "closing_rule" ADD COLUMN "reminder_text_en" TEXT NOT NULL DEFAULT \'\'',
    'ALTER TABLE "closing_rule" ALTER COLUMN "reminder_text_en" DROP DEFAULT',
    'ALTER TABLE "closing_rule" ADD COLUMN "closing_text_fr" TEXT NOT NULL DEFAULT \'\'',
    'ALTER TABLE "closing_rule" ALTER COLUMN "closing_text_fr" DROP DEFAULT',
    'ALTER TABLE "closing_rule" ADD COLUMN "closing_text_en" TEXT NOT NULL DEFAULT \'\'',
    'ALTER TABLE "closing_rule" ALTER COLUMN "closing_text_en" DROP DEFAULT',
    'ALTER TABLE "ticket" ADD COLUMN "merged_into_id" INTEGER',
    'ALTER TABLE "ticket" ADD FOREIGN KEY ("merged_into_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT',
    'ALTER TABLE "ticket" ADD COLUMN "split_of_id" INTEGER',
    'ALTER TABLE "ticket" ADD FOREIGN KEY ("split_of_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT',
    'ALTER TABLE "ticket" ADD COLUMN "escalation_reference" VARCHAR(60) NOT NULL DEFAULT \'\'',
    'ALTER TABLE "ticket" ALTER COLUMN "escalation_reference" DROP DEFAULT',
    'ALTER TABLE "ticket" ADD COLUMN "test_environment" VARCHAR(120) NOT NULL DEFAULT \'\'',
    'ALTER TABLE "ticket" ALTER COLUMN "test_environment" DROP DEFAULT',
    'CREATE INDEX IF NOT EXISTS ticket_desk_agent_updated ON ticket (assignee_id, updated_at, id) WHERE status NOT IN (\'resolved\', \'expired\', \'closed\')',
    'CREATE INDEX IF NOT EXISTS ticket_desk_team_updated ON ticket (team_id, updated_at, id) WHERE status NOT IN (\'resolved\', \'expired\', \'closed\')',
    'CREATE INDEX IF NOT EXISTS ticket_merged_into ON ticket (merged_into_id) WHERE merged_into_id IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS ticket_split_of ON ticket (split_of_id) WHERE split_of_id IS NOT NULL',
    'CREATE TABLE "ticket_block" ("id" SERIAL NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "blocker_id" INTEGER NOT NULL, "component" VARCHAR(120) NOT NULL, "added_by_id" INTEGER, "added_at" TIMESTAMP NOT NULL, "ended_at" TIMESTAMP, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("blocker_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("added_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "ticket_block_not_itself" CHECK (ticket_id <> blocker_id))',
    'CREATE INDEX "ticket_block_ticket_id_id" ON "ticket_block" ("ticket_id", "id")',
    'CREATE UNIQUE INDEX IF NOT EXISTS ticket_block_once ON ticket_block (blocker_id, ticket_id) WHERE ended_at IS NULL',
    'CREATE TABLE "priority_contest" ("id" SERIAL NOT NULL PRIMARY KEY, "ticket_id" INTEGER NOT NULL, "contested_by_id" INTEGER NOT NULL, "contested_at" TIMESTAMP NOT NULL, "reason" TEXT NOT NULL, "before" VARCHAR(20) NOT NULL, "after" VARCHAR(20) NOT NULL, "decided_by_id" INTEGER, "decided_at" TIMESTAMP, "outcome" VARCHAR(10) NOT NULL, "answer" TEXT NOT NULL, FOREIGN KEY ("ticket_id") REFERENCES "ticket" ("id") ON DELETE RESTRICT, FOREIGN KEY ("contested_by_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("decided_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "priority_contest_outcome_known" CHECK (outcome IN (\'\', \'restored\', \'kept\')), CONSTRAINT "priority_contest_decided_dated" CHECK ((outcome = \'\') = (decided_at IS NULL)), CONSTRAINT "priority_contest_reasoned" CHECK (reason <> \'\'))',
    'CREATE UNIQUE INDEX "priority_contest_ticket_id" ON "priority_contest" ("ticket_id")',
    'CREATE INDEX IF NOT EXISTS priority_contest_open ON priority_contest (id) WHERE decided_at IS NULL',
)


def up(migrator, db):
    """Add the columns and the tables. On SQLite foreign keys are off meanwhile, so that dropping a table takes nothing along."""
    if "sqlite" not in type(db).__name__.lower():
        for statement in POSTGRESQL:
            db.execute_sql(statement)
        return
    for table, (create, *indexes) in SQLITE_REBUILT.items():
        added = NEW_COLUMNS[table]
        kept = ", ".join(f'"{row[1]}"' for row in db.execute_sql(f'PRAGMA table_info("{table}")').fetchall())
        new = ", ".join(f'"{name}"' for name in added)
        db.execute_sql(create.replace(f'CREATE TABLE "{table}" ', f'CREATE TABLE "{table}_new" ', 1))
        db.execute_sql(
            f'INSERT INTO "{table}_new" ({kept}, {new}) SELECT {kept}, {", ".join(added.values())} FROM "{table}"'  # noqa: S608  # nosec B608
        )
        db.execute_sql(f'DROP TABLE "{table}"')
        db.execute_sql(f'ALTER TABLE "{table}_new" RENAME TO "{table}"')
        for index in indexes:
            db.execute_sql(index)
    for statement in SQLITE_NEW:
        db.execute_sql(statement)
