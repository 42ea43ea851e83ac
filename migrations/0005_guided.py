"""The guided path: kinds offered by product, features, questions that choices call for (REQ-6)."""

# fmt: off
# ruff: noqa: E501

# SQLite cannot add a key to a table: it is made anew, with its rows and its indexes.
SQLITE_ROUTING = (
    'CREATE TABLE "routing_rule" ("id" INTEGER NOT NULL PRIMARY KEY, "position" INTEGER NOT NULL, "category_id" INTEGER, "form_id" INTEGER, "product_id" INTEGER, "kind_id" INTEGER, "organisation_id" INTEGER, "team_id" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, "feature_id" INTEGER, FOREIGN KEY ("category_id") REFERENCES "category" ("id") ON DELETE CASCADE, FOREIGN KEY ("form_id") REFERENCES "request_form" ("id") ON DELETE CASCADE, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE, FOREIGN KEY ("team_id") REFERENCES "team" ("id") ON DELETE RESTRICT, FOREIGN KEY ("feature_id") REFERENCES "feature" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "routing_rule_category_id" ON "routing_rule" ("category_id")',
    'CREATE INDEX "routing_rule_form_id" ON "routing_rule" ("form_id")',
    'CREATE INDEX "routing_rule_product_id" ON "routing_rule" ("product_id")',
    'CREATE INDEX "routing_rule_kind_id" ON "routing_rule" ("kind_id")',
    'CREATE INDEX "routing_rule_organisation_id" ON "routing_rule" ("organisation_id")',
    'CREATE INDEX "routing_rule_team_id" ON "routing_rule" ("team_id")',
    'CREATE INDEX "routing_rule_feature_id" ON "routing_rule" ("feature_id")',
)

SQLITE = (
    'CREATE TABLE "product_kind" ("id" INTEGER NOT NULL PRIMARY KEY, "product_id" INTEGER NOT NULL, "kind_id" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "product_kind_kind_id" ON "product_kind" ("kind_id")',
    'CREATE UNIQUE INDEX "product_kind_product_id_kind_id" ON "product_kind" ("product_id", "kind_id")',
    'CREATE TABLE "feature" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(60) NOT NULL, "product_id" INTEGER, "kind_id" INTEGER, "name_fr" VARCHAR(120) NOT NULL, "name_en" VARCHAR(120) NOT NULL, "hint_fr" VARCHAR(300) NOT NULL, "hint_en" VARCHAR(300) NOT NULL, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "feature_slug" ON "feature" ("slug")',
    'CREATE INDEX "feature_product_id" ON "feature" ("product_id")',
    'CREATE INDEX "feature_kind_id" ON "feature" ("kind_id")',
    'CREATE TABLE "extra_field" ("id" INTEGER NOT NULL PRIMARY KEY, "key" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(120) NOT NULL, "name_en" VARCHAR(120) NOT NULL, "help_fr" VARCHAR(300) NOT NULL, "help_en" VARCHAR(300) NOT NULL, "answer" VARCHAR(10) NOT NULL, "options" TEXT NOT NULL, "is_required" INTEGER NOT NULL, "product_id" INTEGER, "kind_id" INTEGER, "feature_id" INTEGER, "article_id" INTEGER, "position" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE, FOREIGN KEY ("feature_id") REFERENCES "feature" ("id") ON DELETE CASCADE, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE SET NULL, CONSTRAINT "extra_field_answer_known" CHECK (answer IN (\'line\', \'text\', \'choice\')))',
    'CREATE UNIQUE INDEX "extra_field_key" ON "extra_field" ("key")',
    'CREATE INDEX "extra_field_product_id" ON "extra_field" ("product_id")',
    'CREATE INDEX "extra_field_kind_id" ON "extra_field" ("kind_id")',
    'CREATE INDEX "extra_field_feature_id" ON "extra_field" ("feature_id")',
    'CREATE INDEX "extra_field_article_id" ON "extra_field" ("article_id")',
)

POSTGRESQL = (
    'CREATE TABLE "product_kind" ("id" SERIAL NOT NULL PRIMARY KEY, "product_id" INTEGER NOT NULL, "kind_id" INTEGER NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "product_kind_kind_id" ON "product_kind" ("kind_id")',
    'CREATE UNIQUE INDEX "product_kind_product_id_kind_id" ON "product_kind" ("product_id", "kind_id")',
    'CREATE TABLE "feature" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(60) NOT NULL, "product_id" INTEGER, "kind_id" INTEGER, "name_fr" VARCHAR(120) NOT NULL, "name_en" VARCHAR(120) NOT NULL, "hint_fr" VARCHAR(300) NOT NULL, "hint_en" VARCHAR(300) NOT NULL, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "feature_slug" ON "feature" ("slug")',
    'CREATE INDEX "feature_product_id" ON "feature" ("product_id")',
    'CREATE INDEX "feature_kind_id" ON "feature" ("kind_id")',
    'CREATE TABLE "extra_field" ("id" SERIAL NOT NULL PRIMARY KEY, "key" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(120) NOT NULL, "name_en" VARCHAR(120) NOT NULL, "help_fr" VARCHAR(300) NOT NULL, "help_en" VARCHAR(300) NOT NULL, "answer" VARCHAR(10) NOT NULL, "options" JSONB NOT NULL, "is_required" BOOLEAN NOT NULL, "product_id" INTEGER, "kind_id" INTEGER, "feature_id" INTEGER, "article_id" INTEGER, "position" INTEGER NOT NULL, "is_active" BOOLEAN NOT NULL, FOREIGN KEY ("product_id") REFERENCES "product" ("id") ON DELETE CASCADE, FOREIGN KEY ("kind_id") REFERENCES "kind" ("id") ON DELETE CASCADE, FOREIGN KEY ("feature_id") REFERENCES "feature" ("id") ON DELETE CASCADE, FOREIGN KEY ("article_id") REFERENCES "article" ("id") ON DELETE SET NULL, CONSTRAINT "extra_field_answer_known" CHECK (answer IN (\'line\', \'text\', \'choice\')))',
    'CREATE UNIQUE INDEX "extra_field_key" ON "extra_field" ("key")',
    'CREATE INDEX "extra_field_product_id" ON "extra_field" ("product_id")',
    'CREATE INDEX "extra_field_kind_id" ON "extra_field" ("kind_id")',
    'CREATE INDEX "extra_field_feature_id" ON "extra_field" ("feature_id")',
    'CREATE INDEX "extra_field_article_id" ON "extra_field" ("article_id")',
    'ALTER TABLE "routing_rule" ADD COLUMN "feature_id" INTEGER',
    'ALTER TABLE "routing_rule" ADD FOREIGN KEY ("feature_id") REFERENCES "feature" ("id") ON DELETE CASCADE',
    'CREATE INDEX "routing_rule_feature_id" ON "routing_rule" ("feature_id")',
)


def up(migrator, db):
    """Add the tables, and the feature of a routing rule. On SQLite foreign keys are off meanwhile."""
    if "sqlite" not in type(db).__name__.lower():
        for statement in POSTGRESQL:
            db.execute_sql(statement)
        return
    for statement in SQLITE:
        db.execute_sql(statement)
    create, *indexes = SQLITE_ROUTING
    kept = ", ".join(f'"{row[1]}"' for row in db.execute_sql('PRAGMA table_info("routing_rule")').fetchall())
    db.execute_sql(create.replace('CREATE TABLE "routing_rule" ', 'CREATE TABLE "routing_rule_new" ', 1))
    db.execute_sql(f'INSERT INTO "routing_rule_new" ({kept}, "feature_id") SELECT {kept}, NULL FROM "routing_rule"')  # noqa: S608  # nosec B608
    db.execute_sql('DROP TABLE "routing_rule"')
    db.execute_sql('ALTER TABLE "routing_rule_new" RENAME TO "routing_rule"')
    for index in indexes:
        db.execute_sql(index)
