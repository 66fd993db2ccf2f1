"""The certificate that headquarters shows to stations: its own, with no end of life.

A station believes this one certificate and no authority, because it came with the enrolment (:mod:`sync.exchange.
transport`). So nothing is gained by an end, and a station whose clock lost its battery must not be shut out by one: the
certificate is good from 1970 to the last instant that X.509 knows, which stands for "no well-defined end" (RFC 5280,
section 4.1.2.5). Keys are P-256, which every TLS library has.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.exchange.disk import LOCAL, translated, write_whole

#: Where certificate and key are, in the folder of a headquarters.
CERTIFICATE: Final = "tls/certificate.pem"
PRIVATE_KEY: Final = "tls/key.pem"

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def make_certificate(folder: Path, names: Iterable[str]) -> str:
    """A new key and certificate for these names and addresses, on the disk when this returns; answers the PEM.

    Raises :class:`~sync.exchange.disk.ExchangeError`.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tram Sach headquarters")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    known = dict.fromkeys([*names, "localhost", "127.0.0.1"])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST)
        .not_valid_after(_LAST)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in known]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    with translated(folder):
        LOCAL.make_folder((folder / PRIVATE_KEY).parent)
    write_whole(LOCAL, folder / PRIVATE_KEY, private)
    write_whole(LOCAL, folder / CERTIFICATE, public)
    return public.decode("ascii")


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))
