"""What the service answers: routes, flags, and its own mistakes."""

from __future__ import annotations

import httpx
import pytest


@pytest.fixture
def client(start):
    with httpx.Client(base_url=start().endpoints.target) as client:
        yield client


def test_a_route_gets_body_query_and_instant(client):
    answer = client.post("/echo?space=a%20b&empty=", json={"n": 1}).json()

    assert answer == {"body": {"n": 1}, "query": {"space": "a b", "empty": ""}, "at": "2026-11-01T09:00:30+00:00"}


def test_a_reply_has_its_own_status_and_type(client):
    text, teapot = client.get("/text"), client.get("/teapot")

    assert (text.text, text.headers["content-type"]) == ("plain", "text/plain")
    assert (teapot.status_code, teapot.json()) == (418, {"tea": True})


def test_a_failing_route_is_a_500_and_the_service_goes_on(client):
    failed = client.get("/fails")

    assert (failed.status_code, failed.json()) == (500, {"error": "Internal Server Error: RuntimeError: out of order"})
    assert client.get("/stock").status_code == 200


def test_an_unknown_route_lists_the_known_ones(client):
    answer = client.get("/stok")

    assert answer.status_code == 404
    assert "no route 'GET /stok'; routes: GET /fails, GET /stock" in answer.json()["error"]


def test_a_flag_is_set_while_the_service_runs(client):
    assert client.put("/flags/shop.open", json=False).status_code == 200

    assert client.get("/flags").json() == {"shop.open": False}
    assert client.get("/flags/shop.open").json() is False


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("PUT", "/flags/shop.opne", b"true", 404),
        ("PUT", "/flags/shop.open", b"tru", 400),
        ("DELETE", "/flags/shop.open", b"", 405),
        ("PUT", "/flags", b"{}", 405),
    ],
)
def test_a_flag_is_not_set_by_mistake(client, method, path, content, status):
    assert client.request(method, path, content=content).status_code == status
    assert client.get("/flags").json() == {"shop.open": True}
