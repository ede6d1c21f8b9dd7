"""English: "I don't know.", "The passages do not mention …", "Not stated."; not "We cannot refund …" or "Not included."."""

from __future__ import annotations

from rung.text.refusals.absence import ENGLISH_ABSENT
from rung.text.refusals.language import Language, any_of, unsaid

_ADVERBS = r"(?:(?:really|honestly|simply|just|still|also|currently|actually|yet|even|ever|unfortunately|[a-z]+ly) )*"
_NOT = r"(?:do not|don't|dont|does not|doesn't|doesnt|did not|didn't|didnt|never)"
_CANNOT = (
    r"(?:cannot|can't|cant|can not|could not|couldn't|couldnt"
    r"|(?:am|are|was|were)? ?(?:not able|unable) to|wasn't able to|weren't able to)(?: seem to)?"
)
_I = rf"(?:i(?:'m| am)?|we(?:'re| are)?) {_ADVERBS}"
# What the sources are called. The first sort is only ever what the model was shown; a document, a text or an article may be
# what the question is about.
_GIVEN = (
    r"(?:passages?|contexts?|excerpts?|extracts?|snippets?|knowledge base|search results?|(?:provided|given|available"
    r"|supplied|retrieved) (?:information|data|details|facts|content|pieces?))"
)
_SOURCE = (
    r"(?:texts?|documents?|documentation|sources?|articles?|materials?|corpus|manuals?|handbook|guide|paragraphs?"
    r"|sections?|pages?"
    r"|content|faq|notes|input|knowledge|records|information (?:provided|given|available|above|i have))"
)
_WHICH = (
    r"(?:(?:the|these|those|this|that|any|any of|all of|my|our|your|given|provided|supplied|retrieved|available|above"
    r"|following"
    r"|attached|shown|present|current|two|three|relevant|of the|either of the) )*"
)
_TAIL = (
    r"(?: \d+(?:(?:, | and | or |-|–|, and | to )\d+)*)?(?: (?:provided|given|above|supplied|retrieved|shown|quoted"
    r"|available|here"
    r"|(?:that )?i (?:was|have been|am|have) "
    r"(?:given|provided|shown)|(?:that )?(?:you|you've|you have) (?:gave|given|provided|sent|shared|supplied)(?: me)?"
    r"|i have|at hand))*"
)
_SRC = rf"{_WHICH}(?:[a-z]+ )?(?:{_GIVEN}|{_SOURCE}){_TAIL}"
_SHOWN = (
    rf"(?:{_WHICH}{_GIVEN}|(?:the |these |this )?(?:given|provided|supplied|retrieved|available|above"
    rf"|attached) {_SOURCE}){_TAIL}"
)
_SAY = (
    r"(?:say|mention|specify|specifie|state|tell|discuss|address|indicate|name|explain|describe|clarify|clarifie"
    r"|reveal|disclose|answer"
    r"|cover|note|go into|goe into|touch on|refer to|speak of|speak about|talk about|elaborate|identify|identifie"
    r"|define|detail"
    r"|report|list|make clear|make it clear|make any mention|support|settle|resolve|(?:allow|permit)(?: (?:me|us|one"
    r"|for|a|any) |s? (?=to )))(?:s|es)?\b"
)
_HOLD = r"(?:contain|provide|include|give|have|has|offer|hold|present|supply|supplie|feature|lack)(?:s|es)?\b"
_FACT = (
    r"(?:information|info|data|details?|knowledge|facts|specifics|answers?|mention|references?|indication|figures"
    r"|explanation"
    r"|evidence(?= in| from)|context(?! menu)|clues?|hints?|statements?|description|record|records|match|matches"
    r"|results?)"
)
_ABOUT = (
    r"(?=$|[,.!?)]| (?:about|on|of|in|within|among|regarding|concerning|for|to|from|available|provided|given|as to"
    r"|whether|related"
    r"|relating|here|there|or|and|who|what|when|where|which|why|how|with|required|needed|necessary|is|was)\b)"
)
_KIND = (
    r"(?:(?:any|enough|sufficient|specific|relevant|further|more|much|such|clear|direct|explicit|exact|precise"
    r"|definite|definitive"
    r"|reliable|concrete|additional|particular|the|that|this|a|an|necessary|required|needed|other|single|detailed"
    r"|useful|matching|requested|supporting|corresponding"
    r"|your|related|of the|of that|of your) )*"
)
_A_FACT = rf"{_KIND}{_FACT}{_ABOUT}"
_ASKED = rf"(?:{_A_FACT}|{_KIND}(?:question|answer)\b|anything|it\b|this\b|that\b)"
_WH = r"(?:what|who|whom|whose|when|where|which|why|how|if|whether)\b"
_END = r"(?=$|[,.!?)(])"
_KNOWN = (
    r"(?:mentioned|said|stated|specified|indicated|addressed|discussed|described|explained|clarified|named|listed|known"
    r"|disclosed|defined"
    r"|answered|reported|detailed|recorded|noted|spelled out|identified|given|determined)"
)
_FOUND = (
    r"(?:given|provided|available|found|included|contained|covered|present|shown|part|to be found|there|answered"
    r"|supplied|listed)"
)
_IN_SOURCE = (
    rf"(?: (?:anywhere|explicitly|directly|here))*(?: (?:in|by|within|from|among|on|of|to) (?:{_SRC}"
    rf"|{_WHICH}what i (?:was|have been|am) given)"
    r"(?! (?:field|box|window|desk|area|store))\b.*)"
)
_RULES = (
    r"(?:polic(?:y|ies)|contract|agreement|terms|report|letter|law|rules|regulations|book|story|statement|email"
    r"|minutes|log|description)"
)
_IN_ANY = rf"(?:{_IN_SOURCE}|(?: anywhere)? (?:in|by) {_WHICH}{_RULES})"
_BE = r"(?:is|was|are|were|has been|have been|had been|'s|'re)"
_BE_NOT = r"(?:(?:is|was|are|were|has|have)(?: not|n't| never)(?: been)?|'s not|'re not)"
_ANYTHING = r".{1,160}?"  # what is not known: any words

_KNOWING = (
    rf"(?:i|we) {_ADVERBS}(?:do not|don't|dont|did not|didn't) {_ADVERBS}know(?! (?:of|better|anyone|anybody|many|any"
    rf"|much|how to (?:put|say|express)|much about it,)\b)",
    r"(?:do not|don't|dont|dunno|idk)(?: know)?(?=$|[,.!?]| (?:the answer|sorry"
    r"|" + _WH + r"))(?<!do not)(?<!don't)(?<!dont)",
    r"(?:i have |i've |i've got )?(?:absolutely )?no (?:idea|clue)\b",
    rf"(?:i'm|i am|we're|we are) {_ADVERBS}(?:not {_ADVERBS}(?:sure|certain)|unsure|uncertain)(?:{_END}| (?:about|of"
    rf"|on|as to|what|{_WH}))",
    rf"(?:i'm|i am|we're|we are) {_ADVERBS}(?:not aware|unaware) of any (?:such|mention|information|reference)",
    r"not (?:sure|certain)" + _END,
    r"(?:that|this|it)(?:'s| is| was)(?: not|n't) (?:something|anything|a topic|a subject) (?:that )?(?:i|we|"
    + _SRC
    + r") (?:know|knows|covers?|can answer|could (?:find|answer|locate|see)|was able to|have|addresse?s?|discusse?s?)",
)
_LACKING = (
    rf"{_I}(?:(?:do not|don't|dont) {_ADVERBS}have|have(?: not got| not been given|n't got|n't been given"
    rf"| been given)?(?: any)?"
    rf"|lack|found|find|see|saw|(?:do not|don't|did not|didn't) {_ADVERBS}(?:find|see|possess|hold)|haven't (?:found"
    rf"|seen|any)"
    rf"|have not (?:found|seen)|was given|were given|{_CANNOT} {_ADVERBS}(?:find|see|locate))"
    rf" (?:no |not enough |insufficient |nothing |any )?{_A_FACT}",
    rf"{_I}(?:(?:do not|don't|did not|didn't|cannot|can't|could not|couldn't) {_ADVERBS}(?:find|see|locate)"
    rf"|have not found|haven't found"
    rf"|(?:was|were)(?: not|n't) able to (?:find|locate)|{_CANNOT} (?:find|locate))"
    rf" (?:anything|any|{_KIND}(?:answer|section|article|passage|entry|document|page|mention|phone number|match)\b"
    rf"|(?:it|that|this)(?:{_END}| in)"
    rf"|{_WH}|.{{1,120}} in {_SRC})",
    rf"{_I}(?:found|find|see|have found|know|have) (?:nothing|no (?:{_KIND})(?:article|section|passage|entry|document"
    rf"|match))(?:{_END}| )",
    rf"{_I}(?:do not|don't|dont) have {_ADVERBS}(?:any |direct )?access to (?:{_KIND}{_FACT}|your|real[- ]time"
    rf"|the internet|current|live|external)",
    rf"{_I}(?:would need|'d need|need|require) (?:more|further|additional) (?:information|context|details)",
    r"(?:i'd|i would|we'd|we would) need (?:more|further|additional) (?:information|context|details|data)",
    r"more (?:information|context|details|data) (?:is|would be|are) (?:needed|required|necessary)",
    r"(?:i|we) (?:was|were|am|are|have|has)(?: not|n't)(?: been)? (?:told|informed|given|shown|provided|made aware)",
    r"my (?:knowledge|sources|information|training|training data|data|documents) (?:do|does)(?: not|n't) (?:cover"
    r"|include|extend|go|contain|reach)",
)
_SEEKING = (
    r"(?:find|found|locate|answer|determine|tell|say|establish|identify|see|know|infer|conclude|information|info|data"
    r"|details?|evidence|mention|reference|indication|answers|specifics)\b"
    r"(?! (?:anyone|anybody|many|much|of any|of a|better|how to (?:put|say|express)|the (?:phone|door|key)|a better"
    r"|yes|no|goodbye|hello|enough)\b)"
)
_UNABLE = (
    rf"i(?:'m|'ve| am| have)?\b(?!.* (?:would|will|shall)\b)(?: [a-z']+){{0,4}}? (?:no|not|\w+n't|cannot|unable|never"
    rf"|nothing|without)(?: [a-z']+){{0,4}}? {_SEEKING}",
    rf"{_I}{_CANNOT} {_ADVERBS}(?:answer (?!(?:the )?(?:phone|calls?|door|e-?mails?)\b)|answer{_END}|determine"
    rf"|tell{_END}|tell (?:you |from|{_WH})"
    rf"|say(?:{_END}| )|know|ascertain|infer|deduce|establish|figure out|work out|conclude|speculate|comment on)",
    rf"{_I}{_CANNOT} {_ADVERBS}(?:provide|give|offer|share|supply)(?: you)?(?: with)? {_ASKED}(?! (?:over|by"
    rf"|on) (?:the )?(?:phone|telephone|e-?mail))",
    rf"{_I}{_CANNOT} {_ADVERBS}confirm (?:that|this|it|whether|if)\b",
    rf"{_I}{_CANNOT} {_ADVERBS}(?:help|assist)(?: you)?(?:{_END}| (?:with|on) (?:that|this|it|your (?:question"
    rf"|request|query))\b)",
    rf"(?:(?:unable|impossible|not able) to|cannot|can't|can not|could not|couldn't) (?:answer|determine|say|tell"
    rf"|locate|confirm|be (?:answered|determined))\b"
    rf"(?:{_END}| (?:that|this|it|the question|from|with|based|given|{_WH}))",
    r"it(?:'s| is| was) (?:not possible|impossible)(?: for me)? to (?:say|tell|determine|know|answer|find out"
    r"|establish|confirm|infer|give)",
    r"(?:i|we) have no (?:way|means) (?:to|of) (?:tell|telling|know|knowing|say|saying|check|determin)",
    r"there(?:'s| is| was) no way (?:to|of) (?:tell|telling|know|knowing|say|saying|determin)",
)
_SILENT_SOURCE = (
    rf"{_SRC} {_ADVERBS}(?:{_NOT}|fails? to|do|does) {_ADVERBS}{_SAY}" + r"(?<!do cover)(?<!does cover)",
    rf"{_SHOWN} {_ADVERBS}{_NOT} {_ADVERBS}(?:{_HOLD}|appear|help|relate|seem|touch|deal)",
    rf"{_SRC} {_ADVERBS}(?:{_NOT}|fails? to) {_ADVERBS}{_HOLD}(?: me| us)? (?:{_ASKED}|the (?!right|power|force)\w+"
    rf"|an answer|enough|sufficient|what|who)",
    rf"{_SRC} {_NOT} {_ADVERBS}(?:go into (?:that|this|it)|help (?:here|me|us|with)|relate to the question)",
    rf"{_SRC} (?:is|are|remains?|stays?) {_ADVERBS}(?:silent|quiet|unrelated|irrelevant|insufficient|incomplete"
    rf"|inconclusive|not (?:related|relevant|sufficient|enough|clear|specific))",
    rf"{_SRC} (?:says?|tells?(?: us| me)?|states?|mentions?|reveals?|contains?|offers?|gives?|provides?|has|have"
    rf"|holds?|makes?) (?:nothing|no {_KIND}{_FACT}{_ABOUT})",
    rf"{_SRC} (?:ends?|stops?|cuts? off|breaks? off|is cut off) before",
    rf"(?:it does(?: not|n't) (?:look|seem|appear)(?: like| as if| as though| that)?|(?:i|we) (?:do not"
    rf"|don't) (?:think|believe|see)(?: that)?) "
    rf"(?:{_SRC} {_ADVERBS}(?:{_SAY}|{_HOLD})|(?:this|that|it|the answer) (?:is|was) {_ADVERBS}(?:{_KNOWN}|{_FOUND}"
    rf"|{_IN_SOURCE}))",
    rf"{_SRC} lacks? {_A_FACT}",
    rf"{_SRC} leaves? (?:it|that|this)?(?: question)? ?(?:open|unclear|unsaid|unanswered)",
    rf"{_SRC} (?:is|are) (?:about|on) .{{1,80}} and (?:do|does)(?: not|n't) (?:answer|mention|address|say|cover|relate)",
    rf"the authors? {_NOT} {_SAY}",
    rf"(?:they|it) {_ADVERBS}{_NOT} {_ADVERBS}(?:say|mention|tell|specify|state|address|cover|discuss)(?: us| me)?"
    rf"(?:{_END}| (?:that|this|it|anything|anywhere|so)\b| {_WH})",
    r"(?:they|it) (?:says?|tells?(?: us)?|gives?|contains?|offers?) (?:nothing|no (?:details|information|answer"
    r"|indication))",
)
_NONE = (
    rf"(?:none|neither|not one|no part|nothing)(?: of| in| within| from)? {_SRC} {_ADVERBS}(?:{_SAY}|{_HOLD})",
    rf"(?:no|neither|no single) (?:{_GIVEN}|{_SOURCE}) {_ADVERBS}(?:{_SAY}|{_HOLD})",
    rf"nothing (?:in|within) {_SRC}",
    rf"(?:none|nothing|no part) of (?:this|that|it|these|those) (?:is|are|appears?) (?:\w+ )?(?:there|here|in {_SRC})",
    rf"(?:it|that|this)(?:'s| is)(?: not|n't) (?:in|on) (?:there|here|{_SRC})",
    rf"{_SRC} (?:is|are) (?:contradictory|ambiguous|vague|inconsistent|unclear)",
    rf"nowhere (?:in {_SRC} )?(?:is|are|does|do|was|were) ",
    rf"no ?(?:one|body) knows(?: {_WH}|, according to {_SRC})",
    rf"(?:there(?:'s| is| are| was| were)|there isn't|there aren't|i have|we have)(?: not| currently| simply| also)*"
    rf" (?:no|not enough|not any|insufficient|any|enough|little) (?!evidence that|data (?:limit|cap|plan)"
    rf"|records? of (?!(?:this|that|it|any|such)\b)(?!.*{_SRC})){_A_FACT}",
    rf"there(?:'s| is| was) nothing (?:in {_SRC}|(?:here )?(?:about|on|regarding|to (?:say|suggest"
    rf"|indicate)))(?!.* that (?!i |we |would |could |can |says|tells|answers))",
    r"no (?:such )?(?:mention|indication|reference|record) (?:of|is|was|that|to|regarding|about)\b"
    r"(?!.*\b(?:may|must|should|shall|can|will|is (?:allowed|permitted|required)|are (?:allowed|required|kept))\b)",
)
_FRAGMENTS = (
    rf"(?:no|not enough|insufficient|no further) {_KIND}{_FACT}(?: (?:is |was |were |are )?(?:available|provided"
    rf"|given|found|exists?))?"
    r"(?: (?:about|on|in|regarding|for|to answer|to determine|concerning)\b(?!.* (?:is|are|was|were|will|can|may|must"
    r"|has|have) ).*)?[.!]?$",
    r"(?:no|not any) (?:relevant )?(?:passages?|documents?|results?|sources?|matche?s?)(?: (?:were|was|are"
    r"|is))?(?: found| available)?[.!]?$",
    r"(?:the )?(?:requested |relevant )?(?:information|answer|data|details?|context)(?: is| are"
    r"| was)? (?:currently )?(?:not (?:available|found|provided|given|"
    r"specified|included|present|known|sufficient|disclosed)|unavailable|missing|unknown|insufficient|lacking)[.!]?$",
    r"not (?:explicitly |clearly |directly |yet )?(?:stated|mentioned|specified|given|found|available|known|listed"
    r"|indicated|disclosed|addressed"
    r"|answered|applicable|enough information|answerable)[.!]?$",
    rf"not {_ADVERBS}(?:{_KNOWN}|{_FOUND}){_IN_SOURCE}$",
    r"(?:nothing|not a word|no word) (?:about|on|regarding|concerning|of)\b(?!.* (?:is|are|was|were|will|can|may"
    r"|must|has|have|changes?)(?: |$)).*$",
    rf"(?:the|that|this|such|your|any) (?:[a-z]+ )?(?:information|info|data|details?|answers?"
    rf"|facts?)\b.{{0,60}}? (?:is|are|was|were|has|have)(?: not|n't)(?: been)? (?:[a-z]+ )?(?:available|found|given"
    rf"|provided|known|accessible)"
    rf"(?:{_END}| to me| here| at (?:this|the) (?:time|moment)|{_IN_SOURCE})",
    rf"(?:unclear|unknown|not clear|not known) (?:from|in) {_SRC}$",
    rf"no {_KIND}{_FACT} (?:is|are|was|were|has been|have been|could be|can be) (?:\w+ )?(?:given|provided|available"
    rf"|mentioned|found|stated|included|located|recorded)"
    rf"(?:{_END}| (?:here|about|regarding|concerning|as to|{_WH})|(?: on| to) (?:this|that|the question)|{_IN_SOURCE})",
    rf"not (?:anywhere )?(?:in|within|among|from) {_SRC}$",
    r"(?:unknown|unanswerable|unspecified|undetermined|undefined|undisclosed|unstated|null|n/a|n\.a|idk|no answer"
    r"|no results?(?: found)?|nothing found"
    r"|no information|unclear|not answerable)[.!]?$",
)
_UNKNOWN = (
    rf"{_ANYTHING} ?{_BE_NOT} {_ADVERBS}{_KNOWN}(?: [a-z]+ly)?(?:(?: anywhere| here| at all)?{_END}(?!, (?:so|but|and"
    rf"|because|which))|{_IN_ANY}$)",
    rf"{_ANYTHING} ?{_BE_NOT}(?: {_ADVERBS}{_FOUND})?(?: here$|{_IN_SOURCE}$)",
    rf"{_KIND}(?:answers?|information|details?|question|data)(?: (?:to|you|i|that you) .{{1,60}}?)?(?: {_BE_NOT}"
    rf"|'s not) {_ADVERBS}{_FOUND}{_END}",
    rf"{_KIND}(?:answers?|information|details?|data|it)(?: (?:to|you|i|that you) .{{1,60}}?)? (?:cannot|can't"
    rf"|could not|couldn't) be (?:found|located|provided)",
    rf"{_ANYTHING} ?{_BE} {_ADVERBS}(?:unknown|unclear|not clear|unspecified|unstated|undisclosed|undetermined"
    rf"|unanswerable|not answerable)"
    rf"(?:{_END}(?!, (?:so|but|and|because|which))|(?: to me| in| from){_IN_SOURCE}?$)",
    rf"{_ANYTHING} ?(?:is|are|was|were) {_ADVERBS}(?:missing|absent|omitted|left out){_IN_SOURCE}$",
    rf"{_ANYTHING} (?:cannot|can't|can not|could not|couldn't) be {_ADVERBS}(?:answered|determined|inferred|known"
    rf"|established|derived|deduced|told|said"
    rf"|ascertained|confirmed|found(?= in)|given)(?:{_END}| (?:from|with|based(?: only| solely)? on|in|on|using|by"
    rf"|without|given)(?: only| just)? (?:{_SRC}|what|this|that|these"
    rf"|it|any of|more|further|additional|(?:the |this |any |such )?(?:[a-z]+ )?(?:information|data|context|details"
    rf"|evidence"
    rf"|facts)|here|certainty))",
    rf"{_ANYTHING} (?:does|do|did)(?: not|n't) {_ADVERBS}(?:appear|occur|exist|show up|come up"
    rf"|feature)(?: anywhere)?(?: in| on| within| among) {_SRC}",
    rf"it (?:isn't|wasn't) {_ADVERBS}(?:clear|known|stated|specified|mentioned|indicated|said|given|explained"
    rf"|disclosed)(?:{_END}| (?:{_WH}|from|in {_SRC}))",
    rf"(?:it(?:'s| is| was| remains)|it has) {_ADVERBS}(?:unknown|unclear|not {_ADVERBS}(?:clear|known|stated"
    rf"|specified|mentioned|indicated|said|given|evident|explained"
    rf"|disclosed)|undisclosed)(?:{_END}| (?:{_WH}|from|in {_SRC}|by {_SRC}))",
    rf"(?:it's|it is|that's|this is|that is) (?:also )?unclear{_END}",
    rf"{_WH}.{{1,120}} (?:is|was|are|were|remains) {_ADVERBS}(?:unknown|unclear|not clear|undisclosed)",
    rf"(?:this|that|the|your|it|what)\b[^,.]{{0,60}}?(?:'s| is| lies| falls| goes| was) {_ADVERBS}(?:outside|beyond"
    rf"|out of)(?: of)? (?:the )?(?:scope|range|what|my|{_SRC})"
    rf"(?: of)?(?: {_SRC}| my| what| i| we|{_END})",
    r"(?:this|that|the) (?:question|topic|subject|detail|information|point|matter)(?: is| was|'s)(?: not"
    r"|n't) (?:covered|addressed|answered|part)",
    rf"{_WHICH}{_GIVEN}{_TAIL} (?:give|name|mention|contain|list|state|specif(?:y|ie)|identif(?:y|ie)|provide)(?:e?s)?"
    r" no [a-z]",
    rf"no (?:{_GIVEN}|{_SOURCE}) (?:says?|mentions?|states?|tells?|names?|gives?)",
    rf"(?:that|this|it)(?:'s| is)(?: not|n't) (?:part of|among|in|within) (?:what i|{_SRC})",
)
_TOLD_BY = (
    r"(?:(?:the|these|this|those|any|of the|my|your|our|all|both) (?:[a-z]+ )?(?:texts?|documents?|documentation"
    r"|sources|articles?|materials|corpus|manual|handbook|paragraphs?|sections?|pages?|content|faq)|(?:the |these "
    r"|this |those )?" + _GIVEN + r"|(?:what )?(?:i was|i have been|i've been) (?:given|shown|told)|you (?:gave"
    r"|showed|sent) me)\b(?! (?:field|box|window|desk|area|store|code))"
)
_ANY_ORDER = unsaid(
    _TOLD_BY,
    r"no\b|not\b|none\b|nothing\b|never\b|neither\b|nowhere\b|cannot\b|\w+n't\b|without\b|unable\b|impossible\b"
    r"|unclear\b",
    r"says?|said|mention\w*|stated?|specif\w+|indicat\w+|tells?|told|describe\w*|discuss\w*|address\w*|explain\w*"
    r"|clear|clarif\w+|answer\w*|information"
    r"|details?|settles?|resolves?|determin\w+|establish\w*|identif\w+|names?|named|known?|infer\w*|deals?|reveal\w*"
    r"|verif\w+|confirm\w*|find|locate"
    r"|trace|hint|indication|learn|conclu\w+|work out|figure out",
    r"says?|states?|mentions?|specify|specifies|indicates?|explains?|notes?|describes?|make it clear|makes it clear"
    r"|tells?|names?|lists?|shows?|warns?|adds?|stress(?:es)?",
    r"must|should|shall|may not|might not|need not|has to|have to|ought|you|customers?|users?",
)
_SOURCE_IS_ABOUT = (
    rf"(?:{_SRC}|they|it) {_ADVERBS}only (?:says?|states?|tells?|gives?|shows?|lists?|names?|notes?)\b"
    rf"|(?:{_SRC}|they|it) {_ADVERBS}(?:only |all |mainly |mostly )?(?:mentions?|discuss(?:es)?|talks?|describes?"
    rf"|covers?|focus(?:es)?|deals?|refers?|speaks?"
    r"|concerns?|contains?|provides?|explains?|gives?|(?:is|are)(?: only| all| mainly)? (?:about|on|related to"
    r"|concerned with))\b"
)
_ELSEWHERE = (
    r"(?:you|perhaps you|maybe you)(?: can| may| might| could| should| will|'ll|'d)\b|please\b|feel free|try\b"
    r"|contact\b|ask\b|check\b|see\b|consult\b|refer\b"
    r"|(?:so )?(?:i|we)(?: can|'d| would| could|'ll| will)?(?: only| gladly)? (?:suggest|recommend|advise|help"
    r"|be happy|be glad|hope|look)\b"
    r"|for (?:more|further) |if you |let me know|(?:would|could|can|do) you\b|i(?: won't| will not| don't want to"
    r"|'d rather not) (?:guess|speculate)"
    r"|(?:the|our|your|someone|anyone|a) .{0,40}(?:might|may|can|could|will|should)(?: be able to)?(?: know| help"
    r"| tell| answer| have|$|[.!])"
)

ENGLISH = Language(
    negations=(
        r"n't\b|\b(?:no|not|cannot|cant|dont|doesnt|never|none|nothing|neither|nowhere|nobody|without|unable"
        r"|impossible|unknown|unclear|un\w+able"
        r"|insufficient|silent|fails?|lacks?|missing|absent|outside|beyond|unrelated|irrelevant|unsure|unspecified"
        r"|undisclosed|undetermined|undefined"
        r"|empty|blank|else|omits?|beats|stumped|mystery|luck|more|open|un(?:named|said|mentioned|answered|explained"
        r"|addressed)|thin|vague|hard|too|few|little|mum|zilch|quiet|short|lack|eludes|before|skips?|null|idk"
        r"|dunno|n/a|leaves?|need (?:more|further)|unstated)\b|n/a"
    ),
    sources="the passages",
    pronoun=any_of(r"(?:they|it|these|this)\b"),
    opening=any_of(
        r"(?:(?:i'm|i am|we're|we are) )?(?:very |so |really |truly )?sorry(?: about that| for (?:the"
        r"|any) \w+)?[,.!:;–-]*(?: but)?(?: that(?= (?:i|we|the|no)\b))? ?(?![a-z]* ?(?:to hear|for))",
        r"(?:i|we) (?:sincerely )?apologi[sz]e(?: for (?:the|any) [\w ]{1,30})?[,.!:;]*(?: but| that)? ?",
        r"(?:my |our )?apologies[,.!:;]*(?: but)? ?",
        r"(?:unfortunately|sadly|regrettably|regretfully|alas)[,:]? (?!not[;,])",
        r"(?:i'm|i am|we're|we are) afraid(?: that)?,? ",
        r"(?:h+m+|nope|well|oh|um|uh|ok|okay|so|ah|thank you for (?:your|the) question|thanks for asking|good question"
        r"|great question)[,.!:]+ ?",
        r"as an? (?:ai|artificial intelligence|language model|assistant|chatbot)[a-z -]{0,30}, ",
        r"(?:(?:the |my |short |final )?(?:answer|response|reply|assistant|a|bot|ai)) ?[:–-] ?",
        rf"(?:based (?:only |solely )?on|according to|from|given|in|judging by|going by|going only by"
        rf"|after (?:reviewing|reading|checking)|looking at|having (?:read|reviewed)) "
        rf"(?:only )?(?:{_SRC}|the (?:provided |given |available )?information[\w ]{{0,40}}?)(?:,|(?= (?:i|it|we"
        rf"|there|the|this|that)\b)) ?",
        r"(?:it (?:seems|appears|looks like)|i (?:think|see|note|fear"
        r"|believe))(?: that)? (?=" + _SRC + r"|there |this |that |i )",
        r"(?:i must|i have to|i should|let me) (?:admit|confess|say|be honest)(?:,| that|:)? ",
        r"from what i (?:was given|have|know|can see|see|have been given)[a-z ]{0,20}, ",
        r"(?:to be honest|honestly|frankly|as far as i (?:know|can (?:see|tell))|at this time|currently|that said),? ",
        r"without [^,]{1,60}?(?:, | (?=(?:i|we|it) ))",
    ),
    refuses=any_of(
        *_KNOWING, *_LACKING, *_UNABLE, *_SILENT_SOURCE, *_NONE, *_FRAGMENTS, *_UNKNOWN, _ANY_ORDER, *ENGLISH_ABSENT
    ),
    topic=any_of(_SOURCE_IS_ABOUT),
    pointer=any_of(_ELSEWHERE),
    looked=any_of(
        r"(?:i|we)(?:'ve| have)?(?: carefully)? (?:looked|searched|checked|read|reviewed|went|gone|scanned|examined)\b",
        r"(?:that|this|it|anything (?:else|more)) would (?:\w+ )?be (?:speculation|speculative|a guess|guessing"
        r"|guesswork)",
        r"i(?:'d| would)? (?:wish|love|like|be happy)(?: that)? (?:i|to)\b",
    ),
    headless=any_of(
        r"(?:do|does|did|could|can|was|were|am|are|have|has)(?: not|n't)\b|cannot|can't|could not|couldn't|(?:found"
        r"|find|saw|see) (?:no|nothing)\b"
        r"|(?:says?|gives?|contains?|offers?) (?:no|nothing)\b|fails? to|never|do not|does not"
    ),
    weak_contrast=r"yet|so|still|only",
    contrast=r"but|however|though|although|nevertheless|nonetheless|and (?=(?:found|find|saw) (?:no|nothing)|(?:could"
    r"|did|do|does|can)(?: not|n't)|cannot)",
    yielding=any_of(r"(?:although|though|even though|while|whilst|since|because|as) "),
    condition=any_of(r"(?:if|when|whenever|unless|in case|where|once)\b"),
    guess=any_of(
        r"(?:i|we) (?:think|believe|guess|assume|suppose|would (?:say|guess|think)|suspect)|i'd (?:say|guess|think)"
        r"|my (?:guess|best guess)|probably|perhaps|maybe"
        r"|likely|presumably|possibly|apparently|it (?:seems|appears|is likely|is probably|was probably|could be"
        r"|may be|might be)|it's (?:likely|probably)"
    ),
    exact=any_of(
        r".*\b(?:exact|exactly|precise|precisely|explicit|explicitly|direct|directly|for certain|for sure"
        r"|certain|100 ?%)\b"
    ),
)
