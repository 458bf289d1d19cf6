"""Reads files of Sigma rules, and says why a document is not a rule that can be converted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Largest file in bytes, and most values of a document, counted wherever an alias repeats them.
MAX_BYTES = 512 * 1024
MAX_VALUES = 20_000

#: Why correlations and old aggregations are not converted: routes decide about one event at a time.
NEEDS_THRESHOLD = "needs a threshold: it counts or combines events, and a route decides about one event"

#: Errors about what a rule says about itself. Its detection can be converted anyway.
_ABOUT_ITSELF = ("Identifier", "Level", "Status", "Date", "Modified", "Author", "Tag", "Reference", "Related")
_MORE_ABOUT_ITSELF = (
    "Title",
    "Description",
    "Name",
    "Taxonomy",
    "FalsePositive",
    "License",
    "Scope",
    "Fields",
)


class Refusal(NamedTuple):
    """A document that does not become a route.

    Attributes:
        file: its path.
        reason: a sentence without a period.
        is_rule: whether it is a rule about CloudTrail, so that a detection is missing.
    """

    file: str
    reason: str
    is_rule: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about CloudTrail.

    Attributes:
        file: the path of its file.
        stem: the name of its file without the extension.
        title: what it detects.
        level: its severity, one of Sigma's words, or empty.
        author: who wrote it; may be empty.
        id: its ID; may be empty.
        description: why it matters; may be empty.
        license: the license that it names; may be empty.
        references: its links.
        tags: as written: ``attack.t1078.004``.
        conditions: pySigma's trees, any of which must hold.
    """

    file: str
    stem: str
    title: str
    level: str
    author: str
    id: str
    description: str
    license: str
    references: tuple[str, ...]
    tags: tuple[str, ...]
    conditions: tuple[Any, ...]


def read(paths: Iterable[str]) -> Iterator[Rule | Refusal]:
    """Reads every rule of some files, and of all ``*.yml`` and ``*.yaml`` files below some folders.

    Raises:
        OSError: a path does not exist, or cannot be read.
    """
    for path in paths:
        for file in _files(Path(path)):
            yield from _read_file(file)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(each for each in path.rglob("*") if each.suffix in {".yml", ".yaml"} and each.is_file())


def _read_file(file: Path) -> Iterator[Rule | Refusal]:
    with file.open("rb") as opened:
        raw = opened.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        yield Refusal(str(file), f"is larger than {MAX_BYTES // 1024} KB", is_rule=False)
        return
    documents = yaml.safe_load_all(raw)
    while True:
        try:
            document = next(documents)
        except StopIteration:
            return
        except yaml.YAMLError as error:
            yield Refusal(
                str(file), f"is not valid YAML: {_first_line(error)}", is_rule=_names_cloudtrail(raw)
            )
            return
        except (ValueError, RecursionError, TypeError, AttributeError, OverflowError) as error:
            yield Refusal(str(file), f"cannot be read: {_first_line(error)}", is_rule=_names_cloudtrail(raw))
            return
        yield _read_document(str(file), file.stem, document)


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return f"{one_line(str(problem))[:200]}{where}"


def one_line(text: str) -> str:
    """A text of a rule, for one line of a terminal or of a comment: printable, and with single blanks."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split())
    )


def _names_cloudtrail(raw: bytes) -> bool:
    return b"cloudtrail" in raw and b"detection" in raw


def _bounded(document: Any) -> bool:
    """Whether a document has a limited number of values. A billion laughs, or a cycle, does not."""
    stack, seen = [document], 0
    while stack:
        value = stack.pop()
        seen += 1
        if seen > MAX_VALUES:
            return False
        if isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list):
            stack += value
    return True


def _read_document(file: str, stem: str, document: Any) -> Rule | Refusal:
    if not _bounded(document):
        return Refusal(file, f"has more than {MAX_VALUES:,} values", is_rule=False)
    if not isinstance(document, dict):
        return Refusal(file, "is not a rule: it is not a table of keys", is_rule=False)
    if "correlation" in document:
        return Refusal(file, NEEDS_THRESHOLD, is_rule=True)
    if "detection" not in document or "logsource" not in document:
        return Refusal(file, "is not a rule: it has no detection with a logsource", is_rule=False)
    other = _other_product(document["logsource"])
    return _parsed(file, stem, document) if other is None else Refusal(file, other, is_rule=False)


def _other_product(logsource: Any) -> str | None:
    if not isinstance(logsource, dict):
        return "is not a rule: its logsource is not a table of keys"
    product, service = (str(logsource.get(key) or "none").lower() for key in ("product", "service"))
    if product == "aws" or (product, service) == ("none", "cloudtrail"):
        return None  # some name the service of the calls instead of cloudtrail, and some no product
    said = one_line(f"product {product}, service {service}")[:100]
    return f"is about another product: {said}"


def _parsed(file: str, stem: str, document: dict[Any, Any]) -> Rule | Refusal:
    try:
        rule = SigmaRule.from_dict(document, collect_errors=True)
        serious = [error for error in rule.errors if not _is_about_itself(error)]
        problem = _refused(serious[0]) if serious else ""
        if not problem and any("|" in condition for condition in rule.detection.condition):
            problem = NEEDS_THRESHOLD
        trees = () if problem else tuple(one.parsed for one in rule.detection.parsed_condition)
    except SigmaError as error:
        return Refusal(file, _refused(error), is_rule=True)
    except Exception as error:  # noqa: BLE001  # pySigma fails in many ways at values of unexpected types
        return Refusal(file, f"pySigma cannot read it: {_first_line(error)}", is_rule=True)
    if problem or not trees or None in trees:
        return Refusal(file, problem or "has a condition that is empty", is_rule=True)
    of_cloudtrail = str(document["logsource"].get("service")).lower() == "cloudtrail"
    if not of_cloudtrail and not any(map(_is_about_calls, trees)):
        text = "is about another service of AWS: it has neither eventSource nor eventName"
        return Refusal(file, text, is_rule=False)
    return Rule(
        file=file,
        stem=stem,
        title=_said(document, "title") or stem,
        level=rule.level.name.lower() if rule.level is not None else "",
        author=_said(document, "author"),
        id=_said(document, "id"),
        description=_said(document, "description"),
        license=_said(document, "license"),
        references=_list(document.get("references")),
        tags=_list(document.get("tags")),
        conditions=trees,
    )


def _is_about_calls(tree: Any) -> bool:
    return getattr(tree, "field", None) in {"eventSource", "eventName"} or any(
        _is_about_calls(part) for part in getattr(tree, "args", ())
    )


def _is_about_itself(error: SigmaError) -> bool:
    name = type(error).__name__
    return name.startswith(tuple(f"Sigma{word}" for word in _ABOUT_ITSELF + _MORE_ABOUT_ITSELF))


def _refused(error: SigmaError) -> str:
    return f"pySigma refuses it: {_first_line(error).rstrip('.')}"


def _said(document: dict[Any, Any], key: str) -> str:
    value = document.get(key)
    if isinstance(value, list):
        return ", ".join(one_line(str(each)) for each in value)
    return "" if value is None else one_line(str(value))


def _list(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(one_line(str(each)) for each in listed)
