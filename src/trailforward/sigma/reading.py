"""Reads files of Sigma rules, and says why a document is not a rule that can be converted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from trailforward.sigma.correlations import Document, resolved
from trailforward.sigma.counting import NotCountableError, aggregation, without_aggregation
from trailforward.sigma.rule import Refusal, Rule, one_line, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Largest file in bytes, and most values of a document, counted wherever an alias repeats them.
MAX_BYTES = 512 * 1024
MAX_VALUES = 20_000

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


def read(paths: Iterable[str]) -> Iterator[Rule | Refusal]:
    """Reads every rule of some files, and of all ``*.yml`` and ``*.yaml`` files below some folders.

    Raises:
        OSError: a path does not exist, or cannot be read.
    """
    documents = [
        document for path in paths for file in _files(Path(path)) for document in _read_file(file)
    ]  # all of them, because a correlation may come before the rules that it uses
    yield from resolved(documents)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(each for each in path.rglob("*") if each.suffix in {".yml", ".yaml"} and each.is_file())


def _read_file(file: Path) -> Iterator[Document]:
    with file.open("rb") as opened:
        raw = opened.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        yield _refused_document(file, f"is larger than {MAX_BYTES // 1024} KB", is_rule=False)
        return
    documents = yaml.safe_load_all(raw)
    while True:
        try:
            document = next(documents)
        except StopIteration:
            return
        except yaml.YAMLError as error:
            text = f"is not valid YAML: {_first_line(error)}"
            yield _refused_document(file, text, is_rule=_names_cloudtrail(raw))
            return
        except (ValueError, RecursionError, TypeError, AttributeError, OverflowError) as error:
            text = f"cannot be read: {_first_line(error)}"
            yield _refused_document(file, text, is_rule=_names_cloudtrail(raw))
            return
        yield _read_document(str(file), file.stem, document)


def _refused_document(file: Path, reason: str, *, is_rule: bool) -> Document:
    return Document(str(file), file.stem, Refusal(str(file), reason, is_rule))


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return f"{one_line(str(problem))[:200]}{where}"


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


def _read_document(file: str, stem: str, document: Any) -> Document:
    if not _bounded(document):
        found = Refusal(file, f"has more than {MAX_VALUES:,} values", is_rule=False)
        return Document(file, stem, found)
    if not isinstance(document, dict):
        found = Refusal(file, "is not a rule: it is not a table of keys", is_rule=False)
        return Document(file, stem, found)
    return Document(file, stem, _found(file, stem, document), document)


def _found(file: str, stem: str, document: dict[Any, Any]) -> Rule | Refusal | None:
    """What a document is; None for a correlation."""
    other = _other_product(document["logsource"]) if "logsource" in document else None
    if other is not None:
        return Refusal(file, other, is_rule=False)
    if "correlation" in document:
        return None
    if "detection" not in document or "logsource" not in document:
        return Refusal(file, "is not a rule: it has no detection with a logsource", is_rule=False)
    return _parsed(file, stem, document)


def _other_product(logsource: Any) -> str | None:
    if not isinstance(logsource, dict):
        return "is not a rule: its logsource is not a table of keys"
    product, service = (str(logsource.get(key) or "none").lower() for key in ("product", "service"))
    if product == "aws" or (product, service) == ("none", "cloudtrail"):
        return None  # some name the service of the calls instead of cloudtrail, and some no product
    said = one_line(f"product {product}, service {service}")[:100]
    return f"is about another product: {said}"


def _parsed(file: str, stem: str, document: dict[Any, Any]) -> Rule | Refusal:
    counting, uncountable = None, ""
    try:
        if _aggregates(document["detection"]):
            try:
                counting = aggregation(document["detection"])
            except NotCountableError as error:
                uncountable = str(error)
            document = {**document, "detection": without_aggregation(document["detection"])}
        rule = SigmaRule.from_dict(document, collect_errors=True)
        serious = [error for error in rule.errors if not _is_about_itself(error)]
        problem = _refused(serious[0]) if serious else ""
        trees = () if problem else tuple(one.parsed for one in rule.detection.parsed_condition)
    except SigmaError as error:
        return Refusal(file, uncountable or _refused(error), is_rule=True)
    except Exception as error:  # noqa: BLE001  # pySigma fails in many ways at values of unexpected types
        return Refusal(file, f"pySigma cannot read it: {_first_line(error)}", is_rule=True)
    if problem or not trees or None in trees:
        return Refusal(file, problem or "has a condition that is empty", is_rule=True)
    of_cloudtrail = str(document["logsource"].get("service")).lower() == "cloudtrail"
    if not of_cloudtrail and not any(map(_is_about_calls, trees)):
        text = "is about another service of AWS: it has neither eventSource nor eventName"
        return Refusal(file, text, is_rule=False)
    return (
        Refusal(file, uncountable, is_rule=True)
        if uncountable
        else rule_of(file, stem, document, trees, counting)
    )


def _aggregates(detection: Any) -> bool:
    """Whether a condition has the old form that counts events: ``selection | count() > 5``."""
    condition = detection.get("condition") if isinstance(detection, dict) else None
    listed = condition if isinstance(condition, list) else [condition]
    return any(isinstance(one, str) and "|" in one for one in listed)


def _is_about_calls(tree: Any) -> bool:
    return getattr(tree, "field", None) in {"eventSource", "eventName"} or any(
        _is_about_calls(part) for part in getattr(tree, "args", ())
    )


def _is_about_itself(error: SigmaError) -> bool:
    name = type(error).__name__
    return name.startswith(tuple(f"Sigma{word}" for word in _ABOUT_ITSELF + _MORE_ABOUT_ITSELF))


def _refused(error: SigmaError) -> str:
    return f"pySigma refuses it: {_first_line(error).rstrip('.')}"
