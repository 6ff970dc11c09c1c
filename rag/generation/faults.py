"""The errors of a model behind an address, as messages that say what happened and what to do.

A message is made from the class of the error, its status and its codes alone. The text of a server is never repeated:
it may have the key or the prompt in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic_ai import exceptions as ai

from rag.errors import AnswerCutError, GeneratorError
from rag.generation.spec import Spec


class ModelError(GeneratorError):
    """A failed request.

    Attributes:
        retry: whether, or after how many seconds, to try again.
    """

    def __init__(self, message: str, retry: bool | float = False) -> None:
        super().__init__(message)
        self.retry = retry


class ContextTooSmallError(ModelError):
    """The passages do not fit the model's context."""


@contextmanager
def fault_message(spec: Spec, longest_wait: float, begun: bool = False) -> Iterator[None]:
    """Turn every error of the client into one with a message for the user.

    Args:
        spec: the model.
        longest_wait: seconds up to which a wait that the server asks for is worth a retry.
        begun: some text has come.

    Raises:
        ModelError: the request failed.
        AnswerCut: it failed after some text.
    """
    try:
        yield
    except GeneratorError:
        raise
    except Exception as error:
        failed = _model_error(spec, longest_wait, error)
        cut = AnswerCutError(str(failed) if failed.retry else f"{spec.name} broke off")
    else:
        return
    # Raised out here, so that it does not refer to the client's error, which may quote the server.
    raise cut if begun else failed


def _model_error(spec: Spec, longest_wait: float, error: Exception) -> ModelError:
    """Return what happened and what to do, from the class of the error and its codes; its text is left out."""
    status = f" ({error.status_code})" if isinstance(error, ai.ModelHTTPError) else ""
    return (
        _account_error(spec, status, error)
        or _service_error(spec, status, error, longest_wait)
        or _request_error(spec, status, error)
    )


def _account_error(spec: Spec, status: str, error: Exception) -> ModelError | None:
    match error:
        case ai.ModelContextWindowExceededError() | ai.ModelAPIError(provider_error_code="exceed_context_size_error"):
            return ContextTooSmallError(
                f"the passages do not fit the context of {spec.name}{status}: name a model with a longer one"
            )
        case ai.ModelAuthenticationError():
            return ModelError(f"{spec.name} refused the key{status}: check {spec.key_source}")
        case ai.ModelRequestRejectedError(body=body) if "API_KEY_INVALID" in str(body):  # Google's 400
            return ModelError(f"{spec.name} refused the key{status}: check {spec.key_source}")
        case ai.ModelQuotaExceededError():
            return ModelError(
                f"the account of {spec.name} has no credit left{status}: add to it, or name another model"
            )
    return None


def _service_error(spec: Spec, status: str, error: Exception, longest_wait: float) -> ModelError | None:
    match error:
        case ai.ModelNotFoundError():
            pull = f"`ollama pull {spec.model}`, or " if spec.kind == "ollama" else ""
            remedy = f"{pull}check the model’s name and the address"
            return ModelError(f"there is no {spec.name}{_where(spec)}{status}: {remedy}")
        case ai.ModelRateLimitError() | ai.ModelUnavailableError() | ai.ModelServerError():
            return _busy_error(f"{spec.name} is busy or out of order{status}", error.retry_after, longest_wait)
        case ai.ModelConnectionError(phase="read" | "write"):
            return ModelError(f"the connection to {spec.name} was lost: ask again", retry=True)
        case ai.ModelConnectionError():
            remedy = "start it, or check the network and the address"
            return ModelError(f"{spec.name} cannot be reached{_where(spec)}: {remedy}", retry=True)
    return None


def _request_error(spec: Spec, status: str, error: Exception) -> ModelError:
    match error:
        case ai.ModelRequestRejectedError():
            remedy = "check the model’s name and that it is a chat model"
            return ModelError(f"{spec.name} rejected the request{status}: {remedy}")
        case ai.ModelAPIError() | ai.UnexpectedModelBehavior() | ValueError():
            remedy = f"check the address{_where(spec)}"
            return ModelError(f"{spec.name} answered with something that cannot be read{status}: {remedy}")
    return ModelError(f"{spec.name} failed ({type(error).__name__}): name another model")


def _busy_error(what: str, wait: float | None, longest_wait: float) -> ModelError:
    if wait is None:
        return ModelError(f"{what}: ask again in a moment", retry=True)
    return ModelError(f"{what}: ask again in {wait:.0f} s", retry=wait if wait <= longest_wait else False)


def _where(spec: Spec) -> str:
    return f" at {spec.address}" if spec.address else ""
