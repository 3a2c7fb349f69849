"""Notes on patients: missing patient ids, and images that look like those of another patient."""

from collections.abc import Mapping, Sequence

from dashboard.words import counted, images_of_patients


def patients_text(
    image_ids: Sequence[str], n_patients: int, patients: Mapping[str, str], alike: Mapping[str, int]
) -> str:
    """``1,447 images of 320 patients``, and what makes an interval over these patients too narrow.

    ``alike`` maps images to groups that look alike (`alike_images`).
    """
    notes = []
    unnamed = sum(not patients.get(one) for one in image_ids)
    if unnamed and n_patients < len(image_ids):
        notes.append(
            f"{counted(unnamed, 'image')} without a patient id {'counts' if unnamed == 1 else 'count'} as a patient "
            "each: the CI is too narrow if they share patients"
        )
    if alike and (n_copies := _copies(image_ids, patients, alike)):
        look, are_copies = ("looks", "it is a copy") if n_copies == 1 else ("look", "they are copies")
        notes.append(f"{n_copies:,} {look} like an image of another patient: the CI is too narrow if {are_copies}")
    return images_of_patients(len(image_ids), n_patients, *notes)


def _copies(image_ids: Sequence[str], patients: Mapping[str, str], alike: Mapping[str, int]) -> int:
    """How many of these images look like one of another patient among them."""
    owners: dict[int, set[str]] = {}
    there = [one for one in image_ids if one in alike]
    for one in there:
        owners.setdefault(alike[one], set()).add(patients.get(one) or f"\0{one}")
    return sum(len(owners[alike[one]]) > 1 for one in there)
