"""Articles with their topics, versions and votes, followed topics, searches without result (VIEW-7, VIEW-9)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "topic" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(60) NOT NULL, "name_fr" VARCHAR(80) NOT NULL, "name_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "icon" VARCHAR(40) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL)',
    'CREATE UNIQUE INDEX "topic_slug" ON "topic" ("slug")',
    'CREATE TABLE "article" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(80) NOT NULL, "kind" VARCHAR(20) NOT NULL, "topic_id" INTEGER NOT NULL, "audience" VARCHAR(20) NOT NULL, "state" VARCHAR(20) NOT NULL, "title_fr" VARCHAR(160) NOT NULL, "title_en" VARCHAR(160) NOT NULL, "summary_fr" VARCHAR(300) NOT NULL, "summary_en" VARCHAR(300) NOT NULL, "body_fr" TEXT NOT NULL, "body_en" TEXT NOT NULL, "owner_id" INTEGER, "review_by" DATE, "position" INTEGER NOT NULL, "version" INTEGER NOT NULL, "published_at" TIMESTAMP, "created_at" TIMESTAMP NOT NULL, "updated_at" TIMESTAMP NOT NULL, "preset_mark" VARCHAR(64) NOT NULL, FOREIGN KEY ("topic_id") REFERENCES "topic" ("id") ON DELETE RESTRICT, FOREIGN KEY ("owner_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "article_kind_known" CHECK (kind IN (\'article\', \'faq\', \'news\', \'release\', \'change\', \'download\')), CONSTRAINT "article_audience_known" CHECK (audience IN (\'public\', \'customers\', \'staff\')), CONSTRAINT "article_state_known" CHECK (state IN (\'draft\', \'published\')), CONSTRAINT "article_titled" CHECK (title_fr <> \'\' OR title_en <> \'\'), CONSTRAINT "article_published_dated" CHECK (state <> \'published\' OR published_at IS NOT NULL))',
    'CREATE UNIQUE INDEX "article_slug" ON "article" ("slug")',
    'CREATE INDEX "article_topic_id_position_id" ON "article" ("topic_id", "position", "id")',
    'CREATE INDEX "article_kind_published_at" ON "article" ("kind", "published_at")',
    'CREATE INDEX IF NOT EXISTS article_review ON article (review_by) WHERE review_by IS NOT NULL',
    'CREATE TABLE "article_version" ("id" INTEGER NOT NULL PRIMARY KEY, "article_id" INTEGER NOT NULL, "number" INTEGER NOT NULL, "title_fr" VARCHAR(160) NOT NULL, "title_en" VARCHAR(160) NOT NULL, "summary_fr" VARCHAR(300) NOT NULL, "summary_en" VARCHAR(300) NOT NULL, "body_fr" TEXT NOT NULL, "body_en" TEXT NOT NULL, "state" VARCHAR(20) NOT NULL, "saved_by_id" INTEGER, "saved_at" TIMESTAMP NOT NULL, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE CASCADE, FOREIGN KEY ("saved_by_id") REFERENCES "person" ("id") ON DELETE SET NULL)',
    'CREATE UNIQUE INDEX "article_version_article_id_number" ON "article_version" ("article_id", "number")',
    'CREATE TABLE "article_vote" ("id" INTEGER NOT NULL PRIMARY KEY, "article_id" INTEGER NOT NULL, "version" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "helpful" INTEGER NOT NULL, "sentence" VARCHAR(500) NOT NULL, "created_at" TIMESTAMP NOT NULL, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "article_vote_article_id_version_person_id" ON "article_vote" ("article_id", "version", "person_id")',
    'CREATE INDEX "article_vote_person_id" ON "article_vote" ("person_id")',
    'CREATE TABLE "topic_follow" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "topic_id" INTEGER NOT NULL, "seen_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("topic_id") REFERENCES "topic" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "topic_follow_person_id_topic_id" ON "topic_follow" ("person_id", "topic_id")',
    'CREATE INDEX "topic_follow_topic_id" ON "topic_follow" ("topic_id")',
    'CREATE TABLE "search_miss" ("id" INTEGER NOT NULL PRIMARY KEY, "words" VARCHAR(120) NOT NULL, "times" INTEGER NOT NULL, "last_at" TIMESTAMP NOT NULL)',
    'CREATE UNIQUE INDEX "search_miss_words" ON "search_miss" ("words")',
)

POSTGRESQL = (
    'CREATE TABLE "topic" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(60) NOT NULL, "name_fr" VARCHAR(80) NOT NULL, "name_en" VARCHAR(80) NOT NULL, "sentence_fr" VARCHAR(300) NOT NULL, "sentence_en" VARCHAR(300) NOT NULL, "icon" VARCHAR(40) NOT NULL, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL)',
    'CREATE UNIQUE INDEX "topic_slug" ON "topic" ("slug")',
    'CREATE TABLE "article" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(80) NOT NULL, "kind" VARCHAR(20) NOT NULL, "topic_id" INTEGER NOT NULL, "audience" VARCHAR(20) NOT NULL, "state" VARCHAR(20) NOT NULL, "title_fr" VARCHAR(160) NOT NULL, "title_en" VARCHAR(160) NOT NULL, "summary_fr" VARCHAR(300) NOT NULL, "summary_en" VARCHAR(300) NOT NULL, "body_fr" TEXT NOT NULL, "body_en" TEXT NOT NULL, "owner_id" INTEGER, "review_by" DATE, "position" INTEGER NOT NULL, "version" INTEGER NOT NULL, "published_at" TIMESTAMP, "created_at" TIMESTAMP NOT NULL, "updated_at" TIMESTAMP NOT NULL, "preset_mark" VARCHAR(64) NOT NULL, FOREIGN KEY ("topic_id") REFERENCES "topic" ("id") ON DELETE RESTRICT, FOREIGN KEY ("owner_id") REFERENCES "person" ("id") ON DELETE SET NULL, CONSTRAINT "article_kind_known" CHECK (kind IN (\'article\', \'faq\', \'news\', \'release\', \'change\', \'download\')), CONSTRAINT "article_audience_known" CHECK (audience IN (\'public\', \'customers\', \'staff\')), CONSTRAINT "article_state_known" CHECK (state IN (\'draft\', \'published\')), CONSTRAINT "article_titled" CHECK (title_fr <> \'\' OR title_en <> \'\'), CONSTRAINT "article_published_dated" CHECK (state <> \'published\' OR published_at IS NOT NULL))',
    'CREATE UNIQUE INDEX "article_slug" ON "article" ("slug")',
    'CREATE INDEX "article_topic_id_position_id" ON "article" ("topic_id", "position", "id")',
    'CREATE INDEX "article_kind_published_at" ON "article" ("kind", "published_at")',
    'CREATE INDEX IF NOT EXISTS article_review ON article (review_by) WHERE review_by IS NOT NULL',
    'CREATE TABLE "article_version" ("id" SERIAL NOT NULL PRIMARY KEY, "article_id" INTEGER NOT NULL, "number" INTEGER NOT NULL, "title_fr" VARCHAR(160) NOT NULL, "title_en" VARCHAR(160) NOT NULL, "summary_fr" VARCHAR(300) NOT NULL, "summary_en" VARCHAR(300) NOT NULL, "body_fr" TEXT NOT NULL, "body_en" TEXT NOT NULL, "state" VARCHAR(20) NOT NULL, "saved_by_id" INTEGER, "saved_at" TIMESTAMP NOT NULL, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE CASCADE, FOREIGN KEY ("saved_by_id") REFERENCES "person" ("id") ON DELETE SET NULL)',
    'CREATE UNIQUE INDEX "article_version_article_id_number" ON "article_version" ("article_id", "number")',
    'CREATE TABLE "article_vote" ("id" SERIAL NOT NULL PRIMARY KEY, "article_id" INTEGER NOT NULL, "version" INTEGER NOT NULL, "person_id" INTEGER NOT NULL, "helpful" BOOLEAN NOT NULL, "sentence" VARCHAR(500) NOT NULL, "created_at" TIMESTAMP NOT NULL, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "article_vote_article_id_version_person_id" ON "article_vote" ("article_id", "version", "person_id")',
    'CREATE INDEX "article_vote_person_id" ON "article_vote" ("person_id")',
    'CREATE TABLE "topic_follow" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "topic_id" INTEGER NOT NULL, "seen_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, FOREIGN KEY ("topic_id") REFERENCES "topic" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "topic_follow_person_id_topic_id" ON "topic_follow" ("person_id", "topic_id")',
    'CREATE INDEX "topic_follow_topic_id" ON "topic_follow" ("topic_id")',
    'CREATE TABLE "search_miss" ("id" SERIAL NOT NULL PRIMARY KEY, "words" VARCHAR(120) NOT NULL, "times" INTEGER NOT NULL, "last_at" TIMESTAMP NOT NULL)',
    'CREATE UNIQUE INDEX "search_miss_words" ON "search_miss" ("words")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
