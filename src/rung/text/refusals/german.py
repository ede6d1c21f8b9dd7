"""German: "Das weiß ich nicht.", "Der Text sagt dazu nichts.", "Keine Angaben"; not "Das Frühstück ist nicht enthalten."."""

from __future__ import annotations

from rung.text.refusals.absence import GERMAN_ABSENT
from rung.text.refusals.language import Language, any_of, unsaid

_WHICH = (
    r"(?:(?:de[rnsm]|die|das|dies\w{1,2}|meine[nmrs]?|unsere[nmrs]?|alle[nr]?|eine[nmrs]?|kein\w*|beide[nr]?|(?:vor"
    r"|zugrunde)liegende[nrms]?|bereitgestellte[nrms]?"
    r"|gegebene[nrms]?|angegebene[nrms]?|genannte[nrms]?|obige[nrms]?|verfügbare[nrms]?|mir"
    r"|zur verfügung (?:stehenden|gestellten)) )*"
)
_SOURCE = (
    r"(?:texte?[sn]?|textstellen?|passagen?|dokumente?[sn]?|kontext(?:e[sn]?)?|unterlagen|quellen?|auszüge?n?"
    r"|abschnitte?n?|artikel[sn]?|materiali?e?n?|handbuch\w*"
    r"|dokumentation|wissensbasis|seiten?|textauszüge?n?|textabschnitte?n?|anleitung|(?:gegeben|bereitgestellt"
    r"|verfügbar|vorliegend)e[nr]? (?:informationen|angaben|daten)|kontextinformationen|ausschnitte?n?)"
)
_SRC = rf"{_WHICH}{_SOURCE}\b(?: \d+)?"
_SHOWN = (
    rf"{_WHICH}(?:passagen?|kontext(?:e[sn]?)?|textstellen?|auszüge?n?|textauszüge?n?|textabschnitte?n?"
    rf"|ausschnitte?n?|unterlagen|quellen)\b"
)
_FACT = (
    r"(?:information(?:en)?|infos?|angaben?|daten|hinweise?n?|details?|antwort(?:en)?(?! auf (?!(?:die|diese|ihre"
    r"|deine|eine solche) frage))|auskunft|auskünfte|erwähnung|einzelheiten|kenntnisse?|einträge?|eintrag|treffer"
    r"|belege?|aussagen?|erkenntnisse|anhaltspunkte?|näheres)"
)
_NO = r"(?:keine\w?|kein|nicht genug|nicht genügend|nicht ausreichend|zu wenige?|nichts|keinerlei|weder)"
_NO_FACT = (
    rf"{_NO} (?:(?:genauen?|näheren?|konkreten?|weiteren?|ausreichenden?|genügend|passenden?|relevanten?"
    rf"|entsprechenden?|eindeutigen?|verlässlichen?|direkten?|spezifischen?|expliziten?) )*{_FACT}\b"
)
_FIND = (
    r"(?:beantworten|sagen|finden|feststellen|bestimmen|ermitteln|entnehmen|beurteilen|angeben|nennen|ableiten"
    r"|erkennen|herausfinden|klären|wissen"
    r"|weiterhelfen|helfen|bestätigen|erschließen|beantwortet|gefunden|festgestellt|bestimmt|ermittelt|entnommen|gesagt)"
)
_TOLD = (
    r"(?:erwähnt|beziffert|vermerkt|genannt|angegeben|erläutert|beschrieben|bekannt|festgelegt|beantwortet|benannt"
    r"|aufgeführt"
    r"|spezifiziert|erklärt|präzisiert|mitgeteilt|angesprochen|thematisiert"
    r"|behandelt|dokumentiert|ersichtlich|ausgeführt|definiert|überliefert|gesagt|verraten|berichtet|geklärt)"
)
_IN = (
    rf"(?:(?:in|aus|im|anhand|auf (?:der )?(?:grundlage|basis)(?: der)?|mit|laut|nach|von|gemäß|durch) {_SRC}|dort"
    rf"|hier|dar(?:in|aus)|hieraus|nirgends|nirgendwo)"
)
_WH = r"(?:wer|was|wann|wo|wie|warum|welche\w?|ob|wen|wem|wessen|wohin|woher|wofür|womit|weshalb|wieso|worauf|wozu)\b"
_END = r"(?=$|[,.!?)])"
_SHORT = r"[^,.]{0,80}?"  # a few words between
_LONG = r".{1,160}?"

_SPEAKER = (
    rf"(?:das|dies|es|genaueres|mehr|die antwort|dar(?:auf|über)|dazu|hierzu)?,? ?weiß ich (?:\w+ ){{0,3}}?nichts?{_END}",
    rf"(?:das|dies|es|dazu|{_WH}{_LONG},)? ?wei(?:ß|ss) ich (?:\w+ ){{0,3}}?nichts?{_END}",
    rf"(?:das|dies|es|dazu)? ?wissen wir (?:\w+ ){{0,3}}?nichts?{_END}",
    rf"(?:ich wei(?:ß|ss)|wir wissen) (?:\w+ ){{0,4}}?nichts?(?:{_END}(?!, wie ich (?:es|das) sagen)| sicher{_END})",
    r"(?:ich habe )?(?:leider )?(?:absolut )?keine ahnung\b(?! (?:von|vom|ist|zu haben)\b)",
    rf"wei(?:ß|ss) (?:ich )?(?:leider )?nicht{_END}",
    rf"(?:ich bin mir|ich bin|wir sind uns) (?:da |hier |leider )?(?:nicht sicher|unsicher){_END}",
    rf"{_SHORT}\b(?:ich|wir|mir|uns)\b{_SHORT}\b{_NO_FACT}(?! (?:weiter|heraus|über das telefon|per)\w*\b)",
    rf"{_SHORT}\b(?:mir|uns) (?:ist|sind|liegt|liegen){_SHORT}\b(?:nicht bekannt|nicht vor|keine {_FACT})",
    rf"{_SHORT}\b(?:liegt|liegen) (?:mir|uns){_SHORT} nicht vor",
    rf"(?:mir|uns) ist {_SHORT}\b(?:nichts|nicht) (?:\w+ )?bekannt",
    rf"(?:zum|zur|zu|über|dazu|hierzu|darüber)\b{_SHORT} (?:finde|fand|habe|weiß|sehe) ich {_SHORT}(?:nichts|{_NO_FACT})",
    r"(?:dazu|hierzu|darüber|es) (?:wurden?|konnten?) (?:\w+ )?nichts? (?:\w+ )?gefunden",
    r".*\b(?:davon|darüber|hiervon)?\b.*nicht die rede",
    rf"(?:dazu|hierzu|darüber|hierüber) (?:enthält|enthalten|sagt|sagen|nennt|nennen|gibt|geben|macht|machen|liefert"
    rf"|liefern) {_SRC} (?:\w+ )?(?:nichts|{_NO_FACT})",
    rf"(?:dazu |hierzu |darüber |es )?(?:werden|wurden|wird) (?:\w+ ){{0,3}}?{_NO_FACT} (?:gemacht|gegeben|genannt)",
    rf"(?:mir|uns) fehl(?:t|en){_SHORT} {_FACT}",
    rf"{_SHORT}\b(?:kann|könnte|konnte|können|konnten|vermag) (?:ich|wir)\b{_SHORT} (?:nichts?"
    rf"|keine\w?(?: {_FACT})?) (?:\w+ )?{_FIND}",
    rf"(?:ich|wir) (?:kann|könnte|konnte|können|konnten|vermag)\b{_SHORT} (?:nichts?|keine\w?(?: \w+)?"
    rf"|nirgends) {_SHORT}{_FIND}\b",
    rf"(?:ich|wir) (?:bin|sind|war) {_SHORT}nicht in der lage,? .{{0,80}}zu {_FIND}",
    rf"(?:ich|wir) (?:finde|finden|habe|haben|sehe|sehen|kenne|kennen|fand|fanden)\b{_SHORT} (?:nichts{_END}"
    rf"|nichts (?:dazu|darüber|zu|über)|{_NO_FACT}|keine(?:n|s)? (?:passende\w? )?(?:abschnitt|eintrag|artikel|stelle"
    rf"|passage)\b|nichts gefunden)",
    rf"{_SHORT}\b(?:habe|haben) (?:ich|wir){_SHORT} (?:nichts|keine\w? {_FACT})",
    rf"(?:meine|unsere) {_SOURCE} {_SHORT}nicht",
)
_SILENT = (
    rf"(?:in|im|aus|laut|gemäß) {_SRC}(?: selbst)? {_SHORT}\b(?:nichts|{_NO_FACT}|nicht (?:\w+ )?{_TOLD})",
    rf"{_SRC} (?:schweig(?:t|en)|lass(?:t|en)|lässt|reich(?:t|en) {_SHORT}nicht)",
    rf"{_SRC} (?:enthält|enthalten|enthielt|liefert|liefern|gibt|geben|bietet|bieten|nennt|nennen|macht|machen|hat"
    rf"|haben)\b{_SHORT} (?:nichts|{_NO_FACT}|nicht genug|keine\w? (?:ausreichend\w*|genau\w*|konkret\w*))",
    rf"{_SHOWN} (?:enthält|enthalten|liefert|liefern|gibt|geben|bietet|bieten|nennt|nennen)\b{_SHORT} (?:nicht|nichts"
    rf"|kein\w*)\b",
    rf"{_SRC} (?:sagt|sagen|erwähnt|erwähnen|nennt|nennen|beantwortet|beantworten|erklärt|erklären|beschreibt"
    rf"|beschreiben|verrät|verraten|behandelt|behandeln|präzisiert|spezifiziert)"
    rf"\b{_SHORT} (?:nicht|nichts|keine\w?)\b",
    rf"kein\w* (?:de[rs] )?{_SRC} {_SHORT}(?:erwähnt|nennt|enthält|sagt|beantwortet|gibt|beschreibt|erklärt|nennen)",
    rf"(?:er|sie|es|das) (?:sagt|sagen|erwähnt|erwähnen|nennt|nennen){_SHORT} (?:nichts|nicht|keine\w?)",
    rf"{_LONG}\bgeh(?:t|en) (?:\w+ )?(?:{_IN} )?(?:\w+ )?nicht hervor",
    rf"(?:aus|in|im|von|zu|hierzu|dazu|darüber|davon|dort) ?{_SHORT}\b(?:geht|steht|stehen|findet|finden|gibt|wird"
    rf"|werden|ist|sind|heißt)\b{_SHORT} (?:nichts?(?: hervor| darüber| dazu| davon| dass|{_END}| \w+{_END})|{_NO_FACT})",
    rf"(?:davon|darüber|dazu|hierzu|hierüber|das|dies) (?:steht|findet sich|ist|wird|gibt es"
    rf"|geht){_SHORT} (?:nichts?{_END}|nichts?\b.*(?:{_SOURCE})|nicht (?:{_TOLD}|hervor))",
    rf"(?:steht|stehen) (?:\w+ )?(?:{_IN} )?(?:\w+ )?nichts?(?: \w+)?{_END}",
)
_PASSIVE = (
    rf"{_LONG} (?:ist|sind|wird|werden|wurde|wurden|war"
    rf"|bleibt)\b(?: \w+){{0,3}}?(?: {_IN})?(?: \w+){{0,2}}? nicht (?:\w+ )?{_TOLD}(?: worden)?(?:{_END}|$)(?! für)",
    rf"{_LONG} (?:ist|sind|war|waren)\b{_SHORT} {_IN}{_SHORT} nicht (?:\w+ )?(?:enthalten|zu finden|vorhanden"
    rf"|verfügbar|gegeben|zu entnehmen)",
    rf"(?:die|diese|eine|dazu) (?:{_FACT}|gesuchten? {_FACT}|frage){_SHORT} (?:ist|sind|liegt|liegen|wird"
    rf"|steht)\b{_SHORT} nicht (?:\w+ )?(?:enthalten|verfügbar|vorhanden|vor|zu finden|bekannt|beantwortet|gegeben)",
    rf"{_LONG} (?:lässt|lassen|ließ) sich{_SHORT} nicht {_FIND}",
    rf"{_LONG} (?:kann|können|konnte){_SHORT} nicht {_FIND} werden",
    rf"{_LONG} (?:ist|sind|bleibt|bleiben|war) (?:\w+ )?(?:unbekannt|unklar|ungeklärt)(?:{_END}| {_IN})",
    rf"(?:{_WH}{_LONG}|es|das|dies\w*|die (?:frage|antwort)) (?:ist|sind|bleibt|bleiben|war) (?:\w+ )?offen(?:{_END}"
    rf"| {_IN})",
    rf"(?:es|das) (?:ist|bleibt) (?:\w+ )?(?:unklar|nicht klar|unbekannt|nicht bekannt|nicht ersichtlich"
    rf"|nicht angegeben|unmöglich zu sagen)(?:{_END}|,)",
    rf"(?:es|das) (?:ist|wäre) (?:\w+ )?(?:nicht möglich|unmöglich)\b.*(?:{_FIND})",
    rf"(?:ist|sind|wird|werden|wurde|wurden) (?:\w+ ){{1,5}}?nicht (?:\w+ )?{_TOLD}(?:{_END}|$)",
    rf"es (?:wird|wurde|ist) (?:{_IN} )?(?:\w+ )?nicht (?:\w+ )?{_TOLD}",
    rf"es (?:gibt|liegen|liegt|finden sich|findet sich|sind|existieren){_SHORT} (?:{_NO_FACT}|nichts\b)(?!pflicht)",
    rf"(?:dazu|hierzu|darüber|zu {_LONG}|über {_LONG}) (?:gibt es|liegen|liegt|finden sich|findet sich"
    rf"|existieren){_SHORT} (?:{_NO_FACT}|nichts)",
    rf"(?:ich glaube|ich denke|wir glauben|es scheint) nicht, dass {_SRC}",
    rf"(?:über|zu) {_LONG} (?:wird|ist|wurde) (?:\w+ )?nichts (?:gesagt|erwähnt|ausgesagt|mitgeteilt|geschrieben"
    rf"|bekannt|berichtet)",
    rf"{_LONG} fehl(?:t|en) (?:in|im) {_SRC}",
    r"man (?:weiß|wei(?:ss)) (?:es )?nicht",
    rf"niemand weiß\b.*{_SRC}",
    rf"nirgends (?:im|in) {_SRC}",
)
_FRAGMENTS = (
    rf"nicht (?:näher |weiter |explizit )?(?:{_TOLD}|verfügbar|vorhanden|beantwortbar|zutreffend|gefunden"
    rf"|auffindbar)[.!]?$",
    rf"nicht (?:in|im) {_SRC}(?: \w+)?[.!]?$",
    rf"{_NO_FACT}(?: (?:verfügbar|vorhanden|gefunden|möglich|dazu|hierzu|darüber|vorliegend|im text|bekannt|zu[mr]? .*"
    rf"|über .*|in {_SRC}.*))*(?<!pflicht)(?! ist| sind)[.!]?$",
    r"(?:unbekannt|unklar|k\. ?a|n\. ?a|k\.a|weiß nicht|unbeantwortbar|keine ergebnisse|nichts gefunden"
    r"|keine treffer)\.?$",
    rf"(?:die )?(?:{_FACT}) (?:nicht (?:verfügbar|vorhanden|bekannt|gefunden|möglich|enthalten)|fehlen|fehlt"
    rf"|unbekannt)[.!]?$",
)

_ANY_ORDER = unsaid(
    rf"(?:de[rnm]|das|die|dies\w{{1,2}}|(?:vor|bereit)\w+|gegebene[nr]?|im|mir) (?:\w+ )?{_SOURCE}\b|{_SHOWN}",
    r"nicht\b|nichts\b|kein\w*\b|nirgends\b|weder\b|unklar\b|ohne\b",
    r"sag\w+|gesagt|steht|stehen|erwähn\w+|nenn(?:t|en)|genannt|angegeben|angaben?|informationen|hinweis\w*"
    r"|beantwort\w+|antwort|entnehmen|hervor\w*|ersicht\w+|zu finden|gefunden"
    r"|feststell\w+|bestimm(?:en|bar)|ableit\w+|klar|erklär\w+|beschreib\w+|beschrieben|aussagen?|auskunft|erwähnung"
    r"|ermitteln|verrät|verraten|thematisier\w+|eingegangen|äußer\w+|geht (?:\w+ ){1,4}nicht ein|eingeht|bezug",
    r"sag(?:t|en)|besag(?:t|en)|schreib(?:t|en)|nennt|nennen|erwähn(?:t|en)|erklär(?:t|en)|geben an|gibt an"
    r"|steht, dass|beton(?:t|en)|hält|halten",
    r"muss|müssen|darf|dürfen|soll|sollen|sollte|sollten|sie|kunden|nutzer",
)

GERMAN = Language(
    negations=r"\b(?:nicht|nichts|kein\w*|unbekannt|unklar|fehl(?:t|en)|schweig(?:t|en)|nirgends|nirgendwo|ungenau"
    r"|unvollständig|zu|mangels|un(?:zureichend|genügend|erwähnt|genannt|beantwortet|auffindbar)|entzieht|überfragt"
    r"|passen|fehlanzeige|leer|knapp|dürftig|vage|verschweig\w+|niemand|weder"
    r"|unmöglich|ungeklärt|offen|k\. ?a|unsicher)\b",
    sources="die passagen",
    pronoun=any_of(r"(?:sie|er|es|diese|dort)\b"),
    opening=any_of(
        r"(?:es )?tut mir (?:sehr )?leid[,.!:]*(?: aber| dass)? ?",
        r"(?:entschuldigung|entschuldigen sie|verzeihung|sorry|pardon|ich bitte um entschuldigung)[,.!:]+(?: aber)? ?",
        r"(?:leider|bedauerlicherweise|ehrlich gesagt|soweit ich sehe|derzeit|aktuell)[,:]? ",
        r"(?:hm+|tja|also|nun|äh|ähm|ach|danke für (?:ihre|die|deine) frage)[,.!:]+ ?",
        r"(?:die |meine )?(?:antwort|assistent|assistentin|ki|bot) ?[:–-] ?",
        r"als (?:ki|künstliche intelligenz|sprachmodell|assistent)[\w -]{0,30},? (?=(?:kann|habe|weiß|darf|bin))",
    ),
    refuses=any_of(*_SPEAKER, *_SILENT, *_PASSIVE, *_FRAGMENTS, _ANY_ORDER, *GERMAN_ABSENT),
    topic=any_of(
        rf"(?:{_SRC}|sie|er|es) (?:erwähn(?:t|en)|beschreib(?:t|en)|behandel(?:t|n)|sprechen|spricht|handel(?:t|n)"
        rf"|nenn(?:t|en)|enthält|enthalten|gehen|geht|betreffen|betrifft|befass(?:t|en)|konzentrier(?:t|en)"
        rf"|liefer(?:t|n)|thematisier(?:t|en))\b(?!.*\b(?:nicht|nichts|keine\w?)\b)"
    ),
    pointer=any_of(
        r"(?:bitte|sie (?:können|könnten|sollten|müssten|finden)|du (?:kannst|könntest|solltest)|wenden sie"
        r"|wende dich|fragen sie|frag|prüfen sie|schauen sie|kontaktieren sie|ich (?:empfehle|rate|würde empfehlen"
        r"|schlage vor|kann ihnen (?:aber )?(?:gerne )?helfen)|vielleicht (?:können|kann|weiß|hilft)|wir empfehlen"
        r"|für weitere|weitere informationen|der \w+ (?:weiß|kann|könnte)|die \w+ (?:weiß|kann|könnte)|versuchen sie"
        r"|am besten|gerne|ich rate nicht)\b"
    ),
    looked=any_of(r"ich habe (?:in )?.{0,60}(?:durchsucht|gesucht|gelesen|geprüft|nachgesehen|durchgesehen)"),
    headless=any_of(
        r"(?:konnte|kann|habe|fand|finde|sag(?:t|en)|erwähn(?:t|en)|nenn(?:t|en)|enthält"
        r"|enthalten)\b.*\b(?:nicht|nichts|keine\w?)\b"
    ),
    weak_contrast=r"doch|also|so",
    contrast=r"aber|jedoch|allerdings|dennoch|trotzdem|sondern|hingegen|und (?=konnte|kann|habe)",
    yielding=any_of(r"(?:obwohl|obgleich|während|da|weil|auch wenn|zwar) "),
    condition=any_of(r"(?:wenn|falls|sofern|sobald|solange)\b(?! das gebäude)(?!.*\b(?:wird|ist) nicht)"),
    guess=any_of(
        r"(?:ich|wir) (?:glaube|glauben|denke|denken|vermute|vermuten|nehme an|schätze|meine)|vermutlich"
        r"|wahrscheinlich|vielleicht|möglicherweise|wohl|es scheint|es könnte|mutmaßlich"
    ),
    exact=any_of(r".*\b(?:genau|genaue[rns]?|exakt\w*|sicher|mit sicherheit|direkt|ausdrücklich|explizit)\b"),
)
