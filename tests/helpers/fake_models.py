"""A server on the loopback that speaks the protocols of the services, and fails in the ways that they fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Ending = Literal["stop", "length", "filter", "missing", "cut", "error", "silent", "garbage"]
USUAL = 1000  # prompt tokens that are reported unless a script says otherwise: more than any test's prompt has words


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    Attributes:
        texts: the pieces of the answer, each sent by itself.
        thinking: reasoning, sent first, in the protocol's own field for it.
        end: after the texts: the usual end, one for length or by a filter; no reason given, the connection cut, an
            error object, silence, or bytes that are no JSON.
        status, headers, message: an error instead of a stream, when the status is not 200.
        delay: seconds before the first byte.
        pause: seconds before the last text, in the protocol of OpenAI.
        read: prompt tokens that the server says it read.
    """

    texts: Sequence[str] = ()
    thinking: str = ""
    end: Ending = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "it went wrong"
    code: str | None = None
    delay: float = 0.0
    pause: float = 0.0
    read: int = USUAL


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some of the tests are about."""


class FakeModels:
    """Answers each request with the next reply of its script, the last one again and again."""

    def __init__(self, protocol: str, script: Sequence[Reply]) -> None:
        self.requests: list[Request] = []
        self.quit = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.requests.append(Request(self.path, headers, body))
                reply = script[min(len(fake.requests), len(script)) - 1]
                if fake.quit.wait(reply.delay):
                    return
                try:
                    fake.answer(self, protocol, reply)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        self.server = _Server(("127.0.0.1", 0), Handler)
        root = f"http://127.0.0.1:{self.server.server_port}"
        self.url = root + ("/v1" if protocol in ("openai", "ollama") else "")
        self.spec = f"{protocol}:tiny@{self.url}"

    def answer(self, handler: BaseHTTPRequestHandler, protocol: str, reply: Reply) -> None:
        if reply.status != 200:
            body = json.dumps(_error(protocol, reply)).encode()
            handler.send_response(reply.status)
            for name, value in {**reply.headers, "content-type": "application/json"}.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for event in _stream(protocol, reply):
            data = event.encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()
        if reply.end == "silent":
            self.quit.wait(20)
        if reply.end in ("cut", "silent"):
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")


@contextmanager
def fake_models(protocol: str, *script: Reply) -> Iterator[FakeModels]:
    fake = FakeModels(protocol, script)
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.quit.set()
        fake.server.shutdown()
        thread.join()
        fake.server.server_close()


def _error(protocol: str, reply: Reply) -> dict[str, Any]:
    status = reply.status if reply.status != 200 else 503
    if protocol == "anthropic":
        return {"type": "error", "error": {"type": reply.code or "api_error", "message": reply.message}}
    if protocol == "google":
        return {"error": {"code": status, "message": reply.message, "status": reply.code or "INTERNAL"}}
    return {"error": {"message": reply.message, "type": reply.code or "server_error", "code": reply.code}}


def _stream(protocol: str, reply: Reply) -> Iterator[str]:
    events = {"anthropic": _anthropic, "google": _google}.get(protocol, _openai)
    for event in events(reply):
        name = f"event: {event['type']}\n" if protocol == "anthropic" else ""
        yield f"{name}data: {json.dumps(event)}\n\n"
    if reply.end == "garbage":
        yield ("event: content_block_delta\n" if protocol == "anthropic" else "") + "data: {no json\n\n"
    if reply.end == "error":
        yield ("event: error\n" if protocol == "anthropic" else "") + f"data: {json.dumps(_error(protocol, reply))}\n\n"
    if protocol in ("openai", "ollama") and reply.end in ("stop", "length", "filter"):
        yield "data: [DONE]\n\n"


def _openai(reply: Reply) -> Iterator[dict[str, Any]]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": int(time.time()), "model": "tiny"}

    def chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    if reply.thinking:
        yield chunk({"reasoning": reply.thinking, "reasoning_content": reply.thinking})
    for index, text in enumerate(reply.texts, start=1):
        if index == len(reply.texts):
            time.sleep(reply.pause)
        yield chunk({"content": text})
    if reason := {"stop": "stop", "length": "length", "filter": "content_filter"}.get(reply.end):
        yield chunk({}, reason)
        usage = {"prompt_tokens": reply.read, "completion_tokens": 9, "total_tokens": reply.read + 9}
        yield {**head, "choices": [], "usage": usage}


def _anthropic(reply: Reply) -> Iterator[dict[str, Any]]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "tiny", "content": []}
    usage = {"input_tokens": reply.read, "output_tokens": 1}
    yield {
        "type": "message_start",
        "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage},
    }
    parts = [("thinking", [reply.thinking])] if reply.thinking else []
    for index, (kind, texts) in enumerate([*parts, ("text", list(reply.texts))]):
        block = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for text in texts:
            yield {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", kind: text}}
        if kind == "thinking" or reply.end in ("stop", "length", "filter"):
            yield {"type": "content_block_stop", "index": index}
    if reason := {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}.get(reply.end):
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}
        yield {"type": "message_stop"}


def _google(reply: Reply) -> Iterator[dict[str, Any]]:
    def chunk(parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, **more}]}

    if reply.thinking:
        yield chunk([{"text": reply.thinking, "thought": True}])
    for text in reply.texts:
        yield chunk([{"text": text}])
    if reason := {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}.get(reply.end):
        usage = {"promptTokenCount": reply.read, "candidatesTokenCount": 9, "totalTokenCount": reply.read + 9}
        yield {**chunk([], finishReason=reason), "usageMetadata": usage}
