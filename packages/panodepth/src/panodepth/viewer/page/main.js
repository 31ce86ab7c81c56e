// The page: a list of panoramas, the comparison with its colour scale, and the 3-D view.
const $ = (id) => document.getElementById(id);
const ruler = new Ruler();
let scene = null, current = null;

function say(text, error = false) {
  $("message").textContent = text; $("message").hidden = !text; $("message").className = error ? "error" : "";
}

function button(entry) {
  const item = document.createElement("button"), picture = document.createElement("img");
  picture.src = entry.photo; picture.alt = ""; picture.loading = "lazy";
  item.append(picture, entry.name);
  item.onclick = () => show(entry, item).catch((e) => say(String(e), true));
  return item;
}

function loadImage(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the panorama could not be loaded"));
    image.src = url;
  });
}

async function show(entry, item) {
  say("loading …");
  document.querySelector("main").hidden = false;
  const [photo, response] = await Promise.all([loadImage(entry.photo), fetch(entry.values)]);
  if (!response.ok) throw new Error(await response.text());
  const values = new Float32Array(await response.arrayBuffer());
  const canvas = document.createElement("canvas");
  canvas.width = entry.width; canvas.height = entry.height;
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0, entry.width, entry.height);
  const surface = surfaceOf(entry, values);
  current = { entry, values, positions: positionsOf(surface, entry.width, entry.height), rgba: context.getImageData(0, 0, entry.width, entry.height).data };
  for (const other of $("list").children) other.removeAttribute("aria-current");
  item.setAttribute("aria-current", "true");
  $("photo").src = entry.photo;
  $("about").textContent = `${entry.name} · ${entry.size[1]}×${entry.size[0]} · ${entry.kind} (${entry.unit}) · ${entry.model}`;
  $("unit").textContent = entry.unit;
  $("downloads").replaceChildren(...Object.entries(entry.downloads).map(([name, url]) => {
    const link = document.createElement("a");
    link.href = url; link.textContent = name; link.download = "";
    return link;
  }));
  resetColours();
  ruler.clear(); ruler.factor = null; $("metres").value = "";
  $("map-ruler").setAttribute("viewBox", `0 0 ${entry.width} ${entry.height}`);
  if (scene) { scene.setShape(surface, current.positions, entry.width); scene.reset(scene.inside); }
  showRuler();
  recolour();
  say("");
}

// Of a disparity the shift is unknown: drawn as if the farthest were 20 times farther than the nearest.
function surfaceOf(entry, values) {
  if (entry.kind !== "disparity_affine") return values;
  const known = values.filter((v) => v !== 0), low = known.reduce((a, b) => Math.min(a, b), Infinity);
  const span = Math.max(known.reduce((a, b) => Math.max(a, b), -Infinity) - low, 1e-12);
  return values.map((v) => (v === 0 ? 0 : 1 / (0.05 + 0.95 * (v - low) / span)));
}

function resetColours() {
  const [low, high, log] = current.entry.scale;
  $("low").value = +low.toPrecision(4); $("high").value = +high.toPrecision(4); $("log").checked = log;
}

function recolour() {
  if (!current) return;
  const low = +$("low").value, high = +$("high").value, log = $("log").checked;
  if (!(high > low) || (log && low <= 0)) return say("the colour scale needs from < to, and from > 0 when it is logarithmic", true);
  say("");
  const scale = scaleOf(current.entry, low, high, log);
  drawMap($("map"), current.entry, current.values, scale);
  drawLegend($("legend"), low, high, log, scale);
  if (!scene) return;
  const colours = new Uint8Array(3 * current.values.length), tinted = $("tint").checked;
  for (let i = 0; i < current.values.length; i++) {
    const c = tinted ? colourOf(current.values[i], scale) : current.rgba.subarray(4 * i, 4 * i + 3);
    colours[3 * i] = c[0]; colours[3 * i + 1] = c[1]; colours[3 * i + 2] = c[2];
  }
  scene.setColours(colours);
}

function divide(share) {
  const percent = 100 * Math.min(1, Math.max(0, share));
  $("divider").style.left = percent + "%";
  $("map").style.clipPath = `inset(0 0 0 ${percent}%)`;
  $("compare").dataset.share = percent / 100;
  $("compare").setAttribute("aria-valuenow", Math.round(percent));
}

function inUnit(value) {
  return ruler.factor ? `${(value * ruler.factor).toPrecision(3)} m` : `${value.toPrecision(3)} ${current.entry.unit}`;
}

function showRuler() {
  if (!current) return;
  const { entry, positions } = current, { width, height } = entry;
  const centre = (i) => [i % width + 0.5, Math.floor(i / width) + 0.5];
  const dots = ruler.ends.map((i) => [...centre(i), width / 130, "end"]);
  if (ruler.active && ruler.cursor !== null) dots.push([...centre(ruler.cursor), width / 130, "cursor"]);
  drawRuler($("map-ruler"), splitAtSeam(ruler.line(positions, 96).map((p) => toPixel(p, width, height)), width), dots);
  showRulerInSpace();
  const length = ruler.length(positions), affine = entry.kind === "disparity_affine";
  const count = ruler.ends.length;
  $("length").textContent = length !== null
    ? affine ? "this network knows no lengths: its shape is right up to an unknown shift" : `${inUnit(length)} between the two points`
    : ruler.active ? (count ? "now the second point" : "click two points, in the map or in 3-D") : "";
  $("known").hidden = length === null || affine || entry.unit === "m";
  $("compare").classList.toggle("measuring", ruler.active);
  $("measure").setAttribute("aria-pressed", ruler.active);
}

function showRulerInSpace() {
  if (!scene || !current) return;
  const at = (i) => current.positions.subarray(3 * i, 3 * i + 3);
  const line = scene.project(ruler.line(current.positions, 32)).filter(Boolean);
  drawRuler($("scene-ruler"), line.length ? [line] : [], scene.project(ruler.ends.map(at)).filter(Boolean).map(([x, y]) => [x, y, 5, "end"]));
}

function setPoint(index) {
  if (index === null || !ruler.set(index, current.values)) say("there is no surface here: masked or far");
  else say("");
  showRuler();
}

function pixelAt(event) {
  const box = $("compare").getBoundingClientRect(), { width, height } = current.entry;
  const column = Math.floor((event.clientX - box.left) / box.width * width), row = Math.floor((event.clientY - box.top) / box.height * height);
  return Math.min(height - 1, Math.max(0, row)) * width + Math.min(width - 1, Math.max(0, column));
}

function moveCursor(event) {
  const { width, height } = current.entry, step = event.shiftKey ? 10 : 1;
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (ruler.cursor === null) ruler.cursor = (height >> 1) * width + (width >> 1);
  if (event.key === "Enter") return setPoint(ruler.cursor);
  if (!by) return;
  const column = (ruler.cursor % width + by[0] * step + width) % width;
  const row = Math.min(height - 1, Math.max(0, Math.floor(ruler.cursor / width) + by[1] * step));
  ruler.cursor = row * width + column;
  event.preventDefault();
  showReading(ruler.cursor);
  showRuler();
}

async function enterHeadset() {
  const { metres, guessed } = metresPerUnit(current.entry, current.positions, ruler.factor);
  try {
    const session = await scene.enter(metres);
    if (guessed) say(`the scale is a guess: the lens ${EYE_HEIGHT} m above the floor. Measure a known length to set it`);
    session.addEventListener("end", () => say(""));
  } catch (error) { say(`the headset cannot be used: ${error.message}`, true); }
}

function read(event) {
  if (!current) return;
  const box = $("compare").getBoundingClientRect();
  const u = (event.clientX - box.left) / box.width, v = (event.clientY - box.top) / box.height;
  if (u < 0 || u >= 1 || v < 0 || v >= 1) return;
  showReading(pixelAt(event), u, v);
}

function showReading(index, u, v) {
  const { entry, values } = current, value = values[index];
  u ??= (index % entry.width + 0.5) / entry.width; v ??= (Math.floor(index / entry.width) + 0.5) / entry.height;
  const affine = entry.kind === "disparity_affine";
  const text = value === 0 ? "masked" : value === Infinity ? "far" : affine ? `${value.toPrecision(3)} ${entry.unit}` : inUnit(value);
  $("readout").textContent = `lon ${((u - 0.5) * 360).toFixed(1)}°  lat ${((0.5 - v) * 180).toFixed(1)}°  ${text}`;
}

async function upload(file) {
  if (!file) return;
  say(`predicting ${file.name} …`);
  try {
    const response = await fetch("predict?name=" + encodeURIComponent(file.name), { method: "POST", body: file });
    if (!response.ok) throw new Error(await response.text());
    const entry = await response.json(), item = button(entry);
    $("list").prepend(item);
    await show(entry, item);
  } catch (error) { say(error.message, true); }
}

function listen() {
  const compare = $("compare");
  const drag = (e) => { const box = compare.getBoundingClientRect(); divide((e.clientX - box.left) / box.width); };
  compare.addEventListener("pointerdown", (e) => { if (!ruler.active) { compare.setPointerCapture(e.pointerId); drag(e); } });
  compare.addEventListener("pointermove", (e) => { if (e.buttons && !ruler.active) drag(e); read(e); });
  compare.addEventListener("click", (e) => { if (ruler.active && current) setPoint(pixelAt(e)); });
  compare.addEventListener("keydown", (e) => {
    if (ruler.active && current) return moveCursor(e);
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[e.key];
    if (step) { divide(+compare.dataset.share + step); e.preventDefault(); }
  });
  $("measure").onclick = () => { ruler.active = !ruler.active; ruler.clear(); showRuler(); };
  $("metres").oninput = () => {
    const metres = +$("metres").value, length = current && ruler.length(current.positions);
    ruler.factor = metres > 0 && length > 0 ? metres / length : null;
    showRuler();
  };
  for (const id of ["low", "high", "log", "tint"]) $(id).addEventListener("change", recolour);
  $("reset").onclick = () => { if (current) { resetColours(); recolour(); } };
  if (scene) {
    scene.ondraw = showRulerInSpace;
    scene.onclick = (x, y) => { if (ruler.active && current) setPoint(scene.pick(x, y)); };
    if (navigator.xr) navigator.xr.isSessionSupported("immersive-vr").then((can) => { $("headset").hidden = !can; }, () => {});
    $("headset").onclick = () => { if (current) enterHeadset(); };
    $("size").oninput = () => { scene.size = +$("size").value; scene.draw(); };
    $("outside").onclick = () => scene.reset(false);
    $("inside").onclick = () => scene.reset(true);
    for (const radio of document.querySelectorAll("input[name=shape]")) radio.onchange = () => { scene.shape = radio.value; scene.draw(); };
  }
  if (!DATA.accepts) return;
  $("drop").hidden = false;
  $("file").onchange = () => { upload($("file").files[0]); $("file").value = ""; };
  addEventListener("dragover", (e) => { e.preventDefault(); $("drop").classList.add("over"); });
  addEventListener("dragleave", () => $("drop").classList.remove("over"));
  addEventListener("drop", (e) => { e.preventDefault(); $("drop").classList.remove("over"); upload(e.dataTransfer.files[0]); });
}

try { scene = new Scene($("scene")); } catch (error) { say(error.message, true); $("space").hidden = true; }
listen();
divide(0.5);
$("list").append(...DATA.entries.map(button));
if (DATA.entries.length) $("list").children[0].click();
else $("about").textContent = DATA.about;
$("problems").append(...DATA.problems.map((text) => {
  const line = document.createElement("p");
  line.textContent = text;
  return line;
}));
