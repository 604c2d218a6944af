# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd host that is its own control node, so that the figure of a new revision is one of a local connection."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.support.hosts import systemd_hosts

NAME = "lg-benchmark"
ROOT = Path(__file__).resolve().parent.parent.parent
HOME = "/opt/control"
PLAYBOOK = f"{HOME}/venv/bin/ansible-playbook"
RECORDS = "dbname=control_plane"
KEY = f"{HOME}/records.key"
SOURCE = f"{HOME}/source"
PREPARE = f"""
set -e
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
python3 -m venv {HOME}/venv
{HOME}/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r {HOME}/runtime.txt
"""

# Seconds from the start of the playbook until the URL behind the proxy answers as the new revision.
REVISION = f"""
import json, os, subprocess, sys, time, urllib.request
number, url = sys.argv[1:]
play = ["{PLAYBOOK}", "-i", "{HOME}/inventory.json", "selfhosted.langgraph.apply", "-e", "@{HOME}/variables.json"]
env = {{**os.environ, "ANSIBLE_COLLECTIONS_PATH": "{HOME}/collections"}}
begun = time.monotonic()
running = subprocess.Popen(play, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=env)
body = json.dumps({{"assistant_id": "echo", "input": {{"names": ["NUMBER"]}}}}).encode()
while True:
    try:
        request = urllib.request.Request(url + "/runs/wait", body, {{"Content-Type": "application/json"}})
        with urllib.request.urlopen(request, timeout=10) as answer:
            if json.load(answer)["values"]["NUMBER"] == number:
                break
    except OSError:
        pass
    if time.monotonic() - begun > 120:
        sys.exit("the new revision does not serve")
    time.sleep(0.02)
print(time.monotonic() - begun)
sys.exit(running.wait())
"""

# Seconds for what no tool could save: link the packages of the active revision, start its server, wait for /ok.
BARE = """
import json, os, pathlib, shutil, signal, subprocess, sys, time, urllib.request
home = pathlib.Path(sys.argv[1])
state = json.loads((home / "state.json").read_text())
revision = home / "revisions" / str(state["revision"])
connections = next(home.glob("connections-*.json"))
copy = pathlib.Path("/opt/langgraph/bare")
shutil.rmtree(copy, ignore_errors=True)
env = {**os.environ, **json.loads((revision / "env.json").read_text()), **json.loads(connections.read_text())}
env.update(N_JOBS_PER_WORKER="0")
begun = time.monotonic()
subprocess.run(["cp", "--archive", "--link", str(revision / "venv"), str(copy)], check=True)
words = [str(copy / "bin" / "python"), "-m", "uvicorn", "langgraph_api.server:app", "--port", "21999"]
server = subprocess.Popen(words, env=env, cwd=revision / "source", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:21999/ok", timeout=5)
        break
    except OSError:
        if server.poll() is not None:
            sys.exit("the bare server ended")
        time.sleep(0.02)
print(time.monotonic() - begun)
server.send_signal(signal.SIGTERM)
server.wait(60)
"""


class Host:
    """The host with everything installed and deployment `echo` served; ``with Host() as host``."""

    def __init__(self) -> None:
        self.number = 0
        self.slug = ""
        self.url = ""

    def __enter__(self) -> Host:
        systemd_hosts.up([NAME])
        self._control_node()
        self._playbook("site")
        self.run("runuser -u postgres -- createuser --superuser root && createdb control_plane")
        self._module("records_schema", generate_key=True)
        self._revision()
        self._playbook("apply")
        found = self._module("deployment_info", name="echo")["deployments"][0]
        self.slug, self.url = found["slug"], found["url"]
        return self

    def __exit__(self, *_: object) -> None:
        systemd_hosts.down([NAME])

    def new_revision(self) -> float:
        """Make a revision that differs in a variable only, apply it; seconds until it serves."""
        self._revision()
        return float(self.run(f"{HOME}/venv/bin/python - {self.number} {self.url}", REVISION).split()[-1])

    def bare(self) -> float:
        """Seconds of the bare start."""
        return float(self.run(f"/usr/bin/python3 - /opt/langgraph/{self.slug}", BARE).split()[-1])

    def run(self, command: str, text: str = "") -> str:
        """A shell command on the host; its output."""
        words = ["docker", "exec", "--interactive", NAME, "sh", "-c", command]
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[:80]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def _control_node(self) -> None:
        """The collection and what it needs, as a user installs them."""
        self.run(f"mkdir -p {HOME}/collections/ansible_collections/selfhosted/langgraph")
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            subprocess.run(["tar", "--null", "-T", "-", "-cf", archive.name], cwd=ROOT, input=files, check=True)
            systemd_hosts.docker("cp", archive.name, f"{NAME}:{HOME}/collection.tar")
        self.run(f"tar -xf {HOME}/collection.tar -C {HOME}/collections/ansible_collections/selfhosted/langgraph")
        systemd_hosts.docker("cp", str(ROOT / "requirements" / "runtime.txt"), f"{NAME}:{HOME}/runtime.txt")
        systemd_hosts.docker("cp", str(ROOT / "tests" / "support" / "graphs" / "echo"), f"{NAME}:{SOURCE}")
        self.run(PREPARE)
        local = {"ansible_connection": "local", "ansible_python_interpreter": f"{HOME}/venv/bin/python"}
        site = {**local, "ansible_python_interpreter": "/usr/bin/python3"}
        self._write(
            "inventory.json",
            {"langgraph_servers": {"hosts": {"here": site}}, "all": {"hosts": {"localhost": local}}},
        )
        variables = {"langgraph_records_dsn": RECORDS, "langgraph_encryption_key_file": KEY}
        self._write("variables.json", {**variables, "langgraph_proxy_public_host": "127.0.0.1"})

    def _write(self, name: str, content: object) -> None:
        self.run(f"cat > {HOME}/{name}", json.dumps(content))

    def _playbook(self, name: str) -> None:
        self.run(
            f"ANSIBLE_COLLECTIONS_PATH={HOME}/collections {PLAYBOOK} -i {HOME}/inventory.json"
            f" selfhosted.langgraph.{name} -e @{HOME}/variables.json"
        )

    def _module(self, module: str, **options: object) -> dict[str, list[dict[str, str]]]:
        options = {"dsn": RECORDS, "encryption_key_file": KEY, **options}
        out = self.run(
            f"ANSIBLE_COLLECTIONS_PATH={HOME}/collections ANSIBLE_STDOUT_CALLBACK=minimal"
            f" {HOME}/venv/bin/ansible -i {HOME}/inventory.json localhost"
            f" -m selfhosted.langgraph.{module} -a '{json.dumps(options)}'"
        )
        found: dict[str, list[dict[str, str]]] = json.loads(out[out.index("{") :])
        return found

    def _revision(self) -> None:
        self.number += 1
        self._module("deployment", name="echo", source_directory=SOURCE, env={"NUMBER": str(self.number)})
