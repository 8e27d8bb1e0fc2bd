"""From a model's folder to a loop that is ready to run: every part of the engine, joined."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from service.engine.block_pool import BlockPool
from service.engine.embedding import EmbeddingInfo
from service.engine.engine_loop import EngineLoop
from service.engine.interface import ChatMessage, InvalidParameterError, ModelInfo, ModelLoadError
from service.engine.kernels.cuda_graphs import graphed
from service.engine.kernels.operations import best_operations
from service.engine.local_runner import LocalRunner
from service.engine.memory import available_memory
from service.engine.model.decoder import Decoder
from service.engine.model.pooling import PoolingMode
from service.engine.model.tensor_files import TensorFiles
from service.engine.model_folder import ModelFolder
from service.engine.observed_runner import ObservedRunner, StepRecord
from service.engine.pooling_runner import PoolingRunner
from service.engine.prefix_hash import PrefixHasher
from service.engine.processor import allowed_cpus
from service.engine.reference import CacheType, LinearMode
from service.engine.sampler.batch_sampler import BatchSampler
from service.engine.sampler.grammar import GrammarCompiler, Grammars
from service.engine.scheduler import Scheduler
from service.engine.step import StepBuilder
from service.engine.token_bytes import TokenBytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.engine.model.description import DecoderDescription
    from service.engine.operations import Operations
    from service.engine.step import Runner

# Shares of the memory that is left once the weights are loaded. A container's memory also holds what requests bring.
_CACHE_SHARE_CPU = 0.5
_CACHE_SHARE_GPU = 0.85
_TOKEN_BUDGET_CPU = 512
_TOKEN_BUDGET_GPU = 8192
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class BatchingEngineOptions:
    """How the engine runs.

    Attributes:
        max_running: choices that are computed at once.
        max_waiting: requests that may wait for their turn; more are refused.
        max_waiting_tokens: tokens of prompts, for each choice, that may wait; more are refused.
        threads: of torch; 0 takes what the container's CPU limit allows.
        max_context_tokens: a limit below the model's own; None keeps that.
        linear_mode: how linear layers are kept and multiplied; None takes fp32 on a CPU, bf16 on a GPU. In bf16
            keys and values are kept in bf16 too. int8 is for CPUs.
        cache_type: how keys and values are kept.
        block_size: positions of a block.
        cache_tokens: positions of the key-value cache; 0 takes what memory allows and the requests can use.
        token_budget: most tokens of a step; 0 takes a default for the device.
        prefix_cache: whether requests find blocks that others of the same salt have computed.
        shared_system_prompts: texts of the operator's own whose blocks all tenants share, as a conversation's
            first message.
        cuda_graphs: whether decode steps on a GPU are replayed as CUDA graphs.
        ageing_s: a class of priority is worth this many seconds of waiting.
        check_when_idle: compare the block pool's books whenever there is nothing to do; for tests.
        on_step: told each step after it was computed, in the engine's thread; for measurements.
    """

    max_running: int = 64
    max_waiting: int = 256
    max_waiting_tokens: int = 4 * 2**20
    threads: int = 0
    max_context_tokens: int | None = None
    linear_mode: LinearMode | None = None
    cache_type: CacheType = CacheType.MODEL
    block_size: int = 16
    cache_tokens: int = 0
    token_budget: int = 0
    prefix_cache: bool = True
    shared_system_prompts: tuple[str, ...] = ()
    cuda_graphs: bool = True
    ageing_s: float = 10.0
    check_when_idle: bool = False
    on_step: Callable[[StepRecord], object] | None = None


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """A model in memory and the loop over it, not started.

    Attributes:
        folder: what belongs to the model.
        token_bytes: what single tokens stand for.
        info: what is served.
        loop: computes requests.
        hasher: of the prefix cache.
        grammars: checks what texts are to be forced into.
        reuses_blocks: whether a request may begin with blocks that another has computed.
    """

    folder: ModelFolder
    token_bytes: TokenBytes
    info: ModelInfo
    loop: EngineLoop
    hasher: PrefixHasher
    grammars: GrammarCompiler
    reuses_blocks: bool


def load_engine(
    path: Path, *, name: str, digest: str, options: BatchingEngineOptions, operations: Operations | None = None
) -> LoadedEngine:
    """Loads a model and makes the loop over it.

    Args:
        path: the model's folder, in Hugging Face layout.
        name: what clients call it.
        digest: of its manifest.
        options: how the engine runs.
        operations: what the model is computed with; None takes the best for this machine.

    Raises:
        ModelLoadError: something is missing, damaged or doesn't fit; names the file or tensor.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(options.threads or allowed_cpus())
    folder = ModelFolder.read(path)
    description = folder.description
    pooling = folder.pooling
    context_tokens = min(
        description.context_tokens,
        options.max_context_tokens or description.context_tokens,
        (pooling.longest_tokens if pooling is not None else None) or description.context_tokens,
    )
    on_gpu = device.type == "cuda"
    mode = options.linear_mode or (LinearMode.BF16 if on_gpu else LinearMode.FP32)
    if on_gpu and (mode is LinearMode.INT8 or options.cache_type is CacheType.INT8):
        raise ModelLoadError("layers, keys and values in int8 are for CPUs: use linear_mode bf16 and cache_type model")
    half = torch.bfloat16 if mode is LinearMode.BF16 else torch.float32
    decoder = Decoder(
        description,
        TensorFiles(path),
        operations or best_operations(device),
        mode=mode,
        # Processors compute in fp32 whatever the weights are kept in.
        dtype=half if on_gpu else torch.float32,
        device=device,
        context_tokens=context_tokens,
        head=pooling is None,
    )
    kept = torch.int8 if options.cache_type is CacheType.INT8 else half
    blocks = _cache_blocks(decoder, kept, context_tokens, options)
    context_tokens = min(context_tokens, blocks * options.block_size)
    grammars = GrammarCompiler(folder.tokenizer, description.vocabulary_size, folder.end_token_ids)
    # One block more: the null block.
    cache = decoder.new_cache(blocks + 1, options.block_size, kept)
    runner: Runner
    if pooling is not None:
        runner = PoolingRunner(decoder, pooling.mode, cache, slots=options.max_running)
    else:
        sampler = BatchSampler(
            options.max_running, description.vocabulary_size, device, Grammars(grammars, description.vocabulary_size)
        )
        computing = decoder
        if on_gpu and options.cuda_graphs:
            most_blocks = -(-context_tokens // options.block_size)
            computing = graphed(decoder, cache, most_requests=options.max_running, most_blocks=most_blocks)
        runner = LocalRunner(computing, sampler, cache)
    if options.on_step is not None:
        runner = ObservedRunner(runner, options.on_step)
    return LoadedEngine(
        folder,
        TokenBytes(folder.tokenizer),
        ModelInfo(
            name,
            digest,
            context_tokens,
            description.vocabulary_size,
            created=int(time.time()),
            defaults=folder.defaults,
            embedding=None
            if pooling is None
            else EmbeddingInfo(description.hidden_size, pooling.normalised, pooling.cuts),
        ),
        _loop(runner, folder, blocks=blocks, context_tokens=context_tokens, device=device, options=options),
        PrefixHasher(
            options.block_size,
            secret=secrets.token_bytes(_SECRET_BYTES),
            shared_prefixes=[_shared_tokens(folder, text) for text in options.shared_system_prompts],
        ),
        grammars,
        # What is pooled over all tokens needs all of their hidden states, which no block holds.
        reuses_blocks=pooling is None or pooling.mode is PoolingMode.LAST,
    )


def _loop(
    runner: Runner,
    folder: ModelFolder,
    *,
    blocks: int,
    context_tokens: int,
    device: torch.device,
    options: BatchingEngineOptions,
) -> EngineLoop:
    pool = BlockPool(blocks + 1)
    budget = options.token_budget or (_TOKEN_BUDGET_GPU if device.type == "cuda" else _TOKEN_BUDGET_CPU)
    scheduler = Scheduler(
        pool,
        block_size=options.block_size,
        max_running=options.max_running,
        token_budget=max(budget, options.max_running),  # every choice that decodes has its token in every step
    )
    return EngineLoop(
        scheduler=scheduler,
        pool=pool,
        builder=StepBuilder(
            slots=options.max_running,
            block_size=options.block_size,
            most_blocks=-(-context_tokens // options.block_size),
        ),
        runner=runner,
        end_token_ids=folder.end_token_ids,
        clock=time.monotonic,
        check_when_idle=options.check_when_idle,
    )


def _cache_blocks(decoder: Decoder, dtype: torch.dtype, context_tokens: int, options: BatchingEngineOptions) -> int:
    """Blocks of the cache: as configured, or what the requests can use of what memory allows."""
    if options.cache_tokens:
        return max(1, options.cache_tokens // options.block_size)
    if decoder.device.type == "cuda":
        budget = int(torch.cuda.mem_get_info()[0] * _CACHE_SHARE_GPU)
    else:
        budget = int(available_memory() * _CACHE_SHARE_CPU)
    block_bytes = options.block_size * _token_bytes(decoder.description, dtype)
    usable = options.max_running * -(-context_tokens // options.block_size)
    blocks = min(usable, budget // block_bytes)
    if blocks < 1:
        raise ModelLoadError(f"no memory is left for keys and values: {budget} bytes, a block takes {block_bytes}")
    return blocks


def _token_bytes(description: DecoderDescription, dtype: torch.dtype) -> int:
    """Bytes of a position's keys and values in all layers."""
    scale = torch.float32.itemsize if dtype is torch.int8 else 0
    row = description.head_dim * dtype.itemsize + scale
    return 2 * len(description.layers) * description.kv_heads * row


def _shared_tokens(folder: ModelFolder, text: str) -> list[int]:
    """The tokens with which every conversation under a system prompt begins."""
    template = folder.chat_template
    try:
        prompts = [template.render([ChatMessage("system", text), ChatMessage("user", user)]) for user in ("a", "b")]
    except InvalidParameterError as error:
        raise ModelLoadError(f"shared_system_prompts don't fit this model: {error}") from None
    first, second = (folder.tokenizer.encode(prompt, add_special_tokens=template.is_fallback).ids for prompt in prompts)
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    return first[:common]
