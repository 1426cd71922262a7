"""Tables of made-up shops for the other examples, in the place of your own."""

from pathlib import Path

import pandas as pd

from recbole_metarec.demo.files import write_world
from recbole_metarec.demo.world import World


def write_datasets(folder, share=0.4):
    """Write the shops of `recbole-metarec demo` with some of their customers; return settings that ask about them."""
    write_world(World(seed=2020, share=share), Path(folder))
    return {
        "data_path": folder,
        "dataset": "cork",
        "source_datasets": ["antwerp", "bergen", "lyon", "motors"],
        "eval_args": {"split": {"time": ["2026-03-18", "2026-03-20"]}, "order": "TO", "mode": "full"},
        "repeat_items": True,
        "deliver": "transfer",
    }


def write_tables(folder):
    """Write the same as tables, a row for each purchase; return the names of the shops."""
    settings = write_datasets("made-up")
    names = [settings["dataset"], *settings["source_datasets"]]
    Path(folder).mkdir(exist_ok=True)
    for name in names:
        bought, items = (pd.read_csv(f"made-up/{name}/{name}.{part}", sep="\t") for part in ("inter", "item"))
        table = bought.merge(items, on="item_id:token")
        pd.DataFrame(
            {
                "customer": table["user_id:token"],
                "sku": table["item_id:token"],
                "bought_at": pd.to_datetime(table["timestamp:float"], unit="s").dt.strftime("%Y-%m-%d %H:%M"),
                "name": table["title:token_seq"],
                "price": table["price:float"],
            }
        ).to_csv(f"{folder}/{name}.csv", index=False)
    return names
