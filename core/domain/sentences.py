"""The sentences behind the reasons, in French and English. Adding a code here is all that a new reason needs."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, Mapping[str, str]] = {
    # numbers
    "number_unreadable": {
        "fr": "« {text} » n'est pas un numéro de téléphone.",
        "en": "“{text}” is not a telephone number.",
    },
    "number_needs_country": {
        "fr": "« {text} » est un numéro national : indiquez le pays, ou écrivez-le avec + et l'indicatif.",
        "en": "“{text}” is a national number: give `country`, or write it with + and the country code.",
    },
    "number_invalid": {
        "fr": "« {text} » n'est attribué à personne dans le plan de numérotation.",
        "en": "“{text}” is not a valid number in its country's numbering plan.",
    },
    # texts
    "template_syntax": {
        "fr": "Ligne {line} : ce texte ne se lit pas. Une variable s'écrit {{{{ prenom }}}}, une condition "
              "{{% if prenom %}} … {{% endif %}}.",
        "en": "Line {line}: {detail} A variable is written {{{{ first_name }}}}, a condition "
              "{{% if first_name %}} … {{% endif %}}.",
    },
    "template_forbidden": {
        "fr": "Ligne {line} : « {what} » n'est pas permis dans un texte ; seuls le sont les variables, « or », « if », "
              "les comparaisons et les filtres.",
        "en": "Line {line}: “{what}” is not allowed in a text; variables, “or”, “if”, comparisons and filters are.",
    },
    "template_unknown_filter": {
        "fr": "Ligne {line} : le filtre « {filter} » n'existe pas. Il y a : {known}.",
        "en": "Line {line}: there is no filter “{filter}”. There are: {known}.",
    },
    "template_filter_arguments": {
        "fr": "Ligne {line} : le filtre « {filter} » s'écrit autrement : default(\"texte\"), truncate(20), les autres "
              "sans parenthèses.",
        "en": "Line {line}: the filter “{filter}” is written otherwise: default(\"text\"), truncate(20), the others "
              "without parentheses.",
    },
    "template_stray_mark": {
        "fr": "Ligne {line} : « {mark} » resterait visible sur le téléphone ; il manque son autre moitié.",
        "en": "Line {line}: “{mark}” would be seen on the phone; its other half is missing.",
    },
    "template_too_deep": {
        "fr": "Ce texte emboîte trop de conditions ou de parenthèses : simplifiez-le.",
        "en": "This text nests too many conditions or parentheses: make it simpler.",
    },
    "template_too_long": {
        "fr": "Un modèle a {limit} caractères au plus.",
        "en": "A template has at most {limit} characters.",
    },
    "missing_value": {
        "fr": "La variable « {name} » n'a pas de valeur : donnez-en une, ou écrivez ce qui la remplace : "
              "{{{{ {name} or \"…\" }}}}.",
        "en": "The variable “{name}” has no value: give one, or write what replaces it: {{{{ {name} or \"…\" }}}}.",
    },
    "text_too_long": {
        "fr": "Un message a {limit} caractères au plus, une fois rempli.",
        "en": "A message has at most {limit} characters once it is filled.",
    },
    "value_naive_moment": {
        "fr": "« {name} » est une heure sans fuseau : ajoutez le décalage, par exemple 2026-10-26T09:00:00+01:00.",
        "en": "“{name}” is a time without a zone: add the offset, for instance 2026-10-26T09:00:00+01:00.",
    },
    "value_not_moment": {
        "fr": "« {text} » n'est pas une date : écrivez-la comme 2026-10-26T09:00:00+01:00.",
        "en": "“{text}” is not a date: write it like 2026-10-26T09:00:00+01:00.",
    },
    "value_not_address": {
        "fr": "« {text} » n'est pas une adresse http(s) : le filtre short n'en raccourcit pas d'autre.",
        "en": '"{text}" is no http(s) address: the filter short makes nothing else shorter.',
    },
    "value_not_money": {
        "fr": "« {text} » n'est pas une somme : donnez amount (en millionièmes, entier) et currency.",
        "en": "“{text}” is not a sum: give amount (a whole number of millionths) and currency.",
    },
    "value_not_text": {
        "fr": "« {text} » ne peut pas s'écrire dans un message : choisissez un de ses champs, ou un filtre.",
        "en": "“{text}” cannot be written in a message: choose one of its fields, or a filter.",
    },
    "value_not_comparable": {
        "fr": "Une condition compare des valeurs qui ne se comparent pas, comme un texte et un nombre.",
        "en": "A condition compares values that do not compare, such as a text and a number.",
    },
    "value_has_no_fields": {
        "fr": "« {text} » n'a pas de champ « {field} ».",
        "en": "“{text}” has no field “{field}”.",
    },
    # hours, consent, caps, senders
    "outside_hours": {
        "fr": "{from} est hors des heures ou des jours permis ({window}) : départ {to}.",
        "en": "{from} is outside the allowed hours or days ({window}): it leaves {to}.",
    },
    "moved_earlier": {
        "fr": "{from} est hors des heures ou des jours permis ({window}), et l'ouverture suivante"
              " vient trop tard (utile jusqu'au {until}) : départ avancé au {to}.",
        "en": "{from} is outside the allowed hours or days ({window}), and the next opening is too late"
              " (useful until {until}): it leaves earlier, on {to}.",
    },
    "no_window_before_deadline": {
        "fr": "{from} est hors des heures ou des jours permis ({window}), et rien n'est permis avant"
              " le {until}, où le message n'est plus utile.",
        "en": "{from} is outside the allowed hours or days ({window}), and nothing is allowed before"
              " {until}, when the message stops being useful.",
    },
    "no_window": {
        "fr": "Aucun moment n'est permis dans les quatorze jours qui suivent {from} ({window})."
              " Élargissez les horaires, ou indiquez le fuseau de la personne.",
        "en": "No moment is allowed in the fourteen days after {from} ({window})."
              " Widen the hours, or declare the person's zone.",
    },
    "past_useful": {
        "fr": "Prévu le {from}, après le {until} où le message n'est plus utile.",
        "en": "Due on {from}, after {until}, when the message stops being useful.",
    },
    "opted_out": {
        "fr": "La personne a répondu STOP (portée : {scope}).",
        "en": "The person answered STOP (scope: {scope}).",
    },
    "no_marketing_consent": {
        "fr": "Pas de consentement marketing enregistré pour cette personne.",
        "en": "No marketing consent is on record for this person.",
    },
    "quarantined": {
        "fr": "Ce numéro est en quarantaine : hors service, incapable de recevoir des textos, ou à quelqu'un d'autre.",
        "en": "This number is in quarantine: dead, unable to take texts, or somebody else's.",
    },
    # guards of the send path: caps, lateness, public forms
    "cap_has_room": {
        "fr": "Le plafond a de nouveau de la place : le message repart.",
        "en": "The cap has room again: the message goes on.",
    },
    "cap_removed": {
        "fr": "Le plafond a été supprimé : le message repart.",
        "en": "The cap was removed: the message goes on.",
    },
    "cap_refused": {
        "fr": "Refusé par une personne, après un plafond atteint.",
        "en": "Refused by a person, after a cap was reached.",
    },
    "cap_unknown": {
        "fr": "Il n'y a pas de plafond « {text} ».",
        "en": "There is no cap “{text}”.",
    },
    "cap_bad_most": {
        "fr": "Un plafond est un nombre entier positif de messages, ou un montant positif. Exemple : 500.",
        "en": "A cap is a positive whole number of messages, or a positive amount. Example: 500.",
    },
    "cap_too_many": {
        "fr": "Un espace a {most} plafonds au plus : supprimez-en un.",
        "en": "A workspace has {most} caps at most: remove one.",
    },
    "late_asked": {
        "fr": "En retard de {minutes} minutes après un arrêt du moteur : une personne décide s'il part encore.",
        "en": "Late by {minutes} minutes after the engine stood still: a person decides whether it still leaves.",
    },
    "late_skipped": {
        "fr": "En retard de {minutes} minutes après un arrêt du moteur : trop tard pour être utile.",
        "en": "Late by {minutes} minutes after the engine stood still: too late to be of use.",
    },
    "late_sent": {
        "fr": "Une personne l'a laissé partir malgré le retard.",
        "en": "A person let it leave although it is late.",
    },
    "late_refused": {
        "fr": "Trop tard : une personne l'a annulé après l'arrêt du moteur.",
        "en": "Too late: a person called it off after the standstill.",
    },
    # short links
    "link_target": {
        "fr": "Un lien mène à une adresse http ou https complète, sans mot de passe dedans.",
        "en": "A link leads to a whole http or https address, without a password in it.",
    },
    "link_domain_wrong": {
        "fr": "« {text} » n'est pas l'adresse d'un domaine : écrivez https://rdv.cabinet.fr, sans rien derrière.",
        "en": '"{text}" is no address of a domain: write https://go.clinic.org, and nothing behind it.',
    },
    "link_to_itself": {
        "fr": "Cette adresse est déjà un lien court.",
        "en": "This address is a short link already.",
    },
    "link_over": {"fr": "Ce moment est passé.", "en": "This moment is over."},
    # one-time codes
    "verification_too_soon": {
        "fr": "Un code est déjà parti vers ce numéro il y a moins de {seconds} secondes : il reste bon.",
        "en": "A code left for this number less than {seconds} seconds ago: it stays good.",
    },
    "verification_without_code": {
        "fr": "Le texte ne nomme pas le code : écrivez {{{{ code }}}} où il doit paraître.",
        "en": "The text does not name the code: write {{{{ code }}}} where it is to stand.",
    },
    "pumping_number": {
        "fr": "Ce type de numéro ({line}) n'est pas servi par un formulaire public.",
        "en": "A public form does not write to this kind of number ({line}).",
    },
    "pumping_country": {
        "fr": "Le pays {country} n'est pas ouvert aux formulaires publics.",
        "en": "The country {country} is not open to public forms.",
    },
    "pumping_closed": {
        "fr": "Ce numéro, son préfixe, son pays ou l'adresse qui le demande est fermé aux formulaires publics.",
        "en": "This number, its prefix or country, or the address that asks, is closed to public forms.",
    },
    "pumping_limit": {
        "fr": "Trop de demandes en {minutes} minutes : {count}, pour {most} au plus.",
        "en": "Too many requests in {minutes} minutes: {count}, and {most} is the most.",
    },
    "pumping_delay": {
        "fr": "Trop tôt pour redemander pour ce numéro : attendre {seconds} secondes depuis la dernière fois.",
        "en": "Too early to ask again for this number: {seconds} seconds have to pass since the last time.",
    },
    "pumping_sequence": {
        "fr": "Numéros qui se suivent en quelques minutes : signe d'un robot.",
        "en": "Numbers in a row within a few minutes: the sign of a robot.",
    },
    "pumping_conversion": {
        "fr": "Fermé : {sent} envois et {converted} confirmations, bien moins qu'ailleurs.",
        "en": "Closed: {sent} sent and {converted} confirmed, far fewer than elsewhere.",
    },
    "pumping_delivery": {
        "fr": "Fermé : {sent} envois et {converted} remis, bien moins qu'ailleurs.",
        "en": "Closed: {sent} sent and {converted} delivered, far fewer than elsewhere.",
    },
    "pumping_dead": {
        "fr": "Fermé : {count} numéros de cette plage n'existent pas, en moins d'une heure.",
        "en": "Closed: {count} numbers of this range do not exist, in less than an hour.",
    },
    "pumping_provider": {
        "fr": "Fermé : le fournisseur y voit du trafic gonflé.",
        "en": "Closed: the provider takes it for pumped traffic.",
    },
    "marked_by_hand": {
        "fr": "Choisi à la main : {what}.",
        "en": "Chosen by hand: {what}.",
    },
    "origin_unknown": {
        "fr": "« origin » est public_form, authenticated ou imported.",
        "en": "“origin” is public_form, authenticated or imported.",
    },
    "ip_unreadable": {
        "fr": "« {text} » n'est pas une adresse IP.",
        "en": "“{text}” is not an IP address.",
    },
    "quarantine_lifted": {
        "fr": "Le numéro peut de nouveau être essayé.",
        "en": "The number may be tried again.",
    },
    "bad_tolerance": {
        "fr": "Une durée en minutes de 1 à 10080, et envoyer, annuler ou demander.",
        "en": "A time of 1 to 10080 minutes, and send, skip or ask.",
    },
    "over_messages_cap": {
        "fr": "Plafond « {cap} » atteint : {used} messages sur {most} ({period}).",
        "en": "Cap “{cap}” reached: {used} messages of {most} ({period}).",
    },
    "over_money_cap": {
        "fr": "Plafond de dépense « {cap} » atteint pour la période ({period}).",
        "en": "Spending cap “{cap}” reached for the period ({period}).",
    },
    "over_person_cap": {
        "fr": "Cette personne a déjà reçu {used} messages, le plafond « {cap} » est de {most} ({period}).",
        "en": "This person already had {used} messages, and the cap “{cap}” is {most} ({period}).",
    },
    "sender_personal_number": {
        "fr": "« {sender} » est un numéro en 06 ou 07, interdit aux envois automatiques : prenez un nom, ou un 0937,"
              " 0938 ou 0939.",
        "en": "“{sender}” is a French 06 or 07 number, which automated systems must not use: take a name, or a 0937,"
              " 0938 or 0939 number.",
    },
    "sender_not_a_number": {
        "fr": "Un appel doit venir d'un numéro, et « {sender} » n'en est pas un.",
        "en": "A call must come from a number, and “{sender}” is none.",
    },
    "sender_no_names_there": {
        "fr": "« {sender} » : les noms d'expéditeur n'existent pas dans ce pays ({country}), prenez un numéro.",
        "en": "“{sender}”: sender names do not exist in {country}, take a number.",
    },
    "sender_bad_name": {
        "fr": "« {sender} » ne convient pas comme expéditeur ({country}) : de 3 à 11 lettres ou chiffres, dont une"
              " lettre au moins, et pas d'espace en France.",
        "en": "“{sender}” cannot be a sender name ({country}): 3 to 11 letters or digits, one letter at least, and no"
              " space in France.",
    },
    "sender_cannot_be_answered": {
        "fr": "Le texte demande une réponse, et personne ne peut répondre à un nom (« {sender} ») : prenez un numéro.",
        "en": "The text asks for an answer, and nobody can answer a name (“{sender}”): take a number.",
    },
    "zone_unknown": {
        "fr": "« {zone} » n'est pas un fuseau horaire connu. Exemple : Europe/Paris.",
        "en": "“{zone}” is not a known time zone. Example: Europe/Paris.",
    },
    "bad_hours": {
        "fr": "« {text} » ne se lit pas comme un jour (mon-fri) ni comme une plage horaire (09:00-18:00).",
        "en": "“{text}” reads neither as a day (mon-fri) nor as hours (09:00-18:00).",
    },
    "bad_duration": {
        "fr": "« {text} » n'est pas une durée. Exemples : PT48H (heures écoulées), P2D (jours du calendrier).",
        "en": "“{text}” is not a duration. Examples: PT48H (elapsed hours), P2D (calendar days).",
    },
    "bad_day_shift": {
        "fr": "Un décalage de {days} jours dépasse dix ans, ou ne rencontre aucun jour ouvré.",
        "en": "A shift of {days} days is more than ten years, or meets no working day.",
    },
    # addresses that are given to us
    "address_not_allowed": {
        "fr": "Cette adresse n'est pas acceptée : il faut une adresse http(s) publique, sans nom d'utilisateur ni mot "
              "de passe, qui ne mène pas (même par une redirection) à un réseau privé.",
        "en": "This address is not accepted: give a public http(s) address without a user name or password, which "
              "leads (redirects included) to no private network.",
    },
    "fetch_failed": {
        "fr": "{host} n'a pas répondu correctement : nous réessaierons.",
        "en": "{host} did not answer properly: we shall try again.",
    },
    "fetch_too_slow": {
        "fr": "{host} a mis trop de temps à répondre : nous réessaierons.",
        "en": "{host} took too long to answer: we shall try again.",
    },
    "fetch_too_large": {
        "fr": "La réponse de {host} est trop longue pour être lue.",
        "en": "The answer of {host} is too long to be read.",
    },
    "fetch_not_found": {
        "fr": "Le nom {host} est introuvable : vérifiez l'adresse.",
        "en": "The name {host} cannot be found: check the address.",
    },
    "fetch_goes_in_circles": {
        "fr": "{host} redirige plus de trois fois : donnez l'adresse d'arrivée.",
        "en": "{host} redirects more than three times: give the address where it ends.",
    },
    # calendars: files
    "not_a_calendar": {
        "fr": "Ce n'est pas un agenda iCal, peut-être une page web. Copiez l'adresse secrète au format iCal.",
        "en": "This is no iCal calendar: the address may give a web page. Copy the secret address in iCal format.",
    },
    "calendar_too_large": {
        "fr": "L'agenda dépasse {limit} Mo. Exportez une période plus courte, ou connectez-le par Google.",
        "en": "The calendar is larger than {limit} MB. Export a shorter period, or connect it through Google.",
    },
    "calendar_too_many_events": {
        "fr": "L'agenda contient plus de {limit} événements. Exportez une période plus courte.",
        "en": "The calendar holds more than {limit} events. Export a shorter period.",
    },
    "calendar_zone_unknown": {
        "fr": "Ligne {line} : fuseau horaire « {zone} » inconnu, lu comme {used}. Vérifiez l'heure affichée.",
        "en": "Line {line}: unknown time zone “{zone}”, read as {used}. Check the time shown.",
    },
    "event_unreadable": {
        "fr": "Ligne {line}, « {title} » : événement illisible ({detail}). Corrigez-le dans l'agenda.",
        "en": "Line {line}, “{title}”: this event cannot be read ({detail}). Correct it in the calendar.",
    },
    "event_without_start": {
        "fr": "Ligne {line}, « {title} » : l'événement n'a pas de début.",
        "en": "Line {line}, “{title}”: the event has no start.",
    },
    "event_unfinished": {
        "fr": "Ligne {line}, « {title} » : l'événement n'est pas terminé, le fichier est peut-être coupé.",
        "en": "Line {line}, “{title}”: the event does not end, the file may be cut off.",
    },
    "rule_unreadable": {
        "fr": "Ligne {line}, « {title} » : répétition illisible ({rule}). Seule la première date est prise.",
        "en": "Line {line}, “{title}”: the repetition cannot be read ({rule}). Only its first date is used.",
    },
    "repeats_too_often": {
        "fr": "Ligne {line}, « {title} » : se répète trop souvent. Ses répétitions sont laissées de côté.",
        "en": "Line {line}, “{title}”: repeats too often for appointments. Its repetitions are left out.",
    },
    # calendars: whose phone
    # Fields over there, a test
    "record_no_number": {
        "fr": "La fiche n'a pas de numéro de téléphone.",
        "en": "The record has no telephone number.",
    },
    "record_not_a_mobile": {
        "fr": "Le numéro de la fiche n'est pas un mobile.",
        "en": "The number of the record is no mobile.",
    },
    "record_opted_out": {
        "fr": "La personne ne veut plus de messages.",
        "en": "The person wants no more messages.",
    },
    "record_number_wrong": {
        "fr": "Le numéro de la fiche est illisible ou n'existe pas.",
        "en": "The number of the record cannot be read, or does not exist.",
    },
    "fields_contradict": {
        "fr": "Le même champ ne peut pas dire à la fois oui et non.",
        "en": "One field cannot say both yes and no.",
    },
    "test_to_record": {
        "fr": "Ce numéro est celui de la fiche : cochez la case pour écrire à cette personne pour de vrai.",
        "en": "This number is the record's own: tick the box to write to this person for real.",
    },
    "test_no_record": {
        "fr": "Choisissez d'abord une fiche qui a un numéro.",
        "en": "First choose a record that has a number.",
    },
    "no_number": {
        "fr": "Aucun numéro de téléphone dans ce rendez-vous. Ajoutez-le dans la description.",
        "en": "There is no telephone number in this appointment. Add it to the description.",
    },
    "two_numbers": {
        "fr": "Deux numéros possibles ({numbers}) : lequel ? Choisissez, ou écrivez « sms: » devant le bon.",
        "en": "Two numbers are possible ({numbers}): which one? Choose, or write “sms:” before the right one.",
    },
    "several_numbers": {
        "fr": "{count} numéros possibles ({numbers}) : lequel ? Choisissez, ou écrivez « sms: » devant le bon.",
        "en": "{count} numbers are possible ({numbers}): which one? Choose, or write “sms:” before the right one.",
    },
    "several_contacts": {
        "fr": "{count} contacts correspondent à « {who} » ({numbers}) : lequel ?",
        "en": "{count} contacts fit “{who}” ({numbers}): which one?",
    },
    "landline_only": {
        "fr": "Seul un numéro fixe est indiqué ({number}) : il ne reçoit pas de SMS. Ajoutez un mobile.",
        "en": "Only a landline is given ({number}): it takes no text messages. Add a mobile number.",
    },
    "fax_only": {
        "fr": "Seul un numéro de fax est indiqué ({number}). Ajoutez un mobile.",
        "en": "Only a fax number is given ({number}). Add a mobile number.",
    },
    "own_number_only": {
        "fr": "Seul votre propre numéro est indiqué ({number}). Ajoutez celui de la personne.",
        "en": "Only your own number is given ({number}). Add the person's.",
    },
    "conference_number_only": {
        "fr": "Seul le numéro d'une visioconférence est indiqué ({number}). Ajoutez le mobile de la personne.",
        "en": "Only a video call's dial-in is given ({number}). Add the person's mobile number.",
    },
    "special_number_only": {
        "fr": "Seul un numéro spécial est indiqué ({number}) : il ne reçoit pas de SMS. Ajoutez un mobile.",
        "en": "Only a special number is given ({number}): it takes no text messages. Add a mobile number.",
    },
    # calendars: appointments that stay silent
    "silenced": {
        "fr": "« {tag} » est écrit dans le rendez-vous : aucun rappel.",
        "en": "“{tag}” is written in the appointment: no reminder.",
    },
    "appointment_cancelled": {
        "fr": "Le rendez-vous est annulé dans l'agenda.",
        "en": "The appointment is cancelled in the calendar.",
    },
    "appointment_free": {
        "fr": "L'agenda montre ce moment comme libre, et vos réglages l'ignorent alors.",
        "en": "The calendar shows this time as free, and your settings then leave it out.",
    },
    "not_an_appointment": {
        "fr": "Ce n'est pas un rendez-vous avec quelqu'un ({type}).",
        "en": "This is no appointment with anybody ({type}).",
    },
    "declined_by_us": {
        "fr": "Vous avez décliné cette invitation dans l'agenda.",
        "en": "You declined this invitation in the calendar.",
    },
    "declined_by_guest": {
        "fr": "{guest} a décliné l'invitation.",
        "en": "{guest} declined the invitation.",
    },
    # ways out: what a provider or the line to it said
    "provider_not_begun": {
        "fr": "Rien n'est parti : l'envoi a été repris avant d'avoir commencé.",
        "en": "Nothing left: the sending was taken back before it had begun.",
    },
    "provider_unreachable": {
        "fr": "{provider} est injoignable, rien n'est parti : nous réessaierons.",
        "en": "{provider} cannot be reached, and nothing left: we shall try again.",
    },
    "provider_busy": {
        "fr": "{provider} demande de ralentir : rien n'est perdu, nous réessaierons.",
        "en": "{provider} asks to slow down: nothing is lost, we shall try again.",
    },
    "provider_away": {
        "fr": "{provider} n'est pas disponible (HTTP {status}) : nous réessaierons.",
        "en": "{provider} is not available (HTTP {status}): we shall try again.",
    },
    "provider_uncertain": {
        "fr": "{provider} n'a pas répondu clairement : ce message est peut-être parti. Nous le cherchons avant toute"
              " autre tentative.",
        "en": "{provider} gave no clear answer: this message may have left. We look for it before we try again.",
    },
    "provider_refused": {
        "fr": "{provider} refuse ce message : {detail}",
        "en": "{provider} refuses this message: {detail}",
    },
    "provider_redirects": {
        "fr": "L'adresse réglée pour {provider} renvoie ailleurs (HTTP {status}) : rien n'est parti, corrigez-la.",
        "en": "The address set for {provider} leads elsewhere (HTTP {status}): nothing left, correct that setting.",
    },
    "provider_key_refused": {
        "fr": "{provider} refuse la clé de ce compte : donnez-en une nouvelle. Les messages attendent. {detail}",
        "en": "{provider} refuses this account's key: give a new one. Messages wait. {detail}",
    },
    "provider_forbidden": {
        "fr": "La clé de ce compte {provider} n'a pas le droit de faire cela. Les messages attendent. {detail}",
        "en": "This {provider} account's key has no right to do that. Messages wait. {detail}",
    },
    "provider_no_credit": {
        "fr": "Le compte {provider} n'a plus assez de crédit : rechargez-le. Les messages attendent.",
        "en": "The {provider} account is out of credit: top it up. Messages wait.",
    },
    "provider_limit_reached": {
        "fr": "Le compte {provider} a atteint une de ses limites ({detail}). Les messages attendent.",
        "en": "The {provider} account has reached one of its limits ({detail}). Messages wait.",
    },
    "provider_no_such_channel": {
        "fr": "Ce compte {provider} ne sait pas envoyer par {channel}.",
        "en": "This {provider} account cannot send by {channel}.",
    },
    "provider_text_unreadable": {
        "fr": "Ce texte contient un caractère qui ne peut pas être transmis.",
        "en": "This text holds a character that cannot be transmitted.",
    },
    "provider_number_dead": {
        "fr": "Selon {provider}, ce numéro n'existe pas ou plus.",
        "en": "According to {provider}, this number does not exist, or no longer.",
    },
    "provider_number_silent": {
        "fr": "Cette personne a demandé à {provider} de ne plus recevoir de messages.",
        "en": "This person asked {provider} not to receive any more messages.",
    },
    "provider_spam": {
        "fr": "{provider} ou l'opérateur a pris ce texte pour du spam : changez-le avant d'autres envois.",
        "en": "{provider} or the operator took this text for spam: change it before sending more.",
    },
    "provider_not_suitable": {
        "fr": "Ce téléphone ou son réseau ne reçoit pas ce type de message ({detail}).",
        "en": "This phone or its network does not take this kind of message ({detail}).",
    },
    "provider_media_invalid": {
        "fr": "{provider} ne peut pas transmettre le média joint.",
        "en": "{provider} cannot transmit the attached media.",
    },
    "provider_expired": {
        "fr": "Le téléphone n'a pas été joint à temps.",
        "en": "The phone could not be reached in time.",
    },
    "provider_internal_error": {
        "fr": "{provider} a eu une panne interne avec ce message.",
        "en": "{provider} had an internal error with this message.",
    },
    "provider_cancelled": {
        "fr": "Ce message a été annulé chez {provider}.",
        "en": "This message was cancelled at {provider}.",
    },
    "provider_undelivered": {
        "fr": "{provider} n'a pas pu remettre ce message ({status}). {detail}",
        "en": "{provider} could not deliver this message ({status}). {detail}",
    },
    "provider_field_missing": {
        "fr": "« {field} » manque dans les réglages de ce compte {provider}.",
        "en": "“{field}” is missing from this {provider} account's settings.",
    },
    "provider_field_unknown": {
        "fr": "« {field} » n'est pas un réglage de {provider}. Il y a : {known}.",
        "en": "“{field}” is no setting of {provider}. There are: {known}.",
    },
    "provider_field_wrong": {
        "fr": "« {field} » ne convient pas. Exemple : {example}.",
        "en": "“{field}” cannot be used. Example: {example}.",
    },
    # ways out: Twilio, Sinch, any HTTP gateway
    "provider_sender_wrong": {
        "fr": "{provider} n'accepte pas cet expéditeur pour ce numéro : vérifiez les réglages du compte. {detail}",
        "en": "{provider} does not accept this sender for this number: check it in the account's settings. {detail}",
    },
    "provider_sender_missing": {
        "fr": "Aucun expéditeur n'est réglé pour ce compte {provider} : donnez-en un. Les messages attendent.",
        "en": "No sender is set for this {provider} account: give one. Messages wait.",
    },
    "provider_sender_unregistered": {
        "fr": "L'expéditeur n'est pas enregistré auprès des opérateurs de ce pays : faites-le chez {provider}.",
        "en": "The sender is not registered with that country's operators: register it at {provider}.",
    },
    "provider_region_closed": {
        "fr": "Ce compte {provider} n'est pas ouvert pour ce pays : ouvrez-le chez {provider}. {detail}",
        "en": "This {provider} account is not open for that country: open it at {provider}. {detail}",
    },
    "provider_trial_account": {
        "fr": "Ce compte {provider} est à l'essai : il n'écrit qu'aux numéros qui y sont vérifiés.",
        "en": "This {provider} account is on trial: it writes to numbers that were verified there only.",
    },
    "provider_account_suspended": {
        "fr": "{provider} a suspendu ce compte : voyez avec {provider}. Les messages attendent.",
        "en": "{provider} has suspended this account: ask {provider}. Messages wait.",
    },
    "provider_phone_unreachable": {
        "fr": "Le téléphone était injoignable, éteint ou hors réseau.",
        "en": "The phone could not be reached: off, or out of coverage.",
    },
    "provider_blocked": {
        "fr": "L'opérateur ou la personne bloque les messages de cet expéditeur.",
        "en": "The operator or the person blocks this sender's messages.",
    },
    "provider_fraud_guard": {
        "fr": "{provider} a bloqué ce message, le prenant pour une fraude (trafic gonflé vers ce préfixe).",
        "en": "{provider} blocked this message, taking it for fraud (inflated traffic to that prefix).",
    },
    "provider_partly_delivered": {
        "fr": "{provider} n'a remis qu'une partie de ce message.",
        "en": "{provider} delivered only a part of this message.",
    },
    "provider_no_way_out": {
        "fr": "Un message commercial doit dire comment ne plus en recevoir, et {provider} ne l'ajoute pas : écrivez-le "
              "dans le texte (« STOP 36xxx »), ou donnez stop_mention dans les réglages du compte.",
        "en": "A commercial message has to say how to get no more, and {provider} adds nothing: write it in the text "
              "(“STOP 36xxx”), or give stop_mention in the account's settings.",
    },
    "provider_text_too_long": {
        "fr": "{provider} prend {limit} caractères au plus.",
        "en": "{provider} takes {limit} characters at most.",
    },
    "provider_template_wrong": {
        "fr": "« {field} » : {detail} Les champs sont {known}.",
        "en": "“{field}”: {detail} The fields are {known}.",
    },
    # content for channels that show more than text
    "content_field_wrong": {
        "fr": "« {field} » ne convient pas. Exemple : {example}.",
        "en": "“{field}” cannot be used. Example: {example}.",
    },
    "content_field_unknown": {
        "fr": "« {field} » n'est pas un champ de ce contenu. Il y a : {known}.",
        "en": "“{field}” is no field of this content. There are: {known}.",
    },
    "content_field_missing": {
        "fr": "« {field} » manque dans ce contenu.",
        "en": "“{field}” is missing from this content.",
    },
    "content_one_of": {
        "fr": "Donnez un seul de ces champs : {fields}.",
        "en": "Give exactly one of these fields: {fields}.",
    },
    "content_how_many": {
        "fr": "Il en faut de {least} à {most}.",
        "en": "There must be {least} to {most} of them.",
    },
    "content_too_long": {
        "fr": "Ce texte a {limit} caractères au plus sur ce canal.",
        "en": "On this channel this text has at most {limit} characters.",
    },
    "content_no_room": {
        "fr": "Il ne reste pas de place pour les boutons OUI et NON : ce canal en montre {limit} au plus.",
        "en": "There is no room left for the buttons YES and NO: this channel shows at most {limit}.",
    },
    # conversations and files to take away
    "conversation_moved_on": {
        "fr": "Quelqu'un de la maison vient de répondre : relisez ce qui a été dit, puis envoyez si c'est encore utile.",
        "en": "Somebody of the house has just answered: read what was said, then send if it is still of use.",
    },
    "no_such_member": {
        "fr": "« {text} » n'est pas membre de cet espace.",
        "en": "“{text}” is no member of this workspace.",
    },
    "export_not_ready": {
        "fr": "Le fichier est en préparation : encore un instant.",
        "en": "The file is being made: one moment.",
    },
    "export_over": {
        "fr": "Ce fichier n'existe plus : chacun est gardé {days} jours.",
        "en": "This file is gone: each is kept for {days} days.",
    },
    "export_erased": {
        "fr": "Une personne a été effacée depuis, et pouvait s'y trouver : le fichier a été détruit.",
        "en": "Somebody was erased since, and may have been in it: the file was destroyed.",
    },
    "export_removed": {
        "fr": "Le fichier a été supprimé à la demande de quelqu'un de la maison.",
        "en": "Somebody of the house had the file removed.",
    },
    "export_failed": {
        "fr": "Le fichier n'a pas pu être préparé, même en réessayant.",
        "en": "The file could not be made, even when tried again.",
    },
    "export_interrupted": {
        "fr": "La préparation s'est interrompue ; elle reprend d'elle-même là où elle en était.",
        "en": "The work was interrupted; it goes on by itself from where it was.",
    },
    "too_many_exports": {
        "fr": "{most} fichiers sont déjà en préparation : attendez que l'un d'eux soit prêt.",
        "en": "{most} files are being made already: wait until one of them is ready.",
    },
    "voice_cannot_ask": {
        "fr": "Cet appel ne demande aucune touche : la personne ne pourrait pas répondre.",
        "en": "This call asks for no key: the person could not answer.",
    },
    # telephone calls: what became of one, and why one is not made
    "call_answered": {
        "fr": "Une personne a décroché et a entendu le message.",
        "en": "A person picked up and heard the message.",
    },
    "call_answered_unsure": {
        "fr": "On a décroché ; rien ne dit si c'était une personne ou un répondeur.",
        "en": "The call was answered; nothing says whether by a person or by a voicemail.",
    },
    "call_message_left": {
        "fr": "Message laissé sur le répondeur. Personne ne l'a confirmé.",
        "en": "Message left on the voicemail. Nobody has confirmed it.",
    },
    "call_key_pressed": {
        "fr": "La personne a tapé sur la touche {key}.",
        "en": "The person pressed key {key}.",
    },
    "call_key_unknown": {
        "fr": "Touche {key} : elle ne correspond à aucune réponse de ce message.",
        "en": "Key {key}: it is no answer to this message.",
    },
    "call_busy": {
        "fr": "La ligne était occupée.",
        "en": "The line was busy.",
    },
    "call_no_answer": {
        "fr": "Le téléphone a sonné, personne n'a décroché.",
        "en": "The phone rang, and nobody picked up.",
    },
    "call_ended": {
        "fr": "L'appel est terminé.",
        "en": "The call is over.",
    },
    "call_cut_short": {
        "fr": "L'appel s'est terminé avant que le message soit dit.",
        "en": "The call ended before the message was said.",
    },
    "call_voicemail": {
        "fr": "Un répondeur a décroché : raccroché sans laisser de message.",
        "en": "A voicemail answered: hung up without leaving a message.",
    },
    "call_fax": {
        "fr": "Un télécopieur a décroché : raccroché.",
        "en": "A fax machine answered: hung up.",
    },
    "call_failed": {
        "fr": "L'appel n'a pas pu être établi vers ce numéro.",
        "en": "The call could not be put through to this number.",
    },
    "call_cancelled": {
        "fr": "L'appel a été annulé avant d'aboutir.",
        "en": "The call was called off before it was answered.",
    },
    "call_again": {
        "fr": "Nouvel appel dans {minutes} minutes (appel {number} sur {most}).",
        "en": "It is called again in {minutes} minutes (call {number} of {most}).",
    },
    "voice_no_address": {
        "fr": "{provider} ne saurait où demander ce qu'il faut dire : ce compte n'a pas d'adresse publique.",
        "en": "{provider} would not know where to ask what to say: this account has no public address.",
    },
    "voice_caller_missing": {
        "fr": "Ce compte {provider} n'a pas de numéro d'où appeler.",
        "en": "This {provider} account has no number to call from.",
    },
    "voice_caller_not_for_prospecting": {
        "fr": "Le numéro affiché {sender} n'est pas l'un de ceux qui sont réservés au démarchage automatisé en France.",
        "en": "The number shown, {sender}, is none of those reserved in France for automated prospecting.",
    },
    "voice_no_consent": {
        "fr": "La loi demande un accord préalable pour démarcher par téléphone, et cette personne n'en a pas donné pour"
              " être appelée.",
        "en": "The law asks for a consent before prospecting by telephone, and this person gave none to being called.",
    },
    "voice_refused": {
        "fr": "Cette personne ne veut pas être appelée.",
        "en": "This person does not want to be called.",
    },
    "voice_attempts": {
        "fr": "Cette personne a déjà été appelée {most} fois en {days} jours : c'est le maximum permis.",
        "en": "This person was called {most} times within {days} days already: no more is allowed.",
    },
    "voice_refused_lately": {
        "fr": "Cette personne a refusé le démarchage : pas d'appel commercial pendant {days} jours.",
        "en": "This person refused prospecting: no commercial call for {days} days.",
    },
    # channels beside SMS: why this message does not go by one of them
    "window_closed": {
        "fr": "WhatsApp ne prend un texte libre que dans les 24 heures qui suivent un message de la personne ; au-delà,"
              " il faut un modèle approuvé.",
        "en": "WhatsApp takes free text only within 24 hours of a message from the person; later, an approved template"
              " is needed.",
    },
    "channel_unreachable": {
        "fr": "Ce téléphone ne reçoit pas les messages {channel}.",
        "en": "This phone does not receive {channel} messages.",
    },
    "channel_known_unreachable": {
        "fr": "Ce téléphone ne reçoit pas les messages {channel} (su depuis le {on}) : ce canal est sauté sans essai.",
        "en": "This phone does not receive {channel} messages (known since {on}): this channel is skipped untried.",
    },
    "channel_expired": {
        "fr": "Le message {channel} n'a pas été remis à temps, il ne s'affichera plus.",
        "en": "The {channel} message was not delivered in time, and will not be shown any more.",
    },
    "channel_unsuitable": {
        "fr": "Ce contenu ne peut pas être montré en {channel} sur ce téléphone ou par ce compte. {detail}",
        "en": "This content cannot be shown by {channel} on this phone or by this account. {detail}",
    },
    # templates that WhatsApp approves: what stands in a message's way before it is due
    "approved_missing": {
        "fr": "Aucun modèle WhatsApp ne s'appelle « {name} » sur ce compte.",
        "en": "No WhatsApp template of this account is called “{name}”.",
    },
    "approved_not_in_language": {
        "fr": "Le modèle WhatsApp « {name} » n'existe pas en {language} ; il existe en : {known}.",
        "en": "The WhatsApp template “{name}” does not exist in {language}; it exists in: {known}.",
    },
    "approved_gone": {
        "fr": "Le modèle WhatsApp « {name} » ({language}) a été supprimé ou archivé chez Meta.",
        "en": "The WhatsApp template “{name}” ({language}) was deleted or archived at Meta.",
    },
    "approved_pending": {
        "fr": "Meta examine encore le modèle WhatsApp « {name} » ({language}) : rien ne part avec lui d'ici là.",
        "en": "Meta is still reviewing the WhatsApp template “{name}” ({language}): nothing leaves with it until then.",
    },
    "approved_rejected": {
        "fr": "Meta a refusé le modèle WhatsApp « {name} » ({language}). {detail}",
        "en": "Meta rejected the WhatsApp template “{name}” ({language}). {detail}",
    },
    "approved_paused": {
        "fr": "Meta a suspendu le modèle WhatsApp « {name} » ({language}) : trop de personnes l'ont bloqué ou signalé."
              " {detail}",
        "en": "Meta has paused the WhatsApp template “{name}” ({language}): too many people blocked or reported it."
              " {detail}",
    },
    "approved_disabled": {
        "fr": "Meta a désactivé pour de bon le modèle WhatsApp « {name} » ({language}). {detail}",
        "en": "Meta has disabled the WhatsApp template “{name}” ({language}) for good. {detail}",
    },
    "approved_limited": {
        "fr": "Le compte WhatsApp a atteint son nombre de modèles : « {name} » ({language}) attend. {detail}",
        "en": "The WhatsApp account has as many templates as it may: “{name}” ({language}) waits. {detail}",
    },
    "approved_is_marketing": {
        "fr": "Meta range le modèle WhatsApp « {name} » ({language}) dans la publicité : il ne part qu'à qui a accepté"
              " la publicité, à ses heures et à son prix.",
        "en": "Meta counts the WhatsApp template “{name}” ({language}) as marketing: it leaves only to who agreed to"
              " marketing, at its hours and its price.",
    },
    "approved_variables": {
        "fr": "Le modèle WhatsApp « {name} » ({language}) attend {wanted} valeur(s) dans son texte, et ce message lui"
              " en donne {given}.",
        "en": "The WhatsApp template “{name}” ({language}) wants {wanted} value(s) in its text, and this message gives"
              " it {given}.",
    },
    "approved_names": {
        "fr": "Le modèle WhatsApp « {name} » ({language}) attend les valeurs nommées {wanted} ; ce message donne"
              " {given}.",
        "en": "The WhatsApp template “{name}” ({language}) wants the values named {wanted}; this message gives"
              " {given}.",
    },
    "approved_header": {
        "fr": "L'en-tête du modèle WhatsApp « {name} » ({language}) ne correspond pas : attendu {wanted}, donné"
              " {given}.",
        "en": "The header of the WhatsApp template “{name}” ({language}) does not match: wanted {wanted}, given"
              " {given}.",
    },
    "approved_button": {
        "fr": "Le bouton {place} (« {text} ») du modèle WhatsApp « {name} » ({language}) ne correspond pas à ce que le"
              " message lui donne.",
        "en": "Button {place} (“{text}”) of the WhatsApp template “{name}” ({language}) does not match what the message"
              " gives it.",
    },
    "approved_no_account": {
        "fr": "Ce compte ne dit pas son identifiant de compte WhatsApp Business ({field}) : ses modèles ne peuvent pas"
              " être lus.",
        "en": "This account does not say its WhatsApp Business account id ({field}): its templates cannot be read.",
    },
    "approved_not_here": {
        "fr": "Ce fournisseur n'approuve aucun modèle : il n'y a rien à lire.",
        "en": "This provider approves no templates: there is nothing to read.",
    },
    "approved_being_asked": {
        "fr": "La liste des modèles est en train d'être lue.",
        "en": "The list of templates is being read.",
    },
    "whatsapp_template_missing": {
        "fr": "Ce modèle WhatsApp n'existe pas ou n'est pas approuvé dans cette langue. {detail}",
        "en": "This WhatsApp template does not exist or is not approved in this language. {detail}",
    },
    "whatsapp_template_paused": {
        "fr": "Meta a suspendu ce modèle WhatsApp : trop de personnes l'ont bloqué ou signalé. {detail}",
        "en": "Meta has paused this WhatsApp template: too many people blocked or reported it. {detail}",
    },
    "whatsapp_template_refused": {
        "fr": "Les valeurs ne conviennent pas au modèle WhatsApp approuvé (nombre, longueur ou format). {detail}",
        "en": "The values do not fit the approved WhatsApp template (number, length or format). {detail}",
    },
    "whatsapp_person_capped": {
        "fr": "Meta limite les messages commerciaux que cette personne reçoit : rien sur WhatsApp avant 24 heures.",
        "en": "Meta limits the marketing messages that this person gets: nothing on WhatsApp for 24 hours.",
    },
    "whatsapp_person_excluded": {
        "fr": "Meta ne remet pas ce message WhatsApp à cette personne. {detail}",
        "en": "Meta does not deliver this WhatsApp message to this person. {detail}",
    },
    "whatsapp_sender_restricted": {
        "fr": "Meta restreint ce numéro WhatsApp : trop de messages signalés ou de règles enfreintes."
              " Les messages attendent. {detail}",
        "en": "Meta restricts this WhatsApp number: too many reported messages or broken rules."
              " Messages wait. {detail}",
    },
    "whatsapp_sender_unready": {
        "fr": "Ce numéro WhatsApp n'est pas prêt à envoyer (enregistrement, nom affiché ou compte verrouillé)."
              " Les messages attendent. {detail}",
        "en": "This WhatsApp number is not ready to send (registration, display name or a locked account)."
              " Messages wait. {detail}",
    },
    # SMPP
    "smpp_bind_refused": {
        "fr": "Le centre SMPP refuse ce compte ({status}) : vérifiez system_id, mot de passe et system_type, et que"
              " notre adresse est autorisée. Les messages attendent.",
        "en": "The SMPP centre refuses this account ({status}): check system_id, password and system_type, and that our"
              " address is allowed. Messages wait.",
    },
    "smpp_address_forbidden": {
        "fr": "L'adresse réglée pour ce compte SMPP mène à un réseau privé, que nous n'appelons pas sans l'accord de"
              " l'exploitant (RELANCE_ALLOW_PRIVATE_ADDRESSES). Les messages attendent.",
        "en": "This SMPP account's address leads into a private network, which we do not call unless the operator"
              " says so (RELANCE_ALLOW_PRIVATE_ADDRESSES). Messages wait.",
    },
    "smpp_settings_unusable": {
        "fr": "Les réglages de ce compte SMPP sont incomplets ou illisibles : saisissez-les à nouveau. Les messages"
              " attendent.",
        "en": "This SMPP account's settings are incomplete or cannot be read: enter them again. Messages wait.",
    },
    "smpp_account_refused": {
        "fr": "Le centre SMPP refuse l'expéditeur ou le service réglé pour ce compte ({status}) : corrigez-le. Les"
              " messages attendent.",
        "en": "The SMPP centre refuses this account's sender or service ({status}): correct it. Messages wait.",
    },
    "smpp_later": {
        "fr": "Le centre SMPP n'a pas pu prendre ce message maintenant ({status}) : nous réessaierons.",
        "en": "The SMPP centre could not take this message now ({status}): we shall try again.",
    },
    "smpp_part_missing": {
        "fr": "Le centre SMPP a pris {taken} des {total} parties de ce message, et pas les autres : il n'est pas envoyé"
              " une seconde fois de nous-mêmes.",
        "en": "The SMPP centre took {taken} of this message's {total} parts, and not the others: we do not send it a"
              " second time by ourselves.",
    },
    "smpp_sender_unusable": {
        "fr": "« {sender} » ne peut pas être un expéditeur : 11 lettres ou chiffres sans accent au plus, ou un numéro.",
        "en": "“{sender}” cannot be a sender: at most 11 letters or digits without accents, or a number.",
    },
    "smpp_text_too_long": {
        "fr": "Ce texte est trop long pour un seul message.",
        "en": "This text is too long for one message.",
    },
    "simulator_refused": {
        "fr": "Le simulateur refuse les numéros en 0003.",
        "en": "The simulator refuses numbers that end in 0003.",
    },
    "simulator_throttled": {
        "fr": "Le simulateur fait patienter une fois les numéros en 0005.",
        "en": "The simulator puts numbers that end in 0005 off once.",
    },
    "simulator_line_broke": {
        "fr": "Le simulateur coupe la ligne après avoir pris les messages aux numéros en 0006.",
        "en": "The simulator breaks the line after it took messages to numbers that end in 0006.",
    },
    "simulator_undeliverable": {
        "fr": "Le simulateur ne remet rien aux numéros en 0002.",
        "en": "The simulator delivers nothing to numbers that end in 0002.",
    },
    "simulator_book_away": {
        "fr": "Le simulateur n'a pas pu noter ce message : il est cherché avant toute autre tentative.",
        "en": "The simulator could not note this message: it is looked for before anything else is tried.",
    },
    "simulator_reply_length": {
        "fr": "Une réponse a de 1 à {limit} caractères.",
        "en": "A reply has 1 to {limit} characters.",
    },
    # what a person decided about a message
    "held_by_person": {"fr": "Retenu à la main.", "en": "Held by hand."},
    "released_by_person": {
        "fr": "Remis en route à la main, à l'heure prévue.",
        "en": "Let go by hand, for the moment that was planned.",
    },
    "sent_now_by_person": {
        "fr": "Envoi demandé tout de suite, à la main.",
        "en": "Somebody asked to send it at once.",
    },
    "cancelled_by_person": {"fr": "Annulé à la main.", "en": "Called off by hand."},
    "person_says_sent": {
        "fr": "Une personne a considéré ce message comme envoyé.",
        "en": "Somebody decided to consider it sent.",
    },
    "person_sends_again": {
        "fr": "Une personne a choisi de le renvoyer, au risque d'un doublon.",
        "en": "Somebody chose to send it again, at the risk of a double.",
    },
    "too_late_to_change": {
        "fr": "Trop tard : ce message n'attend plus. Ouvrez son histoire pour voir ce qu'il est devenu.",
        "en": "Too late: this message no longer waits. Open its story to see what became of it.",
    },
    "no_longer_useful": {
        "fr": "Ce message ne serait plus utile : son heure est passée.",
        "en": "This message would no longer be of use: its time is over.",
    },
    "nothing_to_correct": {
        "fr": "Rien à corriger : la personne connaît déjà la bonne heure.",
        "en": "Nothing to correct: the person already knows the right time.",
    },
    "bad_decision": {
        "fr": "Choisissez « considérer comme envoyé » ou « renvoyer ».",
        "en": "Choose “consider it sent” or “send it again”.",
    },
    "class_missing": {"fr": "Choisissez le type de message.", "en": "Choose the class of the message."},
    "bad_template_key": {
        "fr": "Un nom de modèle s'écrit en minuscules, chiffres, points et tirets, sans espace : rappel-veille.",
        "en": "A template's name has small letters, digits, dots and dashes, and no spaces: day-before.",
    },
    "template_key_taken": {
        "fr": "Il y a déjà un modèle « {text} » : modifiez-le, ou choisissez un autre nom.",
        "en": "There is a template “{text}” already: change it, or choose another name.",
    },
    "nothing_due": {
        "fr": "Aucun message n'attend : il n'y a pas de prochain départ.",
        "en": "No message waits: there is no next departure.",
    },
    "bad_step": {
        "fr": "L'horloge avance d'une heure, d'un jour ou jusqu'au prochain départ.",
        "en": "The clock turns by an hour, a day or to the next departure.",
    },
    # people in the console
    "role_missing": {
        "fr": "Il faut le rôle « {role} » pour cela. Un administrateur peut vous le donner dans les réglages.",
        "en": "This needs the role “{role}”. An administrator can give it to you in the settings.",
    },
    "form_expired": {
        "fr": "Cette page était ouverte depuis trop longtemps, ou d'une autre session. Rechargez-la et recommencez.",
        "en": "This page was open for too long, or in another session. Reload it and try again.",
    },
    # connections: the click, the grant, the vendor
    "access_denied": {
        "fr": "L'accès n'a pas été donné : rien n'est connecté. Recommencez et acceptez pour continuer.",
        "en": "The access was not granted: nothing is connected. Begin again and accept to go on.",
    },
    "vendor_refused": {
        "fr": "La plateforme a refusé la connexion ({text}). Recommencez depuis la page Connexions.",
        "en": "The platform refused the connection ({text}). Begin again from the Connections page.",
    },
    "vendor_away": {
        "fr": "{vendor} ne répond pas pour le moment : rien n'est perdu, nous réessayons.",
        "en": "{vendor} does not answer just now: nothing is lost, we try again.",
    },
    "code_missing": {
        "fr": "La plateforme n'a pas renvoyé de code : recommencez la connexion.",
        "en": "The platform sent no code back: begin the connection again.",
    },
    "state_unknown": {
        "fr": "Cette connexion a expiré, a déjà servi, ou vient d'un autre navigateur : recommencez-la ici.",
        "en": "This connection has expired, was used already, or comes from another browser: begin it again here.",
    },
    "no_oauth_application": {
        "fr": "Aucune application {vendor} n'est réglée : l'administrateur doit donner {setting} et son secret.",
        "en": "No {vendor} application is set up: the operator has to give {setting} and its secret.",
    },
    "oauth_application_refused": {
        "fr": "{vendor} refuse l'application de cette maison : l'administrateur doit vérifier son "
              "identifiant et son secret.",
        "en": "{vendor} refuses this house's application: the operator has to check its client id and secret.",
    },
    "grant_gone": {
        "fr": "L'accès a été retiré ou a expiré : reconnectez-vous. Les messages attendent.",
        "en": "The access was taken back or has expired: connect again. Messages wait.",
    },
    "token_refused": {
        "fr": "La plateforme ne reconnaît plus notre accès : reconnectez-vous si cela dure.",
        "en": "The platform no longer knows our access: connect again if this goes on.",
    },
    "being_refreshed": {
        "fr": "L'accès est en train d'être renouvelé : un instant.",
        "en": "The access is being renewed: one moment.",
    },
    "secrets_unreadable": {
        "fr": "Les secrets de cette connexion ne se déchiffrent plus (clé changée ?) : remettez l'ancienne "
              "clé, ou reconnectez-vous.",
        "en": "This connection's secrets can no longer be decrypted (was the key changed?): bring the old "
              "key back, or connect again.",
    },
    "connected_elsewhere": {
        "fr": "Ce compte est déjà connecté dans un autre espace de travail : il n'est jamais déplacé sans qu'on l'y "
              "déconnecte d'abord.",
        "en": "This account is already connected to another workspace: it is never moved unless it is disconnected "
              "there first.",
    },
    "gone_there": {
        "fr": "La plateforme a mis fin à la connexion : ce qui attendait est annulé.",
        "en": "The platform ended the connection: what waited was called off.",
    },
    "not_taken_down": {
        "fr": "{platform} n'a pas répondu : ce qui y reste de la connexion peut y être retiré à la main.",
        "en": "{platform} did not answer: what is left of the connection there can be removed by hand.",
    },
    "keys_not_proven": {
        "fr": "Les clés reçues n'ouvrent pas {host} : rien n'est connecté.",
        "en": "The keys that came do not open {host}: nothing is connected.",
    },
    "needs_https": {
        "fr": "La plateforme ne renvoie que vers une adresse https, et celle de Relance n'en est pas une.",
        "en": "The platform only comes back to an https address, and Relance's is none.",
    },
    "scope_unticked": {
        "fr": "Il manque une autorisation : {scope}.",
        "en": "A permission is missing: {scope}.",
    },
    "grant_ends": {
        "fr": "L'accès s'arrête le {at}.",
        "en": "The access ends on {at}.",
    },
    "another_account": {
        "fr": "Vous avez choisi un autre compte ({given}) que celui de cette connexion ({known}).",
        "en": "You chose another account ({given}) than this connection's ({known}).",
    },
    "connected_again": {
        "fr": "La connexion est rétablie : ce qui attendait repart.",
        "en": "The connection works again: what waited goes on.",
    },
    "disconnected": {
        "fr": "La connexion a été supprimée.",
        "en": "The connection was removed.",
    },
    "installation_reconnect": {
        "fr": "La connexion est à refaire : ce message attend.",
        "en": "The connection has to be made again: this message waits.",
    },
    "installation_paused": {
        "fr": "La connexion est en pause : ce message attend.",
        "en": "The connection is paused: this message waits.",
    },
    "not_revoked": {
        "fr": "L'accès n'a pas pu être retiré chez {vendor} : retirez-le dans les réglages de votre compte.",
        "en": "The access could not be revoked at {vendor}: take it away in your account's settings.",
    },
    "nothing_to_choose": {
        "fr": "Il n'y a rien à choisir dans cette connexion.",
        "en": "There is nothing to choose in this connection.",
    },
    "unknown_adapter": {
        "fr": "« {text} » n'est pas une plateforme connue. Il y a : {known}.",
        "en": "“{text}” is no platform that we know. There are: {known}.",
    },
    "unreadable": {
        "fr": "Cette demande est illisible : elle est gardée, et sera relue après correction.",
        "en": "This request cannot be read: it is kept, and can be read again after a fix.",
    },
    "database_away": {
        "fr": "La base de données ne répond pas : rien n'a été écrit à moitié, réessayez.",
        "en": "The database does not answer: nothing is half-written, try again.",
    },
    # planning: why a rule says nothing, and what changed
    "muted": {
        "fr": "Quelqu'un a choisi de ne rien envoyer pour ce rendez-vous.",
        "en": "Somebody chose to send nothing about this one.",
    },
    "not_cancelled": {
        "fr": "Rien n'est annulé : pas de message d'annulation.",
        "en": "Nothing is cancelled: no word of a cancellation.",
    },
    "nothing_told": {
        "fr": "La personne n'a encore rien reçu à ce sujet : rien à corriger.",
        "en": "The person was told nothing about it yet: nothing to correct.",
    },
    "not_moved": {
        "fr": "L'heure n'a pas changé depuis le dernier message.",
        "en": "The time has not changed since the last message.",
    },
    "occasion_cancelled": {
        "fr": "C'est annulé.",
        "en": "It was cancelled.",
    },
    "occasion_deleted": {
        "fr": "Ce rendez-vous n'existe plus là d'où il venait.",
        "en": "It is no longer there where it came from.",
    },
    "occasion_done": {
        "fr": "C'est fait : il n'y a plus rien à rappeler.",
        "en": "It is done: there is nothing left to remind of.",
    },
    "occasion_silenced": {
        "fr": "Il est marqué pour ne recevoir aucun message.",
        "en": "It is marked to get no message.",
    },
    "occasion_gone": {
        "fr": "Ce dont parlait ce message n'existe plus.",
        "en": "What this message was about is no longer there.",
    },
    "person_declined": {
        "fr": "La personne a répondu qu'elle ne viendra pas.",
        "en": "The person answered that they will not come.",
    },
    "no_start": {
        "fr": "Il n'y a pas de date à laquelle se rapporter.",
        "en": "There is no date to count from.",
    },
    "all_day_needs_day_rule": {
        "fr": "Pour une journée entière, choisissez un rappel à heure fixe (« la veille à 18 h »), pas en "
              "heures avant.",
        "en": "For a whole day choose a reminder at a fixed time (“the day before at 18:00”), not so many "
              "hours before.",
    },
    "booked_before_connection": {
        "fr": "Ce rendez-vous était déjà pris avant la connexion : pas de confirmation de réservation.",
        "en": "It was booked before the connection: no word about the booking.",
    },
    "not_a_mobile": {
        "fr": "Ce numéro ne reçoit pas de SMS ({line}).",
        "en": "This number takes no text messages ({line}).",
    },
    "too_late": {
        "fr": "Ce message n'était utile que jusqu'au {until}.",
        "en": "This message was useful until {until} only.",
    },
    "moment_over": {
        "fr": "Le moment prévu ({wanted}) était passé quand nous l'avons appris.",
        "en": "Its moment ({wanted}) was over when we learnt of it.",
    },
    "never_useful": {
        "fr": "Le moment prévu vient après la limite d'utilité ({until}) : changez la règle.",
        "en": "Its moment comes after it stops being useful ({until}): change the rule.",
    },
    "rule_gone": {
        "fr": "La règle a été supprimée, coupée, ou ne s'applique plus.",
        "en": "The rule was removed, switched off, or no longer applies.",
    },
    "already_told": {
        "fr": "La personne le sait déjà par un autre message.",
        "en": "The person knows it already from another message.",
    },
    "recipient_changed": {
        "fr": "Le numéro a changé.",
        "en": "The number has changed.",
    },
    "occasion_moved": {
        "fr": "Le rendez-vous a été déplacé.",
        "en": "The appointment was moved.",
    },
    "text_changed": {
        "fr": "Le texte a changé.",
        "en": "The text has changed.",
    },
    "plan_changed": {
        "fr": "Le moment d'envoi a changé.",
        "en": "The moment of sending has changed.",
    },
    "bad_when": {
        "fr": "Ce moment ne se lit pas. Exemples : {{\"before\": \"PT48H\"}}, {{\"days\": -1, \"at\": "
              "\"18:00\"}}, {{\"change\": \"moved\"}}.",
        "en": "This moment cannot be read. Examples: {{\"before\": \"PT48H\"}}, {{\"days\": -1, \"at\": "
              "\"18:00\"}}, {{\"change\": \"moved\"}}.",
    },
    "bad_short_when": {
        "fr": "« {text} » ne se lit pas. Exemples : -1d@18:00, -48h, +2h.",
        "en": "“{text}” cannot be read. Examples: -1d@18:00, -48h, +2h.",
    },
    "bad_days": {
        "fr": "Un nombre entier de jours, entre -400 et 400.",
        "en": "A whole number of days, from -400 to 400.",
    },
    "bad_time": {
        "fr": "« {text} » n'est pas une heure. Exemple : 18:00.",
        "en": "“{text}” is no time of day. Example: 18:00.",
    },
    "bad_zone_of": {
        "fr": "Le fuseau est celui de : occasion, recipient ou workspace.",
        "en": "The zone is that of: occasion, recipient or workspace.",
    },
    # sending: what was asked, who sends, what became of it
    "empty_text": {
        "fr": "Le message est vide.",
        "en": "The message is empty.",
    },
    "too_far_ahead": {
        "fr": "Ce moment est trop lointain pour être prévu.",
        "en": "This moment is too far ahead to be planned.",
    },
    "stale": {
        "fr": "Il n'était plus utile au moment de partir.",
        "en": "It was no longer useful when it was to leave.",
    },
    "unknown_template": {
        "fr": "Il n'y a pas de modèle « {text} ».",
        "en": "There is no template “{text}”.",
    },
    "reserved_reference": {
        "fr": "Une référence ne peut pas commencer par « {prefix} » : ces mots sont à nous.",
        "en": "A reference cannot begin with “{prefix}”: those words are ours.",
    },
    # Carts and orders.
    "ordered": {
        "fr": "La commande {order} est arrivée depuis le dernier changement du panier : plus rien à relancer.",
        "en": "Order {order} came since the cart last changed: there is nothing left to remind of.",
    },
    "ordered_while_leaving": {
        "fr": "Une commande est arrivée pendant que ce message partait : il ne peut plus être retenu.",
        "en": "An order came while this message was leaving: it cannot be held back any more.",
    },
    "below_amount": {
        "fr": "Le montant ({total}) est inférieur au minimum de la règle ({least}).",
        "en": "The amount ({total}) is below the rule's minimum ({least}).",
    },
    "amount_unknown": {
        "fr": "La boutique ne donne pas le montant, et la règle en demande un d'au moins {least}.",
        "en": "The shop does not tell the amount, and the rule asks for at least {least}.",
    },
    "other_currency": {
        "fr": "Le montant est en {currency}, le minimum de la règle en {wanted} : ils ne se comparent pas.",
        "en": "The amount is in {currency}, the rule's minimum in {wanted}: they cannot be compared.",
    },
    "country_not_wanted": {
        "fr": "Le numéro est d'un pays ({country}) que la règle ne vise pas ({wanted}).",
        "en": "The number belongs to a country ({country}) that the rule is not for ({wanted}).",
    },
    "nudged_for_another": {
        "fr": "Cette personne a déjà été relancée pour un autre panier il y a peu.",
        "en": "This person has been reminded of another cart a short while ago.",
    },
    "newer_cart": {
        "fr": "Cette personne a un panier plus récent : c'est de lui qu'on lui parlera.",
        "en": "This person has a newer cart: that is the one to be reminded of.",
    },
    "control_group": {
        "fr": "Groupe témoin : {percent} % des personnes ne sont pas relancées, pour mesurer ce que cela apporte.",
        "en": "Control group: {percent}% of people are not reminded, to measure what reminding brings.",
    },
    "no_hour_after_delay": {
        "fr": "Aucune heure permise entre la fin du délai et le dernier moment utile.",
        "en": "There is no allowed hour between the end of the delay and the last useful moment.",
    },
    "currency_unknown": {
        "fr": "« {text} » n'est pas un code de monnaie en trois lettres majuscules (EUR).",
        "en": "“{text}” is not a currency code of three capital letters (EUR).",
    },
    "amount_unreadable": {
        "fr": "« {text} » n'est pas un montant : un nombre positif, comme \"84.70\".",
        "en": "“{text}” is not an amount: a positive number such as \"84.70\".",
    },
    "amount_too_fine": {
        "fr": "« {text} » a plus de décimales que la monnaie {currency} ({decimals}).",
        "en": "“{text}” has more decimals than the currency {currency} has ({decimals}).",
    },
    "custom_shop_not_json": {
        "fr": "Le corps de la requête n'est pas du JSON lisible ({detail}).",
        "en": "The request's body is not readable JSON ({detail}).",
    },
    "custom_shop_not_object": {"fr": "Un objet JSON est attendu ici.", "en": "A JSON object is expected here."},
    "custom_shop_not_list": {"fr": "Une liste est attendue ici.", "en": "A list is expected here."},
    "custom_shop_not_text": {"fr": "Un texte est attendu ici.", "en": "A text is expected here."},
    "custom_shop_not_boolean": {"fr": "true ou false est attendu ici.", "en": "true or false is expected here."},
    "custom_shop_list_length": {
        "fr": "Cette liste a {most} éléments au plus.",
        "en": "This list has at most {most} entries.",
    },
    "custom_shop_text_length": {
        "fr": "Ce texte a de 1 à {most} caractères.",
        "en": "This text has from 1 to {most} characters.",
    },
    "custom_shop_field_needed": {"fr": "Ce champ est obligatoire.", "en": "This field is required."},
    "custom_shop_unknown_field": {
        "fr": "« {name} » n'est pas un champ que nous lisons. Connus : {known}.",
        "en": "“{name}” is not a field that we read. Known: {known}.",
    },
    "custom_shop_type": {
        "fr": "« {text} » n'est pas un type d'événement. Connus : {known}.",
        "en": "“{text}” is not a type of event. Known: {known}.",
    },
    "custom_shop_id": {
        "fr": "« {text} » n'est pas un identifiant : de 1 à 80 lettres, chiffres ou signes, sans espace ni accent.",
        "en": "“{text}” is not an id: 1 to 80 letters, digits or signs, without spaces or accents.",
    },
    "custom_shop_moment": {
        "fr": "« {text} » n'est pas un moment avec son décalage, comme 2026-11-30T10:00:00+01:00.",
        "en": "“{text}” is not a moment with its offset, such as 2026-11-30T10:00:00+01:00.",
    },
    "custom_shop_link": {
        "fr": "Ce n'est pas une adresse https:// que l'on peut ouvrir.",
        "en": "This is not an https:// address that can be opened.",
    },
    "custom_shop_status": {
        "fr": "« {text} » n'est pas un statut : un mot en minuscules, comme confirmed, shipped, ready, cancelled.",
        "en": "“{text}” is not a status: one lower-case word such as confirmed, shipped, ready, cancelled.",
    },
    "custom_shop_scope": {
        "fr": "« {text} » : un refus porte sur marketing ou all.",
        "en": "“{text}”: a refusal is of marketing or of all.",
    },
    "custom_shop_quantity": {
        "fr": "Une quantité est un nombre entier à partir de 1.",
        "en": "A quantity is a whole number from 1.",
    },
    "custom_shop_email": {"fr": "« {text} » n'est pas une adresse e-mail.", "en": "“{text}” is not an e-mail address."},
    "custom_shop_language": {
        "fr": "« {text} » n'est pas une langue, comme fr ou en.",
        "en": "“{text}” is not a language such as fr or en.",
    },
    "custom_shop_nobody": {
        "fr": "Dites de qui il s'agit : un numéro, un identifiant de client ou une adresse e-mail.",
        "en": "Say who it is about: a number, a customer's id or an e-mail address.",
    },
    "custom_shop_consent_nobody": {
        "fr": "Un accord pour des SMS demande le numéro de mobile de la personne.",
        "en": "Consent to text messages needs the person's mobile number.",
    },
    "custom_shop_secret_short": {
        "fr": "Un secret de signature a de {least} à 200 caractères sans accent.",
        "en": "A signing secret has from {least} to 200 characters of ASCII.",
    },
    "occasion_emptied": {
        "fr": "Le panier a été vidé avant.",
        "en": "The cart was emptied before.",
    },
    "only_for_carts": {
        "fr": "Cette condition ne vaut que pour les paniers (un montant minimum : aussi pour les commandes).",
        "en": "This condition is for carts only (a smallest amount: for orders too).",
    },
    # discount codes
    "discount_days": {
        "fr": "Un code de remise vaut de 1 à {most} jours.",
        "en": "A discount code is good for 1 to {most} days.",
    },
    "discount_one_of": {
        "fr": "Une remise est un pourcentage ou un montant, l'un des deux.",
        "en": "A discount is a percentage or an amount, one of the two.",
    },
    "discount_percent": {
        "fr": "Le pourcentage d'une remise va de 1 à 100, sans décimale.",
        "en": "The percentage of a discount is between 1 and 100, without decimals.",
    },
    "discount_amount": {
        "fr": "Ce montant ne convient pas à une remise en {currency}.",
        "en": "This amount does not suit a discount in {currency}.",
    },
    "discount_not_here": {
        "fr": "Cette connexion ne sait pas créer de codes de remise : Shopify, WooCommerce et WordPress le savent.",
        "en": "This connection cannot make discount codes: Shopify, WooCommerce and WordPress can.",
    },
    "discount_unsaid": {
        "fr": "Le texte ne dit pas le code : la personne ne le connaîtrait pas.",
        "en": "The text does not say the code: the person would not know it.",
    },
    "keys_refused": {
        "fr": "{platform} n'accepte pas ces clés.",
        "en": "{platform} does not take these keys.",
    },
    "discount_unpromised": {
        "fr": "Le texte dit un code, et aucune remise n'est choisie : personne n'aurait de code, et rien ne partirait.",
        "en": "The text says a code, and no discount is chosen: nobody would have a code, and nothing would leave.",
    },
    "discount_refused": {
        "fr": "La boutique n'a pas accepté de créer le code de remise : {detail}",
        "en": "The shop did not agree to make the discount code: {detail}",
    },
    "discount_not_allowed": {
        "fr": "La boutique ne nous a pas donné le droit de créer des codes de remise.",
        "en": "The shop has not given us the right to make discount codes.",
    },
    "discount_code_taken": {
        "fr": "Un autre code de la boutique porte déjà ce nom : {text}.",
        "en": "Another code of the shop has this name already: {text}.",
    },
    "discount_other_currency": {
        "fr": "La boutique compte en {currency} : une remise en {wanted} n'y est pas possible.",
        "en": "The shop counts in {currency}: a discount in {wanted} is not possible there.",
    },
    "uplift_not_enough": {
        "fr": "Pas encore assez de paniers pour comparer : {nudged} relancés, {control} dans le groupe témoin.",
        "en": "Not enough carts yet to compare: {nudged} reminded, {control} in the control group.",
    },
    "uplift_unclear": {
        "fr": "La différence peut encore tenir au hasard.",
        "en": "The difference may still be chance.",
    },
    "uplift_clear": {
        "fr": "La différence ne tient pas au hasard (certitude d'au moins 95 %).",
        "en": "The difference is not chance (certainty of at least 95%).",
    },
    "silent": {
        "fr": "Cette connexion ne nous parle plus depuis {hours} h, alors qu'elle nous écrit d'habitude toutes les "
              "{usual}. Vérifiez de l'autre côté.",
        "en": "This connection has been silent for {hours} h, although it usually speaks every {usual}. "
              "Check the other side.",
    },
    # What a platform asks for itself, and what it is asked again before a message leaves.
    "asking_platform": {
        "fr": "Juste avant l'envoi, nous vérifions auprès de la plateforme que ce message est toujours souhaité.",
        "en": "Just before it leaves, we check with the platform that this message is still wanted.",
    },
    "platform_confirms": {
        "fr": "La plateforme ne s'y oppose pas : le message part.",
        "en": "The platform has nothing against it: the message leaves.",
    },
    "platform_silent": {
        "fr": "La plateforme ne répond pas depuis 10 minutes : ce message de service part d'après ce que nous savons.",
        "en": "The platform has not answered for 10 minutes: this service message leaves on what we know.",
    },
    "wish_unreadable": {
        "fr": "La plateforme demande un type de message ou un canal que nous ne connaissons pas.",
        "en": "The platform asks for a class of message or a channel that we do not know.",
    },
    "no_rule": {
        "fr": "Aucune règle active ne concerne cet événement : il est gardé, et rien ne part.",
        "en": "No active rule speaks about this event: it is kept, and nothing leaves.",
    },
    "question_unknown": {
        "fr": "Cette question n'existe pas : {text}.",
        "en": "There is no such question: {text}.",
    },
    "called_off_there": {
        "fr": "La plateforme a annulé les messages prévus pour cette personne.",
        "en": "The platform has called off the messages planned for this person.",
    },
    "in_rehearsal": {
        "fr": "La connexion est en répétition : rien ne part. Mettez-la en service pour envoyer.",
        "en": "The connection is in rehearsal: nothing leaves. Put it into service to send.",
    },
    "platform_disconnected": {
        "fr": "L'application a été désinstallée sur la plateforme.",
        "en": "The application was uninstalled on the platform.",
    },
    "no_account": {
        "fr": "Aucun compte d'envoi n'est connecté : le message attend.",
        "en": "No provider account is connected: the message waits.",
    },
    "no_account_for": {
        "fr": "Aucun compte ne sait envoyer par {channel} vers ce pays ({country}).",
        "en": "No account can send by {channel} to this country ({country}).",
    },
    "account_held": {
        "fr": "Le compte « {account} » est suspendu : le message attend.",
        "en": "The account “{account}” is on hold: the message waits.",
    },
    "account_back": {
        "fr": "Le compte d'envoi fonctionne de nouveau.",
        "en": "The provider account works again.",
    },
    "account_trouble": {
        "fr": "Le compte d'envoi a un problème : ses messages attendent.",
        "en": "The provider account is in trouble: its messages wait.",
    },
    "dead_number": {
        "fr": "Ce numéro n'existe pas ou plus.",
        "en": "This number does not exist, or no longer.",
    },
    "sender_died": {
        "fr": "L'envoi s'est interrompu en chemin : ce message est peut-être parti, nous le cherchons.",
        "en": "The sending broke off on its way: this message may have left, we look for it.",
    },
    # what the engine could not do by itself
    "engine_failed": {
        "fr": "Une erreur interne a empêché cette étape : elle sera retentée, et le journal en garde le détail.",
        "en": "An internal error kept this step from happening: it is tried again, and the log has the details.",
    },
    "provider_failed": {
        "fr": "La passerelle du fournisseur a échoué ({detail}).",
        "en": "The provider's module failed ({detail}).",
    },
    "account_gone": {
        "fr": "Le compte qui a peut-être déjà ce message n'existe plus : à vous de décider.",
        "en": "The account that may have this message already is gone: it is for you to decide.",
    },
    "not_begun": {
        "fr": "L'envoi s'est interrompu avant ce message : il repart.",
        "en": "The sending broke off before this message: it goes again.",
    },
    "looked_up_found": {
        "fr": "Le fournisseur, interrogé, l'a bien reçu.",
        "en": "The provider, when asked, has it.",
    },
    "looked_up_gone": {
        "fr": "Le fournisseur, interrogé, ne l'a jamais eu : il repart.",
        "en": "The provider, when asked, never had it: it goes again.",
    },
    "provider_is_idempotent": {
        "fr": "Ce fournisseur reconnaît un message déjà reçu : le renvoi est sans risque.",
        "en": "This provider knows a message that it has already: sending again is safe.",
    },
    "class_sends_again": {
        "fr": "Un code vaut mieux deux fois que jamais : il repart.",
        "en": "A code is better sent twice than never: it goes again.",
    },
    "endpoint_answered": {
        "fr": "Votre adresse a répondu {status}.",
        "en": "Your endpoint answered {status}.",
    },
    # replies and reports
    "answer_confirmed": {
        "fr": "La personne confirme.",
        "en": "The person confirms.",
    },
    "answer_declined": {
        "fr": "La personne ne viendra pas.",
        "en": "The person will not come.",
    },
    "answers_closed": {
        "fr": "La personne répond à quelque chose qui n'est plus d'actualité.",
        "en": "The person answers something that is over.",
    },
    "answers_old_time": {
        "fr": "La personne répond à l'ancienne heure : la nouvelle lui a été rappelée.",
        "en": "The person answers the old time: they were told the new one.",
    },
    "asked_which": {
        "fr": "Plusieurs rendez-vous possibles : la question lui a été posée.",
        "en": "Several appointments are possible: the person was asked which.",
    },
    "for_a_person": {
        "fr": "Cette réponse est pour vous : aucune machine ne l'a interprétée.",
        "en": "This reply is for you: no machine took it for something.",
    },
    "started": {
        "fr": "La personne veut de nouveau recevoir des messages.",
        "en": "The person wants messages again.",
    },
    "stopped": {
        "fr": "La personne ne veut plus de messages (portée : {scopes}).",
        "en": "The person wants no more messages (scope: {scopes}).",
    },
    "report_superseded": {
        "fr": "Une réponse plus récente a été transmise à la place.",
        "en": "A newer answer was passed on instead.",
    },
    "reporting_switched_off": {
        "fr": "Le retour vers la plateforme est coupé.",
        "en": "Reporting to the platform is switched off.",
    },
    # Google Calendar and iCal addresses
    "calendar_one_way_in": {
        "fr": "Donnez un seul accès à l'agenda, parmi : {known}.",
        "en": "Give one way into the calendar, one of: {known}.",
    },
    "calendar_field_unknown": {
        "fr": "« {field} » n'est pas un réglage de cet accès. Il y a : {known}.",
        "en": "“{field}” is no setting of this way in. There are: {known}.",
    },
    "calendar_field_not_text": {
        "fr": "« {field} » doit être un texte.",
        "en": "“{field}” has to be a text.",
    },
    "calendar_field_not_boolean": {
        "fr": "« {field} » doit être true ou false.",
        "en": "“{field}” has to be true or false.",
    },
    "calendar_field_not_list": {
        "fr": "« {field} » doit être une liste.",
        "en": "“{field}” has to be a list.",
    },
    "calendar_id_wrong": {
        "fr": "« {text} » n'est pas l'identifiant d'un agenda.",
        "en": "“{text}” is no calendar id.",
    },
    "calendar_place_wrong": {
        "fr": "« {text} » n'est pas un endroit où chercher. Exemples : anywhere, title, description, line:2.",
        "en": "“{text}” is no place to look in. Examples: anywhere, title, description, line:2.",
    },
    "calendar_write_back_wrong": {
        "fr": "Donnez true, false, ou {{\"title\": true, \"color\": false}}.",
        "en": "Give true, false, or {{\"title\": true, \"color\": false}}.",
    },
    "country_unknown": {
        "fr": "« {text} » n'est pas un pays en deux lettres. Exemple : FR.",
        "en": "“{text}” is no country in two letters. Example: FR.",
    },
    "ical_address_wrong": {
        "fr": "Ce n'est pas une adresse iCal : elle commence par https:// ou webcal:// et finit souvent par .ics.",
        "en": "This is no iCal address: it begins with https:// or webcal:// and often ends in .ics.",
    },
    "ical_address_missing": {
        "fr": "L'adresse iCal manque : redonnez-la.",
        "en": "The iCal address is missing: give it again.",
    },
    "ical_address_refused": {
        "fr": "{host} ne donne plus l'agenda à cette adresse (HTTP {status}). Si elle a été réinitialisée, "
              "redonnez la nouvelle.",
        "en": "{host} no longer gives the calendar at this address (HTTP {status}). If the address was "
              "reset, give the new one.",
    },
    "ical_away": {
        "fr": "{host} ne répond pas correctement (HTTP {status}) : nous réessayons, les rappels prévus restent.",
        "en": "{host} does not answer properly (HTTP {status}): we try again, and planned reminders stay.",
    },
    "calendar_cut_off": {
        "fr": "Le fichier de l'agenda s'arrête avant sa fin : ce qui y manque n'est pas annulé.",
        "en": "The calendar's file stops before its end: what is missing from it is not called off.",
    },
    "no_calendar_chosen": {
        "fr": "Aucun agenda n'est choisi : cochez-en au moins un.",
        "en": "No calendar is chosen: tick one at least.",
    },
    "too_many_calendars": {
        "fr": "{limit} agendas au plus par connexion.",
        "en": "At most {limit} calendars for a connection.",
    },
    "calendar_looks_personal": {
        "fr": "Cet agenda a l'air personnel : il n'est pas coché.",
        "en": "This calendar looks personal: it is not ticked.",
    },
    "calendar_without_details": {
        "fr": "Google ne montre que les moments occupés de cet agenda, sans leurs détails : aucun numéro "
              "ne peut y être lu.",
        "en": "Google shows only when this calendar is busy, without details: no number can be read from it.",
    },
    "calendar_gone": {
        "fr": "L'agenda {calendar} n'existe plus ou n'est plus partagé : il n'est plus lu. Ses rappels "
              "déjà prévus restent ; décochez-le pour les annuler.",
        "en": "The calendar {calendar} is no longer there, or no longer shared: it is not read any more. "
              "Its planned reminders stay; untick it to call them off.",
    },
    "calendar_forbidden": {
        "fr": "Google refuse l'accès à l'agenda {calendar} ({why}). Ses rappels déjà prévus restent ; "
              "décochez-le pour les annuler.",
        "en": "Google refuses access to the calendar {calendar} ({why}). Its planned reminders stay; "
              "untick it to call them off.",
    },
    "google_says_no": {
        "fr": "Google a refusé ({why}). {detail}",
        "en": "Google said no ({why}). {detail}",
    },
    "google_scope_missing": {
        "fr": "L'autorisation « {scope} » n'a pas été donnée : reconnectez-vous et laissez toutes les "
              "cases cochées.",
        "en": "The permission “{scope}” was not granted: connect again and leave every box ticked.",
    },
    "google_slow_down": {
        "fr": "Google demande de ralentir : rien n'est perdu, nous réessayons.",
        "en": "Google asks to slow down: nothing is lost, we try again.",
    },
    "google_quota": {
        "fr": "La limite d'usage de ce compte Google est atteinte : nouvel essai dans quelques heures. Les "
              "rappels prévus restent.",
        "en": "This Google account's usage limit is reached: we try again in some hours. Planned reminders stay.",
    },
    "google_daily_limit": {
        "fr": "La limite du jour chez Google est atteinte : nouvel essai plus tard. Les rappels prévus restent.",
        "en": "Google's limit for the day is reached: we try again later. Planned reminders stay.",
    },
    "google_api_off": {
        "fr": "L'API de Google Agenda n'est pas activée dans le projet Google de cette maison : "
              "l'administrateur doit l'activer.",
        "en": "The Google Calendar API is not enabled in this house's Google project: the operator has to "
              "enable it.",
    },
    "google_away": {
        "fr": "Google ne répond pas pour le moment (HTTP {status}) : nous réessayons, les rappels prévus restent.",
        "en": "Google does not answer just now (HTTP {status}): we try again, and planned reminders stay.",
    },
    "google_full_sync_waits": {
        "fr": "Google demande de tout relire, et nous venons de le faire : nouvelle lecture dans l'heure.",
        "en": "Google asks us to read everything again, and we have just done so: it is read again within the hour.",
    },
    "contacts_not_readable": {
        "fr": "Les contacts Google ne sont pas lisibles : autorisez-les en vous reconnectant, ou coupez ce réglage.",
        "en": "Google's contacts cannot be read: allow it by connecting again, or switch this setting off.",
    },
    "channels_not_stopped": {
        "fr": "{count} canal(aux) de notification n'ont pas pu être fermés : ils finissent d'eux-mêmes en "
              "une semaine.",
        "en": "{count} notification channel(s) could not be stopped: they end by themselves within a week.",
    },
    "service_account_wrong": {
        "fr": "« {field} » manque ou ne convient pas : donnez le fichier JSON de la clé du compte de service.",
        "en": "“{field}” is missing or cannot be used: give the JSON file of the service account's key.",
    },
    "service_account_token_address": {
        "fr": "Cette clé nomme une adresse de jetons qui n'est pas celle de Google.",
        "en": "This key names a token address that is not Google's.",
    },
    "service_account_refused": {
        "fr": "Google refuse ce compte de service ({detail}) : vérifiez sa clé, la délégation et ses autorisations.",
        "en": "Google refuses this service account ({detail}): check its key, the delegation and its scopes.",
    },
    "appointment_gone": {
        "fr": "Le rendez-vous n'est plus dans l'agenda.",
        "en": "The appointment is no longer in the calendar.",
    },
    "series_not_written": {
        "fr": "C'est une série entière : seule une de ses dates peut être marquée.",
        "en": "This is a whole series: only one of its dates can be marked.",
    },
    "event_keeps_changing": {
        "fr": "Le rendez-vous change sans cesse : la réponse sera notée plus tard.",
        "en": "The appointment keeps changing: the answer is noted later.",
    },
    "write_scope_missing": {
        "fr": "Relance n'a pas le droit d'écrire dans l'agenda : reconnectez-vous en l'autorisant, ou "
              "coupez ce réglage.",
        "en": "Relance may not write into the calendar: connect again and allow it, or switch this setting off.",
    },
    "write_not_organizer": {
        "fr": "Ce rendez-vous appartient à quelqu'un d'autre : la réponse ne peut pas y être notée.",
        "en": "This appointment is somebody else's: the answer cannot be noted in it.",
    },
    "write_calendar_read_only": {
        "fr": "Cet agenda est en lecture seule : la réponse ne peut pas y être notée.",
        "en": "This calendar is read-only: the answer cannot be noted in it.",
    },
    "write_refused": {
        "fr": "Google a refusé de noter la réponse ({why}).",
        "en": "Google refused to note the answer ({why}).",
    },
    "takes_no_texts": {
        "fr": "« {text} » ne reçoit pas de SMS : il faut un numéro de mobile.",
        "en": "“{text}” takes no text messages: a mobile number is needed.",
    },
    "back_to_rehearsal": {
        "fr": "Annulé : la connexion est revenue en répétition.",
        "en": "Called off: the connection went back to rehearsal.",
    },
    "email_wrong": {
        "fr": "« {text} » n'est pas une adresse e-mail.",
        "en": "“{text}” is not an e-mail address.",
    },
    "email_taken": {
        "fr": "Quelqu'un se connecte déjà avec cette adresse.",
        "en": "Somebody signs in with this address already.",
    },
    "role_unknown": {
        "fr": "Le rôle « {text} » n'existe pas.",
        "en": "There is no role “{text}”.",
    },
    "only_owners_make_owners": {
        "fr": "Seul un propriétaire peut nommer, changer ou retirer un propriétaire.",
        "en": "Only an owner can make, change or remove an owner.",
    },
    "last_owner": {
        "fr": "C'est le dernier propriétaire : nommez-en d'abord un autre.",
        "en": "This is the last owner: make somebody else an owner first.",
    },
    "person_elsewhere_too": {
        "fr": "Cette personne travaille aussi dans un autre espace : elle seule peut changer son mot de passe.",
        "en": "This person belongs to another workspace too: only they can change their password.",
    },
    # a shop's recipes
    "recipe_wait": {
        "fr": "L'attente va de {least} minutes à {most} heures.",
        "en": "The wait is between {least} minutes and {most} hours.",
    },
    "recipe_second_wait": {
        "fr": "Le deuxième message part après le premier, et dans les trois jours.",
        "en": "The second message leaves after the first one, and within three days.",
    },
    "recipe_percent": {
        "fr": "La réduction va de {least} à {most} %.",
        "en": "The discount is between {least} and {most} %.",
    },
    "recipe_control": {
        "fr": "Le groupe témoin va de 0 à {most} %.",
        "en": "The control group is between 0 and {most} %.",
    },
    "recipe_status_known": {
        "fr": "Un message existe déjà pour les commandes « {status} ».",
        "en": "There is a message for “{status}” orders already.",
    },
    # shops: what all of them have
    "shop_no_phone": {
        "fr": "La boutique n'a pas de téléphone pour cette personne.",
        "en": "The shop has no telephone number for this person.",
    },
    "shop_test_order": {
        "fr": "C'est une commande d'essai de la boutique : personne n'est prévenu.",
        "en": "This is a trial order of the shop's own: nobody is told of it.",
    },
    "shop_data_request": {
        "fr": "Un client demande ses données (demande {request}) : exportez-les depuis sa fiche et remettez-les-lui.",
        "en": "A customer asks for their data (request {request}): export it from their page and hand it to them.",
    },
    "shop_hooks_stay": {
        "fr": "La boutique « {name} » n'a pas pu être prévenue : elle cessera d'elle-même de nous parler.",
        "en": "The shop “{name}” could not be told: it stops speaking to us by itself.",
    },
    "shop_hooks_refused": {
        "fr": "La boutique n'a pas accepté de nous signaler {topics} : {why}",
        "en": "The shop did not agree to tell us of {topics}: {why}",
    },
    "shop_field_unknown": {
        "fr": "« {field} » n'est pas un réglage de cette boutique. Réglages connus : {known}.",
        "en": "“{field}” is not a setting of this shop. Known settings: {known}.",
    },
    "shop_key_wrong": {
        "fr": "« {field} » n'a pas la forme attendue : copiez la clé en entier.",
        "en": "“{field}” does not look as it should: copy the whole key.",
    },
    "shop_address_wrong": {
        "fr": "« {text} » n'est pas l'adresse d'une boutique.",
        "en": "“{text}” is not the address of a shop.",
    },
    # Shopify
    "shopify_shop_wrong": {
        "fr": "« {shop} » n'est pas l'adresse d'une boutique Shopify : elle se termine par .myshopify.com.",
        "en": "“{shop}” is not the address of a Shopify shop: it ends in .myshopify.com.",
    },
    "shopify_body_unreadable": {
        "fr": "Ce que Shopify a envoyé ne se lit pas.",
        "en": "What Shopify sent cannot be read.",
    },
    "shopify_field_missing": {
        "fr": "Ce que Shopify a envoyé est incomplet : « {field} » manque.",
        "en": "What Shopify sent is incomplete: “{field}” is missing.",
    },
    "shopify_forbidden": {
        "fr": "La boutique ne laisse plus Relance lire ses données : reconnectez-la.",
        "en": "The shop no longer lets Relance read its data: connect it again.",
    },
    "shopify_shop_gone": {
        "fr": "Cette boutique Shopify n'existe plus, ou a changé d'adresse.",
        "en": "This Shopify shop no longer exists, or has another address.",
    },
    "shopify_shop_asleep": {
        "fr": "La boutique est fermée ou suspendue chez Shopify : nous redemanderons dans quelques heures.",
        "en": "The shop is closed or suspended at Shopify: we ask again in some hours.",
    },
    "shopify_slow_down": {
        "fr": "Shopify demande une pause : nous reprenons dans un instant, rien n'est perdu.",
        "en": "Shopify asks for a pause: we go on in a moment, nothing is lost.",
    },
    "shopify_away": {
        "fr": "Shopify ne répond pas pour le moment : rien n'est perdu, nous réessayons.",
        "en": "Shopify does not answer just now: nothing is lost, we try again.",
    },
    "shopify_says_no": {
        "fr": "Shopify refuse : {why}. {detail}",
        "en": "Shopify says no: {why}. {detail}",
    },
    "shopify_part_closed": {
        "fr": "Shopify ne montre pas cette partie de la boutique à Relance : {part}.",
        "en": "Shopify does not show this part of the shop to Relance: {part}.",
    },
    "shopify_phones_hidden": {
        "fr": "Shopify ne montre pas les téléphones de vos clients à cette application : l'accès aux données "
              "protégées n'a pas été accordé.",
        "en": "Shopify does not show your customers' telephone numbers to this app: access to protected customer "
              "data was not granted.",
    },
    "shopify_version_over": {
        "fr": "Shopify ne parle plus la version {ours} et répond en {served} : mettez Relance à jour.",
        "en": "Shopify no longer speaks version {ours} and answers in {served}: bring Relance up to date.",
    },
    "shopify_scopes_missing": {
        "fr": "Il manque des autorisations dans Shopify : {scopes}.",
        "en": "Permissions are missing in Shopify: {scopes}.",
    },
    "shopify_consent_not_kept": {
        "fr": "Shopify n'a pas pu noter ce choix sur la fiche du client : {detail}",
        "en": "Shopify could not keep this choice on the customer's record: {detail}",
    },
    "shopify_app_stays": {
        "fr": "L'application reste installée dans {shop} : retirez-la dans Shopify, Paramètres > Applications.",
        "en": "The app stays installed in {shop}: take it out in Shopify, Settings > Apps.",
    },
    # WooCommerce
    "woocommerce_says_no": {
        "fr": "WooCommerce refuse : {why}. {detail}",
        "en": "WooCommerce says no: {why}. {detail}",
    },
    "woocommerce_away": {
        "fr": "La boutique ne répond pas pour le moment : rien n'est perdu, nous réessayons.",
        "en": "The shop does not answer just now: nothing is lost, we try again.",
    },
    "woocommerce_body_unreadable": {
        "fr": "Ce que la boutique a envoyé ne se lit pas.",
        "en": "What the shop sent cannot be read.",
    },
    "woocommerce_field_missing": {
        "fr": "Ce que la boutique a envoyé est incomplet : « {field} » manque.",
        "en": "What the shop sent is incomplete: “{field}” is missing.",
    },
    "woocommerce_key_refused": {
        "fr": "La boutique ne reconnaît plus la clé de Relance : reconnectez-la.",
        "en": "The shop no longer knows Relance's key: connect it again.",
    },
    "woocommerce_not_there": {
        "fr": "WooCommerce ne répond plus à cette adresse : la boutique a peut-être déménagé.",
        "en": "WooCommerce is no longer at this address: the shop may have moved.",
    },
    "woocommerce_site_closed": {
        "fr": "Le site refuse l'accès à Relance (réponse {status}) : un pare-feu ou un mot de passe l'en empêche.",
        "en": "The site does not let Relance in (answer {status}): a firewall or a password is in the way.",
    },
    "woocommerce_not_https": {
        "fr": "L'adresse de la boutique n'est pas en https : les clés sont mieux protégées avec.",
        "en": "The shop's address is not https: keys are better protected with it.",
    },
    "woocommerce_key_read_only": {
        "fr": "La clé de la boutique ne permet que de lire : il en faut une en lecture et écriture.",
        "en": "The shop's key may only read: one that may read and write is needed.",
    },
    "woocommerce_owner_lost": {
        "fr": "La boutique envoie un refus au lieu de la commande ({detail}) : la personne qui avait connecté "
              "la boutique n'en a plus le droit.",
        "en": "The shop sends a refusal instead of the order ({detail}): the person who connected it has lost "
              "the right.",
    },
    "woocommerce_no_keys": {
        "fr": "La boutique n'a pas remis ses clés : recommencez la connexion.",
        "en": "The shop did not hand its keys over: begin the connection again.",
    },
    "woocommerce_key_stays": {
        "fr": "La clé reste dans la boutique : supprimez-la dans WooCommerce > Réglages > Avancé > API REST.",
        "en": "The key stays in the shop: delete it in WooCommerce > Settings > Advanced > REST API.",
    },
    "woocommerce_needs_https": {
        "fr": "En un clic, l'adresse de la boutique doit commencer par https.",
        "en": "With one click, the shop's address must begin with https.",
    },
    # PrestaShop
    "prestashop_says_no": {
        "fr": "PrestaShop refuse : {why}. {detail}",
        "en": "PrestaShop says no: {why}. {detail}",
    },
    "prestashop_away": {
        "fr": "La boutique ne répond pas pour le moment : rien n'est perdu, nous réessayons.",
        "en": "The shop does not answer just now: nothing is lost, we try again.",
    },
    "prestashop_body_unreadable": {
        "fr": "Ce que la boutique a envoyé ne se lit pas.",
        "en": "What the shop sent cannot be read.",
    },
    "prestashop_field_missing": {
        "fr": "Ce que la boutique a envoyé est incomplet : « {field} » manque.",
        "en": "What the shop sent is incomplete: “{field}” is missing.",
    },
    "prestashop_key_refused": {
        "fr": "La boutique ne reconnaît plus la clé de Relance : reconnectez-la.",
        "en": "The shop no longer knows Relance's key: connect it again.",
    },
    "prestashop_not_there": {
        "fr": "PrestaShop ne répond plus à cette adresse : la boutique a peut-être déménagé.",
        "en": "PrestaShop is no longer at this address: the shop may have moved.",
    },
    "prestashop_site_closed": {
        "fr": "Le site refuse l'accès à Relance (réponse {status}) : un pare-feu ou un mot de passe l'en empêche.",
        "en": "The site does not let Relance in (answer {status}): a firewall or a password is in the way.",
    },
    "prestashop_not_https": {
        "fr": "L'adresse de la boutique n'est pas en https : les clés sont mieux protégées avec.",
        "en": "The shop's address is not https: keys are better protected with it.",
    },
    "prestashop_part_closed": {
        "fr": "La clé ne permet pas de lire « {part} » dans PrestaShop.",
        "en": "The key may not read “{part}” in PrestaShop.",
    },
    "prestashop_zone_unknown": {
        "fr": "Indiquez le fuseau horaire de la boutique : PrestaShop écrit ses heures sans lui.",
        "en": "Give the shop's time zone: PrestaShop writes its hours without it.",
    },
    # Adobe Commerce
    "adobe_commerce_says_no": {
        "fr": "Adobe Commerce refuse : {why}. {detail}",
        "en": "Adobe Commerce says no: {why}. {detail}",
    },
    "adobe_commerce_away": {
        "fr": "La boutique ne répond pas pour le moment : rien n'est perdu, nous réessayons.",
        "en": "The shop does not answer just now: nothing is lost, we try again.",
    },
    "adobe_commerce_body_unreadable": {
        "fr": "Ce que la boutique a envoyé ne se lit pas.",
        "en": "What the shop sent cannot be read.",
    },
    "adobe_commerce_field_missing": {
        "fr": "Ce que la boutique a envoyé est incomplet : « {field} » manque.",
        "en": "What the shop sent is incomplete: “{field}” is missing.",
    },
    "adobe_commerce_key_refused": {
        "fr": "La boutique ne reconnaît plus la clé de Relance : reconnectez-la.",
        "en": "The shop no longer knows Relance's key: connect it again.",
    },
    "adobe_commerce_not_there": {
        "fr": "Adobe Commerce ne répond plus à cette adresse : la boutique a peut-être déménagé.",
        "en": "Adobe Commerce is no longer at this address: the shop may have moved.",
    },
    "adobe_commerce_site_closed": {
        "fr": "Le site refuse l'accès à Relance (réponse {status}) : un pare-feu ou un mot de passe l'en empêche.",
        "en": "The site does not let Relance in (answer {status}): a firewall or a password is in the way.",
    },
    "adobe_commerce_not_https": {
        "fr": "L'adresse de la boutique n'est pas en https : les clés sont mieux protégées avec.",
        "en": "The shop's address is not https: keys are better protected with it.",
    },
    "adobe_commerce_part_closed": {
        "fr": "L'intégration ne permet pas de lire « {part} » : cochez cette ressource dans Adobe Commerce.",
        "en": "The integration may not read “{part}”: tick that resource in Adobe Commerce.",
    },
    "adobe_commerce_no_keys": {
        "fr": "La boutique n'a pas remis ses clés : activez à nouveau l'intégration.",
        "en": "The shop did not hand its keys over: activate the integration again.",
    },
    "adobe_commerce_stays": {
        "fr": "L'intégration reste dans la boutique : supprimez-la dans Système > Extensions > Intégrations.",
        "en": "The integration stays in the shop: delete it in System > Extensions > Integrations.",
    },
    # how the outside calls us
    "key_needed": {
        "fr": "Cette adresse demande une clé : Authorization: Bearer rk_live_….",
        "en": "This address needs a key: Authorization: Bearer rk_live_….",
    },
    "key_unknown": {
        "fr": "Cette clé n'existe pas, a été révoquée ou a expiré.",
        "en": "This key does not exist, was revoked or has expired.",
    },
    "scope_missing": {
        "fr": "Il manque un droit ({scope}).",
        "en": "A right is missing ({scope}).",
    },
    "forbidden": {"fr": "Votre rôle ne permet pas cela.", "en": "Your role does not allow that."},
    "not_authentic": {
        "fr": "Cette requête ne prouve pas d'où elle vient.",
        "en": "This request does not prove where it comes from.",
    },
    "not_found": {"fr": "Il n'y a rien de tel ici ({what}).", "en": "There is no such thing here ({what})."},
    "unsupported": {
        "fr": "Compris, mais ce n'est pas traité ici ({what}).",
        "en": "Understood, and not handled here ({what}).",
    },
    "too_fast": {
        "fr": "Trop de requêtes avec cette clé : revenez dans {seconds} s.",
        "en": "Too many requests with this key: come again in {seconds} s.",
    },
    "no_such_address": {"fr": "Cette adresse n'existe pas.", "en": "There is no such address."},
    "method_not_allowed": {
        "fr": "Cette adresse ne connaît pas cette méthode.",
        "en": "This address does not know this method.",
    },
    "bad_request": {"fr": "Cette requête ne se lit pas.", "en": "This request cannot be read."},
    "length_required": {"fr": "La longueur du corps manque.", "en": "The length of the body is missing."},
    "body_too_large": {"fr": "Le corps de la requête est trop grand.", "en": "The body of the request is too large."},
    "address_too_long": {"fr": "Cette adresse est trop longue.", "en": "This address is too long."},
    "headers_too_large": {"fr": "Les en-têtes sont trop grands.", "en": "The headers are too large."},
    "internal_error": {
        "fr": "Une erreur chez nous ; rien n'a été pris de cette requête.",
        "en": "An error of ours; nothing of this request was taken.",
    },
    "wrong_content_type": {"fr": "Ce n'est pas du JSON.", "en": "This is not JSON."},
    "encoding_unknown": {
        "fr": "Le corps peut être compressé par gzip, et par rien d'autre.",
        "en": "A body may be packed with gzip, and with nothing else.",
    },
    "body_not_gzip": {"fr": "Le corps n'est pas du gzip complet.", "en": "The body is no complete gzip."},
    "body_not_json": {"fr": "Le corps n'est pas du JSON valide.", "en": "The body is no valid JSON."},
    "body_not_object": {
        "fr": "Le corps doit être un objet JSON.",
        "en": "The body must be a JSON object.",
    },
    "body_number_too_large": {
        "fr": "Le corps contient un nombre que personne ne peut garder exactement.",
        "en": "The body holds a number that nobody can keep exactly.",
    },
    "body_key_twice": {"fr": "Le nom « {name} » est écrit deux fois.", "en": "The name “{name}” is written twice."},
    "body_too_deep": {
        "fr": "Le corps emboîte plus de {most} niveaux.",
        "en": "The body nests more than {most} levels.",
    },
    "fields_wrong": {"fr": "{count} champs sont à corriger.", "en": "{count} fields are to be corrected."},
    "field_required": {"fr": "Ce champ est obligatoire.", "en": "This field is required."},
    "field_wrong": {"fr": "Ce champ ne convient pas : {why}", "en": "This field does not fit: {why}"},
    "field_not_yes_or_no": {"fr": "Écrivez true ou false.", "en": "Write true or false."},
    "field_not_text": {"fr": "Ce champ est un texte.", "en": "This field is a text."},
    "field_not_object": {"fr": "Il faut ici un objet : {{ … }}.", "en": "An object is needed here: {{ … }}."},
    "field_empty": {"fr": "Ce champ ne peut pas être vide.", "en": "This field cannot be empty."},
    "field_too_long": {"fr": "{most} au plus.", "en": "{most} at most."},
    "field_not_one_of": {"fr": "Choisissez parmi : {known}.", "en": "Choose among: {known}."},
    "field_country": {
        "fr": "« {text} » n'est pas un pays : deux capitales, comme FR.",
        "en": "“{text}” is no country: two capitals, like FR.",
    },
    "field_body_or_template": {
        "fr": "Donnez un texte (body) ou la clé d'un modèle (template), l'un des deux.",
        "en": "Give a text (`body`) or the key of a template (`template`), one of the two.",
    },
    "field_unknown_id": {"fr": "« {text} » n'existe pas ici.", "en": "“{text}” does not exist here."},
    "field_proof_missing": {
        "fr": "Un oui demande sa preuve : le texte montré, l'endroit, le moment.",
        "en": "A yes needs its proof: the text that was shown, the place, the moment.",
    },
    "query_wrong": {
        "fr": "Le paramètre « {name} » ne convient pas.",
        "en": "The parameter “{name}” does not fit.",
    },
    "query_one_of": {"fr": "Donnez un seul de : {names}.", "en": "Give exactly one of: {names}."},
    "moment_needs_zone": {
        "fr": "« {text} » est une heure murale sans fuseau.",
        "en": "“{text}” is a wall time without a zone.",
    },
    "moment_unreadable": {"fr": "« {text} » n'est pas un moment.", "en": "“{text}” is not a moment."},
    "unknown_variables": {
        "fr": "Ce genre d'occasion ne connaît pas : {unknown}. Il y a : {known}.",
        "en": "This kind of occasion does not know: {unknown}. There are: {known}.",
    },
    "unknown_provider": {
        "fr": "Le fournisseur « {text} » n'existe pas. Il y a : {known}.",
        "en": "There is no provider “{text}”. There are: {known}.",
    },
    "idempotency_key_bad": {
        "fr": "Cette clé d'idempotence ne convient pas.",
        "en": "This idempotency key does not fit.",
    },
    "idempotency_other": {
        "fr": "Cette clé d'idempotence a déjà servi pour une autre requête.",
        "en": "This idempotency key was used for another request.",
    },
    "idempotency_busy": {
        "fr": "Une requête avec cette clé d'idempotence est en cours.",
        "en": "A request with this idempotency key is in progress.",
    },
    "message_left": {
        "fr": "Ce message est déjà parti ({state}).",
        "en": "This message has left already ({state}).",
    },
    "message_over": {
        "fr": "Ce message n'attend plus ({state}).",
        "en": "This message no longer waits ({state}).",
    },
    "installation_disconnected": {"fr": "Cette connexion est coupée.", "en": "This connection is cut."},
    "nothing_to_pull": {
        "fr": "Cette plateforme ne se consulte pas : elle nous écrit.",
        "en": "This platform cannot be asked: it writes to us.",
    },
    # the command line: import, clock, restore
    "no_number_column": {
        "fr": "Aucune colonne de numéros de téléphone. Colonnes lues : {found}. Nommez-en une : {known}.",
        "en": "No column of telephone numbers. Columns read: {found}. Name one of them: {known}.",
    },
    "too_many_lines": {
        "fr": "Plus de {most} lignes : partagez le fichier.",
        "en": "More than {most} lines: split the file.",
    },
    "number_twice": {"fr": "Déjà à la ligne {line}.", "en": "On line {line} already."},
    "no_number_in_line": {"fr": "Pas de numéro sur cette ligne.", "en": "No number on this line."},
    "number_was_scientific": {
        "fr": "Le tableur avait changé ce numéro en nombre ({text}).",
        "en": "The spreadsheet had made a figure of this number ({text}).",
    },
    "number_lacked_plus": {"fr": "Il manquait « + » devant ({text}).", "en": "Its “+” was missing ({text})."},
    "number_lacked_zero": {
        "fr": "Il manquait le zéro de tête ({text}).",
        "en": "Its leading zero was missing ({text}).",
    },
    "number_had_signs": {
        "fr": "Des signes étrangers entouraient ce numéro ({text}).",
        "en": "Signs that do not belong to a number stood around it ({text}).",
    },
    "several_numbers_first_taken": {
        "fr": "Plusieurs numéros : le premier mobile a été pris ({text}).",
        "en": "Several numbers: the first mobile one was taken ({text}).",
    },
    "clock_not_turned_in_live_mode": {
        "fr": "L'horloge ne se tourne qu'en mode démo ou test (RELANCE_MODE=demo).",
        "en": "The clock is turned in demo or test mode only (RELANCE_MODE=demo).",
    },
    "held_since_restore": {
        "fr": "Retenu depuis la restauration : il est peut-être déjà parti. `relance messages release --held restore`"
              " le vérifie.",
        "en": "Held since the restore: it may have left. `relance messages release --held restore` looks it up.",
    },
    "released_unchecked": {
        "fr": "Relâché sans vérification, au risque d'un doublon.",
        "en": "Let go without looking it up, at the risk of a double.",
    },
    # settings
    "name_missing": {
        "fr": "Donnez un nom.",
        "en": "Give a name.",
    },
    "department_unknown": {
        "fr": "« {text} » n'est pas un numéro de département.",
        "en": "“{text}” is not the number of a department.",
    },
    "choice_unknown": {
        "fr": "« {text} » n'est pas un des choix proposés.",
        "en": "“{text}” is not one of the choices.",
    },
    "no_open_hours": {
        "fr": "Ouvrez au moins une plage dans la semaine, ou choisissez toutes les heures permises.",
        "en": "Open at least one window in the week, or choose all hours that are allowed.",
    },
    "password_old_wrong": {
        "fr": "Le mot de passe actuel n'est pas le bon.",
        "en": "The current password is not right.",
    },
    "password_too_short": {
        "fr": "Le nouveau mot de passe a moins de 10 caractères.",
        "en": "The new password has fewer than 10 characters.",
    },
    "key_file_unreadable": {
        "fr": "Ce n'est pas le fichier JSON de la clé : collez-le en entier, de {{ à }}.",
        "en": "This is not the key's JSON file: paste all of it, from {{ to }}.",
    },
    "settings_unreadable": {
        "fr": "Ces réglages ne sont pas du JSON : ils commencent par une accolade et finissent par une accolade.",
        "en": "These settings are not JSON: they begin and end with a brace.",
    },
    # channels and their budgets
    "bad_channels": {
        "fr": "`channels` est une liste d'un à quatre canaux différents, dans l'ordre où ils sont essayés.",
        "en": "`channels` is a list of one to four different channels, in the order in which they are tried.",
    },
    "bad_channel": {
        "fr": "« {text} » n'est pas un canal. Connus : {known}.",
        "en": "“{text}” is not a channel. Known: {known}.",
    },
    "bad_budget": {
        "fr": "Le temps donné à un canal va de {least} à {most}.",
        "en": "A channel may be given from {least} to {most}.",
    },
    # the order of channels, and by which account
    "next_channel": {
        "fr": "Le canal suivant prend le relais : {channel} après {before}.",
        "en": "The next channel takes over: {channel} after {before}.",
    },
    "channel_time_over": {
        "fr": "Le temps donné au canal {channel} est passé, et rien n'était parti par lui.",
        "en": "The time given to {channel} is over, and nothing had left by it.",
    },
    "channel_taken_back": {
        "fr": "Pas arrivé à temps par {channel} : repris avant d'être affiché.",
        "en": "Not delivered in time by {channel}: taken back before it was shown.",
    },
    "channel_was_faster": {
        "fr": "Trop tard pour le reprendre : il était arrivé.",
        "en": "Too late to take it back: it had arrived.",
    },
    "channel_by_receipt": {
        "fr": "Le temps donné au canal {channel} est passé. Il ne peut pas être repris : son accusé décidera.",
        "en": "The time given to {channel} is over. It cannot be taken back: its receipt decides.",
    },
    "earlier_channel_delivered": {
        "fr": "Arrivé après coup par {channel}, qui avait été donné pour perdu.",
        "en": "Delivered after all by {channel}, which had been given up.",
    },
    "no_account_for_replies": {
        "fr": "Aucun compte {channel} ne peut recevoir la réponse que ce message demande.",
        "en": "No {channel} account can receive the answer that this message asks for.",
    },
    "rate_limited": {
        "fr": "Attend son tour : le débit du compte « {account} » est limité.",
        "en": "Waits for its turn: the rate of the account “{account}” is limited.",
    },
    "account_failing": {
        "fr": "Sur {of} messages en une minute, {count} sont restés sans réponse claire.",
        "en": "Of {of} messages in a minute, {count} were left without a clear answer.",
    },
    "account_slow": {
        "fr": "Sur {of} messages en une minute, {count} ont pris plus de 8 secondes.",
        "en": "Of {of} messages in a minute, {count} took more than 8 seconds.",
    },
    # salesforce
    "salesforce_address_wrong": {
        "fr": "« {text} » n'est pas une adresse de Salesforce.",
        "en": "“{text}” is not an address of Salesforce's.",
    },
    "salesforce_api_off": {
        "fr": "L'API de cette organisation Salesforce est désactivée ({detail}).",
        "en": "This Salesforce org's API is switched off ({detail}).",
    },
    "salesforce_app_not_installed": {
        "fr": "L'application Relance n'est pas installée dans cette organisation Salesforce.",
        "en": "The Relance app is not installed in this Salesforce org.",
    },
    "salesforce_away": {
        "fr": "Salesforce ne répond pas ({status}) : nouvel essai bientôt.",
        "en": "Salesforce does not answer ({status}): tried again soon.",
    },
    "salesforce_before_twice": {
        "fr": "daysBefore et hoursBefore : donnez l'un ou l'autre.",
        "en": "daysBefore and hoursBefore: give one of them.",
    },
    "salesforce_budget": {
        "fr": "{used} appels sur {most} sont déjà utilisés aujourd'hui dans cette organisation : le reste est "
              "laissé aux autres applications.",
        "en": "{used} of {most} calls of this org are used today: the rest is left to other applications.",
    },
    "salesforce_budget_low": {
        "fr": "{used} appels sur {most} sont déjà utilisés aujourd'hui.",
        "en": "{used} of {most} calls are used today.",
    },
    "salesforce_busy": {
        "fr": "Salesforce est occupé par un autre changement : nouvel essai bientôt.",
        "en": "Salesforce is busy with another change: tried again soon.",
    },
    "salesforce_call_too_large": {
        "fr": "Un appel a {limit} Mo au plus.",
        "en": "A call has at most {limit} MB.",
    },
    "salesforce_call_unreadable": {
        "fr": "Cet appel n'est pas un objet JSON qui se lise d'une seule façon.",
        "en": "This call is not a JSON object that can be read in one way only.",
    },
    "salesforce_channel_unknown": {
        "fr": "« {text} » n'est pas un canal. Il y a : {known}.",
        "en": "“{text}” is not a channel. There are: {known}.",
    },
    "salesforce_class_unknown": {
        "fr": "« {text} » n'est pas un type de message. Il y a : {known}.",
        "en": "“{text}” is not a class of message. There are: {known}.",
    },
    "salesforce_consent_ahead": {
        "fr": "consentAt est dans l'avenir : donnez le moment où la personne a dit oui.",
        "en": "consentAt is in the future: give the moment when the person said yes.",
    },
    "salesforce_field_absent": {
        "fr": "Le champ {field} de {object} n'existe pas, ou n'est pas visible pour l'utilisateur de la connexion.",
        "en": "{object} has no field {field}, or the connection's user may not see it.",
    },
    "salesforce_field_long": {
        "fr": "{field} a {limit} caractères au plus.",
        "en": "{field} has at most {limit} characters.",
    },
    "salesforce_field_missing": {
        "fr": "{field} manque.",
        "en": "{field} is missing.",
    },
    "salesforce_field_needed": {
        "fr": "{field} est nécessaire.",
        "en": "{field} is needed.",
    },
    "salesforce_field_unknown": {
        "fr": "« {field} » n'est pas un réglage de Salesforce. Il y a : {known}.",
        "en": "“{field}” is not a setting of Salesforce. There are: {known}.",
    },
    "salesforce_field_wrong": {
        "fr": "{field} ne se lit pas.",
        "en": "{field} cannot be read.",
    },
    "salesforce_hours_before_a_day": {
        "fr": "hoursBefore demande un moment ; pour une date sans heure, donnez daysBefore et atTime.",
        "en": "hoursBefore needs a moment; for a date without time give daysBefore and atTime.",
    },
    "salesforce_id_wrong": {
        "fr": "« {text} » ({field}) n'est pas un identifiant de Salesforce.",
        "en": "“{text}” ({field}) is not an id of Salesforce's.",
    },
    "salesforce_ip_restricted": {
        "fr": "Salesforce n'accepte pas de connexion depuis l'adresse de ce serveur.",
        "en": "Salesforce accepts no connection from this server's address.",
    },
    "salesforce_jwt_wrong": {
        "fr": "jwt attend username et private_key ({field}).",
        "en": "jwt takes username and private_key ({field}).",
    },
    "salesforce_key_wrong": {
        "fr": "Ce n'est pas une clé privée RSA (PEM, 2048 bits ou plus, sans mot de passe).",
        "en": "This is not an RSA private key (PEM, 2048 bits or more, without a password).",
    },
    "salesforce_limit": {
        "fr": "Les appels de cette organisation Salesforce sont épuisés pour aujourd'hui.",
        "en": "This Salesforce org has no calls left today.",
    },
    "salesforce_limits_hidden": {
        "fr": "Les limites de l'organisation ne sont pas visibles pour l'utilisateur de la connexion.",
        "en": "The connection's user may not see the org's limits.",
    },
    "salesforce_name_wrong": {
        "fr": "« {text} » n'est pas un nom d'API d'objet ou de champ.",
        "en": "“{text}” is not the API name of an object or a field.",
    },
    "salesforce_no_consumer_key": {
        "fr": "Il manque l'identifiant de l'application (consumer key).",
        "en": "The application's consumer key is missing.",
    },
    "salesforce_no_opt_out_field": {
        "fr": "{object} n'a pas de champ où noter un refus : un STOP n'y serait pas visible.",
        "en": "{object} has no field that can hold a refusal: a STOP would not be seen there.",
    },
    "salesforce_no_records": {
        "fr": "{field} attend une liste d'au moins un élément.",
        "en": "{field} takes a list of at least one record.",
    },
    "salesforce_no_refresh_token": {
        "fr": "Salesforce n'a pas donné d'accès durable.",
        "en": "Salesforce gave no lasting access.",
    },
    "salesforce_no_such_call": {
        "fr": "Cette adresse n'est pas un appel : elle finit par /send, /schedule, /cancel ou /options.",
        "en": "This address is no call: it ends in /send, /schedule, /cancel or /options.",
    },
    "salesforce_no_tasks": {
        "fr": "L'utilisateur de la connexion ne peut pas voir les tâches.",
        "en": "The connection's user may not see tasks.",
    },
    "salesforce_nobody": {
        "fr": "Cet enregistrement ne nomme pas de personne.",
        "en": "This record names no person.",
    },
    "salesforce_not_taken": {
        "fr": "Ce message n'a pas été pris en compte : rappelez avec les mêmes clés.",
        "en": "This message was not taken: call again with the same keys.",
    },
    "salesforce_object_absent": {
        "fr": "L'objet {object} n'existe pas, ou n'est pas visible pour l'utilisateur de la connexion.",
        "en": "There is no object {object}, or the connection's user may not see it.",
    },
    "salesforce_objects_wrong": {
        "fr": "objects attend, pour chaque objet, ses champs : phones, opt_out, dates…",
        "en": "objects takes the fields of each object: phones, opt_out, dates…",
    },
    "salesforce_one_way_in": {
        "fr": "Donnez une seule façon d'entrer : {known}.",
        "en": "Give exactly one way in: {known}.",
    },
    "salesforce_opt_out_absent": {
        "fr": "Le refus ne peut pas être lu : le champ {field} de {object} n'existe pas ou n'est pas visible. "
              "Rien ne part sans lui.",
        "en": "The refusal cannot be read: {object} has no field {field}, or it is not visible. Nothing leaves "
              "without it.",
    },
    "salesforce_opt_out_read_only": {
        "fr": "Le champ {field} de {object} ne peut pas être modifié : un STOP n'y serait pas noté.",
        "en": "The field {field} of {object} cannot be changed: a STOP would not be noted there.",
    },
    "salesforce_org_unproven": {
        "fr": "La réponse de Salesforce ne dit pas de quelle organisation elle vient.",
        "en": "Salesforce's answer does not say which org it comes from.",
    },
    "salesforce_org_wrong": {
        "fr": "organization_id est l'identifiant de l'organisation, 15 ou 18 caractères qui commencent par 00D.",
        "en": "organization_id is the org's id: 15 or 18 characters that begin with 00D.",
    },
    "salesforce_other_org": {
        "fr": "Cet accès est celui d'une autre organisation.",
        "en": "This access is another org's.",
    },
    "salesforce_package_absent": {
        "fr": "Le paquet Relance n'est pas installé : ni liste des messages, ni rapports dans Salesforce.",
        "en": "The Relance package is not installed: no list of messages and no reports in Salesforce.",
    },
    "salesforce_query_refused": {
        "fr": "Salesforce a refusé la question sur {object} ({why}).",
        "en": "Salesforce refused the question about {object} ({why}).",
    },
    "salesforce_question_unknown": {
        "fr": "« {text} » n'est pas une liste. Il y a : templates, senders, channels.",
        "en": "“{text}” is not a list. There are: templates, senders, channels.",
    },
    "salesforce_says_no": {
        "fr": "Salesforce a refusé ({why} {fields}).",
        "en": "Salesforce refused ({why} {fields}).",
    },
    "salesforce_scope_missing": {
        "fr": "Le droit « {scope} » n'a pas été accordé.",
        "en": "The scope “{scope}” was not granted.",
    },
    "salesforce_soap_unreadable": {
        "fr": "Ce n'est pas un message sortant de Salesforce ({why}).",
        "en": "This is not an outbound message of Salesforce's ({why}).",
    },
    "salesforce_text_missing": {
        "fr": "Donnez un texte (body) ou un modèle (template).",
        "en": "Give a text (body) or a template.",
    },
    "salesforce_text_twice": {
        "fr": "body et template : donnez l'un ou l'autre.",
        "en": "body and template: give one of them.",
    },
    "salesforce_too_many_records": {
        "fr": "Un appel porte de 1 à {limit} enregistrements, pas {count}.",
        "en": "A call holds 1 to {limit} records, not {count}.",
    },
    "salesforce_user_inactive": {
        "fr": "L'utilisateur de la connexion n'est plus actif dans Salesforce.",
        "en": "The connection's user is no longer active in Salesforce.",
    },
    "salesforce_user_not_approved": {
        "fr": "L'utilisateur d'intégration n'est pas autorisé pour cette application.",
        "en": "The integration user is not approved for this application.",
    },
    "salesforce_version_old": {
        "fr": "La version {version} de l'API sera bientôt retirée ; la plus récente est {newest}.",
        "en": "Version {version} of the API will be retired soon; the newest is {newest}.",
    },
    "salesforce_version_over": {
        "fr": "Cette version de l'API de Salesforce n'existe plus.",
        "en": "This version of Salesforce's API is no more.",
    },
    "salesforce_version_wrong": {
        "fr": "api_version s'écrit comme {example}.",
        "en": "api_version is written like {example}.",
    },
    "salesforce_whose_date": {
        "fr": "À qui écrire pour une date de {object} ? Donnez person (la relation vers un contact) ou phones.",
        "en": "Who is written to about a date of {object}? Give person (the relationship to a contact) or phones.",
    },
    "salesforce_write_back_wrong": {
        "fr": "write_back est true, false, ou {known} avec true ou false.",
        "en": "write_back is true, false, or {known} with true or false.",
    },
    # HubSpot
    "hubspot_field_unknown": {
        "fr": "« {field} » n'est pas un réglage de HubSpot. Connus : {known}.",
        "en": "“{field}” is no setting of HubSpot. Known: {known}.",
    },
    "hubspot_portal_wrong": {
        "fr": "« {text} » n'est pas un numéro de compte HubSpot : c'est le nombre dans l'adresse de vos pages HubSpot.",
        "en": "“{text}” is no HubSpot account number: it is the number in the address of your HubSpot pages.",
    },
    "hubspot_token_missing": {
        "fr": "Il manque le jeton de rafraîchissement (`refresh_token`) du compte.",
        "en": "The account's `refresh_token` is missing.",
    },
    "hubspot_number_expected": {
        "fr": "« {text} » : un numéro est attendu ici.",
        "en": "“{text}”: a number is expected here.",
    },
    "hubspot_basis_unknown": {
        "fr": "Cette base légale n'existe pas chez HubSpot. Connues : {known}.",
        "en": "HubSpot has no such legal basis. Known: {known}.",
    },
    "hubspot_too_many": {
        "fr": "Au plus {limit} propriétés peuvent être choisies ici.",
        "en": "At most {limit} properties can be chosen here.",
    },
    "hubspot_property_wrong": {
        "fr": "« {text} » n'est pas le nom interne d'une propriété HubSpot (minuscules, chiffres et traits bas).",
        "en": "“{text}” is not the internal name of a HubSpot property (lower case, digits, underscores).",
    },
    "hubspot_says_no": {
        "fr": "HubSpot refuse ({status}, {why}) : {detail}",
        "en": "HubSpot refuses ({status}, {why}): {detail}",
    },
    "hubspot_scope_missing": {
        "fr": "HubSpot n'a pas donné une permission nécessaire : {scope}.",
        "en": "HubSpot has not granted a permission that is needed: {scope}.",
    },
    "hubspot_slow_down": {
        "fr": "HubSpot demande une pause : le nombre d'appels permis est atteint. La suite reprend toute seule.",
        "en": "HubSpot asks for a pause: the number of calls allowed is reached. Work goes on by itself.",
    },
    "hubspot_daily_limit": {
        "fr": "Le nombre d'appels permis par jour sur votre compte HubSpot est atteint : reprise à minuit.",
        "en": "Your HubSpot account's calls for today are used up: work goes on at midnight.",
    },
    "hubspot_budget_low": {
        "fr": "Il reste {left} appels sur {most} aujourd'hui pour votre compte HubSpot.",
        "en": "Your HubSpot account has {left} of {most} calls left today.",
    },
    "hubspot_migrating": {
        "fr": "HubSpot déplace votre compte d'un centre de données à l'autre : reprise dès que c'est fini.",
        "en": "HubSpot is moving your account between data centres: work goes on when that is done.",
    },
    "hubspot_away": {
        "fr": "HubSpot ne répond pas pour le moment ({status}). La suite reprend toute seule.",
        "en": "HubSpot does not answer at the moment ({status}). Work goes on by itself.",
    },
    "hubspot_not_connected": {
        "fr": "Ce compte HubSpot n'est pas relié à Relance.",
        "en": "This HubSpot account is not connected to Relance.",
    },
    "hubspot_nothing_to_say": {
        "fr": "L'action n'a ni modèle ni texte.",
        "en": "The action has neither a template nor a text.",
    },
    "hubspot_class_missing": {
        "fr": "L'action ne dit pas si le message est du marketing ou du service.",
        "en": "The action does not say whether the message is marketing or service.",
    },
    "hubspot_time_unreadable": {
        "fr": "« {text} » n'est pas une heure, comme 10:30.",
        "en": "“{text}” is not a time of day, such as 10:30.",
    },
    "hubspot_date_unreadable": {
        "fr": "« {text} » n'est pas une date.",
        "en": "“{text}” is not a date.",
    },
    "hubspot_hours_unreadable": {
        "fr": "« {text} » n'est pas un nombre d'heures entre 0 et 2 160.",
        "en": "“{text}” is not a number of hours between 0 and 2,160.",
    },
    "hubspot_contacts_only": {
        "fr": "L'action n'écrit qu'à des contacts.",
        "en": "The action writes to contacts only.",
    },
    "hubspot_no_workflows": {
        "fr": "L'offre HubSpot de ce compte n'a pas de workflows, ou la permission de les poursuivre manque.",
        "en": "This account's HubSpot plan has no workflows, or the permission to go on with them is missing.",
    },
    "hubspot_no_consent_property": {
        "fr": "Aucune propriété ni abonnement HubSpot ne retient qui refuse les SMS : un STOP n'y arrive pas.",
        "en": "No HubSpot property or subscription keeps who refuses text messages: a STOP does not arrive there.",
    },
    "hubspot_property_absent": {
        "fr": "Ces propriétés n'existent pas dans ce compte HubSpot : {names}.",
        "en": "This HubSpot account has no such properties: {names}.",
    },
    "hubspot_keeps_its_no": {
        "fr": "La personne a refusé dans HubSpot ({address}) : elle seule peut y revenir.",
        "en": "The person said no in HubSpot ({address}): only they can take it back.",
    },
    "hubspot_step_not_waiting": {
        "fr": "Le workflow n'attend pas encore notre réponse : elle est redonnée dans quelques instants.",
        "en": "The workflow does not wait for our answer yet: it is given again in a moment.",
    },
    "hubspot_not_uninstalled": {
        "fr": "L'application n'a pas pu être retirée du compte HubSpot.",
        "en": "The application could not be taken out of the HubSpot account.",
    },
    "hubspot_needs_https": {
        "fr": "HubSpot n'appelle que des adresses en https ; celle de cette maison est {url}.",
        "en": "HubSpot calls https addresses only; this house's is {url}.",
    },
    "hubspot_name_lost": {
        "fr": "L'action {action} est publiée avec des champs que cette version n'a plus ({names}) : des workflows y "
              "tiennent.",
        "en": "The action {action} is published with fields that this version lacks ({names}): workflows hold on to "
              "them.",
    },
    "hubspot_developer_key_refused": {
        "fr": "HubSpot n'accepte pas cette clé de développeur.",
        "en": "HubSpot does not take this developer key.",
    },
    "publishing_needs": {
        "fr": "Il manque {names} : ce que seul l'opérateur de l'application connaît.",
        "en": "{names} missing: what only the application's operator knows.",
    },
    "nothing_to_publish": {
        "fr": "Cette plateforme n'a rien à publier.",
        "en": "This platform has nothing to publish.",
    },
    # WordPress
    "wordpress_unreadable": {
        "fr": "Ce que le site a envoyé n'a pas pu être lu ({what}).",
        "en": "What the site sent could not be read ({what}).",
    },
    "wordpress_setting_unknown": {
        "fr": "Une connexion WordPress n'a pas de réglage « {setting} ».",
        "en": "A WordPress connection has no setting “{setting}”.",
    },
    "wordpress_setting_wrong": {
        "fr": "Le réglage « {setting} » de la connexion WordPress n'a pas la bonne forme.",
        "en": "The WordPress connection's setting “{setting}” has not its form.",
    },
    "wordpress_no_phone": {
        "fr": "Aucun numéro n'a été laissé sur le site.",
        "en": "No number was left on the site.",
    },
    "wordpress_address_missing": {
        "fr": "Il manque l'adresse du site.",
        "en": "The site's address is missing.",
    },
    "wordpress_not_there": {
        "fr": "{url} ne se présente pas comme un site WordPress.",
        "en": "{url} does not present itself as a WordPress site.",
    },
    "wordpress_other_host": {
        "fr": "{url} renvoie vers un autre site ({host}).",
        "en": "{url} points to another site ({host}).",
    },
    "wordpress_passwords_off": {
        "fr": "Ce site n'accorde pas de mots de passe d'application (pas de https, ou une extension de sécurité).",
        "en": "This site grants no application passwords (no https, or a security plugin).",
    },
    "wordpress_password_refused": {
        "fr": "Le site n'a pas reconnu le mot de passe qu'il venait d'accorder (réponse {status}).",
        "en": "The site did not know the password that it had just granted (it answered {status}).",
    },
    "wordpress_not_an_administrator": {
        "fr": "{user} n'administre pas ce site.",
        "en": "{user} does not administer this site.",
    },
    "wordpress_handover_failed": {
        "fr": "L'extension du site n'a pas pris le code de connexion (réponse {status} {said}).",
        "en": "The site's plugin did not take the connection code (it answered {status} {said}).",
    },
    "wordpress_not_told": {
        "fr": "Le site n'a pas pu être prévenu : son extension se croit encore reliée.",
        "en": "The site could not be told: its plugin still believes it is connected.",
    },
    # segments and campaigns
    "field_not_list": {"fr": "Il faut ici une liste : [ … ].", "en": "A list is needed here: [ … ]."},
    "segment_condition": {
        "fr": "Cette condition ne dit pas de quoi elle parle : {known}.",
        "en": "This condition does not say what it is about: {known}.",
    },
    "segment_operator": {
        "fr": "Une condition compare d'une seule façon : {known}.",
        "en": "A condition compares in exactly one way: {known}.",
    },
    "segment_stranger": {
        "fr": "« {name} » n'a pas sa place dans cette condition.",
        "en": "“{name}” has no place in this condition.",
    },
    "segment_name": {
        "fr": "Un nom de valeur s'écrit sans guillemet ni barre oblique inversée.",
        "en": "The name of a value has no quotation mark and no backslash.",
    },
    "segment_too_many": {
        "fr": "Un segment a {most} conditions au plus.",
        "en": "A segment has at most {most} conditions.",
    },
    "segment_too_deep": {
        "fr": "Ces conditions s'emboîtent trop : {most} niveaux au plus.",
        "en": "These conditions are nested too deeply: {most} levels at most.",
    },
    "segment_or_people": {
        "fr": "Un segment a des conditions, ou c'est la liste des numéros que vous donnez : l'un des deux.",
        "en": "A segment has conditions, or it is the list of the numbers that you give: one of the two.",
    },
    "segment_no_list": {
        "fr": "Ce segment se tient par ses conditions : on n'y met ni n'en retire personne.",
        "en": "This segment is kept by its conditions: nobody is put on it or taken off.",
    },
    "segment_in_use": {
        "fr": "Ce segment sert encore à « {name} ».",
        "en": "This segment is still used by “{name}”.",
    },
    "audience_one_of": {
        "fr": "Dites à qui la campagne s'adresse, d'une seule façon : {known}.",
        "en": "Say whom the campaign is for, in exactly one way: {known}.",
    },
    "campaign_shares": {
        "fr": "Les parts des textes font 100 ensemble, et non {sum}.",
        "en": "The shares of the texts are 100 together, not {sum}.",
    },
    "campaign_names_twice": {
        "fr": "Deux textes portent le même nom : « {name} ».",
        "en": "Two texts have the same name: “{name}”.",
    },
    "campaign_winner_needs": {
        "fr": "Choisir le meilleur texte demande au moins deux textes et une première partie.",
        "en": "To choose the better text takes at least two texts and a first part.",
    },
    "campaign_time": {
        "fr": "L'heure s'écrit sans décalage, comme 2026-12-01T10:00, quand elle est celle de chaque personne.",
        "en": "The time is written without an offset, like 2026-12-01T10:00, when it is each person's own.",
    },
    "campaign_over_before": {
        "fr": "Ce moment est déjà passé.",
        "en": "This moment is over already.",
    },
    "campaign_state": {
        "fr": "Dans son état ({state}), cette campagne ne le permet pas.",
        "en": "In its state ({state}), this campaign does not allow that.",
    },
    "campaign_control": {
        "fr": "Groupe témoin : {percent} % des personnes ne reçoivent rien, pour mesurer ce que la campagne apporte.",
        "en": "Control group: {percent}% of people get nothing, to measure what the campaign brings.",
    },
    "campaign_paused": {"fr": "La campagne est en pause.", "en": "The campaign is paused."},
    "campaign_resumed": {"fr": "La campagne a repris.", "en": "The campaign goes on."},
    "campaign_cancelled": {"fr": "La campagne a été annulée.", "en": "The campaign was called off."},
    "campaign_nobody": {
        "fr": "Personne ne correspondait à cette campagne.",
        "en": "Nobody belonged to this campaign.",
    },
    "campaign_waits_for_person": {
        "fr": "La première partie est en route : la suite attend votre accord.",
        "en": "The first part is on its way: the rest waits for your word.",
    },
    "campaign_many_stops": {
        "fr": "{percent} % des messages partis ont reçu un STOP ({count} sur {left}) : plus que les {most} % admis.",
        "en": "{percent}% of the messages that left earned a STOP ({count} of {left}): more than the {most}% allowed.",
    },
    "campaign_many_failures": {
        "fr": "{percent} % des messages partis ont échoué ({count} sur {left}) : plus que les {most} % admis.",
        "en": "{percent}% of the messages that left failed ({count} of {left}): more than the {most}% allowed.",
    },
    "campaign_uplift_not_enough": {
        "fr": "Pas encore assez de recul : {written} personnes ont reçu un message, {control} n'en ont pas reçu.",
        "en": "Not enough to say yet: {written} people got a message, {control} did not.",
    },
    "wordpress_password_left": {
        "fr": "Le mot de passe d'application « Relance » est resté sur le site.",
        "en": "The application password “Relance” has stayed on the site.",
    },
    "wordpress_plugin_missing": {
        "fr": "L'extension Relance n'est pas encore reliée sur ce site.",
        "en": "The Relance plugin is not connected on this site yet.",
    },
    "wordpress_coupons_unknown": {
        "fr": "L'extension du site ne sait pas encore créer de codes de remise : installez sa dernière version.",
        "en": "The site's plugin cannot make discount codes yet: install its latest version.",
    },
    "wordpress_no_shop": {
        "fr": "WooCommerce n'est pas actif sur ce site : personne ne peut y créer le code de remise.",
        "en": "WooCommerce is not active on this site: nobody can make the discount code there.",
    },
    "wordpress_coupon_waits": {
        "fr": "Le site n'a pas pu créer le code de remise pour l'instant (réponse {status}).",
        "en": "The site could not make the discount code just now (it answered {status}).",
    },
    "wordpress_signature_refused": {
        "fr": "Le site ne reconnaît plus notre signature : son extension a une autre connexion, ou n'en a plus.",
        "en": "The site no longer knows our signature: its plugin has another connection, or none.",
    },
    "wordpress_clock_wrong": {
        "fr": "L'horloge du site et la nôtre diffèrent de plus de cinq minutes.",
        "en": "The site's clock and ours differ by more than five minutes.",
    },
    "wordpress_route_shut": {
        "fr": "Le site ne nous laisse pas parler à son extension (réponse {status}) : un pare-feu ou une extension de "
              "sécurité ferme son interface REST.",
        "en": "The site does not let us speak to its plugin (it answered {status}): a firewall or a security plugin "
              "shuts its REST interface.",
    },
    "wordpress_plugin_old": {
        "fr": "L'extension du site est en version {there}, la dernière est la {here}.",
        "en": "The site's plugin is version {there}, the latest is {here}.",
    },
}
