"""Everything that a machine needs before ``pulumi up`` can run, on machines that reach only package registries.

The Pulumi engine and Kubernetes are built from pinned Go modules (``builder``), the rest comes from Debian
(``packages``); a Pulumi home per plugin flavour (``pulumi_home``) keeps the official plugins and ours apart.
"""
