import numpy as np
import pytest

from femtobarn.simulate.hgcal_stack import FACE, LAYERS, TRIGGER_LAYERS, ce_e, layer_numbers, sensor_z

RADIATION_LENGTH = {  # mm, PDG; the mixtures from their mass fractions
    "G4_STAINLESS-STEEL": 17.6,
    "G4_Pb": 5.61,
    "G4_Cu": 14.36,
    "G4_Si": 93.7,
    "CopperTungsten": 5.13,
    "GlassFibre": 160.0,
}


def test_depth_is_that_of_the_design_report() -> None:
    depth = sum(layer.thickness / RADIATION_LENGTH[layer.material] for layer in ce_e().layers)
    assert depth == pytest.approx(26, rel=0.05)  # CMS-TDR-019
    last = ce_e().layers[-1]
    assert last.z + last.thickness - FACE == pytest.approx(3625.1 - 3210.5, abs=6)  # cmssw, hgcal/v11


def test_every_second_sensor_is_read_by_the_trigger() -> None:
    numbers = layer_numbers()
    assert sorted(numbers[numbers > 0]) == list(range(1, LAYERS + 1))
    read = [number for number, layer in zip(numbers, ce_e().layers, strict=True) if layer.sensitive]
    assert tuple(read) == TRIGGER_LAYERS == tuple(sensor_z())
    sensors = [layer for number, layer in zip(numbers, ce_e().layers, strict=True) if number]
    assert {(layer.material, layer.thickness) for layer in sensors} == {("G4_Si", 0.3)}


def test_sensors_stand_where_cms_has_them() -> None:
    z = np.array(list(sensor_z().values()))
    assert z[0] == pytest.approx(3221, abs=2)
    np.testing.assert_allclose(np.diff(z), 29.57, atol=0.05)  # two layers of the trigger are a cassette apart
