"""Words of English, German, French and Spanish that turn what stands beside them: denials, limits, alternatives, the past.

In lower case, without accents, as `clauses.folded_tokens` gives them.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES = _words("yes yeah yep absolutely definitely sure ja jawohl selbstverstandlich naturlich oui si claro true correct")
NO = _words("no nope nein non false")
FORBIDDING = _words(
    "prohibited forbidden banned disallowed impossible unavailable verboten untersagt unmoglich unzulassig interdit "
    "interdite prohibido prohibida imposible"
)
NEGATORS = _words(
    "not no never neither nor none nobody nothing cannot isnt arent wasnt werent dont doesnt didnt wont wouldnt cant "
    "couldnt shouldnt hasnt havent hadnt aint except excluding refuse refuses refused fail fails failed miss missed "
    "lack lacks lacked nicht kein keine keinen keinem keiner keines nie niemals weder noch ausser pas jamais ni sauf "
    "nest nunca tampoco excepto ninguno ninguna 不 没 沒 非"
)
# A denial of more, or of less, is a limit: "must not exceed 31.5 kg", "no fewer than seven".
LIMITED = _words("exceed exceeds exceeding uberschreiten uberschreitet depasser depasse superar supera")
COMPARED = _words(
    "more fewer less faster higher longer later earlier heavier slower mehr weniger schneller langer hoher spater "
    "fruher plus moins mas menos"
)
THAN = _words("than als de que")
NOT_ONLY = _words("only just merely nur bloss seulement solo solamente doubt problem")
SET_ASIDE = re.compile(
    r"\b(?:rather than|instead of|other than|apart from|as opposed to|unlike|statt|anstatt|anstelle|au lieu d[eu]|plutot que"
    r"|en lugar de|en vez de|(?:anyone|everyone|anything|everything|all|any|nobody|nothing|none) but)\b"
)
OUTDATED = re.compile(
    r"\b(?:used to|formerly|no longer(?! than)|not any ?more|until (?:\d{4}|last|recently|now)|fruher|ehemals"
    r"|nicht mehr(?! als)"
    r"|ancien(?:nement|ne)?|ya no|bis (?:\d{4}|letzte\w*))\b"
)
BELIEVED = re.compile(
    r"\b(?:(?:many|some|most|people|often|commonly|widely) (?:\w+ )?(?:say|think|thought|believe|assume|claim)\w*"
    r"|viele \w*(?:glauben|denken|meinen)|muchos (?:creen|piensan)|beaucoup (?:croient|pensent))\b"
)
TURNS = _words("but however actually instead fact sondern aber jedoch eigentlich mais sino pero sin")
OR = _words("or oder ou o")
FROM_IN_RUNS = ("から", "至", "到", "或", "または")
EITHER = _words("either entweder soit")
CONTRAST = _words("although though while whereas but wahrend obwohl mais alors mientras aunque")
COUNTED = _words("many viele combien cuantos cuantas")
AND = _words("and und et y e")
AFTER_OR = _words(
    "more less below above over under later earlier longer higher lower so fewer better mehr weniger darunter plus moins"
)
OVER = _words("ab over above exceeding exceeds exceed beyond uber mas")
UNDER = _words("under below nearly almost unter fast presque casi")
THAN_OVER, THAN_UNDER = (
    _words("more greater higher longer larger mehr plus mas"),
    _words("fewer less lower smaller weniger moins menos"),
)
LEAST_ASKED = _words("minimum min least lowest mindestens minimal minimale minimo")
MOST_ASKED = _words("maximum max most highest hochstens maximal maximale maximo")
LIMITS_ASKED = _words(
    "maximum minimum max min most least limit highest lowest longest shortest up above over below under at hochstens "
    "mindestens maximal minimal maximale minimale maximo minimo limite hochst"
)
DIRECTIONS = _words("until till before after since bis vor nach jusque jusqua avant apres hasta antes despues")
ARTICLES = _words("der das dem den zum le la el")  # before a date
RELATIVE = _words(
    "which who whom whose where although though while whereas since because wahrend obwohl weil mientras aunque "
    "tandis bien quoique"
)
RELATED = _words(
    "secretaria asistente adjunto assistente assistent assistentin sekretar sekretarin daughter son wife husband "
    "deputy assistant successor predecessor brother sister mother father friend rival secretary widow stellvertreter "
    "stellvertreterin tochter sohn frau nachfolger nachfolgerin adjoint fille fils hija hijo sucesor"
)
OF_PLACES = _words(
    "new old north south east west great upper lower san santa saint st los las le la el mount lake port fort"
)
TITLES = _words("mr mrs ms miss dr prof professor sir lady herr frau dr. m mme senor senora president king queen von van de")
MEASURES = _words(
    "second seconds minute minutes hour hours day days week weeks month months year years % percent eur usd gbp jpy "
    "inr chf kg g mg lb km m cm mm mile miles mph kmh °c °f litre litres liter liters l ml ton tons times am pm tage "
    "tag stunden jahre wochen monate jours heures ans dias horas anos semanas meses"
)
# What a chatty answer is made of beside what it says.
FILLER = _words(
    "many much yes no a an the this that these those it its he she they them his her their we you i our your of in on "
    "at by to from for with as is are was were be been being do does did has have had will would can could may might "
    "shall should must and or if then than so not no there here which who whom whose what when where why how also "
    "only very into about up out any each all both such own same too me us my according answer answers question "
    "passage passages document text context provided information based given stated mentioned says said say called "
    "known name named named sure certainly course great good thanks hope helps believe think please note ja der die "
    "das den dem des ein eine einen einem einer ist sind war und oder mit von zu im in am an auf fur bei es er sie "
    "wird werden hat haben le la les un une des du de est sont et ou dans en au aux pour par ce cet cette il elle el "
    "los las una unos y o que es son del al para por con se su lo"
)
# What an accepted answer may begin with that an answer need not say: "in 1977".
LEADING = _words(
    "the a an in on at by to within innerhalb binnen from with about since of um am im en el la los las der die das le les"
)
