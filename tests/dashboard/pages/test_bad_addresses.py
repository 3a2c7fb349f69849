"""An address that cannot be says what is wrong in one sentence."""

import re
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.server_state.open_workspace import desk
from model_zoo.workspace.workspace import PROJECT


@pytest.fixture(scope="module", autouse=True)
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TAXOSCOPE_WORKSPACE", raising=False)
        patch.setenv("TAXOSCOPE_DEMO_FOLDER", str(tmp_path_factory.mktemp("demo")))
        desk.cache_clear()
        yield
    desk.cache_clear()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("compare?of=nonsense", "nonsense"),
        ("compare?space=everywhere", "it can be native, common"),
        ("compare?of=fine-s0&labels=true", "it can be original, reviewed"),
        ("labels?work=x", "it can be sets, export, import"),
        ("images?split=tset", "tset"),
        ("images?label=ac.nowhere", "nowhere"),
        ("images?page=-3", "whole number from 1"),
        ("images?cell=fine-s0&true=nose&predicted=bpd", "nose"),
        ("images?cell=gone-s9&true=bpd", "gone-s9"),
        ("inspect?image=..%2F..%2Fetc%2Fpasswd", "There is no image"),
        ("inspect?image=a&image=b", "2 times"),
        ("inspect?image=te-0030&of=gone-s9", "gone-s9"),
        ("inspect?image=te-0030&class=nose", "nose"),
        ("inspect?image=te-0030&depth=0", "whole number from 1"),
        ("compare?figure=luck", "it can be recall"),
        ("compare?matrices=sum", "it can be each, difference"),
        ("compare?group=taxonomy:gone", "cannot be grouped by 'taxonomy:gone'"),
        ("compare?only=nose", "no class 'nose'"),
        ("images?page=" + "9" * 5000, "whole number from 1"),
        ("images?page=999", "There is no page 999"),
        ("review?of=gone-s9", "gone-s9"),
        ("run?run=gone-s9", "gone-s9"),
        ("taxonomies?taxonomy=fine.v7", "has no version 7; it has 1"),
        ("taxonomies?step=nonsense", "step that cannot be read"),
        ('taxonomies?step=["rename","nose","x"]', "No class 'nose'"),
        ('taxonomies?step=["outside","*.*.nowhere"]', "nowhere"),
        ("taxonomies?split=tset", "tset"),
        ("images?label=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "script"),
    ],
)
def test_a_bad_address_is_one_sentence(address, sentence):
    page, _, query = address.partition("?")
    at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60)
    for name, values in parse_qs(query, keep_blank_values=True).items():
        at.query_params[name] = values
    at.switch_page(f"{page}.py").run()
    (alert,) = (*at.error, *at.warning, *at.info, *at.success)
    assert not at.exception
    assert sentence in re.sub(r"\\(.)", r"\1", alert.value)
    assert "\n" not in alert.value.strip()
