"""What goes wrong with a model behind an address, told in the user's words.

Nothing that a server answers is repeated, since it may hold the key or the prompt: a fault is told from its kind, its
status and its codes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic_ai import exceptions as ai

from rag.errors import AnswerCutError, GeneratorError
from rag.generation.spec import Spec


class Fault(GeneratorError):
    """A failed request, told in the user's words. `retry` is whether, or after how many seconds, to try again."""

    def __init__(self, message: str, retry: bool | float = False) -> None:
        super().__init__(message)
        self.retry = retry


class TooLong(Fault):
    """The passages do not fit the model's context."""


@contextmanager
def fault_message(spec: Spec, longest_wait: float, begun: bool = False) -> Iterator[None]:
    """Turn whatever the client raises into a fault in the user's words; once text has come, into a cut answer."""
    try:
        yield
    except GeneratorError:
        raise
    except Exception as error:
        fault = _fault(spec, longest_wait, error)
        cut = AnswerCutError(str(fault) if fault.retry else f"{spec.name} broke off")
    else:
        return
    raise cut if begun else fault


def _fault(spec: Spec, longest_wait: float, error: Exception) -> Fault:
    """What happened and what to do, from the kind of the error and its codes: nothing of its text is passed on."""
    who, where = spec.name, f" at {spec.address}" if spec.address else ""
    status = f" ({error.status_code})" if isinstance(error, ai.ModelHTTPError) else ""
    match error:
        case ai.ModelContextWindowExceededError() | ai.ModelAPIError(provider_error_code="exceed_context_size_error"):
            return TooLong(f"the passages do not fit the context of {who}{status}: name a model with a longer one")
        case ai.ModelAuthenticationError():
            return Fault(f"{who} refused the key{status}: check {spec.key_source}")
        case ai.ModelRequestRejectedError(body=body) if "API_KEY_INVALID" in str(body):  # Google's 400
            return Fault(f"{who} refused the key{status}: check {spec.key_source}")
        case ai.ModelQuotaExceededError():
            return Fault(f"the account of {who} has no credit left{status}: add to it, or name another model")
        case ai.ModelNotFoundError():
            pull = f"`ollama pull {spec.model}`, or " if spec.kind == "ollama" else ""
            return Fault(f"there is no {who}{where}{status}: {pull}check the model’s name and the address")
        case ai.ModelRateLimitError() | ai.ModelUnavailableError() | ai.ModelServerError():
            return _busy(f"{who} is busy or out of order{status}", error.retry_after, longest_wait)
        case ai.ModelConnectionError(phase="read" | "write"):
            return Fault(f"the connection to {who} was lost: ask again", retry=True)
        case ai.ModelConnectionError():
            return Fault(f"{who} cannot be reached{where}: start it, or check the network and the address", retry=True)
        case ai.ModelRequestRejectedError():
            return Fault(f"{who} rejected the request{status}: check the model’s name and that it is a chat model")
        case ai.ModelAPIError() | ai.UnexpectedModelBehavior() | ValueError():
            return Fault(f"{who} answered with something that cannot be read{status}: check the address{where}")
    return Fault(f"{who} failed ({type(error).__name__}): name another model")


def _busy(what: str, wait: float | None, longest_wait: float) -> Fault:
    if wait is None:
        return Fault(f"{what}: ask again in a moment", retry=True)
    return Fault(f"{what}: ask again in {wait:.0f} s", retry=wait if wait <= longest_wait else False)
