"""glTF 2.0 meshes. Read here: trimesh ignores normalised and sparse numbers, and takes missing ones for zeros."""

from __future__ import annotations

import base64
import json
import struct
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ccnn_pc.datasets.formats.columns import COLOURS
from ccnn_pc.datasets.formats.gltf_accessors import Accessors, at, whole
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.raw import RawShape, strips

_HARMLESS = (
    "KHR_materials_",
    "KHR_texture_",
    "KHR_lights_",
    "KHR_xmp",
    "EXT_texture_",
    "EXT_lights_",
    "MSFT_texture_",
)
"""Beginnings of names of extensions that change no position."""

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_DRACO = "KHR_draco_mesh_compression"


def read_gltf(data: bytes, beside: Callable[[str], bytes] | None = None) -> RawShape:
    """Read the triangles of the scene of a ``.gltf`` or ``.glb`` file, in the scene's coordinates.

    Quantised positions, sparse accessors, strips, fans, morph targets at their default weights, and all transforms of
    nodes are applied; skins and animations are not. Points and lines are passed over.

    Args:
        data: the file.
        beside: content of a file beside it, by its relative name; None: there is none.

    Raises:
        ValueError: not glTF 2.0, damaged, or in need of an extension that is not read; the message says which.
    """
    text, binary = _chunks(data) if data.startswith(b"glTF") else (data, None)
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("its JSON must be an object")
    version = str(at(document, "asset", dict, {}).get("version", ""))
    if not version.startswith("2"):
        raise ValueError(f"it must be glTF 2.0 (got version {version!r})")
    for name in at(document, "extensionsRequired", list, []):
        if name != "KHR_mesh_quantization" and not str(name).startswith(_HARMLESS):
            advice = " (what DracoPy decodes)" if name == _DRACO else ""
            raise ValueError(
                f"it needs the glTF extension {name}{advice}, which is not read: export it without"
            )
    buffers = [
        _buffer(each, binary if number == 0 else None, beside)
        for number, each in enumerate(_all(document, "buffers"))
    ]
    return _scene(
        document, Accessors(document, buffers, len(data) + sum(len(each or b"") for each in buffers))
    )


def _all(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = at(document, key, list, [])
    if not all(isinstance(each, dict) for each in found):
        raise ValueError(f"'{key}' of its JSON must be a list of objects")
    return found


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """JSON and binary chunk of a ``.glb``."""
    if len(data) < 20:
        raise ValueError(f"it is truncated ({len(data)} bytes)")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise ValueError(f"it must be glTF 2.0 (got version {version})")
    if length > len(data):
        raise ValueError(f"it is truncated: {length} bytes are announced, {len(data)} are there")
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, place)
        if place + 8 + size > length:
            raise ValueError(
                f"it is truncated: a chunk announces {size} bytes, {length - place - 8} are there"
            )
        chunks.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 8 + size
    if b"JSON" not in chunks:
        raise ValueError("it has no JSON chunk")
    return chunks[b"JSON"], chunks.get(b"BIN\0")


def _buffer(
    buffer: dict[str, Any], binary: bytes | None, beside: Callable[[str], bytes] | None
) -> bytes | None:
    """Content of a buffer; None where the file says of none (compressed data stand for it)."""
    uri, size = at(buffer, "uri", str, None), whole(buffer, "byteLength")
    if uri is None:
        content = binary
    elif uri.startswith("data:"):
        content = base64.b64decode(uri.partition(",")[2], validate=True)
    elif beside is None:
        raise ValueError(f"its numbers lie in '{uri}', which is not at hand: save it as .glb")
    else:
        content = beside(urllib.parse.unquote(uri))
    if content is not None and len(content) < size:
        raise ValueError(f"it is truncated: a buffer announces {size} bytes, {len(content)} are there")
    return content


def _scene(document: dict[str, Any], accessors: Accessors) -> RawShape:
    """All primitives of all nodes of the scene; of a file without nodes, all meshes."""
    meshes = _all(document, "meshes")
    placed = (
        list(_placed(document))
        if _all(document, "nodes")
        else [({"mesh": i}, np.eye(4)) for i in range(len(meshes))]
    )
    parts: dict[tuple[int, int, str], tuple[np.ndarray, np.ndarray, np.ndarray | None]] = {}
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    colours: list[np.ndarray | None] = []
    offset = size = 0
    for node, transform in placed:
        if "mesh" not in node:
            continue
        index = whole(node, "mesh", below=len(meshes))
        mesh = meshes[index]
        weights = at(node, "weights", list, at(mesh, "weights", list, []))
        for row, primitive in enumerate(_all(mesh, "primitives")):
            key = index, row, str(weights)
            if key not in parts:
                parts[key] = _primitive(primitive, accessors, weights)
            points, triangles, colour = parts[key]
            size += points.nbytes + triangles.nbytes + (0 if colour is None else colour.nbytes)
            check_unpacked(size, accessors.packed)
            vertices.append(points @ transform[:3, :3].T + transform[:3, 3])
            mirrored = np.linalg.det(transform[:3, :3]) < 0
            faces.append((triangles[:, ::-1] if mirrored else triangles) + offset)
            colours.append(colour)
            offset += len(points)
    if offset == 0:
        return RawShape(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
    return RawShape(np.vstack(vertices), np.vstack(faces), attributes=_attributes(vertices, colours))


def _attributes(vertices: list[np.ndarray], colours: list[np.ndarray | None]) -> dict[str, np.ndarray]:
    """Colours of all vertices where some have one; what has none is white, since colours multiply the material."""
    if all(colour is None for colour in colours):
        return {}
    whole_scene = np.vstack(
        [
            np.ones((len(part), 3)) if colour is None else colour
            for part, colour in zip(vertices, colours, strict=True)
        ]
    )
    return dict(zip(COLOURS, whole_scene.astype(np.float32).T, strict=True))


def _placed(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The nodes of the scene and their transforms ``[4, 4]``; a node has one parent and is not its own."""
    nodes, scenes = _all(document, "nodes"), _all(document, "scenes")
    if scenes:
        chosen = scenes[whole(document, "scene", 0, below=len(scenes))]
        roots = _numbers(chosen, "nodes", len(nodes))
    else:
        children = {child for node in nodes for child in _numbers(node, "children", len(nodes))}
        roots = [number for number in range(len(nodes)) if number not in children]
    seen: set[int] = set()
    waiting = [(number, np.eye(4)) for number in reversed(roots)]
    while waiting:
        number, above = waiting.pop()
        if number in seen:
            raise ValueError(f"node {number} has two parents, or is its own")
        seen.add(number)
        transform = above @ _transform(nodes[number])
        yield nodes[number], transform
        waiting += [(child, transform) for child in reversed(_numbers(nodes[number], "children", len(nodes)))]
    if not scenes and len(seen) < len(nodes):
        raise ValueError(f"node {min(set(range(len(nodes))) - seen)} is its own parent")


def _numbers(holder: dict[str, Any], key: str, below: int) -> list[int]:
    return [whole({key: each}, key, below=below) for each in at(holder, key, list, [])]


def _transform(node: dict[str, Any]) -> np.ndarray:
    if "matrix" in node:
        return _vector(node, "matrix", np.eye(4).reshape(-1)).reshape(4, 4).T
    x, y, z, w = _vector(node, "rotation", np.array([0.0, 0.0, 0.0, 1.0]))
    length = x * x + y * y + z * z + w * w
    if not length > 0:
        raise ValueError("'rotation' of a node must be a quaternion of length 1 (got 0)")
    s = 2 / length
    rotation = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    transform = np.eye(4)
    transform[:3, :3] = rotation * _vector(node, "scale", np.ones(3))
    transform[:3, 3] = _vector(node, "translation", np.zeros(3))
    return transform


def _vector(node: dict[str, Any], key: str, default: np.ndarray) -> np.ndarray:
    found = at(node, key, list, default.tolist())
    if len(found) != len(default) or not all(
        type(each) in (int, float) and np.isfinite(each) for each in found
    ):
        raise ValueError(f"'{key}' of a node must be {len(default)} finite numbers (got {str(found)[:60]})")
    return np.array(found, dtype=np.float64)


def _primitive(
    primitive: dict[str, Any], accessors: Accessors, weights: list[Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Vertices, triangles and colours of a primitive; of points and lines none."""
    mode = whole(primitive, "mode", _TRIANGLES, below=7)
    attributes = at(primitive, "attributes", dict, {})
    if mode < _TRIANGLES or "POSITION" not in attributes:
        return np.empty((0, 3)), np.empty((0, 3), dtype=np.int64), None
    if _DRACO in at(primitive, "extensions", dict, {}) and not accessors.has_data(attributes):
        raise ValueError(
            f"it needs the glTF extension {_DRACO} (what DracoPy decodes), which is not read: export it without"
        )
    vertices = accessors.read(whole(attributes, "POSITION"), "VEC3").astype(np.float64)
    for target, weight in zip(at(primitive, "targets", list, []), weights, strict=False):
        if weight and "POSITION" in target:
            moved = accessors.read(whole(target, "POSITION"), "VEC3")
            if moved.shape != vertices.shape:
                raise ValueError("a morph target must have as many positions as its primitive")
            vertices += float(weight) * moved
    if not np.isfinite(vertices).all():
        raise ValueError("its positions must be finite")
    colour = _colours(attributes, accessors, len(vertices))
    if "indices" in primitive:
        index = accessors.read(whole(primitive, "indices"), "SCALAR")
        if index.dtype.kind != "u":
            raise ValueError(f"'indices' must be unsigned integers (got {index.dtype})")
        index = index.reshape(-1).astype(np.int64)
    else:
        index = np.arange(len(vertices))
    if len(index) and index.max() >= len(vertices):
        raise ValueError(f"a face names vertex {index.max()} of {len(vertices)}, which count from 0")
    if mode == _TRIANGLES:
        if len(index) % 3:
            raise ValueError(f"triangles must have three indices each (got {len(index)} in all)")
        return vertices, index.reshape(-1, 3), colour
    if mode == _STRIP:
        return vertices, strips(index), colour
    first = np.full(max(len(index) - 2, 0), index[0] if len(index) else 0)
    return vertices, np.column_stack([first, index[1:-1], index[2:]]), colour


def _colours(attributes: dict[str, Any], accessors: Accessors, count: int) -> np.ndarray | None:
    """Red, green and blue of every vertex in [0, 1], without their opacity."""
    if "COLOR_0" not in attributes:
        return None
    colour = accessors.read(whole(attributes, "COLOR_0"), "VEC3", "VEC4")[:, :3]
    if len(colour) != count:
        raise ValueError(f"there must be as many colours as positions (got {len(colour)} and {count})")
    if not np.isfinite(colour).all():
        raise ValueError("its colours must be finite")
    return colour
