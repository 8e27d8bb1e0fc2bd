import re

import pytest

from toolchain.errors import UnknownRecipeError
from toolchain.go_compiler import minimum_version
from toolchain.recipes import RECIPES, Recipe, recipe_named

ALL = pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))


@ALL
def test_each_recipe_pins_its_module_at_its_version(recipe: Recipe) -> None:
    pinned = (recipe.module_dir / "go.mod").read_text()
    required = dict(re.findall(r"^\s*(?:require )?(\S+) v(\S+)", pinned, re.MULTILINE))
    for package in recipe.commands.values():
        module = max((name for name in required if (package + "/").startswith(name + "/")), key=len)
        assert required[module] == recipe.version
    assert (recipe.module_dir / "go.sum").stat().st_size > 0


@ALL
def test_each_recipe_builds_with_go_1_25(recipe: Recipe) -> None:
    major, minor, *_ = (int(part) for part in minimum_version(recipe.module_dir).split("."))
    assert (major, minor) <= (1, 25)


def test_an_unknown_tool_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownRecipeError, match=r"'kubernets'.*kubernetes"):
        recipe_named("kubernets")
