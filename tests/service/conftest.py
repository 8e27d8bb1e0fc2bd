"""A tiny model of random weights, made once a session, and ports to serve it on."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import httpx
import pytest
import torch
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen3Config, Qwen3ForCausalLM

from service.weights.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MODEL_NAME = "tiny"
CONTEXT_TOKENS = 256
_ROOT = Path(__file__).parents[2]
T = TypeVar("T")
_END = "<|endoftext|>"
_LINES = [
    "def fibonacci(n):",
    "    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)",
    "for name, value in sorted(items): print(name, value)",
    "Grüße, 世界! été, naïve, \N{SNOWMAN}",
]


def make_model(folder: Path, *, seed: int = 0) -> Path:
    """A Qwen3-shaped model in Hugging Face layout, with its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=[_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_LINES, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=384,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    # The defaults' small weights make all tokens alike; larger ones make texts that differ.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    model.save_pretrained(folder)
    (folder / MANIFEST_NAME).write_bytes(Manifest.of_folder(folder, name=MODEL_NAME).to_bytes())
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / MODEL_NAME)


class ServiceProcess:
    """``python -m service.<name>`` on ports of the kernel's choice, with its log."""

    def __init__(self, name: str, log: Path, settings: Mapping[str, object]) -> None:
        self._log = log
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MODELFLEET_")}
        environment |= {f"MODELFLEET_{key}": str(value) for key, value in settings.items()}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"service.{name}"], env=environment, cwd=_ROOT, stdout=output, stderr=output
            )

    def events(self) -> list[dict[str, Any]]:
        """The log's whole lines."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]

    def log(self) -> str:
        return self._log.read_text()

    def event(self, name: str) -> dict[str, Any]:
        """The first event of that name, waited for."""

        def found() -> dict[str, Any] | None:
            if self.process.poll() is not None and not any(event["event"] == name for event in self.events()):
                raise AssertionError(f"ended with {self.process.returncode} before {name!r}: {self.log()[-3000:]}")
            return next((event for event in self.events() if event["event"] == name), None)

        return eventually(found)

    @property
    def port(self) -> int:
        return self.event("listening")["port"]

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def metric(self, name: str) -> float:
        """The sum of a metric's samples over all labels."""
        lines = httpx.get(self.url("/metrics")).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " ")))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def eventually(condition: Callable[[], T | None], timeout_s: float = 180) -> T:
    """Waits until the condition gives something true."""
    give_up = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > give_up:
            raise AssertionError("did not happen in time")
        time.sleep(0.02)
    return found


class StartService(Protocol):
    def __call__(self, name: str, **settings: object) -> ServiceProcess: ...


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    started: list[ServiceProcess] = []

    def start(name: str, **settings: object) -> ServiceProcess:
        settings = {"HOST": "127.0.0.1", "PORT": 0, **settings}
        started.append(ServiceProcess(name, tmp_path / f"{name}-{len(started)}.log", settings))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def server(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A model server that all tests share; ready."""
    settings = {
        "HOST": "127.0.0.1",
        "PORT": 0,
        "MODEL_URI": model_folder.as_uri(),
        "MAX_BODY_BYTES": 200_000,
        "MAX_RUNNING": 4,
        "BODY_TIMEOUT_S": 5,
    }
    process = ServiceProcess("server", tmp_path_factory.mktemp("server") / "log", settings)
    try:
        process.event("ready")
        yield process
    finally:
        process.close()


class Certificate(NamedTuple):
    """A server's certificate, signed by a CA of its own."""

    cert: Path
    key: Path
    ca: Path


def make_certificate(folder: Path, name: str = "localhost") -> Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)

    def build(subject: str, issuer: str, public: Any, signer: Any, *, ca: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if not ca:
            names = [x509.DNSName(subject), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = build("test CA", "test CA", ca_key.public_key(), ca_key, ca=True)
    certificate = build(name, "test CA", key.public_key(), ca_key, ca=False)
    made = Certificate(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    made.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))
