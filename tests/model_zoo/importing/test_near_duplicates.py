"""Near-duplicates: copies in other clothes are found, the search misses none, and work goes on where it stopped."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from model_zoo.importing.near_duplicates import KnownHashes, as_array, pairs_alike, perceptual_hash
from tests.foreign_images import picture
from tests.real_data import real


def by_hand(hashes, at_most):
    return {
        (i, j, (hashes[i] ^ hashes[j]).bit_count())
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (hashes[i] ^ hashes[j]).bit_count() <= at_most
    }


def as_set(found):
    return {(i, j, d) for (i, j), d in zip(found.indices.tolist(), found.distances.tolist(), strict=True)}


near = st.lists(st.integers(0, 63), max_size=6).map(lambda bits: sum({1 << bit for bit in bits}))


@settings(max_examples=150)
@given(
    st.lists(st.one_of(near, st.integers(0, 2**64 - 1), near.map(lambda one: one ^ (2**64 - 1))), max_size=40),
    st.integers(0, 9),
)
def test_every_pair_is_found_and_no_other(hashes, at_most):
    found = pairs_alike(as_array(hashes), at_most)
    assert as_set(found) == by_hand(hashes, at_most)
    assert found.n_left_out == 0


def test_a_hundred_thousand_images_and_those_that_are_all_the_same():
    chance = np.random.default_rng(0)
    hashes = chance.integers(0, 2**63, 100_000, dtype=np.uint64)
    hashes[50_000:50_100] = hashes[:100] ^ np.uint64(0b1011)
    started = time.perf_counter()
    found = pairs_alike(hashes)
    assert time.perf_counter() - started < 10  # 0.4 s on an idle machine
    assert as_set(found) >= {(k, 50_000 + k, 3) for k in range(100)}
    same = pairs_alike(np.zeros(100_000, np.uint64))
    assert len(same.indices) + same.n_left_out == 100_000 * 99_999 // 2


def photo(seed):
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    return small.resize((200, 160), Image.Resampling.BICUBIC)


def test_copies_in_other_clothes_look_alike_and_others_do_not(tmp_path):
    one = photo(1)
    one.save(tmp_path / "a.jpg", quality=60)
    copies = [
        Image.open(tmp_path / "a.jpg"), one.resize((90, 70)), one.convert("L"),
        ImageEnhance.Brightness(one).enhance(0.9), ImageEnhance.Contrast(one).enhance(0.9),
    ]  # fmt: skip
    assert max((perceptual_hash(one) ^ perceptual_hash(copy)).bit_count() for copy in copies) <= 4
    others = [perceptual_hash(photo(seed)) for seed in range(2, 60)]
    assert min((perceptual_hash(one) ^ other).bit_count() for other in others) > 10
    blank = perceptual_hash(Image.new("L", (1, 1))) ^ perceptual_hash(Image.new("RGB", (3000, 2), (9, 9, 9)))
    assert blank.bit_count() <= 1


def test_real_scans_look_like_their_copies_and_not_like_each_other():
    images = [Image.open(path).convert("L") for path in sorted((real("hc18_200") / "images").iterdir())[:60]]
    hashes = [perceptual_hash(image) for image in images]
    assert all((one ^ perceptual_hash(image.resize((400, 270)))).bit_count() <= 4 for one, image in zip(hashes, images))
    assert len(pairs_alike(as_array(hashes)).indices) <= 3


def test_hashing_stops_anywhere_and_goes_on(tmp_path):
    files = {f"{k}.png": picture(tmp_path / f"{k}.png", seed=k) for k in range(8)}
    files["bad.png"] = tmp_path / "bad.png"
    files["bad.png"].write_text("<svg/>")
    files["gone.png"] = tmp_path / "gone.png"

    class StoppedError(Exception):
        pass

    def stop(done, of):
        assert of == 10
        if done == 5:
            raise StoppedError

    path = tmp_path / "hashes.jsonl"
    with pytest.raises(StoppedError):
        KnownHashes(path).fill(files, stop)
    path.write_bytes(path.read_bytes() + b'["5.png", 1')  # killed in the middle of a line
    kept = KnownHashes(path)
    assert len(kept.known) == 5
    told = kept.fill(files)
    assert len(told) == 2
    assert "bad.png" in told[0]
    assert path.read_bytes().count(b"\n") == 11
    again = KnownHashes(path)
    size = path.stat().st_size
    assert again.fill(files) == []  # what cannot be read is not tried again until it changes
    assert path.stat().st_size == size
    assert (
        again.of(files)
        == kept.of(files)
        == {name: perceptual_hash(Image.open(tmp_path / name)) for name in list(files)[:8]}
    )
    picture(files["bad.png"], seed=99)
    assert again.fill(files) == []
    assert len(again.of(files)) == 9


def test_what_is_no_hash_is_passed_over(tmp_path):
    lines = ["[]", "{}", "null", '["a", 1, 2, "xyz"]', '["a", 1, 2, 5]', json.dumps(["a", 1, 2, "00ff"])]
    (tmp_path / "h").write_bytes("\n".join(lines).encode() + b"\n\xff\xfe")
    assert KnownHashes(tmp_path / "h").known == {("a", 1, 2): 255}
