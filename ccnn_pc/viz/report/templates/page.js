"use strict";
const bytesOf = text => Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
const rgbOf = text => [1, 3, 5].map(first => parseInt(text.slice(first, first + 2), 16));
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

// A cloud: points drawn as discs into a depth buffer. No WebGL, of which a page may have sixteen only.
function cloud(box) {
  const told = JSON.parse(box.dataset.cloud), canvas = box.querySelector("canvas"), paper = canvas.getContext("2d");
  const stored = new DataView(bytesOf(told.pos).buffer), count = told.count, place = new Float32Array(3 * count);
  const low = [9e9, 9e9, 9e9], high = [-9e9, -9e9, -9e9];
  for (let i = 0; i < 3 * count; i++) {
    place[i] = stored.getUint16(2 * i, true) / 65535;
    low[i % 3] = Math.min(low[i % 3], place[i]);
    high[i % 3] = Math.max(high[i % 3], place[i]);
  }
  let reach = 1e-9;
  for (let i = 0; i < count; i++) {
    let square = 0;
    for (let axis = 0; axis < 3; axis++) {
      place[3 * i + axis] -= (low[axis] + high[axis]) / 2;
      square += place[3 * i + axis] ** 2;
    }
    reach = Math.max(reach, Math.sqrt(square));
  }
  for (let i = 0; i < 3 * count; i++) place[i] /= reach;
  const normals = told.normals ? new Int8Array(bytesOf(told.normals).buffer) : null;
  const start = told.flat ? { turn: 0, lift: Math.PI / 2, zoom: 1 } : { turn: told.turn ?? -0.6, lift: told.lift ?? 0.35, zoom: 1 };
  const camera = { ...start };
  let view = null, rows = null, palette = [], waiting = false, held = null, moved = told.flat === true, seen = false, last = 0;

  function draw() {
    waiting = false;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const width = Math.max(2, Math.round(canvas.clientWidth * ratio)), height = Math.max(2, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const picture = paper.createImageData(width, height), ink = new Uint32Array(picture.data.buffer);
    const depth = new Float32Array(width * height).fill(-9e9);
    const side = Math.min(width, height), scale = 0.46 * side * camera.zoom;
    const radius = Math.max(0.7 * ratio, Math.min(0.018, 0.42 / Math.sqrt(count)) * told.size * side * camera.zoom);
    const [ct, st, cl, sl] = [Math.cos(camera.turn), Math.sin(camera.turn), Math.cos(camera.lift), Math.sin(camera.lift)];
    const ground = rgbOf(getComputedStyle(document.documentElement).getPropertyValue("--card").trim());
    for (let i = 0; i < count; i++) {
      const colour = palette[rows[i]];
      if (!colour) continue;
      const x = place[3 * i], y = place[3 * i + 1], z = place[3 * i + 2];
      const across = ct * x - st * y, along = st * x + ct * y;
      const up = cl * z + sl * along, near = sl * z - cl * along;
      const grow = told.flat ? 1 : 3.2 / (3.2 - near);
      const px = width / 2 + scale * grow * across, py = height / 2 - scale * grow * up, r = radius * grow;
      let light = 1;
      if (normals) {
        const a = normals[3 * i] / 127, b = normals[3 * i + 1] / 127, c = normals[3 * i + 2] / 127;
        const na = ct * a - st * b, nl = st * a + ct * b, nu = cl * c + sl * nl, nn = sl * c - cl * nl;
        light = 0.5 + 0.5 * Math.abs(0.35 * na + 0.6 * nu + 0.72 * nn);
      }
      const mist = told.flat ? 0 : 0.34 * Math.min(1, Math.max(0, 0.5 - 0.5 * near));
      const paint = colour.map((part, j) => part * light * (1 - mist) + ground[j] * mist);
      const word = (255 << 24) | (paint[2] << 16) | (paint[1] << 8) | paint[0];
      const x0 = Math.max(0, Math.ceil(px - r)), x1 = Math.min(width - 1, Math.floor(px + r));
      const y0 = Math.max(0, Math.ceil(py - r)), y1 = Math.min(height - 1, Math.floor(py + r));
      for (let v = y0; v <= y1; v++) for (let u = x0; u <= x1; u++) {
        const at = v * width + u;
        if (near > depth[at] && (u - px) ** 2 + (v - py) ** 2 <= r * r) { depth[at] = near; ink[at] = word; }
      }
    }
    paper.putImageData(picture, 0, 0);
  }
  const ask = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };
  function turnAlone(now) {
    if (moved || calm || !seen) return;
    if (now - last > 33) { camera.turn += 0.0005 * Math.min(100, now - last); last = now; draw(); }
    requestAnimationFrame(turnAlone);
  }
  function choose(next) {
    view = next;
    rows = bytesOf(next.rows);
    palette = next.colours.map(colour => colour && rgbOf(colour));
    box.querySelectorAll(".views button").forEach((button, index) => button.setAttribute("aria-pressed", told.views[index] === next));
    const legend = box.querySelector(".legend");
    legend.replaceChildren();
    if (next.scale) {
      const line = document.createElement("div"), bar = document.createElement("div");
      line.className = "ends";
      bar.className = "scale";
      bar.style.background = `linear-gradient(90deg, ${next.colours.filter(colour => colour).join(", ")})`;
      line.append(next.scale[0], bar, next.scale[1]);
      legend.append(line);
    }
    (next.names || []).forEach((name, row) => {
      if (!rows.includes(row) || !next.colours[row]) return;
      const entry = document.createElement("span"), mark = document.createElement("i");
      mark.style.background = next.colours[row];
      entry.append(mark, name);
      legend.append(entry);
    });
    ask();
  }
  if (told.views.length > 1) for (const next of told.views) {
    const button = document.createElement("button");
    button.textContent = next.name;
    button.onclick = () => choose(next);
    box.querySelector(".views").append(button);
  }
  canvas.onpointerdown = event => { held = event; moved = true; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointerup = canvas.onpointercancel = () => { held = null; };
  canvas.onpointermove = event => {
    if (!held || told.flat) return;
    camera.turn += (event.clientX - held.clientX) * 0.008;
    camera.lift = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, camera.lift + (event.clientY - held.clientY) * 0.008));
    held = event;
    ask();
  };
  canvas.ondblclick = () => { Object.assign(camera, start); ask(); };
  canvas.addEventListener("wheel", event => {
    if (document.activeElement !== canvas && !document.fullscreenElement) return; // the page scrolls until a cloud was clicked
    event.preventDefault();
    camera.zoom = Math.min(20, Math.max(0.4, camera.zoom * Math.exp(-event.deltaY * 0.001)));
    ask();
  }, { passive: false });
  canvas.onkeydown = event => {
    const step = { ArrowLeft: ["turn", -0.1], ArrowRight: ["turn", 0.1], ArrowUp: ["lift", 0.1], ArrowDown: ["lift", -0.1] }[event.key];
    if (step) { moved = true; camera[step[0]] += step[1]; event.preventDefault(); }
    if (event.key === "+") camera.zoom *= 1.2;
    if (event.key === "-") camera.zoom /= 1.2;
    ask();
  };
  box.querySelector(".full").onclick = () => document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen();
  new ResizeObserver(ask).observe(canvas);
  new IntersectionObserver(entries => {
    const before = seen;
    seen = entries.some(entry => entry.isIntersecting);
    if (seen && !before) { ask(); requestAnimationFrame(turnAlone); }
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ask);
  choose(told.views[0]);
  draw();
}
document.querySelectorAll(".cloud").forEach(cloud);

// Charts say their numbers under the pointer.
document.querySelectorAll(".chart[data-lines]").forEach(chart => {
  const told = JSON.parse(chart.dataset.lines), svg = chart.querySelector("svg"), [left, top, right, bottom] = told.box;
  const make = (name, marks) => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(marks)) part.setAttribute(key, value);
    return part;
  };
  const cross = make("line", { class: "cross", y1: top, y2: bottom, visibility: "hidden" });
  const said = make("text", { class: "said", y: top - 4, visibility: "hidden" });
  svg.append(cross, said);
  svg.onpointerleave = () => [cross, said].forEach(part => part.setAttribute("visibility", "hidden"));
  svg.onpointermove = event => {
    const inside = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const x = told.x[0] + (inside.x - left) / (right - left) * (told.x[1] - told.x[0]);
    const found = told.lines.map(line => {
      let best = 0;
      line.x.forEach((at, i) => { if (Math.abs(at - x) < Math.abs(line.x[best] - x)) best = i; });
      return [line.name, line.x[best], line.y[best]];
    }).filter(each => each[1] !== undefined);
    if (!found.length || inside.x < left - 6 || inside.x > right + 6) return svg.onpointerleave();
    const at = found.reduce((a, b) => Math.abs(b[1] - x) < Math.abs(a[1] - x) ? b : a)[1];
    const px = left + (at - told.x[0]) / ((told.x[1] - told.x[0]) || 1) * (right - left);
    cross.setAttribute("x1", px);
    cross.setAttribute("x2", px);
    said.textContent = `${told.label} ${+at.toPrecision(4)}: ` + found.filter(each => each[1] === at).map(each => `${each[0]} ${+each[2].toPrecision(4)}`).join(", ");
    const late = px > (left + right) / 2;
    said.setAttribute("x", late ? right : left);
    said.setAttribute("text-anchor", late ? "end" : "start");
    [cross, said].forEach(part => part.setAttribute("visibility", "visible"));
  };
});

// A click on a head sorts a table.
document.querySelectorAll("table.sortable").forEach(table => table.querySelectorAll("thead th").forEach((head, column) => {
  head.onclick = () => {
    const up = head.getAttribute("aria-sort") === "descending";
    table.querySelectorAll("th").forEach(each => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const order = (a, b) => isNaN(value(a)) || isNaN(value(b)) ? value(a).localeCompare(value(b)) : value(a) - value(b);
    const rows = [...table.tBodies[0].rows].sort((a, b) => up ? order(a, b) : order(b, a));
    table.tBodies[0].append(...rows);
  };
}));

// A click on a cell of the confusions shows its pictures alone.
document.querySelectorAll(".confusion td.some").forEach(cell => {
  cell.onclick = () => {
    const on = !cell.classList.contains("chosen");
    document.querySelectorAll(".confusion td.chosen").forEach(each => each.classList.remove("chosen"));
    cell.classList.toggle("chosen", on);
    document.querySelectorAll(".card[data-true]").forEach(card => {
      card.hidden = on && card.dataset.true !== "" && (card.dataset.true !== cell.dataset.true || card.dataset.said !== cell.dataset.said);
    });
  };
});

document.querySelectorAll(".copy button").forEach(button => {
  button.onclick = async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };
});
