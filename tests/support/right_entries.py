"""A right entry for each request form, as a browser would send it; tests change one thing at a time."""

from __future__ import annotations

import base64

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# 24 pixels wide, 16 high: blue in its upper left quarter, red elsewhere.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71"
    "////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4"
    "+Pj4+Pj4+Pj/wAARCAAQABgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QA"
    "FgEBAQEAAAAAAAAAAAAAAAAAAwEE/8QAGREAAgMBAAAAAAAAAAAAAAAAABECAxIB/9oADAMBAAIRAxEAPwCICyt1xIaFGZNgAJoP"
    "/9k="
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

COMMON = {
    "summary": "Validation des heures de l’atelier impossible",
    "description": "Depuis 8 h 40, **valider** affiche « Erreur 500 ».\n\n- atelier\n- siège : rien",
    "consent": "y",
}
ONE_PERSON = {
    "people-0-full_name": "Jean Moreau",
    "people-0-employee_number": "1784031",
    "people-0-url": "https://app.initech.example/employees/1784031",
    "people-0-details": "Directeur des ventes",
}

# Slug -> what is asked besides the common fields.
OWN_FIELDS: dict[str, dict[str, str]] = {
    "question": {},
    "interface": {"issue_kind": "translation", "steps": "1. Congés\n2. Mois"},
    "improvement": {"justification": "Deux heures gagnées chaque semaine."},
    "api": {"endpoint_url": "https://api.initech.example/v2/absences", "impact": "medium"},
    "incident": {
        "severity": "2",
        "page_url": "https://temps.initech.example/atelier?jour=9",
        "measures_taken": "Autre navigateur : pareil.",
    },
    "sql-report": {
        "wanted_by": "2026-12-04",
        "report_fields": "matricule, site ; site = Nantes",
        "output_format": "XLSX",
    },
    "billing-question": {"invoice_number": "F-2026-1042"},
    "vat-change": {"legal_name": "Acme Europe SAS", "country": "FR", "vat_number": "FR40303265045"},
    "user-deletion": {**ONE_PERSON, "justification": "Contrats terminés en 2023.", "irreversible": "y"},
    "mfa-reset": {**ONE_PERSON, "irreversible": "y"},
    "patch": {
        "patch_kind": "psp2",
        "environment": "Préproduction",
        "wished_on": "2026-11-17",
        "window": "entre 18 h et 20 h",
    },
    "standard-help": {"kind": "problem", "version": "12.4", "company": "Acme France"},
    "licence": {"product": "time", "edition": "Plus", "quantity": "20", "due_on": "2026-12-01"},
}

# What a refusal of the empty form must name, besides summary, description and consent.
NEEDED: dict[str, set[str]] = {
    "question": set(),
    "interface": {"issue_kind", "steps", "attachments"},
    "improvement": {"justification"},
    "api": {"endpoint_url", "impact"},
    "incident": {"severity", "page_url"},
    "sql-report": {"wanted_by"},
    "billing-question": set(),
    "vat-change": {"legal_name", "country", "attachments"},
    "user-deletion": {
        "people-0-full_name", "people-0-employee_number", "people-0-url", "justification", "irreversible",
    },
    "mfa-reset": {"people-0-full_name", "people-0-employee_number", "people-0-url", "irreversible"},
    "patch": {"patch_kind", "environment", "wished_on", "window"},
    "standard-help": {"version", "company"},
    "licence": {"product", "due_on", "attachments"},
}  # fmt: skip

# Forms that cannot be sent without a file.
WITH_A_FILE = {"interface", "vat-change"}


def right_entry(slug: str) -> dict[str, str]:
    """Everything that `slug` asks, rightly filled in; improvement asks no consent."""
    entry = {**COMMON, **OWN_FIELDS[slug]}
    if slug == "improvement":
        del entry["consent"]
    return entry
