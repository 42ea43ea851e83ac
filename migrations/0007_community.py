"""Ideas, telephone numbers, whom to turn to, highlights, questions to customer success (VIEW-8, VIEW-10, REQ-15)."""

# fmt: off
# ruff: noqa: E501

# What the rows that are there already get in the new columns, as SQL.
NEW_COLUMNS = {
    "portal": {"url": "''", "sentence_fr": "''", "sentence_en": "''"},
    "topic": {"is_featured": "0"},
}

# SQLite adds a column with its rules only by making the table anew, with its rows and its indexes.
SQLITE_REBUILT = {
    "portal": (
        'CREATE TABLE "portal" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(120) NOT NULL, "name_en" VARCHAR(120) NOT NULL, "prefix" VARCHAR(8) NOT NULL, "last_number" INTEGER NOT NULL, "url" VARCHAR(300) NOT NULL, "sentence_fr" VARCHAR(200) NOT NULL, "sentence_en" VARCHAR(200) NOT NULL)',
        'CREATE UNIQUE INDEX "portal_slug" ON "portal" ("slug")',
        'CREATE UNIQUE INDEX "portal_prefix" ON "portal" ("prefix")',
    ),
    "topic": (
        'CREATE TABLE "topic" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(60) NOT NULL, "name_fr" VARCHAR(80) NOT NULL, "name_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "icon" VARCHAR(40) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, "is_featured" INTEGER NOT NULL)',
        'CREATE UNIQUE INDEX "topic_slug" ON "topic" ("slug")',
    ),
}

SQLITE_NEW = (
    'CREATE TABLE "idea" ("id" INTEGER NOT NULL PRIMARY KEY, "kind" VARCHAR(12) NOT NULL, "state" VARCHAR(14) NOT NULL, "title" VARCHAR(120) NOT NULL, "problem" TEXT NOT NULL, "details" TEXT NOT NULL, "product_id" INTEGER, "author_id" INTEGER NOT NULL, "language" VARCHAR(2) NOT NULL, "votes" INTEGER NOT NULL, "comments" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "edited_at" TIMESTAMP, "merged_into_id" INTEGER, "hidden_at" TIMESTAMP, "hide_reason" VARCHAR(300) NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, "version" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE SET NULL, FOREIGN KEY ("author_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("merged_into_id") REFERENCES "idea" ("id") ON DELETE RESTRICT, CONSTRAINT "idea_kind_known" CHECK (kind IN (\'idea\', \'discussion\')), CONSTRAINT "idea_state_known" CHECK (state IN (\'submitted\', \'under_review\', \'planned\', \'under_way\', \'done\', \'not_kept\')), CONSTRAINT "idea_discussion_stateless" CHECK (kind = \'idea\' OR state = \'submitted\'), CONSTRAINT "idea_counts_sensible" CHECK (votes >= 0 AND comments >= 0), CONSTRAINT "idea_hidden_reasoned" CHECK (hidden_at IS NULL OR hide_reason <> \'\'), CONSTRAINT "idea_not_into_itself" CHECK (merged_into_id IS NULL OR merged_into_id <> id))',
    'CREATE UNIQUE INDEX "idea_idempotency_key" ON "idea" ("idempotency_key")',
    'CREATE INDEX IF NOT EXISTS idea_kind ON idea (kind, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_votes ON idea (kind, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_state ON idea (kind, state, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_state_votes ON idea (kind, state, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_product_kind ON idea (product_id, kind, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_product_kind_votes ON idea (product_id, kind, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_author ON idea (author_id, id)',
    'CREATE INDEX IF NOT EXISTS idea_hidden ON idea (id) WHERE hidden_at IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS idea_merged ON idea (merged_into_id) WHERE merged_into_id IS NOT NULL',
    'CREATE TABLE "idea_vote" ("id" INTEGER NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "idea_vote_idea_id_person_id" ON "idea_vote" ("idea_id", "person_id")',
    'CREATE INDEX "idea_vote_person_id" ON "idea_vote" ("person_id")',
    'CREATE TABLE "idea_follow" ("id" INTEGER NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "idea_follow_idea_id_person_id" ON "idea_follow" ("idea_id", "person_id")',
    'CREATE INDEX "idea_follow_person_id" ON "idea_follow" ("person_id")',
    'CREATE TABLE "idea_comment" ("id" INTEGER NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "author_id" INTEGER NOT NULL, "by_team" INTEGER NOT NULL, "body" TEXT NOT NULL, "created_at" TIMESTAMP NOT NULL, "hidden_at" TIMESTAMP, "hide_reason" VARCHAR(300) NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("author_id") REFERENCES "person" ("id") ON DELETE RESTRICT, CONSTRAINT "idea_comment_hidden_reasoned" CHECK (hidden_at IS NULL OR hide_reason <> \'\'))',
    'CREATE UNIQUE INDEX "idea_comment_idempotency_key" ON "idea_comment" ("idempotency_key")',
    'CREATE INDEX "idea_comment_idea_id_id" ON "idea_comment" ("idea_id", "id")',
    'CREATE INDEX "idea_comment_author_id_id" ON "idea_comment" ("author_id", "id")',
    'CREATE TABLE "idea_move" ("id" INTEGER NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "before" VARCHAR(14) NOT NULL, "after" VARCHAR(14) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "moved_by_id" INTEGER, "moved_at" TIMESTAMP NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("moved_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "idea_move_explained" CHECK (sentence_fr <> \'\' OR sentence_en <> \'\'))',
    'CREATE INDEX "idea_move_idea_id_id" ON "idea_move" ("idea_id", "id")',
    'CREATE TABLE "help_line" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "region_fr" VARCHAR(80) NOT NULL, "region_en" VARCHAR(80) NOT NULL, "countries" TEXT NOT NULL, "phone" VARCHAR(40) NOT NULL, "languages" TEXT NOT NULL, "calendar_id" INTEGER NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, FOREIGN KEY ("calendar_id") REFERENCES "calendar" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "help_line_slug" ON "help_line" ("slug")',
    'CREATE TABLE "escalation_line" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "level_fr" VARCHAR(80) NOT NULL, "level_en" VARCHAR(80) NOT NULL, "situation_fr" VARCHAR(400) NOT NULL, "situation_en" VARCHAR(400) NOT NULL, "whom_fr" VARCHAR(120) NOT NULL, "whom_en" VARCHAR(120) NOT NULL, "email" VARCHAR(254) NOT NULL, "phone" VARCHAR(40) NOT NULL, "form_id" INTEGER, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, FOREIGN KEY ("form_id") REFERENCES "request_form" ("id") ON DELETE SET NULL)',
    'CREATE UNIQUE INDEX "escalation_line_slug" ON "escalation_line" ("slug")',
    'CREATE TABLE "highlight" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "icon" VARCHAR(40) NOT NULL, "title_fr" VARCHAR(80) NOT NULL, "title_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(200) NOT NULL, "sentence_en" VARCHAR(200) NOT NULL, "link" VARCHAR(300) NOT NULL, "audience" VARCHAR(20) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, CONSTRAINT "highlight_audience_known" CHECK (audience IN (\'public\', \'customers\')))',
    'CREATE UNIQUE INDEX "highlight_slug" ON "highlight" ("slug")',
    'CREATE TABLE "assistant_question" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "subject" VARCHAR(20) NOT NULL, "message" TEXT NOT NULL, "page" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE RESTRICT, CONSTRAINT "assistant_subject_known" CHECK (subject IN (\'contract\', \'training\', \'project\', \'event\', \'other\')))',
    'CREATE UNIQUE INDEX "assistant_question_idempotency_key" ON "assistant_question" ("idempotency_key")',
    'CREATE INDEX "assistant_question_person_id_id" ON "assistant_question" ("person_id", "id")',
)

POSTGRESQL = (
    'ALTER TABLE "portal" ADD COLUMN "url" VARCHAR(300) NOT NULL DEFAULT \'\'',
    'ALTER TABLE "portal" ALTER COLUMN "url" DROP DEFAULT',
    'ALTER TABLE "portal" ADD COLUMN "sentence_fr" VARCHAR(200) NOT NULL DEFAULT \'\'',
    'ALTER TABLE "portal" ALTER COLUMN "sentence_fr" DROP DEFAULT',
    'ALTER TABLE "portal" ADD COLUMN "sentence_en" VARCHAR(200) NOT NULL DEFAULT \'\'',
    'ALTER TABLE "portal" ALTER COLUMN "sentence_en" DROP DEFAULT',
    'ALTER TABLE "topic" ADD COLUMN "is_featured" BOOLEAN NOT NULL DEFAULT FALSE',
    'ALTER TABLE "topic" ALTER COLUMN "is_featured" DROP DEFAULT',
    'CREATE TABLE "idea" ("id" SERIAL NOT NULL PRIMARY KEY, "kind" VARCHAR(12) NOT NULL, "state" VARCHAR(14) NOT NULL, "title" VARCHAR(120) NOT NULL, "problem" TEXT NOT NULL, "details" TEXT NOT NULL, "product_id" INTEGER, "author_id" INTEGER NOT NULL, "language" VARCHAR(2) NOT NULL, "votes" INTEGER NOT NULL, "comments" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "edited_at" TIMESTAMP, "merged_into_id" INTEGER, "hidden_at" TIMESTAMP, "hide_reason" VARCHAR(300) NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, "version" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE SET NULL, FOREIGN KEY ("author_id") REFERENCES "person" ("id") ON DELETE RESTRICT, FOREIGN KEY ("merged_into_id") REFERENCES "idea" ("id") ON DELETE RESTRICT, CONSTRAINT "idea_kind_known" CHECK (kind IN (\'idea\', \'discussion\')), CONSTRAINT "idea_state_known" CHECK (state IN (\'submitted\', \'under_review\', \'planned\', \'under_way\', \'done\', \'not_kept\')), CONSTRAINT "idea_discussion_stateless" CHECK (kind = \'idea\' OR state = \'submitted\'), CONSTRAINT "idea_counts_sensible" CHECK (votes >= 0 AND comments >= 0), CONSTRAINT "idea_hidden_reasoned" CHECK (hidden_at IS NULL OR hide_reason <> \'\'), CONSTRAINT "idea_not_into_itself" CHECK (merged_into_id IS NULL OR merged_into_id <> id))',
    'CREATE UNIQUE INDEX "idea_idempotency_key" ON "idea" ("idempotency_key")',
    'CREATE INDEX IF NOT EXISTS idea_kind ON idea (kind, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_votes ON idea (kind, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_state ON idea (kind, state, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_kind_state_votes ON idea (kind, state, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_product_kind ON idea (product_id, kind, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_product_kind_votes ON idea (product_id, kind, votes, id) WHERE hidden_at IS NULL AND merged_into_id IS NULL',
    'CREATE INDEX IF NOT EXISTS idea_author ON idea (author_id, id)',
    'CREATE INDEX IF NOT EXISTS idea_hidden ON idea (id) WHERE hidden_at IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS idea_merged ON idea (merged_into_id) WHERE merged_into_id IS NOT NULL',
    'CREATE TABLE "idea_vote" ("id" SERIAL NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "idea_vote_idea_id_person_id" ON "idea_vote" ("idea_id", "person_id")',
    'CREATE INDEX "idea_vote_person_id" ON "idea_vote" ("person_id")',
    'CREATE TABLE "idea_follow" ("id" SERIAL NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "idea_follow_idea_id_person_id" ON "idea_follow" ("idea_id", "person_id")',
    'CREATE INDEX "idea_follow_person_id" ON "idea_follow" ("person_id")',
    'CREATE TABLE "idea_comment" ("id" SERIAL NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "author_id" INTEGER NOT NULL, "by_team" BOOLEAN NOT NULL, "body" TEXT NOT NULL, "created_at" TIMESTAMP NOT NULL, "hidden_at" TIMESTAMP, "hide_reason" VARCHAR(300) NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("author_id") REFERENCES "person" ("id") ON DELETE RESTRICT, CONSTRAINT "idea_comment_hidden_reasoned" CHECK (hidden_at IS NULL OR hide_reason <> \'\'))',
    'CREATE UNIQUE INDEX "idea_comment_idempotency_key" ON "idea_comment" ("idempotency_key")',
    'CREATE INDEX "idea_comment_idea_id_id" ON "idea_comment" ("idea_id", "id")',
    'CREATE INDEX "idea_comment_author_id_id" ON "idea_comment" ("author_id", "id")',
    'CREATE TABLE "idea_move" ("id" SERIAL NOT NULL PRIMARY KEY, "idea_id" INTEGER NOT NULL, "before" VARCHAR(14) NOT NULL, "after" VARCHAR(14) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "moved_by_id" INTEGER, "moved_at" TIMESTAMP NOT NULL, FOREIGN KEY ("idea_id") REFERENCES "idea" ("id") ON DELETE CASCADE, FOREIGN KEY ("moved_by_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "idea_move_explained" CHECK (sentence_fr <> \'\' OR sentence_en <> \'\'))',
    'CREATE INDEX "idea_move_idea_id_id" ON "idea_move" ("idea_id", "id")',
    'CREATE TABLE "help_line" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "region_fr" VARCHAR(80) NOT NULL, "region_en" VARCHAR(80) NOT NULL, "countries" JSONB NOT NULL, "phone" VARCHAR(40) NOT NULL, "languages" JSONB NOT NULL, "calendar_id" INTEGER NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, FOREIGN KEY ("calendar_id") REFERENCES "calendar" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "help_line_slug" ON "help_line" ("slug")',
    'CREATE TABLE "escalation_line" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "level_fr" VARCHAR(80) NOT NULL, "level_en" VARCHAR(80) NOT NULL, "situation_fr" VARCHAR(400) NOT NULL, "situation_en" VARCHAR(400) NOT NULL, "whom_fr" VARCHAR(120) NOT NULL, "whom_en" VARCHAR(120) NOT NULL, "email" VARCHAR(254) NOT NULL, "phone" VARCHAR(40) NOT NULL, "form_id" INTEGER, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, FOREIGN KEY ("form_id") REFERENCES "request_form" ("id") ON DELETE SET NULL)',
    'CREATE UNIQUE INDEX "escalation_line_slug" ON "escalation_line" ("slug")',
    'CREATE TABLE "highlight" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "icon" VARCHAR(40) NOT NULL, "title_fr" VARCHAR(80) NOT NULL, "title_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(200) NOT NULL, "sentence_en" VARCHAR(200) NOT NULL, "link" VARCHAR(300) NOT NULL, "audience" VARCHAR(20) NOT NULL, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, CONSTRAINT "highlight_audience_known" CHECK (audience IN (\'public\', \'customers\')))',
    'CREATE UNIQUE INDEX "highlight_slug" ON "highlight" ("slug")',
    'CREATE TABLE "assistant_question" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "subject" VARCHAR(20) NOT NULL, "message" TEXT NOT NULL, "page" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "idempotency_key" VARCHAR(80) NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE RESTRICT, CONSTRAINT "assistant_subject_known" CHECK (subject IN (\'contract\', \'training\', \'project\', \'event\', \'other\')))',
    'CREATE UNIQUE INDEX "assistant_question_idempotency_key" ON "assistant_question" ("idempotency_key")',
    'CREATE INDEX "assistant_question_person_id_id" ON "assistant_question" ("person_id", "id")',
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
