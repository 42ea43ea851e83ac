"""Who opened a request is looked for: by the limit of one minute, and for the file of one's own data."""


def up(migrator, db):
    """Add the index."""
    db.execute_sql('CREATE INDEX "ticket_opened_by_id_id" ON "ticket" ("opened_by_id", "id")')
