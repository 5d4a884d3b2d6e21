"""Names of extensions as a document writes them: a prefix for each namespace, told in its context."""

from collections.abc import Iterator
from typing import Any

from loaders.epcis_said import NAMESPACE, PREFIX

_MDA = {"cbvmda": "", "mda": "urn:epcglobal:cbv:mda:"}
"""Master data attributes of the standard have a namespace in two spellings, which make two hashes of one event."""
_USUAL = {"http://www.w3.org/2000/01/rdf-schema#": "rdfs", "http://www.w3.org/2001/XMLSchema#": "xsd"}


class Spaces:
    """The prefixes of one document, given out as namespaces are met. `prefixes` are its namespaces by prefix."""

    def __init__(self, prefixes: dict[str, str] | None = None, mda: str = "cbvmda") -> None:
        self.prefixes = {PREFIX: NAMESPACE} if prefixes is None else prefixes
        self._mda = mda

    def spellings(self) -> Iterator["Spaces"]:
        """The same with each spelling of the namespace of master data."""
        return (Spaces(self.prefixes, mda) for mda in _MDA)

    def name(self, text: str) -> str:
        """A name that `epcis_alike.name` reads as `text`."""
        namespace, brace, local = text.rpartition("}")
        if text.startswith("cbvmda:") and _MDA[self._mda]:
            self.prefixes[self._mda] = _MDA[self._mda]
            return f"{self._mda}{text[6:]}"
        if not brace or not namespace.startswith("{") or not local:
            return text
        return f"{self._prefix(namespace[1:])}:{local}"

    def names(self, value: Any) -> Any:
        """A value with all names in it written so."""
        if isinstance(value, list):
            return [self.names(item) for item in value]
        if isinstance(value, dict):
            return {self.name(key): self.names(inner) for key, inner in value.items()}
        return value

    def _prefix(self, namespace: str) -> str:
        if namespace in _USUAL:
            return _USUAL[namespace]
        for prefix, known in self.prefixes.items():
            if known == namespace:
                return prefix
        prefix = f"ext{len(self.prefixes)}"
        self.prefixes[prefix] = namespace
        return prefix
