"""What somebody wrote, without what their mail program and their mail server put around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.replies import quoting
from notifications.replies.commands import parse

QUOTED = "\n> High CPU\n> more"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ack\n\n> High CPU\n> more", "ack"),
        ("ack\r\n\r\nOn Thu, 19 Mar 2026 at 14:30, NOC <noc@example.com> wrote:\r\n> x", "ack"),
        ("ack\n\nOn Thu, 19 Mar 2026 at 14:30, NOC Operations Centre\n<noc@example.com> wrote:\n> x", "ack"),
        ("ack\n\n-----Original Message-----\nFrom: noc", "ack"),
        ("ack\n\n-------- Weitergeleitete Nachricht --------\nx", "ack"),
        ("ack\n\n________________________________\nFrom: NOC", "ack"),
        ("ack\n\nFrom: NOC <noc@example.com>\nSent: today", "ack"),
        ("ack\n\nFrom: NOC\nSent: Thursday\nTo: Ana\nHigh CPU", "ack"),
        ("ack\n\n*Von:* NOC\n*Gesendet:* Donnerstag", "ack"),
        ("ack\n\nDe : NOC\nEnvoyé : jeudi", "ack"),
        ("Gesendet: Donnerstag, 19. März 2026 um 14:30 Uhr\nVon: NOC\nAn: Ana\nHigh CPU", ""),
        ("ack\n\n发件人: NOC\n发送时间: x", "ack"),
        ("ack\n-- \nAna, SRE", "ack"),
        ("ack\n\nSent from my iPhone", "ack"),
        ("ack\u2028\u2028Sent from my iPhone", "ack"),
        ("\ufeffack\x0b> x", "ack"),
        ("ack\n\nVon meinem iPhone gesendet", "ack"),
        ("ack\n\nEnvoyé de mon iPhone", "ack"),
        ("> High CPU\n> more\n\nack\n-- \nAna", "ack"),
        ("On Thu, 19 Mar 2026 at 14:30, NOC <noc@example.com> wrote:\n\n> High CPU\n\nack", "ack"),
        ("On Thu, 19 Mar 2026 at 14:30, NOC Operations Centre\n<noc@example.com> wrote:\n> High CPU\n\nack", "ack"),
        ("> High CPU\nack\n> more\nresolved there", "resolved there"),
        (
            "> High CPU\n> Or reply to this mail, within a week and as text, with one of\nack, resolve, snooze 1h or a note.",
            "",
        ),
        (
            "> High CPU\n> Or reply to this mail, within a week and as text, with one of\nack, resolve or a note.\n\non it",
            "on it",
        ),
        (
            "On my way to the data centre. First finding:\ndisk is full",
            "On my way to the data centre. First finding:\ndisk is full",
        ),
        ("the fix from 2026: it works\nsecond line", "the fix from 2026: it works\nsecond line"),
        ("", ""),
        ("> only quoted", ""),
        ("> Or reply to this mail with\nack, resolve, snooze 1h, escalate or a note.", ""),
        ("\u200b\n\u00a0\n> only quoted", ""),
    ],
)
def test_what_was_quoted_is_cut(text: str, kept: str) -> None:
    assert quoting.answer(text) == kept


@pytest.mark.parametrize(
    "line",
    [
        "Am 19.03.2026 um 14:30 schrieb NOC <noc@example.com>:",
        "NOC <noc@example.com> schrieb am Do., 19. März 2026, 14:30:",
        "Le jeu. 19 mars 2026 à 14:30, NOC <noc@example.com> a écrit :",
        "El jue, 19 mar 2026 a las 14:30, NOC (<noc@example.com>) escribió:",
        "Il giorno gio 19 mar 2026 alle ore 14:30 NOC <noc@example.com> ha scritto:",
        "Em qui., 19 de mar. de 2026 às 14:30, NOC <noc@example.com> escreveu:",
        "Op do 19 mrt 2026 om 14:30 schreef NOC <noc@example.com>:",
        "Den tors 19 mars 2026 kl 14:30 skrev NOC <noc@example.com>:",
        "czw., 19 mar 2026 o 14:30 NOC <noc@example.com> napisał(a):",
        "чт, 19 мар. 2026 г. в 14:30, NOC <noc@example.com>:",
        "在 2026年3月19日，14:30，NOC <noc@example.com> 写道：",
        "2026년 3월 19일 (목) 오후 2:30, NOC <noc@example.com>님이 작성:",
        "\u202bבתאריך יום ה׳, 19 במרץ 2026 ב-14:30 מאת \u202aNOC\u202c\u200f <\u202anoc@example.com\u202c\u200f>:\u202c",
        "---- On Thu, 19 Mar 2026 14:30:00 +0000 NOC Operations Centre of Example <noc@example.com> wrote ----",
        "2026年3月19日(木) 14:30 NOC <noc@example.com>:",
        "19 Mar 2026 Per 14:30 tarihinde NOC <noc@example.com> şunu yazdı:",
    ],
)
def test_the_line_that_says_who_wrote_is_known_in_many_languages(line: str) -> None:
    assert quoting.answer(f"ack\n\n{line}{QUOTED}") == "ack"
    assert quoting.answer(f"{line}{QUOTED}\n\nack") == "ack"


@pytest.mark.parametrize(
    "above",
    [
        "Hi,",
        "Hi all,\n",
        "Hello NOC team!\n\n",
        "Guten Tag,\n",
        "Bonjour,",
        "Good morning",
        "NOC,\n",
        "SRE team,\n",
        "EXTERNAL EMAIL",
        "[EXTERNAL]",
        "CAUTION: This email originated from outside of the organization. Do not click links or open\n"
        "attachments unless you recognize the sender.\n",
        "You don't often get email from ana@example.com. Learn why this is important\n",
        "⚠ Warning: external sender\n\nHi,",
        "ZjQcmQRYFpfptBannerStart\nThis Message Is From an External Sender\n",
    ],
)
def test_greetings_and_banners_stand_above_the_command(above: str) -> None:
    first = quoting.beginning(f"{above}\nack\nAna").partition("\n")[0]
    assert parse(first).understood and first == "ack"


def test_a_greeting_stays_in_a_note_and_a_banner_does_not() -> None:
    assert quoting.without_banner("[EXTERNAL]\n\nHi,\nthe disk is full") == "Hi,\nthe disk is full"
    assert quoting.beginning("Hi Bo, the disk is full. Again.") == "Hi Bo, the disk is full. Again."
    assert quoting.beginning("Hi,") == ""


@given(st.text(max_size=200))
def test_whatever_was_written_is_cut_somewhere(text: str) -> None:
    quoting.answer(text)
    quoting.beginning(text)
    quoting.without_banner(text)
