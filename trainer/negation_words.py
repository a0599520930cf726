"""The closed word classes of English that the rule negator needs: no lexicon can be trusted with these few words."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """A set of words written in one line."""
    return frozenset(text.split())


BE = words("am is are was were 'm 're")
MODALS = words("will would can could may might must shall should ought 'll 'd ca wo sha")
AUXILIARIES = BE | MODALS | words("has have had do does did 's 've ai")
NOT = words("not n't")
DETERMINERS = words(
    "a an the my your his her its our their this that these those some any no every each all both either neither another "
    "such what which whose many few several most half enough"
)
POSSESSIVES = words("my your his her its our their whose 's '")
SUBJECTS = words("i you he she it we they there one")
PLURAL_PRONOUNS = words("i you we they these those both many few most some all several others ours mine theirs")
PRONOUNS = SUBJECTS | words(
    "me him us them this that these those who which what somebody someone something anybody anyone anything nobody "
    "everybody everyone everything nothing none itself himself herself themselves myself yourself ourselves mine yours "
    "theirs ours others both all each most many few some"
)
SINGULAR_PRONOUNS = words(
    "he she it this that one somebody someone something anybody anyone anything nobody everybody everyone everything "
    "nothing each another"
)
PREPOSITIONS = words(
    "about above across after against along among amid around as at before behind below beneath beside besides between "
    "beyond by concerning despite down during except for from in inside into like near of off on onto opposite out "
    "outside over past per regarding round since than through throughout till to toward towards under underneath "
    "unlike until up upon versus via with within without minus plus"
)
PARTICLES = words("up down off out back away over in on along through apart together around")
RELATIVES = words("who which that whose whom where")
SUBORDINATORS = words(
    "if when whenever because although though while whereas unless whether since before after until till once where wherever "
    "as that how why lest provided"
)
WEAK_SUBORDINATORS = words("since before after until till as than once like")  # also prepositions
CONJUNCTIONS = words("and or but nor yet so ; plus")
WH = words("who what which where when why how whose whom")
ADVERBS = words(
    "always never often rarely seldom sometimes usually already still also just only even ever hardly barely scarcely "
    "soon now then today tomorrow yesterday here there very quite too well really almost nearly again perhaps maybe once "
    "twice however therefore thus indeed instead rather later earlier first both all each together currently "
    "generally normally typically probably certainly simply now frequently occasionally mostly mainly largely much "
    "actually easily finally recently clearly definitely long far away yet either over half more less most least "
    "so nonetheless nevertheless moreover furthermore otherwise meanwhile abroad forever"
)
NUMBERS = words(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen"
)
PLURAL_ONLY = words(
    "people police cattle men women children mice feet teeth geese media scissors trousers jeans goggles data bacteria"
)
MASS = words(
    "sugar salt water milk rice bread butter cheese meat fat oil alcohol wine beer caffeine gluten lactose perfume noise "
    "room space evidence information advice furniture luggage money time help traffic electricity power light air music "
    "rain snow ice sand soap plastic wood metal glass leather cotton wool paper equipment software hardware access food "
    "fruit sense doubt work experience knowledge proof trouble damage danger assembly maintenance parking breakfast fun "
    "hope life love luck pain peace progress research rust smoke storage support training weather consent reason need "
    "wifi internet interest pressure sunlight blood oxygen energy fuel petrol gas tax insurance permission warning"
)
NOT_LEXICAL = (
    AUXILIARIES | DETERMINERS | PRONOUNS | PREPOSITIONS | SUBORDINATORS | WH | CONJUNCTIONS | ADVERBS | NUMBERS | NOT
)
HARDLY_VERBS = words(
    "man card cards dog dogs s baby kid kids guy guys bike bikes beach beaches wood woods blood horse horses cat cats cow cows "
    "glass glasses grass forest forests ice stone stones brick bricks cup cups boat boats bus bicycle bicycles "
    "soil wall walls roof roofs lunch breakfast meal meals summer eye eyes ear ears breast knee bone bones brain "
    "arm arms nose husband father mother doctor doctors queen boy girl song shoe shoes jacket jackets pants car castle table tables "
    "chair chairs plate plates fruit wine chicken egg eggs sugar candy cake cakes tree trees weather sun moon sky cloud clouds "
    "minute minutes second seconds inch inches pounds size sizes color colors colour colours title titles version versions skin "
    "uniform culture author authors language phone tower school schools kitchen river children lake staff "
    "word words wing wings bread street town city hall sea shore coast garden gardens tea coffee juice bean beans "
    "beam beams wheel wheels rocket rockets sole soles footnote footnotes helmet helmets gravel tent tents bench benches barn porch ferry bay bays palm palms winter medicine"
)  # the lexicon has them as verbs too, which costs more than it gains
TO_SOME = {
    "any": "some", "anybody": "somebody", "anyone": "someone", "anything": "something", "anywhere": "somewhere",
}  # fmt: skip
TO_ANY = {some: any_ for any_, some in TO_SOME.items()}
NEGATIVE_ADVERBS = {"rarely": "often", "seldom": "often", "hardly": "", "barely": "", "scarcely": ""}
STRONG_VERBS = words(
    "be keep make let take put use turn open close stop start wait press pull push give get go come see"
)
