"""Errors that the user can fix. Each message says what is wrong, with which value, and what to do."""


class OnRecordError(Exception):
    """The base class of all errors that the user can fix; the command line prints the message and exits with 1."""


class SourceError(OnRecordError):
    """A seeds folder or an article file cannot be read."""


class IndexMissingError(OnRecordError):
    """There is no index in the folder."""


class IndexDamagedError(OnRecordError):
    """The catalog or an index file has changed since it was written."""


class IndexIncompatibleError(OnRecordError):
    """Another encoder built the index, or this version cannot read its format."""


class IndexLockedError(OnRecordError):
    """Another process is building this index."""


class QuestionError(OnRecordError):
    """A question is empty or too long."""


class ConfigError(OnRecordError):
    """An option is unknown, or its value is not valid."""


class GeneratorError(OnRecordError):
    """A language model is not installed, is not found, or does not answer."""


class AnswerCutError(GeneratorError):
    """A language model stopped in the middle of its answer; the sentences before that are complete."""
