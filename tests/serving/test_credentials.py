"""The init container before a store that asks who it is: what it shows, to whom, and what it says if refused."""

import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from contender_serving import bundle
from contender_serving.failures import Failure, Reason
from contender_serving.fetch import download, fetch
from contender_serving.settings import FetchSettings, fetch_settings
from tests.serving.origin import Origin

BASIC = "Basic cmVhZGVyOnDDpHNz"  # reader:päss
AUTHORITY = trustme.CA()
CLIENT = AUTHORITY.issue_cert("fetch@contender")


def certificates() -> Mapping[str, bytes]:
    """The three TLS keys of a Secret whose holder the stores of these tests know."""
    return {
        "ca.crt": AUTHORITY.cert_pem.bytes(),
        "tls.crt": CLIENT.cert_chain_pems[0].bytes(),
        "tls.key": CLIENT.private_key_pem.bytes(),
    }


def context(*, asks: bool = False) -> ssl.SSLContext:
    """Of a store with a certificate of our authority; `asks` its clients for one too."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(made)
    if asks:
        AUTHORITY.configure_trust(made)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", ())


@pytest.fixture
def vault(tmp_path: Path, volumes: Callable[[str], Path]) -> Iterator[Origin]:
    """An https store with a good bundle."""
    shutil.copytree(volumes("good_v1") / "bundle", tmp_path / "vault")
    with Origin(tmp_path / "vault", context()) as running:
        yield running


@pytest.fixture
def walled(vault: Origin) -> Iterator[Origin]:
    """A store over the same folder that asks for a client certificate."""
    with Origin(vault.folder, context(asks=True)) as running:
        yield running


def settings(tmp_path: Path, store: Origin, secret: Mapping[str, bytes]) -> FetchSettings:
    (tmp_path / "secret").mkdir(exist_ok=True)
    for name, value in secret.items():
        (tmp_path / "secret" / name).write_bytes(value)
    return fetch_settings(
        {
            "CONTENDER_MODEL_URI": store.uri,
            "CONTENDER_MODEL_DIGEST": bundle.read(store.folder).digest,
            "CONTENDER_MODEL_DIR": str(tmp_path / "volume"),
            "CONTENDER_SECRET_NAME": "store-login",
            "CONTENDER_SECRET_DIR": str(tmp_path / "secret"),
        }
    )


def refused(wanted: FetchSettings) -> Failure:
    with pytest.raises(Failure) as caught:
        fetch(wanted)
    return caught.value


@pytest.mark.parametrize(
    ("secret", "login"),
    [
        pytest.param({"username": b"reader", "password": "päss".encode()}, BASIC, id="password"),
        pytest.param({"username": b"reader\n", "password": "päss\r\n".encode()}, BASIC, id="with line breaks"),
        pytest.param({"token": b"abc.def"}, "Bearer abc.def", id="token"),
    ],
)
def test_a_store_is_shown_what_it_asks_for(
    vault: Origin, tmp_path: Path, secret: Mapping[str, bytes], login: str
) -> None:
    vault.login = login

    folder = fetch(settings(tmp_path, vault, {**secret, "ca.crt": AUTHORITY.cert_pem.bytes()}))

    bundle.verify(bundle.read(folder), bundle.read(vault.folder).digest)


def test_a_store_that_asks_for_a_certificate_gets_it(walled: Origin, tmp_path: Path) -> None:
    folder = fetch(settings(tmp_path, walled, certificates()))

    bundle.verify(bundle.read(folder), bundle.read(walled.folder).digest)


def test_without_a_certificate_such_a_store_lets_nobody_in(walled: Origin, tmp_path: Path) -> None:
    failure = refused(settings(tmp_path, walled, {"ca.crt": AUTHORITY.cert_pem.bytes()}))

    assert failure.reason is Reason.MODEL_UNREADABLE


def test_an_authority_that_nobody_vouches_for_is_not_trusted(vault: Origin, tmp_path: Path) -> None:
    failure = refused(settings(tmp_path, vault, {"token": b"abc"}))

    assert failure.reason is Reason.MODEL_UNREADABLE
    assert "ca.crt" in failure.message
    assert vault.shown == []


def test_where_a_store_sends_us_on_to_another_host_nothing_is_shown(
    vault: Origin, origin: Origin, tmp_path: Path
) -> None:
    shutil.copytree(vault.folder, origin.folder, dirs_exist_ok=True)
    vault.redirect, vault.login = origin.uri, "Bearer abc"

    fetch(settings(tmp_path, vault, {"token": b"abc", "ca.crt": AUTHORITY.cert_pem.bytes()}))

    assert set(vault.shown) == {"Bearer abc"}
    assert set(origin.shown) == {None}


def test_a_login_that_is_refused_names_the_secret_and_not_what_is_in_it(vault: Origin, tmp_path: Path) -> None:
    vault.login = BASIC

    failure = refused(settings(tmp_path, vault, {"token": b"s3cret", "ca.crt": AUTHORITY.cert_pem.bytes()}))

    assert failure.reason is Reason.MODEL_UNREADABLE
    assert "401" in failure.message
    assert "mend Secret store-login" in failure.message
    assert "s3cret" not in failure.message


def test_nothing_is_shown_to_a_store_without_tls(vault: Origin, origin: Origin, tmp_path: Path) -> None:
    shutil.copytree(vault.folder, origin.folder, dirs_exist_ok=True)

    failure = refused(settings(tmp_path, origin, {"token": b"abc"}))

    assert failure.reason is Reason.SECRET_UNUSABLE
    assert "https://" in failure.message
    assert origin.asked == []


@pytest.mark.parametrize(
    ("secret", "mend"),
    [
        pytest.param({}, "create it in this namespace with token, or username and password", id="missing"),
        pytest.param({".dockerconfigjson": b"{}"}, "create it in this namespace with token", id="of another kind"),
        pytest.param({"username": b"reader"}, "only one of username and password: give it both", id="no password"),
        pytest.param({"tls.crt": b"x"}, "only one of tls.crt and tls.key: give it both", id="no key"),
        pytest.param({"token": b"a", "username": b"b", "password": b"c"}, "leave one of them out", id="two logins"),
        pytest.param({"token": b"\n"}, "empty or of more than one line", id="empty"),
        pytest.param({"token": b"a\nX-Evil: 1"}, "empty or of more than one line", id="breaks out"),
        pytest.param({"token": b"\xff"}, "write it as UTF-8", id="no text"),
        pytest.param({"ca.crt": b"none"}, "cannot be read", id="no certificate"),
        pytest.param({"tls.crt": b"none", "tls.key": b"none"}, "PEM without a password", id="no key in the key"),
    ],
)
def test_a_secret_that_cannot_be_used_says_what_to_put_into_it(
    vault: Origin, tmp_path: Path, secret: Mapping[str, bytes], mend: str
) -> None:
    failure = refused(settings(tmp_path, vault, secret))

    assert failure.reason is Reason.SECRET_UNUSABLE
    assert "Secret store-login" in failure.message
    assert mend in failure.message
    assert vault.asked == []


def test_a_secret_that_is_mended_is_read_by_the_next_try(vault: Origin, tmp_path: Path) -> None:
    vault.login = "Bearer right"
    wanted = settings(tmp_path, vault, {"token": b"wrong", "ca.crt": AUTHORITY.cert_pem.bytes()})
    refused(wanted)
    (tmp_path / "secret" / "token").write_bytes(b"right")

    assert fetch(wanted).is_dir()
