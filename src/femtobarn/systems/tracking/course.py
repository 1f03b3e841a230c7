"""The training of one chain: network after network, on graphs in files, so that it goes on where it was stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.data.ragged import RaggedFile, write_ragged
from femtobarn.engine import Batch, MadeTable, fit
from femtobarn.evaluation.tracks.chain import Chain, to_tensors
from femtobarn.evaluation.tracks.condensation import condensation_loss, owners
from femtobarn.evaluation.tracks.events import Events
from femtobarn.evaluation.tracks.hit_graphs import (
    Candidates,
    candidates,
    embedding_inputs,
    graph,
    joined,
    pieces,
    stage_features,
)
from femtobarn.nn import Graph, crowded_radius, metric_loss, near_share, true_radius
from femtobarn.parts import Report
from femtobarn.physics.tracks import Hits, TrackFinder, follows, true_pairs
from femtobarn.study import Trained
from femtobarn.systems.tracking.study import Part, Study, build


@dataclass
class Course:
    """What a training works with."""

    study: Study
    events: Events
    finder: TrackFinder
    folder: Path
    part: Part
    report: Report

    def run(self) -> Trained[Part]:
        """Train the networks, and set the cut of the filter."""
        networks = build(self.part, self.study, {})
        cuts, history = {"pairs": self.study.cut}, list[dict[str, float]]()
        chain = Chain(self.part.method, networks, self.finder, cuts)
        for stage in networks:
            history = self._stage(stage, chain)
            if stage in ("embedding", "filter"):
                cuts[stage] = self._cut(stage, networks[stage])
        kept = {"windows": to_tensors(self.finder), "cuts": cuts}
        return Trained(self.part, networks.eval(), history, history[-1]["validation"], kept)

    def _stage(self, stage: str, chain: Chain) -> list[dict[str, float]]:
        own: Any = {
            "embedding": (self.study.embed, partial(_metric_loss, self.study)),
            "condensation": (self.study.condense, condensation_loss),
        }
        settings, objective = own.get(stage, (self.study.train, _edge_loss))
        train, validation = (self._graphs(stage, sample, chain) for sample in ("train", "validation"))
        network: Any = chain.networks[stage].train()
        first = joined(train, np.arange(min(len(train), 8)))
        network.fit_scale(*([first["node"]] if stage == "embedding" else [first["node"], first["feature"]]))
        fitted = fit(
            network,
            objective,
            MadeTable(partial(joined, train), len(train)),
            MadeTable(partial(joined, validation), len(validation)),
            settings=settings,
            seed=self.part.seed,
            folder=self.folder / stage,
            report=lambda row: self.report(
                int(row["epoch"]) + 1, settings.epochs, f"{stage} {row['validation']:.3g}"
            ),
            validate=partial(_confusion, self.study) if stage == "embedding" else None,
            progress=False,
        )
        return fitted.history

    def _graphs(self, stage: str, sample: str, chain: Chain) -> RaggedFile:
        path = self.folder / f"{stage}-{sample}.h5"
        if not path.exists():
            numbers = range(self.events.sizes[sample])
            events = (self.events.hits(sample, i, self.part.regime.z) for i in numbers)
            sections = self.study.sections if sample == "train" else 1
            made = (piece for hits in events for piece in self._pieces(stage, hits, chain, sections))
            write_ragged(path, made)
        return RaggedFile(path)

    def _pieces(self, stage: str, hits: Hits, chain: Chain, sections: int) -> Iterator[dict[str, np.ndarray]]:
        if stage == "embedding":
            pair = true_pairs(hits)
            wanted = follows(hits, pair, self.part.regime.learned(hits))
            feature = torch.from_numpy(candidates(hits, pair).feature).float()
            found = Graph(embedding_inputs(hits), torch.from_numpy(pair), feature)
            return pieces(hits, found, np.arange(len(hits.number)), wanted, sections)
        if stage == "triplets":
            left, doublet = chain.triplet_graph(hits)
            right = follows(hits, left.pair)[doublet.edge.numpy()].all(axis=1)
            return pieces(hits, doublet, left.pair[:, 0], right, sections)
        left = list(chain.pairs(hits, before=stage).values())[-1]
        left = self._thinned(hits, left) if stage == "filter" else left
        place, right = np.unique(left.pair), follows(hits, left.pair)
        inputs, own = graph(stage_features(stage, hits), left), owners(hits, self.part.regime.learned(hits))
        return pieces(hits, inputs, place, right, sections, owner=own[place])

    def _thinned(self, hits: Hits, near: Candidates) -> Candidates:
        """True pairs and, for each, some wrong ones drawn at random."""
        right = follows(hits, near.pair)
        share = self.study.wrong * right.sum() / max(1, (~right).sum())
        draw = np.random.default_rng([self.part.seed, len(right)])
        return near.take(right | (draw.random(len(right)) < share))

    @torch.no_grad()
    def _cut(self, stage: str, network: nn.Module) -> float:
        """Distance or score by which the asked share of true pairs of validation events is kept."""
        file = RaggedFile(self.folder / f"{stage}-validation.h5")
        batch = joined(file, np.arange(len(file)))
        if stage == "embedding":
            true = batch["edge"][batch["truth"] > 0]
            point = network.eval()(batch["node"])
            crowded = crowded_radius(point, self.study.neighbours, generator=np.random.default_rng(0))
            return float(torch.minimum(true_radius(point, true, self.study.kept), crowded))
        score = network.eval()(batch["node"], batch["edge"], batch["feature"]).sigmoid()
        right = score[batch["truth"] > 0].numpy()
        return float(np.quantile(right, 1 - self.study.kept)) if len(right) else 0.0


def _edge_loss(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    odds = network(batch["node"], batch["edge"], batch["feature"])
    return F.binary_cross_entropy_with_logits(odds, batch["truth"])


def _metric_loss(study: Study, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    draw = np.random.default_rng(int(torch.randint(2**31, ())))
    point, wanted = network(batch["node"]), batch["truth"] > 0
    return metric_loss(point, batch["edge"], wanted, margin=study.margin, most=study.near, generator=draw)


def _confusion(study: Study, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    point = network(batch["node"])
    radius = true_radius(point, batch["edge"][batch["truth"] > 0], study.kept)
    return near_share(point, float(radius), generator=np.random.default_rng(0))
