"""Pages to look at: what a run or an evaluation was, an item, a kernel; one file each, without a network."""

from ccnn_pc.viz.report.calibration import Calibration, calibration_section
from ccnn_pc.viz.report.classes import classes_section
from ccnn_pc.viz.report.confusion import confusion_section
from ccnn_pc.viz.report.items import Told, draw_item
from ccnn_pc.viz.report.kernels import kernels_section
from ccnn_pc.viz.report.numbers import numbers_section
from ccnn_pc.viz.report.page import Card, Figure, Page, Section, check_place, free_place, identity, write_page
from ccnn_pc.viz.report.settings import repeat_section
from ccnn_pc.viz.report.training_curves import curves_section

__all__ = [
    "Calibration",
    "Card",
    "Figure",
    "Page",
    "Section",
    "Told",
    "calibration_section",
    "check_place",
    "classes_section",
    "confusion_section",
    "curves_section",
    "draw_item",
    "free_place",
    "identity",
    "kernels_section",
    "numbers_section",
    "repeat_section",
    "write_page",
]
