"""Resolves correlations: a rule that counts the events of other rules becomes one rule."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from trailforward.sigma.counting import NotCountableError, correlation
from trailforward.sigma.rule import Refusal, Rule, one_line, rule_of, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trailforward.sigma.counting import Correlation
    from trailforward.sigma.rule import Counting


@dataclass(slots=True, eq=False)
class Document:
    """A document of a file.

    Attributes:
        file: the path of its file.
        stem: the name of its file without the extension.
        found: what it is; None for a correlation.
        content: a correlation, or what a rule says about itself; may be empty.
        users: titles of the correlations that use it.
        generated: whether one of them wants it to become a route, too.
    """

    file: str
    stem: str
    found: Rule | Refusal | None
    content: dict[Any, Any] = field(default_factory=dict)
    users: list[str] = field(default_factory=list)
    generated: bool = False

    def names(self) -> set[str]:
        """All references that mean it."""
        return {self.content[key] for key in _KEYS if isinstance(self.content.get(key), str)}


#: What a correlation may call a rule. The specification has the first two; rules use the third, too.
_KEYS = ("id", "name", "title")


def resolved(documents: Sequence[Document]) -> Iterator[Rule | Refusal]:
    """Every document as what it is in the end, in order: correlations as rules or refusals."""
    read: dict[int, tuple[Correlation, list[Document]] | str] = {}
    index = _Index(documents)
    for at, document in enumerate(documents):
        if document.found is None:
            read[at] = _referred(document, index)
    for at, document in enumerate(documents):
        if document.found is None:
            made = read[at]
            found = (
                Refusal(document.file, made, is_rule=True)
                if isinstance(made, str)
                else _counted(document, *made)
            )
        else:
            found = document.found
        # A correlation that is refused is missing, whatever uses it: two may use each other.
        about_us = isinstance(found, Rule) or (found.is_rule and document.found is not None)
        if document.users and not document.generated and about_us:
            users = ", ".join(dict.fromkeys(document.users))
            text = f"only the correlation uses it, which does not have `generate: true`: {users}"
            yield Refusal(document.file, f"{said(document.content, 'title')}: {text}", False, is_part=True)  # noqa: FBT003
        else:
            yield found


class _Index:
    """Documents by what a correlation may call them."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._all: dict[tuple[str, str], list[Document]] = {}
        for document in documents:
            for key in _KEYS:
                value = document.content.get(key)
                if isinstance(value, str):
                    self._all.setdefault((key, value), []).append(document)

    def find(self, name: str, file: str) -> Document:
        """The document that a reference in a file means: in the same file, or else in all.

        Raises:
            NotCountableError: there is none, or more than one.
        """
        for key in _KEYS:
            every = self._all.get((key, name), [])
            found = [one for one in every if one.file == file] or every
            if len(found) > 1:
                raise NotCountableError(f"several rules have the {key} to which it refers: {_quoted(name)}")
            if found:
                return found[0]
        raise NotCountableError(f"the rule to which it refers is not among the files: {_quoted(name)}")


def _referred(document: Document, index: _Index) -> tuple[Correlation, list[Document]] | str:
    """The section of a correlation, and the documents that it uses; or what is wrong with it."""
    try:
        section = correlation(document.content)
        parts = [index.find(name, document.file) for name in section.rules]
    except NotCountableError as error:
        return str(error)
    parts = list({id(part): part for part in parts}.values())
    for part in parts:
        part.users.append(said(document.content, "title") or document.stem)
        part.generated = part.generated or section.generate
    return section, parts


def _counted(document: Document, section: Correlation, parts: list[Document]) -> Rule | Refusal:
    """A correlation as a rule that counts the events of other rules."""
    rules = [part.found for part in parts]
    for part in rules:
        if isinstance(part, Refusal) and not part.is_rule:
            return Refusal(document.file, f"uses a rule that {part.reason}", is_rule=False)
    titles = tuple(said(part.content, "title") or part.stem for part in parts)
    try:
        counting = section.counting([part.names() for part in parts], titles)
    except NotCountableError as error:
        return Refusal(document.file, str(error), is_rule=True)
    for title, part in zip(titles, rules, strict=True):
        reason = _uncountable(part)
        if reason:
            return Refusal(document.file, f"{_quoted(title)}: {reason}", is_rule=True)
    found = [part for part in rules if isinstance(part, Rule)]
    return _merged(document, found, counting)


def _uncountable(part: Rule | Refusal | None) -> str:
    if part is None:
        return "it counts matches of another correlation, but the threshold of a route counts events"
    if isinstance(part, Refusal):
        return part.reason
    return "it counts matches of a rule that counts events itself" if part.counting is not None else ""


def _merged(document: Document, parts: list[Rule], counting: Counting) -> Rule:
    """One rule whose events are those of the parts. It names their authors, as the licenses of rules ask."""
    conditions = tuple(condition for part in parts for condition in part.conditions)
    rule = rule_of(document.file, document.stem, document.content, conditions, counting)
    return replace(
        rule,
        level=rule.level or (parts[0].level if len(parts) == 1 else ""),
        author=_joined(one.author for one in (rule, *parts)),
        license=_joined(one.license for one in (rule, *parts)),
    )


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(name for text in texts for name in text.split(", ") if name))


def _quoted(name: str) -> str:
    return f'"{one_line(name)[:100]}"'
