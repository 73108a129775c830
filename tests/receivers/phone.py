"""Twilio, as far as we speak to it: takes messages and calls, reports what became of them, and carries what people answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
from xml.etree import ElementTree

import httpx

from tests.patience import PATIENCE
from tests.receivers.http import Answer, HttpReceiver, Request

ACCOUNT = "AC" + "0" * 32
SENDER = "+15550006666"


# GSM 03.38, by its table; what stands after the bar is written with an escape before it.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = "^{}\\[~]|€"


def segments(text: str) -> int:
    """How many parts a network sends *text* as."""
    if all(letter in BASIC + ESCAPED for letter in text):
        size = sum(2 if letter in ESCAPED else 1 for letter in text)
        return 1 if size <= 160 else -(-size // 153)
    size = len(text.encode("utf-16-be")) // 2
    return 1 if size <= 70 else -(-size // 67)


class TwilioReceiver(HttpReceiver):
    """``/2010-04-01/Accounts/…/Messages.json`` and ``Calls.json``."""

    token = "twilio-auth-token"

    def __init__(self) -> None:
        super().__init__()
        self.unreachable: dict[str, tuple[int, str]] = {
            "+15005550001": (21211, "The 'To' number is not a valid phone number.")
        }
        self.sent: dict[str, dict[str, str]] = {}  # sid → form
        self._numbers = itertools.count(1)

    @property
    def settings(self) -> dict[str, str]:
        return {"account_sid": ACCOUNT, "auth_token": self.token, "sender": SENDER, "base_url": self.url}

    def answer(self, request: Request) -> Answer:
        expected = base64.b64encode(f"{ACCOUNT}:{self.token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return Answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        form = request.form
        if refused := self.unreachable.get(form["To"]):
            return Answer(400, {"code": refused[0], "message": refused[1], "status": 400})
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form["To"]):
            return Answer(400, {"code": 21211, "message": f"The 'To' number {form['To']} is not valid", "status": 400})
        if request.path.endswith("/Messages.json"):
            if not 0 < len(form["Body"]) <= 1600:
                return Answer(
                    400, {"code": 21617, "message": "The message body exceeds the 1600 character limit.", "status": 400}
                )
            parts = segments(form["Body"])
            sid = f"SM{next(self._numbers):032x}"
        else:
            if not re.fullmatch(r"\+[1-9]\d{6,14}", form["From"]):
                return Answer(
                    400, {"code": 21212, "message": f"The 'From' number {form['From']} is not valid", "status": 400}
                )
            if len(form["Twiml"]) > 4000:
                return Answer(400, {"code": 21218, "message": "Invalid TwiML", "status": 400})
            ElementTree.fromstring(form["Twiml"])
            sid = f"CA{next(self._numbers):032x}"
        self.sent[sid] = form
        counted = {"num_segments": str(parts)} if "Body" in form else {}
        return Answer(201, {"sid": sid, "status": "queued", **counted})

    def texts(self, to: str) -> list[str]:
        """The text messages that this phone got."""
        return [form["Body"] for form in self.sent.values() if form["To"] == to and "Body" in form]

    def calls(self, to: str) -> list[str]:
        """The TwiML of the calls that this phone got."""
        return [form["Twiml"] for form in self.sent.values() if form["To"] == to and "Twiml" in form]

    def report(self, sid: str, status: str, *, error_code: str = "") -> httpx.Response:
        """Say to the status callback what became of the message or call."""
        form = self.sent[sid]
        key = "Message" if sid.startswith("SM") else "Call"
        said = {f"{key}Sid": sid, f"{key}Status": status, "To": form["To"], "From": SENDER, "AccountSid": ACCOUNT}
        if error_code:
            said["ErrorCode"] = error_code
        return self.post(form["StatusCallback"], said)

    def reply(self, url: str, phone: str, text: str) -> httpx.Response:
        """Somebody texts our number."""
        form = {"MessageSid": f"SM{next(self._numbers):032x}", "From": phone, "To": SENDER, "Body": text}
        return self.post(url, {**form, "AccountSid": ACCOUNT, "NumMedia": "0"})

    def press(self, sid: str, digit: str) -> httpx.Response:
        """Somebody presses a key during the call: Twilio asks the Gather's action what to do next."""
        gather = ElementTree.fromstring(self.sent[sid]["Twiml"]).find("Gather")
        assert gather is not None, "the call waits for no key"
        form = {"CallSid": sid, "Digits": digit, "To": self.sent[sid]["To"], "From": SENDER, "AccountSid": ACCOUNT}
        return self.post(gather.attrib["action"], form)

    def post(self, url: str, form: dict[str, str], *, token: str = "") -> httpx.Response:
        """Post a form, signed as Twilio signs: HMAC-SHA1 over the URL and the sorted fields."""
        said = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        digest = hmac.new((token or self.token).encode(), said.encode(), hashlib.sha1).digest()
        return httpx.post(
            url, data=form, headers={"X-Twilio-Signature": base64.b64encode(digest).decode()}, timeout=PATIENCE
        )
