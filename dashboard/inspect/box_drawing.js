const sketches = new WeakMap();
const LEAST_PX = 2; // smaller drags count as clicks
const EDGES = ["Left", "Top", "Width", "Height"];

export default function ({ data, parentElement, setStateValue }) {
  const sketch = sketches.get(parentElement) ?? createSketch(parentElement.querySelector(".sketch"));
  sketches.set(parentElement, sketch);
  sketch.tell = (boxes) => setStateValue("boxes", boxes);
  draw(sketch, data);
  return () => sketches.delete(parentElement);
}

function createSketch(root) {
  const sketch = { boxes: [], told: null, start: null, size: [1, 1] };
  sketch.image = el("img", { className: "image", draggable: false });
  sketch.over = svg("svg", { class: "over" });
  sketch.frame = el("div", { className: "frame" }, sketch.image, sketch.over);
  sketch.painted = el("img", { className: "image", alt: "The image with the chosen regions painted out" });
  sketch.paintedFrame = el("div", { className: "frame" }, sketch.painted);
  sketch.without = el("figure", { className: "half" }, el("figcaption", { text: "Painted out" }), sketch.paintedFrame);
  sketch.list = el("div", { className: "boxes", role: "list", "aria-label": "Drawn boxes" });
  sketch.inputs = EDGES.map((name) => el("input", { type: "number", min: "0", step: "1", required: true, "aria-label": `${name} in pixels` }));
  sketch.form = el("form", { className: "numbers", onsubmit: (event) => submit(sketch, event) },
    EDGES.map((name, i) => el("label", {}, el("span", { text: name }), sketch.inputs[i])), el("button", { type: "submit", className: "button", text: "Add box" }));
  const drawn = el("figure", { className: "half" }, el("figcaption", { text: "As it is: draw a box with the mouse, or give its pixels below" }), sketch.frame, sketch.form, sketch.list);
  root.replaceChildren(el("div", { className: "halves" }, drawn, sketch.without));
  sketch.image.addEventListener("load", () => {
    sketch.size = [sketch.image.naturalWidth || 1, sketch.image.naturalHeight || 1];
    drawOver(sketch);
  });
  for (const [image, frame] of [[sketch.image, sketch.frame], [sketch.painted, sketch.paintedFrame]]) {
    image.addEventListener("error", () => frame.classList.add("is-broken"));
    image.addEventListener("load", () => frame.classList.remove("is-broken"));
  }
  sketch.over.addEventListener("pointerdown", (event) => {
    if (event.button || full(sketch)) return;
    event.preventDefault();
    sketch.over.setPointerCapture(event.pointerId);
    sketch.start = sketch.end = place(sketch, event);
  });
  sketch.over.addEventListener("pointermove", (event) => {
    if (!sketch.start) return;
    sketch.end = place(sketch, event);
    drawOver(sketch);
  });
  sketch.over.addEventListener("pointerup", () => {
    if (!sketch.start) return;
    const box = between(sketch.start, sketch.end);
    sketch.start = null;
    if (Math.min(box[2] - box[0], box[3] - box[1]) >= LEAST_PX) change(sketch, [...sketch.boxes, box]);
    else drawOver(sketch);
  });
  sketch.over.addEventListener("pointercancel", () => {
    sketch.start = null;
    drawOver(sketch);
  });
  return sketch;
}

function draw(sketch, data) {
  sketch.data = data;
  if (sketch.image.getAttribute("src") !== data.image) {
    sketch.told = null;
    sketch.image.src = data.image;
    sketch.image.alt = "The image as it is";
  }
  // Ignore older states of the server until it returns the boxes that were sent last.
  if (sketch.told === null || sketch.told === JSON.stringify(data.boxes)) {
    sketch.told = null;
    sketch.boxes = data.boxes;
  }
  sketch.without.hidden = !data.painted;
  if (data.painted && sketch.painted.getAttribute("src") !== data.painted) sketch.painted.src = data.painted;
  drawList(sketch);
  drawOver(sketch);
}

function change(sketch, boxes) {
  sketch.boxes = boxes;
  sketch.told = JSON.stringify(boxes);
  drawList(sketch);
  drawOver(sketch);
  sketch.tell(boxes);
}

function submit(sketch, event) {
  event.preventDefault();
  const [left, top, width, height] = sketch.inputs.map((input) => Math.round(Number(input.value)));
  if (full(sketch) || !(width > 0 && height > 0)) return;
  change(sketch, [...sketch.boxes, [left, top, left + width, top + height]]);
  sketch.form.reset();
  sketch.inputs[0].focus();
}

function drawOver(sketch) {
  const [width, height] = sketch.size;
  const line = width / 200;
  sketch.over.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const outlines = sketch.data.regions.flatMap((region) => region.shapes.map((points) =>
    svg("polygon", { points: points.map((point) => point.join(",")).join(" "), class: region.chosen ? "region is-chosen" : "region", "stroke-width": line / 1.6 })));
  const boxes = [...sketch.boxes, ...(sketch.start ? [between(sketch.start, sketch.end)] : [])].map(([x0, y0, x1, y1]) =>
    svg("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: "box", "stroke-width": line }));
  sketch.over.replaceChildren(...outlines, ...boxes);
}

function drawList(sketch) {
  sketch.list.replaceChildren(...sketch.boxes.map(([x0, y0, x1, y1], i) => {
    const words = `${x1 - x0} × ${y1 - y0} px at ${x0}, ${y0}`;
    return el("span", { className: "chip", role: "listitem" }, words,
      el("button", { type: "button", className: "button", text: "Remove", "aria-label": `Remove the box of ${words}`,
        onclick: () => change(sketch, sketch.boxes.filter((_, k) => k !== i)) }));
  }));
}

function full(sketch) {
  return sketch.boxes.length >= sketch.data.most;
}

function place(sketch, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(sketch.over.getScreenCTM().inverse());
  return [Math.round(Math.min(Math.max(at.x, 0), sketch.size[0])), Math.round(Math.min(Math.max(at.y, 0), sketch.size[1]))];
}

function between([xa, ya], [xb, yb]) {
  return [Math.min(xa, xb), Math.min(ya, yb), Math.max(xa, xb), Math.max(ya, yb)];
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
