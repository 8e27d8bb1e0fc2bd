"""Asks a DNS server until it answers; run inside a cluster's network, where its name service is reachable."""

import secrets
import socket
import struct
import sys
import time

_TRY_S = 0.3
_HEADER = struct.Struct("!6H")
_RECURSION_DESIRED = 0x0100
_RESPONSE_CODE = 0x000F
_ADDRESS_RECORD = 1
_INTERNET = 1


def answers(server: str, name: str, *, timeout_s: float) -> bool:
    """Return whether ``server`` answers a question for the address of ``name`` with at least one (RFC 1035)."""
    identity = secrets.randbelow(1 << 16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = _HEADER.pack(identity, _RECURSION_DESIRED, 1, 0, 0, 0) + labels
    question += b"\0" + struct.pack("!2H", _ADDRESS_RECORD, _INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect((server, 53))
            connection.send(question)
            answer = connection.recv(512)
        except OSError:
            return False
    if len(answer) < _HEADER.size:
        return False
    echoed, flags, _, answer_count, _, _ = _HEADER.unpack_from(answer)
    return echoed == identity and not flags & _RESPONSE_CODE and answer_count > 0


def main() -> None:
    """Ask ``SERVER NAME TIMEOUT_S``; exit with status 0 as soon as it is answered, with 1 if it never is."""
    server, name, timeout_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        begin = time.monotonic()
        if answers(server, name, timeout_s=_TRY_S):
            return
        # A refused question comes back at once; a lost one has waited already.
        time.sleep(max(0.0, _TRY_S - (time.monotonic() - begin)))
    sys.exit(1)


if __name__ == "__main__":
    main()
