"""Section of Compare for three or more models: table, groups, and images that only one model gets wrong."""

import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.links import Shown
from dashboard.compare.many_models import ManyModelsResult, sentences, table_rows
from dashboard.ui import state
from dashboard.words import counted, plain

MOST_LISTED = 200


def many_models(many: ManyModelsResult, note: str, shown: Shown) -> None:
    """The table with its basis; ``note`` is shown beside it."""
    st.subheader("All models against a baseline", anchor=False)
    titles = {
        subject.subject_id: subject.title for subject in (*many.judged.subjects, *(one for one, _ in many.left_out))
    }
    st.selectbox(
        "Baseline",
        list(titles),
        key=state.set_widget("shown_baseline", many.baseline.subject_id),
        format_func=titles.__getitem__,
        width=420,
        on_change=lambda: state.write_query({"of": _first(shown, str(state.get("shown_baseline")))}),
    )
    rows = [{name: plain(cell) for name, cell in row.items()} for row in table_rows(many)]
    st.table(pd.DataFrame(rows).set_index("model"))
    st.caption(plain(" ".join([*sentences(many), note])))
    for subject, _ in many.left_out:
        alone = links.Shown((many.baseline.subject_id, subject.subject_id), shown.space, shown.split, shown.labels)
        st.page_link(
            "compare.py",
            label=f"Compare {plain(subject.title)} with the baseline alone",
            query_params=alone.query(),
        )
    for subject, images in zip(many.judged.subjects, many.only_wrong, strict=True):
        if images:
            with st.expander(f"{counted(len(images), 'image')} that only {plain(subject.title)} gets wrong"):
                listed = (
                    f"[{plain(one)}]({links.page_url('inspect', links.to_image(one, shown))})"
                    for one in images[:MOST_LISTED]
                )
                st.markdown(", ".join(listed))
                if len(images) > MOST_LISTED:
                    st.caption(f"The first {MOST_LISTED}; all of them are in the report's comparison.json.")


def _first(shown: Shown, subject_id: str) -> list[str]:
    return [subject_id, *(one for one in shown.subjects if one != subject_id)]
