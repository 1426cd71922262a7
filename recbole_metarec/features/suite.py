"""The features of a suite: what its items' texts, images and prices become, the same way in every domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from logging import getLogger

from recbole_metarec.errors import UserError
from recbole_metarec.features.features import Features, Form, Vectors
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.items import read_items
from recbole_metarec.features.modalities import MODALITIES, Modality, Sharing, SuiteItems
from recbole_metarec.features.modalities.text import Text
from recbole_metarec.features.text import TextSpace
from recbole_metarec.settings.features import FeatureSettings


class SuiteFeatures:
    """Prepares the features of a suite's domains: the target's at once, a source's when it is asked for.

    Parameters
    ----------
    settings : FeatureSettings
    suite : SuiteItems
    tokens : sequence of str
        Items of the target domain, padding left out.

    Attributes
    ----------
    target : Features
        Of the target domain.

    Raises
    ------
    UserError
        If no item of the target has a feature, or a file is malformed.
    """

    def __init__(self, settings: FeatureSettings, suite: SuiteItems, tokens: Sequence[str]) -> None:
        self.suite = suite
        self._modalities = {name: MODALITIES[name](settings, suite) for name in settings.modalities}
        self.target = self._prepare(suite.target, tokens, self._modalities)
        if not self.target.values:
            wanted = " or ".join(settings.modalities)
            raise UserError(
                [f"{suite.target}: no item has {wanted}; put them into its .item file or use MetaRec without"]
            )

    @property
    def forms(self) -> Mapping[str, Form]:
        """What the values of each modality are that the target has."""
        return self.target.forms

    def of(self, domain: str, tokens: Sequence[str]) -> Features:
        """Prepare the features of a source.

        Parameters
        ----------
        domain : str
            Its name.
        tokens : sequence of str
            Its items, padding left out.

        Returns
        -------
        Features
            With the modalities that the domain has, and the target, too.

        Raises
        ------
        UserError
            If a file is malformed.
        """
        features = self._prepare(domain, tokens, {name: self._modalities[name] for name in self.forms})
        self._check_widths(domain, features)
        return features

    def text_space(self, domain: str) -> TextSpace | None:
        """Return the space of a domain's texts; ``None`` if there are none, or they are no TF-IDF."""
        modality = self._modalities.get("text")
        return modality.space(domain) if isinstance(modality, Text) else None

    def _prepare(self, domain: str, tokens: Sequence[str], modalities: Mapping[str, Modality]) -> Features:
        cells = self.suite.cells(domain).reindex(list(tokens), fill_value="")
        features = Features({}, {}, {}, {})
        for name, modality in modalities.items():
            values = modality.values(domain, cells)
            if values.present.any():
                features.values[name], features.present[name], features.norms[name] = values.padded()
                features.forms[name] = modality.form(values.values)
        getLogger().info(f"{domain}: {features.describe() or 'no features'}")
        return features

    def _check_widths(self, domain: str, features: Features) -> None:
        problems = [
            f"{domain}: {name} vectors of width {form.width}, those of {self.suite.target} have {target.width}; encode "
            "all domains the same way"
            for name, form in features.forms.items()
            if isinstance(form, Vectors) and isinstance(target := self.forms[name], Vectors) and form != target
        ]
        if problems:
            raise UserError(problems)


def prepare_suite(
    settings: FeatureSettings,
    files: ItemFiles,
    domains: Sequence[str],
    tokens: Sequence[str],
    trained: Sequence[str],
    sharing: Sharing,
    show_progress: bool = False,
) -> SuiteFeatures:
    """Prepare the features of a suite; each ``.item`` file is read once.

    Parameters
    ----------
    settings : FeatureSettings
    files : ItemFiles
    domains : sequence of str
        Names of the target and the sources.
    tokens : sequence of str
        Items of the target domain, padding left out.
    trained : sequence of str
        Those of its training part.
    sharing : Sharing
    show_progress : bool

    Returns
    -------
    SuiteFeatures

    Raises
    ------
    UserError
        See `SuiteFeatures`.
    """
    target, *sources = domains
    cells = cache(partial(read_items, files, settings=settings))
    suite = SuiteItems(target, sources, trained, sharing, files, cells, show_progress)
    return SuiteFeatures(settings, suite, tokens)
