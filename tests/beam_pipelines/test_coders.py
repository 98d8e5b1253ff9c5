"""The registered coder of references."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.coders import FastPrimitivesCoder
from apache_beam.coders.typecoders import registry
from apache_beam.typehints import typehints

from beam_pipelines.coders import PairBatch, ReferenceCoder
from beam_pipelines.corpus.listing import PersonFiles
from beam_pipelines.corpus.people import Person
from beam_pipelines.pipeline import add_build
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.runners.execution import create_pipeline
from beam_pipelines.shards.fingerprints import Job, ShardPlan
from facevoice.features import FeatureSettings
from tests.conftest import ONE_PROCESS
from tests.references import media, plan

PAIRS = tuple(plan(media({f"video{i:08d}": 30 for i in range(12)}), pairs_per_person=100))
LISTING = PersonFiles(Person("Ann", "Ann", "id1"), media({"v": 9}).faces, (), ())
ELEMENTS = [PairBatch(PAIRS), ShardPlan("train", 3, PAIRS), LISTING]


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: type(element).__name__)
def test_elements_survive_encoding_in_a_fraction_of_the_bytes(element):
    coder = registry.get_coder(type(element))
    assert isinstance(coder, ReferenceCoder)
    encoded = coder.encode(element)
    assert coder.decode(encoded) == element
    assert len(encoded) < len(FastPrimitivesCoder().encode(element)) / 2
    assert coder.estimate_size(element) > 0
    assert not coder.is_deterministic()


@pytest.mark.parametrize("persons", [None, 2])
def test_every_shuffle_of_references_uses_the_coder(tmp_path, persons):
    settings = PlanSettings(persons=persons)
    job = Job(tmp_path, tmp_path, tmp_path, FeatureSettings(), 8, "run", "code", {})
    pipeline = create_pipeline("DirectRunner", ONE_PROCESS)
    add_build(pipeline, [Person("Ann", "Ann", "id1")], job, settings)
    hints = {}

    class Visitor(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            for output in node.outputs.values():
                hints[node.full_label] = output.element_type

    pipeline.visit(Visitor())
    batch = {
        "Key by shard": tuple[tuple[str, int], PairBatch],
        "Write shards": tuple[str, PairBatch],
    }
    for label, hint in batch.items():
        found = next(value for name, value in hints.items() if name.startswith(label))
        assert found == typehints.normalize(hint)
        assert registry.get_coder(found).is_kv_coder()
        assert isinstance(registry.get_coder(found).value_coder(), ReferenceCoder)
    for label, hint in {"Plan shards": ShardPlan, "List files": PersonFiles}.items():
        assert next(value for name, value in hints.items() if name.startswith(label)) is hint
