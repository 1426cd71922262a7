"""Loading of a suite's domains, and of their features."""

from __future__ import annotations

from collections.abc import Callable
from logging import getLogger

from recbole.config import Config

from recbole_metarec.bridge.config import for_domain
from recbole_metarec.bridge.loading import load_catalogue, load_domain
from recbole_metarec.domains.domain import Domain, DomainSuite
from recbole_metarec.errors import UserError
from recbole_metarec.evidence.shared import with_items_of
from recbole_metarec.features.suite import SuiteFeatures
from recbole_metarec.nn.item_features import ItemFeatures, to_tensors


def load_suite(config: Config, target: Domain, load: Callable[[Config], Domain] = load_domain) -> DomainSuite:
    """Load the source domains of a configuration.

    Parameters
    ----------
    config : recbole.config.Config
        The target's configuration; ``source_datasets`` names the sources.
    target : Domain
        Training part of the target domain.
    load : callable
        Loads the domain of a configuration.

    Returns
    -------
    DomainSuite

    Raises
    ------
    UserError
        If a domain is refused or has no sequence of two items: all of them.
    """
    domains = [target]
    problems: list[str] = []
    for name in config["source_datasets"] or ():
        try:
            domains.append(load(for_domain(config, name)))
        except UserError as error:
            problems += error.problems
    problems += [
        f"{domain.name}: no sequence is long enough: a user needs two items{' before those held out' * (not number)}; "
        "loosen the filters or choose another dataset"
        for number, domain in enumerate(domains)
        if domain.n_sequences == 0 or domain.lengths.max() < 2
    ]
    if problems:
        raise UserError(problems)
    return DomainSuite(target, tuple(domains[1:]))


def naming(names: dict[str, list[str]]) -> Callable[[Config], Domain]:
    """Return what loads a domain and puts the names of its items, from item 1, into ``names``."""

    def load(config: Config) -> Domain:
        domain, names[domain.name] = load_catalogue(config)
        return domain

    return load


def shared_interactions(config: Config, target: Domain, items: list[str]) -> list[Domain]:
    """Load what the source domains of a configuration know of a target's items: those sources that know the time.

    Parameters
    ----------
    config, target
        See `load_suite`.
    items : list of str
        Name of each of the target's items, from item 1.

    Returns
    -------
    list of Domain

    Raises
    ------
    UserError
        See `load_suite`.
    """
    names: dict[str, list[str]] = {}
    sources = load_suite(config, target, naming(names)).sources
    shared = [with_items_of(source, names[source.name], items) for source in sources if source.times is not None]
    if sources and not any(each.n_interactions for each in shared):
        why = "no source that knows the time has an item of the target"
        getLogger().warning(f"{target.name}: {why}: shared_items=evidence does nothing")
    return shared


def load_with_features(
    config: Config, target: Domain, prepared: SuiteFeatures, names: dict[str, list[str]] | None = None
) -> tuple[DomainSuite, list[ItemFeatures | None]]:
    """Load the source domains of a configuration and the features of their items.

    Parameters
    ----------
    config, target
        See `load_suite`.
    prepared : SuiteFeatures
    names : dict, optional
        Takes the names of each source's items, from item 1, by the name of the source.

    Returns
    -------
    suite : DomainSuite
    features : list of ItemFeatures or None
        Of each source; ``None``, with a warning, for those that have none of the target's modalities.

    Raises
    ------
    UserError
        See `load_suite`; if a feature file is malformed.
    """
    tokens: dict[str, list[str]] = {} if names is None else names
    suite = load_suite(config, target, naming(tokens))
    features: list[ItemFeatures | None] = []
    for domain in suite.sources:
        found = prepared.of(domain.name, tokens[domain.name])
        if not found.values:
            getLogger().warning(f"{domain.name}: no item has {' or '.join(prepared.forms)}")
        features.append(to_tensors(found) if found.values else None)
    return suite, features
