"""Runs a state machine of Step Functions in this process: what ministack ignores, with batches and redrives.

It knows what ``sam/audit.yaml`` uses (Task of a function, Choice, Pass, distributed Map over JSON Lines in S3
with ItemBatcher, ResultSelector, and the thresholds of failures), and fails on anything else.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Most bytes of a state's input or output.
MOST_BYTES = 256 * 1024


class Failed(Exception):  # noqa: N818  # as Step Functions names it
    """A state failed, and with it the execution.

    Attributes:
        state: its name.
        error: the name of the error.
        cause: its text.
    """

    def __init__(self, state: str, error: str, cause: str) -> None:
        super().__init__(f"{state}: {error}: {cause}")
        self.state = state
        self.error = error
        self.cause = cause


@dataclass
class Execution:
    """An execution, for a redrive.

    Attributes:
        name: of the execution.
        given: its input.
        state: where it is.
        value: the input of this state.
        done: of a map that failed: number of a child to its output.
        transitions: states that were entered, those of children with their start included.
        children: name of a map to its child executions.
        calls: of functions.
    """

    name: str
    given: Any
    state: str
    value: Any
    done: dict[int, Any] = field(default_factory=dict)
    transitions: int = 0
    children: Counter[str] = field(default_factory=Counter)
    calls: int = 0


class Machine:
    """A state machine.

    Args:
        definition: in the States Language.
        functions: ARN to a function of a payload.
        s3: a client.
        started: start time of all executions.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        functions: Mapping[str, Callable[[Any], Any]],
        s3: Any,
        started: str = "2026-11-28T06:30:00Z",
    ) -> None:
        self._definition = definition
        self._functions = functions
        self._s3 = s3
        self._started = started

    def start(self, name: str, given: Any) -> Execution:
        """A new execution; :meth:`go` runs it."""
        return Execution(name, given, self._definition["StartAt"], given)

    def go(self, execution: Execution) -> Any:
        """Runs an execution to its end, or redrives one that failed; returns its output.

        Raises:
            Failed: a state failed.
        """
        while True:
            state = self._definition["States"][execution.state]
            execution.transitions += 1
            assert len(json.dumps(execution.value)) < MOST_BYTES
            value = self._step(execution, execution.state, state, execution.value)
            if state["Type"] == "Choice":
                execution.state = value
                continue
            execution.value, execution.done = value, {}
            if state.get("End"):
                return value
            execution.state = state["Next"]

    def _step(self, execution: Execution, name: str, state: Mapping[str, Any], value: Any) -> Any:
        if state["Type"] == "Choice":
            return next((one["Next"] for one in state["Choices"] if _holds(one, value)), state["Default"])
        if state["Type"] == "Pass":
            found = state.get("Result", _path(state.get("InputPath", "$"), value))
        elif state["Type"] == "Task":
            found = {"Payload": self._invoke(execution, name, state, value)}
        elif state["Type"] == "Map":
            found = self._map(execution, name, state, value)
        else:
            raise NotImplementedError(state["Type"])
        if "ResultSelector" in state:
            found = _template(state["ResultSelector"], found, {})
        if "ResultPath" in state:
            if state["ResultPath"] is None:
                return value
            found = {**value, state["ResultPath"].removeprefix("$."): found}
        return _path(state.get("OutputPath", "$"), found)

    def _invoke(self, execution: Execution, name: str, state: Mapping[str, Any], value: Any) -> Any:
        context = {"Execution": {"Name": execution.name, "StartTime": self._started}}
        parameters = _template(state["Parameters"], value, context)
        execution.calls += 1
        payload = json.loads(json.dumps(parameters["Payload"]))
        try:
            answer = self._functions[parameters["FunctionName"]](payload)
        except Exception as error:
            raise Failed(name, type(error).__name__, str(error)) from error
        text = json.dumps(answer)
        assert len(text) < MOST_BYTES
        return json.loads(text)

    def _map(self, execution: Execution, name: str, state: Mapping[str, Any], value: Any) -> list[Any]:
        where = _template(state["ItemReader"]["Parameters"], value, {})
        body = self._s3.get_object(**where)["Body"].read().decode()
        items = [json.loads(line) for line in body.splitlines()]
        if "ItemBatcher" in state:
            size = _path(state["ItemBatcher"]["MaxItemsPerBatchPath"], value)
            items = [{"Items": items[first : first + size]} for first in range(0, len(items), size)]
        processor = state["ItemProcessor"]
        assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
        failures: list[Failed] = []
        for number, item in enumerate(items):
            if number in execution.done:
                continue
            execution.children[name] += 1
            execution.transitions += 1
            ((child, task),) = processor["States"].items()
            try:
                execution.done[number] = _path(
                    task["OutputPath"], {"Payload": self._invoke(execution, child, task, item)}
                )
            except Failed as error:
                failures.append(error)
        tolerated = _path(state.get("ToleratedFailurePercentagePath", "$.none"), {"none": 0, **value})
        if failures and 100 * len(failures) > tolerated * len(items):
            raise Failed(name, failures[0].error, failures[0].cause)
        return [execution.done.get(number) for number in range(len(items))]


def _holds(choice: Mapping[str, Any], value: Any) -> bool:
    found = _path(choice["Variable"], value)
    ((_, wanted),) = ((key, one) for key, one in choice.items() if key.endswith("Equals"))
    return bool(found == wanted and type(found) is type(wanted))


def _path(path: str, value: Any) -> Any:
    for name in path.split(".")[1:]:
        value = value[name]
    return value


def _template(template: Any, value: Any, context: Any) -> Any:
    if not isinstance(template, dict):
        return template
    made = {}
    for key, one in template.items():
        if not key.endswith(".$"):
            made[key] = _template(one, value, context)
        elif one.startswith("States.Format("):
            form, *paths = one.removeprefix("States.Format(").removesuffix(")").split(", ")
            made[key[:-2]] = form.strip("'").format(*(_path(path, value) for path in paths))
        else:
            made[key[:-2]] = _path(one[1:], context) if one.startswith("$$") else _path(one, value)
    return made
