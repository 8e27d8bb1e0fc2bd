"""The language runtime service: what the engine asks of a language, answered for Python."""
# ruff: noqa: N802, ARG002 - the method names and arguments are the protocol's

import asyncio
import importlib.metadata
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NoReturn

import grpc
import grpc.aio
from google.protobuf import empty_pb2

from toolchain.language_host.child import Child, Output
from toolchain.language_host.environment import PythonEnvironment, PythonMissingError, resolve_environment
from toolchain.language_host.messages import language_pb2, language_pb2_grpc, plugin_pb2
from toolchain.language_host.options import OptionError, RuntimeOptions, Toolchain, parse_options
from toolchain.language_host.packages import (
    PluginFileError,
    direct_packages,
    installed_packages,
    required_plugins,
    search_path,
)
from toolchain.language_host.policy_proxy import PolicyProxy, stack_variables
from toolchain.language_host.program import (
    SHOWN_TO_USER_EXIT,
    plugin_command,
    program_command,
    program_variables,
    typechecker_command,
)

# Mistakes of whoever wrote the project: shown as they are.
_EXPECTED: Final = (OptionError, PythonMissingError, PluginFileError)
Context = grpc.aio.ServicerContext


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs, policy packs and installers for one engine."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._children: set[Child] = set()
        self._cancelled = False

    async def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: Context
    ) -> language_pb2.LanguageHandshakeResponse:
        """Learn the engine's address."""
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    async def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        """Say which version this is: the SDK's, whose protocol is spoken."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    async def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """End what runs: the user pressed Ctrl-C."""
        await self.stop()
        return empty_pb2.Empty()

    async def stop(self) -> None:
        """End everything that was started, and start nothing more."""
        self._cancelled = True
        await asyncio.gather(*(child.stop() for child in self._children))

    async def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: Context
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Name the resource plugins that the program's packages ask for."""
        try:
            environment = _environment(request.info)
            environment.require()
            packages = required_plugins(await search_path(environment))
        except _EXPECTED as error:
            await _refuse(context, error)
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    async def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: Context
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the program's Python packages, for `pulumi about` and the update's record."""
        try:
            environment = _environment(request.info)
            environment.require()
            packages = installed_packages(await search_path(environment))
        except _EXPECTED as error:
            await _refuse(context, error)
        chosen = packages.values() if request.transitiveDependencies else direct_packages(packages)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=package.name, version=package.version)
                for package in sorted(chosen, key=lambda package: package.name)
            ]
        )

    async def About(self, request: language_pb2.AboutRequest, context: Context) -> language_pb2.AboutResponse:
        """Describe the Python that runs programs."""
        try:
            if request.HasField("info"):
                environment = _environment(request.info)
            else:
                here = RuntimeOptions(root=Path.cwd(), program=Path.cwd(), toolchain=Toolchain.PIP)
                environment = resolve_environment(here)
            environment.require()
            version = await _answer(environment, "import platform; print(platform.python_version())")
            pip = "import importlib.metadata as m; print(m.version('pip'))"
            tool = await _answer(environment, pip) if environment.toolchain is Toolchain.PIP else ""
        except _EXPECTED as error:
            await _refuse(context, error)
        return language_pb2.AboutResponse(
            executable=str(environment.python),
            version=version,
            metadata={
                "toolchain": environment.toolchain.value.capitalize(),
                "toolchainVersion": tool or "unknown",
                "typechecker": str(environment.options.typechecker or "None"),
            },
        )

    async def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: Context
    ) -> language_pb2.RuntimeOptionsResponse:
        """Ask what a new project leaves open: the tool that installs, and for pip the environment's folder."""
        chosen = request.info.options.fields
        prompts: list[language_pb2.RuntimeOptionPrompt] = []
        if "toolchain" not in chosen:
            tools = [Toolchain.PIP, *(tool for tool in (Toolchain.UV, Toolchain.POETRY) if shutil.which(tool))]
            question = "The toolchain to use for installing dependencies and running the program"
            prompts.append(_prompt("toolchain", question, [str(tool) for tool in tools]))
        elif chosen["toolchain"].string_value == Toolchain.PIP and "virtualenv" not in chosen:
            prompts.append(_prompt("virtualenv", "The folder of the virtual environment", ["venv"]))
        return language_pb2.RuntimeOptionsResponse(prompts=prompts)

    async def Template(self, request: language_pb2.TemplateRequest, context: Context) -> language_pb2.TemplateResponse:
        """Prepare a new project: there is nothing to convert, `pulumi install` reads what templates bring."""
        return language_pb2.TemplateResponse()

    async def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: Context
    ) -> AsyncIterator[language_pb2.InstallDependenciesResponse]:
        """Make the program's environment and install its packages."""
        try:
            environment = _environment(request.info, is_plugin=request.is_plugin)
            steps = environment.installation()
        except _EXPECTED as error:
            await _refuse(context, error)
        yield _installing("Installing dependencies...\n\n")
        if not steps:
            yield _installing("There is no requirements.txt, pyproject.toml or lock file to install from.\n")
        for step in steps:
            child = await self._start(list(step.argv), folder=step.folder, variables=step.variables, captured=True)
            async for kind, chunk in child.output():
                yield language_pb2.InstallDependenciesResponse(**{kind.value: chunk})
            if status := await self._finish(child):
                await context.abort(grpc.StatusCode.UNKNOWN, f"{' '.join(step.argv)} failed with status {status}")
        yield _installing("Finished installing dependencies\n\n")

    async def Run(self, request: language_pb2.RunRequest, context: Context) -> language_pb2.RunResponse:
        """Run a program to its end."""
        if request.attach_debugger:
            return language_pb2.RunResponse(error="this language host can't attach a debugger; the official one can")
        try:
            environment = _environment(request.info)
            environment.require()
            command = program_command(request, environment, engine=self._engine)
        except _EXPECTED as error:
            await _refuse(context, error)
        folder = Path(request.info.program_directory)
        variables = program_variables(request, environment.variables())
        if environment.options.typechecker is not None:
            checker = typechecker_command(environment)
            child = await self._start(checker, folder=folder, variables=variables, captured=False)
            if await self._finish(child):
                return language_pb2.RunResponse(error=f"{environment.options.typechecker} found errors")
        child = await self._start(command, folder=folder, variables=variables, captured=False)
        status = await self._finish(child)
        # Whoever interrupts knows why the program ended.
        if status == SHOWN_TO_USER_EXIT or child.stopped:
            return language_pb2.RunResponse(bail=True)
        if status < 0:
            return language_pb2.RunResponse(error=f"the program was ended by signal {-status}")
        return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {status}" if status else "")

    async def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: Context
    ) -> AsyncIterator[language_pb2.RunPluginResponse]:
        """Run a policy pack, or a plugin that is written in Python, and hand on what it writes."""
        analyzer = request.kind == "analyzer"
        try:
            environment = _environment(request.info, is_plugin=not analyzer)
            environment.require()
            command, folder = plugin_command(request, environment)
        except _EXPECTED as error:
            await _refuse(context, error)
        variables = environment.variables() | dict(pair.partition("=")[::2] for pair in request.env)
        if not analyzer:
            child = await self._start(command, folder=folder, variables=variables, captured=True)
            async for kind, chunk in child.output():
                yield _written(kind, chunk)
            yield language_pb2.RunPluginResponse(exitcode=await self._finish(child))
            return
        proxy = PolicyProxy()
        yield language_pb2.RunPluginResponse(stdout=f"{await proxy.start()}\n".encode())
        try:
            variables |= stack_variables(await proxy.stack())
            child = await self._start(command, folder=folder, variables=variables, captured=True)
            head, attached = b"", False
            async for kind, chunk in child.output():
                if attached or kind is not Output.STDOUT:
                    yield _written(kind, chunk)
                    continue
                # The pack prints its port: for us, not for the engine, which has ours.
                *lines, head = (head + chunk).split(b"\n")
                for index, line in enumerate(lines):
                    if line.isdigit():
                        await proxy.attach(int(line))
                        attached = True
                        yield _written(kind, b"\n".join([*lines[index + 1 :], head]))
                        break
                    yield _written(kind, line + b"\n")
            status = await self._finish(child)
            proxy.fail(f"the policy pack in {folder} ended with status {status} before it could be asked")
            yield language_pb2.RunPluginResponse(exitcode=status)
        finally:
            await proxy.close()

    async def _start(self, command: list[str], *, folder: Path, variables: dict[str, str], captured: bool) -> Child:
        if self._cancelled:
            raise asyncio.CancelledError
        child = await Child.start(command, folder=folder, variables=variables, captured=captured)
        self._children.add(child)
        return child

    async def _finish(self, child: Child) -> int:
        try:
            return await child.wait()
        finally:
            self._children.discard(child)


def _environment(info: language_pb2.ProgramInfo, *, is_plugin: bool = False) -> PythonEnvironment:
    return resolve_environment(parse_options(info, is_plugin=is_plugin))


async def _answer(environment: PythonEnvironment, code: str) -> str:
    """Return what a line of Python prints in an environment; nothing where it fails."""
    process = await asyncio.create_subprocess_exec(
        str(environment.python),
        "-c",
        code,
        env=environment.variables(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    return out.decode(errors="replace").strip()


def _prompt(key: str, description: str, choices: list[str]) -> language_pb2.RuntimeOptionPrompt:
    prompt = language_pb2.RuntimeOptionPrompt
    values = [
        prompt.RuntimeOptionValue(promptType=prompt.STRING, stringValue=choice, displayName=choice)
        for choice in choices
    ]
    return prompt(key=key, description=description, promptType=prompt.STRING, choices=values, default=values[0])


def _written(kind: Output, chunk: bytes) -> language_pb2.RunPluginResponse:
    if kind is Output.STDOUT:
        return language_pb2.RunPluginResponse(stdout=chunk)
    return language_pb2.RunPluginResponse(stderr=chunk)


def _installing(text: str) -> language_pb2.InstallDependenciesResponse:
    return language_pb2.InstallDependenciesResponse(stdout=text.encode())


async def _refuse(context: Context, error: Exception) -> NoReturn:
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    raise AssertionError
