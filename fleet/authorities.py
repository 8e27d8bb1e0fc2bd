"""Where clients on this machine find the private authority that a stack's certificate is under."""

from pathlib import Path

from toolchain.locations import state_dir


def authority_file(stack: str) -> Path:
    """Give where the certificate (PEM) of a stack's authority is, if it has one."""
    return state_dir() / "authorities" / f"{stack}.pem"


def write_authority(stack: str, certificate: str) -> Path:
    """Keep an authority's certificate (PEM) where curl can read it; give the file."""
    file = authority_file(stack)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(certificate, encoding="utf-8")
    return file
