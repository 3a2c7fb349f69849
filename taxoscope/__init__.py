"""The public door of TaxoScope."""

from importlib.metadata import version

__version__ = version("taxoscope")
