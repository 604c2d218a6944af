# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift guards: what is written down twice must agree, and what everybody forgets must be there."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import EXTRA_PERMISSIONS, ROLES

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGINS = ROOT / "plugins"
RECORDS_FRAGMENT = "selfhosted.langgraph.records"
OWN = "selfhosted.langgraph"
BUILTIN = "ansible.builtin"


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Files that git holds and that are text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink() and b"\0" not in path.read_bytes())


def lines(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Each line of the tracked files (with one of the suffixes) and where it stands."""
    for path in tracked():
        if not suffixes or path.suffix in suffixes:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line


def plugins(kind: str) -> list[Path]:
    """Public plugin files of a kind."""
    return sorted(path for path in (PLUGINS / kind).glob("*.py") if not path.name.startswith("_"))


def constants(path: Path) -> dict[str, str]:
    """String constants at the top of a Python file."""
    return {
        statement.targets[0].id: statement.value.value
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    }


def documentation(path: Path) -> dict[str, Any]:
    """The parsed DOCUMENTATION of a plugin, {} when it has none."""
    return yaml.safe_load(constants(path).get("DOCUMENTATION", "")) or {}


def load(name: str) -> Any:
    """A YAML file of the checkout."""
    return yaml.safe_load((ROOT / name).read_text())


def roles() -> list[Path]:
    """Folders of the roles."""
    return sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())


HEADER = re.compile(
    r"(#!.*\n)?(# -\*-.*\n)?# Copyright .*\n# GNU General Public License v3\.0\+ .*\n"
    r"# SPDX-License-Identifier: GPL-3\.0-or-later\n"
)
MODULES = plugins("modules")
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
each_role = pytest.mark.parametrize("role", roles(), ids=lambda path: path.name)


# -- plugins ---------------------------------------------------------------------------------------------------------


def test_action_group_is_the_modules_that_take_the_records_options() -> None:
    declared = load("meta/runtime.yml")["action_groups"]["records"]
    found = [module.stem for module in MODULES if RECORDS_FRAGMENT in fragments(module)]
    assert sorted(declared) == sorted(found)
    assert declared == sorted(declared)


def fragments(path: Path) -> list[str]:
    """Doc fragments that a plugin extends."""
    named = documentation(path).get("extends_documentation_fragment", [])
    return [named] if isinstance(named, str) else list(named)


@each_module
def test_module_is_documented(module: Path) -> None:
    missing = {"DOCUMENTATION", "EXAMPLES", "RETURN"} - constants(module).keys()
    assert not missing
    assert documentation(module)["module"] == module.stem
    assert yaml.safe_load(constants(module)["EXAMPLES"])
    assert yaml.safe_load(constants(module)["RETURN"])


@each_module
def test_examples_call_the_module_by_its_full_name(module: Path) -> None:
    assert f"{OWN}.{module.stem}:" in constants(module)["EXAMPLES"]


def test_action_plugins_stand_before_documented_modules() -> None:
    assert {path.stem for path in plugins("action")} <= {path.stem for path in MODULES}


@pytest.mark.parametrize("kind", ["callback", "inventory", "filter", "lookup"])
def test_other_plugins_are_documented(kind: str) -> None:
    undocumented = [path.stem for path in plugins(kind) if not documentation(path).get("short_description")]
    assert undocumented == []


def test_utilities_are_private_and_plugins_carry_the_licence() -> None:
    public = [path.name for path in plugins("module_utils") if path.stem != "__init__"]
    assert public == []
    bare = [str(path.relative_to(ROOT)) for path in PLUGINS.rglob("*.py") if not HEADER.match(path.read_text())]
    assert bare == []


# -- roles -----------------------------------------------------------------------------------------------------------


def entry_points(role: Path) -> dict[str, Any]:
    """Argument spec of a role: {entry point: spec}."""
    return yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]


@each_role
def test_defaults_of_a_role_equal_its_argument_spec(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text()) or {}
    options = {name: spec for point in entry_points(role).values() for name, spec in point.get("options", {}).items()}
    assert sorted(set(defaults) - set(options)) == [], "defaults without an option"
    stated = {name: spec["default"] for name, spec in options.items() if "default" in spec}
    assert sorted(set(stated) - set(defaults)) == [], "options with a default that defaults/main.yml lacks"
    optional = {name for name, spec in entry_points(role)["main"]["options"].items() if not spec.get("required")}
    assert sorted(optional - set(defaults)) == [], "optional options of main without a default"
    different = {
        name: (value, stated.get(name, "no default"))
        for name, value in defaults.items()
        if not agrees(value, options[name])
    }
    assert different == {}


# "{{ langgraph_platform | default('systemd') }}": a collection-wide variable and its fallback
SHARED = re.compile(r"\{\{\s*langgraph_\w+\s*\|\s*default\((?P<fallback>'[^']*'|true|false|\d+|\[\]|\{\})\)\s*\}\}")


def agrees(value: Any, option: dict[str, Any]) -> bool:
    """Whether a value of defaults/main.yml and an option say the same.

    A collection-wide variable with a fallback counts as the fallback; of any other template the option repeats the
    template or leaves the default out and describes it; a required option may have an empty default, so that its
    absence is told well.
    """
    stated = option.get("default")
    if option.get("required"):
        return not value
    if "default" in option and value == stated:
        return True
    if not (isinstance(value, str) and "{{" in value):
        return value is None and "default" not in option
    shared = SHARED.fullmatch(value)
    return stated == yaml.safe_load(shared["fallback"]) if shared else "default" not in option


@each_role
def test_options_of_a_role_carry_its_name(role: Path) -> None:
    prefix = f"{role.name.lstrip('_')}_"
    foreign = [
        f"{point}: {name}"
        for point, spec in entry_points(role).items()
        for name in spec.get("options", {})
        if not name.startswith(prefix)
    ]
    assert foreign == []
    for name in ("vars/main.yml", "vars/main.yaml"):
        if (role / name).exists():
            internal = yaml.safe_load((role / name).read_text()) or {}
            assert [key for key in internal if not key.startswith(f"__{prefix}")] == []


@each_role
def test_each_entry_point_of_a_role_is_a_task_file_and_the_other_way_round(role: Path) -> None:
    missing = [name for name in entry_points(role) if not (role / "tasks" / f"{name}.yml").exists()]
    assert missing == []


@each_role
def test_role_is_described(role: Path) -> None:
    assert (role / "README.md").stat().st_size > 200
    meta = yaml.safe_load((role / "meta" / "main.yml").read_text())
    assert meta["dependencies"] == []
    assert meta["galaxy_info"]["description"]


def test_readme_names_every_module_and_role() -> None:
    readme = (ROOT / "README.md").read_text()
    names = [module.stem for module in MODULES] + [role.name for role in roles()]
    assert [name for name in names if not re.search(rf"\b{name}\b", readme)] == []


# -- metadata --------------------------------------------------------------------------------------------------------


def requirements(name: str) -> dict[str, Requirement]:
    """A list of requirements, without its comments."""
    text = (ROOT / name).read_text()
    found = [Requirement(line.split("#")[0]) for line in text.splitlines() if line.split("#")[0].strip()]
    return {requirement.name: requirement for requirement in found}


def test_execution_environment_equals_the_runtime_list() -> None:
    runtime = requirements("requirements/runtime.in")
    assert "ansible-core" in runtime
    del runtime["ansible-core"]  # the base image of an execution environment brings its own
    assert requirements("meta/ee-requirements.txt") == runtime
    assert load("meta/execution-environment.yml")["dependencies"]["python"] == "meta/ee-requirements.txt"


def test_tested_floor_is_the_declared_one() -> None:
    declared = load("meta/runtime.yml")["requires_ansible"]
    floor = requirements("requirements/runtime.in")["ansible-core"]
    assert declared == f">={str(floor.specifier).removeprefix('==').removesuffix('.*')}.0"


@pytest.mark.parametrize("name", ["bootstrap", "runtime", "control_plane", "listener", "quickstart", "dev", "newest"])
def test_lists_are_locked_by_hash_and_explained(name: str) -> None:
    wanted = requirements(f"requirements/{name}.in")
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    assert {re.sub(r"[-_.]+", "-", package).lower() for package in wanted} <= pinned
    assert len(re.findall(r"^[a-z0-9.-]+==", lock, re.MULTILINE)) <= lock.count(" \\\n    --hash=sha256:")
    if name not in ("bootstrap", "newest"):  # these two explain the list as a whole
        rows = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
        assert [row for row in rows if row and "#" not in row] == []


def test_dependencies_are_the_collections_that_roles_and_playbooks_use() -> None:
    declared = set(load("galaxy.yml")["dependencies"] or {})
    assert {name.rpartition(".")[0] for name in used_names()} - {BUILTIN, OWN} == declared


def used_names() -> set[str]:
    """Full names of modules that tasks of roles and playbooks call."""
    found: set[str] = set()
    for folder in ("roles", "playbooks"):
        for path in (ROOT / folder).rglob("*.yml"):
            if not {"templates", "files"} & set(path.parts):
                for document in yaml.load_all(path.read_text(), Loader=yaml.BaseLoader):
                    found |= {name for name in keys(document) if re.fullmatch(r"[a-z_]+\.[a-z_]+\.[a-z_]+", name)}
    return found


def keys(node: Any) -> Iterator[str]:
    """All keys of all mappings below a node."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for item in node:
            yield from keys(item)


def test_documented_permissions_of_the_roles_are_the_roles() -> None:
    rows = re.findall(r"^\| `([a-z-]+:[a-z]+)` \|(.+)\|$", (ROOT / "docs" / "access.md").read_text(), re.MULTILINE)
    told = {permission: [cell.strip() != "-" for cell in cells.split("|")] for permission, cells in rows}
    order = ("viewer", "editor", "admin", "listener")
    assert told == {name: [name in ROLES[role] for role in order] for name in EXTRA_PERMISSIONS}


def test_changes_are_written_down() -> None:
    released = load("changelogs/changelog.yaml")["releases"]
    fragments_there = list((ROOT / "changelogs" / "fragments").glob("*.yml"))
    assert fragments_there or load("galaxy.yml")["version"] in released


# -- the whole checkout ----------------------------------------------------------------------------------------------

# Each way to silence a check names the check and says why on the same line.
HOW = r"#\s*(?:noqa|type:\s*ignore|pylint:\s*disable|nosec|pragma:\s*no cover|shellcheck disable)"
SILENCED = re.compile(rf"{HOW}(?P<rest>.*)")
REASON = re.compile(r"^\W*[\w=:,\[\]\- ]*?[\w\]]\s*(?:#|-|;)\s+\w")


def test_every_silenced_check_has_its_reason() -> None:
    bare = []
    for where, line in lines(".py", ".yml", ".yaml", ".sh", ""):
        silenced = SILENCED.search(line)
        if silenced and "HOW =" not in line and not REASON.match(silenced["rest"]):
            bare.append(f"{where}: {line.strip()}")
    assert bare == []


def test_every_sanity_ignore_has_its_reason() -> None:
    rows = [
        row
        for path in (ROOT / "tests" / "sanity").glob("ignore-*.txt")
        for row in path.read_text().splitlines()
        if row.strip() and not re.search(r"#\s*\S+(\s+\S+){2,}", row)
    ]
    assert rows == []


@pytest.mark.parametrize("key", ["skip_list", "warn_list"])
def test_linter_skips_nothing_silently(key: str) -> None:
    text = (ROOT / ".ansible-lint").read_text()
    listed = load(".ansible-lint").get(key, [])
    assert [rule for rule in listed if not re.search(rf"-\s*{re.escape(rule)}\s+#\s*\S+\s+\S+", text)] == []


def test_nothing_names_a_machine_or_a_package_host() -> None:
    places = "|".join(["work", "root", "farm"])
    hosts = "|".join(["pypi", "npm", "golang", "debian", "maven", "crates"])
    forbidden = re.compile(rf"(?<![\w.}}$])/({places})/|https?://[^\s\"'<>)]*({hosts})")
    assert [f"{where}: {line.strip()[:120]}" for where, line in lines() if forbidden.search(line)] == []


def test_nothing_unfinished_is_left() -> None:
    marks = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
    assert [where for where, line in lines(".py", ".yml", ".j2", ".md") if re.search(rf"\b({marks})\b", line)] == []
