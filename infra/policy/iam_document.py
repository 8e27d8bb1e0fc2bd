"""AWS policy documents, statement by statement.

Their grammar: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
"""

from collections.abc import Iterator
from typing import Final

from infra.policy.inputs import Inputs

_SAYS_WHO: Final = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
        "aws:principalservicename", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceorgid",
        "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "kms:calleraccount",
        "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
    }
)  # fmt: skip
"""Condition keys that leave only some of everybody. Any other (TLS, a user agent, a date) leaves everybody
(docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html, "The meaning of public")."""
_COMPARES: Final = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
)
_ANY_ADDRESS: Final = frozenset({"0.0.0.0/0", "::/0"})


def statements(inputs: Inputs, path: str) -> Iterator[Inputs]:
    """Yield the statements of the documents at a path.

    Raises:
        NotKnownYetError: a document isn't known yet.
    """
    for document in inputs.documents(path):
        yield from document.blocks("Statement")


def allows(statement: Inputs) -> bool:
    """Tell whether a statement grants something."""
    return statement.text("Effect") == "Allow"


def principals(statement: Inputs) -> list[str]:
    """Give the AWS principals of a statement; `*` is everybody."""
    return [str(value) for path in ("Principal", "Principal.AWS") for value in statement.known(path) if _is_text(value)]


def allows_everybody(statement: Inputs) -> bool:
    """Tell whether a statement grants something to everybody, with no condition that says whom.

    One that grants by `NotPrincipal` grants to everybody but those.
    """
    everybody = "*" in principals(statement) or statement.given("NotPrincipal")
    return allows(statement) and everybody and not _names_holders(statement)


def _names_holders(statement: Inputs) -> bool:
    for condition in statement.blocks("Condition"):
        for operator in condition.names():
            # Operators that end in IfExists hold where the key is missing, so they name nobody.
            if operator.lower().removeprefix("foranyvalue:") not in _COMPARES:
                continue
            for compared in condition.blocks(operator):
                if any(key.lower() in _SAYS_WHO and _all_fixed(compared, key) for key in compared.names()):
                    return True
    return False


def _all_fixed(compared: Inputs, key: str) -> bool:
    values = [str(value) for value in compared.property(key)]
    return all(value.strip("*?") and value not in _ANY_ADDRESS for value in values) and bool(values)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
