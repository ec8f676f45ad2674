"""What is minimised and how it is judged, one kind of target per file."""

from __future__ import annotations

from ccnn_pc.training.objectives.base import Objective
from ccnn_pc.training.objectives.class_weights import ClassWeights
from ccnn_pc.training.objectives.classification import Classification, classification_loss, log_prior
from ccnn_pc.training.objectives.points import PointClassification, lovasz_softmax
from ccnn_pc.training.objectives.points_regression import PointRegression
from ccnn_pc.training.objectives.regression import Regression
from ccnn_pc.training.objectives.samples import SampleRegression
from ccnn_pc.training.objectives.steps import StepClassification

__all__ = [
    "ClassWeights",
    "Classification",
    "Objective",
    "PointClassification",
    "PointRegression",
    "Regression",
    "SampleRegression",
    "StepClassification",
    "classification_loss",
    "log_prior",
    "lovasz_softmax",
]
