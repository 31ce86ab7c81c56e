// Values to colours. DATA.colours holds 256 RGB triples, near first.
const FAR = [222, 235, 255], MASKED = [115, 115, 115];

function scaleOf(entry, low, high, log) {
  const f = log ? Math.log : (x) => x;
  const a = f(low), span = Math.max(f(high) - a, 1e-12);
  return (value) => {
    const t = Math.min(1, Math.max(0, (f(Math.max(value, log ? 1e-9 : -Infinity)) - a) / span));
    const k = Math.round(255 * (entry.kind === "disparity_affine" ? 1 - t : t));
    return [DATA.colours[3 * k], DATA.colours[3 * k + 1], DATA.colours[3 * k + 2]];
  };
}

// 0 is masked, Infinity is far: the same marks as in the .npy files.
function colourOf(value, scale) {
  return value === 0 ? MASKED : value === Infinity ? FAR : scale(value);
}

function drawMap(canvas, entry, values, scale) {
  canvas.width = entry.width;
  canvas.height = entry.height;
  const context = canvas.getContext("2d"), image = context.createImageData(entry.width, entry.height);
  for (let i = 0; i < values.length; i++) {
    const [r, g, b] = colourOf(values[i], scale);
    image.data[4 * i] = r; image.data[4 * i + 1] = g; image.data[4 * i + 2] = b; image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function drawLegend(canvas, low, high, log, scale) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) {
    const t = x / (canvas.width - 1);
    const value = log ? low * Math.pow(high / low, t) : low + (high - low) * t;
    context.fillStyle = `rgb(${scale(value).join(",")})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}
