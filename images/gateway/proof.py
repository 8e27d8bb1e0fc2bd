# ruff: noqa: INP001 - a program of a build stage, no module of a package
"""Runs while the gateway's image is built: imports what the gateway imports, and is compiled along with it."""

import importlib
import ssl

_NEEDED = (
    "fastapi",
    "h2.connection",
    "httptools",
    "httpx",
    "prometheus_client",
    "pydantic_settings",
    "structlog",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)

for name in _NEEDED:
    importlib.import_module(name)
if not ssl.create_default_context().get_ca_certs():
    raise SystemExit("the base image has no certificates")
