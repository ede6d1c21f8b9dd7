"""French: "Je ne sais pas.", "Le texte ne le précise pas.", "Non mentionné"; not "Le petit-déjeuner n'est pas inclus."."""

from __future__ import annotations

from rung.text.refusals.absence import FRENCH_ABSENT
from rung.text.refusals.language import Language, any_of, unsaid

_WHICH = r"(?:(?:le|la|les|des|de|ces|ce|cet|cette|mes|mon|ma|nos|notre|vos|un|une|deux|du) |l')*"
_SOURCE = (
    r"(?:textes?|passages?|documents?|contextes?|extraits?|sources?|documentation|manuels?|articles?|matériaux"
    r"|base de connaissances|pages?|sections?|paragraphes?|contenu|connaissances|guide"
    r"|informations? (?:fournies?|disponibles?|données?)|éléments (?:fournis|disponibles)|auteure?)"
)
_TAIL = (
    r"(?: \d+)?(?: (?:fourni(?:e?s?)|disponibles?|donné(?:e?s?)|ci-dessus|proposé(?:e?s?)|récupéré(?:e?s?)"
    r"|que (?:j'ai|vous m'avez \w+|l'on m'a \w+)))*"
)
_SRC = rf"{_WHICH}{_SOURCE}{_TAIL}"
_FACT = (
    r"(?:informations?|données?|détails?|réponses?|mentions?|références?|indications?|précisions?|renseignements?"
    r"|éléments?|traces?|connaissances?|résultats?|indices?)"
)
_DE = (
    r"(?:d'|de |de l'|des |du |la |l'|le |les |cette |ces |cet |une? |assez (?:d'|de )|suffisamment (?:d'|de )"
    r"|aucune? |plus (?:d'|de )|trop (?:d'|de )|mention |telles? |accès à (?:cette |ces |l'|des |ce )?)*"
)
_A_FACT = rf"{_DE}(?:autres? )?{_FACT}\b"
_NE = r"(?:ne |n')"
_NOT = r"(?:pas|rien|point|aucune?|jamais|guère|nulle part)"
_SAY = (
    r"(?:dit|disent|mentionn(?:e|ent)|précis(?:e|ent)|indiqu(?:e|ent)|spécifi(?:e|ent)|explique?(?:nt)?|détaill(?:e"
    r"|ent)|révèl(?:e|ent)|évoqu(?:e|ent)|abord(?:e|ent)|trait(?:e|ent)|couvr(?:e|ent)|répond(?:ent)?"
    r"|nomm(?:e|ent)|parl(?:e|ent)|permet(?:tent)?|décri(?:t|vent)|cit(?:e|ent)|donn(?:e|ent)|fourni(?:t|ssent)"
    r"|suffi(?:t|sent)|éclair(?:e|ent)|renseign(?:e|ent)|sai(?:t|vent))"
)
_HOLD = r"(?:contien(?:t|nent)|comport(?:e|ent)|inclu(?:t|ent)|offr(?:e|ent)|présent(?:e|ent)|compren(?:d|nent)|a|ont)"
_FIND = (
    rf"(?:(?:y |le |la |l'|vous )?(?:répondre|dire|déterminer|trouver|savoir|confirmer|aider|préciser|établir|déduire"
    rf"|connaître|renseigner|conclure|affirmer|(?:donner|fournir|communiquer) (?:{_A_FACT}|cela|la réponse)))"
)
_WH = r"(?:qui|quand|où|comment|pourquoi|combien|quel(?:le)?s?|si|s'il|s'ils|ce qu[ei']|ce que|à qui|de qui)\b"
_END = r"(?=$|[,.!?)])"
_LONG = r".{1,160}?"
_IN = rf"(?:dans|par|en|d'après|selon|à partir de|sur la base de|avec|parmi|de) (?:aucun |aucune )?(?:des |de |du )?{_SRC}"
_TOLD = (
    r"(?:précisé|mentionné|indiqué|connu|spécifié|dit|évoqué|abordé|détaillé|expliqué|nommé|cité|communiqué|renseigné"
    r"|défini|traité|décrit|clair|révélé|donné(?! de))e?s?"
)

_SPEAKER = (
    rf"(?:je|nous|moi, je|moi je) {_NE}?(?:le |la |l'|vous )?(?:sais|savons|saurais) (?:malheureusement "
    rf"|vraiment )?pas(?:{_END}| {_WH}(?! le dire| vous le dire| dire)| la réponse| quoi)",
    rf"(?:je|nous) {_NE}en (?:sais|savons|ai) (?:rien|aucune idée|pas la moindre idée)",
    r"(?:je n'ai |je n'en ai |nous n'avons )?(?:absolument |malheureusement )?(?:aucune idée|pas la moindre idée)",
    rf"(?:j'ignore|nous ignorons|je l'ignore|sais pas{_END})",
    rf"(?:je|nous) {_NE}?(?:ai|avons|dispose|disposons|possède|possédons|trouve|trouvons|vois|voyons|connais|détiens"
    rf"|peux trouver|parviens pas à trouver|ai pu trouver)"
    rf" (?:malheureusement |hélas )?{_NOT}? ?(?:pu )?(?:trouvé |trouver |vu |reçu |accès à )?{_NOT}? ?(?:trouvé "
    rf"|trouver )?(?:{_A_FACT}|rien|cela|ça|ce nom)",
    rf"(?:je|nous) {_NE}(?:ai|avons) rien (?:trouvé|vu|lu)",
    rf"(?:je|nous) {_NE}?(?:peux|puis|pouvons|pourrais|suis|sommes|saurais|parviens|arrive|ai"
    rf"|avons) (?:malheureusement |hélas )?(?:pas |pas pu |pas en mesure de |pas capable de |pas à "
    rf"|pas été en mesure de |pas trouvé )?(?:de )?{_FIND}\b(?! (?:au|le) téléphone)",
    rf"(?:je ne suis|nous ne sommes) pas (?:sûre?s?|certaine?s?){_END}",
    rf"(?:je crains|je regrette) de ne (?:pas )?(?:pas )?(?:le |pouvoir |savoir |être )*(?:pas )?(?:{_FIND}|savoir)?",
    rf"il (?:me |nous )?manque (?:{_A_FACT})",
    rf"(?:mes|nos) {_SOURCE} {_NE}",
)
_SILENT = (
    rf"{_SRC} {_NE}(?:le |la |les |l'|nous |me |en |y |lui |se )*(?:{_SAY})(?: \w+ment)? {_NOT}",
    rf"{_SRC} {_NE}(?:{_HOLD}) {_NOT}(?: |{_END})(?:{_A_FACT}|cette|ces|la|le|les|l'|rien|cela|de |d')?",
    rf"{_SRC} {_NE}(?:est|sont) pas (?:suffisante?s?|claire?s?|liée?s?|pertinente?s?|en rapport)",
    rf"{_SRC} (?:reste|restent|est|sont) (?:muet(?:te)?s?|silencieu(?:x|ses?)|sans rapport|insuffisante?s?)",
    rf"(?:aucun|aucune) (?:des |de ces |de |d'entre )?{_SRC} {_NE}(?:le |la |l')?(?:{_SAY}|{_HOLD})",
    rf"rien (?:dans|parmi) {_SRC}",
    rf"(?:ils|elles|il|elle) {_NE}(?:le |la |l'|en |nous )?(?!sai)(?:{_SAY}) {_NOT}",
)
_PASSIVE = (
    rf"(?:{_LONG} )?(?:{_NE}(?:est|sont|a|ont|était|sera)|n'y est) (?:malheureusement )?(?:pas|jamais"
    rf"|nulle part)(?: été)?(?: \w+ment)? {_TOLD}(?:{_END}(?!, (?:donc|mais|et))| {_IN}| ici| {_WH})",
    rf"(?:{_LONG} )?{_NE}(?:est|sont|figure|figurent|se trouve|se trouvent|apparaît|apparaissent|ressort"
    rf"|existe) (?:pas|nulle part|jamais)(?: \w+)? {_IN}",
    rf"(?:cette|ces|la|l'|cet?|les?) ?(?:{_FACT}|question)\b.{{0,60}}? {_NE}(?:est|sont|figure|figurent|peut|peuvent"
    rf"|trouve) pas (?:disponible|connue?|accessible|donnée|fournie|répondue|être|traitée|abordée|de réponse|encore)",
    rf"(?:{_LONG} )?{_NE}(?:peut|peuvent|pouvait) pas être (?:répondue?|déterminée?|établie?|connue?|trouvée? {_IN}"
    rf"|déduite?)",
    rf"(?:cela|ça|ceci|ce point) {_NE}(?:figure|ressort|apparaît|se trouve|est) pas(?: (?:clair|précis|mentionné"
    rf"|indiqué|dit))?(?:{_END}| {_IN}| du texte| des documents)",
    rf"il {_NE}y a (?:pas|aucune?|rien)\b ?(?:{_A_FACT}(?! (?:personnel|confidentiel|privé|secr[eè]t|sensible"
    rf"|bancaire)\w*)|sur|à ce sujet|d'élément)",
    r"il n'y a rien (?:dans|sur|à ce sujet)",
    rf"il {_NE}est (?:pas|nulle part|jamais) (?:fait mention|possible de|question d|clair|précisé|indiqué|dit"
    rf"|connu (?!pour)|mentionné)",
    rf"(?:il est |c'est )?(?:impossible|difficile) d(?:e |'){_FIND}(?! avec précision)",
    rf"on {_NE}(?:trouve|peut|sait|saurait|connaît|dispose) (?:pas|aucune?)(?:{_END}| (?:le |la |en )?{_FIND}| {_WH}"
    rf"| {_A_FACT})",
    rf"rien {_NE}(?:est|a été) (?:\w+ment )?(?:dit|mentionné|indiqué|précisé|écrit|trouvé)",
    rf"je ne (?:pense|crois) pas que {_SRC}",
    rf"(?:on (?:l')?ignore|nul ne sait|personne ne sait\b.*{_SRC})",
    rf"{_LONG} (?:est|sont|reste|restent|demeure) (?:inconnue?s?|indéterminée?s?|incertaine?s?)(?:{_END}| {_IN})",
    rf"{_LONG} (?:est|sont) absente?s? (?:du|des|de) {_SRC}",
    rf"aucune? {_FACT} {_NE}(?:est|sont|a été) (?:donnée?s?|fournie?s?|disponibles?|indiquée?s?|trouvée?s?"
    rf"|mentionnée?s?)(?:{_END}| sur| à ce| concernant| quant| {_IN})",
    r"(?:je n'ai|nous n'avons) aucun moyen d",
    rf"aucune? (?:date|nom|prix|chiffre|raison|lieu|montant)s? {_NE}",
    rf"aucune? (?:mention|indication|précision|trace) {_NE}",
    r"(?:cette question|cela|ce sujet|c'est) (?:dépasse|sort|est hors|hors)",
    r"(?:il (?:me )?faudrait|j'aurais besoin de) (?:plus|davantage) d",
)
_FRAGMENTS = (
    r"non (?:précisé|mentionné|spécifié|indiqué|disponible|communiqué|renseigné|connu|trouvé|défini"
    r"|applicable)e?s?[.!]?$",
    rf"(?:pas|aucune?|sans|peu) ?(?:d'|de |assez d'|assez de |suffisamment d'"
    rf"|suffisamment de )?{_FACT}(?: (?:disponible|à ce sujet|sur .*|pour répondre.*|trouvée?|fournie?|suffisante?s?"
    rf"|pertinente?|dans {_SRC}))*s?[.!]?$",
    r"(?:inconnue?s?|indéterminée?|aucun résultat|sans objet|n/a|n/d|n\.c|réponse inconnue"
    r"|information (?:non disponible|indisponible|manquante|insuffisante)|informations insuffisantes"
    r"|impossible à (?:dire|savoir|déterminer)|rien trouvé)[.!]?$",
    r"pas (?:précisé|mentionné|indiqué|spécifié)e?s?[.!]?$",
    rf"pas (?:dans|parmi) {_SRC}[.!]?$",
)

_ANY_ORDER = unsaid(
    rf"(?:(?:le|la|les|ces|cet?|cette|mes|des|du|aux?|vos|dans) (?:\w+ )?{_SOURCE}|passages?|contexte|extraits?)\b",
    r"pas\b|rien\b|aucune?\b|jamais\b|nulle part\b|sans\b|impossible\b|ni\b",
    r"dit|disent|mention\w*|précis\w+|indiqu\w+|spécifi\w+|expliqu\w+|information\w*|réponse|répond\w*|savoir"
    r"|détermin\w+|clair\w*|clarifi\w+|détail\w*|révèl\w+|évoqu\w+|abord\w+"
    r"|nomm\w+|parl\w+|dédui\w+|conclu\w+|permet\w*|renseign\w+",
    r"(?:dit|disent|mentionnent|mentionne|précise|précisent|indique|indiquent|explique|expliquent|stipule|stipulent) que",
    r"doit|doivent|devrait|devez|faut|vous|clients?|utilisateurs?",
)

FRENCH = Language(
    negations=r"\b(?:pas|ne|rien|aucune?|jamais|non|sans|ignor\w+|inconnue?s?|impossible|nul|nulle|personne"
    r"|indéterminée?|insuffisante?s?|muet(?:te)?s?|absente?s?|manqu\w+|défaut|faute|vides?|incapables?|incapacité"
    r"|introuvable|sèche|échappe|vagues?|maigres?|suspens|mystère|autre|omet\w*|indisponible|hors|dépasse|n/a|n/d"
    r"|n\.c)\b|\bn'",
    sources="les passages",
    pronoun=any_of(r"(?:ils|elles|il|elle|ceux-ci)\b"),
    opening=any_of(
        r"(?:je suis |nous sommes )?(?:vraiment |sincèrement )?désolée?s?[,.!:]*(?: mais| que)? ?(?!d)",
        r"(?:excusez-moi|pardon|veuillez m'excuser|toutes mes excuses|mes excuses|je m'excuse)[,.!:]*(?: mais)? ?",
        r"(?:malheureusement|hélas|à vrai dire|honnêtement|actuellement)[,:]? ",
        r"(?:je crains que|je regrette, mais|je regrette,) ",
        r"(?:hm+|euh|eh bien|bon|ah|merci pour votre question)[,.!:]+ ?",
        r"(?:la )?(?:réponse|assistant|assistante|bot) ?[:–-] ?",
        rf"(?:d'après|selon|sur la base de|à partir de|au vu de|dans|avec|en me basant sur|compte tenu de) {_SRC}(?:,"
        rf"|(?= (?:il|on|je|le|la|les|cela|nous)\b)) ?",
        r"en tant qu(?:e|')[^,]{1,40}, ",
        r"(?:pour l'instant|à ma connaissance),? ",
    ),
    refuses=any_of(*_SPEAKER, *_SILENT, *_PASSIVE, *_FRAGMENTS, _ANY_ORDER, *FRENCH_ABSENT),
    topic=any_of(
        rf"(?:{_SRC}|ils|elles|il) (?:ne )?(?:mentionn(?:e|ent)|parl(?:e|ent)|décri(?:t|vent)|trait(?:e|ent)"
        rf"|évoqu(?:e|ent)|abord(?:e|ent)|se concentr(?:e|ent)|port(?:e|ent) sur|contien(?:t|nent)|expliqu(?:e|ent)"
        rf"|concern(?:e|ent))\b"
    ),
    pointer=any_of(
        r"(?:vous (?:pouvez|pourriez|devriez|trouverez)|tu peux|je vous (?:recommande|suggère|conseille|invite)"
        r"|je (?:recommande|suggère|conseille)|veuillez|consultez|demandez|contactez|vérifiez|adressez|n'hésitez"
        r"|merci de|peut-être (?:que )?(?:l|pouvez)|pour plus|si vous (?:voulez|souhaitez|avez)|essayez|renseignez"
        r"|visitez|s'il vous plaît)\b"
    ),
    looked=any_of(r"j'ai (?:cherché|consulté|parcouru|lu|examiné|vérifié)"),
    headless=any_of(
        r"(?:ne |n'|mais ne )?(?:ai|trouve|mentionnent?|disent|dit|indiquent?|précisent?)? ?(?:ne "
        r"|n')\w+ (?:pas|rien|aucun)"
    ),
    weak_contrast=r"donc",
    contrast=r"mais|cependant|toutefois|néanmoins|pourtant|en revanche|et (?=(?:je )?n[e'])",
    yielding=any_of(
        r"(?:bien que|quoique|même si|alors que|tandis que|comme|puisque|étant donné que|si le texte"
        r"|si les documents) "
    ),
    condition=any_of(r"(?:si|s'il|lorsque|quand|au cas où|dès que) "),
    guess=any_of(
        r"(?:je (?:crois|pense|suppose|dirais|présume|devine)|probablement|sans doute|peut-être|il semble"
        r"|apparemment|vraisemblablement|possiblement|il est probable|à mon avis)\b"
    ),
    exact=any_of(
        r".*\b(?:exacte?s?|exactement|précise?s?|précisément|avec (?:précision|certitude|exactitude)"
        r"|directement|explicitement|sûre?|certaine?)\b"
    ),
)
