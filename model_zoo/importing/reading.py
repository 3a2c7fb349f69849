"""Which layout a folder or file is in, and its rows."""

from collections.abc import Sequence
from pathlib import Path

from model_zoo.importing.fetal_planes import TABLE, fetal_planes, is_fetal_planes
from model_zoo.importing.folders import image_folders
from model_zoo.importing.source import Source, SourceError
from model_zoo.importing.tables import Columns, read_table, table_source

METADATA = ("metadata.csv", "metadata.parquet")
"""Tables beside images as Hugging Face's imagefolder has them, with a column file_name."""

_PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


def read_source(
    path: Path, wanted: Columns | None = None, images: Path | None = None, folders: Sequence[str] = ()
) -> Source:
    """The rows of a folder or table; `SourceError` in one sentence for anything else.

    A table's files are looked up below ``images``, or beside the table. ``folders``: see `image_folders`.
    """
    wanted = wanted or Columns()
    if path.is_dir():
        tables = [path / name for name in (TABLE, *METADATA) if (path / name).is_file()]
        if not tables or folders:
            if wanted != Columns() or images:
                raise SourceError(f"{path} is a folder, which has no columns; give a CSV or Parquet file of it.")
            return image_folders(path, folders)
        path = tables[0]
    elif not path.is_file():
        raise SourceError(f"There is no folder or file {path}; give images to bring in.")
    if path.suffix.lower() in _PACKED:
        raise SourceError(f"{path} is packed; unpack it and give the folder.")
    if folders:
        raise SourceError(f"{path} is a table, where columns and not folders say what is what; leave --folders out.")
    table = read_table(path)
    if is_fetal_planes(table) and wanted == Columns():
        return fetal_planes(table, images or path.parent)
    return table_source(table, images or path.parent, wanted)
