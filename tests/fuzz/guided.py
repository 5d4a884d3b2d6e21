"""The process that fuzzes: atheris calls the target, and each kind of failure is written down once while it goes on."""

import resource
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["loaders", "graph", "yaml", "openpyxl"], enable_loader_override=False):
    import openpyxl
    import yaml

    from loaders import excel_rows, mapped_parquet, parquet_rows
    from tests.fuzz import targets

from tests.fuzz.findings import Findings
from tests.fuzz.mutating import Mutator
from tests.fuzz.seeds import seeds, words

_LOADED = (openpyxl, yaml, excel_rows, mapped_parquet, parquet_rows)  # what readers import late
_EVERY = 500
"""After how many inputs the memory is written down."""
_LARGEST = 2**16


def main() -> None:
    """Fuzz `FORMAT` in a folder, with further seeds from another, and arguments of the fuzzer. Does not return."""
    name, folder, also, *limits = sys.argv[1:]
    target, place = targets.TARGETS[name], Path(folder)
    for part in ("corpus", "artifacts", "findings"):
        (place / part).mkdir(exist_ok=True)
    given = [*seeds(name), *_also(name, also)]
    for number, data in enumerate(given):
        (place / "corpus" / f"seed-{number}").write_bytes(data)
    (place / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in words(name) if word), encoding="ascii")
    found = Findings(place / "findings")
    met = 0

    def one(data: bytes) -> None:
        nonlocal met
        met += 1
        if met % _EVERY == 0:
            with (place / "memory").open("a") as file:
                file.write(f"{_resident()}\n")
        try:
            target.run(data, place / "work")
        except (Exception, targets.Hung) as error:
            found.add(error, data)
        except BaseException as error:  # a panic of a library
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            found.add(error, data)

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    arguments = [
        f"-dict={place / 'words'}",
        f"-max_len={target.most}",
        f"-artifact_prefix={place / 'artifacts'}/",
        "-print_final_stats=1",
    ]
    mutator = Mutator(name, words(name), lambda data, most: atheris.Mutate(data, most))  # which is another one later on
    atheris.Setup([sys.argv[0], *limits, *arguments, str(place / "corpus")], one, custom_mutator=mutator)
    atheris.Fuzz()


def _also(name: str, folder: str) -> list[bytes]:
    """Files of the format in a folder."""
    ends = {
        "epcis": (".json", ".jsonld"),
        "epcis-xml": (".xml",),
        "fhir": (".json", ".ndjson"),
        "ocel": (".json",),
        "ocel-xml": (".xml",),
        "ocel-sqlite": (".sqlite",),
    }.get(name, ())
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.suffix in ends] if folder else []
    return [path.read_bytes() for path in paths if path.stat().st_size < _LARGEST]


def _escaped(word: str) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\x{byte:02X}" for byte in word.encode())


def _resident() -> int:
    """Megabytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20
