"""Releases: which digests run where, how they get there region by region, and how they are taken back.

Pure logic over two protocols: a `Region` that can be configured, updated and judged, and an object store. `fleet
release` gives it the real ones.
"""
