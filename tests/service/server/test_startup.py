from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.engine.int8_cache import Int8Cache
from service.server.metrics import ServerMetrics
from service.server.settings import ServerSettings
from service.server.startup import Serving
from service.web.drain import Drain
from tests.service.conftest import MODEL_NAME

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_loaded_model_keeps_its_name_and_its_cache_the_type_that_was_asked_for(model_folder: Path) -> None:
    settings = ServerSettings(model_uri=model_folder.as_uri(), threads=1, cache_tokens=512, cache_type="int8")
    drain = Drain()
    serving = Serving(settings, ServerMetrics(), drain)
    assert serving.model_name == ""
    try:
        await serving.start()
        engine: Any = serving.engine()
        assert all(isinstance(layer, Int8Cache) for layer in engine._loaded.loop._runner._cache)
        names = [serving.model_name]
        drain.begin()
        names.append(serving.model_name)
    finally:
        await serving.stop()
    names.append(serving.model_name)
    assert names == [MODEL_NAME] * 3
