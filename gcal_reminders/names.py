"""Whose appointment it is, as far as its title tells."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def name_in(title: str) -> tuple[str | None, str | None]:
    """`(name, first name)` of the person a title speaks of; None where it is not clear, rather than wrong.

    A civility that was written stays with the name ("Mme Roux"): it is how the clinic greets this person.
    """
    text = _NOISE.sub(" ", title[:300])
    for segment in _SEGMENTS.split(text):
        words = [word.strip(".,;!?*\"«»“”") if _bare(word) not in _CIVILITIES else word for word in segment.split()]
        words = [word for word in words if word]
        while words and _bare(words[0]) in _OPENINGS:
            words.pop(0)
        name = _name_of(words)
        if name is not None:
            return name
    return None, None


def without_civility(name: str) -> str:
    """`Mme Roux` → `Roux`, as an address book lists people."""
    return " ".join(word for word in name.split() if _bare(word) not in _CIVILITIES)


def _bare(word: str) -> str:
    return word.strip(".,'’").lower().replace(".", "")


@lru_cache(maxsize=4096)
def _given(word: str) -> bool:
    letters = unicodedata.normalize("NFD", word.lower())
    folded = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return folded in _GIVEN or ("-" in folded and all(part in _GIVEN for part in folded.split("-")))


def _name_of(words: list[str]) -> tuple[str | None, str | None] | None:
    """The name that these words are, or None. A civility makes sure; else two or three words must look like a name."""
    if not words:
        return None
    if _bare(words[0]) in _CIVILITIES and len(words) > 1:
        people = _leading_name(words[1:])
        if not people or (len(words[0]) == 1 and not people[0][:1].isupper()):
            return None
        first = _first_of(people) if len(people) > 1 else None
        return " ".join([words[0], *people]), first
    people = _leading_name(words)
    if len(people) != len(words) or not 2 <= len(people) <= 4:
        return None
    shaped = all(word[:1].isupper() or word.lower() in _PARTICLES for word in people)
    first = _first_of(people)
    return (" ".join(people), first) if shaped or (first is not None and len(people) == 2) else None


def _leading_name(words: list[str]) -> list[str]:
    """The words up to the first that is no part of a name; at most three besides particles."""
    name: list[str] = []
    for word in words:
        if not re.fullmatch(r"[^\W\d_](?:[^\W\d_]|['’\-.])*", word) or _bare(word) in _NOT_NAMES - _PARTICLES:
            break
        if name and name[-1][:1].isupper() and word[:1].islower() and word.lower() not in _PARTICLES:
            break
        name.append(word)
    while name and name[-1].lower() in _PARTICLES:
        name.pop()
    return name[:4]


def _first_of(people: list[str]) -> str | None:
    """The one word that is a given name. DUPONT Marie, Marie DUPONT: capitals settle what the list leaves open."""
    given = [word for word in people if _given(word)]
    if len(given) > 1:
        small = [word for word in given if not word.isupper()]
        given = small if len(small) < len(people) and any(word.isupper() for word in people) else given
    return given[0] if len(given) == 1 else None


_NOISE = re.compile(
    r"\[[^\]]*\]|https?://\S+|\S+@\S+|#\w+|[✓✔✗✘☑☎📞📱]|\([^)]*\)|\+?\(?\d[\d\s.\-/:()h]*\d(?:\s?(?:min|mn|h|€))?\b|\d\w*",
    re.IGNORECASE,
)
_SEGMENTS = re.compile(r"\s+[-–—]\s+|\s*[:|/,;•·→>–—]\s*|\s+-|-\s+|\s+\+\s+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CIVILITIES = _words("""
    m mr mme mlle madame monsieur mademoiselle mrs ms miss sig sigra sigora signor signora herr frau sr sra srta
    dr dre me mmes
""")
_OPENINGS = _words("""
    rdv rv rendez-vous rendezvous consultation consult cs visite visita appel appuntamento appt appointment
    termin cita avec with con mit pour for per de chez seance séance tel tél portable mobile sms gsm patient
    patiente client cliente bilan suivi controle contrôle urgence nouveau nouvelle confirmé confirme annulé
    annule
""")
# Words that begin a title with a capital and are nobody's name.
_NOT_NAMES = _words("""
    reunion réunion meeting dejeuner déjeuner pause conges congés ferie férié formation staff equipe équipe
    detartrage détartrage controle contrôle bilan igiene pulizia visita urgence soins soin coupe couleur
    brushing massage vaccin vaccination consultation teleconsultation téléconsultation seance séance suivi kine
    kiné osteo ostéo ferme fermé ouvert cabinet bureau salle absence absent vacances anniversaire birthday lunch
    call appel zoom teams meet google webinaire atelier cours lecon leçon yoga pilates livraison travaux
    plombier banque comptable garage assemblee assemblée conseil rappel rdv entretien commande dossier projet
    point premiere première premier prima primo visite et und and the le la les du des un une au aux à a en sur
    sans
""")
_PARTICLES = _words("""
    de du des le la d' da di del della van von der den el al bin ben saint st
""")
# The commonest given names of our five languages. Only a name on this list is offered as a first name.
_GIVEN = _words("""
    adam adele adrien agathe agnes alain albert alessandro alessia alex alexandra alexandre alexis alice aline
    alix alma amandine ambre amelie amina ana anais andre andrea angela angelique anna anne annie antoine
    antonio arnaud arthur audrey aurelie aurore axel baptiste barbara beatrice benjamin benoit bernadette
    bernard bernd bertrand birgit brigitte bruno camille carla carlos carmen carole caroline catherine cecile
    cedric celine charles charlotte chantal chiara chloe christelle christian christiane christine christophe
    claire clara claude claudia claudine clemence clement colette corinne cyril damien daniel daniele danielle
    david delphine denis denise didier dominique edouard elena eleonore elisa elisabeth elise eliane ella elodie
    emilie emily emma emmanuel emmanuelle enzo eric erika estelle esther ethan eva eve evelyne fabien fabienne
    fabrice fanny fatima federica federico felix fernando florence florian france francesca francesco francis
    francois francoise franck frank frederic frederique gabriel gabriella gaelle genevieve georges gerard
    germaine ghislaine gilbert gilles giorgio giovanni giulia giuseppe gregory guillaume guy hanna hannah hans
    heike helena helene henri herve hugo ines ingrid irene isabelle isabella jacqueline jacques jade james jan
    javier jean jeanne jennifer jeremy jerome jessica joel john jonathan jorge jose josette josiane juan jules
    julia julie julien juliette jurgen justine karim karine katharina kevin laetitia lara laura laure laurence
    laurent lea leila lena leo leon leonie liam lina lisa loic lola lou louane louis louise luc luca lucas lucie
    lucien luigi luis lydia lydie madeleine maelys magali malik manon manuel manuela marc marco marcel marcelle
    margaux margot maria marie marina marine mario marion marise mary maryse mateo mathieu mathilde mathis
    matteo matthieu maud maurice max maxime melanie melissa michael michel michele micheline michelle miguel
    mireille mohamed mohammed monique morgane muriel myriam nadia nadine nathalie nathan nicolas nicole noah noe
    noemie nora norbert odette odile olivia olivier oscar pablo paola paolo pascal pascale patrice patricia
    patrick paul paula pauline pedro peter petra philippe pierre pierrette rachel rachid raphael raymond
    raymonde regine regis remi remy renaud rene renee ricardo robert roberto roger roland romain romane rosa
    rose sabine sabrina sacha samia samir samuel sandra sandrine sara sarah sebastien serge severine silvia
    simon simone sofia sofiane solange sonia sophie stefan stefano stella stephane stephanie susanne suzanne
    sylvain sylvie tanguy theo theodore therese thibault thierry thomas tim timothee tom tristan ugo ursula
    valentin valentina valentine valerie vanessa veronique victor victoire victoria vincent virginie viviane
    wolfgang xavier yacine yann yannick yasmine yolande youssef yves yvette yvonne zoe
""")
