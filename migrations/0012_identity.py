"""Changes of address, and signing in through other systems (ACC-11, ACC-19)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "address_change" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "email" VARCHAR(254) NOT NULL, "token_hash" VARCHAR(64) NOT NULL, "created_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "address_change_person_id" ON "address_change" ("person_id")',
    'CREATE UNIQUE INDEX "address_change_token_hash" ON "address_change" ("token_hash")',
    'CREATE TABLE "identity_provider" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(60) NOT NULL, "name_en" VARCHAR(60) NOT NULL, "issuer" VARCHAR(300) NOT NULL, "client_id" VARCHAR(255) NOT NULL, "sealed_secret" TEXT NOT NULL, "organisation_id" INTEGER, "makes_accounts" INTEGER NOT NULL, "replaces_factor" INTEGER NOT NULL, "is_listed" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, "position" INTEGER NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, CONSTRAINT "identity_provider_makes_accounts_of_one" CHECK (NOT makes_accounts OR organisation_id IS NOT NULL))',
    'CREATE UNIQUE INDEX "identity_provider_slug" ON "identity_provider" ("slug")',
    'CREATE INDEX "identity_provider_organisation_id" ON "identity_provider" ("organisation_id")',
    'CREATE UNIQUE INDEX "identity_provider_issuer_client_id" ON "identity_provider" ("issuer", "client_id")',
    'CREATE TABLE "external_identity" ("id" INTEGER NOT NULL PRIMARY KEY, "provider_id" INTEGER NOT NULL, "subject" VARCHAR(255) NOT NULL, "person_id" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP NOT NULL, FOREIGN KEY ("provider_id") REFERENCES "identity_provider" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "external_identity_person_id" ON "external_identity" ("person_id")',
    'CREATE UNIQUE INDEX "external_identity_provider_id_subject" ON "external_identity" ("provider_id", "subject")',
    'CREATE UNIQUE INDEX "external_identity_provider_id_person_id" ON "external_identity" ("provider_id", "person_id")',
    'CREATE TABLE "linking_application" ("id" INTEGER NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(60) NOT NULL, "name_en" VARCHAR(60) NOT NULL, "sealed_secret" TEXT NOT NULL, "organisation_id" INTEGER, "replaces_factor" INTEGER NOT NULL, "is_active" INTEGER NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "linking_application_slug" ON "linking_application" ("slug")',
    'CREATE INDEX "linking_application_organisation_id" ON "linking_application" ("organisation_id")',
)

POSTGRESQL = (
    'CREATE TABLE "address_change" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "email" VARCHAR(254) NOT NULL, "token_hash" VARCHAR(64) NOT NULL, "created_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "address_change_person_id" ON "address_change" ("person_id")',
    'CREATE UNIQUE INDEX "address_change_token_hash" ON "address_change" ("token_hash")',
    'CREATE TABLE "identity_provider" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(60) NOT NULL, "name_en" VARCHAR(60) NOT NULL, "issuer" VARCHAR(300) NOT NULL, "client_id" VARCHAR(255) NOT NULL, "sealed_secret" TEXT NOT NULL, "organisation_id" INTEGER, "makes_accounts" BOOLEAN NOT NULL, "replaces_factor" BOOLEAN NOT NULL, "is_listed" BOOLEAN NOT NULL, "is_active" BOOLEAN NOT NULL, "position" INTEGER NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT, CONSTRAINT "identity_provider_makes_accounts_of_one" CHECK (NOT makes_accounts OR organisation_id IS NOT NULL))',
    'CREATE UNIQUE INDEX "identity_provider_slug" ON "identity_provider" ("slug")',
    'CREATE INDEX "identity_provider_organisation_id" ON "identity_provider" ("organisation_id")',
    'CREATE UNIQUE INDEX "identity_provider_issuer_client_id" ON "identity_provider" ("issuer", "client_id")',
    'CREATE TABLE "external_identity" ("id" SERIAL NOT NULL PRIMARY KEY, "provider_id" INTEGER NOT NULL, "subject" VARCHAR(255) NOT NULL, "person_id" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP NOT NULL, FOREIGN KEY ("provider_id") REFERENCES "identity_provider" ("id") ON DELETE CASCADE, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "external_identity_person_id" ON "external_identity" ("person_id")',
    'CREATE UNIQUE INDEX "external_identity_provider_id_subject" ON "external_identity" ("provider_id", "subject")',
    'CREATE UNIQUE INDEX "external_identity_provider_id_person_id" ON "external_identity" ("provider_id", "person_id")',
    'CREATE TABLE "linking_application" ("id" SERIAL NOT NULL PRIMARY KEY, "slug" VARCHAR(40) NOT NULL, "name_fr" VARCHAR(60) NOT NULL, "name_en" VARCHAR(60) NOT NULL, "sealed_secret" TEXT NOT NULL, "organisation_id" INTEGER, "replaces_factor" BOOLEAN NOT NULL, "is_active" BOOLEAN NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE RESTRICT)',
    'CREATE UNIQUE INDEX "linking_application_slug" ON "linking_application" ("slug")',
    'CREATE INDEX "linking_application_organisation_id" ON "linking_application" ("organisation_id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
