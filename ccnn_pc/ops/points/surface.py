"""Points on the surface of a triangle mesh."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positions


def face_areas_and_normals(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Areas ``[F]`` and unit normals ``[F, 3]`` of triangles; degenerate ones have area 0 and normal 0.

    With edges a, b of a triangle: area = ‖a × b‖ / 2, normal = a × b / ‖a × b‖ (right-hand rule).
    """
    corner = vertices[faces]
    cross = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    length = cross.norm(dim=1)
    normals = cross / length.clamp_min(torch.finfo(vertices.dtype).tiny)[:, None]
    return length / 2, normals


def sample_surface(
    vertices: Tensor, faces: Tensor, num_points: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw points uniformly from the surface of a mesh, independently of each other.

    A triangle is drawn with probability proportional to its area; in it ``p = (1 − √r₁) A + √r₁ (1 − r₂) B +
    √r₁ r₂ C`` with r₁, r₂ uniform in [0, 1) (Osada et al., "Shape Distributions", 2002, eq. 1).

    Args:
        vertices: ``[V, 3]``, float32 or float64.
        faces: ``[F, 3]``, integer.
        num_points: how many.
        generator: of the random numbers (CPU); None is PyTorch's default one.

    Returns:
        Points ``[num_points, 3]`` and the unit normals of their triangles ``[num_points, 3]``, in the type of
        ``vertices``.

    Raises:
        ValueError: no faces, a face that names a vertex that is not there, or a surface without area.

    Example:
        >>> corners = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> points, normals = sample_surface(corners, torch.tensor([[0, 1, 2]]), 5)
        >>> bool((points.sum(dim=1) <= 1).all()), normals[0].tolist()
        (True, [0.0, 0.0, 1.0])
    """
    chosen, weights = places_on_surface(vertices, faces, num_points, generator)
    return points_at(vertices, faces, chosen, weights)


def points_at(vertices: Tensor, faces: Tensor, chosen: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Points and normals at :func:`places_on_surface`: ``p = w₁ A + w₂ B + w₃ C`` of triangle ABC."""
    faces = faces.long()[chosen]
    a, b, c = vertices.double()[faces].unbind(dim=1)
    points = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
    normals = face_areas_and_normals(vertices.double(), faces)[1]
    return points.to(vertices.dtype), normals.to(vertices.dtype)


def places_on_surface(
    vertices: Tensor, faces: Tensor, num_points: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """The same points as triangles and weights of their corners, for what else vertices carry.

    Args:
        vertices: see :func:`sample_surface`, as the others.
        faces: see there.
        num_points: see there.
        generator: see there.

    Returns:
        Triangle of each point ``[num_points]`` and barycentric weights ``[num_points, 3]``, float64, of sum 1.

    Raises:
        ValueError: see there.

    Example:
        >>> corners = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> chosen, weights = places_on_surface(corners, torch.tensor([[0, 1, 2]]), 2)
        >>> chosen.tolist(), weights.shape
        ([0, 0], torch.Size([2, 3]))
    """
    check_positions("vertices", vertices, 3)
    check_at_least("num_points", num_points, 1)
    if faces.dim() != 2 or faces.shape[1] != 3 or faces.is_floating_point():
        raise ValueError(f"'faces' must be integers of shape [F, 3] (got {faces.dtype}, {list(faces.shape)})")
    if len(faces) == 0:
        raise ValueError("'faces' must hold at least one triangle (got 0)")
    faces = faces.long()
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise ValueError(
            f"'faces' must name vertices 0 to {len(vertices) - 1} "
            f"(got {int(faces.min())} to {int(faces.max())})"
        )
    area, _ = face_areas_and_normals(vertices.double(), faces)
    cumulative = area.cumsum(dim=0)
    total = float(cumulative[-1])
    if not total > 0:
        raise ValueError(
            f"'faces' must have a surface area above 0 (got {total:g} from {len(faces)} triangles)"
        )
    draw = torch.rand(3, num_points, generator=generator, dtype=torch.float64).to(vertices.device)
    # the first triangle whose cumulative area exceeds the draw: never one of area 0
    chosen = torch.searchsorted(cumulative, draw[0] * total, right=True)
    chosen = chosen.clamp_max(int(torch.searchsorted(cumulative, total)))
    root, along = draw[1].sqrt()[:, None], draw[2][:, None]
    return chosen, torch.cat([1 - root, root * (1 - along), root * along], dim=1)
