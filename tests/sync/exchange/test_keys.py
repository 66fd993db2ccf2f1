"""Keys: nothing opens under another domain, retired keys are good up to their mark, and secrets stay secret."""

import logging
import os
import pickle
import stat
from itertools import pairwise, permutations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.exchange import keyring
from sync.exchange.disk import LOCAL, DiskRefuses, ReadBackDiffers
from sync.exchange.keyring import KeysDamaged, KeysExposed, machine_hint, make_keys, read_keys, read_pins, write_pins
from sync.exchange.keys import Domain, Keys, Pin, Pins, PublicKeys, decrypt_with_any
from sync.exchange.reasons import Reason
from tests.sync.exchange.parties import HQ_KEYS, STATION_KEYS, STRANGER

MESSAGES = st.binary(max_size=200)

# --- signing and encrypting -------------------------------------------------------------------------------------------


def test_no_domain_is_the_beginning_of_another() -> None:
    assert all(domain.value.endswith(b"\0") and domain.value.count(b"\0") == 1 for domain in Domain)
    assert not any(one.value.startswith(other.value) for one, other in permutations(Domain, 2))


@given(MESSAGES, st.sampled_from(Domain), st.sampled_from(Domain))
def test_a_signature_holds_in_its_own_domain_alone(message: bytes, domain: Domain, asked: Domain) -> None:
    signature = STATION_KEYS.sign(domain, message)
    assert STATION_KEYS.public.verify(asked, signature, message) == (asked is domain)
    assert not STRANGER.public.verify(domain, signature, message)
    assert not STATION_KEYS.public.verify(domain, signature, message + b"x")


@given(st.binary(max_size=80))
def test_whatever_is_no_signature_is_none(signature: bytes) -> None:
    assert not STATION_KEYS.public.verify(Domain.BATCH, signature, b"message")


@given(MESSAGES, MESSAGES, st.sampled_from(Domain), st.sampled_from(Domain))
def test_what_is_encrypted_opens_with_its_key_domain_and_context_alone(
    message: bytes, context: bytes, domain: Domain, asked: Domain
) -> None:
    sealed = STATION_KEYS.public.encrypt(domain, context, message)
    assert len(sealed) == len(message) + 48
    assert STATION_KEYS.decrypt(asked, context, sealed) == (message if asked is domain else None)
    assert STATION_KEYS.decrypt(domain, context + b"x", sealed) is None
    assert STRANGER.decrypt(domain, context, sealed) is None
    assert STATION_KEYS.decrypt(domain, context, sealed[:-1]) is None


@given(st.binary(max_size=120))
def test_whatever_was_not_encrypted_opens_to_nothing(sealed: bytes) -> None:
    assert STATION_KEYS.decrypt(Domain.BUNDLE, b"", sealed) is None


def test_what_was_written_to_an_old_key_is_still_read() -> None:
    sealed = STRANGER.public.encrypt(Domain.BUNDLE, b"", b"events")
    assert decrypt_with_any((STATION_KEYS, STRANGER), Domain.BUNDLE, b"", sealed) == b"events"
    assert decrypt_with_any((STATION_KEYS,), Domain.BUNDLE, b"", sealed) is None


def test_keys_that_give_everybody_the_same_secret_are_not_usable() -> None:
    assert STATION_KEYS.public.usable
    weak = PublicKeys(STATION_KEYS.public.sign, bytes(32))
    assert not weak.usable
    with pytest.raises(ValueError, match="shared key"):
        weak.encrypt(Domain.BUNDLE, b"", b"events")


def test_a_fingerprint_can_be_read_aloud_and_is_of_both_keys() -> None:
    prints = {keys.public.fingerprint for keys in (STATION_KEYS, HQ_KEYS, STRANGER)}
    assert len(prints) == 3
    for fingerprint in prints:
        groups = fingerprint.split(" ")
        assert [len(group) for group in groups] == [4] * 6
        assert all(group.isdecimal() for group in groups)
    ours = STATION_KEYS.public
    assert PublicKeys(ours.sign, HQ_KEYS.public.seal).fingerprint not in prints
    assert PublicKeys(HQ_KEYS.public.sign, ours.seal).fingerprint not in prints
    # What two people compared on the telephone years ago still compares.
    assert PublicKeys(b"\1" * 32, b"\2" * 32).fingerprint == "6912 2966 9143 5374 2713 7541"


def test_public_keys_follow_from_the_seeds() -> None:
    # RFC 8032, section 7.1, test 1
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert Keys(seed, bytes(32)).public.sign == public


def test_private_keys_are_in_no_representation_and_do_not_travel() -> None:
    assert repr(STATION_KEYS) == f"{STATION_KEYS}" == f"Keys({STATION_KEYS.public.fingerprint})"
    with pytest.raises(TypeError):
        pickle.dumps(STATION_KEYS)
    with pytest.raises(TypeError):
        msgspec.json.encode(STATION_KEYS)


# --- pins -------------------------------------------------------------------------------------------------------------

GENERATIONS = tuple(Keys(bytes([n]) * 32, bytes([n + 100]) * 32) for n in range(1, 6))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=4).map(sorted), st.integers(0, 120), st.integers(0, 4))
def test_after_any_rotations_a_key_is_good_up_to_its_own_mark(marks: list[int], mark: int, who: int) -> None:
    pins = Pins((Pin(GENERATIONS[0].public),))
    for keys, until in zip(GENERATIONS[1:], marks, strict=False):
        pins = pins.rotate(keys.public, until)
    checked = pins.check(Domain.BATCH, GENERATIONS[who].sign(Domain.BATCH, b"m"), b"m", mark)
    if who > len(marks):
        assert checked is Reason.BAD_SIGNATURE
    elif who == len(marks) or mark <= marks[who]:
        assert checked is None
    else:
        assert checked is Reason.RETIRED_KEY
    assert pins.current == GENERATIONS[len(marks)].public


def test_a_revoked_party_has_no_key_to_write_to_and_keeps_what_it_signed_before() -> None:
    pins = Pins((Pin(STATION_KEYS.public),)).retire(40).retire(90)
    signature = STATION_KEYS.sign(Domain.BATCH, b"m")
    assert pins.current is None
    assert pins.check(Domain.BATCH, signature, b"m", 40) is None
    assert pins.check(Domain.BATCH, signature, b"m", 41) is Reason.RETIRED_KEY
    assert pins.check(Domain.CONTACT, signature, b"m", 40) is Reason.BAD_SIGNATURE


def test_a_key_that_comes_back_is_pinned_once() -> None:
    pins = Pins((Pin(STATION_KEYS.public),)).rotate(STRANGER.public, 10).rotate(STATION_KEYS.public, 20)
    assert pins == Pins((Pin(STATION_KEYS.public), Pin(STRANGER.public, 20)))


# --- in a folder ------------------------------------------------------------------------------------------------------


def test_keys_are_made_once_and_read_back_newest_first(tmp_path: Path) -> None:
    folder = tmp_path / "station" / "keys"
    assert read_keys(folder) == ()
    made = [make_keys(folder) for _ in range(3)]
    assert [keys.public for keys in read_keys(folder)] == [keys.public for keys in reversed(made)]
    assert len({keys.public.fingerprint for keys in made}) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["0001.key", "0002.key", "0003.key"]


@pytest.mark.skipif(os.name != "posix", reason="Windows gives its files owners in another way")
def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    file = tmp_path / "keys" / "0001.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(KeysExposed) as told:
        read_keys(tmp_path / "keys")
    assert "chmod 600" in told.value.phrase.vi


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"sign":"AAAA","seal":"AAAA"}', b"null"])
def test_a_damaged_key_file_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    make_keys(tmp_path)
    (tmp_path / "0001.key").write_bytes(content)
    with pytest.raises(KeysDamaged) as told:
        read_keys(tmp_path)
    assert "0001.key" in str(told.value)
    assert told.value.__cause__ is None


def test_keys_are_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    make_keys(tmp_path)
    seeds = msgspec.json.decode((tmp_path / "0001.key").read_bytes())
    read_keys(tmp_path)
    assert not any(seed in caplog.text for seed in seeds.values())


def test_an_interrupted_writing_of_keys_leaves_the_old_ones(tmp_path: Path) -> None:
    old = make_keys(tmp_path)
    (tmp_path / "0002.TMP").write_bytes(b'{"sign":')
    assert [keys.public for keys in read_keys(tmp_path)] == [old.public]
    make_keys(tmp_path)
    assert len(read_keys(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskRefuses) as told:
        make_keys(tmp_path / "file" / "keys")
    assert told.value.phrase.vi.startswith("Không đọc hoặc ghi được")


def test_a_disk_that_forgets_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOCAL, "read", lambda _path, _most: b"")
    with pytest.raises(ReadBackDiffers):
        make_keys(tmp_path)


def test_pins_are_written_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert read_pins(folder) == Pins()
    pins = Pins((Pin(HQ_KEYS.public),)).rotate(STRANGER.public, 1_803_952_800_000)
    write_pins(folder, pins)
    write_pins(folder, pins)
    assert read_pins(folder) == pins
    (folder / "headquarters.pins").write_bytes(b'{"pins":[{"keys":')
    with pytest.raises(KeysDamaged):
        read_pins(folder)


def test_the_hint_is_of_this_machine_and_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("5c1b9f2e\n")
    monkeypatch.setattr(keyring, "_MACHINE", (machine, tmp_path / "missing"))
    here, there = tmp_path / "here", tmp_path / "there"
    hints = [machine_hint(here), machine_hint(here), machine_hint(there)]
    machine.write_text("another\n")
    hints.append(machine_hint(here))
    assert hints[0] == hints[1]
    assert len(set(hints)) == 3
    assert all(len(hint) == 16 and int(hint, 16) >= 0 for hint in hints)
    assert all("5c1b9f2e" not in one + other for one, other in pairwise(hints))
