"""Every kind's address has one form, and what is none is refused naming the field."""

from __future__ import annotations

import json

import pytest

from aiops.kernel.errors import InvalidInput
from notifications.channels import CHANNELS, webpush
from notifications.channels.smtp import settings_of_url
from notifications.choices import ChannelKind
from notifications.delivery.services.providers import check_settings
from tests.receivers import Receivers

GOOD = [
    (ChannelKind.WEBHOOK, " HTTPS://Hooks.example.com/in?x=1#frag ", "https://Hooks.example.com/in?x=1"),
    (ChannelKind.WEBHOOK, "http://10.0.0.1:8080/in", "http://10.0.0.1:8080/in"),  # judged when it is called
    (ChannelKind.SLACK, "noc", "#noc"),
    (ChannelKind.SLACK, "#noc-alerts_1", "#noc-alerts_1"),
    (ChannelKind.SLACK, "C0123456789", "C0123456789"),
    (ChannelKind.SLACK, "U0123456789", "U0123456789"),
    (ChannelKind.SLACK, "https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com/services/T/B/x"),
    (ChannelKind.TELEGRAM, "-1001234567890", "-1001234567890"),
    (ChannelKind.TELEGRAM, "@noc_channel", "@noc_channel"),
    (ChannelKind.PAGERDUTY, " 0123456789abcdef0123456789abcdef ", "0123456789abcdef0123456789abcdef"),
    (ChannelKind.OPSGENIE, "00000000-1111-2222-3333-444444444444", "00000000-1111-2222-3333-444444444444"),
    (ChannelKind.SMS, "+49 (30) 123-456", "+4930123456"),
    (ChannelKind.VOICE, "0049 30 123456", "+4930123456"),
    (ChannelKind.SMS, "+44 (0)20 7946 0958", "+442079460958"),  # a trunk zero is not dialled from abroad
    (ChannelKind.SMS, "+49 (0)30 123456", "+4930123456"),
    (ChannelKind.VOICE, "0049 (0)30 123-456", "+4930123456"),
    (ChannelKind.VOICE, "+41 (0)44 668 18 00", "+41446681800"),
    (ChannelKind.SMS, "+33 (0) 1 42 68 53 00", "+33142685300"),
    (ChannelKind.SMS, "+81 (0)3-1234-5678", "+81312345678"),
    (ChannelKind.SMS, "+7 8 495 123-45-67", "+74951234567"),  # Russia's is an eight
    (ChannelKind.SMS, "+39 06 698 12345", "+390669812345"),  # Italy dials its zero
    (ChannelKind.SMS, "+225 07 01 02 03 04", "+2250701020304"),  # so does Ivory Coast
    (ChannelKind.SMS, "(+44) 20 7946 0958", "+442079460958"),
    (ChannelKind.SMS, "tel:+49\u201030\u2011123456", "+4930123456"),
    (ChannelKind.SMS, "\u202a+49\u00a030 123456\u202c", "+4930123456"),  # pasted from a contact
    (ChannelKind.SMS, "+1 (555) 000-1111", "+15550001111"),
    (ChannelKind.EMAIL, " Ana.B@Example.COM ", "Ana.B@example.com"),
    (ChannelKind.EMAIL, "noc@bücher.example", "noc@xn--bcher-kva.example"),
    (ChannelKind.APPRISE, "ntfys://ntfy.sh/topic", "ntfys://ntfy.sh/topic"),
    (ChannelKind.LOG, "", "paging"),
]
BAD = [
    (ChannelKind.WEBHOOK, "ftp://example.com/"),
    (ChannelKind.WEBHOOK, "https://user:pw@example.com/"),
    (ChannelKind.WEBHOOK, "https://example.com/a b"),
    (ChannelKind.WEBHOOK, "https://exa\r\nmple.com/"),
    (ChannelKind.WEBHOOK, "https://"),
    (ChannelKind.WEBHOOK, "https://[::1"),
    (ChannelKind.WEBHOOK, "https://example.com:99999/"),
    (ChannelKind.WEBHOOK, "https://example.com\\@evil.example/"),
    (ChannelKind.WEBHOOK, f"https://example.com/{'x' * 2001}"),
    (ChannelKind.SLACK, ""),
    (ChannelKind.SLACK, "two words"),
    (ChannelKind.SLACK, "<!channel>"),
    (ChannelKind.TELEGRAM, "noc"),
    (ChannelKind.TELEGRAM, "٤٢x"),
    (ChannelKind.PAGERDUTY, "0123"),
    (ChannelKind.OPSGENIE, "key with blanks and more of them"),
    (ChannelKind.SMS, "030 123456"),
    (ChannelKind.SMS, "+49"),
    (ChannelKind.SMS, "+٤٩٣٠١٢٣٤٥٦"),
    (ChannelKind.VOICE, "+1555000666677778888"),
    (ChannelKind.SMS, "+999 30 123456"),
    (ChannelKind.SMS, "+1 555 000 1111 ext. 5"),
    (ChannelKind.SMS, "+4930123456abc"),
    (ChannelKind.SMS, "+44 20"),
    (ChannelKind.SMS, "+1 555 000 111"),
    (ChannelKind.SMS, "+44" + " (0)" * 5000),
    (ChannelKind.EMAIL, "ana"),
    (ChannelKind.EMAIL, "ana@example.com\r\nBcc: x@example.com"),
    (ChannelKind.EMAIL, "a@b@example.com, c@example.com"),
    (ChannelKind.EMAIL, "jürgen@example.com"),
    (ChannelKind.EMAIL, f"{'x' * 250}@example.com"),
    (ChannelKind.WEBPUSH, "{}"),
    (ChannelKind.WEBPUSH, "https://push.example.com/x"),
    (ChannelKind.WEBPUSH, '{"endpoint": "https://push.example.com", "keys": {"auth": "AAAA", "p256dh": "AAAA"}}'),
    (ChannelKind.APPRISE, "example.com"),
    (ChannelKind.APPRISE, "nosuchscheme://example.com"),
    (ChannelKind.APPRISE, "json://"),
    (ChannelKind.LOG, "a\nb"),
]


@pytest.mark.parametrize(("kind", "given", "kept"), GOOD)
def test_an_address_has_one_form(kind: ChannelKind, given: str, kept: str) -> None:
    check = CHANNELS[kind].check_address
    assert check(given) == kept
    assert check(kept) == kept


@pytest.mark.parametrize(("kind", "given"), BAD)
def test_what_is_no_address_is_refused_by_name(kind: ChannelKind, given: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        CHANNELS[kind].check_address(given)
    assert refusal.value.field == "address" and refusal.value.message.startswith("address: ")


def test_a_subscription_is_kept_without_what_the_browser_adds(receivers: Receivers) -> None:
    given = {**receivers.push.subscription, "extra": 1}
    given["keys"] = {name: f"{value}==" for name, value in given["keys"].items()}
    kept = CHANNELS[ChannelKind.WEBPUSH].check_address(json.dumps(given))
    assert json.loads(kept) == {
        "endpoint": given["endpoint"],
        "keys": receivers.push.subscription["keys"],
    }


SETTINGS = [
    (ChannelKind.EMAIL, "port", "0587", "587"),
    (ChannelKind.EMAIL, "port", "70000", None),
    (ChannelKind.EMAIL, "port", "smtp", None),
    (ChannelKind.EMAIL, "security", "TLS", "tls"),
    (ChannelKind.EMAIL, "security", "ssl", None),
    (ChannelKind.EMAIL, "sender", "NOC <noc@Example.com>", "NOC <noc@example.com>"),
    (ChannelKind.EMAIL, "sender", "NOC", None),
    (ChannelKind.EMAIL, "sender", "NOC <noc@example.com>\r\nBcc: x@y.z", None),
    (ChannelKind.EMAIL, "inbound_domain", "In.example.com", "in.example.com"),
    (ChannelKind.EMAIL, "inbound_domain", "", ""),
    (ChannelKind.EMAIL, "inbound_domain", "not a domain", None),
    (ChannelKind.SLACK, "base_url", "https://slack-gov.com/api", "https://slack-gov.com/api/"),
    (ChannelKind.SLACK, "base_url", "slack-gov.com", None),
    (ChannelKind.TELEGRAM, "token", "123456789:AAEabcdefghijklmnopqrst", "123456789:AAEabcdefghijklmnopqrst"),
    (ChannelKind.TELEGRAM, "token", "../../evil", None),
    (ChannelKind.SMS, "sender", "+15550006666", "+15550006666"),
    (ChannelKind.SMS, "sender", "not a sender at all", None),
    (ChannelKind.SMS, "sender", "+44 (0)20 7946 0958", "+442079460958"),
    (ChannelKind.SMS, "sender", "ACME NOC", "ACME NOC"),
    (ChannelKind.SMS, "sender", "12345", "12345"),
    (ChannelKind.SMS, "sender", "MG" + "0" * 32, "MG" + "0" * 32),
    (ChannelKind.SMS, "sender", "123456789012", None),
    (ChannelKind.VOICE, "sender", "+44 (0)20 7946 0958", "+442079460958"),
    (ChannelKind.VOICE, "sender", "ACME NOC", None),
    (ChannelKind.VOICE, "sender", "12345", None),
    (ChannelKind.VOICE, "sender", "MG" + "0" * 32, None),
    (ChannelKind.PAGERDUTY, "base_url", "https://events.eu.pagerduty.com", "https://events.eu.pagerduty.com"),
    (ChannelKind.WEBPUSH, "contact", "noc@example.com", None),
    (ChannelKind.WEBPUSH, "contact", "mailto:noc@example.com", "mailto:noc@example.com"),
]


def account(kind: ChannelKind) -> dict[str, str]:
    """The settings of an account that are needed."""
    sender = "noc@example.com" if kind == ChannelKind.EMAIL else "+15550006666"
    good = {"sender": sender, "token": "123456789:AAEabcdefghijklmnopqrst"}
    return {each.name: good.get(each.name, "x") for each in CHANNELS[kind].settings if each.required}


@pytest.mark.parametrize("kind", [kind for kind, channel in CHANNELS.items() if channel.settings])
def test_a_needed_setting_is_asked_for_and_a_secret_that_is_left_empty_stays(kind: ChannelKind) -> None:
    needed = account(kind)
    for setting in CHANNELS[kind].settings:
        if setting.required and not setting.secret:
            with pytest.raises(InvalidInput) as refusal:
                check_settings(kind, {setting.name: " "}, needed)
            assert refusal.value.field == setting.name
        else:
            kept = check_settings(kind, {setting.name: " "}, needed)[setting.name]
            assert kept == needed.get(setting.name, setting.default)
    with pytest.raises(InvalidInput) as refusal:
        check_settings(kind, {"colour": "red"}, needed)
    assert refusal.value.field == "colour"


@pytest.mark.parametrize(("kind", "name", "given", "kept"), SETTINGS)
def test_settings_have_one_form_too(kind: ChannelKind, name: str, given: str, kept: str | None) -> None:
    if kept is not None:
        assert check_settings(kind, {name: given}, account(kind))[name] == kept
        return
    with pytest.raises(InvalidInput) as refusal:
        check_settings(kind, {name: given}, account(kind))
    assert refusal.value.field == name and refusal.value.message.startswith(f"{name}: ")


def test_a_default_is_a_good_value() -> None:
    for kind, channel in CHANNELS.items():
        for setting in channel.settings:
            if setting.default:
                assert check_settings(kind, {setting.name: ""}, account(kind))[setting.name] == setting.default


def test_keys_are_made_afresh() -> None:
    first, second = webpush.make_settings(), webpush.make_settings()
    assert first.keys() == {"public_key", "private_key"} and first["private_key"] != second["private_key"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com?from=noc@example.com", ("mail.example.com", "587", "starttls", "", "")),
        ("smtps://a%40b:p%3Aw@mail.example.com?from=noc@example.com", ("mail.example.com", "465", "tls", "a@b", "p:w")),
        ("smtp://localhost:25?security=none", ("localhost", "25", "none", "", "")),
    ],
)
def test_the_operators_smtp_server_is_a_url(url: str, expected: tuple[str, ...]) -> None:
    made = settings_of_url(url)
    assert tuple(made[name] for name in ("host", "port", "security", "username", "password")) == expected
