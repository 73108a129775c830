"""The example of RFC 8291, section 5: byte for byte."""

from __future__ import annotations

import base64

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.channels.push_encryption import encrypt

BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SAID = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_the_standard() -> None:
    ours = ec.derive_private_key(int.from_bytes(raw(SENDER), "big"), ec.SECP256R1())
    auth, salt = raw("BTBZMqHH6r4Tts7J_aSIgg"), raw("DGv6ra1nlYgDCS1FRnbzlw")
    said = encrypt(b"When I grow up, I want to be a watermelon", raw(BROWSER), auth, salt=salt, ours=ours)
    assert said == raw(SAID)


def test_every_message_has_a_key_and_salt_of_its_own() -> None:
    auth = raw("BTBZMqHH6r4Tts7J_aSIgg")
    browser = ec.derive_private_key(
        int.from_bytes(raw("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big"), ec.SECP256R1()
    )
    one, two = (encrypt(b"same", raw(BROWSER), auth) for _ in range(2))
    assert one[:16] != two[:16] and one[21:86] != two[21:86]
    assert [http_ece.decrypt(said, private_key=browser, auth_secret=auth) for said in (one, two)] == [b"same"] * 2
