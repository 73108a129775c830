"""The person's own text in a mail: without quotations, signatures and banners of mail servers. Pure."""

from __future__ import annotations

import re

from aiops.kernel.text import is_blank, seen
from notifications.replies import commands, phrases

LONGEST = 20_000  # characters of an answer
LINES = 2000
WRAPPED = 64  # characters of a line that may have been wrapped, with the word that follows
LINE = 600  # characters of a line that are looked at

_WROTE = (
    r"wrote|writes|schrieb|écrit|ecrit|escribió|escribio|ha scritto|scrive|escreveu|schreef|skrev|napisał\(a\)|napisał"
    r"|napsal\(a\)|napsal|írta|пишет|писал\(а\)|написал|пише|kirjoitti|yazdı|a scris|έγραψε|写道|寫道|さんは書きました|작성"
)
_FROM = (
    r"From|Von|De|Da|Van|Fra|Från|Od|Expéditeur|Mittente|Remitente|Lähettäjä|Kimden|Feladó|От|Від"
    r"|发件人|寄件者|差出人|보낸 사람"
)
_SENT = (
    r"Sent|Date|Gesendet|Datum|Envoyé|Enviado|Enviada em|Fecha|Data|Inviato|Verzonden|Sendt|Skickat|Dato|Wysłano|Odesláno"
    r"|Lähetetty|Gönderilme|Küldve|Отправлено|Дата|To|An|À|Para|A|Aan|Til|Till|发送时间|日期|送信日時|보낸 날짜"
)
# Where an earlier mail, or the signature, begins: the marks of the common mail programs.
_CUT = re.compile(
    r"^(?:"
    r"(?:--|—)\s?$"
    r"|_{5,}\s*$"
    r"|-{2,}\s*\S.{0,300}-{2,}$"  # -----Original Message-----, in any language
    r"|Sent from |Get Outlook for |Von meinem \w+ gesendet|Gesendet (?:von|mit) |Envoyé (?:de|depuis|à partir) "
    r"|Enviado (?:desde|do|de) |Inviato da |Ver(?:stuurd|zonden) vanaf |Skickat från |Sendt fra |Wysłane z |Odesláno z "
    r"|Отправлено (?:с|из) |Lähetetty "
    r"|(?:Or |To answer for all \d+, )?reply to this mail with\b|ack, resolve, snooze\b"  # our own words
    r")",
    re.IGNORECASE,
)
_FROM_LINE = re.compile(rf"^[*_]?(?:{_FROM})\s?[:：][*_]?\s?\S", re.IGNORECASE)
_SENT_LINE = re.compile(rf"^[*_]?(?:{_SENT})\s?[:：]", re.IGNORECASE)
# "On Thu, 19 Mar 2026 at 14:30, NOC <noc@…> wrote:", and what other programs and languages make of it.
_ON = re.compile(r"^(?:On|Am|Le|El|Il|Op|Em|Den|Dne|W dniu|Pe|Στις|Vào)\s", re.IGNORECASE)
_WHEN = re.compile(r"\d{4}|\d[:.h]\d\d|@")
_WROTE_END = re.compile(rf"(?:{_WROTE})\s?[:：]?$", re.IGNORECASE)
_GREETING = re.compile(
    r"^(?:hi|hiya|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day)|hallo|guten (?:tag|morgen|abend)|moin|servus"
    r"|liebe[rs]?|sehr geehrte[rs]?|bonjour|bonsoir|salut|hola|buenas|buenos|estimad[oa]s?|ciao|buongiorno|salve|olá|oi|bom dia"
    r"|hej|hei|goddag|beste|geachte|witam|cześć|dzień dobry|ahoj|dobrý den|привет|здравствуйте|добрый|merhaba|你好|您好)\b"
    r"[^.?\n]{0,60}[,.!:;…]?$",
    re.IGNORECASE,
)
# What mail servers and offices write above a mail.
_BANNER = re.compile(
    r"^\W{0,10}(?:\[?\s?ext(?:ern(?:al|e|o|a)?)?\s?[\]:]|external\b"
    r"|(?:caution|warning|attention|achtung|vorsicht|alert|notice)\b\s?[:!\]]"
    r"|(?:this|the) (?:e-?mail|message|sender)\b|diese (?:e-?mail|nachricht)\b|ce (?:message|courriel)\b"
    r"|este (?:mensaje|correo|e-?mail)\b"
    r"|you don['’]t often get |some people who received |sie erhalten nicht |do not click |be careful |think before "
    r"|originated from outside|learn why this is important|zjqcmqryfpfpt)",
    re.IGNORECASE,
)


# "NOC," alone in its line.
_NAMED = re.compile(r"^\w[\w.'’-]{0,30}(?: (?:team|all|folks))?,$")


def answer(text: str) -> str:
    """What was written: *text* up to the first quoted line or the signature; where it begins with what was quoted, what stands
    below that."""
    plain = text.replace("\0", "").replace("\N{NO-BREAK SPACE}", " ").removeprefix("\ufeff")
    lines = [line.rstrip() for line in plain.splitlines()[:LINES]]
    marks = _marks(lines)
    first = next((place for place, mark in enumerate(marks) if mark), len(lines))
    above = _text(lines[:first])
    if above or not _below_is_text(marks, first):
        return above
    last = max(place for place, mark in enumerate(marks) if mark == ">")
    last = _with_wrapped(lines, last)
    end = next((place for place in range(last + 1, len(lines)) if marks[place]), len(lines))
    return _text(lines[last + 1 : end])


def beginning(text: str) -> str:
    """*text* from its first line that says something: without banners and greetings above, unless nothing would be left."""
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        if _BANNER.match(line[:LINE]):
            # A banner is a paragraph, but nobody promises a blank line below it.
            while place < len(lines) and not is_blank(lines[place]) and not commands.parse(lines[place]).understood:
                place += 1
        elif is_blank(line) or (_greets(line[:LINE]) and not commands.parse(line).understood):
            place += 1
        else:
            break
    return "\n".join(lines[place:]).strip()


def _greets(line: str) -> bool:
    return bool(_GREETING.match(line) or (_NAMED.match(line) and not phrases.takes_back(line)))


def without_banner(text: str) -> str:
    """*text* for a note: what somebody wrote, their greeting too."""
    paragraphs = text.split("\n\n")
    while len(paragraphs) > 1 and _BANNER.match(paragraphs[0].strip()[:LINE]):
        paragraphs.pop(0)
    return "\n\n".join(paragraphs).strip()


def _marks(lines: list[str]) -> list[str]:
    """For each line ">" where it is quoted, "-" where something is cut, "" where it is text."""
    bare = [seen(line[:LINE]).strip(" \t\u200e\u200f") for line in lines]
    return [
        ">" if line.startswith((">", "|>", "＞")) else "-" if _is_cut(line, below) else ""
        for line, below in zip(bare, [*bare[1:], ""], strict=False)
    ]


def _is_cut(line: str, below: str) -> bool:
    if _CUT.match(line) or _says_who_wrote(line):
        return True
    if _FROM_LINE.match(line) and ("@" in line or _SENT_LINE.match(below)):
        return True
    if _SENT_LINE.match(line) and _FROM_LINE.match(below):
        return True
    return bool(_ON.match(line)) and _says_who_wrote(f"{line} {below}")  # wrapped before "wrote:"


def _says_who_wrote(line: str) -> bool:
    ends = line.endswith((":", "："))
    if not _WHEN.search(line) or not (ends or _WROTE_END.search(line[-30:])):
        return False
    return bool(_ON.match(line) or _WROTE_END.search(line[-30:])) or (ends and "@" in line)


def _below_is_text(marks: list[str], first: int) -> bool:
    """Whether an answer may stand below the quotation: where each quoted line is marked as one."""
    return ">" in marks[first : first + 4]


def _with_wrapped(lines: list[str], last: int) -> int:
    """The end of the quotation whose last marked line is *last*: programs that wrap long lines leave their rest unmarked."""
    while last + 1 < len(lines) and lines[last + 1]:
        if len(lines[last]) + len(lines[last + 1].split(" ")[0]) < WRAPPED:
            break
        last += 1
    return last


def _text(lines: list[str]) -> str:
    clean = "\n".join(lines).strip().encode("utf-8", "replace").decode()
    return "" if is_blank(clean) else clean[:LONGEST]
