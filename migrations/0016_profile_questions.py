"""Questions to customers about themselves, and their answers (ACC-17)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "profile_question" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(200) NOT NULL, "name_en" VARCHAR(200) NOT NULL, "help_fr" VARCHAR(300) NOT NULL, "help_en" VARCHAR(300) NOT NULL, "answer" VARCHAR(10) NOT NULL, "options" TEXT NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, CONSTRAINT "profile_question_answer_known" CHECK (answer IN (\'line\', \'choice\')))',
    'CREATE UNIQUE INDEX "profile_question_slug" ON "profile_question" ("slug")',
    'CREATE TABLE "profile_answer" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "question_id" INTEGER NOT NULL, "value" VARCHAR(200) NOT NULL, "text_fr" VARCHAR(200) NOT NULL, "text_en" VARCHAR(200) NOT NULL, "answered_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("question_id") REFERENCES "profile_question" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "profile_answer_question_id" ON "profile_answer" ("question_id")',
    'CREATE UNIQUE INDEX "profile_answer_person_id_question_id" ON "profile_answer" ("person_id", "question_id")',
)

POSTGRESQL = (
    'CREATE TABLE "profile_question" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(200) NOT NULL, "name_en" VARCHAR(200) NOT NULL, "help_fr" VARCHAR(300) NOT NULL, "help_en" VARCHAR(300) NOT NULL, "answer" VARCHAR(10) NOT NULL, "options" JSONB NOT NULL, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, CONSTRAINT "profile_question_answer_known" CHECK (answer IN (\'line\', \'choice\')))',
    'CREATE UNIQUE INDEX "profile_question_slug" ON "profile_question" ("slug")',
    'CREATE TABLE "profile_answer" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "question_id" INTEGER NOT NULL, "value" VARCHAR(200) NOT NULL, "text_fr" VARCHAR(200) NOT NULL, "text_en" VARCHAR(200) NOT NULL, "answered_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("question_id") REFERENCES "profile_question" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "profile_answer_question_id" ON "profile_answer" ("question_id")',
    'CREATE UNIQUE INDEX "profile_answer_person_id_question_id" ON "profile_answer" ("person_id", "question_id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
