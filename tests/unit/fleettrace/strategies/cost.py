"""What tests draw of costs: calibrations, trials, how full maps are."""

from hypothesis import strategies as st

from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.job import Trial
from fleettrace.model.run import MapFill
from tests.unit.fleettrace.strategies.basics import amounts, numbers, texts

_pair = (amounts, amounts)

calibrations = st.builds(
    Calibration, st.dictionaries(st.sampled_from(HitKind), amounts, max_size=3), amounts, amounts, texts, numbers
)
map_fills = st.lists(st.builds(MapFill, texts, numbers, numbers, numbers, numbers, numbers), max_size=2).map(tuple)
trials = st.builds(Trial, amounts, numbers, numbers, *_pair, numbers, map_fills, texts, *_pair)
