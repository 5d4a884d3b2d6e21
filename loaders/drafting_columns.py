"""Which column of a file is which column of the bundle: guessed by names, tried on what the file holds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from graph import identifiers, isbt128
from graph.errors import InvalidIdentifier
from graph.model import CLASSES, MODELS, refs
from loaders.csv_bundle import columns_of, needed_of
from loaders.csv_cells import Unfit
from loaders.csv_claims import Invalid, compiled
from loaders.drafting_samples import Sample, decimals_of, distinct, forms_of
from loaders.drafting_terms import CODE_WORDS, COMMON_TERMS, FIELD_TERMS, KIND_WORDS, plain, singular
from loaders.items import Context
from loaders.mapped_values import Scope, is_instant, is_number, taking
from loaders.mapping import KINDS, Value

_TRIED = 1_000
UNIT = r"(?P<code>.+?) ?[(\[](?P<unit>[^()\[\]]+)[)\]]"
"""The name of a column with its unit: `CD34 (10^6/kg)`."""
_GENERIC = frozenset(
    (
        "id",
        "no",
        "number",
        "code",
        "name",
        "type",
        "date",
        "time",
        "from",
        "to",
        "at",
        "start",
        "end",
        "stop",
        "unit",
        "units",
        "value",
        "status",
        "state",
        "description",
        "text",
        "product",
        "order",
        "sample",
        "bag",
    )
)
"""Terms that tell something only where they are a column's whole name."""
_WHO = ("patient", "donor", "person", "recipient", "subject")
_ANYWHERE = Context("DRAFT", zone_of=lambda steward: "UTC")


@dataclass
class Guess:
    """What a column of the bundle is drafted as, in the words of a mapping, and what is not sure about it."""

    column: str
    source: str
    told: Any
    score: float
    unsure: list[str] = field(default_factory=list)


def kind_of(sample: Sample, header: Sequence[str]) -> tuple[str, str]:
    """The likeliest kind of what a file holds in some columns, and what is not sure about it."""
    stem = sample.path.stem
    named = KINDS.get(stem.lower().rpartition(".")[2])
    if named and all(name in sample.header for name in needed_of(named)):
        return named.lower(), ""
    words = singular(f"{stem} {sample.written.get('sheet', '')}")
    scores = {}
    for kind, known in KIND_WORDS.items():
        matched = {column: score for score, column, _ in sorted(_matches(kind, header))}
        scores[kind] = 8 * any(word in words for word in known) + sum(matched.values())
    first, second, *_ = sorted(scores, key=lambda kind: -scores[kind])
    close = scores[second] > 0.8 * scores[first]
    return first, f"it may be {second} as well as {first}" if close else ""


def guesses(sample: Sample, kind: str, header: Sequence[str]) -> dict[str, Guess]:
    """What the columns of a made row of a kind are drafted as, from some columns of the file; each is used once."""
    found: dict[str, Guess] = {}
    used: set[str] = set()
    for score, column, name in sorted(_matches(kind, header), reverse=True):
        if column not in found and name not in used and (guess := _tried(sample, kind, column, name, score)):
            found[guess.column] = guess
            used.add(name)
    measured = found.get("quantity") or found.get("value")
    if measured and "unit" not in found and (unit := unit_in(measured.source)):
        found["unit"] = Guess("unit", measured.source, {"value": unit.replace("^", "*")}, 5)
    elif measured and "unit" not in found:
        measured.unsure.append("no column tells its unit: give it, as in unit: {value: mL}")
    return {column: found[column] for column in columns_of(KINDS[kind]) if column in found}


def unit_in(name: str) -> str | None:
    """The unit in a column's name; a number alone only tells columns of one name apart."""
    match = re.fullmatch(UNIT, name)
    return match["unit"] if match and not match["unit"].isdecimal() else None


def _matches(kind: str, header: Sequence[str]) -> Iterator[tuple[float, str, str]]:
    """`(score, column of the bundle, column of the file)` where the name of the one may mean the other."""
    terms = {**COMMON_TERMS, **FIELD_TERMS.get(kind, {})}
    for column in columns_of(KINDS[kind]):
        known = (plain(column), *terms.get(column, ()))
        for name in header:
            words = plain(name)
            if name == column:
                yield 5.0, column, name
            elif words in known:
                yield 3 - known.index(words) / 100, column, name
            elif column != "identifiers":
                within = [term for term in known if term not in _GENERIC and {*term.split()} <= {*words.split()}]
                if within:
                    yield 1.5 - known.index(within[0]) / 100, column, name


# -- what a column holds


def _tried(sample: Sample, kind: str, column: str, name: str, score: float) -> Guess | None:
    """A guess, if what the file holds there fits it; None where most of it does not, or there is nothing."""
    values = sample.values(name)[:_TRIED]
    if not values:
        return Guess(column, name, name, score, ["it is empty in all rows looked at"]) if score >= 5 else None
    told, unsure = _told(sample, kind, column, name, values)
    if told is None:
        return None
    failed = _failed(sample, kind, column, told, name)
    if (kind, column) == ("observation", "value"):  # of which some rows may hold texts or limits
        return Guess("value_text" if len(failed) == len(values) else "value", name, told, score, unsure)
    if len(failed) * 2 > len(values):
        return None
    if failed:
        unsure.append(f"{len(failed)} of {len(values)} values do not fit, such as {failed[0][0][:40]!r}: {failed[0][1]}")
    if score < 2:
        unsure.append(f"that {name!r} means {column} is a guess")
    return Guess(column, name, told, score, unsure)


def _told(sample: Sample, kind: str, column: str, name: str, values: list[str]) -> tuple[Any, list[str]]:
    """What is said of a column in the words of a mapping, and what is not sure; None where it holds something else."""
    model = KINDS[kind]
    if is_instant(model, column):
        forms = forms_of(values)
        if forms is None:
            return (name, []) if all(re.fullmatch(r"\d{4}(-\d\d)?", value) for value in values) else (None, [])
        return ({"column": name, "dates": forms[0]} if forms[0] else name), [forms[1]] if forms[1] else []
    if column == "birth_year":
        return _year(name, values)
    if is_number(model, column):
        _, _, unsure = decimals_of([values])
        return name, [unsure] if unsure else []
    if words := _words(model, column):
        return _coded(name, words, values)
    if column == "id" and model in MODELS:
        return _identified(sample, MODELS[model].CLASS, name, values)
    if model in MODELS and column in refs(model) and refs(model)[column].cls == "any":
        return _about(name, values), []
    return name, ["a person's name may not be here, but a pseudonym"] if column == "operator" else []


def _failed(sample: Sample, kind: str, column: str, told: Any, name: str) -> list[tuple[str, str]]:
    """The values that do not fit, with the reason."""
    model, at = KINDS[kind], sample.header.index(name)
    if model not in MODELS:
        return []
    decimal, thousands, _ = decimals_of([sample.values(name)])
    table = sample.table(decimal=decimal, thousands=thousands)
    scope = Scope({each: number for number, each in enumerate(sample.header)}, {}, table, True, lambda note: None)
    value = Value.model_validate({"column": told} if isinstance(told, str) and "{" not in told else as_value(told))
    take, claims = taking(value, model, column, scope), compiled(model, [column], _ANYWHERE)
    failed = []
    for row in [row for row in sample.rows if row[at]][:_TRIED]:
        try:
            claims("", [take(row)])
        except Unfit as unfit:
            failed.append((row[at], unfit.reason))
        except Invalid as error:
            failed.append((row[at], error.problems[0].reason))
    return failed


def as_value(told: Any) -> Any:
    """What a mapping says shortly, in its long form."""
    if isinstance(told, str):
        return {"template": told} if re.search(r"\{[^{}]+\}", told) else {"column": told}
    return {"parts": told} if isinstance(told, list) else told


def _year(name: str, values: list[str]) -> tuple[Any, list[str]]:
    for find in (r"^\d{4}$", r"^\d{4}(?=\D)", r"(?<=\D)\d{4}$"):
        if all(re.search(find, value) for value in values):
            return (
                (name, []) if find == r"^\d{4}$" else ({"column": name, "find": find}, ["the year alone is taken, never the day"])
            )
    return None, []


def _words(model: str, column: str) -> tuple[str, ...]:
    """The words that a coded column may hold; none for any other."""
    if model not in MODELS or column not in MODELS[model].model_fields:
        return ()
    annotation = MODELS[model].model_fields[column].annotation
    return tuple(word for part in get_args(annotation) for word in get_args(part) if isinstance(word, str))


def _coded(name: str, words: Sequence[str], values: list[str]) -> tuple[Any, list[str]]:
    """A map of the values to the words of the model; None where none is known."""
    found = {value: _meaning(value, words) for value in distinct(values, 60)}
    if all(value == meaning for value, meaning in found.items()):
        return name, []
    known = {value: meaning for value, meaning in found.items() if meaning}
    unknown = [value for value, meaning in found.items() if not meaning]
    if not known:
        return None, []
    unsure = [f"what {', '.join(map(repr, unknown[:10]))} means is not known: one of {', '.join(words)}"] if unknown else []
    guessed = [f"{value!r} as {meaning}" for value, meaning in known.items() if plain(value) != plain(meaning)]
    return {"column": name, "map": known}, [*unsure, *([f"the map is a guess: {', '.join(guessed[:10])}"] if guessed else [])]


def _meaning(value: str, words: Sequence[str]) -> str | None:
    for word in words:
        if plain(value) == plain(word.replace("_", " ")) or value.casefold() in CODE_WORDS.get(word, ()):
            return word
    return None


def _identified(sample: Sample, cls: str, name: str, values: list[str]) -> tuple[Any, list[str]]:
    """An identifier in the form of its scheme, where its values have one."""
    repeated = len({*values}) < len(values)
    unsure = [f"it repeats: {len({*values})} values in {len(values)} rows; what names each row?"] if repeated else []
    if cls != "object":
        return name, unsure
    if _all(values, r"\d{18}", lambda text: identifiers.parse(f"(00){text}", cls=cls).text):
        return "(00){" + name + "}", [*unsure, "it looks like a GS1 SSCC"]
    if _all(values, r"\d{8}|\d{12,14}", lambda text: identifiers.parse(f"(01){text.zfill(14)}", cls=cls).text):
        return name, [*unsure, "it looks like a GTIN, which names a product and not one item: is there a serial number or a lot?"]
    if _all(values, r"=?[A-NP-Z1-9][0-9A-Z]{4}\d{8,10}", lambda text: isbt128.parse_donation(text).number):
        code = next(
            (other for other in sample.header if _all(sample.values(other), r"[A-Z]\d{4}\w{3}", isbt128.product_code)), None
        )
        if code:
            return f"isbt128:{{{name}}}-{{{code}}}", [*unsure, "it looks like an ISBT 128 donation number with product code"]
        return name, [*unsure, "it looks like an ISBT 128 donation number, which products share: is there a product code?"]
    return name, unsure


def _all(values: list[str], shape: str, parse: Any) -> bool:
    """Whether values have a shape, and are what `parse` reads."""
    if not values or not all(re.fullmatch(shape, value) for value in values):
        return False
    try:
        for value in values[:100]:
            parse(value)
    except InvalidIdentifier:
        return False
    return True


def _about(name: str, values: list[str]) -> str:
    """What something is said about, with its class."""
    if all("/" in value and value.partition("/")[0] in CLASSES for value in values):
        return name
    cls = "person" if {*plain(name).split()} & {*_WHO} else "object"
    return f"{cls}/{{{name}}}"
