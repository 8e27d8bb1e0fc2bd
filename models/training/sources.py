"""Where the training text comes from: Python sources that any machine with this project has, and their licences.

Only the running Python's standard library and permissively licensed packages of the project's own environment
are read. The list is closed on purpose: a package is added by naming it here after its licence was read, never
because it happens to be installed. Packages under MPL, LGPL or EPL (certifi, hypothesis, tqdm, debugpy's
vendored debugger) and machine-made ones (API models, protobuf output) are left out.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sysconfig
from dataclasses import dataclass
from pathlib import Path

# Distribution -> SPDX licence, read from each distribution's metadata and licence file.
PERMISSIVE = {
    "anyio": "MIT",
    "attrs": "MIT",
    "boto3": "Apache-2.0",
    "botocore": "Apache-2.0",
    "cffi": "MIT-0",
    "charset-normalizer": "MIT",
    "click": "BSD-3-Clause",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "dill": "BSD-3-Clause",
    "docker": "Apache-2.0",
    "fastapi": "MIT",
    "filelock": "MIT",
    "Flask": "BSD-3-Clause",
    "fonttools": "MIT",
    "fsspec": "BSD-3-Clause",
    "graphql-core": "MIT",
    "h11": "MIT",
    "h2": "MIT",
    "hpack": "MIT",
    "httpcore": "BSD-3-Clause",
    "httpx": "BSD-3-Clause",
    "huggingface_hub": "Apache-2.0",
    "idna": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "Jinja2": "BSD-3-Clause",
    "joserfc": "BSD-3-Clause",
    "jsonschema": "MIT",
    "markdown-it-py": "MIT",
    "matplotlib": "LicenseRef-matplotlib (PSF-based)",
    "moto": "Apache-2.0",
    "mpmath": "BSD-3-Clause",
    "networkx": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "opentelemetry-sdk": "Apache-2.0",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "pillow": "MIT-CMU",
    "pluggy": "MIT",
    "prometheus_client": "Apache-2.0 AND BSD-2-Clause",
    "pulumi": "Apache-2.0",
    "pycparser": "BSD-3-Clause",
    "pydantic": "MIT",
    "Pygments": "BSD-2-Clause",
    "pyparsing": "MIT",
    "pytest": "MIT",
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",
    "PyYAML": "MIT",
    "referencing": "MIT",
    "requests": "Apache-2.0",
    "responses": "Apache-2.0",
    "rich": "MIT",
    "s3transfer": "Apache-2.0",
    "setuptools": "MIT",
    "six": "MIT",
    "sortedcontainers": "Apache-2.0",
    "starlette": "BSD-3-Clause",
    "structlog": "MIT OR Apache-2.0",
    "sympy": "BSD-3-Clause",
    "torch": "BSD-3-Clause",
    "transformers": "Apache-2.0",
    "triton": "MIT",
    "typer": "MIT",
    "urllib3": "MIT",
    "uvicorn": "BSD-3-Clause",
    "websockets": "BSD-3-Clause",
    "Werkzeug": "BSD-3-Clause",
    "wrapt": "BSD-2-Clause",
    "wsproto": "MIT",
}

STANDARD_LIBRARY_LICENCE = "PSF-2.0"

# Folders whose Python is data (encodings, locale tables), machine-made, written to be odd (fixtures of parsers
# and converters), or somebody else's project under another licence.
SKIPPED_FOLDERS = frozenset(
    {
        "_generated",
        "_vendor",
        "__pycache__",
        "data",
        "encodings",
        "extern",
        "fixtures",
        "generated",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "testing_data",
        "tests",
        "third_party",
        "turtledemo",
        "unicode",
        "vendor",
        "vendored",
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """One distribution (or the standard library) that training text is read from."""

    name: str
    version: str
    licence: str
    """SPDX expression."""
    files: tuple[tuple[str, Path], ...]
    """(stable name such as `networkx/algorithms/dag.py`, where it lies), sorted by name."""


def _wanted(name: str) -> bool:
    parts = name.split("/")
    return name.endswith(".py") and not name.startswith("..") and not SKIPPED_FOLDERS.intersection(parts[:-1])


def standard_library() -> Source:
    """The running interpreter's own library, without its tests."""
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*.py"))
    return Source(
        name="CPython standard library",
        version=platform.python_version(),
        licence=STANDARD_LIBRARY_LICENCE,
        files=tuple(item for item in files if _wanted(item[0])),
    )


def installed_packages() -> list[Source]:
    """Every distribution of `PERMISSIVE` that is installed here, by name. Missing ones are left out."""
    found: list[Source] = []
    for name, licence in sorted(PERMISSIVE.items(), key=lambda item: item[0].lower()):
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        files = sorted(
            (str(entry), Path(str(distribution.locate_file(entry))))
            for entry in distribution.files or []
            if _wanted(str(entry))
        )
        found.append(Source(name, distribution.version, licence, tuple(files)))
    return found


def all_sources() -> list[Source]:
    """The standard library, then the packages; the order decides which of two copies of a text is kept."""
    return [standard_library(), *installed_packages()]
