"""The map of every domain's item embeddings into one shared space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from recbole_metarec.lazy import names_in
from recbole_metarec.settings.base import CrossCheck, Settings, option
from recbole_metarec.settings.kinds import Count, Follows, Nonnegative, Share


def _heads_divide(settings: Mapping[str, Any]) -> Iterator[str]:
    width, heads = settings["hidden_size"], settings["quantizer_heads"]
    if settings["quantizer"] and width % heads:
        yield f"--quantizer_heads={heads}: must divide hidden_size ({width})"


def _is_quantizer(value: object) -> str | None:
    names = names_in("recbole_metarec.nn.quantizers:QUANTIZERS", ["multi_head"])
    good = isinstance(value, bool) or (isinstance(value, str) and value in names)
    return None if good else f"must be True, False or one of {', '.join(names)}"


class QuantizerSettings(Settings):
    """Multi-head vector quantization (MetaRec, figure 1; VQ-VAE, arXiv 1711.00937)."""

    group = "Quantizer"
    checks: ClassVar[tuple[CrossCheck, ...]] = ((("quantizer", "quantizer_heads", "hidden_size"), _heads_divide),)

    quantizer: Annotated[bool | str, Follows(_is_quantizer)] = option(
        True, "Whether item embeddings are quantized at all, or the quantizer: multi_head, which True is, too."
    )
    quantizer_heads: Count = option(2, "Heads; each has a codebook.", "Ours: 256 ** 2 combinations")
    codebook_size: Annotated[Count, Ge(2)] = option(
        256, "Codes in a codebook.", "Ours, after vector-quantize-pytorch's example"
    )
    code_size: Count = option(8, "Width of a code, less than that of a head (hidden_size / quantizer_heads).", "Ours")
    quantizer_weight: Nonnegative = option(1.0, "Weight of the quantizer's loss (lambda).", "Ours")
    commitment_weight: Nonnegative = option(0.25, "Weight of the commitment loss (beta).", "VQ-VAE section 3.2")
    codebook_update: Literal["gradient", "moving_average"] = option(
        "gradient", "gradient | moving_average.", "VQ-VAE equation 3 | appendix A.1"
    )
    codebook_decay: Share = option(0.99, "Decay of moving averages.", "VQ-VAE appendix A.1")
    quantizer_residual: bool = option(
        True, "Add the embedding to its quantized vector.", "Ours: what quantizing throws away stays"
    )
    score_with: Literal["quantized", "embedding"] = option(
        "embedding", "embedding | quantized: what states are scored against.", "Ours; LRURec ties both ends"
    )
    dead_code_threshold: Nonnegative = option(
        0.01, "A code used less often than this per batch is drawn anew; 0 never.", "Ours"
    )

    @property
    def quantizer_name(self) -> str | None:
        """Name of the quantizer, ``None`` if there is to be none."""
        return "multi_head" if self.quantizer is True else self.quantizer or None
