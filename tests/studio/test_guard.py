"""Nobody but the page itself, with its token, gets in; and no path leads out of the runs."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from lrkit.errors import DataError
from lrkit.records import Journal
from lrkit.studio import Settings, create_app
from lrkit.studio.areas import may_change
from lrkit.studio.guard import HEADERS, MAX_BODY, MAX_QUERY
from lrkit.studio.settings import OWN, kept_token
from tests.studio.conftest import TOKEN, in_process

HOST = "127.0.0.1:8912"
COOKIE = "lrkit-studio-8912"


def bare(settings: Settings) -> TestClient:
    """Return a client that says nothing by itself."""
    return TestClient(create_app(settings), base_url=f"http://{HOST}")


def routes(settings: Settings) -> list[tuple[str, str, APIRoute]]:
    """Return method, path and route of everything that the API can be asked for."""
    found, waiting = [], list(create_app(settings).routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found += [(method, route.path, route) for method in sorted(route.methods)]
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
    return found


def concrete(path: str) -> str:
    return path.replace("{", "").replace("}", "")


def test_there_are_routes_to_guard(settings):
    assert {path for _, path, _ in routes(settings)} >= {"/", "/api/about", "/api/trainings"}


def test_without_the_token_nothing_is_told(settings):
    client = bare(settings)
    for method, path, _ in routes(settings):
        answer = client.request(method, concrete(path), headers={"Origin": f"http://{HOST}"})
        assert answer.status_code == 401, (method, path)
    for path in ("/static/js/main.js", "/static/plotly.js", "/api/openapi.json", "/nothing"):
        assert client.get(path).status_code == 401, path


@pytest.mark.parametrize(
    "given",
    ["", TOKEN[:-1], TOKEN + "t", TOKEN.upper(), "null", "\N{SNOWMAN}" * 43, "%00"],
)
def test_a_wrong_token_is_none(settings, given):
    client = bare(settings)
    assert client.get("/", params={"token": given}).status_code == 401
    assert client.get("/api/about", params={"token": given}).status_code == 401
    told = f"Bearer {given}".encode()
    assert client.get("/api/about", headers={"Authorization": told}).status_code == 401
    client.cookies.set(COOKIE, given if given.isascii() else "x")
    assert client.get("/api/about").status_code == 401


def test_the_link_is_traded_for_a_cookie_and_the_token_leaves_the_address(settings):
    client = bare(settings)
    answer = client.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/api/about").json()["read_only"] is False


def test_the_token_in_the_address_opens_the_page_alone(settings):
    assert bare(settings).get("/api/about", params={"token": TOKEN}).status_code == 401


def test_the_cookie_of_another_port_is_none(settings):
    client = bare(settings)
    client.cookies.set("lrkit-studio-8913", TOKEN)
    assert client.get("/api/about").status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8912",
        "127.0.0.1",
        "127.0.0.1:8913",
        "127.0.0.1.evil.example:8912",
        "localhost.evil.example:8912",
        "[::1]:8912",
        "0.0.0.0:8912",
        "evil.example@127.0.0.1:8912",
        "",
    ],
)
def test_a_foreign_host_is_refused_even_with_the_token(client, host):
    answer = client.get("/api/about", headers={"Host": host})
    assert answer.status_code == 403
    assert "Host" in answer.json()["error"]["message"]


def test_the_page_may_be_called_localhost(client):
    assert client.get("/api/about", headers={"Host": "localhost:8912"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "https://127.0.0.1:8912",
        "http://127.0.0.1:8913",
        "http://127.0.0.1",
        "http://localhost:8912",
        f"http://{HOST}.evil.example",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_origin_is_refused_even_with_the_token(client, origin, method):
    answer = client.request(method, "/api/about", headers={"Origin": origin})
    assert answer.status_code == 403


def test_what_changes_and_comes_by_cookie_says_its_origin(settings):
    client = bare(settings)
    client.cookies.set(COOKIE, TOKEN)
    body = {"task": "poly-tanh", "schedule": "nothing()"}
    assert client.post("/api/trainings", json=body).status_code == 403
    own = {"Origin": f"http://{HOST}"}
    assert client.post("/api/trainings", json=body, headers=own).status_code == 422


def test_web_sockets_are_closed(client):
    with pytest.raises(Exception) as caught, client.websocket_connect("/api/about"):  # noqa: PT011
        pass
    assert type(caught.value).__name__ == "WebSocketDisconnect"


def test_a_giant_body_is_refused_whether_it_says_its_length_or_not(client):
    giant = b"[" + b"1," * (MAX_BODY // 2) + b"1]"
    kind = {"Content-Type": "application/json"}
    said = client.post("/api/trainings", content=giant, headers=kind)
    assert said.status_code == 413

    def in_pieces():
        for start in range(0, len(giant), 1 << 16):
            yield giant[start : start + (1 << 16)]

    unsaid = client.post("/api/trainings", content=in_pieces(), headers=kind)
    assert unsaid.status_code == 413
    assert unsaid.json()["error"]["kind"] == "request"


def test_a_giant_query_is_refused(client):
    assert client.get("/api/about", params={"x": "y" * MAX_QUERY}).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/about",
        "/api/nothing",
        "/static/js/main.js",
        "/static/nothing",
        "/static/plotly.js",
    ],
)
def test_every_answer_carries_the_policy(client, settings, path):
    for answer in (client.get(path), bare(settings).get(path)):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
    policy = HEADERS["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


def test_the_page_holds_no_script_of_its_own_and_names_no_other_machine(client):
    page = client.get("/").text
    for piece in page.split("<script")[1:]:
        head, _, rest = piece.partition(">")
        assert 'src="/static/' in head
        assert rest.lstrip().startswith("</script>")
    assert "://" not in page
    assert "onclick=" not in page


STATIC = Path(__file__).parents[2] / "src" / "lrkit" / "studio" / "static"


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.[jc]s*")), ids=lambda path: path.name)
def test_no_file_of_the_page_asks_another_machine(path):
    text = path.read_text().replace("http://www.w3.org/", "")
    assert "http://" not in text
    assert "https://" not in text
    assert "eval(" not in text
    assert "new Function(" not in text


OUTSIDE = [
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/js/..%2f..%2fapp.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/js/%00",
    "/static/..%5c..%5capp.py",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leaves_the_page_s_files(client, path):
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "import" not in answer.text


NAMES = [".studio", "%2e%2e", "a%2f..%2f..", "..%2f..%2fetc", "%00", "x" * 5000, "%ff"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_run_or_a_job_leads_out(settings, client, name):
    for method, path, _ in routes(settings):
        if "{" not in path or method == "HEAD":
            continue
        pieces = [name if piece.startswith("{") else piece for piece in path.split("/")]
        answer = client.request(method, "/".join(pieces), json={})
        assert answer.status_code in (400, 404, 405, 409, 422), (method, path, answer.text)


def test_a_link_to_the_outside_is_no_run(client, root, tmp_path):
    from lrkit.studio.errors import NotFoundError
    from lrkit.studio.places import run_folder, runs_in

    with Journal.create(tmp_path / "elsewhere" / "secret") as journal:
        journal.metrics(0, loss=1.0)
    with Journal.create(root / "own") as journal:
        journal.metrics(0, loss=1.0)
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "secret")
    (root / "half").mkdir()
    (root / "half" / "journal.jsonl").symlink_to(tmp_path / "elsewhere/secret/journal.jsonl")
    (root / "alias").symlink_to(root / "own")  # within: fine
    assert {run.name for run in runs_in(root)} == {"own", "alias"}
    assert run_folder(root, "own") == root / "own"
    for name in ("linked", "half"):
        with pytest.raises(NotFoundError, match="outside"):
            run_folder(root, name)
    # Whatever route takes a run refuses them, and tells nothing of them.
    for method, path, _ in routes(client.app.state.settings):
        if "{run}" in path or "{name}" in path:
            for name in ("linked", "half"):
                answer = client.request(
                    method, path.replace("{run}", name).replace("{name}", name), json={}
                )
                assert answer.status_code in (404, 405, 422), (method, path, answer.text)
    assert (tmp_path / "elsewhere" / "secret" / "journal.jsonl").is_file()


PURE = {
    "/api/design",
    "/api/landscape",
    "/api/steer/{run}/preview",
    "/api/steer/{run}/drawn",
    "/api/find/schedules",
}
"""Beginnings of the paths whose POST only computes."""


def test_what_changes_is_refused_by_a_studio_that_only_shows(settings, only_shows):
    changing = 0
    for method, path, route in routes(settings):
        if method in ("GET", "HEAD"):
            continue
        guarded = any(one.call is may_change for one in route.dependant.dependencies)
        assert guarded or any(path.startswith(pure) for pure in PURE), (method, path)
        if guarded:
            changing += 1
            answer = only_shows.request(method, concrete(path), json={})
            assert answer.status_code == 403, (method, path)
            assert answer.json()["error"]["kind"] == "read only"
    assert changing >= 3


def test_a_studio_that_only_shows_writes_nothing(root, launch):
    studio = launch("--read-only")
    assert studio.link
    assert list(root.iterdir()) == []


def test_it_listens_on_127_0_0_1_alone(studio):
    with socket.create_connection(("127.0.0.1", studio.port), 5):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", studio.port), 5)


def test_a_head_without_end_is_cut_off(studio):
    with socket.create_connection(("127.0.0.1", studio.port), 5) as line:
        line.sendall(b"GET / HTTP/1.1\r\n")
        answer = b""
        try:
            for _ in range(64):
                line.sendall(b"X-More: " + b"y" * 4000 + b"\r\n")
            answer = line.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            return
    assert answer.startswith(b"HTTP/1.1 4") or not answer


# The token's file.


def test_the_token_is_its_owner_s_alone_and_lasts(root):
    token = kept_token(root)
    path = root / OWN / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 32
    assert kept_token(root) == token
    path.unlink()
    assert kept_token(root) != token


def test_a_token_that_others_can_read_is_refused(root):
    kept_token(root)
    os.chmod(root / OWN / "token", 0o644)
    with pytest.raises(DataError, match="others"):
        kept_token(root)


def test_a_token_that_is_a_link_or_too_short_is_refused(root, tmp_path):
    (root / OWN).mkdir()
    (tmp_path / "theirs").write_text("x" * 43)
    (root / OWN / "token").symlink_to(tmp_path / "theirs")
    with pytest.raises(DataError, match="cannot be used"):
        kept_token(root)
    (root / OWN / "token").unlink()
    (root / OWN / "token").touch(0o600)
    with pytest.raises(DataError, match="32 characters"):
        kept_token(root)


def test_settings_do_not_show_the_token(settings):
    assert TOKEN not in repr(settings)


def test_the_app_of_two_studios_do_not_mix(settings, tmp_path):
    other = Settings(tmp_path / "other", "u" * 43)
    with in_process(settings) as one, in_process(other) as two:
        assert one.get("/api/about").json()["root"] != two.get("/api/about").json()["root"]
        assert (
            one.get("/api/about", headers={"Authorization": "Bearer " + "u" * 43}).status_code
            == 401
        )
