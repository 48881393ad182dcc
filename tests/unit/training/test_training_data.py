import gzip
import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zstandard
from torch.utils.data import DataLoader

from splade_sdk.errors import ConfigError, InvalidDataError
from splade_sdk.training.data import (
    Example,
    LineFile,
    MixedData,
    MixingSampler,
    collate,
    open_source,
    parse_example,
)
from splade_sdk.training.data.collator import text_id


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class TestParseExample:
    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ({"query": "q", "positive": "p", "source": "x"}, Example("q", ("p",))),
            ({"query": "q", "positive": "p", "negative": "n"}, Example("q", ("p", "n"))),
            ({"query": "q", "positive": "p", "negative": ["n"]}, Example("q", ("p", "n"))),
            (
                {"query": "q", "positive": "p", "negatives": ["n", "m"], "scores": [3, 1, 2]},
                Example("q", ("p", "n", "m"), (3.0, 1.0, 2.0)),
            ),
            ({"query": "q", "positive": "p", "negatives": ["p", "n"]}, Example("q", ("p", "n"))),
            (
                {"query": "q", "documents": ["a", "b", "c"], "scores": [1, 9, 4]},
                Example("q", ("b", "a", "c"), (9.0, 1.0, 4.0)),
            ),
            (
                {"query": "q", "passages": ["a", "b"], "scores": [1, 9], "positive": "a"},
                Example("q", ("a", "b"), (1.0, 9.0)),
            ),
            (
                {"query": "q", "documents": ["a", "b", "a"], "scores": [1, 0, 1]},
                Example("q", ("a", "b"), (1.0, 0.0)),
            ),
        ],
    )
    def test_reads(self, row, expected):
        assert parse_example(row, "here") == expected

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({}, "here: no field 'query'"),
            ({"query": " ", "positive": "p"}, "here: field 'query' is empty"),
            ({"query": 7, "positive": "p"}, "here: field 'query' is int: expected a string"),
            ({"query": "q"}, "here: no field 'positive': the query has no positive"),
            ({"query": "q", "positive": ""}, "here: field 'positive' is empty"),
            ({"query": "q", "positive": "\ud800"}, "here: field 'positive' has a lone surrogate"),
            ({"query": "q", "positive": "p", "negatives": "n"}, "field 'negatives' is str"),
            ({"query": "q", "positive": "p", "negatives": [1]}, r"field 'negatives\[0\]' is int"),
            ({"query": "q", "documents": [], "scores": []}, "the query has no positive"),
            ({"query": "q", "documents": ["a"]}, "here: no field 'scores'"),
            ({"query": "q", "documents": ["a"], "scores": [1, 2]}, "has 2 numbers: expected 1"),
            ({"query": "q", "documents": ["a"], "scores": 1}, "field 'scores' is int"),
            (
                {"query": "q", "documents": ["a", "b"], "scores": [1, float("nan")]},
                r"field 'scores\[1\]' is nan: expected a finite number",
            ),
            (
                {"query": "q", "positive": "a", "negatives": ["b"], "scores": [None, 1]},
                r"field 'scores\[0\]' is None: expected a finite number",
            ),
            (
                {"query": "q", "documents": ["a"], "scores": [1], "positive": "b"},
                "field 'positive' is not one of 'documents'",
            ),
        ],
    )
    def test_refuses(self, row, message):
        with pytest.raises(InvalidDataError, match=message):
            parse_example(row, "here")


class TestJsonl:
    ROWS = ({"query": "á", "positive": "p1"}, {"query": "q2", "positive": "p2"})

    def test_reads_by_number(self, tmp_path):
        source = open_source(write(tmp_path / "a.jsonl", *self.ROWS))

        assert [source[at] for at in (1, 0)] == [Example("q2", ("p2",)), Example("á", ("p1",))]

    @pytest.mark.parametrize(
        ("suffix", "pack"),
        [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)],
    )
    def test_unpacks_and_cleans_up(self, tmp_path, monkeypatch, suffix, pack):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()
        plain = write(tmp_path / "a.jsonl", *self.ROWS)
        packed = tmp_path / f"a.jsonl{suffix}"
        packed.write_bytes(pack(plain.read_bytes()))

        source = open_source(packed)

        assert [source[at].query for at in range(len(source))] == ["á", "q2"]
        del source
        assert list((tmp_path / "temporary").iterdir()) == []

    def test_blank_lines_do_not_count_but_are_numbered(self, tmp_path):
        path = tmp_path / "a.jsonl"
        path.write_text('\n{"query": "q", "positive": "p"}\n  \n{"query": "q"}')

        with pytest.raises(InvalidDataError, match=r"a\.jsonl, line 4: no field 'positive'"):
            open_source(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", r"a\.jsonl: no rows in it"),
            (b"\n \n", r"a\.jsonl: no rows in it"),
            (b'{"query": "q", "positive": "p"}\n{"query": ', r"a\.jsonl, line 2: not JSON"),
            (b'["q", "p"]', r"a\.jsonl, line 1: list: expected a JSON object a line"),
            (b'{"query": "\xff", "positive": "p"}', r"a\.jsonl, line 1: not UTF-8"),
        ],
    )
    def test_names_file_and_line(self, tmp_path, content, message):
        path = tmp_path / "a.jsonl"
        path.write_bytes(content)

        with pytest.raises(InvalidDataError, match=message):
            open_source(path)

    def test_names_a_broken_archive(self, tmp_path):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(b"not gzip")

        with pytest.raises(InvalidDataError, match=r"a\.jsonl\.gz: cannot be read"):
            open_source(path)

    def test_names_a_missing_or_unknown_file(self, tmp_path):
        with pytest.raises(InvalidDataError, match="does not exist"):
            open_source(tmp_path / "no.jsonl")
        (tmp_path / "a.parquet").touch()
        with pytest.raises(InvalidDataError, match="cannot tell what is in it"):
            open_source(tmp_path / "a.parquet")

    def test_travels_to_worker_processes(self, tmp_path):
        lines = LineFile(write(tmp_path / "a.jsonl", *self.ROWS))

        assert pickle.loads(pickle.dumps(lines))[1] == self.ROWS[1]

    def test_a_number_out_of_range_is_refused(self, tmp_path):
        with pytest.raises(IndexError):
            LineFile(write(tmp_path / "a.jsonl", *self.ROWS))[2]


class TestBeir:
    @pytest.fixture
    def folder(self, tmp_path):
        write(
            tmp_path / "corpus.jsonl",
            {"_id": "d1", "title": "One", "text": "first"},
            {"_id": "d2", "title": "", "text": "second"},
            {"_id": "d3", "text": "third"},
        )
        write(tmp_path / "queries.jsonl", {"_id": "q1", "text": "a?"}, {"_id": "q2", "text": "b?"})
        (tmp_path / "qrels").mkdir()
        return tmp_path

    def judge(self, folder, *lines):
        text = "query-id\tcorpus-id\tscore\n" + "".join(f"{line}\n" for line in lines)
        (folder / "qrels" / "train.tsv").write_text(text)
        return folder

    def test_has_one_example_for_each_relevant_document(self, folder):
        self.judge(folder, "q1\td1\t1", "q1\td2\t2", "q1\td3\t0", "q2\td3\t1")
        source = open_source(folder)

        assert [source[at] for at in range(len(source))] == [
            Example("a?", ("One first",), also_relevant=("second",)),
            Example("a?", ("second",), also_relevant=("One first",)),
            Example("b?", ("third",)),
        ]

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ([], r"train\.tsv: no judgements"),
            (["q1\td1"], r"train\.tsv, line 2: 2 fields"),
            (["q1\td1\tyes"], r"train\.tsv, line 2, field 'score': 'yes' is not a whole number"),
            (
                ["q1\td1\t1", "q9\td1\t1"],
                r"train\.tsv, line 3, field 'query-id': there is no query 'q9'",
            ),
            (
                ["q1\td9\t1"],
                "none of the 1 judged documents is in the corpus, such as 'd9'",
            ),
            (["q1\td1\t0"], "the query 'q1' has no positive"),
        ],
    )
    def test_names_what_is_wrong(self, folder, lines, message):
        with pytest.raises(InvalidDataError, match=message):
            open_source(self.judge(folder, *lines))

    def test_names_a_missing_file(self, folder):
        with pytest.raises(InvalidDataError, match="no split 'train': its qrels folder is empty"):
            open_source(folder)

    def test_names_a_document_without_text(self, folder):
        write(folder / "corpus.jsonl", {"_id": "d1"})
        self.judge(folder, "q1\td1\t1")

        with pytest.raises(
            InvalidDataError, match=r"corpus\.jsonl, line 1, field 'text': is missing"
        ):
            _ = open_source(folder)[0]


def sources(*lengths):
    return [
        [Example(f"{name}{at}", (f"p{name}{at}",)) for at in range(length)]
        for name, length in zip("abc", lengths, strict=False)
    ]


class TestMixedData:
    def test_puts_sources_one_after_the_other(self):
        data = MixedData(sources(2, 1))

        assert [data[at].query for at in range(len(data))] == ["a0", "a1", "b0"]

    def test_the_epoch_chooses_the_negatives(self):
        example = Example("q", ("p", *map(str, range(20))), (99.0, *map(float, range(20))))
        data = MixedData([[example]], max_negatives=3, seed=1)

        drawn = [data[epoch] for epoch in range(5)]

        assert all(each.documents[0] == "p" and len(each.documents) == 4 for each in drawn)
        assert all(each.scores[1:] == tuple(map(float, each.documents[1:])) for each in drawn)
        assert len({each.documents for each in drawn}) == 5
        assert [data[epoch] for epoch in range(5)] == drawn

    def test_refuses_no_data(self):
        with pytest.raises(ConfigError, match="no data"):
            MixedData([])
        with pytest.raises(ConfigError, match="max_negatives is -1"):
            MixedData(sources(1), max_negatives=-1)


class TestMixingSampler:
    def test_a_weight_is_how_often_an_example_comes(self):
        sampler = MixingSampler([4, 10, 3], [1, 0.5, 2], batch_size=2)

        order = list(sampler)

        assert len(order) == len(sampler) == 4 + 5 + 6
        counts = Counter(order)
        assert [counts[at] for at in range(4)] == [1] * 4
        assert sum(counts[at] for at in range(4, 14)) == 5
        assert max(counts[at] for at in range(4, 14)) == 1
        assert [counts[at] for at in range(14, 17)] == [2] * 3

    def test_order_depends_on_seed_and_epoch_alone(self):
        def order(seed, epoch):
            sampler = MixingSampler([30], [1], batch_size=4, seed=seed)
            sampler.set_epoch(epoch)
            return [number % 30 for number in sampler]

        assert order(0, 3) == order(0, 3)
        assert order(0, 3) != order(0, 4)
        assert order(0, 3) != order(1, 3)

    def test_numbers_count_on_over_epochs(self):
        sampler = MixingSampler([3, 2], [1, 1], batch_size=2)
        sampler.set_epoch(2)

        assert sorted(sampler) == list(range(10, 15))

    def test_batches_from_one_source(self):
        data = MixedData(sources(7, 9))
        sampler = MixingSampler(
            data.lengths, [1, 1], batch_size=3, same_source_batches=True, seed=5
        )

        batches = list(DataLoader(data, batch_size=3, sampler=sampler, collate_fn=collate))

        whole = [{query[0] for query in batch.queries} for batch in batches[: 7 // 3 + 9 // 3]]
        assert all(len(names) == 1 for names in whole)
        assert {"a", "b"} == set.union(*whole)
        assert sorted(query for batch in batches for query in batch.queries) == sorted(
            example.query for source in sources(7, 9) for example in source
        )

    @pytest.mark.parametrize("weights", [[1], [1, 0], [1, -1]])
    def test_refuses_bad_weights(self, weights):
        with pytest.raises(ConfigError, match="expected 2 numbers greater than 0"):
            MixingSampler([1, 1], weights, batch_size=1)


class TestCollate:
    def test_a_shared_text_becomes_one_document(self):
        batch = collate([Example("q", ("p", "n")), Example("r", ("n", "p", "m"))])

        assert batch.queries == ["q", "r"]
        assert batch.documents == ["p", "n", "m"]
        assert batch.targets.candidates.tolist() == [[0, 1, -1], [1, 0, 2]]
        assert batch.targets.document_ids.tolist() == [text_id("p"), text_id("n"), text_id("m")]
        assert batch.targets.teacher is None

    def test_same_queries_know_each_others_positives(self):
        batch = collate(
            [Example("q", ("a",)), Example("q", ("b",)), Example("r", ("c",), None, ("x",))]
        )

        relevant = [set(row) - {-1} for row in batch.targets.relevant_ids.tolist()]
        assert relevant == [
            {text_id("a"), text_id("b")},
            {text_id("a"), text_id("b")},
            {text_id("c"), text_id("x")},
        ]

    def test_teacher_scores_stand_beside_their_documents(self):
        batch = collate([Example("q", ("p", "n", "m"), (3.0, 1.0, 2.0)), Example("r", ("p",))])

        assert batch.targets.teacher.shape == (2, 3)
        assert batch.targets.teacher[0].tolist() == [3.0, 1.0, 2.0]
        assert np.isnan(batch.targets.teacher[1].numpy()).all()

    def test_text_ids_are_the_same_in_every_process(self):
        assert text_id("sparse") == 0x51C2C87E5A2BF9C1 or text_id("sparse") >= 0
        assert text_id("a") != text_id("b")


@pytest.mark.data
class TestRealData:
    FOLDER = Path(__file__).parents[4] / "shared" / "data"

    @pytest.fixture(autouse=True)
    def _skip_where_absent(self):
        if not self.FOLDER.is_dir():
            pytest.skip(f"no collections at {self.FOLDER}")

    def test_reads_compressed_pairs(self):
        source = open_source(self.FOLDER / "train" / "scitldr.jsonl.zst")

        assert len(source) == 5407
        assert all(len(source[at].documents) == 1 for at in range(0, len(source), 100))

    def test_reads_a_collection(self):
        folder = self.FOLDER / "scifact"
        source = open_source(folder)

        judgements = (folder / "qrels" / "train.tsv").read_text().splitlines()[1:]
        assert len(source) == len([line for line in judgements if not line.endswith("\t0")])
        # 809 queries are judged; two texts occur under two ids.
        assert len({source[at].query for at in range(len(source))}) == 807
