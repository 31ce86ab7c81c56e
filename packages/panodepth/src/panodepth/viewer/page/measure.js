// Two points of the surface, the line between them, and how long it is.
const EYE_HEIGHT = 1.6; // metres: where no scale is known, the lens is taken to be this far above the floor

class Ruler {
  constructor() { this.active = false; this.factor = null; this.clear(); }

  clear() { this.ends = []; this.cursor = null; }

  // A third point starts anew. `index` is a pixel of the map.
  set(index, values) {
    if (!(values[index] > 0 && isFinite(values[index]))) return false; // masked or far: there is no surface
    if (this.ends.length === 2) this.ends = [];
    this.ends.push(index);
    return true;
  }

  length(positions) {
    if (this.ends.length < 2) return null;
    const [a, b] = this.ends.map((i) => positions.subarray(3 * i, 3 * i + 3));
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  }

  // Points along the line, as far apart as drawing it in a panorama needs.
  line(positions, steps) {
    if (this.ends.length < 2) return [];
    const [a, b] = this.ends.map((i) => positions.subarray(3 * i, 3 * i + 3));
    return Array.from({ length: steps + 1 }, (_, k) => [0, 1, 2].map((j) => a[j] + (b[j] - a[j]) * k / steps));
  }
}

// Longitude grows to the right, latitude is positive up; the same pixel centres as in `positionsOf`.
function toPixel([x, y, z], width, height) {
  const lon = Math.atan2(x, -z), lat = Math.asin(y / Math.max(Math.hypot(x, y, z), 1e-12));
  return [(lon / (2 * Math.PI) + 0.5) * width, (0.5 - lat / Math.PI) * height];
}

// Pieces of a line in the panorama: it leaves at one border and comes in at the other.
function splitAtSeam(pixels, width) {
  const pieces = [[]];
  for (const pixel of pixels) {
    const last = pieces[pieces.length - 1], before = last[last.length - 1];
    if (before && Math.abs(before[0] - pixel[0]) > width / 2) pieces.push([pixel]); else last.push(pixel);
  }
  return pieces;
}

function drawRuler(svg, lines, dots) {
  const make = (name, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  svg.replaceChildren(
    ...lines.map((line) => make("polyline", { points: line.map((p) => p.join(",")).join(" ") })),
    ...dots.map(([x, y, r, kind]) => make("circle", { cx: x, cy: y, r, class: kind })),
  );
}

// Metres of one unit of the map: known, measured by the user, or guessed from the floor below the camera.
function metresPerUnit(entry, positions, factor) {
  if (entry.unit === "m") return { metres: 1, guessed: false };
  if (factor) return { metres: factor, guessed: false };
  const below = [];
  for (let i = Math.floor(entry.height * 5 / 6) * entry.width; i < entry.width * entry.height; i++) if (positions[3 * i + 1] < 0) below.push(-positions[3 * i + 1]);
  below.sort((a, b) => a - b);
  return { metres: below.length ? EYE_HEIGHT / below[below.length >> 1] : 1, guessed: true };
}
