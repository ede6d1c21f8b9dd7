"""Spanish: "No lo sé.", "El texto no lo menciona.", "No se especifica"; not "No se admiten perros."."""

from __future__ import annotations

from rung.text.refusals.absence import SPANISH_ABSENT
from rung.text.refusals.language import Language, any_of, unsaid

_WHICH = (
    r"(?:(?:el|la|los|las|este|esta|estos|estas|ese|esa|esos|esas|mis?|nuestr[oa]s?|tus?|sus?|un|una|unos|l[oa]s dos"
    r"|ambos|dich[oa]s?) )*"
)
_SOURCE = (
    r"(?:textos?|pasajes?|documentos?|contextos?|fragmentos?|extractos?|fuentes?|documentación|manual|manuales"
    r"|artículos?|material(?:es)?|base de conocimientos?|páginas?"
    r"|secciones|sección|párrafos?|contenido|conocimientos?|guía|información (?:proporcionada|disponible|dada"
    r"|facilitada|suministrada)|datos (?:proporcionados|disponibles)|autora?)"
)
_TAIL = (
    r"(?: \d+)?(?: (?:proporcionad[oa]s?|disponibles?|dad[oa]s?|facilitad[oa]s?|suministrad[oa]s?|consultad[oa]s?"
    r"|anterior(?:es)?|recuperad[oa]s?|que (?:tengo|me (?:diste|has dado|dieron)|se me (?:dio|han dado))))*"
)
_SRC = rf"{_WHICH}{_SOURCE}{_TAIL}"
_FACT = (
    r"(?:información|informaciones|datos?|detalles?|respuestas?|mención|menciones|referencias?|indicación"
    r"|indicaciones|constancia|conocimiento|registros?|resultados?|pistas?|explicación|precisiones)"
)
_KIND = (
    r"(?:(?:ningun[oa]?|suficientes?|bastante|más|esa|ese|esos|esas|esta|este|dicha|la|el|los|las|una?|de|con"
    r"|específic[oa]s?|concret[oa]s?|relevantes?|clar[oa]s?|tal|tanta) )*"
)
_A_FACT = rf"{_KIND}{_FACT}\b(?! de pago)"
_SAY = (
    r"(?:mencionan?|dicen?|especifican?|indican?|aclaran?|explican?|detallan?|precisan?|señalan?|nombran?|revelan?"
    r"|abordan?|tratan?|cubren?|responden?|contestan?|describen?|informan?|hablan?|aluden?|refieren?"
    r"|mencionaban?|decían?|mencionó|mencionaron|permiten?|alcanzan?)"
)
_HOLD = r"(?:contienen?|proporcionan?|ofrecen?|incluyen?|dan?|aportan?|facilitan?|tienen?|recogen?|brindan?|hacen?)"
_FIND = (
    r"(?:responder(?:la|lo|te|le)?|contestar(?:la|lo|te|le)?|saber(?:lo)?|determinar(?:lo)?|decir(?:lo|te|le)?"
    r"|encontrar(?:lo|la)?|confirmar(?:lo)?|ayudar(?:te|le|lo)?|precisar(?:lo)?|establecer(?:lo)?|deducir(?:lo)?"
    r"|inferir(?:lo)?|conocer(?:lo)?|averiguar(?:lo)?|afirmar(?:lo)?)"
)
_WH = r"(?:qué|quién|quiénes|cuándo|dónde|cómo|cuánt[oa]s?|cuál(?:es)?|por qué|si|a qué|de qué|quien|cuando|donde)\b"
_END = r"(?=$|[,.!?)])"
_LONG = r".{1,160}?"
_IN = rf"(?:en|por|de|según|a partir de|con|dentro de) (?:ningun[oa] de |ningún )?{_SRC}"

_SPEAKER = (
    rf"(?:yo |eso |esto |la respuesta |la verdad )?no (?:lo |la )?s(?:é|abemos|abría|abría decir)(?:{_END}"
    rf"| {_WH}(?! decir)| nada| la respuesta| a )",
    r"(?:no tengo |no tenemos )?(?:ni )?(?:la menor )?idea" + _END,
    r"no tengo (?:ni |la menor |ninguna )*idea",
    r"(?:desconozco|ignoro|desconocemos|ignoramos|lo (?:desconozco|ignoro))\b",
    rf"(?:yo )?no (?:tengo|tenemos|tenía|dispongo|disponemos|cuento|contamos|poseo|veo|hallo|he (?:podido encontrar"
    rf"|encontrado|hallado|visto)|hemos encontrado|encuentro|encontramos|encontré|pude encontrar|puedo encontrar"
    rf"|logro encontrar|logré encontrar|consigo encontrar)"
    rf" (?:con |de |acceso a )?(?:{_A_FACT}|nada\b|eso\b|esto\b|lo que)",
    rf"(?:yo )?no (?:puedo|podemos|pude|podría|soy capaz de|estoy en condiciones de|me es posible|nos es posible"
    rf"|sabría|logro|estoy capacitado para) (?:\w+ )?{_FIND}\b(?! (?:por teléfono|al teléfono|el teléfono|llamadas))",
    rf"(?:no estoy|no estamos) (?:muy |del todo )?segur[oa]s?{_END}",
    r"no me consta",
    rf"(?:yo )?no (?:conozco|conocemos) (?:{_A_FACT}|ese dato)",
    rf"(?:no poder|sin poder) {_FIND}",
    rf"no se (?:da|dan|ofrece|ofrecen|proporciona|proporcionan|facilita) {_A_FACT}",
    rf"no (?:tengo|tenemos|hay) (?:forma|manera|modo) de {_FIND}",
    rf"no se (?:(?:ha|han|pudo|pudieron) (?:podido )?)?(?:encontr(?:ado|ar|ó|aron)|halló|hallaron) (?:{_A_FACT}|nada)",
    rf"me falta (?:{_A_FACT})",
)
_SILENT = (
    rf"{_SRC} (?:no|nunca|tampoco|ni)(?: (?:lo|la|los|las|nos|me|le|se))* (?:{_SAY}|{_HOLD} (?:{_A_FACT}|nada"
    rf"|ningun\w*|la |el |una? |eso|esto|ese|esa|lo )|{_HOLD}{_END})",
    rf"{_SRC} no (?:son|es|está|están) (?:suficientes?|relacionad[oa]s?|relevantes?)",
    rf"{_SRC} (?:guardan? silencio|callan?|omiten?|carecen? de)",
    rf"(?:ningun[oa]?|ningún|ninguna) (?:de )?{_SRC} (?:\w+ )?(?:{_SAY}|{_HOLD})",
    rf"nada (?:en|de) {_SRC}",
    rf"(?:tampoco |pero )?no (?:lo |la |nos )?(?:mencionan?|dicen?|especifican?|indican?|aclaran?|precisan?)(?:{_END}"
    rf"| nada| {_WH}| el | la | los | las )",
)
_PASSIVE = (
    rf"(?:{_LONG} )?(?:no|nunca|tampoco) se (?:menciona|mencionan|especifica|especifican|indica|indican|sabe|dice"
    rf"|detalla|detallan|aclara|precisa|explica|nombra|describe|señala|aborda|proporciona|da|conoce|informa|ofrece"
    rf"|revela)n?"
    rf"(?:{_END}| {_WH}| nada| {_IN}| {_A_FACT}| ningun\w*| (?:el|la|los|las|al|su|sus|a) \w+(?! para\b)"
    rf"| con exactitud| explícitamente)(?! (?:en voz alta|comida))",
    rf"(?:{_LONG} )?no (?:se encuentra|se encuentran|aparece|aparecen|figura|figuran|consta|constan|está|están|viene"
    rf"|vienen|se halla|está disponible|está recogid[oa]|está incluid[oa])n? {_IN}",
    r"(?:la|esta|esa|dicha|su|tu) (?:información|respuesta|pregunta|cuestión)\b.{0,60}? no (?:está disponible"
    r"|se encuentra|aparece|figura|consta|puede (?:responder|contestar|determinar)se|se puede|tiene respuesta"
    r"|se ha encontrado)",
    rf"(?:{_LONG} )?no (?:es posible|resulta posible|se puede|se pueden|puede|pueden|se podría|hay (?:forma|manera"
    rf"|modo) de|cabe) (?:\w+ )?(?:{_FIND}|responderse|contestarse|determinarse|saberse|inferirse|deducirse)",
    rf"(?:resulta |es )?imposible (?:de )?{_FIND}",
    r"no (?:está|queda|resulta) (?:del todo )?clar[oa]",
    rf"no consta{_END}",
    rf"no hay (?:{_A_FACT}(?=$|[,.!]| (?:disponibles?|suficientes?|al respecto|sobre|en {_SRC}|acerca|para"
    rf"|de(?: que)? |que |relevantes?"
    rf"|específic\w+|concret\w+|adicional\w*|clar\w+|relacionad\w+|en (?:ningun\w*|los|el) |alguna?))|nada (?:sobre"
    rf"|al respecto|en)|ninguna (?:mención|referencia|indicación|información)"
    rf"|suficiente)(?! gratuita)",
    rf"(?:no existe|no existen) (?:{_A_FACT})",
    rf"(?:se (?:desconoce|desconocen|ignora)|no es conocid[oa]{_END}|es una incógnita)",
    rf"{_LONG} (?:es|son|sigue siendo|permanece) (?:desconocid[oa]s?|incierto|una incógnita)(?:{_END}| {_IN})",
    rf"no (?:creo|parece|pienso) que {_SRC}",
    rf"en (?:ningun[oa] de |ningún )?{_SRC} no (?:aparece|figura|se|consta|hay|está|viene|dice)",
    rf"nadie (?:lo )?sabe\b.*{_SRC}",
    rf"{_LONG} no (?:es|son|ha sido|fue|fueron|está|están) (?:mencionad[oa]s?|especificad[oa]s?|indicad[oa]s?"
    rf"|detallad[oa]s?)(?:{_END}| {_IN})",
    rf"(?:falta|faltan|carezco de|carecemos de) (?:{_A_FACT})",
    r"(?:eso|esto|esa pregunta|la pregunta|ese tema|esta pregunta) (?:está|queda) fuera",
    r"(?:necesito|necesitaría|haría falta|se necesita) más (?:información|datos|contexto)",
)
_FRAGMENTS = (
    r"no (?:especificad[oa]|disponible|mencionad[oa]|indicad[oa]|consta|aplica|encontrad[oa]|determinad[oa]"
    r"|conocid[oa]|sabe|hay respuesta|hay datos|hay información|definid[oa])s?[.!]?$",
    r"(?:desconocid[oa]|sin (?:información|datos?|respuesta|especificar|resultados)|información (?:no disponible"
    r"|insuficiente|no encontrada)|respuesta no disponible|datos insuficientes|n/d|s/d"
    r"|ninguna? (?:información|respuesta|mención)(?: disponible)?|no es posible responder|imposible saberlo"
    r"|sin información (?:al respecto|disponible|sobre .*))[.!]?$",
    rf"no {_IN}[.!]?$",
)

_ANY_ORDER = unsaid(
    rf"(?:(?:el|la|los|las|est[eao]s?|es[eao]s?|mis?|l[oa]s|del|al|ningún|ninguno de) (?:\w+ )?{_SOURCE}|pasajes?"
    rf"|contexto|fragmentos?)\b",
    r"no\b|nadie\b|nada\b|ningun\w*\b|ningún\b|tampoco\b|sin\b|imposible\b|nunca\b",
    r"menciona\w*|dice\w*|dicho|especific\w+|indica\w*|aclara\w*|explica\w*|precisa\w*|señala\w*|información|datos"
    r"|respuesta|respond\w+|contest\w+|saber\w*|determinar\w*|aparece\w*"
    r"|figura\w*|consta\w*|claro|detalla\w*|revela\w*|mención|referencia|habla\w*|deducir\w*|conclu\w+|encontr\w+",
    r"menciona[n]?|dicen?|especifican?|indican?|aclaran?|explican?|señalan?|precisan?|advierten?|establecen?",
    r"debe|deben|debería|puede usted|hay que|tiene que|tienen que|usted|clientes?|usuarios?",
)

SPANISH = Language(
    negations=r"\b(?:no|ni|ningun\w*|ningún|nada|nunca|tampoco|sin|descono\w+|ignor\w+|imposible|nadie|insuficientes?"
    r"|carec\w+|omit\w+|callan?|silencio|falta[n]?|fuera|vací[oa]s?|escas[oa]s?|otra|escapa|quién sabe|n/d|s/d)\b",
    sources="los pasajes",
    pronoun=any_of(r"(?:ellos|estos|él)\b"),
    opening=any_of(
        r"(?:lo siento(?: mucho)?|lo sentimos|lo lamento|perdón|perdona|perdone|disculpa|disculpe|disculpas"
        r"|mis disculpas)[,.!:]*(?: pero| que)? ?",
        r"(?:lamentablemente|desafortunadamente|desgraciadamente|por desgracia|sinceramente|actualmente)[,:]? ",
        r"(?:me temo que|lamento (?:(?:decir|informar)(?:le|te)? que)?|siento|temo que) ",
        r"(?:mmm+|hm+|bueno|pues|eh|ah|gracias por (?:su|tu) pregunta)[,.!:]+ ?",
        r"(?:la )?(?:respuesta|asistente|bot) ?[:–-] ?",
        rf"(?:según|a partir de|de acuerdo con|basándome en|basado en|con|por|en base a"
        rf"|conforme a) (?:lo que dicen? )?{_SRC}(?:,|(?= no )| ) ?",
        r"como (?:modelo|asistente|ia|inteligencia artificial)[^,]{0,40}, ",
        r"(?:en realidad|la verdad es que|la verdad|por el momento|hasta donde sé),? ",
    ),
    refuses=any_of(*_SPEAKER, *_SILENT, *_PASSIVE, *_FRAGMENTS, _ANY_ORDER, *SPANISH_ABSENT),
    topic=any_of(
        rf"(?:{_SRC}|ellos|solo|sólo|únicamente) ?(?:solo |sólo |únicamente )?(?:mencionan?|hablan?|describen?"
        rf"|tratan?|se refieren?|se centran?|abordan?|contienen?|explican?|ofrecen?|incluyen?)\b"
    ),
    pointer=any_of(
        r"(?:puede|puedes|podría|podrías|debería|deberías|le (?:recomiendo|sugiero|aconsejo)|te (?:recomiendo"
        r"|sugiero)|recomiendo|sugiero|consulte|consulta|pregunte|pregunta|contacte|contacta|póngase|ponte|revise"
        r"|revisa|visite|por favor|tal vez (?:pueda|el|la)|quizás? (?:pueda|el|la)|para más|si (?:quiere|quieres"
        r"|necesita|desea)|diríjase|acuda|intente)\b"
    ),
    looked=any_of(r"(?:he|hemos) (?:buscado|revisado|leído|consultado|examinado)|busqué|revisé|consulté|leí\b"),
    headless=any_of(r"no (?:he|hemos|encontré|encuentro|mencionan?|dicen?|indican?|especifican?|contienen?)\b"),
    weak_contrast=r"así que|por lo que",
    contrast=r"pero|sin embargo|aunque|no obstante|sino|y (?=no (?:he|encontré|encuentro|mencionan?|dicen?|indican?))",
    yielding=any_of(r"(?:aunque|si bien|mientras que|como|dado que|ya que|puesto que|a pesar de que) "),
    condition=any_of(r"(?:si|cuando|en caso de que|quien|quienes) "),
    guess=any_of(
        r"(?:creo|pienso|supongo|diría|imagino|calculo|parece|probablemente|posiblemente|quizás?|tal vez"
        r"|seguramente|puede que|al parecer|aparentemente)\b"
    ),
    exact=any_of(
        r".*\b(?:exact[oa]s?|exactamente|exactitud|precis[oa]s?|con precisión|directamente|explícitamente"
        r"|segur[oa]|con certeza|con seguridad)\b"
    ),
)
