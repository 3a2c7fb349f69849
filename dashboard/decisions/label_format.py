"""The file formats in which labels are exported."""

from enum import StrEnum


class LabelFormat(StrEnum):
    """As what kind of file labels leave TaxoScope; each is read back by the import."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    FOLDERS = "folders"
    COCO = "coco"
    CLEANLAB = "cleanlab"
    LABEL_STUDIO = "label-studio"

    @property
    def needs_taxonomy(self) -> bool:
        """Whether it says classes, and not labels alone."""
        return self in (LabelFormat.FOLDERS, LabelFormat.COCO, LabelFormat.CLEANLAB)

    @property
    def suffix(self) -> str:
        """How its file names end."""
        endings = {LabelFormat.FOLDERS: ".zip", LabelFormat.COCO: ".json", LabelFormat.CLEANLAB: ".parquet"}
        return (endings | {LabelFormat.LABEL_STUDIO: ".json"}).get(self, f".{self}")
