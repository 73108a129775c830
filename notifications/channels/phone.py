"""Phone numbers, senders that can receive replies, and the length of text messages. Pure.

A text is sent in GSM-7 while each of its characters is in that alphabet (160 in one part, 153 in each of several). One
other character makes all of it UCS-2 (70, and 67). So our own words stay inside GSM-7, and typographic marks of
strangers become plain ones.
"""

from __future__ import annotations

import re
from bisect import bisect_right

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from aiops.kernel.errors import InvalidInput
from aiops.kernel.text import seen
from notifications.channels.text import clip

LONGEST = 40  # characters of a number as people write it
LOCAL = 7  # digits that a number has at least where its area may be missing
# Where networks replace the number that a text of another country comes from, so that a reply goes nowhere.
REPLACED = frozenset(
    (
        "AE", "BD", "BY", "CN", "CU", "EG", "ID", "IN", "JO", "KE", "KW", "KZ", "LK", "MA", "MM", "NG", "NP", "OM", "PH", "PK",
        "QA", "RU", "SA", "SG", "TH", "TN", "TR", "TW", "TZ", "UA", "VN",
    )
)  # fmt: skip
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_SHORT_CODE = re.compile(r"\d{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_LOOK = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"), "\u00a0": " ", "\u202f": " "})

_MARKS = dict.fromkeys((0x200E, 0x200F))  # of direction, as contacts are pasted with them

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWO = frozenset("^{}\\[~]|€")  # these take two places
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\t\u00a0\u2002\u2003\u2009\u202f\u3000", " "),
        "…": "...",
        "•": "*",
        "·": "-",
        "→": "->",
        "\u200b": "",
    }
)
PARTS = {True: (160, 153), False: (70, 67)}  # places in a single part, and in each of several; by whether it is GSM-7


def check_number(text: str) -> str:
    """A phone number in E.164, however people write it: a trunk zero goes (Italy's stays), as do blanks, dashes and brackets.

    Raises ``InvalidInput`` with the field ``address`` and what is wrong.
    """
    number = re.sub(r"\s+", " ", seen(text.translate(_LOOK)).translate(_MARKS)).strip().removeprefix("tel:").strip()
    number = re.sub(r"^\(?\s*(?:\+|00)\s*", "+", number)  # 0049, (+49), + 49
    if not number.isascii() or len(number) > LONGEST or re.search(r"[A-Za-z]", number) or not number.startswith("+"):
        raise InvalidInput("address: expected a phone number with its country, such as +4930123456.", field="address")
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        raise InvalidInput(
            "address: no country has a phone number that begins like this; expected one such as +4930123456.",
            field="address",
        ) from None
    found = phonenumbers.is_possible_number_with_reason(parsed)
    if found == ValidationResult.IS_POSSIBLE_LOCAL_ONLY and len(str(parsed.national_number)) >= LOCAL:
        found = ValidationResult.IS_POSSIBLE  # without its area: a code that arrives proves it, or nothing does
    if found == ValidationResult.IS_POSSIBLE and not parsed.extension:
        return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    wrong = "too long" if found == ValidationResult.TOO_LONG else "too short"
    wrong = (
        wrong if found in (ValidationResult.TOO_LONG, ValidationResult.TOO_SHORT) else "not of a length that is used"
    )
    raise InvalidInput(f"address: the phone number is {wrong} for +{parsed.country_code}.", field="address")


def check_sender(text: str) -> str:
    """What a text comes from: a number, a messaging service (MG…), a short code, or a name, to which nobody can answer."""
    sender = text.strip()
    if _SERVICE.fullmatch(sender) or _SHORT_CODE.fullmatch(sender) or _NAME.fullmatch(sender):
        return sender
    try:
        return check_number(sender)
    except InvalidInput as error:
        words = "expected a number such as +15551234567, a messaging service MG…, or a name of at most 11 letters."
        raise InvalidInput(f"sender: {words}", field="sender") from error


def check_caller(text: str) -> str:
    """What a call comes from: only a whole number can call."""
    try:
        return check_number(text)
    except InvalidInput as error:
        words = "a call needs a number such as +15551234567; a messaging service, a short code or a name can't call."
        raise InvalidInput(f"sender: {words}", field="sender") from error


def takes_answers(sender: str, recipient: str) -> bool:
    """Whether a text from *sender* may be answered by *recipient*. Names and short codes are one way; so is a number of another
    country where networks replace it. A messaging service chooses by itself what it sends from."""
    if _SERVICE.fullmatch(sender):
        return True
    if not sender.startswith("+"):
        return False
    ours, theirs = _country(sender), _country(recipient)
    return ours == theirs or theirs not in REPLACED


def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_country_code(phonenumbers.parse(number, None).country_code or 0)
    except NumberParseException:
        return ""


def plain(text: str) -> str:
    """*text* with plain marks for typographic ones if it then fits GSM-7; else as it is, since nothing is gained."""
    made = text.translate(_PLAIN)
    return made if is_gsm(made) else text


def is_gsm(text: str) -> bool:
    """Whether each character of *text* is in the GSM-7 alphabet."""
    return all(letter in _GSM or letter in _GSM_TWO for letter in text)


def places(text: str) -> int:
    """How many places *text* takes: septets of GSM-7, or units of UTF-16."""
    if is_gsm(text):
        return len(text) + sum(letter in _GSM_TWO for letter in text)
    return len(text.encode("utf-16-le")) // 2


def parts(text: str) -> int:
    """How many parts *text* is sent and paid as. A character that takes two places stays in one part."""
    gsm = is_gsm(text)
    single, each = PARTS[gsm]
    if places(text) <= single:
        return 1
    count, used = 1, 0
    for letter in text:
        wide = 1 + (letter in _GSM_TWO if gsm else ord(letter) > 0xFFFF)
        if used + wide > each:
            count, used = count + 1, 0
        used += wide
    return count


def fit_places(text: str, limit: int) -> str:
    """*text* clipped so that it takes at most *limit* places."""
    if places(text) <= limit:
        return text
    longest = bisect_right(range(1, len(text)), limit, key=lambda length: places(clip(text, length)))
    return clip(text, max(1, longest))
