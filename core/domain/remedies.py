"""What to do next, for every code that a person or a program may be shown; in French and English.

A code has its own remedy, or that of its family (the longest prefix in `FAMILIES`).
"""

from __future__ import annotations

from collections.abc import Mapping

# What is mended in the same way has one remedy, so that pages can group by it.
_ALIKE: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    (("adobe_campaign_not_listening", "adobe_campaign_only_here"), {
        "fr": "L'administrateur du serveur règle RELANCE_SMPP_LISTEN (par exemple 0.0.0.0:2775) et ouvre ce port ; en "
              "plusieurs processus, `relance listen` doit tourner.",
        "en": "The server's administrator sets RELANCE_SMPP_LISTEN (0.0.0.0:2775, for example) and opens that port; "
              "with several processes, `relance listen` must be running.",
    }),
    (("adobe_campaign_in_clear", "adobe_campaign_certificate", "adobe_campaign_certificate_ends"), {
        "fr": "L'administrateur du serveur donne un certificat reconnu et sa clé : RELANCE_SMPP_CERTIFICATE et "
              "RELANCE_SMPP_KEY.",
        "en": "The server's administrator gives a certificate that is trusted, and its key: RELANCE_SMPP_CERTIFICATE "
              "and RELANCE_SMPP_KEY.",
    }),
    (("approved_pending", "approved_paused", "approved_limited"), {
        "fr": "Rien à faire dans la règle : le message passe par son canal suivant, et par WhatsApp dès que Meta rouvre"
              " le modèle. Ajoutez un canal suivant s'il n'y en a pas.",
        "en": "Nothing to do in the rule: the message goes by its next channel, and by WhatsApp once Meta reopens the"
              " template. Add a next channel if there is none.",
    }),
    (("approved_variables", "approved_names", "approved_header", "approved_button"), {
        "fr": "Ouvrez « Modèles WhatsApp » pour voir ce que le modèle attend, puis corrigez le message.",
        "en": "Open “WhatsApp templates” to see what the template wants, then correct the message.",
    }),
    (("opted_out", "record_opted_out"), {
        "fr": "Rien à faire : c'est le choix de la personne. Elle seule peut revenir, en répondant START.",
        "en": "Nothing to do: it is the person's choice. They alone can come back, by answering START.",
    }),
    (("no_marketing_consent",), {
        "fr": "Recueillez l'accord de ces personnes (formulaire, caisse), ou indiquez le champ où il se trouve.",
        "en": "Collect these people's consent (a form, the till), or name the field that holds it.",
    }),
    (("quarantined", "dead_number", "not_a_mobile"), {
        "fr": "Demandez à la personne son numéro de mobile actuel.",
        "en": "Ask the person for the mobile number that they use now.",
    }),
    (("record_no_number", "record_number_wrong", "record_not_a_mobile"), {
        "fr": "Complétez ou corrigez le numéro sur la fiche, ou choisissez un autre champ à la page « Champs ».",
        "en": "Fill in or correct the number on the record, or choose another field on the page “Fields”.",
    }),
    (("over_messages_cap", "over_money_cap", "over_person_cap"), {
        "fr": "Attendez la période suivante, ou relevez le plafond à la page « Dépenses ».",
        "en": "Wait for the next period, or raise the cap on the page “Spending”.",
    }),
    (("too_late", "moment_over", "stale", "never_useful", "past_useful", "no_window_before_deadline",
      "no_window", "no_longer_useful"), {
        "fr": "Demandez le message plus tôt, ou laissez-le utile plus longtemps : une nuit ou un dimanche suffisent à "
              "le rendre vain.",
        "en": "Ask for the message earlier, or let it be useful for longer: a night or a Sunday is enough to make it "
              "pointless.",
    }),
    (("in_rehearsal", "back_to_rehearsal"), {
        "fr": "Mettez la connexion en service depuis la page « Connexions ».",
        "en": "Put the connection into service on the page “Connections”.",
    }),
    (("called_off_there", "cancelled_by_person", "occasion_deleted", "occasion_gone", "occasion_cancelled",
      "occasion_done", "occasion_silenced"), {
        "fr": "Rien à faire : le message n'était plus voulu.",
        "en": "Nothing to do: the message was no longer wanted.",
    }),
    (("discount_refused", "discount_code_taken"), {
        "fr": "Ouvrez les codes promo de la boutique, voyez ce qui s'y oppose, puis modifiez la remise de la règle.",
        "en": "Open the shop's discount codes, see what stands in the way, then change the rule's discount.",
    }),
    (("discount_days", "discount_one_of", "discount_percent", "discount_amount"), {
        "fr": "Corrigez la remise : par exemple {\"percent\": 10, \"days\": 7}.",
        "en": "Correct the discount: for example {\"percent\": 10, \"days\": 7}.",
    }),
)

REMEDIES: Mapping[str, Mapping[str, str]] = {
    # developers' pages, configuration as code
    "no_event_chosen": {
        "fr": "Cochez au moins un événement, ou « tous les événements ».",
        "en": "Tick at least one event, or “all events”.",
    },
    "endpoint_answered": {
        "fr": "Regardez ce que votre programme a répondu (Développeurs, Webhooks), corrigez-le, puis renvoyez.",
        "en": "See what your program answered (Developers, Webhooks), mend it, then send again.",
    },
    "config_secret_missing": {
        "fr": "Donnez la variable d'environnement ou le fichier que le document nomme, puis appliquez-le de nouveau."
              " Par l'API, un nouveau compte s'ajoute avec /v1/provider-accounts.",
        "en": "Give the environment variable or the file that the document names, then apply it again. By the API, a"
              " new account is added with /v1/provider-accounts.",
    },
    "config_connection_unknown": {
        "fr": "Connectez d'abord la plateforme, ou écrivez le nom d'une connexion qui existe (page Connexions).",
        "en": "Connect the platform first, or write the name of a connection that exists (page Connections).",
    },
    "config_same_name": {
        "fr": "Renommez l'un des deux, puis recommencez.",
        "en": "Rename one of the two, then try again.",
    },
    "config_in_use": {
        "fr": "Retirez d'abord ce qui s'en sert, ou laissez-le dans le document.",
        "en": "First remove what uses it, or leave it in the document.",
    },
    "config_other_provider": {
        "fr": "Donnez un autre nom au compte dans le document.",
        "en": "Give the account another name in the document.",
    },
    "role_missing": {
        "fr": "Demandez à un propriétaire de vous donner ce rôle (Réglages, Personnes), ou de le faire pour vous.",
        "en": "Ask an owner to give you that role (Settings, People), or to do it for you.",
    },
    "form_expired": {
        "fr": "Rechargez la page, puis envoyez le formulaire de nouveau.",
        "en": "Load the page again, then send the form once more.",
    },
    "encoding_unknown": {
        "fr": "Envoyez le corps tel quel, ou compressé avec gzip.",
        "en": "Send the body as it is, or packed with gzip.",
    },
    "body_not_gzip": {
        "fr": "Compressez le corps avec gzip, ou retirez l'en-tête Content-Encoding.",
        "en": "Pack the body with gzip, or leave out the header Content-Encoding.",
    },
    "too_late_to_change": {
        "fr": "Rechargez la page : c'est déjà terminé, remplacé ou parti.",
        "en": "Load the page again: it is over, replaced or gone already.",
    },
    "clock_not_turned_in_live_mode": {
        "fr": "Démarrez une autre maison avec RELANCE_MODE=demo pour avancer l'horloge.",
        "en": "Start another house with RELANCE_MODE=demo to turn the clock.",
    },
    "role_unknown": {
        "fr": "Choisissez propriétaire, administrateur, rédacteur ou lecteur.",
        "en": "Choose owner, admin, editor or viewer.",
    },
    "country_unknown": {
        "fr": "Écrivez le pays en deux lettres, par exemple FR.",
        "en": "Write the country as two letters, FR for example.",
    },
    "department_unknown": {
        "fr": "Écrivez le numéro du département, par exemple 67 ou 974, ou laissez vide.",
        "en": "Write the department's number, 67 or 974 for example, or leave it empty.",
    },
    "reserved_reference": {
        "fr": "Choisissez une référence qui commence autrement.",
        "en": "Choose a reference that begins otherwise.",
    },
    "no_account": {
        "fr": "Ajoutez un compte d'envoi : Connexions, Comptes d'envoi.",
        "en": "Add a provider account: Connections, Ways out.",
    },
    "field_unknown": {
        "fr": "Corrigez ou retirez ce nom : /docs dit lesquels existent.",
        "en": "Correct or remove this name: /docs says which there are.",
    },
    # templates that WhatsApp approves
    "approved_is_marketing": {
        "fr": "Déclarez ce message comme publicité, ou faites approuver par Meta un modèle sans rien de commercial"
              " (catégorie « utility »).",
        "en": "Declare this message as marketing, or have Meta approve a template with nothing commercial in it"
              " (category “utility”).",
    },
    "approved_rejected": {
        "fr": "Corrigez ce modèle dans le gestionnaire WhatsApp de Meta et soumettez-le à nouveau, ou prenez-en un qui"
              " est approuvé.",
        "en": "Correct this template in Meta's WhatsApp manager and submit it again, or take one that is approved.",
    },
    "approved_disabled": {
        "fr": "Il ne reviendra pas : faites approuver un autre texte par Meta, moins insistant, et donnez-le à la"
              " règle.",
        "en": "It will not come back: have Meta approve another text, less insistent, and give that to the rule.",
    },
    "approved_no_account": {
        "fr": "Dans le gestionnaire WhatsApp de Meta, copiez l'identifiant du compte WhatsApp Business, puis ajoutez-le"
              " aux réglages du compte d'envoi (waba_id).",
        "en": "In Meta's WhatsApp manager, copy the id of the WhatsApp Business account, then add it to the sending"
              " account's settings (waba_id).",
    },
    "approved_being_asked": {"fr": "Attendez un instant, puis rechargez la page.",
                             "en": "Wait a moment, then load the page again."},
    # conversations and files to take away
    "no_such_member": {
        "fr": "Choisissez quelqu'un de l'équipe : voyez la page « Réglages ».",
        "en": "Choose somebody of the team: see the page “Settings”.",
    },
    "export_not_ready": {
        "fr": "Redemandez dans quelques secondes.",
        "en": "Ask again in a few seconds.",
    },
    "too_many_exports": {
        "fr": "Redemandez dans quelques minutes.",
        "en": "Ask again in a few minutes.",
    },
    # files that people bring
    "number_lost_digits": {
        "fr": "Dans le tableur, mettez la colonne au format « Texte » et ressaisissez le numéro, ou repartez du "
              "fichier d'origine.",
        "en": "In the spreadsheet, give the column the format “Text” and type the number again, or begin again with the"
              " file that it came from.",
    },
    "number_twice": {
        "fr": "Rien à faire : la première ligne de ce numéro est gardée.",
        "en": "Nothing to do: the first line of this number is kept.",
    },
    "no_number_in_line": {
        "fr": "Complétez le numéro dans le fichier, ou laissez cette personne de côté.",
        "en": "Fill the number in, or leave this person out.",
    },
    "sheet_locked": {
        "fr": "Enregistrez-le sans mot de passe, puis choisissez-le à nouveau.",
        "en": "Save it without a password, then choose it again.",
    },
    "sheet_is_page": {
        "fr": "Ouvrez-le dans votre tableur, enregistrez-le au format XLSX ou CSV, puis choisissez-le à nouveau.",
        "en": "Open it in your spreadsheet program, save it as XLSX or CSV, then choose it again.",
    },
    "sheet_missing": {
        "fr": "Choisissez une feuille qui est dans le classeur.",
        "en": "Choose a sheet that is in the workbook.",
    },
    # carts, orders and silent shops
    "silent": {
        "fr": "Ouvrez la boutique ou le site : l'extension est-elle active, et son journal montre-t-il des envois ? "
              "Puis faites un essai.",
        "en": "Open the shop or site: is the extension active, and does its log show what it sent? Then try it once.",
    },
    "only_for_carts": {
        "fr": "Retirez cette condition, ou faites porter la règle sur les paniers (« on »: « cart »).",
        "en": "Take the condition away, or let the rule be about carts (`\"on\": \"cart\"`).",
    },
    # discount codes
    "discount_unsaid": {
        "fr": "Ajoutez {{ code }} au texte, ou retirez la remise.",
        "en": "Add {{ code }} to the text, or take the discount away.",
    },
    "keys_refused": {
        "fr": "Vérifiez que la clé est active là-bas, et copiez-la en entier.",
        "en": "See that the key is active over there, and copy all of it.",
    },
    "discount_unpromised": {
        "fr": "Choisissez une remise, ou retirez {{ code }} du texte.",
        "en": "Choose a discount, or take {{ code }} out of the text.",
    },
    "discount_not_here": {
        "fr": "Choisissez une connexion Shopify, WooCommerce ou WordPress pour la règle, ou retirez la remise.",
        "en": "Choose a connection to Shopify, WooCommerce or WordPress for the rule, or take the discount away.",
    },
    "discount_not_allowed": {
        "fr": "Reconnectez la boutique en acceptant les remises, ou retirez la remise de la règle.",
        "en": "Connect the shop again and agree to discounts, or take the discount out of the rule.",
    },
    "discount_other_currency": {
        "fr": "Indiquez la remise en pourcentage, ou dans la monnaie de la boutique.",
        "en": "Say the discount in percent, or in the shop's currency.",
    },
    **{code: words for codes, words in _ALIKE for code in codes},
    # Fields over there, a test
    "fields_contradict": {
        "fr": "Gardez ce champ pour le refus ou pour l'accord, et choisissez-en un autre pour le second.",
        "en": "Keep this field for the refusal or for the consent, and choose another one for the other.",
    },
    "test_to_record": {
        "fr": "Donnez votre propre numéro, ou cochez « Oui, écrire à cette personne pour de vrai ».",
        "en": "Give your own number, or tick “Yes, write to this person for real”.",
    },
    "test_no_record": {
        "fr": "Cherchez une fiche, choisissez-la, ou envoyez le test à votre propre numéro.",
        "en": "Find a record, choose it, or send the test to your own number.",
    },
    # HubSpot
    "hubspot_scope_missing": {
        "fr": "Reconnectez HubSpot depuis la page de la connexion et acceptez toutes les permissions proposées.",
        "en": "Connect HubSpot again on the connection's page, and accept all permissions that are asked for.",
    },
    "hubspot_no_workflows": {
        "fr": "Les workflows demandent une offre HubSpot Professional ou Enterprise. Si le compte en a une, "
              "reconnectez-le et acceptez la permission « automation ».",
        "en": "Workflows need a Professional or Enterprise plan. If the account has one, connect it again and accept "
              "the “automation” permission.",
    },
    "hubspot_no_consent_property": {
        "fr": "Choisissez une propriété de refus ou un type d'abonnement à la page « Champs » de la connexion, ou "
              "reconnectez HubSpot et laissez Relance créer la sienne.",
        "en": "Choose a refusal property or a subscription type on the connection's page “Fields”, or connect HubSpot "
              "again and let Relance make its own.",
    },
    "hubspot_property_absent": {
        "fr": "Choisissez une autre propriété à la page « Champs » de la connexion, ou recréez celle-ci dans HubSpot.",
        "en": "Choose another property on the connection's page “Fields”, or make this one again in HubSpot.",
    },
    "hubspot_needs_https": {
        "fr": "Réglez RELANCE_PUBLIC_URL sur l'adresse https publique de cette maison.",
        "en": "Set RELANCE_PUBLIC_URL to this house's public https address.",
    },
    "hubspot_name_lost": {
        "fr": "Gardez ces champs dans actions.toml : un nom publié l'est pour toujours.",
        "en": "Keep these fields in actions.toml: a published name is for ever.",
    },
    "hubspot_developer_key_refused": {
        "fr": "Copiez la clé depuis votre compte développeur HubSpot, dans RELANCE_HUBSPOT_DEVELOPER_KEY.",
        "en": "Copy the key from your HubSpot developer account into RELANCE_HUBSPOT_DEVELOPER_KEY.",
    },
    "publishing_needs": {
        "fr": "Donnez-les dans l'environnement, ou dans le fichier RELANCE_ENV_FILE.",
        "en": "Give them in the environment, or in the file RELANCE_ENV_FILE.",
    },
    "nothing_to_publish": {
        "fr": "« relance adapters list » dit ce que chaque plateforme sait faire.",
        "en": "`relance adapters list` says what each platform can do.",
    },
    # who calls
    "key_needed": {
        "fr": "Créez une clé (Réglages, ou « relance keys create ») et envoyez-la dans Authorization.",
        "en": "Create a key in the console (Settings) or with `relance keys create`; send it in Authorization.",
    },
    "key_unknown": {
        "fr": "Vérifiez que la clé a été copiée en entier, ou créez-en une nouvelle.",
        "en": "Check that the key was copied whole, or create a new one.",
    },
    "scope_missing": {
        "fr": "Utilisez une clé qui porte ce droit, ou créez-en une.",
        "en": "Use a key that has this scope, or create one.",
    },
    "not_authentic": {
        "fr": "Vérifiez l'adresse et le secret de signature que la page de la connexion indique.",
        "en": "Check the address and the signing secret that the connection's page shows.",
    },
    "forbidden": {
        "fr": "Demandez ce droit à un administrateur de l'espace de travail.",
        "en": "Ask an administrator of the workspace for this right.",
    },
    "test_keys_only": {
        "fr": "Utilisez une clé rk_test_…, ou lancez Relance en mode demo ou test.",
        "en": "Use an rk_test_… key, or run Relance in demo or test mode.",
    },
    # how they call
    "too_fast": {
        "fr": "Attendez le temps indiqué par Retry-After ; pour beaucoup de messages, utilisez /v1/messages/batch.",
        "en": "Wait as long as Retry-After says; for many messages use /v1/messages/batch.",
    },
    "no_such_address": {
        "fr": "Les adresses qui existent sont dans /docs.",
        "en": "The addresses that exist are listed in /docs.",
    },
    "not_found": {
        "fr": "Vérifiez l'identifiant, et que la clé est celle de l'espace de travail où il se trouve.",
        "en": "Check the id, and that the key belongs to the workspace that holds it.",
    },
    "method_not_allowed": {
        "fr": "Utilisez une des méthodes que l'en-tête Allow indique.",
        "en": "Use one of the methods that the Allow header names.",
    },
    "length_required": {"fr": "Envoyez Content-Length.", "en": "Send Content-Length."},
    "body_too_large": {
        "fr": "Envoyez moins à la fois : 1 Mo par requête, 10 000 messages et 16 Mo par lot.",
        "en": "Send less at once: 1 MB for each request, 10,000 messages and 16 MB for a batch.",
    },
    "address_too_long": {"fr": "Raccourcissez l'adresse.", "en": "Shorten the address."},
    "headers_too_large": {"fr": "Envoyez moins d'en-têtes.", "en": "Send fewer headers."},
    "wrong_content_type": {
        "fr": "Envoyez du JSON avec Content-Type: application/json.",
        "en": "Send JSON with Content-Type: application/json.",
    },
    "bad_request": {"fr": "Corrigez la requête d'après /docs.", "en": "Correct the request, see /docs."},
    "body_not_json": {
        "fr": "Envoyez du JSON en UTF-8 : ni NaN, ni caractère nul, ni demi-caractère.",
        "en": "Send JSON in UTF-8: no NaN, no NUL character, no half of a surrogate pair.",
    },
    "body_not_object": {"fr": "Envoyez un objet : { … }.", "en": "Send an object: { … }."},
    "body_number_too_large": {
        "fr": 'Écrivez les grands nombres comme des textes : "12345678901234567890".',
        "en": 'Write large numbers as texts: "12345678901234567890".',
    },
    "body_key_twice": {"fr": "Écrivez chaque nom une seule fois.", "en": "Write each name once."},
    "body_too_deep": {"fr": "Emboîtez moins d'objets.", "en": "Nest fewer objects."},
    "fields_wrong": {
        "fr": "Corrigez les champs que « errors » nomme, puis envoyez à nouveau.",
        "en": "Correct the fields that `errors` names, then send it again.",
    },
    "idempotency_key_bad": {
        "fr": "Une clé a de 1 à 200 caractères visibles ; un UUID convient.",
        "en": "A key has 1 to 200 visible characters; a UUID is fine.",
    },
    "idempotency_other": {
        "fr": "Prenez une nouvelle clé pour une autre requête.",
        "en": "Use a new key for another request.",
    },
    "idempotency_busy": {
        "fr": "Recommencez dans une seconde avec la même clé : vous aurez la première réponse.",
        "en": "Try again in a second with the same key: you will get the first answer.",
    },
    "internal_error": {
        "fr": "Recommencez ; si cela dure, donnez request_id à qui exploite ce serveur.",
        "en": "Try again; if it lasts, give request_id to whoever operates this server.",
    },
    "database_away": {
        "fr": "Rien n'a été pris : recommencez après le temps indiqué par Retry-After.",
        "en": "Nothing was taken: try again after the time that Retry-After says.",
    },
    "crowded": {
        "fr": "Rien n'a été pris : recommencez après le temps indiqué par Retry-After.",
        "en": "Nothing was taken: try again after the time that Retry-After says.",
    },
    "secret_keys_wrong": {
        "fr": "Rien n'a été pris : qui exploite ce serveur doit y remettre sa clé secrète.",
        "en": "Nothing was taken: whoever operates this server must bring its secret key back.",
    },
    # numbers and moments
    "number_needs_country": {
        "fr": 'Ajoutez « country » (par exemple "FR"), ou écrivez le numéro avec + et l\'indicatif.',
        "en": 'Add `country` ("FR", say), or write the number with + and the country code.',
    },
    "moment_needs_zone": {
        "fr": 'Ajoutez « zone » (par exemple "Europe/Paris"), ou un décalage à la fin du moment (+01:00, Z).',
        "en": 'Add `zone` ("Europe/Paris", say), or an offset at the end of the moment (+01:00, Z).',
    },
    "moment_unreadable": {
        "fr": 'Écrivez "2026-12-01T18:00:00+01:00", ou "2026-12-01T18:00:00" avec « zone ».',
        "en": 'Write "2026-12-01T18:00:00+01:00", or "2026-12-01T18:00:00" with `zone`.',
    },
    "zone_unknown": {
        "fr": 'Donnez un nom de la base IANA, par exemple "Europe/Paris".',
        "en": 'Give a name of the IANA database, "Europe/Paris" for example.',
    },
    "too_far_ahead": {"fr": "Choisissez un moment plus proche.", "en": "Choose a moment that is nearer."},
    # texts
    "unknown_template": {
        "fr": "GET /v1/templates donne les clés qui existent.",
        "en": "GET /v1/templates lists the keys that exist.",
    },
    "unknown_variables": {
        "fr": "Retirez ces variables, ou prenez-en parmi celles qui existent pour ce genre d'occasion.",
        "en": "Remove these variables, or use those that exist for this kind of occasion.",
    },
    "missing_value": {
        "fr": "Donnez la valeur dans « data », ou écrivez dans le texte ce qui la remplace.",
        "en": "Give the value in `data`, or write in the text what replaces it.",
    },
    "text_too_long": {"fr": "Raccourcissez le texte.", "en": "Shorten the text."},
    "empty_text": {"fr": "Écrivez un texte.", "en": "Write a text."},
    # messages
    "message_left": {
        "fr": "Un message parti ne se rappelle pas ; son historique dit quand il est parti.",
        "en": "A message that left cannot be called back; its history says when it left.",
    },
    "message_over": {
        "fr": "Ce message ne partira pas : son historique dit pourquoi.",
        "en": "This message will not leave: its history says why.",
    },
    "rule_gone": {"fr": "Rien à faire : la règle n'existe plus.", "en": "Nothing to do: the rule is no longer there."},
    # connections
    "unknown_adapter": {
        "fr": "« relance adapters list » et la page Connexions donnent les plateformes connues.",
        "en": "`relance adapters list` and the page Connections show the known platforms.",
    },
    "unknown_provider": {
        "fr": "Choisissez un des fournisseurs nommés, ou installez le paquet qui l'apporte.",
        "en": "Choose one of the named providers, or install the package that brings it.",
    },
    "connected_elsewhere": {
        "fr": "Déconnectez ce compte de l'autre espace de travail avant de le connecter ici.",
        "en": "Disconnect this account from the other workspace before connecting it here.",
    },
    "not_taken_down": {
        "fr": "Retirez Relance dans les applications installées de la plateforme.",
        "en": "Remove Relance among the platform's installed applications.",
    },
    "not_revoked": {
        "fr": "Retirez l'accès de Relance dans les réglages de sécurité du compte, chez la plateforme.",
        "en": "Remove Relance's access in the account's security settings, with the platform.",
    },
    "keys_not_proven": {
        "fr": "Recommencez la connexion, en vérifiant l'adresse du site.",
        "en": "Begin the connection again, and check the site's address.",
    },
    "needs_https": {
        "fr": "L'exploitant de ce serveur doit donner une adresse https dans RELANCE_PUBLIC_URL.",
        "en": "Whoever operates this server must give an https address in RELANCE_PUBLIC_URL.",
    },
    "scope_unticked": {
        "fr": "Cliquez sur « Reconnecter » et laissez toutes les cases cochées.",
        "en": "Click “Reconnect” and leave every box ticked.",
    },
    "grant_ends": {
        "fr": "Cliquez sur « Reconnecter » : rien de ce qui attend n'est perdu.",
        "en": "Click “Reconnect”: nothing of what waits is lost.",
    },
    "vendor_refused": {
        "fr": "Recommencez la connexion ; si le refus reste, l'administrateur de la plateforme doit autoriser Relance.",
        "en": "Begin the connection again; if it stays refused, the platform's administrator has to allow Relance.",
    },
    "token_refused": {
        "fr": "Cliquez sur « Reconnecter », sur la page de la connexion.",
        "en": "Click “Reconnect” on the connection's page.",
    },
    "another_account": {
        "fr": "Reconnectez avec le même compte, ou créez une nouvelle connexion.",
        "en": "Reconnect with the same account, or create a new connection.",
    },
    "installation_disconnected": {
        "fr": "Connectez la plateforme à nouveau.",
        "en": "Connect the platform again.",
    },
    "nothing_to_pull": {
        "fr": "Cette plateforme nous écrit d'elle-même : il n'y a rien à demander.",
        "en": "This platform writes to us by itself: there is nothing to ask it for.",
    },
    "grant_gone": {
        "fr": "Reconnectez la plateforme sur sa page, dans Connexions.",
        "en": "Reconnect the platform on its page, under Connections.",
    },
    "state_unknown": {
        "fr": "Recommencez la connexion depuis la console, dans le même navigateur, en moins de dix minutes.",
        "en": "Begin the connection again from the console, in the same browser, within ten minutes.",
    },
    "access_denied": {
        "fr": "Recommencez et acceptez les droits demandés ; chacun est expliqué sur la page.",
        "en": "Begin again and allow what is asked for; each right is explained on the page.",
    },
    "code_missing": {
        "fr": "Recommencez la connexion depuis la console.",
        "en": "Begin the connection again from the console.",
    },
    "no_oauth_application": {
        "fr": "L'exploitant de ce serveur doit d'abord déclarer une application chez le fournisseur.",
        "en": "Whoever operates this server must first set up an application with the vendor.",
    },
    "webhook_event_unknown": {
        "fr": 'Choisissez parmi les événements nommés, ou "*" pour tous.',
        "en": 'Choose among the named events, or "*" for all.',
    },
    "address_not_allowed": {
        "fr": "Donnez une adresse https publique, sans nom d'utilisateur.",
        "en": "Give a public https address without a user name.",
    },
    "not_replayable": {
        "fr": "Seules les requêtes d'une connexion encore là se rejouent.",
        "en": "Only requests of a connection that is still there can be replayed.",
    },
    "no_number": {
        "fr": "Choisissez le numéro de cette personne, ou écrivez-le dans le rendez-vous.",
        "en": "Choose this person's number, or write it into the appointment.",
    },
    "salesforce_app_not_installed": {
        "fr": "Demandez à l'administrateur Salesforce : Configuration > Applications > Applications connectées > "
              "Gestion OAuth des applications connectées > Relance > Installer (ou installez le paquet Relance), "
              "puis reconnectez.",
        "en": "Ask the Salesforce administrator: Setup > Apps > Connected Apps > Connected Apps OAuth Usage > "
              "Relance > Install (or install the Relance package), then reconnect.",
    },
    "salesforce_user_not_approved": {
        "fr": "Configuration > Applications > Applications clientes externes > Relance > Stratégies : « Les "
              "utilisateurs approuvés par l'administrateur sont pré-autorisés », et ajoutez l'ensemble "
              "d'autorisations de l'utilisateur.",
        "en": "Setup > Apps > External Client Apps > Relance > Policies: “Admin approved users are "
              "pre-authorized”, and add the permission set of the user.",
    },
    "salesforce_ip_restricted": {
        "fr": "Configuration > Applications > Applications clientes externes > Relance > Stratégies > "
              "Assouplissement IP, ou ajoutez l'adresse de ce serveur aux plages d'adresses autorisées du profil.",
        "en": "Setup > Apps > External Client Apps > Relance > Policies > IP Relaxation, or add this server's "
              "address to the profile's login IP ranges.",
    },
    "salesforce_user_inactive": {
        "fr": "Configuration > Utilisateurs : réactivez l'utilisateur, ou reconnectez avec un autre.",
        "en": "Setup > Users: activate the user again, or reconnect with another one.",
    },
    "salesforce_api_off": {
        "fr": "Configuration > Utilisateurs > Profils : cochez « API activée » pour l'utilisateur de la connexion"
              " ; l'édition de l'organisation doit comprendre l'API.",
        "en": "Setup > Users > Profiles: tick “API Enabled” for the connection's user; the org's edition must "
              "include the API.",
    },
    "salesforce_no_refresh_token": {
        "fr": "Dans l'application Salesforce, ajoutez le droit « refresh_token, offline_access » et la stratégie "
              "« valide jusqu'à révocation », puis reconnectez.",
        "en": "In the Salesforce app add the scope “refresh_token, offline_access” and the policy “valid until "
              "revoked”, then reconnect.",
    },
    "salesforce_scope_missing": {
        "fr": "Dans l'application Salesforce, ajoutez ce droit, puis reconnectez.",
        "en": "Add this scope in the Salesforce app, then reconnect.",
    },
    "salesforce_limit": {
        "fr": "Rien n'est perdu : tout reprend quand Salesforce accepte de nouveau. Configuration > Informations "
              "sur la société montre qui utilise les appels.",
        "en": "Nothing is lost: all goes on when Salesforce accepts again. Setup > Company Information shows the "
              "calls used.",
    },
    "salesforce_package_absent": {
        "fr": "Installez le paquet Relance (integrations/salesforce/package), ou continuez sans rapports dans "
              "Salesforce.",
        "en": "Install the Relance package (integrations/salesforce/package), or go on without reports in "
              "Salesforce.",
    },
    "salesforce_version_over": {
        "fr": "Dans les réglages de la connexion, choisissez une version plus récente (api_version).",
        "en": "Choose a newer version in the connection's settings (api_version).",
    },
    "salesforce_version_old": {
        "fr": "Dans les réglages de la connexion, choisissez une version plus récente (api_version).",
        "en": "Choose a newer version in the connection's settings (api_version).",
    },
    "salesforce_opt_out_absent": {
        "fr": "Configuration > Gestionnaire d'objets : créez le champ, ou donnez à l'utilisateur le droit de le "
              "lire ; ou corrigez la correspondance des champs.",
        "en": "Setup > Object Manager: create the field, or let the user read it; or correct the field mapping.",
    },
}

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "config_": {
        "fr": "Corrigez le document à la ligne ou à l'endroit nommé, puis appliquez-le de nouveau. « relance config"
              " export » écrit un document juste.",
        "en": "Correct the document at the line or place that is named, then apply it again. “relance config export”"
              " writes one that is right.",
    },
    "waitlist_": {
        "fr": "Ouvrez « Liste d'attente » : le créneau, ses propositions et la liste disent ce qui est possible.",
        "en": "Open “Waiting list”: the slot, its offers and the list say what can be done.",
    },
    "survey_": {
        "fr": "Ouvrez le sondage : ses questions et ses résultats disent ce qui est possible.",
        "en": "Open the survey: its questions and its results say what can be done.",
    },
    "keyword_": {
        "fr": "Ouvrez « Sondages », puis « Mots-clés » : la règle du mot dit ce qui le suit.",
        "en": "Open “Surveys”, then “Keywords”: the rule of the word says what follows it.",
    },
    "sheet_": {
        "fr": "Enregistrez-le au format XLSX ou CSV, sans les feuilles inutiles, en plusieurs fichiers s'il est grand.",
        "en": "Save it as XLSX or CSV, without the sheets that are not needed, and as several files if it is large.",
    },
    "upload_": {
        "fr": "Choisissez le fichier à nouveau.",
        "en": "Choose the file again.",
    },
    "export_": {
        "fr": "Demandez le fichier une nouvelle fois.",
        "en": "Ask for the file once more.",
    },
    "": {
        "fr": "Lisez l'historique, corrigez ce que la phrase nomme, puis recommencez.",
        "en": "Read the history, correct what the sentence names, then try again.",
    },
    "number_": {
        "fr": "Corrigez le numéro : +33612345678, ou un numéro national avec « country ».",
        "en": "Correct the number: +33612345678, or a national number with `country`.",
    },
    "field_": {
        "fr": "Corrigez ce champ d'après /docs, puis envoyez à nouveau.",
        "en": "Correct this field, see /docs, then send it again.",
    },
    "segment_": {
        "fr": "Corrigez la condition que le pointeur nomme : docs/campaigns.md les montre toutes.",
        "en": "Correct the condition that the pointer names: docs/campaigns.md shows all of them.",
    },
    "audience_": {
        "fr": "Gardez une seule de ces façons : un segment, des conditions, ou des numéros.",
        "en": "Keep one of these: a segment, conditions, or numbers.",
    },
    "campaign_": {
        "fr": "Ouvrez la campagne : son état et ses chiffres disent ce qui est possible.",
        "en": "Open the campaign: its state and its figures say what can be done.",
    },
    "query_": {"fr": "Corrigez ce paramètre d'après /docs.", "en": "Correct this parameter, see /docs."},
    "template_": {
        "fr": "Corrigez le texte à la ligne nommée ; une variable s'écrit {{ first_name }}.",
        "en": "Correct the text on the line that is named; a variable is written {{ first_name }}.",
    },
    "value_": {"fr": "Donnez une valeur que le texte peut dire.", "en": "Give a value that the text can say."},
    "sender_": {
        "fr": "Changez l'expéditeur, ou laissez-le vide pour celui du pays.",
        "en": "Change the sender, or leave it empty for the country's own.",
    },
    "bad_": {
        "fr": "Corrigez ce champ d'après /docs, puis envoyez à nouveau.",
        "en": "Correct this field, see /docs, then send it again.",
    },
    "link_": {
        "fr": "Donnez l'adresse telle que le navigateur la montre, et une fin à venir.",
        "en": "Give the address as a browser shows it, and an end that is ahead.",
    },
    "verification_": {
        "fr": "Attendez une minute avant de redemander un code ; un texte à vous doit nommer {{ code }}.",
        "en": "Wait a minute before asking for another code; a text of your own must name {{ code }}.",
    },
    "fetch_": {
        "fr": "Ouvrez l'adresse dans un navigateur privé : elle doit répondre sans mot de passe.",
        "en": "Open the address in a private window: it must answer without a password.",
    },
    "calendar_": {
        "fr": "Corrigez les réglages de cet agenda sur la page de la connexion.",
        "en": "Correct the settings of this calendar on the connection's page.",
    },
    "provider_": {
        "fr": "Vérifiez le compte du fournisseur sur sa page ; les messages attendent entre-temps.",
        "en": "Check the provider's account on its page; messages wait meanwhile.",
    },
    "approved_": {
        "fr": "Choisissez un modèle approuvé à la page « Modèles WhatsApp », ou faites-en approuver un dans le"
              " gestionnaire WhatsApp de Meta.",
        "en": "Choose an approved template on the page “WhatsApp templates”, or have one approved in Meta's WhatsApp"
              " manager.",
    },
    "content_": {
        "fr": "Corrigez ce champ de « content » d'après docs/providers.md, puis envoyez à nouveau.",
        "en": "Correct this field of `content`, see docs/providers.md, then send it again.",
    },
    "channel_": {
        "fr": "Rien à faire si « channels » nomme un autre canal : il est essayé ensuite.",
        "en": "Nothing to do if `channels` names another channel: it is tried next.",
    },
    "window_": {
        "fr": "Donnez un modèle approuvé dans « content », ou un autre canal dans « channels ».",
        "en": "Give an approved template in `content`, or another channel in `channels`.",
    },
    "voice_caller_": {
        "fr": "Donnez à ce compte un numéro d'appel permis (« voice_sender ») : jamais un 06 ou un 07 ; pour démarcher,"
              " un numéro des tranches réservées (0162, 0163, 0270…).",
        "en": "Give the account a caller's number that is allowed (`voice_sender`): never 06 or 07; to prospect, one of"
              " the reserved ranges (0162, 0163, 0270…).",
    },
    "voice_no_address": {
        "fr": "Réglez l'adresse publique de Relance (RELANCE_PUBLIC_URL).",
        "en": "Set Relance's public address (RELANCE_PUBLIC_URL).",
    },
    "voice_no_consent": {
        "fr": "Demandez l'accord de la personne pour être appelée, et notez-le (portée « voice ») ; ou nommez un autre"
              " canal ensuite.",
        "en": "Ask the person's consent to being called, and note it (scope `voice`); or use another channel.",
    },
    "voice_attempts": {
        "fr": "Rien à faire : la loi limite les appels. Un autre canal de « channels » est essayé.",
        "en": "Nothing to do: the law limits calls. Another channel of `channels` is tried.",
    },
    "voice_refused": {
        "fr": "Rien à faire : c'est le choix de la personne. Un autre canal de « channels » est essayé.",
        "en": "Nothing to do: it is the person's choice. Another channel of `channels` is tried.",
    },
    "call_": {
        "fr": "Rien à faire si « channels » nomme un canal ensuite : il est essayé. Sinon, appelez vous-même.",
        "en": "Nothing to do if `channels` names a channel after it: it is tried. Otherwise, call yourself.",
    },
    "voice_": {
        "fr": "Mettez « ask_key » à true, ou retirez la question du texte.",
        "en": "Set `ask_key` to true, or take the question out of the text.",
    },
    "whatsapp_": {
        "fr": "Vérifiez le modèle ou le numéro dans WhatsApp Manager ; un autre canal de « channels » est essayé.",
        "en": "Check the template or the number in WhatsApp Manager; another channel of `channels` is tried.",
    },
    "custom_shop_": {
        "fr": "Corrigez ce champ dans ce que votre boutique envoie (le README de custom_shop dit la forme de chacun), "
              "puis envoyez à nouveau.",
        "en": "Correct this field in what your shop posts (custom_shop's README says the form of each), then post it "
              "again.",
    },
    "shop_": {
        "fr": "Vérifiez les réglages de cette boutique sur la page de la connexion.",
        "en": "Check the settings of this shop on the connection's page.",
    },
    "shopify_": {
        "fr": "Ouvrez la page de la connexion et reconnectez la boutique ; dans Shopify, Paramètres > Applications "
              "montre ce qui est permis.",
        "en": "Open the connection's page and connect the shop again; in Shopify, Settings > Apps shows what is "
              "allowed.",
    },
    "woocommerce_": {
        "fr": "Dans WordPress, ouvrez WooCommerce > Réglages > Avancé > API REST, puis reconnectez la boutique.",
        "en": "In WordPress, open WooCommerce > Settings > Advanced > REST API, then connect the shop again.",
    },
    "prestashop_": {
        "fr": "Dans PrestaShop, ouvrez Paramètres avancés > Webservice et cochez les droits de la clé.",
        "en": "In PrestaShop, open Advanced Parameters > Webservice and tick the rights of the key.",
    },
    "adobe_campaign_": {
        "fr": "Ouvrez la ligne de Campaign depuis la page Connexions : elle montre qui est connecté et la fiche à "
              "recopier ; integrations/adobe_campaign/README.md dit chaque réglage.",
        "en": "Open Campaign's line from the page Connections: it shows who is connected and the sheet to copy; "
              "integrations/adobe_campaign/README.md names every setting.",
    },
    "adobe_commerce_": {
        "fr": "Dans Adobe Commerce, ouvrez Système > Extensions > Intégrations et vérifiez l'intégration.",
        "en": "In Adobe Commerce, open System > Extensions > Integrations and check the integration.",
    },
    "salesforce_": {
        "fr": "Vérifiez la connexion Salesforce et la correspondance des champs sur sa page ; "
              "integrations/salesforce/README.md dit chaque réglage.",
        "en": "Check the Salesforce connection and its field mapping on its page; "
              "integrations/salesforce/README.md names every setting.",
    },
    "hubspot_": {
        "fr": "Vérifiez la connexion HubSpot sur sa page ; integrations/hubspot/README.md dit chaque réglage.",
        "en": "Check the HubSpot connection on its page; integrations/hubspot/README.md names every setting.",
    },
    "wordpress_": {
        "fr": "Vérifiez la connexion WordPress sur sa page, et Réglages → Relance sur le site ; "
              "wordpress_bridge/README.md dit chaque cas. Un code de connexion neuf se fait en un clic.",
        "en": "Check the WordPress connection on its page, and Settings → Relance on the site; "
              "wordpress_bridge/README.md names every case. A new connection code takes one click.",
    },
    "recipe_": {
        "fr": "Corrigez le champ indiqué sur la page de la recette.",
        "en": "Correct the field that is named on the recipe's page.",
    },
    "simulator_": {
        "fr": "C'est un téléphone simulé : ses quatre derniers chiffres disent ce qu'il fait.",
        "en": "This is a simulated phone: its last four digits say what it does.",
    },
}
_BY_LENGTH = sorted(FAMILIES, key=len, reverse=True)


def remedy(code: str, language: str = "fr") -> str:
    """What to do about `code`, in `language` ("fr" or "en")."""
    words = REMEDIES.get(code) or FAMILIES[next(prefix for prefix in _BY_LENGTH if code.startswith(prefix))]
    return words.get(language, words["en"])
