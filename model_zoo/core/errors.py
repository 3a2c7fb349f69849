"""One base error and its children; each message says what, got, expected and the way out."""


class TaxoScopeError(Exception):
    """Anything that the user can mend; the message is one sentence fit to be shown as it is."""


class LabelError(TaxoScopeError):
    """A label, leaf or leaf space that does not hold together."""


class TaxonomyError(TaxoScopeError):
    """A taxonomy that is no partition of the leaves, or a projection that does not exist."""


class WorkspaceError(TaxoScopeError):
    """A workspace folder that lacks something or contradicts itself."""


class RunError(TaxoScopeError):
    """A run folder, card or prediction table that cannot be read or does not fit."""


class ClassValuesError(TaxoScopeError):
    """Values of a file that cannot be read as classes, or can be read as classes in several ways."""


class ImageError(TaxoScopeError):
    """An image that cannot be decoded within the limits."""


class RegionError(TaxoScopeError):
    """A region of an image that is written or drawn in a way that cannot be."""


class CheckpointError(TaxoScopeError):
    """Weights that are not safe to read or do not fit their card."""


class LinkError(TaxoScopeError):
    """An address that names something which is not there."""


class MissingPackageError(TaxoScopeError):
    """Work that needs a package which is not installed."""
