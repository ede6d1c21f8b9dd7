"""Ways of saying that something is nowhere, or that the sources have nothing on it or too little: small word lists combined.

Each language gives its words; which of them stand together in a clause is the same in all, and their order is free.
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """Alternatives of patterns, each for whole words.

    `nowhere` with `telling`: "is nowhere named". `sources` with `has_no` and a `part`: "the handbook has no section on it";
    with `empty`: "are about something else". `facts` or `sources` with `scarce`: "are not enough to answer".
    `lacking` with `facts` or `sources`: "this figure is missing". Never with a `duty`: "must not be named anywhere".
    """

    nowhere: str
    telling: str
    sources: str
    has_no: str
    part: str
    facts: str
    scarce: str
    lacking: str
    empty: str
    silent: str
    unsaid: str
    duty: str
    whole: tuple[str, ...]


def absent(words: Words) -> tuple[str, ...]:
    """The patterns of a language, over a clause from its start."""
    free = rf"(?!.*\b(?:{words.duty})\b)"
    named = rf"\b(?:{words.sources})\b"
    # The rarest words are looked for first: most clauses have none of them.
    return (
        rf"(?=.*\b(?:{words.nowhere}))(?=.*\b(?:{words.telling})\b){free}",
        rf"(?=.*\b(?:{words.has_no}) (?:\w+ ){{0,2}}?(?:{words.part})\b)(?=.*{named}){free}",
        rf"(?=.*\b(?:{words.silent})\b)(?=.*{named}){free}",
        rf"(?=.*\b(?:{words.scarce})){free}.{{0,60}}?\b(?:{words.sources}|{words.facts})\b.{{0,60}}?\b(?:{words.scarce})",
        rf"(?=.*\b(?:{words.empty})){free}.{{0,40}}?{named}.{{0,40}}?\b(?:{words.empty})",
        rf"(?=.*\b(?:{words.lacking})){free}"
        rf"(?:.{{0,60}}?\b(?:{words.facts})\b.{{0,40}}?\b(?:{words.lacking})|.{{0,40}}?\b(?:{words.lacking})\b.{{0,30}}?"
        rf"\b(?:{words.facts}))\b(?=$|[,.!?]| (?:in|im|from|for|to|hier\w*|dafür|dazu|en|dans|de|du|del|para|pour|über)\b)",
        rf"(?=.* (?:{words.unsaid})(?=$|[.!?,]| (?:in|im|by|en|dans|por|par|hier)\b)){free}",
        *(rf"(?:{pattern})[.!]*$" for pattern in words.whole),
    )


ENGLISH_ABSENT = absent(
    Words(
        nowhere=r"nowhere\b(?! (?:near|else|on|at|under|inside)\b)|at no point\b|(?:not|never"
        r"|\w+n't) (?:[\w']+ ){0,4}?anywhere(?=$|[,.!]| in the (?:text|pass"
        r"|doc|source|excerpt|context|material|handbook|manual|file|article)| in (?:these|this|those|what|any of)"
        r"| (?:who|what|when|where|why"
        r"|how|which|whether)\b)",
        telling=r"appears?|mention\w*|stat(?:e|es|ed)|nam(?:e|es|ed|ing)|given?|gives?|list(?:ed|s)?|specif\w+"
        r"|indicat\w+|says?|said"
        r"|found|come up|comes up|turns? up|shows? up|explain\w*|described?|describes|discuss\w*|covered|address\w*"
        r"|defined|tells?|told"
        r"|spelled|written|recorded|documented|referred|addressed|answered|specified|identified",
        sources=r"(?:the|these|those|this|any of the|my|your|our) (?:[a-z]+ ){0,2}?(?:passages?|documents?|docs"
        r"|texts?|sources?|excerpts?"
        r"|extracts?|snippets?|context|handbook|manual|guide|knowledge base|files?|materials?|articles?|records"
        r"|search results|faq"
        r"|documentation|notes|corpus|pages?)",
        has_no=r"(?:contains?|has|have|holds?|includes?|offers?|shows?|gives?|provides?|carr(?:y|ies)|there is"
        r"|there's|there are|see|find)"
        r"(?: absolutely| simply| just| really)? (?:no|nothing|not a(?:ny)?|not one|zero|not a single)",
        part=r"(?:entry|entries|section|chapter|heading|passage|paragraph|line|word|article|note|page|answer|mention"
        r"|coverage|trace"
        r"|discussion|guidance|statement|explanation)s?(?= (?:on|about|for|regarding|of|to|that|concerning|covering"
        r"|dealing|which|where)\b"
        r"|$|[,.!])|(?<=nothing )(?:on|about|regarding|concerning|relating|related|to|that|of|in)",
        facts=r"(?:information|details?|context|data|facts?|evidence|material|figures?)(?! (?:field|box|line|page"
        r"|entry))",
        scarce=r"(?:is|are|was|were)(?: simply| just)?(?:n't| not) (?:\w+ )?(?:enough|sufficient"
        r"|adequate)\b(?: (?:to (?:answer|say|tell"
        r"|determine|know|decide|conclude|work|reply|identify|establish|give)|for (?:an|this|that|me|a))|$|[,.!])"
        r"|(?:is|are) too (?:thin|vague"
        r"|limited|sparse|scarce|little|incomplete|general)\b(?: to| for|$|[,.!])|(?:do|does)(?:n't| not) suffice"
        r"|(?:do|does)(?:n't| not) help\b"
        r"(?: me| us| here| with (?:this|that)|$|[,.!])|(?:is|are) (?:needed|required|necessary) (?:to"
        r"|before) (?:answer|say|tell|determine|i )",
        lacking=r"(?:this|that|the (?:requested|relevant|necessary|needed)) \w+ (?:is|are) (?:missing|absent|lacking"
        r"|left out|omitted)"
        r"|(?:i|we)(?:'m| am|'re| are)? (?:missing|lack(?:ing)?) (?:the|that|this|any|enough)"
        r"|(?:is|are) (?:missing|absent|omitted|left out)(?= (?:from|in) (?:the (?:text|pass|doc|source|excerpt"
        r"|context|material)"
        r"|these|this))",
        empty=r"(?:is|are) (?:empty|blank|about (?:something|other|another|different)\b|off[- ]topic"
        r"|not about (?:this|that|it))"
        r"|(?:leaves?|left) (?:.{1,60} )?(?:out|un(?:named|said|stated|specified|answered|explained|clear|mentioned))"
        r"|omits?\b|skips? over|(?:is|are) of no (?:help|use)|stops? short"
        r"|says? zilch",
        silent=r"mum|(?:stays?|remains?|is|are|keeps?) (?:\w+ )?(?:quiet|silent) (?:about|on)|(?:fall|come)s? short"
        r"|(?:do|does)(?:n't| not) go (?:that far"
        r"|so far)|(?:is|are) missing (?:this|that|it)|lacks? (?:an?|the|any|this|that) \w+|(?:is|are) a blank"
        r"|tight-lipped|zilch|not (?:say )?(?:a|one) word|never (?:\w+ )?(?:gets?|comes?) (?:around )?to"
        r"|(?:insufficient|too little|too few"
        r"|not enough|inadequate) (?:\w+ )?(?:information|details?|context|data|facts?|evidence)",
        unsaid=r"(?:remains?|stays?|goes|go|is|are|was|left|is left) (?:unnamed|unsaid|unstated|unmentioned"
        r"|unanswered|unexplained"
        r"|unaddressed|a mystery|open in (?:the|these) (?:texts?|passages?|documents?|sources?|excerpts?))",
        duty=r"must|should|shall|may|might|need not|has to|have to|ought|you|your|customers?|users?|if|we will|will be",
        whole=(
            r"(?:i |we )?(?:(?:could|can|did|do|would)(?:n't| not)|cannot|can not|was(?:n't| not) able to|unable to"
            r"|not able to|failed to"
            r"|have(?:n't| not)(?: been able to)?)(?: even| really| actually)? (?:find|found|locate|spot|see|say|tell"
            r"|tell you|identify|make out)"
            r"(?: (?:it|that|this|anything|any|one|an answer|the answer|any such thing))?(?: (?:here|there|anywhere"
            r"|sorry|in there"
            r"|about (?:it|that|this)|on (?:it|that|this)|for (?:sure|certain)|either))*",
            r"(?:found|saw|see|find) (?:nothing|no (?:answer|match|mention|trace))(?: (?:here|there|on (?:it|that"
            r"|this)|about (?:it|that|this)))?",
            r"(?:that|this)(?:'s| is| was|s)?(?: simply| just)?(?: not|n't| never) (?:covered|addressed|mentioned"
            r"|discussed|documented|stated"
            r"|specified|given|listed|described|spelled out|recorded|explained)(?: here| anywhere| at all)?",
            r"[\w ']{1,80} (?:is|was|are|were)(?:n't| not) in (?:there|here|them)(?: anywhere)?",
            r".{1,80}(?:isn't|is not|'s not) (?:something|anything) (?:that )?(?:the|these|those|my|any of the) .{1,60}",
            r".{1,80}(?:isn't|is not|'s not) (?:something|anything) (?:that )?(?:i|we) can .{1,40}",
            r"nothing (?:here|there|in .{1,40}) (?:says|tells|explains|mentions|indicates|states|names|answers)\b.*",
            r".{1,60} (?:gives?|states?|names?|provides?|specify|specifies|mentions?) no (?:name|date|year|price"
            r"|amount|reason|figure|number"
            r"|time|place|deadline|detail|author|source|answer|explanation)s?(?: (?:for|of|at|here)\b.{0,40})?",
            r"you (?:won't|will not|cannot|can't) find (?:that|this|it|an answer|anything(?: about .*)?)(?: in .*)?",
            r"neither .{1,60} nor .{1,60} (?:is|are|was|were) (?:given|mentioned|stated|named|provided|specified"
            r"|indicated|known)(?: .*)?",
            r"(?:i|we) (?:can )?only (?:see|have|know|find) .{1,80}, not .{1,60}|(?:(?:i"
            r"|we)\b.{0,40})?came up (?:empty|blank)(?: .{0,30})?|.{1,40} eludes me",
            r"for (?:lack|want) of (?:information|data|details|context|evidence)\b.*",
            r"(?:there(?:'s| is| was) )?nothing (?:at all )?in (?:here|there)(?: .*)?",
            r"(?:(?:there(?:'s| is) )?(?:not enough|too little|too few|insufficient) (?:\w+ )?(?:information|details?"
            r"|context|data|facts?"
            r"|evidence|here|to go on)(?: (?:to|for|on|about|here)\b.*)?)",
            r"no (?:\w+ ){0,2}\w+ (?:is|was|are|were) (?:\w+ly )?(?:given|mentioned|stated|named|provided|specified"
            r"|indicated|listed|said)"
            r"(?: (?:here|anywhere|in (?:the|this|these|any) .*))?",
            r"(?:the|its|his|her|their|an?) (?:\w+ )?(?:year|date|day|name|price|amount|number|reason|time|location"
            r"|place|author|cost|fee|figure"
            r"|deadline|title|age|address|duration|total|percentage|rate|limit|length|size"
            r"|weight)(?: of .{1,40})?(?: is| was|'s)(?: not|n't)"
            r"(?: \w+ly)? (?:provided|given|included|available|found|there|in there|shown|disclosed)",
            r"[\w ]{1,40} (?:is|was|are|were) nowhere to be (?:found|seen)(?: (?:in|here).*)?",
            r"(?:it )?beats me|search me|(?:i )?have(?:n't)? (?:got )?(?:a|no|any) (?:clue|idea)|(?:i'm "
            r"|i am )?drawing a blank(?: here)?"
            r"|your guess is as good as mine|i'm stumped|i give up|no luck|hard to (?:say|tell)|couldn't tell you"
            r"|i wouldn't know"
            r"|not that i (?:can see|know of|could find)|not (?:as far as|so far as) i (?:can see|can tell|know)",
            r"please (?:provide|give|share|send|supply)(?: me| us)?(?: with)? (?:more|further|additional) (?:context"
            r"|details?|information)",
            r"no (?:entry|entries|match|matches|hits?|section|article)s? (?:for|on|about) (?:this|that|it"
            r"|the question|your question)",
            r"(?:i )?(?:see|have|was given|got|received) no (?:passages?|documents?|context|texts?|sources?)(?: (?:to"
            r"|for|with|on).*)?",
            r"none of (?:these|the|those) (?:[a-z]+ )?(?:passages?|documents?|texts?|sources?"
            r"|excerpts?)?(?: \w+)? ?helps?(?: \w+)*",
        ),
    )
)

GERMAN_ABSENT = absent(
    Words(
        nowhere=r"(?:nirgends|nirgendwo|an keiner (?:\w+ )?stelle|mit keinem wort|mit keiner silbe)\b",
        telling=r"erwähn\w*|genannt|nennt|benannt|steht|stehen|rede|angegeben|angabe\w*|beschrieben|gesagt|sagt"
        r"|erklärt|aufgeführt"
        r"|auftauch\w*|taucht|tauchen|zu lesen|angesprochen|festgehalten|definiert|hervor|geschrieben|vermerkt"
        r"|dokumentiert|festgelegt"
        r"|verzeichnet|aufgelistet|thematisiert|behandelt|beantwortet|fand|finde ich|finde|gefunden",
        sources=r"(?:de[rnms]|das|die|dies\w{1,2}|im|in|mein\w*|unser\w*|vorliegende[nr]?"
        r"|kein\w*) (?:\w+ ){0,2}?(?:texte?[sn]?|passagen?"
        r"|dokumente?[sn]?|kontext(?:es)?|unterlagen|quellen?|auszüge?n?|abschnitte?n?|handbuch|handbücher"
        r"|dokumentation|wissensbasis"
        r"|wissensdatenbank|datenbank|textstellen?|ausschnitte?n?|leitfaden|materiali?e?n?|artikeln?|dateien"
        r"|fundstellen)",
        has_no=r"(?:enthält|enthalten|hat|haben|bietet|bieten|gibt|kennt|kennen|liefern|liefert|findet sich"
        r"|finden sich|steht|existiert|nennt|nennen)"
        r"(?: \w+){0,4}? kein\w*|in kein\w*",
        part=r"abschnitt|kapitel|eintrag|einträge|passage|absatz|zeile|wort|satz|artikel|hinweis\w*|seite|antwort"
        r"|rubrik|regelung|aussage\w*"
        r"|erläuterung\w*|texte?|abschnitte?|dokumente?|passagen?|quellen?|auszüge|(?:der|dieser"
        r"|den) (?:\w+ )?(?:abschnitte|texte"
        r"|dokumente|passagen|quellen|auszüge|unterlagen|artikel|textstellen)",
        facts=r"(?:information(?:en)?|angaben?|daten|details|einzelheiten|fakten|auskünfte?|kontext|hinweise|inhalte"
        r"|grundlage)",
        scarce=r"(?:reich(?:t|en) (?:\w+ ){0,4}?nicht\b|(?:leider |dafür |dazu |hierfür "
        r"|hierzu )?nicht aus(?:reichend|\b)|genüg(?:t|en) (?:\w+ )"
        r"{0,4}?nicht|(?:ist|sind|bleiben) (?:\w+ ){0,2}?(?:unzureichend|ungenügend|nicht ausreichend|zu (?:knapp"
        r"|dürftig|vage"
        r"|ungenau|unvollständig|wenig|allgemein|spärlich)))",
        lacking=r"(?:mir|uns|hier|hierzu|dazu|dafür|hierfür|darüber|es|im \w+|in (?:den|der"
        r"|diesem) (?:\w+ )?\w+) fehl(?:t|en)"
        r"|(?<=hierzu )fehlen mir|fehl(?:t|en) (?:mir|uns|hier|hierzu|dazu|im|in|leider|diese|die entsprechende)",
        empty=r"(?:ist|sind) (?:leer|ohne bezug)|(?:handel(?:t|n)|gehen|geht) (?:\w+ )?(?:von|um) (?:etwas|anderem"
        r"|andere)|helfen"
        r"(?: \w+){0,3} nicht|hilft(?: \w+){0,3} nicht|(?:lässt|lassen) (?:\w+ ){0,3}?offen|verschweig(?:t|en)"
        r"|übergeh(?:t|en)",
        silent=r"schweig(?:t|en)|komm(?:t|en) (?:\w+ ){0,4}?nicht vor|kein\w* (?:\w+ )?(?:aufschluss|auskunft|wort"
        r"|silbe)|hüll(?:t|en) sich in schweigen",
        unsaid=r"(?:bleibt|bleiben|ist|sind|wird|werden) (?:\w+ ){0,3}?(?:unerwähnt|ungenannt|unbeantwortet|unbenannt"
        r"|offengelassen"
        r"|ausgelassen|ausgespart|verschwiegen)",
        duty=r"muss|müssen|darf|dürfen|soll|sollen|sollte|sollten|sie (?:müssen|können)|kunden|nutzer|wenn|falls",
        whole=(
            r".{0,60}?\bentzieht sich (?:leider )?(?:meiner|unserer) kenntnis|(?:da |hier )?(?:bin ich"
            r"|sind wir) (?:leider )?überfragt"
            r"|(?:da |hier )?muss ich (?:leider )?passen|(?:ich habe )?keinen (?:blassen )?schimmer|fehlanzeige"
            r"|keinen plan",
            r"(?:das |es |dies |dazu |hierzu |darüber |so etwas )?(?:die antwort |den \w+ |die \w+ )?(?:habe|konnte"
            r"|kann|finde|fand|sehe|weiß|kenne|vermag)(?: ich| wir)?(?: \w+){0,4}?"
            r" (?:nicht|nichts)(?: (?:dazu|darüber|hierzu|davon|in den texten))?(?: (?:gefunden|finden|sagen"
            r"|entdecken|entnehmen|beantworten"
            r"|feststellen|herausfinden|ermitteln|auffinden|erkennen))?",
            r"(?:steht|stand) (?:da|dort|hier|so) (?:leider )?nicht(?: drin)?|(?:ist )?nicht (?:auffindbar|ersichtlich"
            r"|zu (?:finden|ermitteln|klären|beantworten|bestimmen|entnehmen|erkennen|sagen))",
            r".{1,60} (?:findet|finden) sich (?:hier |dort |darin )?nicht(?: darin| dort| hier)?"
            r"|mangels (?:\w+ )?(?:informationen|angaben|daten)\b.*",
            r"(?:antwort|wert|name|datum|preis|autor) (?:unbekannt|nicht bekannt|fehlt)",
        ),
    )
)

SPANISH_ABSENT = absent(
    Words(
        nowhere=r"(?:en|por) ning(?:ún|una) (?:\w+ )?(?:lugar|sitio|lado|momento|parte|apartado|punto)\b",
        telling=r"mencion\w*|dice\w?|dicho|especific\w+|indica\w*|aparece\w*|figura\w*|consta\w*|aclara\w*|explica\w*"
        r"|precisa\w*|señala\w*"
        r"|nombra\w*|habla\w*|encuentr\w+|encontr\w+|viene|detalla\w*|describe\w*|cita\w*|se da|se ve|indicad\w+|escrito",
        sources=r"(?:el|la|los|las|est[eao]s?|es[eao]s?|mis?|ningun[oa] de los|del|al) (?:\w+ ){0,2}?(?:textos?"
        r"|pasajes?|documentos?|contexto"
        r"|fragmentos?|extractos?|fuentes?|documentación|manual|manuales|artículos?|base de (?:datos|conocimientos?)"
        r"|páginas?|guía"
        r"|materiales|archivos)",
        has_no=r"no (?:contienen?|tienen?|incluyen?|hay|existe|ofrecen?|traen?|veo|encuentro|recogen?) (?:ningun[oa]"
        r"|ningún|nada|un|una)?",
        part=r"entrada|sección|apartado|capítulo|párrafo|línea|palabra|artículo|nota|página|respuesta|mención|rastro"
        r"|pasaje|dato"
        r"|explicación|referencia|(?:sobre|acerca|al respecto|relativo|referente|relacionado)",
        facts=r"(?:información|informaciones|datos?|detalles?|contexto|elementos)",
        scarce=r"(?:es|son|resultan?) (?:claramente |muy |demasiado )?(?:insuficientes?|escas[oa]s?|vag[oa]s?"
        r"|incomplet[oa]s?|limitad[oa]s?)\b"
        r"|no (?:bastan?|alcanzan?|(?:es|son|resultan?) (?:suficientes?|bastante))",
        lacking=r"(?:me|nos|aquí|hacen?|en (?:el|los|este|estos) \w+) faltan?|faltan?(?= (?:ese|esa|esos|esas|este"
        r"|esta|la|el|los) (?:dato"
        r"|información|detalle))|(?:no está|no viene|está ausente|falta)(?= (?:en|del) (?:el |los |las )?(?:texto"
        r"|documento|pasaje))",
        empty=r"est(?:á|án) (?:vacíos?|vacías?)|tratan? (?:de|sobre) otra|(?:hablan?|van) de otra"
        r"|no (?:me )?(?:ayudan?|sirven?)\b"
        r"|pasan? por alto|deja[n]? (?:sin|en el aire|abiert)|omiten?",
        silent=r"silencio|ni (?:una )?palabra|nada dicen?|callan?",
        unsaid=r"(?:queda|quedan|sigue|permanece|se deja) (?:sin (?:mencionar|decir|aclarar|especificar|respuesta"
        r"|nombrar|responder)"
        r"|en el aire)",
        duty=r"debe|deben|debería|puede usted|hay que|tiene que|tienen que|usted|clientes?|usuarios?|podrá|si",
        whole=(
            r"(?:respuesta|dato|fecha|nombre|precio|autor|información) (?:desconocid[oa]|no (?:disponible"
            r"|encontrad[oa]|especificad[oa]))",
            r"(?:eso |esto )?no (?:lo|la|los|las|se) (?:he |hemos |puedo |pude |logro |consigo )?(?:encontr\w+"
            r"|encuentr\w+|hall\w+|veo|vi|visto"
            r"|localiz\w+|decir|menciona|sabría decir(?:le|te)?)(?: \w+){0,2}",
            r"no (?:encontr\w+|encuentro|hallé|veo|localizo)(?: (?:nada|eso|esto|la respuesta|ese dato"
            r"|respuesta alguna))?",
            r".{0,60}\bno (?:puedo|podemos|es posible|se puede) (?:responder|contestar|saber|decir)\w*(?: (?:a|eso"
            r"|esto|nada)\b.{0,40})?",
            r"nada se (?:dice|menciona|indica|sabe|aclara|precisa)\b.*|no se (?:ha|han) (?:especificado|mencionado"
            r"|indicado|dicho|aclarado"
            r"|precisado|detallado)(?: .*)?",
            r"a falta de (?:\w+ )?(?:información|datos|detalles)\b.*",
            r"(?:se me escapa|ni la menor idea|ni la más remota idea|quién sabe|no sabría decir(?:le|te|lo)?"
            r"|me temo que no)",
            r"(?:(?:ese|este|el|dicho) (?:dato|nombre|precio|detalle|plazo|autor|año)|(?:esa|esta|la"
            r"|dicha) (?:información|fecha|cifra"
            r"|respuesta)) (?:concret[oa] )?no (?:aparece|figura|viene|consta|sale|está)(?: (?:ahí|aquí|allí))?",
            r"(?:eso |esto )?no (?:aparece|figura|viene|consta|sale|está)(?: (?:ahí|aquí|allí|por ninguna parte"
            r"|en ninguna parte))?",
        ),
    )
)

FRENCH_ABSENT = absent(
    Words(
        nowhere=r"(?:nulle part|à aucun (?:moment|endroit)|en aucun endroit)\b",
        telling=r"indiqu\w+|mention\w*|précis\w+|dite?s?|disent|question|trouv\w+|figur\w+|apparaît|apparaissent"
        r"|cité\w*|citent|nomm\w+"
        r"|évoqu\w+|écrite?s?|parl\w+|donné\w*|spécifi\w+|signal\w+|expliqu\w+|abord\w+|renseign\w+|décrite?s?"
        r"|définie?s?|lit|not[ée]\w*",
        sources=r"(?:l[ea]s?|ces|cet?|cette|mes|nos|vos|des|du|aux?|l'|aucun des) ?(?:\w+ ){0,2}?(?:textes?|passages?"
        r"|documents?|contexte"
        r"|extraits?|sources?|documentation|manuels?|articles?|base de (?:données|connaissances)|pages?|guide"
        r"|matériaux|fichiers?)",
        has_no=r"(?:ne |n')(?:contien(?:t|nent)|comporte(?:nt)?|a|ont|y a|existe|offre(?:nt)?|présente(?:nt)?"
        r"|inclu(?:t|ent)|trouve)"
        r" (?:pas (?:de |d')|aucune? ?|rien ?)",
        part=r"entrée|section|rubrique|chapitre|paragraphe|ligne|mot|article|note|page|réponse|mention|trace|passage"
        r"|indication"
        r"|(?<=rien )(?:sur|à|concernant|là|de|qui)",
        facts=r"(?:informations?|données|détails?|éléments|renseignements|contexte|précisions?)",
        scarce=r"(?:est|sont|restent?|reste) (?:trop |bien |malheureusement )?(?:insuffisante?s?|maigres?|vagues?"
        r"|incomplète?s?|limitée?s?"
        r"|lacunaires?)|(?:ne |n')(?:suffi(?:t|sent)|est pas suffisante?|sont pas suffisante?s?|permet(?:tent)? pas)",
        lacking=r"(?:il (?:me |nous )?|(?:me|nous) )manque(?:nt)?|manque(?:nt)? (?:dans|à|ici)|(?:me |nous )?(?:fait"
        r"|font) défaut|manquent(?= pour)"
        r"|(?<=cette information )manque|(?<=ces informations )manquent|(?:est|sont) absente?s?",
        empty=r"(?:est|sont) vides?|parle(?:nt)? d'autre|(?:ne |n')(?:m'|nous )?(?:aide(?:nt)?|sert|servent) (?:pas"
        r"|en rien|à rien)"
        r"|pass(?:e|ent) (?:\w+ )?sous silence|omet(?:tent)?\b|laiss(?:e|ent) (?:\w+ ){0,3}?(?:en suspens|de côté"
        r"|ouverte?)",
        silent=r"mue(?:t|ts|tte|ttes)|silence|pas un mot|aucun mot",
        unsaid=r"(?:reste|restent|demeure|demeurent|est|sont) (?:passée?s? sous silence|sans réponse|non précisée?s?"
        r"|non mentionnée?s?"
        r"|en suspens|un mystère)",
        duty=r"doit|doivent|devrait|devez|faut|vous|clients?|utilisateurs?|si|peuvent être|peut être",
        whole=(
            r"(?:je suis|nous sommes|on est) (?:malheureusement |hélas )?(?:incapables?|dans l'incapacité"
            r"|dans l'impossibilité|hors d'état)"
            r" (?:de |d').{0,60}",
            r"(?:(?:je n'ai |je ne l'ai |nous n'avons )?(?:pas|rien) trouvé(?: .{0,30})?|introuvable|aucune trace"
            r"|je sèche|ça m'échappe"
            r"|cela m'échappe|je donne ma langue au chat|va savoir|mystère)",
            r"rien (?:n'|ne )(?:indique|dit|précise|permet|mentionne|explique)\b.*",
            r"aucune (?:mention|trace|indication|information|précision) (?:d[eu]s?|d'|sur|quant"
            r"|concernant) ?(?!.*\b(?:n'|ne )).{1,80}|on n'en sait rien",
            r"(?:faute|à défaut) (?:d'|de )(?:\w+ )?(?:informations?|données|détails|éléments|précisions?)\b.*"
            r"|il n'en est (?:pas|nulle part) .{0,30}",
            r"(?:je|on|nous) ne (?:le |la |l')?(?:trouve|vois|trouvons|voyons|lis)(?: \w+)? (?:pas"
            r"|nulle part)(?: .{0,30})?",
            r"(?:réponse|date|nom|prix|auteur|valeur) (?:inconnue?|indisponible|introuvable|non (?:précisée?|trouvée?"
            r"|mentionnée?))",
            r"(?:ce|cela|ça) (?:ne |n')(?:est pas|figure pas|apparaît pas|y est pas)(?: (?:là|ici|dedans|dit|écrit"
            r"|mentionné|indiqué))?",
        ),
    )
)
