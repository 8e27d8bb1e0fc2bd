"""Documents that people write (stack files, tenant files, catalogue data): their values and what a mistake is told.

A package of its own because `infra`, `tenants` and `catalog` all read such files, and never import each other for it.
"""

from documents.findings import Finding, Lines, Path, SettingsError, explain
from documents.values import FileModel
from documents.yaml_text import YamlDocument

__all__ = ["FileModel", "Finding", "Lines", "Path", "SettingsError", "YamlDocument", "explain"]
