"""Two hundred things that people type, and what they mean to find: the corpus, and the table of cases (VIEW-7).

A case is what is typed, and the key of the request or of the article that must be among the first five. Articles are those
of the default preset. Requests are short, as people write them; {number} stands for the number that one was given.
"""

from __future__ import annotations

# Key -> subject and description.
REQUESTS: dict[str, tuple[str, str]] = {
    "bank": (
        "Export de paie refusé par la banque",
        "Le fichier SEPA est rejeté avec le code AC04 depuis ce matin.",
    ),
    "payslips": (
        "Bulletins d’octobre en double",
        "Trois salariés ont reçu deux bulletins de paie, avec des montants différents.",
    ),
    "printer": ("Imprimante muette à l’étage", "Rien ne sort du bac, le voyant clignote en orange."),
    "oeuvre": (
        "Œuvres sociales absentes du relevé",
        "Les cœurs de métier et les œuvres n’apparaissent plus.",
    ),
    "christmas": ("Prime de Noël à ajouter au bulletin", "Une prime exceptionnelle pour toute l’équipe."),
    "overtime": (
        "Heures supplémentaires mal arrondies",
        "L’arrondi se fait au quart d’heure au lieu de la minute.",
    ),
    "holidays": (
        "Congés payés : le solde est négatif",
        "Le compteur des congés affiche -3 jours pour Zoé Lefèvre.",
    ),
    "journal": ("Journaux comptables déséquilibrés", "Le journal des ventes ne s’équilibre pas au centime."),
    "login": (
        "Impossible de se connecter depuis le télétravail",
        "Le VPN coupe la connexion après dix minutes.",
    ),
    "slow": ("L’écran des absences est très lent", "Il faut quarante secondes pour afficher une page."),
    "mutuelle": ("Taux de la mutuelle à mettre à jour", "Le nouveau taux est de 1,45 % au 1er janvier."),
    "dsn": ("Rejet de la DSN mensuelle", "Le bloc S21.G00.40 est en anomalie pour un apprenti."),
    "vat": ("Changement de numéro de TVA intracommunautaire", "Notre raison sociale devient Lumière & Fils."),
    "invoice": ("Facture INV-2026-0042 introuvable", "Nous cherchons la facture de septembre."),
    "api": ("Erreur 500 sur l’API /v2/employees", "L’appel POST renvoie une erreur interne."),
    "badge": ("Badgeuse hors service à l’entrée", "Les badges ne sont plus lus depuis lundi."),
    "signature": ("Signature électronique des contrats", "Peut-on signer un avenant depuis un téléphone ?"),
    "archive": ("Où sont les archives de 2019 ?", "Les dossiers archivés ne s’ouvrent plus."),
    "duplicate": ("Fiches en doublon après l’import", "L’importation du fichier CSV a créé des doublons."),
    "spanish": ("Libellé coupé en espagnol", "Le mot « vacaciones » dépasse du bouton."),
    "ip": ("Serveur 10.20.30.40 injoignable", "Le ping vers srv-paie-02 ne répond pas."),
    "user": ("Compte jean-pierre.dupont@acme.example bloqué", "Jean-Pierre n’arrive plus à entrer."),
    "delete": ("Supprimer un salarié parti", "Merci d’effacer les données de l’ancien intérimaire."),
    "trainee": ("Stagiaires absents de la liste", "Les gratifications de stage ne sont pas calculées."),
    "travel": (
        "Notes de frais bloquées en validation",
        "Le remboursement des kilomètres attend un valideur parti.",
    ),
    "calendar": ("Jours fériés d’Alsace manquants", "Le Vendredi saint n’est pas chômé dans le calendrier."),
    "naive": (
        "Des caractères étranges : naïve, façade, piñata",
        "Les accents deviennent des points d’interrogation.",
    ),
    "night": ("Majoration des heures de nuit", "La majoration de 25 % ne s’applique qu’après minuit."),
    "mobile": (
        "L’application mobile se ferme toute seule",
        "Sur Android, elle plante à l’ouverture des photos.",
    ),
    "report": (
        "Rapport SQL sur les effectifs",
        "Il nous faut une requête : effectif par établissement et par sexe.",
    ),
    "licence": ("Licences à renouveler avant le 31 décembre", "Dix licences Premium pour le site de Brest."),
    "transfer": ("Virement des salaires en attente", "Les virements ne partent pas."),
    "contract": ("Contrats à durée déterminée expirés", "Les CDD échus restent actifs."),
    "address": ("Adresse du siège à corriger", "Le code postal est faux sur tous les courriers."),
    "printing-en": ("Printer prints blank pages", "The second floor printer printed ten empty pages."),
    "password-en": (
        "Users cannot reset their passwords",
        "The reset link has expired for several employees.",
    ),
    "invoices-en": ("Missing invoices for September", "Two invoices were never received by our accountants."),
    "category-en": ("New expense categories needed", "Please add a category for bicycle allowances."),
    "running-en": (
        "Payroll run stopped overnight",
        "The payroll was running for nine hours and then stopped.",
    ),
    "holiday-en": ("Holiday requests are not approved", "Managers do not see the holidays of their teams."),
    "security-en": ("Security keys are not recognised", "Two-factor authentication fails on new laptops."),
    "timezone-en": ("Wrong time zone in reminders", "Reminders arrive one hour early in Lisbon."),
}

# What is typed, and the key of a request.
TICKET_CASES: list[tuple[str, str]] = [
    ("banque", "bank"), ("export paie", "bank"), ("EXPORT DE PAIE", "bank"), ("exports refusés", "bank"), ("ac04", "bank"),
    ("AC04", "bank"), ("sepa", "bank"), ("fichiers rejetés", "bank"), ("la banque refuse", "bank"), ("paie, banque", "bank"),
    ("bulletin octobre", "payslips"), ("bulletins d'octobre", "payslips"), ("bulletins d’octobre", "payslips"),
    ("double bulletin", "payslips"), ("salarié montant", "payslips"), ("SALARIES", "payslips"), ("salariée", "payslips"),
    ("imprimante", "printer"), ("imprimantes", "printer"), ("étage", "printer"), ("etage", "printer"), ("l'étage", "printer"),
    ("voyants orange", "printer"), ("imprimante  muette", "printer"), ("bac", "printer"),
    ("oeuvre", "oeuvre"), ("œuvre", "oeuvre"), ("OEUVRES SOCIALES", "oeuvre"), ("coeur", "oeuvre"), ("cœur métiers", "oeuvre"),
    ("relevés", "oeuvre"), ("œuvre sociale", "oeuvre"),
    ("noel", "christmas"), ("Noël", "christmas"), ("primes exceptionnelles", "christmas"), ("prime de noël", "christmas"),
    ("équipes", "christmas"), ("« prime »", "christmas"),
    ("heure supplémentaire", "overtime"), ("heures supplementaires", "overtime"), ("arrondi", "overtime"),
    ("arrondis minute", "overtime"), ("quart d'heure", "overtime"), ("quart-d’heure", "overtime"),
    ("congé", "holidays"), ("conges payes", "holidays"), ("solde négatif", "holidays"), ("soldes négatifs", "holidays"),
    ("zoe lefevre", "holidays"), ("Zoé LEFÈVRE", "holidays"), ("compteurs", "holidays"),
    ("journal", "journal"), ("journaux", "journal"), ("journal comptable", "journal"), ("ventes centimes", "journal"),
    ("déséquilibré", "journal"), ("vente", "journal"),
    ("connexion", "login"), ("connexions vpn", "login"), ("teletravail", "login"), ("télétravail", "login"), ("connecter", "login"),
    ("minutes vpn", "login"),
    ("lent", "slow"), ("lente absence", "slow"), ("écrans lents", "slow"), ("afficher pages", "slow"), ("secondes", "slow"),
    ("mutuelle", "mutuelle"), ("mutuelles", "mutuelle"), ("nouveaux taux", "mutuelle"), ("1,45", "mutuelle"), ("janvier", "mutuelle"),
    ("dsn", "dsn"), ("rejets dsn", "dsn"), ("S21.G00.40", "dsn"), ("apprentis", "dsn"), ("mensuel", "dsn"), ("anomalies", "dsn"),
    ("tva", "vat"), ("TVA intracommunautaires", "vat"), ("lumiere et fils", "vat"), ("lumière & fils", "vat"), ("raisons sociales", "vat"),
    ("changer numéro tva", "vat"),
    ("INV-2026-0042", "invoice"), ("inv 2026 0042", "invoice"), ("factures septembre", "invoice"), ("introuvables", "invoice"),
    ("facture introuvable", "invoice"),
    ("api 500", "api"), ("/v2/employees", "api"), ("employees", "api"), ("erreurs internes", "api"), ("post api", "api"),
    ("badge", "badge"), ("badges", "badge"), ("badgeuses", "badge"), ("entrées", "badge"), ("hors-service", "badge"),
    ("signer contrat", "signature"), ("signatures électroniques", "signature"), ("avenants", "signature"), ("telephones", "signature"),
    ("archives", "archive"), ("archive 2019", "archive"), ("dossier archivé", "archive"), ("2019", "archive"),
    ("doublons", "duplicate"), ("doublon import", "duplicate"), ("importer csv", "duplicate"), ("fichiers CSV", "duplicate"),
    ("espagnol", "spanish"), ("vacaciones", "spanish"), ("boutons", "spanish"), ("libellés coupés", "spanish"),
    ("10.20.30.40", "ip"), ("srv-paie-02", "ip"), ("serveurs", "ip"), ("ping", "ip"),
    ("jean-pierre", "user"), ("Jean Pierre", "user"), ("jean-pierre.dupont@acme.example", "user"), ("dupont", "user"), ("comptes bloqués", "user"),
    ("supprimer", "delete"), ("supprimer salariés", "delete"), ("effacer données", "delete"), ("interimaires", "delete"),
    ("stagiaire", "trainee"), ("stages", "trainee"), ("gratification", "trainee"),
    ("note de frais", "travel"), ("notes frais", "travel"), ("remboursements", "travel"), ("kilomètre", "travel"), ("valideurs", "travel"),
    ("jour férié", "calendar"), ("feries alsace", "calendar"), ("vendredi saint", "calendar"), ("calendriers", "calendar"),
    ("naive", "naive"), ("façades", "naive"), ("pinata", "naive"), ("caractère étrange", "naive"),
    ("heure de nuit", "night"), ("majorations", "night"), ("25 %", "night"), ("minuit", "night"),
    ("android", "mobile"), ("applications mobiles", "mobile"), ("photo", "mobile"),
    ("rapport sql", "report"), ("requêtes", "report"), ("effectif établissements", "report"),
    ("licence premium", "licence"), ("licences brest", "licence"), ("renouveler", "licence"), ("renouvellement licence", "licence"),
    ("virement", "transfer"), ("salaires attente", "transfer"), ("CDD", "contract"), ("contrat expiré", "contract"),
    ("code postal", "address"), ("adresses", "address"), ("siège", "address"),
    ("printer", "printing-en"), ("printers", "printing-en"), ("blank page", "printing-en"), ("printing", "printing-en"),
    ("password", "password-en"), ("reset passwords", "password-en"), ("expired links", "password-en"), ("employee", "password-en"),
    ("invoice", "invoices-en"), ("invoices september", "invoices-en"), ("accountant", "invoices-en"),
    ("category", "category-en"), ("expense categories", "category-en"), ("allowance", "category-en"),
    ("payroll running", "running-en"), ("payroll stops", "running-en"), ("holiday request", "holiday-en"), ("holidays", "holiday-en"),
    ("manager team", "holiday-en"), ("security key", "security-en"), ("laptop", "security-en"), ("reminder", "timezone-en"),
    ("time zones", "timezone-en"), ("LISBON", "timezone-en"),
]  # fmt: skip

# What is typed, and the slug of an article.
ARTICLE_CASES: list[tuple[str, str]] = [
    ("mot de passe", "passwords"), ("mots de passe oubliés", "sign-in-trouble"), ("password", "passwords"),
    ("changer mon mot de passe", "passwords"), ("priorités", "priorities"), ("priority", "priorities"),
    ("fichiers acceptés", "files-allowed"), ("fichiers autorisés", "files-allowed"), ("états d’une demande", "statuses"), ("statuses", "statuses"),
    ("licences", "licences"), ("quel formulaire", "which-form"), ("which form", "which-form"), ("suivi demande fermée", "reopen-follow-up"),
    ("données personnelles", "personal-data"), ("personal data", "personal-data"), ("urgence", "in-an-emergency"),
    ("emergency", "in-an-emergency"), ("qui voit ma demande", "who-sees-my-request"), ("who sees my request", "who-sees-my-request"),
    ("contact approuvé", "approved-contacts"), ("approved contacts", "approved-contacts"), ("collègue qui part", "colleague-leaves"),
    ("sessions", "my-sessions"), ("garder ouverte", "keep-open"), ("boutons des courriels", "mail-buttons"),
]  # fmt: skip
