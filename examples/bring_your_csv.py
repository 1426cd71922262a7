"""From tables of purchases to an answer, and to recommendations.

python examples/bring_your_csv.py
"""

import pandas as pd
from made_up_tables import write_tables

import recbole_metarec as rm
from recbole_metarec.conversion import convert

# Tables of four shops, tables/cork.csv and so on, in the place of your own: a row for each purchase, with
# the columns customer, sku, bought_at, name and price.
names = write_tables("tables")

# A table becomes a folder of RecBole's atomic files. Whatever is wrong with it is said, all at once. On the command
# line: recbole-metarec convert tables/cork.csv --user=customer --item=sku --time=bought_at --title=name --price=price
for name in names:
    card = convert(
        f"tables/{name}.csv",
        user="customer",
        item="sku",
        time="bought_at",
        fields={"title": "name", "price": "price"},
        output=f"dataset/{name}",
    )
    print(name, card["counts"][-1], card["timestamps"]["what"])

# The question: do the other shops help cork? What was bought before the first date is learnt from, what was bought
# from the second on is to be found. Evidence trains no network, so that it answers in seconds; MetaRec takes longer.
transfer, scratch, *_ = rm.run(
    model="Evidence",
    dataset="cork",
    source_datasets=[name for name in names if name != "cork"],
    eval_args={"split": {"time": ["2026-03-18", "2026-03-20"]}, "order": "TO", "mode": "full"},
    repeat_items=True,  # people buy compost again
)
gain = transfer.test["ndcg@10"] / scratch.test["ndcg@10"] - 1
print(
    f"NDCG@10 {transfer.test['ndcg@10']:.4f} with the other shops, {scratch.test['ndcg@10']:.4f} without: {gain:+.1%}"
)

# A checkpoint is all that recommending takes. Customers need not have been seen in training: what they bought, and
# when, is what counts.
rec = rm.load(transfer.checkpoint)
basket = pd.DataFrame({"user_id": "ann", "item_id": ["C104"], "timestamp": [pd.Timestamp("2026-05-20").timestamp()]})
best = rec.recommend(basket, k=5, at="2026-05-23")
print(best.assign(title=[rec.titles[item] for item in best["item_id"]]).to_string(index=False))
