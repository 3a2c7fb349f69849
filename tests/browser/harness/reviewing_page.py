"""The page of `reviewing`: a queue whose decisions are read from the file at every run.

Its address says how it behaves: ``file``, ``n`` images, ``window`` of them sent ahead,
``slow`` seconds per save, ``maps`` and ``mode``.
"""

import time

import streamlit as st

from dashboard.parts.reviewer import reviewer
from model_zoo.core.labels import Label
from tests.browser.harness.store import SPACE, TAXONOMIES, image_id, label_of, store, stored

KEY = "review"


def asked(name: str, otherwise: str = "") -> str:
    return st.query_params.get(name, otherwise)


def log_arrived() -> None:
    proposals = list(st.session_state[KEY].log or [])
    mode = asked("mode")
    refused = [one for one in proposals if mode == "refuse" and one["answer"] == "cannot_tell"]
    if mode != "deaf":
        time.sleep(float(asked("slow", "0")))
        store(asked("file"), [one for one in proposals if one not in refused])
    st.session_state["rejected"] = [
        {"client_id": one["client_id"], "seq": one["seq"], "sentence": "Somebody else has this image; choose another."}
        for one in refused
    ]


def item(number: int, label: Label) -> dict[str, object]:
    name = image_id(number)
    wrong = SPACE.parts[0].values[(number + 1) % 6]
    says = [
        {
            "who": f"{who} · 8 seeds",
            "run_ids": [f"{who}-s{seed}" for seed in range(8)],
            "agree": f"{5 + number % 3} of 8",
            "top": [{"name": first, "p": 0.82}, {"name": "no_cat", "p": 0.136}, {"name": "na_carp", "p": 0.004}],
        }
        for who, first in (("fine", wrong), ("coarse", "no_collar"))
    ]
    kinds = {"slow": "slow", "empty": "empty"}
    return {
        "id": name,
        "src": f"/picture/{name}",
        "caption": f"{name} · patient p-{number // 3:03d} · test",
        "label": sorted(label),
        "label_text": SPACE.format(label),
        "original_text": SPACE.format(label_of(number)),
        "why": f"wrong in {8 - number % 5} of 16 runs",
        "says": says,
        "maps": [
            {"who": "fine-s0", "url": f"/map/{kinds.get(asked('maps'), 'quick')}/{name}"},
            {"who": "coarse-s0", "url": f"/map/empty/{name}"},
        ],
        "answered": None,
    }


n_total = int(asked("n", "80"))
decided: dict[str, list[dict[str, object]]] = {}
acked: dict[str, int] = {}
for one in stored(asked("file")):
    acked[one["client_id"]] = max(acked.get(one["client_id"], 0), one["seq"])
    about = decided.setdefault(one["image_id"], [])
    if one["answer"] == "undo":
        about.pop()
    else:
        about.append(one)
left = [number for number in range(n_total) if not decided.get(image_id(number))]
st.set_page_config(layout="wide")
st.title("Review", anchor=False)
reviewer(
    {
        "acked": acked,
        "rejected": st.session_state.get("rejected", []),
        "space": {
            "parts": [{"name": part.name, "values": list(part.values)} for part in SPACE.parts],
            "lone": [leaf for leaf in SPACE.leaves if not SPACE.values_of[leaf]],
            "leaves": {leaf: list(values) for leaf, values in SPACE.values_of.items()},
        },
        "taxonomies": [{"name": name, "classes": classes} for name, classes in TAXONOMIES.items()],
        "items": [item(number, label_of(number)) for number in left[: int(asked("window", "40"))]],
        "position": None,
        "n_left": len(left),
        "n_total": n_total,
        "strength": 0.45,
    },
    key=KEY,
    on_log=log_arrived,
)
if asked("mode") == "field":
    st.text_input("Elsewhere on the page")
