from pathlib import Path

import pytest

from splade_sdk.errors import ConfigError
from splade_sdk.training.config import load_config, parse_config

MINIMAL = {"model": {"base": "m"}, "data": [{"path": "a.jsonl"}], "output_dir": "out"}


def changed(**changes):
    return {**MINIMAL, **changes}


def test_a_dense_head_needs_queries_that_run_the_model():
    with pytest.raises(ConfigError, match=r"dense_losses and .* need queries that run the model"):
        parse_config(
            changed(
                dense_losses=[{"name": "infonce"}],
                model={"base": "m", "query_expansion": False},
            )
        )


def test_a_base_that_is_a_folder_is_relative_to_the_yaml(tmp_path):
    (tmp_path / "start").mkdir()
    path = tmp_path / "config.yaml"
    path.write_text("{model: {base: start}, data: [{path: a.jsonl}], output_dir: out}")

    assert load_config(path).model.base == str(tmp_path / "start")


def test_loads_yaml_with_paths_relative_to_it(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        """
model: {base: bert-base-uncased, pooling: sum}
data:
  - {path: pairs.jsonl.zst, weight: 0.5}
  - {path: /data/scifact}
losses:
  - {name: kl, options: {teacher_temperature: 0.05}}
  - {name: margin_mse, weight: 0.05}
sparsity:
  document: {name: df_flops, options: {alpha: 0.2}}
  target_active_dims: [30, 200]
evaluation: {path: dev}
output_dir: runs/1
"""
    )

    config = load_config(path)

    assert config.data[0].path == tmp_path / "pairs.jsonl.zst"
    assert config.data[1].path == Path("/data/scifact")
    assert config.evaluation.path == tmp_path / "dev"
    assert config.output_dir == tmp_path / "runs" / "1"
    assert config.losses[0].options == {"teacher_temperature": 0.05}
    assert config.sparsity.target_active_dims == (30, 200)
    assert config.sparsity.query.name == "flops"


def test_defaults_are_infonce_and_flops():
    config = parse_config(MINIMAL)

    assert [loss.name for loss in config.losses] == ["infonce"]
    assert config.sparsity.schedule == "quadratic"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed(outptu_dir="x"), "no key 'outptu_dir': did you mean 'output_dir'?"),
        (
            changed(optimizer={"learning_rat": 1}),
            "no key 'optimizer.learning_rat': did you mean 'optimizer.learning_rate'?",
        ),
        (
            changed(data=[{"path": "a"}, {"path": "b", "weigth": 1}]),
            "no key 'data.1.weigth': did you mean 'data.1.weight'?",
        ),
        (
            changed(sparsity={"document": {"strenght": 1}}),
            "no key 'sparsity.document.strenght': did you mean 'sparsity.document.strength'?",
        ),
        (
            changed(evaluation={"path": "a", "every_step": 1}),
            "no key 'evaluation.every_step': did you mean 'evaluation.every_steps'?",
        ),
        (changed(xyz=1), "no key 'xyz': expected one of checkpoints, data, dense_distillation"),
        ({"model": {"base": "m"}, "output_dir": "o"}, "no key 'data': it is needed"),
        (changed(data=[]), "data is []: "),
        (changed(optimizer={"batch_size": 0}), "optimizer.batch_size is 0: "),
        (changed(dtype="int8"), "dtype is 'int8': "),
        (changed(losses=[{"name": "nce"}]), "no loss 'nce': expected one of infonce, kl"),
        (
            changed(losses=[{"name": "kl", "options": {"temp": 1}}]),
            "the loss 'kl' has no option 'temp': expected one of temperature",
        ),
        (
            changed(losses=[{"name": "kl", "options": {"temperature": -1}}]),
            "losses.0: temperature is -1.0: expected a number greater than 0",
        ),
        (changed(sparsity={"query": {"name": "l2"}}), "no regularizer 'l2': expected one of"),
        (changed(sparsity={"schedule": "cosine"}), "no schedule 'cosine': expected one of"),
        (
            changed(sparsity={"target_active_dims": [0, 10]}),
            "target_active_dims is [0.0, 10.0]: expected numbers greater than 0",
        ),
        (
            changed(sparsity={"query": None, "target_active_dims": [5, 10]}),
            "target_active_dims needs a regularizer on both sides",
        ),
        (changed(data="pairs.jsonl"), "data is 'pairs.jsonl': expected a list"),
        (
            changed(data=["pairs.jsonl"]),
            "data.0 is 'pairs.jsonl': expected keys and values, with the keys path, split, weight",
        ),
        (changed(optimizer=None), "optimizer is None: expected keys and values, with the keys acc"),
        (changed(optimizer={"batch_size": "many"}), "optimizer.batch_size is 'many': Input should"),
        (changed(optimizer={"lr_scheduler": "cosin"}), "'cosin': Input should be 'linear', 'cosi"),
        (
            changed(sparsity={"target_active_dims": [100]}),
            "target_active_dims is [100]: expected more items: there is none at place 2",
        ),
        (
            changed(sparsity={"target_active_dims": [1, 2, 3]}),
            "target_active_dims is [1, 2, 3]: List should have at most 2 items, not 3",
        ),
        (
            changed(losses=[{"name": "kl"}, {"name": "kl"}]),
            "losses are kl, kl: expected each name once",
        ),
    ],
)
def test_names_what_is_wrong(values, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(values, where="run.yaml")

    assert str(caught.value).startswith("run.yaml: ")
    assert message in str(caught.value)


def test_names_all_that_is_wrong_at_once():
    with pytest.raises(ConfigError, match=r"'modle'.*; .*'seeed'|'seeed'.*; .*'modle'"):
        parse_config(changed(modle=1, seeed=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [", "not YAML"), ("- a", "list: expected keys"), ("", "NoneType: expected keys")],
)
def test_names_a_file_that_is_no_config(tmp_path, content, message):
    (tmp_path / "c.yaml").write_text(content)

    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "c.yaml")


def test_names_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read"):
        load_config(tmp_path / "no.yaml")


def test_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse_config(MINIMAL).seed = 1
