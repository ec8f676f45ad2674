"""Time series, sound, text, synthetic sequences."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.series.arrays import SeriesArrays
    from ccnn_pc.datasets.series.character_text import CharacterText
    from ccnn_pc.datasets.series.character_trajectories import CharacterTrajectories
    from ccnn_pc.datasets.series.data import SeriesData
    from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
    from ccnn_pc.datasets.series.list_ops import ListOps
    from ccnn_pc.datasets.series.memory_tasks import AddingProblem, CopyMemory
    from ccnn_pc.datasets.series.oscillations import Oscillations
    from ccnn_pc.datasets.series.physionet2019 import PhysioNet2019
    from ccnn_pc.datasets.series.reviews import Reviews
    from ccnn_pc.datasets.series.scaling import Normalization
    from ccnn_pc.datasets.series.speech_commands import SpeechCommands
    from ccnn_pc.datasets.series.spoken_digits import SpokenDigits
    from ccnn_pc.datasets.series.uea_archive import UEAArchive

__all__ = [
    "AddingProblem",
    "CharacterText",
    "CharacterTrajectories",
    "CopyMemory",
    "ListOps",
    "Normalization",
    "Oscillations",
    "PhysioNet2019",
    "Reviews",
    "SeriesArrays",
    "SeriesData",
    "SeriesDataset",
    "SeriesForm",
    "SpeechCommands",
    "SpokenDigits",
    "UEAArchive",
]

lazy(__name__)
