"""Phrases for reply verbs ("on it", "false alarm", "not me"), besides the verbs' own names. Pure."""

from __future__ import annotations

import re

from notifications.delivery.verbs import Verb

_THIS = r"(?:it|this one|that one|this|that|the (?:page|alert|incident))"
# Without 👎 ⛔ ❌.
_EMOJI = "[\U0001f300-\U0001f44d\U0001f44f-\U0001faff\u2600-\u26d3\u26d5-\u274b\u274d-\u27bf\u2b50\ufe0e\ufe0f\u200d]"
_YES_SIGN = "[👍👌🆗✅✔🫡]"
TINTS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")  # how an emoji is drawn

# What stands before an answer and says nothing.
POLITE = re.compile(
    r"(?:(?:hi|hello|hey|hallo|bonjour|hola|ciao|hej|thanks|thank you|thx)(?:\s\w{1,30}){0,3}\s?[,.!:]\s*"
    r"|(?:please|pls|bitte|just)[,:]?\s+|@?aiops[,:]?\s+)",
    re.IGNORECASE,
)
# What does so where somebody then says that they take it.
YES = re.compile(
    rf"(?:(?:ok|okay|yes|yep|yeah|sure|alright|all right|right|thanks|thank you|thx|received|roger(?: that)?|copy(?: that)?)\b"
    rf"|{_YES_SIGN}+)[\s,.!-]+",
    re.IGNORECASE,
)
# What people write who take it, alone or with what follows behind a comma or a full stop: "Got it, looking". "Look into it"
# without an "I" asks somebody else.
ON_IT = re.compile(
    r"(?:(?:(?:i(?:['’]?m| am|['’]ve| have)|we(?:['’]re| are|['’]ve| have)|i|we)\s)?"
    rf"(?:(?:ack(?:['’]?ed|['’]d|ing)?|acknowledg(?:e|ed|ing))(?: {_THIS})?|(?:got|have|on) {_THIS}"
    rf"|(?:taking|working on|handling|checking|dealing with|taking care of|looking (?:in ?to|at)|picking up) {_THIS}"
    rf"|(?:taking|having) a look(?: at {_THIS})?|investigating(?: {_THIS})?)"
    r"|(?:(?:i|we)(?:['’]?ll| will| can)?|will|let me)\s"
    rf"(?:(?:ack|acknowledge)(?: {_THIS})?|(?:take|handle|check|own|look (?:in ?to|at)|deal with|take care of"
    rf"|investigate|pick up) {_THIS}|(?:take|have) a look(?: at {_THIS})?))"
    r"(?: (?:now|by me|thanks|thank you|thx|cheers|all|team|folks|everyone|already))?(?![\w'’])",
    re.IGNORECASE,
)
# The same, but only as all that was written: each of these begins sentences that mean something else.
SHORT = {
    Verb.ACKNOWLEDGE: re.compile(
        r"(?:(?:ok(?:ay)?|oki|k{1,2}|(?:(?:it['’]?s|that['’]?s|this is|this one is|this one['’]s) )?mine"
        r"|(?:(?:i['’]?m|i am|we['’]re|we are) )?(?:looking|checking|handling|taking)(?: now)?|on my way|omw"
        r"|(?:i['’]?ll|i will|we['’]ll|will|let me) (?:look|check|investigate)(?: now)?"
        rf"|(?:roger|copy)(?: that)?|10-4|aye|thumbsup|ok_hand|\+1)(?![\w'’])|{_YES_SIGN}(?:\s?{_YES_SIGN})*)",
        re.IGNORECASE,
    ),
    Verb.RESOLVE: re.compile(r"(?:it['’]?s |this is |is )?(?:resolved|fixed)(?: it| now)?(?![\w'’])", re.IGNORECASE),
}
# What may stand behind any of them.
THANKS = re.compile(
    rf"(?:[\s.,;:!()*_~…–—-]|{_EMOJI}|\b(?:now|thanks|thank you|thx|ty|cheers|please|pls|team|folks|everyone|already|mate)\b)*",
    re.IGNORECASE,
)
# "Got it, but I can't come", "Got it. Bo is on it": nobody shall be believed to have what they have not.
_NOT = re.compile(
    r"\b(?:not|no|but|cannot|cant|unable|someone|somebody|later|tomorrow|until|unless|when|if|instead|never"
    r"|wrong (?:person|number|team|one)|pass(?:ing|ed)? (?:it |this )?(?:on )?to|hand(?:ing|ed) (?:it |this )?(?:over|on|off|to)"
    r"|forward(?:ing|ed)|(?:please|pls) (?:ask|assign|call|escalate|find|get|page|reassign|take|tell|wake)|ask)\b|n['’]t\b|\?"
    r"|\b(?!(?:i|we|it|this|that|there|which|what)\b)\w{1,40}"
    rf"(?:(?:['’]s| is) (?:on|taking|handling|looking (?:at|in ?to)) {_THIS}\b|(?: has|['’]s got) {_THIS}\b"
    r"|(?:['’]ll| will| can| should| must) (?:take|handle|have|look|do|come)\b)",
    re.IGNORECASE,
)
# What has such a word in it and takes nothing back.
_ALL_THE_SAME = re.compile(
    r"\b(?:no (?:worries|problems?|rush|idea|eta|updates?|news|impact|customers?|need)|not (?:sure|clear|serious|urgent)"
    r"|don['’]t (?:worry|know)|(?:update|report|let you (?:all )?know|keep you (?:posted|updated)|write|post|tell|know)"
    r"[^.;!?\n]{0,60}?\b(?:when|once|if|later|until))\b",
    re.IGNORECASE,
)
# "Resolve failed", "ack when you are back": a verb's name that tells of it, or puts it off.
_TELLS = re.compile(
    r"(?:not|is|isn['’]?t|was|wasn['’]?t|did|didn['’]?t|does|doesn['’]?t|has|hasn['’]?t|can['’]?t|cannot|won['’]?t|never"
    r"|failed|fails|button|link|yet)(?![\w'’])",
    re.IGNORECASE,
)
_PUTS_OFF = re.compile(r"(?:not (?:yet|now)|when|if|unless|until|once|later|tomorrow)(?![\w'’])", re.IGNORECASE)
_NOT_MINE = re.compile(r"(?:no,? )?(?:but )?not (?:me|mine|my|us|ours)(?![\w'’])", re.IGNORECASE)
_EXCEPT = re.compile(
    r"(?:of (?:them|it) )?(?:but|except(?:ing)?|besides?|without|excluding|excl|minus|save|other than|apart from|aside from"
    r"|not|bar)(?![\w'’])",
    re.IGNORECASE,
)


def takes_back(rest: str) -> bool:
    """Whether what follows "got it" says that somebody has not got it, or asks."""
    return _NOT.search(_ALL_THE_SAME.sub("", rest)) is not None


def is_statement(rest: str, *, named: bool, pointed: bool) -> bool:
    """Whether what follows a verb's name shows that it is none to be done now. *named*: incidents stand between them; *pointed*:
    a comma or the like does."""
    rest = rest.lstrip()
    if _NOT_MINE.match(rest):
        return True
    if pointed or _ALL_THE_SAME.match(rest):
        return False
    return _PUTS_OFF.match(rest) is not None or (not named and _TELLS.match(rest) is not None)


def excepts(rest: str) -> bool:
    """Whether what follows "all" takes some of them out again."""
    return _EXCEPT.match(rest) is not None


def takes(text: str) -> bool:
    """Whether *text* says that somebody takes it: whatever follows, where the words are clear, else as all of it."""
    if ON_IT.match(text):
        return True
    plain = TINTS.sub("", text)
    found = SHORT[Verb.ACKNOWLEDGE].match(plain)
    return found is not None and THANKS.fullmatch(plain, found.end()) is not None
