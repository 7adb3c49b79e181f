"""Trains a model of RecBole on sequences and says as JSON how long an epoch takes and how good it is: `recbole_peer.py ASKED.json`."""

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

MODELS = {"sasrec": "SASRec", "bert4rec": "BERT4Rec"}


def main():
    asked = json.loads(Path(sys.argv[1]).read_text())
    os.environ["OMP_NUM_THREADS"] = str(asked["threads"])
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(asked["threads"])
    sequences = json.loads(Path(asked["sequences"]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write(sequences, Path(folder) / "toys")
        config = Config(model=MODELS[asked["model"]], dataset="toys", config_dict={
            "data_path": folder, "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "USER_ID_FIELD": "user_id",
            "ITEM_ID_FIELD": "item_id", "TIME_FIELD": "timestamp", "MAX_ITEM_LIST_LENGTH": asked["max_length"],
            "train_neg_sample_args": None, "loss_type": "CE", "epochs": asked["epochs"], "train_batch_size": asked["batch"],
            "eval_batch_size": 512, "learning_rate": asked["learning_rate"], "hidden_size": asked["dim"],
            "n_layers": asked["layers"], "n_heads": asked["heads"], "inner_size": asked["inner"],
            "hidden_dropout_prob": asked["dropout"], "attn_dropout_prob": asked["dropout"], "topk": [10],
            "metrics": ["Hit", "NDCG"], "valid_metric": "NDCG@10", "use_gpu": False, "show_progress": False, "seed": 2024,
            "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
            "checkpoint_dir": folder, "worker": 0,
        })
        logging.disable(logging.INFO)
        init_seed(config["seed"], True)
        dataset = create_dataset(config)
        train, _, test = data_preparation(config, dataset)
        model = get_model(config["model"])(config, train.dataset).to(config["device"])
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
        begin, before = time.perf_counter(), time.process_time()
        trainer.fit(train, None, verbose=False, saved=False, show_progress=False)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - before
        found = trainer.evaluate(test, load_best_model=False, show_progress=False)
    print(json.dumps({
        "seconds": seconds / asked["epochs"], "cpu": cpu / asked["epochs"],
        "quality": {"HR@10": float(found["hit@10"]), "NDCG@10": float(found["ndcg@10"])},
    }))


def write(sequences, folder):
    """RecBole's atomic file: a row for each interaction, in the order of time."""
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user, items in sequences.items():
        lines += [f"{user}\t{item}\t{time}" for time, item in enumerate(items)]
    (folder / "toys.inter").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
