"""Second factors, sign-in in two steps, known browsers, organisations that ask for a factor (ACC-9, ACC-10)."""

# fmt: off
# ruff: noqa: E501

SQLITE = (
    'CREATE TABLE "authenticator" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "secret" VARCHAR(255) NOT NULL, "last_step" INTEGER NOT NULL, "created_at" TIMESTAMP NOT NULL, "confirmed_at" TIMESTAMP, "last_used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX IF NOT EXISTS authenticator_working ON authenticator (person_id) WHERE confirmed_at IS NOT NULL',
    'CREATE UNIQUE INDEX IF NOT EXISTS authenticator_waiting ON authenticator (person_id) WHERE confirmed_at IS NULL',
    'CREATE TABLE "security_key" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "name" VARCHAR(60) NOT NULL, "credential_id" VARCHAR(1400) NOT NULL, "public_key" TEXT NOT NULL, "sign_count" INTEGER NOT NULL, "transports" TEXT NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "security_key_named" CHECK (name <> \'\'))',
    'CREATE INDEX "security_key_person_id" ON "security_key" ("person_id")',
    'CREATE UNIQUE INDEX "security_key_credential_id" ON "security_key" ("credential_id")',
    'CREATE TABLE "recovery_code" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "salt" VARCHAR(64) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "created_at" TIMESTAMP NOT NULL, "used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "recovery_code_person_id_code_hash" ON "recovery_code" ("person_id", "code_hash")',
    'CREATE TABLE "spent_challenge" ("id" INTEGER NOT NULL PRIMARY KEY, "challenge_hash" VARCHAR(64) NOT NULL, "expires_at" TIMESTAMP NOT NULL)',
    'CREATE UNIQUE INDEX "spent_challenge_challenge_hash" ON "spent_challenge" ("challenge_hash")',
    'CREATE TABLE "pending_sign_in" ("id" INTEGER NOT NULL PRIMARY KEY, "token_hash" VARCHAR(64) NOT NULL, "person_id" INTEGER NOT NULL, "needs" VARCHAR(10) NOT NULL, "password_hash" VARCHAR(255) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "code_expires_at" TIMESTAMP, "codes_sent" INTEGER NOT NULL, "origin" VARCHAR(64) NOT NULL, "user_agent" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, "used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "pending_sign_in_needs_known" CHECK (needs IN (\'factor\', \'mail\')))',
    'CREATE UNIQUE INDEX "pending_sign_in_token_hash" ON "pending_sign_in" ("token_hash")',
    'CREATE INDEX "pending_sign_in_person_id" ON "pending_sign_in" ("person_id")',
    'CREATE TABLE "known_browser" ("id" INTEGER NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "token_hash" VARCHAR(64) NOT NULL, "user_agent" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "known_browser_person_id" ON "known_browser" ("person_id")',
    'CREATE UNIQUE INDEX "known_browser_token_hash" ON "known_browser" ("token_hash")',
    'CREATE TABLE "factor_requirement" ("id" INTEGER NOT NULL PRIMARY KEY, "organisation_id" INTEGER NOT NULL, "from_day" DATE NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "factor_requirement_organisation_id" ON "factor_requirement" ("organisation_id")',
)

POSTGRESQL = (
    'CREATE TABLE "authenticator" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "secret" VARCHAR(255) NOT NULL, "last_step" BIGINT NOT NULL, "created_at" TIMESTAMP NOT NULL, "confirmed_at" TIMESTAMP, "last_used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX IF NOT EXISTS authenticator_working ON authenticator (person_id) WHERE confirmed_at IS NOT NULL',
    'CREATE UNIQUE INDEX IF NOT EXISTS authenticator_waiting ON authenticator (person_id) WHERE confirmed_at IS NULL',
    'CREATE TABLE "security_key" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "name" VARCHAR(60) NOT NULL, "credential_id" VARCHAR(1400) NOT NULL, "public_key" TEXT NOT NULL, "sign_count" BIGINT NOT NULL, "transports" JSONB NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "security_key_named" CHECK (name <> \'\'))',
    'CREATE INDEX "security_key_person_id" ON "security_key" ("person_id")',
    'CREATE UNIQUE INDEX "security_key_credential_id" ON "security_key" ("credential_id")',
    'CREATE TABLE "recovery_code" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "salt" VARCHAR(64) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "created_at" TIMESTAMP NOT NULL, "used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "recovery_code_person_id_code_hash" ON "recovery_code" ("person_id", "code_hash")',
    'CREATE TABLE "spent_challenge" ("id" SERIAL NOT NULL PRIMARY KEY, "challenge_hash" VARCHAR(64) NOT NULL, "expires_at" TIMESTAMP NOT NULL)',
    'CREATE UNIQUE INDEX "spent_challenge_challenge_hash" ON "spent_challenge" ("challenge_hash")',
    'CREATE TABLE "pending_sign_in" ("id" SERIAL NOT NULL PRIMARY KEY, "token_hash" VARCHAR(64) NOT NULL, "person_id" INTEGER NOT NULL, "needs" VARCHAR(10) NOT NULL, "password_hash" VARCHAR(255) NOT NULL, "code_hash" VARCHAR(64) NOT NULL, "code_expires_at" TIMESTAMP, "codes_sent" INTEGER NOT NULL, "origin" VARCHAR(64) NOT NULL, "user_agent" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, "used_at" TIMESTAMP, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE, CONSTRAINT "pending_sign_in_needs_known" CHECK (needs IN (\'factor\', \'mail\')))',
    'CREATE UNIQUE INDEX "pending_sign_in_token_hash" ON "pending_sign_in" ("token_hash")',
    'CREATE INDEX "pending_sign_in_person_id" ON "pending_sign_in" ("person_id")',
    'CREATE TABLE "known_browser" ("id" SERIAL NOT NULL PRIMARY KEY, "person_id" INTEGER NOT NULL, "token_hash" VARCHAR(64) NOT NULL, "user_agent" VARCHAR(200) NOT NULL, "created_at" TIMESTAMP NOT NULL, "last_used_at" TIMESTAMP NOT NULL, "expires_at" TIMESTAMP NOT NULL, FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE)',
    'CREATE INDEX "known_browser_person_id" ON "known_browser" ("person_id")',
    'CREATE UNIQUE INDEX "known_browser_token_hash" ON "known_browser" ("token_hash")',
    'CREATE TABLE "factor_requirement" ("id" SERIAL NOT NULL PRIMARY KEY, "organisation_id" INTEGER NOT NULL, "from_day" DATE NOT NULL, FOREIGN KEY ("organisation_id") REFERENCES "organisation" ("id") ON DELETE CASCADE)',
    'CREATE UNIQUE INDEX "factor_requirement_organisation_id" ON "factor_requirement" ("organisation_id")',
)


def up(migrator, db):
    """Add the tables."""
    for statement in SQLITE if "sqlite" in type(db).__name__.lower() else POSTGRESQL:
        db.execute_sql(statement)
