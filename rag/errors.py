"""Everything that can go wrong in a way the user can mend. The message says what, which value, what to do."""


class OnRecordError(Exception):
    """Base of all errors with a remedy; the command line prints the message and exits 1."""


class SourceError(OnRecordError):
    """A seeds folder or an article file that cannot be read."""


class IndexMissingError(OnRecordError):
    """There is no index where one was asked for."""


class IndexDamagedError(OnRecordError):
    """The catalog or a derived file is not what was written."""


class IndexIncompatibleError(OnRecordError):
    """The index was built by another model, or has a format this version does not read."""


class IndexLockedError(OnRecordError):
    """Another process is building this index."""


class QuestionError(OnRecordError):
    """A question that cannot be asked: empty or far too long."""


class ConfigError(OnRecordError):
    """An unknown option, or a value that does not fit."""


class GeneratorError(OnRecordError):
    """A language model that cannot be used: not installed, not found, not answering."""


class AnswerCutError(GeneratorError):
    """A language model that stopped in the middle of its answer; the sentences before that are whole."""
