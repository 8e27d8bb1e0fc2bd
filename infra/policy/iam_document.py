"""AWS policy documents, statement by statement.

Their grammar: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
"""

from collections.abc import Iterator

from infra.policy.inputs import Inputs


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
    """Tell whether a statement grants something to everybody, with no condition that narrows it."""
    return allows(statement) and "*" in principals(statement) and not statement.given("Condition")


def _is_text(value: object) -> bool:
    return isinstance(value, str)
