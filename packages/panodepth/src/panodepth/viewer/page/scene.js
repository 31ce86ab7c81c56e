// A point cloud or surface around the camera, in plain WebGL. Axes as in the PLY and GLB files:
// x right, y up, z backward; the panorama's centre is at -z.
const EDGE_RATIO = 1.1; // neighbours farther apart than this belong to two surfaces

const VERTEX = `
attribute vec3 position; attribute vec3 colour; uniform mat4 view; uniform float size; varying vec3 tint;
void main() { gl_Position = view * vec4(position, 1.0); gl_PointSize = max(1.0, size / max(gl_Position.w, 0.05)); tint = colour; }`;
const FRAGMENT = "precision mediump float; varying vec3 tint; void main() { gl_FragColor = vec4(tint, 1.0); }";

function perspective(fov, aspect, near, far) {
  const f = 1 / Math.tan(fov / 2), d = 1 / (near - far);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) * d, -1, 0, 0, 2 * far * near * d, 0];
}

function multiply(a, b) { // column-major
  const c = new Array(16).fill(0);
  for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) for (let k = 0; k < 4; k++) c[4 * j + i] += a[4 * k + i] * b[4 * j + k];
  return c;
}

// Pixel centres lie at +0.5; the rays are those of pano_geometry, y and z turned over.
function positionsOf(values, width, height) {
  const positions = new Float32Array(3 * values.length);
  for (let row = 0; row < height; row++) {
    const lat = (0.5 - (row + 0.5) / height) * Math.PI, up = Math.sin(lat), flat = Math.cos(lat);
    for (let column = 0; column < width; column++) {
      const lon = ((column + 0.5) / width - 0.5) * 2 * Math.PI, i = row * width + column;
      const d = isFinite(values[i]) ? values[i] : 0;
      positions.set([d * flat * Math.sin(lon), d * up, -d * flat * Math.cos(lon)], 3 * i);
    }
  }
  return positions;
}

function joined(a, b, c) {
  const near = Math.min(a, b, c), far = Math.max(a, b, c);
  return near > 0 && isFinite(far) && far <= EDGE_RATIO * near;
}

function trianglesOf(values, width, height) {
  const triangles = [];
  for (let row = 0; row + 1 < height; row++) for (let column = 0; column < width; column++) {
    const next = (column + 1) % width; // the seam is closed
    const a = row * width + column, b = row * width + next, c = a + width, d = b + width;
    if (joined(values[a], values[c], values[b])) triangles.push(a, c, b);
    if (joined(values[b], values[c], values[d])) triangles.push(b, c, d);
  }
  return new Uint32Array(triangles);
}

class Scene {
  constructor(canvas) {
    this.canvas = canvas;
    const gl = this.gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser offers no WebGL: the 3-D view is off");
    gl.getExtension("OES_element_index_uint");
    this.onclick = null; this.ondraw = null; this.session = null; this.positions = new Float32Array(0);
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program); gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE); // from outside one looks through the back of a wall into the room
    this.buffers = { position: gl.createBuffer(), colour: gl.createBuffer(), points: gl.createBuffer(), surface: gl.createBuffer() };
    this.counts = { points: 0, surface: 0 };
    this.shape = "surface"; this.size = 3; this.inside = false; this.radius = 1;
    this.reset(false);
    this.listen();
  }

  reset(inside) {
    this.inside = inside; this.yaw = inside ? 0 : 0.6; this.pitch = inside ? 0 : 0.5; this.zoom = 1; this.pan = [0, 0];
    this.draw();
  }

  setShape(values, positions, width) {
    const gl = this.gl, near = [];
    for (let i = 0; i < values.length; i++) if (values[i] > 0 && isFinite(values[i])) near.push(i);
    const distances = near.map((i) => values[i]).sort((a, b) => a - b);
    this.radius = distances.length ? distances[Math.floor(distances.length * 0.8)] : 1;
    this.positions = positions;
    this.near = near;
    this.fill("position", this.positions);
    const index = { points: new Uint32Array(near), surface: trianglesOf(values, width, values.length / width) };
    for (const shape of ["points", "surface"]) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[shape]);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, index[shape], gl.STATIC_DRAW);
      this.counts[shape] = index[shape].length;
    }
    this.columns = width;
  }

  setColours(colours) { this.fill("colour", colours); this.draw(); }

  fill(name, data) {
    const gl = this.gl, place = gl.getAttribLocation(this.program, name), bytes = name === "colour";
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, bytes ? gl.UNSIGNED_BYTE : gl.FLOAT, bytes, 0, 0);
  }

  // Where the eye is and how it looks: columns of a rotation, and the way it stands off.
  pose() {
    const { radius, yaw, pitch, zoom, pan } = this;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const turn = [cy, sy * sp, -sy * cp, 0, 0, cp, sp, 0, sy, -cy * sp, cy * cp, 0, 0, 0, 0, 1];
    const away = this.inside ? 0 : 2.6 * radius / zoom;
    return { turn, shift: [pan[0] * radius, pan[1] * radius, -away] };
  }

  view() {
    const { canvas, radius } = this, { turn, shift } = this.pose();
    const move = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, ...shift, 1];
    const fov = this.inside ? Math.min(2.2, 1.5 / this.zoom) : 0.9;
    return multiply(perspective(fov, canvas.width / canvas.height, radius / 100, radius * 100), multiply(move, turn));
  }

  // Where points (x, y, z) lie on the canvas, in CSS pixels; null behind the eye.
  project(points) {
    const m = this.view(), { clientWidth: width, clientHeight: height } = this.canvas;
    return points.map(([x, y, z]) => {
      const w = m[3] * x + m[7] * y + m[11] * z + m[15];
      if (w <= 0) return null;
      return [(0.5 + 0.5 * (m[0] * x + m[4] * y + m[8] * z + m[12]) / w) * width, (0.5 - 0.5 * (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) * height];
    });
  }

  // The pixel of the map that is seen at a place of the canvas (CSS pixels); null where there is none.
  pick(left, top, reach = 9) {
    const m = this.view(), { clientWidth: width, clientHeight: height } = this.canvas, p = this.positions;
    const { turn, shift } = this.pose(), culled = this.shape === "surface";
    const eye = [0, 1, 2].map((row) => -(turn[4 * row] * shift[0] + turn[4 * row + 1] * shift[1] + turn[4 * row + 2] * shift[2]));
    let best = null, least = Infinity;
    for (const i of this.near || []) {
      const x = p[3 * i], y = p[3 * i + 1], z = p[3 * i + 2];
      const w = m[3] * x + m[7] * y + m[11] * z + m[15];
      if (w <= 0) continue;
      // The surface shows its front to the camera; from behind one looks through it.
      if (culled && x * (x - eye[0]) + y * (y - eye[1]) + z * (z - eye[2]) < 0) continue;
      const dx = (0.5 + 0.5 * (m[0] * x + m[4] * y + m[8] * z + m[12]) / w) * width - left;
      const dy = (0.5 - 0.5 * (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) * height - top;
      const off = Math.hypot(dx, dy);
      // The nearest thing wins; of one thing, the point under the pointer.
      if (off <= reach && w * (1 + 0.02 * off) < least) { least = w * (1 + 0.02 * off); best = i; }
    }
    return best;
  }

  draw() {
    if (this.session) return; // the headset draws
    const { gl, canvas } = this, ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio; canvas.height = canvas.clientHeight * ratio;
    gl.viewport(0, 0, canvas.width, canvas.height);
    this.clear();
    this.paint(this.view(), canvas.height);
    if (this.ondraw) this.ondraw();
  }

  clear() {
    const { gl } = this;
    gl.clearColor(0.05, 0.055, 0.067, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  paint(matrix, height) {
    const { gl, shape } = this;
    if (!this.counts[shape]) return;
    gl.uniformMatrix4fv(gl.getUniformLocation(this.program, "view"), false, new Float32Array(matrix));
    // A point as large as its pixel seen from the camera, times the slider.
    const step = 2 * Math.PI / this.columns * this.radius * height;
    gl.uniform1f(gl.getUniformLocation(this.program, "size"), this.size * step * 0.5);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[shape]);
    gl.drawElements(shape === "points" ? gl.POINTS : gl.TRIANGLES, this.counts[shape], gl.UNSIGNED_INT, 0);
  }

  // WebXR: the head moves in the room (six degrees of freedom), one unit of the map is `metres` long.
  async enter(metres) {
    const { gl } = this, session = await navigator.xr.requestSession("immersive-vr");
    try {
      await gl.makeXRCompatible();
      const layer = new XRWebGLLayer(session, gl);
      session.updateRenderState({ baseLayer: layer, depthNear: 0.05, depthFar: 1000 });
      // Its origin is the head at the start, as the map's is the lens; the axes are the same.
      const space = await session.requestReferenceSpace("local");
      const grow = [metres, 0, 0, 0, 0, metres, 0, 0, 0, 0, metres, 0, 0, 0, 0, 1];
      this.session = session;
      session.addEventListener("end", () => { this.session = null; gl.bindFramebuffer(gl.FRAMEBUFFER, null); this.draw(); });
      const show = (_, frame) => {
        session.requestAnimationFrame(show);
        const pose = frame.getViewerPose(space);
        if (!pose) return;
        gl.bindFramebuffer(gl.FRAMEBUFFER, layer.framebuffer);
        this.clear();
        for (const eye of pose.views) {
          const box = layer.getViewport(eye);
          gl.viewport(box.x, box.y, box.width, box.height);
          this.paint(multiply(eye.projectionMatrix, multiply(eye.transform.inverse.matrix, grow)), box.height);
        }
      };
      session.requestAnimationFrame(show);
    } catch (error) { this.session = null; await session.end(); throw error; }
    return session;
  }

  listen() {
    const canvas = this.canvas, fingers = new Map();
    let spread = 0, start = null;
    canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); fingers.set(e.pointerId, e); spread = 0; start = fingers.size === 1 ? [e.clientX, e.clientY] : null; });
    canvas.addEventListener("pointerup", (e) => {
      if (!start || !this.onclick || Math.hypot(e.clientX - start[0], e.clientY - start[1]) > 4) return;
      const box = canvas.getBoundingClientRect();
      this.onclick(e.clientX - box.left, e.clientY - box.top);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
    canvas.addEventListener("pointermove", (e) => {
      const last = fingers.get(e.pointerId);
      if (!last) return;
      const dx = e.clientX - last.clientX, dy = e.clientY - last.clientY;
      fingers.set(e.pointerId, e);
      if (fingers.size === 2) { // pinch
        const [a, b] = [...fingers.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (spread) this.zoom *= now / spread;
        spread = now;
      } else if (e.shiftKey) {
        this.pan[0] += 2 * dx / canvas.clientHeight; this.pan[1] -= 2 * dy / canvas.clientHeight;
      } else {
        const sense = this.inside ? -1 : 1; // inside, the picture follows the hand
        this.yaw += sense * dx * 0.006; this.pitch = Math.max(-1.57, Math.min(1.57, this.pitch + sense * dy * 0.006));
      }
      this.draw();
    });
    const zoom = (factor) => { this.zoom = Math.max(0.1, Math.min(40, this.zoom * factor)); this.draw(); };
    canvas.addEventListener("wheel", (e) => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 600)); }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[e.key];
      if (turns) { this.yaw += turns[0]; this.pitch = Math.max(-1.57, Math.min(1.57, this.pitch + turns[1])); this.draw(); }
      else if (e.key === "+" || e.key === "-") zoom(e.key === "+" ? 1.2 : 1 / 1.2);
      else return;
      e.preventDefault();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }
}
