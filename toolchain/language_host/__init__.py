"""``pulumi-language-python``: runs Python programs and policy packs for the Pulumi engine.

The official host is a Go program whose module isn't published on its own; where the engine had to be built from Go
modules, this one takes its place. It answers every call that the CLI makes to run, preview, install and describe a
Python program; what writes source code (``pulumi convert``, ``new`` from YAML, ``package add``) needs the official
one and says so.
"""
