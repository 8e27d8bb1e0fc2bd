"""Changes to a YAML text that leave everything else in it as it was: comments, order, spacing."""

from collections.abc import Mapping, Sequence

import yaml


class YamlEditError(ValueError):
    """The text has not the shape that the change needs."""


def set_keys(text: str, values: Mapping[str, str]) -> str:
    """Give top-level keys new scalar values: in place where a key is, at the end where it is not.

    Args:
        text: A YAML mapping.
        values: Keys and their values, written as YAML writes them.

    Raises:
        YamlEditError: the text is no mapping, or a key holds more than a scalar.
    """
    for key, written in values.items():
        node = _value_of(text, key)
        if node is None:
            text = _with_new_key(text, key, written)
        elif isinstance(node, yaml.ScalarNode):
            start, end = _marks(node)
            text = text[: start.index] + written + text[end.index :]
        else:
            raise YamlEditError(f"{key} holds more than one value")
    return text


def set_at(text: str, path: Sequence[str | int], written: str) -> str:
    """Give what lies at a path a new value: in place where it is, as its mapping's first key where it is not.

    Args:
        text: A YAML mapping.
        path: Keys and places in lists, from the root on.
        written: The value as YAML writes it, on one line.

    Raises:
        YamlEditError: the path leads through what is neither a mapping nor a list, or to more than one line.
    """
    parent: yaml.Node = _root(text)
    for depth, step in enumerate(path):
        node = _child(parent, step)
        last = depth == len(path) - 1
        if node is None and last and isinstance(parent, yaml.MappingNode) and parent.value:
            at = _marks(parent.value[0][0])[0]
            end = ", " if parent.flow_style else f"\n{' ' * at.column}"
            return f"{text[: at.index]}{step}: {written}{end}{text[at.index :]}"
        if node is None:
            raise YamlEditError(f"{'.'.join(map(str, path))} has no place: there is no {step}")
        if last:
            start, end_mark = _marks(node)
            if isinstance(node, yaml.CollectionNode) and not node.flow_style:
                raise YamlEditError(f"{'.'.join(map(str, path))} is written over several lines")
            return text[: start.index] + written + text[end_mark.index :]
        parent = node
    raise YamlEditError("an empty path names no value")


def remove_key(text: str, key: str) -> str:
    """Take the line of a top-level scalar away; a text without the key stays as it is.

    Raises:
        YamlEditError: as `set_keys`.
    """
    node = _value_of(text, key)
    if node is None:
        return text
    start, end = _marks(node)
    if not isinstance(node, yaml.ScalarNode) or start.line != end.line or _root(text).flow_style:
        raise YamlEditError(f"{key} has no line of its own")
    lines = text.splitlines(keepends=True)
    del lines[start.line]
    return "".join(lines)


def append_item(text: str, key: str, written: str) -> str:
    """Append an item to a top-level list, in the list's own style.

    Raises:
        YamlEditError: there is no such list, or it is empty.
    """
    node = _value_of(text, key)
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise YamlEditError(f"{key} is no list with an item")
    end = _marks(node.value[-1])[1].index
    if node.flow_style:
        return f"{text[:end]}, {written}{text[end:]}"
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{' ' * _marks(node)[0].column}- {written}{text[line_end:]}"


def _with_new_key(text: str, key: str, written: str) -> str:
    root = _root(text)
    if not root.flow_style:
        return f"{text.rstrip()}\n{key}: {written}\n"
    brace = _marks(root)[1].index - 1
    return f"{text[:brace]}{', ' if root.value else ''}{key}: {written}{text[brace:]}"


def _value_of(text: str, key: str) -> yaml.Node | None:
    return next((value for name, value in _root(text).value if name.value == key), None)


def _child(parent: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(parent, yaml.MappingNode):
        return next((value for key, value in parent.value if key.value == step), None)
    if isinstance(parent, yaml.SequenceNode) and isinstance(step, int) and step < len(parent.value):
        return parent.value[step]
    return None


def _root(text: str) -> yaml.MappingNode:
    node = yaml.compose(text)
    if not isinstance(node, yaml.MappingNode):
        raise YamlEditError("is no mapping of keys to values")
    return node


def _marks(node: yaml.Node) -> tuple[yaml.Mark, yaml.Mark]:
    if node.start_mark is None or node.end_mark is None:
        raise YamlEditError("was not read from a text")
    return node.start_mark, node.end_mark
