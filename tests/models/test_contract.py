"""The contract for every model and mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planted
from contract import RecommenderContract


class TestMetaRecTransformer(RecommenderContract):
    mode = {"backbone": "transformer"}


class TestMetaRecGRU(RecommenderContract):
    mode = {"backbone": "gru"}


class TestMetaRecLRU(RecommenderContract):
    mode = {"backbone": "lru"}


class TestMetaRecScratch(RecommenderContract):
    mode = {"source_datasets": []}


class TestMetaRecSecondOrderTransformer(RecommenderContract):
    mode = {"second_order": True, "inner_steps": 2, "learn_inner_rates": True}


class TestMetaRecSecondOrderGRU(RecommenderContract):
    mode = {"backbone": "gru", "second_order": True, "similarity_scope": "tensor"}


class TestMetaRecSecondOrderLRU(RecommenderContract):
    mode = {"backbone": "lru", "second_order": True}


class TestMetaRecPlainMAML(RecommenderContract):
    mode = {"temperature": float("inf"), "source_share": 0.0, "sources_per_step": 2, "warmup_epochs": 0}


class TestMetaRecWithoutFineTuning(RecommenderContract):
    mode = {"meta_epochs": None}


class TestMetaRecFrozen(RecommenderContract):
    mode = {"freeze": True}


class TestMetaRecFrozenMovingAverageCodebooks(RecommenderContract):
    mode = {"freeze": True, "codebook_update": "moving_average", "meta_epochs": 0, "softmax": "sampled"}


class TestMetaRecMovingAverageCodebooks(RecommenderContract):
    mode = {"codebook_update": "moving_average", "quantizer_residual": False}


class TestMetaRecWithoutQuantizer(RecommenderContract):
    mode = {"quantizer": False, "item_init": "cooccurrence"}


class TestMetaRecSampledSoftmax(RecommenderContract):
    mode = {"softmax": "sampled", "n_negatives": 8, "score_with": "quantized"}


class TestMetaRecHalfPrecision(RecommenderContract):
    mode = {"enable_amp": True, "softmax": "full"}


class TestMetaRecAttentionDropoutWholeTargetBatch(RecommenderContract):
    mode = {"attn_dropout_prob": 0.3, "split_target": False, "positions": "end"}


class TestMetaRecWithoutMemory(RecommenderContract):
    mode = {"memory_weight": 0, "repeat_items": True}


class TestMetaRecSomeUsers(RecommenderContract):
    mode = {"train_users": 0.5, "memory_weight": 2.0}


class FeaturedContract(RecommenderContract):
    model = "ANT"
    target = planted.FEATURED_TARGET

    @classmethod
    def settings(cls, root: Path, folder: Path) -> dict[str, Any]:
        small = {"pretrain_epochs": 1, "epochs": 10, "feature_cache": str(folder / "features")}
        return planted.featured_settings(root, checkpoint_dir=str(folder), **{**small, **cls.mode})

    @classmethod
    def write_suite(cls, root: Path) -> None:
        planted.write_featured_suite(root, target_users=60, source_users=60)


class TestANTRelearn(FeaturedContract):
    mode = {"adapt": "relearn"}


class TestANTNeverThaw(FeaturedContract):
    mode = {"adapt": "relearn", "thaw_after": None}


class TestANTFinetune(FeaturedContract):
    mode = {"adapt": "finetune", "transductive": False}


class TestANTFrozen(FeaturedContract):
    mode = {"adapt": "frozen"}


class TestANTFrozenInductive(FeaturedContract):
    mode = {"adapt": "frozen", "transductive": False}


class TestANTScratch(FeaturedContract):
    mode = {"adapt": "scratch"}


class TestANTWithoutSources(FeaturedContract):
    mode = {"source_datasets": [], "memory_weight": 0}


class TestANTWithoutMixtureAndFusion(FeaturedContract):
    mode = {"n_experts": 1, "fusion_weight": 0, "contrast_across_domains": False}


class TestANTTextAlone(FeaturedContract):
    mode = {"modalities": ["text"], "backbone": "lru"}


class TestANTImagesAlone(FeaturedContract):
    mode = {"modalities": ["image"], "backbone": "gru", "image_text_weight": 0}


class TestANTPricesAlone(FeaturedContract):
    mode = {"modalities": ["price"], "positions": "start"}


class TestANTSampledSoftmax(FeaturedContract):
    mode = {"softmax": "sampled", "n_negatives": 8}


class TestANTSomeUsers(FeaturedContract):
    mode = {"train_users": 0.5, "enable_amp": True}


class TestMetaRecWithFeatures(FeaturedContract):
    model = "MetaRec"
    mode = {"model": "MetaRec", "item_features": True, "quantizer_heads": 2, "codebook_size": 8}


class TestMetaRecWithFeaturesMovingAverages(FeaturedContract):
    model = "MetaRec"
    mode = {
        "model": "MetaRec",
        "item_features": True,
        "quantizer_heads": 2,
        "codebook_update": "moving_average",
        "second_order": True,
        "softmax": "sampled",
        "n_negatives": 16,
    }
