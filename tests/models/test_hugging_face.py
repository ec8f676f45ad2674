"""Model folders to and from the Hub: its client library against a server of our own on this machine."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from ccnn_pc.models import create_model, from_pretrained, push_to_hub, save_pretrained
from ccnn_pc.models.hugging_face import model_card, pull_from_hub

pytest.importorskip("huggingface_hub")


class StandIn(BaseHTTPRequestHandler):
    """What the Hub's server answers to these calls; files of each repository by name, commit by commit."""

    server: Any
    repositories: dict[str, list[dict[str, bytes]]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            there = name in self.repositories
            self.repositories.setdefault(name, [])
            return self._say({"url": f"{self._base()}/{name}"}, 409 if there else 200)
        if path == "/api/validate-yaml":
            return self._say({"errors": [], "warnings": []})
        if "/preupload/" in path:
            files = [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for each in json.loads(body)["files"]]  # fmt: skip
            return self._say({"files": files})
        name = path.removeprefix("/api/models/").rpartition("/commit/")[0]
        lines = [json.loads(line) for line in body.splitlines()]
        added = {line["value"]["path"]: base64.b64decode(line["value"]["content"])
                 for line in lines if line["key"] == "file"}  # fmt: skip
        commits = self.repositories[name]
        commits.append({**(commits[-1] if commits else {}), **added})
        oid = _oid(len(commits))
        self._say({"commitUrl": f"{self._base()}/{name}/commit/{oid}", "commitOid": oid, "success": True})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        name, _, rest = self.path.split("?")[0].strip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        commits = self.repositories.get(name, [])
        number = len(commits) if revision == "main" else next(
            (n for n in range(1, len(commits) + 1) if _oid(n) == revision), 0
        )  # fmt: skip
        content = commits[number - 1].get(file) if number else None
        if content is None:
            code = "EntryNotFound" if commits else "RepoNotFound"
            return self._say({"error": code}, 404, {"X-Error-Code": code, "X-Error-Message": code})
        tag = hashlib.sha1(content).hexdigest()
        self._say(content, 200, {"ETag": f'"{tag}"', "X-Repo-Commit": _oid(number)})

    def _base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def _say(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        return


def _oid(number: int) -> str:
    return f"{number:040x}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[dict[str, bytes]]]]:
    StandIn.repositories = {}
    running = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    Thread(target=running.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{running.server_port}"
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", base)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", base + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield StandIn.repositories
    running.shutdown()
    running.server_close()


def saved(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    model = create_model("ckcnn_2_10", dim=1, in_channels=2, num_classes=3, shape=(12,))
    return save_pretrained(model, folder, classes=["rest", "walk", "run"])


def test_a_model_goes_there_and_comes_back(server: dict[str, Any], tmp_path: Path) -> None:
    first, second = saved(tmp_path / "first"), saved(tmp_path / "second", seed=1)
    where = push_to_hub(first, "someone/steps")
    assert where.endswith("someone/steps") and len(server["someone/steps"]) == 1
    there = server["someone/steps"][0]
    assert set(there) == {"config.json", "model.safetensors", "README.md"}
    assert there["model.safetensors"] == (first / "model.safetensors").read_bytes()
    card = there["README.md"].decode()
    assert (
        card.startswith("---\nlibrary_name: ccnn_pc\n") and 'from_pretrained("hf-hub:someone/steps")' in card
    )
    assert "classification: rest, walk, run" in card

    push_to_hub(second, "someone/steps", message="better")  # the repository is there already
    x = torch.randn(2, 2, 12)
    with torch.no_grad():
        newest: Any
        older: Any
        newest, older = (
            from_pretrained("hf-hub:someone/steps"),
            from_pretrained(f"hf-hub:someone/steps@{_oid(1)}"),
        )
        assert newest.classes == ["rest", "walk", "run"]
        assert torch.equal(newest(x), from_pretrained(second)(x)) and torch.equal(
            older(x), from_pretrained(first)(x)
        )
        tuned = create_model("hf-hub:someone/steps", pretrained=True, num_classes=5)
    assert torch.equal(
        tuned.blocks[0].conv2.kernel.readout.weight, newest.blocks[0].conv2.kernel.readout.weight
    )
    pulled = (pull_from_hub("someone/steps") / "README.md").read_bytes()
    assert pulled == server["someone/steps"][1]["README.md"]


def test_a_card_of_ones_own_stays(server: dict[str, Any], tmp_path: Path) -> None:
    folder = saved(tmp_path / "model")
    (folder / "README.md").write_text("# Steps\n\nFrom my watch.\n")
    push_to_hub(folder, "someone/steps")
    card = server["someone/steps"][0]["README.md"].decode()
    assert card.startswith("---\n") and card.endswith("---\n\n# Steps\n\nFrom my watch.\n")
    (folder / "README.md").write_text(card.replace("watch", "shoe"))
    assert model_card(folder) == card.replace("watch", "shoe")


def test_what_is_not_there(server: dict[str, Any], tmp_path: Path) -> None:
    for name in ("steps", "a/b/c", "/b", "a/"):
        with pytest.raises(ValueError, match="'name' must be owner/name"):
            from_pretrained(f"hf-hub:{name}")
    with pytest.raises(OSError, match="404"):
        from_pretrained("hf-hub:someone/nothing")
    with pytest.raises(FileNotFoundError, match=r"config\.json' is missing"):
        push_to_hub(tmp_path, "someone/steps")
    assert server == {}
