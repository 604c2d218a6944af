# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold an OpenAPI document against the contract: each difference is a place and one sentence.

Both sides are brought to the same form first (``Field``), so that it does not matter how a schema was written down.
What a place is called: ``GET /v2/deployments query limit``, ``request ListenerCreateRequest.compute_type``,
``answer Deployment.url``. Names of schemas and of path parameters are not on the wire and are not compared.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
SCALARS = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "uuid": {"type": "string", "format": "uuid"},
    "datetime": {"type": "string", "format": "date-time"},
    "any": {},
}
NO_DEFAULT = object()


@dataclasses.dataclass(frozen=True)
class Field:
    """What a field may hold. ``kind``: any, a scalar, enum, list, map or schema; ``inner`` describes it further."""

    kind: str
    inner: Any = None
    nullable: bool = False
    required: bool = False
    default: Any = NO_DEFAULT
    limits: tuple[tuple[str, Any], ...] = ()
    besides: tuple[str, ...] = ()  # names of further schemas that it may have


@dataclasses.dataclass(frozen=True)
class Difference:
    """One place where the two differ. ``added``: it is there in ours alone."""

    place: str
    what: str
    added: bool = False


class Contract:
    """The contract's file, read."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.enums: Mapping[str, list[str]] = data["enums"]
        self.schemas = {
            name: {key: self.field(line) for key, line in schema["fields"].items()}
            for name, schema in data["schemas"].items()
        }

    def field(self, line: str) -> Field:
        """A field from its line."""
        first, *words = [word.strip() for word in line.split(",")]
        kind, inner = self._type(first)
        made = Field(kind, inner)
        limits: dict[str, Any] = {}
        for word in words:
            if word == "null":
                made = dataclasses.replace(made, nullable=True)
            elif word == "required":
                made = dataclasses.replace(made, required=True)
            elif word.startswith("default "):
                made = dataclasses.replace(made, default=_value(word.removeprefix("default ")))
            elif found := re.fullmatch(r"(?:(length|items) )?(\S*)\.\.(\S*)", word):
                names = {"length": ("minLength", "maxLength"), "items": ("minItems", "maxItems")}
                low, high = names.get(found[1], ("minimum", "maximum"))
                limits |= {name: _value(text) for name, text in ((low, found[2]), (high, found[3])) if text}
            else:
                raise ValueError(f"the contract's line {line!r} holds the unknown word {word!r}")
        return dataclasses.replace(made, limits=tuple(sorted(limits.items())))

    def _type(self, text: str) -> tuple[str, Any]:
        for prefix, kind in (("list of ", "list"), ("map of ", "map")):
            if text.startswith(prefix):
                return kind, Field(*self._type(text.removeprefix(prefix)))
        if text in SCALARS:
            return text, None
        if text in self.enums:
            return "enum", tuple(sorted(self.enums[text]))
        if text in self.data["schemas"]:
            return "schema", text
        raise ValueError(f"the contract names the unknown type {text!r}")


class Document:
    """An OpenAPI document, read."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind references and single-entry combinations."""
        while True:
            if "$ref" in schema:
                found: Any = self.data
                for part in schema["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
                schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
            elif len(schema.get("allOf", ())) == 1:
                schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
            else:
                return schema

    def field(self, schema: Mapping[str, Any], required: bool = False) -> Field:
        """A field from its schema."""
        default = schema.get("default", NO_DEFAULT)
        nullable = False
        schema = self.resolve(schema)
        choices = [self.resolve(choice) for choice in schema.get("anyOf", schema.get("oneOf", ()))]
        if choices:
            others = [choice for choice in choices if choice.get("type") != "null"]
            nullable = len(others) < len(choices)
            kinds = [self._type(choice)[0] for choice in others]
            if len(others) > 1 and kinds == ["schema"] * len(others):
                titles = tuple(str(choice.get("title")) for choice in others[1:])
                return Field("schema", others[0], nullable, required, default, besides=titles)
            if len(others) != 1:
                return Field("mixed", _words(choices), nullable, required, default)
            schema = {**{key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}, **others[0]}
        kind, inner = self._type(schema)
        names = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
        limits = tuple(sorted((name, schema[name]) for name in names if name in schema))
        return Field(kind, inner, nullable, required, default, limits)

    def _type(self, schema: Mapping[str, Any]) -> tuple[str, Any]:
        if "const" in schema:
            return "enum", (schema["const"],)
        if "enum" in schema:
            return "enum", tuple(sorted(schema["enum"]))
        kind = schema.get("type")
        if kind == "array":
            return "list", self.field(schema.get("items", {}))
        if kind == "object" and schema.get("properties"):
            return "schema", schema
        if kind == "object":
            values = schema.get("additionalProperties", True)
            if len(schema.get("patternProperties", ())) == 1:
                (values,) = schema["patternProperties"].values()
            return ("map", self.field(values)) if isinstance(values, Mapping) and values else ("object", None)
        if kind is None:
            return "any", None
        if kind == "string" and schema.get("format") in ("uuid", "date-time"):
            return {"uuid": "uuid", "date-time": "datetime"}[schema["format"]], None
        return str(kind), None

    def fields(self, schema: Mapping[str, Any]) -> dict[str, Field]:
        """Fields of an object's schema."""
        required = schema.get("required", ())
        return {name: self.field(value, name in required) for name, value in schema["properties"].items()}

    def operations(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Operations by method and path, with the parameters of the path in each."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for path, item in self.data["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                    found[method, path] = {**item[method], "parameters": parameters}
        return found


class Comparison:
    """All differences between a contract and a document."""

    def __init__(self, contract: Contract, document: Document) -> None:
        self.contract = contract
        self.document = document
        self._found: dict[Difference, None] = {}
        self._seen: set[tuple[str, str, str]] = set()
        self._compare()

    @property
    def differences(self) -> list[Difference]:
        """Each once, in the order in which they were met."""
        return list(self._found)

    def _add(self, place: str, what: str, added: bool = False) -> None:
        self._found[Difference(place, what, added)] = None

    def _compare(self) -> None:
        ours = {(method, shape(path)): (path, value) for (method, path), value in self.document.operations().items()}
        known = set()
        for path, methods in self.contract.data["paths"].items():
            for method, operation in methods.items():
                known.add((method, shape(path)))
                name = f"{method.upper()} {path}"
                if (method, shape(path)) not in ours:
                    self._add(name, "missing")
                    continue
                self._operation(name, path, operation, ours[method, shape(path)][1])
        for path in self.contract.data["families"]:
            here = {method for method, found in ours if found == shape(path)}
            known |= {(method, shape(path)) for method in here}
            if not here:
                self._add(path, "missing")
        for key, (path, _operation) in ours.items():
            if key not in known:
                self._add(f"{key[0].upper()} {path}", "added", True)

    def _operation(self, name: str, path: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        parameters = {where: [p for p in ours["parameters"] if p["in"] == where] for where in ("path", "query")}
        placed = re.findall(r"{(\w+)}", path)
        for word, parameter in zip(placed, parameters["path"], strict=True):
            expected = dataclasses.replace(
                self.contract.field(self.contract.data["path_parameters"][word]), required=True
            )
            self._field(f"{name} path {word}", expected, self._parameter(parameter), "request")
        self._fields(
            f"{name} query ",
            {key: self.contract.field(line) for key, line in theirs.get("query", {}).items()},
            {parameter["name"]: self._parameter(parameter) for parameter in parameters["query"]},
            "request",
        )
        self._body(name, theirs, ours)
        self._answers(name, theirs, ours)

    def _parameter(self, parameter: Mapping[str, Any]) -> Field:
        return self.document.field(parameter["schema"], parameter.get("required", False))

    def _body(self, name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        body = ours.get("requestBody")
        if "body" not in theirs:
            if body is not None:
                self._add(f"{name} body", "added", True)
            return
        schema = (body or {}).get("content", {}).get("application/json", {}).get("schema")
        if body is None or schema is None:
            self._add(f"{name} body", "missing")
            return
        required = theirs.get("body_required", True)
        if body.get("required", False) != required:
            self._add(f"{name} body", f"is {'optional' if required else 'required'} here")
        expected = dataclasses.replace(self.contract.field(theirs["body"]), nullable=not required)
        found = dataclasses.replace(self.document.field(schema), default=NO_DEFAULT)
        self._field(f"{name} body", expected, found, "request")

    def _answers(self, name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        answers = {str(code): kind for code, kind in theirs["answers"].items()}
        expected = {*answers, *(str(code) for code in theirs["errors"])}
        for code in sorted(expected - ours["responses"].keys()):
            self._add(f"{name} answer {code}", "missing")
        for code in sorted(ours["responses"].keys() - expected):
            self._add(f"{name} answer {code}", "added", True)
        for code in sorted(answers.keys() & ours["responses"].keys()):
            content = ours["responses"][code].get("content", {})
            schema = content.get("application/json", {}).get("schema")
            if answers[code] == "nothing":
                if content:
                    self._add(f"{name} answer {code}", "has a body here")
            elif schema is None:
                self._add(f"{name} answer {code}", "has no JSON body here")
            else:
                self._field(
                    f"{name} answer {code}", self.contract.field(answers[code]), self.document.field(schema), "answer"
                )

    def _fields(self, place: str, theirs: Mapping[str, Field], ours: Mapping[str, Field], side: str) -> None:
        for key, field in theirs.items():
            if key in ours:
                self._field(f"{place}{key}", field, ours[key], side)
            else:
                self._add(f"{place}{key}", "missing")
        for key, field in ours.items():
            if key not in theirs:
                self._add(f"{place}{key}", "added, required" if side == "request" and field.required else "added", True)

    def _field(self, place: str, theirs: Field, ours: Field, side: str) -> None:
        if theirs.kind != "any":
            self._kind(place, theirs, ours, side)
            if theirs.nullable != ours.nullable:
                self._add(place, "may be null here" if ours.nullable else "may not be null here")
            # null as a default says the same as none; an answer's default is for a field that is missing
            defaults = [None if field.default is NO_DEFAULT else field.default for field in (theirs, ours)]
            if defaults[0] != defaults[1] and not (side == "answer" and ours.required):
                self._add(place, f"defaults to {defaults[1]!r} here, to {defaults[0]!r} there")
            # what requests may not hold, answers do not either
            if side == "request" and theirs.limits != ours.limits:
                self._add(place, f"is limited to {_limits(ours)} here, to {_limits(theirs)} there")
        for title in ours.besides:
            self._add(place, f"may be a {title} here", True)
        if theirs.required != ours.required:
            self._add(place, f"is {'required' if ours.required else 'optional'} here")

    def _kind(self, place: str, theirs: Field, ours: Field, side: str) -> None:
        if theirs.kind == ours.kind == "schema":
            key = (side, theirs.inner, str(id(ours.inner)) if "title" not in ours.inner else ours.inner["title"])
            if key not in self._seen:
                self._seen.add(key)
                expected = self.contract.schemas[theirs.inner]
                self._fields(f"{side} {theirs.inner}.", expected, self.document.fields(ours.inner), side)
        elif theirs.kind == ours.kind == "enum":
            for value in sorted({*ours.inner} - {*theirs.inner}):
                self._add(place, f"may be {value} here")
            for value in sorted({*theirs.inner} - {*ours.inner}):
                self._add(place, f"may not be {value} here")
        elif theirs.kind == ours.kind and theirs.kind in ("list", "map"):
            self._field(f"{place} items", theirs.inner, ours.inner, side)
        elif theirs.kind != ours.kind and not (theirs.kind == "object" and ours.kind in ("schema", "map")):
            self._add(place, f"is of type {_name(ours)} here, {_name(theirs)} there")


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"{\w+(:\w+)?}", "{}", path)


def _value(text: str) -> Any:
    words = {"true": True, "false": False}
    if text in words:
        return words[text]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _limits(field: Field) -> str:
    return ", ".join(f"{name} {value}" for name, value in field.limits) or "nothing"


def _name(field: Field) -> str:
    return f"{field.kind} ({field.inner})" if field.kind == "mixed" else field.kind


def _words(choices: list[Mapping[str, Any]]) -> str:
    return " or ".join(sorted(str(choice.get("format") or choice.get("type", "any")) for choice in choices))


def unlisted(differences: list[Difference], listed: list[Mapping[str, Any]]) -> Iterator[str]:
    """What the list does not say, and what of it is no longer so: one sentence each.

    An entry has ``places`` (names), ``what`` (the sentence, not for additions) and ``reason``; a * in the first two
    stands for anything.
    """
    used: set[tuple[int, str]] = set()
    for difference in differences:
        hits = [
            (number, place)
            for number, entry in enumerate(listed)
            for place in entry["places"]
            if _matches(entry.get("what", "added"), difference.what) and _matches(place, difference.place)
        ]
        used.update(hits)
        if not hits:
            yield f"{difference.place}: {difference.what} - not in deviations.yml"
    for number, entry in enumerate(listed):
        for place in entry["places"]:
            if (number, place) not in used:
                yield f"{place}: {entry.get('what', 'added')} - in deviations.yml, but no longer so"


def _matches(pattern: str, place: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), place) is not None
