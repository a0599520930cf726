"""What one step of the tagger costs besides the tables: verbs that do not agree, clauses that open, verbs owed and paid."""

from __future__ import annotations

from trainer.negation_costs import NO_SUCH_PAIR
from trainer.negation_lexicon import FINITE, NOMINAL, OPENERS, SUBJECT_STARTS, candidates
from trainer.negation_places import SOFTENING, Place
from trainer.negation_words import words

ONE_TOO_MANY, DISAGREES = 9.0, 4.0
SINGULAR = {"is": "s", "was": "s", "has": "s", "does": "s", "are": "p", "were": "p", "have": "p", "do": "p"}
COLLECTIVE = words("group couple crowd lot number pair variety bunch majority handful team range")
SAYING = words(
    "say says said think thinks thought know knows knew believe believes believed hope hopes hoped mean means meant suggest "
    "suggests suggested show shows showed find finds found feel feels felt see sees saw claim claims claimed guess wish "
    "wishes understand realise realize insist insists admit admits admitted argue argues indicate indicates assume "
    "hear heard report reports reported reveal reveals revealed suppose doubt doubts ensure ensures learn learned notice "
    "noticed prove proves proved explain explains explained confirm confirms confirmed tell told sure glad afraid promise "
    "promised swear expect expects recommend recommends"
)
ALL_THAT = words("everything anything something nothing all everyone")  # "everything my father says"
POLITE = words("then please now first always never just simply also so kindly next")
BEFORE_BASE = words(
    "^ TO MD DO NOT CCV CCO CV CM CMV SM SMV RB RA"
)  # before a verb's base form that nothing earlier licenses
REQUESTING = words("^ CM CMV SM SMV CV")  # a base form after these is a request, and pays as a finite verb does
ASKED = words("NN NNS PN PNP PRP PRS PRX RB RA NOT")


def unlikely_verb(number: str, tag: str, earlier: str, place: Place) -> float:
    """What it costs a finite verb to disagree with its subject, to follow the sentence's first comma, or to have no subject."""
    cost = 3.0 if place.first_comma and earlier in ("CM", "RB") else -1.5 if place.second_comma else 0.0
    if tag in ("VBP", "VBZ") and not number and (earlier == "RB" or (earlier in ("CMV", "SMV") and tag == "VBP")):
        cost += 4.0  # no subject
    if tag == "VBD" and (place.only_adverbs or place.caption) and "VBN" in candidates(place.low):
        cost += 4.0 if place.only_adverbs else 2.0
    if place.last and place.caption:
        cost += 2.0
    if tag == "VBP" and "JJ" in candidates(place.low):
        cost += 1.5  # "full" and "ready" are hardly ever verbs
    if place.pending:
        cost += NO_SUCH_PAIR
    wanted = "s" if tag == "VBZ" else "p" if tag == "VBP" else SINGULAR.get(place.low, "") if earlier != "PRP" else ""
    return cost + (
        DISAGREES if number not in ("", "-") and wanted and wanted != {"d": "s"}.get(number, number.lower()) else 0.0
    )


def unlikely_base(earlier: str, number: str, place: Place) -> float:
    """What it costs a base form to stand there without a modal, "to" or a request."""
    if place.inverted and earlier in ASKED:
        return -2.0
    licensed = (earlier in BEFORE_BASE and not (earlier == "RB" and number.isalpha())) or (
        place.causes and earlier in ("NN", "NNS", "PN", "PNP", "PRX")
    )
    return 0.0 if licensed else 4.0


def owing(tag: str, earlier: str, owed: int, place: Place) -> tuple[tuple[int, float], ...]:
    """(verbs owed after this word, cost): at least one way to go on, two where a clause may open without a word of its own."""
    if tag in FINITE:
        if owed:
            return ((owed - 1, 3.0 if owed == 1 and place.in_adjunct else 0.0),)
        return ((0, 3.0 if place.before in SAYING else ONE_TOO_MANY),)
    if tag == "VB" and (
        (earlier in REQUESTING and place.before not in ("(", ")")) or (earlier == "RB" and place.before in POLITE)
    ):
        if owed and place.bases and earlier != "^":
            return ((owed, 0.0), (owed - 1, 0.5))  # "could boost trade, create wealth"
        return ((owed - 1, 0.0),) if owed else ((0, 1.5),)
    if tag in ("SM", "SMV") and place.low in ".;!?" and not place.last:
        return ((owed + (tag == "SMV"), 3.0 * owed + 0.6 * (tag == "SMV")),)
    more = min(owed + 1, 4)
    if tag in OPENERS:
        if place.asks or (tag == "CV" and (earlier == "^" or place.before in SOFTENING)):
            return ((owed, 0.0),)
        return ((more, 2.0 if tag == "CMV" else 0.1 if tag in ("WH", "WHD", "SC") else 0.6),)
    bare = _bare(tag, earlier, place.before) if tag in SUBJECT_STARTS else None
    if bare is None:
        return ((owed, 0.0),)
    return (
        (owed, (1.5 if place.fronted else 5.0) if earlier in NOMINAL and tag in ("PRP", "PRS") else 0.0),
        (more, bare),
    )


def _bare(tag: str, earlier: str, before: str) -> float | None:
    """What it costs to open a clause without a word: "the food we like", "they say it works", "glad you came"."""
    if before in ALL_THAT and tag != "VBG":
        return 1.5
    if earlier in NOMINAL:
        return {"PRP": 1.0, "PRS": 1.0, "DT": 4.5, "DTS": 4.5, "DTP": 4.5, "PN": 4.5, "NN": 6.5, "NNS": 6.5}.get(tag)
    pronoun = tag in ("PRP", "PRS")
    if earlier in ("VBZ", "VBP", "VBD", "VB", "VBG", "VBN", "JJ", "PRX"):
        return (0.3 if pronoun else 2.0) if before in SAYING else (3.0 if pronoun else 8.0)
    return 4.0 if earlier == "RB" and pronoun else None


def number_after(number: str, tag: str, place: Place, opened: bool) -> str:
    """The number of the clause's subject as its words go by; capital once its head is past."""
    if tag in FINITE:
        return "-"
    if opened or tag in OPENERS or place.adjunct_ends:
        number = ""
    if tag in OPENERS or number == "-":
        return number
    if number in ("S", "P"):
        return "P" if tag[:2] == "CC" else number
    if tag == "DTS" or (number == "d" and tag in ("NN", "JJ")):
        return "P" if number == "c" else "d"
    if tag in ("NN", "PRS", "PN") or (tag == "VBG" and not number):
        return "P" if number == "c" else "s"
    if tag in ("NNS", "PRP", "PNP", "DTP") or (tag == "CD" and not number):
        return "P" if number == "c" else "p"
    if number and tag[:2] == "CC":
        return "c"
    if number and tag in ("IN", "VBN", "VBR", "VBG", "TO"):
        return "" if place.low == "of" and place.before in COLLECTIVE else "S" if number in "sd" else "P"
    return number
